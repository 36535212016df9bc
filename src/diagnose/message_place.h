/*
 * message_place: where a message comes from: the host it is about, the side that speaks.
 */
#ifndef HANDFAST_DIAGNOSE_MESSAGE_PLACE_H
#define HANDFAST_DIAGNOSE_MESSAGE_PLACE_H

#include "diagnose/verdict.h"

/* The host and port a client was talking to, as far as the line names them: from a URL, or after
 * words like "in connection to". The host has only letters, digits, ".", "-" and ":", so that it
 * can stand in a command. */
bool message_find_host(struct bytes line, struct bytes *out_host, uint16_t *out_port);
/* The side that speaks, by the words around a message; ACTOR_UNKNOWN where there are none. */
enum actor message_find_side(struct bytes line);

#endif
