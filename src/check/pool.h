/*
 * pool: every certificate and key of every input, and where each was found. Internal to check.
 *
 * Views borrow from the key stores, from fetched chains or from the capture's chains, all of which
 * live as long as the pool.
 */
#ifndef HANDFAST_CHECK_POOL_H
#define HANDFAST_CHECK_POOL_H

#include "base/arena.h"
#include "check/check.h"
#include "keystore/keystore.h"

struct pool_cert {
    struct bytes der;
    size_t input;    /* pool_input */
    size_t position; /* among the certificates of its input */
    const char *alias;
    size_t group;
    uint32_t line;
    bool is_trusted; /* the store says that it is there to be trusted */
    bool is_parsed, is_ca, is_self_issued, names_hosts;
    bool has_key;                     /* its private key is in some input */
    const struct x509_chain *held;    /* kept decoded, since decoding is what costs; or NULL */
    uint64_t subject_key, issuer_key; /* tie.h */
};

struct pool_key {
    struct bytes spki;
    size_t input;
    const char *alias;
    size_t group;
    uint32_t line;
    bool is_locked, is_matched;
};

/* A file, a server, or a connection's certificates in a capture. */
struct pool_input {
    enum check_source source;
    const char *name, *format;
    size_t first, n; /* its certificates */
    size_t n_keys;
    size_t n_leaves;  /* of them: no CA certificates, or naming hosts */
    bool is_store;    /* Java key store or PKCS#12: entries have aliases */
    bool is_trust;    /* only to find what is missing: --trust */
    const char *host; /* asked for there; NULL: none */
    bool is_client;   /* of a capture: the client's certificates */
    int64_t at_s;     /* of a capture */
    struct bytes ocsp_response;
    bool asked_for_certificate;
    struct bytes ca_names; /* of the CertificateRequest; tls_authority_next() walks it */
};

enum { POOL_HELD_MAX = 16384 }; /* distinct certificates kept decoded: some 10 KB each */

struct pool {
    struct arena arena;
    struct x509_store *store; /* borrowed: to read certificates with */
    struct pool_cert *certs;
    size_t n_certs, cap_certs;
    struct pool_key *keys;
    size_t n_keys, cap_keys;
    struct pool_input *inputs;
    size_t n_inputs, cap_inputs;
    size_t n_leaves;    /* of all inputs that are judged */
    size_t *by_subject; /* indices of certs, sorted; made by pool_index() */
};

void pool_deinit(struct pool *p);
/* A new, empty input; its certificates are added right after. NULL without memory. */
struct pool_input *pool_open_input(struct pool *p, enum check_source source, const char *name);
/* To the input opened last. */
enum status pool_add(struct pool *p, const struct pool_cert *cert) NODISCARD;
enum status pool_add_key(struct pool *p, const struct pool_key *key) NODISCARD;
/* Once all is in: matches keys, sorts by subject, and tells the store which CAs were seen. */
enum status pool_index(struct pool *p) NODISCARD;
/* The range of by_subject with this subject; *n 0: none. */
const size_t *pool_find(const struct pool *p, uint64_t subject_key, size_t *n);
/* The same of one input. Each in the order of the inputs. */
const size_t *pool_find_in(const struct pool *p, uint64_t subject_key, const struct pool_input *in,
                           size_t *n);
/* One certificate as a chain of its own, to be given back. NULL without memory. */
const struct x509_chain *pool_chain(const struct pool *p, size_t cert);
/* "issuing.pem, line 3", "store.jks, alias web". */
const char *pool_where(struct arena *a, const struct pool *p, size_t cert);

#endif
