/*
 * guest: the parts of libhandfast-agent.so, which LD_PRELOAD puts into a program.
 *
 * preload.c starts and ends it, interpose.c stands before the few functions of OpenSSL that set
 * what nothing can get, origin.c finds the function that the caller would have had, outbox.c sends
 * notes. Not for other areas: everything here runs in somebody else's process.
 */
#ifndef HANDFAST_AGENT_GUEST_H
#define HANDFAST_AGENT_GUEST_H

#include "observe/observer.h"

/* origin.c. The function `name` that the code at `caller` would call were we not here; NULL where
 * there is none. Remembered by call site: a lookup costs a few instructions. */
void *origin_find(const char *name, const void *caller);
/* A handle of dlopen(3) for the object that holds this function; NULL where there is none. */
void *origin_handle(const void *function);
/* Is the address within this library? */
bool origin_is_ours(const void *address);

/* preload.c. The observer of the OpenSSL that holds this function; it is attached to where it has
 * not been. NULL where nothing is observed. */
struct observer *preload_observer(const void *function);
/* The observer whose calls of libcrypto are found in the object that holds this function. */
struct observer *preload_observer_of_crypto(const void *function);
/* Says, once, that this program speaks TLS with a library that nothing here can look into. */
void preload_unseen(const char *library);

/* outbox.c. Reads HANDFAST_SOCKET and HANDFAST_KEY; false: nobody listens. */
bool outbox_init(uint8_t key[NOTE_KEY_BYTES]);
/* One message on a connection of its own, without waiting; lost where nobody takes it. */
void outbox_send(struct bytes note);

#endif
