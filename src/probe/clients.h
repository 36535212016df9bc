/*
 * clients: would these programs get through to this server, and if not, why not?
 *
 * Each row of clients.def is a client with its offer, recorded from the real program or taken from
 * public documentation (`source`), and the limits that it puts on what the server answers. Its
 * ClientHello is sent to the server as it would send it (fresh random and key shares); what comes
 * back is judged by the client's limits: version, suite, group, DH and RSA sizes, SHA-1, the name.
 * Where it fails, the cause is found by comparing the offer with what the survey knows of the
 * server (facts, may be NULL), else from the answer alone; the smallest change of either side is
 * named.
 *
 * Everything in results lives as long as its round.
 */
#ifndef HANDFAST_PROBE_CLIENTS_H
#define HANDFAST_PROBE_CLIENTS_H

#include "base/json.h"
#include "diagnose/verdict.h"
#include "probe/survey.h"

enum { CLIENTS_MAX = 64 };

struct client {
    const char *id;   /* "java8" */
    const char *name; /* "Java 8 (8u161)" */
    unsigned year;
    uint16_t record_version, legacy_version;
    uint8_t session_id_len;
    uint16_t min_version;
    unsigned rsa_min_bits, dh_min_bits, dh_max_bits; /* 0: any */
    bool takes_sha1;
    const char *suites, *extensions; /* see clients.def */
    const char *source;
};

extern const struct client clients[];
extern const size_t n_clients;

/* "java8": NULL where there is none. */
const struct client *client_by_id(struct bytes id);
/* "java8,curl" or "all" into `out`; ST_USAGE names the one that is not known, and all that are. */
enum status clients_parse(const char *list, const struct client *out[CLIENTS_MAX], size_t *n,
                          struct err *err) NODISCARD;

/* A ClientHello as this client sends it, without header. `name` empty: no server name. `shares` is
 * room for its key shares, whose private halves the caller gives back (tls_key_share_deinit).
 * Appended to `out`; false where a row is broken, or without memory. */
enum { CLIENT_SHARES_MAX = 4 };
struct client_hello {
    struct text body;
    size_t n_shares;
    struct tls_key_share shares[CLIENT_SHARES_MAX];
};
bool client_hello_make(const struct client *c, struct bytes name, struct client_hello *out);
void client_hello_deinit(struct client_hello *h);
bool client_sends_name(const struct client *c);

struct client_result {
    const struct client *client;
    enum probe_end end;
    bool is_asked; /* a connection was there */
    bool succeeds; /* as far as a server's first flight tells */
    bool is_uncertain;
    uint16_t version, cipher_suite, group, signature; /* negotiated; 0: not seen */
    const char *key_type;                             /* of the certificate; NULL: not seen */
    enum cause cause;                                 /* where it fails */
    const char *detail;
    const char *why;           /* one sentence */
    const char *client_change; /* the smallest change that would let it; NULL: none is known */
    const char *server_change;
};

struct clients_request {
    const struct dial_target *target;
    const struct endpoint *address;
    const struct survey_facts *facts; /* NULL: only the answers tell */
    struct x509_store *store;         /* for reading chains; borrowed */
    unsigned timeout_ms;              /* 0: 3000 */
};

/* One server asked by a list of clients, as a lane of an engine beside others. What the request
 * and the list point to is borrowed until the round is freed. */
struct clients_round;
/* `over` is called when all are answered, or the engine's time is over: those that were not asked
 * then say so. May be called from over() of another lane. */
enum status clients_start(struct probe_engine *engine, const struct clients_request *request,
                          const struct client *const *list, size_t n, void (*over)(void *arg),
                          void *arg, struct clients_round **out, struct err *err) NODISCARD;
/* In the order of the list; borrowed until the round is freed. */
const struct client_result *clients_results(const struct clients_round *r);
void clients_round_free(struct clients_round *r); /* NULL is fine */

/* A table for people: name, answer, why and what to change. */
void clients_text(struct text *out, const struct client_result *results, size_t n, unsigned width);
/* An array "clients". */
void clients_json(struct json *j, const struct client_result *results, size_t n);

#endif
