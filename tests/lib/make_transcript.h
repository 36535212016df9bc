/*
 * make_transcript: small transcripts and verdicts by hand, for tests of what reads them.
 *
 *     struct made *m = made_new();
 *     made_hello(m, "app.example");
 *     made_certificate(m, SIDE_SERVER, &(struct made_name){ .common_name = "app.example" });
 *     made_alert(m, SIDE_CLIENT, 45);
 *     made_fail(m, CAUSE_CERTIFICATE_EXPIRED, ACTOR_SERVER, ACTOR_CLIENT);
 *     ... m->t, m->v ...
 *     made_free(m);
 *
 * Frames count from 1, one millisecond apart, from 2026-11-23T12:00:00Z. All calls end the test
 * where they cannot do their work.
 */
#ifndef HANDFAST_TESTS_MAKE_TRANSCRIPT_H
#define HANDFAST_TESTS_MAKE_TRANSCRIPT_H

#include "diagnose/verdict.h"

enum { MADE_EVENTS_MAX = 400, MADE_HELLO_BYTES = 512 };

struct made {
    struct transcript t;
    struct verdict v;
    struct event events[MADE_EVENTS_MAX];
    struct tls_client_hello hello;
    struct tls_server_hello server_hello;
    uint8_t hello_bytes[MADE_HELLO_BYTES];
    size_t hello_len;
    struct x509_store *store;
};

struct made_name {
    const char *common_name;
    const char *dns_name; /* NULL: none */
    int64_t not_after_s;  /* 0: a year after the connection */
    bool is_other_issuer; /* issued by CN=Made CA; else self-signed */
};

struct made *made_new(void);
void made_free(struct made *m);
/* The next frame of `side`. */
struct event *made_event(struct made *m, enum event_kind kind, enum side side);
/* A ClientHello of TLS 1.2 and 1.3 with suites, groups, ALPN h2 and http/1.1. NULL: no server_name;
 * the name may be any bytes. */
void made_hello(struct made *m, const char *server_name);
/* TLS 1.3, TLS_AES_128_GCM_SHA256, x25519. */
void made_server_hello(struct made *m);
void made_certificate(struct made *m, enum side side, const struct made_name *name);
struct event *made_alert(struct made *m, enum side side, uint8_t description);
void made_complete(struct made *m);
void made_fail(struct made *m, enum cause cause, enum actor party, enum actor rejected_by);
/* Evidence that points at the event. */
void made_evidence(struct made *m, const struct event *e, const char *sentence);
void made_finding(struct made *m, const char *id, enum cause cause);

#endif
