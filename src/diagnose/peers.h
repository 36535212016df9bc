/*
 * peers: what the connections of a capture showed of each server, to settle what one leaves open.
 *
 * Bounded: so many servers, so many facts of each; the rest is not learnt. Learning order does not
 * matter to what is known in the end.
 */
#ifndef HANDFAST_DIAGNOSE_PEERS_H
#define HANDFAST_DIAGNOSE_PEERS_H

#include "diagnose/verdict.h"

enum { PEER_FACTS_MAX = 16, PEER_NAME_BYTES = 64 };

/* One handshake that a server completed (or at least answered with a ServerHello). */
struct peer_success {
    uint16_t version, cipher_suite, group;
    uint16_t hello_len;   /* of the ClientHello's body */
    uint16_t max_offered; /* highest version offered */
    bool has_server_name, has_alpn, completed;
    uint32_t same_as; /* so many handshakes like this */
    struct endpoint client;
    char server_name[PEER_NAME_BYTES]; /* "" where none; cut where longer */
    char alpn[16];                     /* chosen */
    uint64_t stream, frame;            /* of the first such ServerHello */
    int64_t at_ns;
};

struct peer_chain {
    char server_name[PEER_NAME_BYTES];
    const struct x509_chain *chain;
    uint64_t stream, frame;
    uint32_t faults; /* bit by enum x509_fault_kind */
};

struct peer_server {
    struct endpoint address;
    size_t n_successes, n_chains;
    struct peer_success successes[PEER_FACTS_MAX];
    struct peer_chain chains[4];
    uint32_t n_completed, n_failed;
};

struct peers;

struct peers *peers_new(void); /* NULL without memory */
void peers_free(struct peers *p);
/* Learns from a transcript and its verdict. */
void peers_learn(struct peers *p, const struct transcript *t, const struct verdict *v);
/* Handshakes completed although a certificate was not yet valid by the capture's clock: the clock
 * was rewritten or is wrong, and dates decide nothing alone. */
bool peers_clock_is_doubtful(const struct peers *p);
/* NULL where nothing is known. */
const struct peer_server *peers_server(const struct peers *p, const struct endpoint *server);

#endif
