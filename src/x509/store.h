/*
 * store: what the files of this area share: certificates, chains, the store. Not for other areas.
 *
 * A certificate is shared by all chains it stands in and counted; a chain is counted by its users
 * and kept by the store while there is room. Everything belongs to one thread.
 */
#ifndef HANDFAST_X509_STORE_H
#define HANDFAST_X509_STORE_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "x509/digest.h"
#include "x509/x509.h"

enum {
    TABLE_BUCKETS = 8192,        /* a power of two */
    CERT_BYTES_MAX = 256 * 1024, /* a longer certificate is not decoded */
    CRL_BYTES_MAX = 256 * 1024 * 1024,
    CHAIN_TEXT_MAX = 64 * 1024, /* details of one chain's judgements */
    CHAIN_ENTRIES = 4,          /* judgements kept per chain */
    CHAIN_HOSTS = 4,            /* host answers kept per chain */
    HOST_MAX = 255,             /* RFC 1035 section 2.3.4 */
    SEEN_MAX = 1024,            /* CA certificates of other connections */
    SIGNERS_KEPT = 4,           /* answers about signatures kept per certificate */
    ANCHORS_MAX = 65536
};

/* What is known of a signature: that of a certificate with the key of one issuer. */
struct signer {
    uint64_t serial; /* the issuer's; 0: none */
    bool is_good;
};

struct cert {
    struct cert *next; /* in the store's table */
    uint64_t serial;   /* of all certificates of the store, from 1; never given twice */
    struct x509_store *store;
    uint64_t hash;
    size_t refs;
    uint8_t *der;
    size_t der_len;
    X509 *x; /* NULL: the DER does not decode */
    unsigned long subject_hash, issuer_hash;
    int64_t not_before_s, not_after_s;
    bool dates_are_valid; /* both could be read */
    bool is_self_issued;
    bool is_anchor, is_seen;
    int self_signed; /* -1: not looked at yet */
    struct signer signers[SIGNERS_KEPT];
    unsigned next_signer;
    struct arena arena;
    struct x509_facts *facts; /* NULL: not asked for yet */
    struct x509_java *java;   /* the same */
    const char *organization; /* the same; "" where the subject has none */
};

struct host_answer {
    size_t len;
    char host[HOST_MAX + 1];
    bool is_named;
};

/* What a judgement depends on, beside the chain and the time. */
struct judged_key {
    enum x509_purpose purpose;
    enum x509_profile profile;
    bool ignore_dates, partial_chain, demand_revocation, strict, has_host, use_seen;
    uint64_t n_seen_ever; /* with use_seen */
    size_t n_crl_signers;
    unsigned floor_bits;
    unsigned trust_generation;
    size_t ocsp_len;
    uint64_t ocsp_hash;
};

/* A judgement without the host, true for times in from_s..until_s (until_s not included). */
struct judged {
    bool is_used;
    struct judged_key key;
    uint64_t seen_before;       /* certificates had been seen when this was judged */
    unsigned long missing_hash; /* of the issuer name that was looked for among them */
    int64_t from_s, until_s;
    struct x509_judgement j;
};

struct x509_chain {
    struct x509_chain *next;          /* in the store's table */
    struct x509_chain *newer, *older; /* in the list of those nobody refers to */
    struct x509_store *store;
    uint64_t hash;
    size_t refs;
    size_t n, n_ignored;
    struct arena arena; /* details */
    struct detail *details;
    const char *names_detail; /* for a host it does not name; NULL: not asked for yet */
    struct judged entries[CHAIN_ENTRIES];
    unsigned next_entry;
    struct host_answer hosts[CHAIN_HOSTS];
    unsigned next_host;
    bool was_noted;
    struct cert *certs[]; /* n of them */
};

struct x509_store {
    struct digest_key key;
    struct x509_chain *chains[TABLE_BUCKETS];
    struct cert *certs[TABLE_BUCKETS];
    struct x509_chain *newest, *oldest; /* kept without a reference */
    size_t n_kept;
    uint64_t last_serial;
    size_t n_certs; /* decoded and kept */
    enum x509_trust_source trust;
    unsigned trust_generation;
    struct cert **anchors;
    size_t n_anchors, cap_anchors;
    STACK_OF(X509_CRL) * crls;
    size_t n_broken_crls;
    struct cert *seen[SEEN_MAX];
    uint64_t seen_as[SEEN_MAX]; /* the how-manieth of all */
    size_t n_seen, next_seen;
    size_t n_crl_signers; /* ever seen that are no CAs */
    uint64_t n_seen_ever;
};

/* cert.c. The certificate of these bytes, with one reference more; NULL without memory. */
struct cert *cert_get(struct x509_store *s, struct bytes der);
struct cert *cert_ref(struct cert *c);
void cert_unref(struct cert *c); /* NULL is fine */
/* The signature of `c` verifies with the key of `issuer`. Verified once, while the answer is kept.
 */
bool cert_is_signed_by(struct cert *c, const struct cert *issuer);
/* cert_is_signed_by() has said so, and need not be asked again. */
bool cert_is_known_signed_by(const struct cert *c, const struct cert *issuer);
bool cert_is_self_signed(struct cert *c);
/* `issuer`'s subject is `c`'s issuer. */
bool cert_names_issuer(const struct cert *c, const struct cert *issuer);
/* The key identifiers of both, where given, do not contradict (RFC 5280 section 4.2.1.1). */
bool cert_key_ids_agree(const struct cert *c, const struct cert *issuer);
bool cert_is_ca(const struct cert *c);
/* No CA, but a signer of its CRLs, by its key usage (RFC 5280 section 5). */
bool cert_signs_crls_only(const struct cert *c);
/* facts.c. MD5, SHA-1 and older. */
bool cert_signature_is_weak(const struct cert *c);
/* A short name for people: the common name, or the whole subject. Lives as long as `c`. */
const char *cert_label(struct cert *c);
/* The subject's organisation, "" where it has none. Lives as long as `c`. */
const char *cert_organization(struct cert *c);

/* facts.c. Never NULL: empty facts without memory. */
const struct x509_facts *cert_facts(struct cert *c);
/* A dNSName or iPAddress, terminal-safe; false for another kind of name. */
bool general_name_put(struct text *t, const GENERAL_NAME *name);
extern const struct x509_facts cert_no_facts; /* of what does not decode */

/* names.c */
void name_put(struct text *out, const X509_NAME *name);
/* One line of text in the arena; "" without memory. */
const char *name_dup(struct arena *a, const X509_NAME *name);
/* The last value of the attribute, terminal-safe; false where there is none. */
bool name_put_entry(struct text *out, const X509_NAME *name, int nid);
bool host_is_named(const struct cert *c, const char *host);
/* Without brackets and final dot, in A-labels; false where it is no host. */
bool host_normalize(const char *host, char out[HOST_MAX + 1]);
bool host_to_ip(const char *host, uint8_t out[16], size_t *out_len);

/* Seconds since the epoch; false where the time cannot be read. */
bool asn1_time_get(const ASN1_TIME *t, int64_t *out_s);

/* cache.c. A sentence that lives as long as the chain; `fallback`, a literal, without room. */
const char *chain_say(struct x509_chain *chain, const char *fallback, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void cache_clear(struct x509_store *s);

/* store.c. Takes over the caller's reference, on failure too. */
enum status store_take_anchor(struct x509_store *s, struct cert *c, struct err *err) NODISCARD;
enum status store_take_crl(struct x509_store *s, X509_CRL *crl, struct err *err) NODISCARD;

#endif
