/*
 * calls: OpenSSL as the program has it, without linking it.
 *
 * A process may hold several OpenSSLs (Node carries one of its own); each is a table of functions
 * taken from one loaded object. Types and constants are those of the headers this was built with:
 * only what 1.1.1 and 3.x share is used. Sources: the manual pages of OpenSSL 3.0, dlsym(3).
 */
#ifndef HANDFAST_OBSERVE_CALLS_H
#define HANDFAST_OBSERVE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

typedef void (*INFO_CALLBACK)(const SSL *, int, int);
typedef void (*KEYLOG_CALLBACK)(const SSL *, const char *);

struct calls {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a name and a list of types take none */
#define CALL(need, result, name, parameters) result(*name) parameters;
#include "observe/calls.def"
};

/* Fills the table from `handle`, as of dlopen(3). False where it lacks something needed. */
bool calls_find(struct calls *c, void *handle);
/* As linked into this very program, for an observer that is part of it: dlsym's RTLD_DEFAULT. */
bool calls_find_own(struct calls *c);

#endif
