/*
 * tracefile: what guests saw, as a capture with its keys inside.
 *
 * The bytes of each side are those that went over the wire; TCP around them is made up, as are
 * addresses that nobody knows (192.0.2.0/24, RFC 5737). One pcapng file, raw IP packets, the key
 * log in Decryption Secrets Blocks before the packets they open. Source: draft-ietf-opsawg-pcapng.
 */
#ifndef HANDFAST_AGENT_TRACEFILE_H
#define HANDFAST_AGENT_TRACEFILE_H

#include "observe/story.h"

struct tracefile;

enum status tracefile_open(const char *path, struct tracefile **out, struct err *err) NODISCARD;
/* False where it could not be written whole. */
bool tracefile_close(struct tracefile *t); /* NULL is fine */
void tracefile_put(struct tracefile *t, const struct story *s);

#endif
