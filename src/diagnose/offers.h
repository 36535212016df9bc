/*
 * offers: how unusual a ClientHello's offer is, dimension by dimension.
 *
 * A server that refuses a hello without saying why has nothing in common with it in one of: cipher
 * suites, groups, signature algorithms. Where no other connection tells, the dimension in which the
 * offer departs from what servers commonly accept is the likely one. What is common: the suites,
 * groups and signature algorithms that RFC 8446 section 9.1 and RFC 7525/9325 make mandatory or
 * recommended.
 */
#ifndef HANDFAST_DIAGNOSE_OFFERS_H
#define HANDFAST_DIAGNOSE_OFFERS_H

#include "tls/hello.h"

struct oddness {
    unsigned degree; /* 0: as most clients; 1: narrow; 2: lacks what most servers use; 3: only what
                        few accept */
    const char *why; /* a clause: "the client offers RSA key exchange only" */
};

struct offer_oddness {
    struct oddness suites, groups, signatures;
};

void offers_measure(const struct tls_client_hello *hello, uint16_t max_version,
                    struct offer_oddness *out);

#endif
