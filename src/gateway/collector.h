/*
 * collector: the process that takes the notes of both nginx, judges them, and keeps the verdicts.
 *
 * It listens on a socket (SOCK_SEQPACKET, one note a message) and takes notes only of processes
 * that run as its own user, as root, or as the owner's group of the socket says. One thread empties
 * the sockets into a queue; another judges and writes events.db. Failures are kept as events;
 * completed handshakes are counted, and the certificate that a backend served is remembered.
 * Nothing is dropped unseen: what is lost on the way is counted under outcome "lost", with where as
 * its cause: "module" (found no room in the socket), "queue", "disk".
 *
 * HANDFAST_COLLECTOR_ALL=1 in its environment keeps completed handshakes as events too.
 */
#ifndef HANDFAST_GATEWAY_COLLECTOR_H
#define HANDFAST_GATEWAY_COLLECTOR_H

#include "gateway/places.h"

/* Runs until SIGTERM or SIGINT; then judges what it has taken. Says on stderr what there is to say.
 * The exit status of the process: 0, or 1 where it cannot begin. */
int gateway_collector_run(const struct places *places);

#endif
