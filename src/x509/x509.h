/*
 * x509: certificate bytes as facts, and what is wrong with a chain.
 *
 * OpenSSL parses, builds and verifies; this module tells apart what it found. Nothing here knows
 * handshakes: `diagnose` turns faults into causes. One module for explain, check, probe, agent and
 * gateway. Certificates and judgements are cached by their bytes, since a capture shows the same
 * chain thousands of times: x509_store_chain() of bytes seen before and x509_judge() of a question
 * asked before cost a hash and a lookup. Sources: RFC 5280, RFC 6125 and RFC 9525 (names), RFC 6960
 * (OCSP), X509_verify_cert(3), X509_check_host(3).
 */
#ifndef HANDFAST_X509_X509_H
#define HANDFAST_X509_X509_H

#include "base/status.h"
#include "base/text.h"

struct x509_store; /* trust anchors, revocation data and the caches */
/* Certificates as sent, leaf first. Counted: a chain lives as long as somebody holds a reference,
 * and after that while the store has room for it; the store's end is every chain's end. Whoever
 * never gives a reference back costs memory, never a dangling pointer. */
struct x509_chain;

enum x509_purpose { X509_FOR_SERVER, X509_FOR_CLIENT, X509_FOR_ANY };

/* In the order in which a verifier meets them (causes.md): the first one found is the cause. */
enum x509_fault_kind {
#define X509_FAULT(symbol, id, summary) X509_FAULT_##symbol,
#include "x509/faults.def"
    X509_N_FAULTS
};

enum {
    X509_CULPRIT_TRUST = -1,
    X509_CULPRIT_SEEN = -2, /* noted with x509_store_note_seen(), not sent */
    X509_FAULTS_MAX = 16,
    X509_NAMES_MAX = 64,
    X509_EKUS_MAX = 16,
    X509_CHAIN_MAX = 128,    /* certificates of one chain that are looked at */
    X509_CHAINS_KEPT = 4096, /* chains kept that nobody holds a reference to */
    X509_LINKS_MAX = 40,     /* certificates of one path */
    X509_PATHS_MAX = 8       /* alternative paths that are told */
};

struct x509_fault {
    enum x509_fault_kind kind;
    int culprit; /* 0 the leaf, i the i-th certificate sent after it; X509_CULPRIT_TRUST: one of the
                    trust store; X509_CULPRIT_SEEN */
    int openssl_error; /* X509_V_ERR_*, 0 where the finding is ours */
    const char *rule;  /* "profile/serial-negative": the row of profile.def; NULL: none */
    bool is_minor; /* a rule of the web's profile, which many verifiers let pass: such faults come
                      after all others */
    const char *detail; /* a sentence naming what is at fault; lives as long as the chain */
    int64_t limit_s;    /* expired: notAfter; not yet valid: notBefore; else 0 */
};

/* A certificate as Java prints it, for `certInfo`; lives as long as the chain. Source:
 * sun.security.x509.X500Name.toString(), the standard names of the JCA. */
struct x509_java {
    const char *subject, *issuer;  /* most specific first: CN=a.example, O="Example, Inc.", C=GB */
    const char *serial_number;     /* 07:bc:a7:39 */
    const char *sig_alg_name;      /* SHA256withRSA */
    const char *public_key;        /* RSA Public Key, 2048 bits */
    const char *basic_constraints; /* CA:FALSE, CA:TRUE, CA:TRUE, pathlen:0 */
};

struct x509_facts {               /* of one certificate; lives as long as the chain */
    bool is_parsed;               /* false: the DER does not decode; all else is empty */
    const char *subject, *issuer; /* RFC 2253-like one-line, UTF-8, safe for terminals */
    const char *common_name;      /* "" where none */
    unsigned version;             /* 1, 2, 3: as people count */
    const char *serial_hex, *sha1_hex, *sha256_hex;
    int64_t not_before_s, not_after_s;
    const char *key_type; /* "RSA", "EC P-256", "Ed25519", "DSA" ... */
    unsigned key_bits;
    const char *signature_algorithm; /* "sha256WithRSAEncryption" */
    bool signature_is_weak;          /* MD5, SHA-1 and older */
    bool is_ca, is_self_issued,
        is_self_signed; /* self_signed: the signature verifies with its own key */
    bool has_eku, eku_server, eku_client, eku_any;
    bool has_key_usage, ku_digital_signature, ku_key_encipherment, ku_key_agreement, ku_cert_sign;
    const char *eku[X509_EKUS_MAX]; /* "serverAuth", an OID in figures where it has no name */
    size_t n_eku;
    bool has_basic_constraints;
    int path_length;    /* basic constraints; -1: none given */
    size_t n_names;     /* dNSName and iPAddress entries, in text */
    size_t n_all_names; /* n_names, and those that had no room */
    const char *names[X509_NAMES_MAX];
    const char *name_constraints; /* "permitted DNS:a.example; excluded IP:..."; "": none */
    bool looks_public; /* as CAs of the public web make them: SCTs, or a policy of the CA/Browser
                          Forum (2.23.140.1) */
    const char *aia_issuer_url, *ocsp_url; /* NULL where none */
    bool must_staple;
    const char *subject_key_id, *authority_key_id; /* hex or "" */
    struct bytes spki; /* SubjectPublicKeyInfo, DER: equal for a certificate and its key */
};

/* Which rules of form a certificate has to keep. */
enum x509_profile {
    X509_PROFILE_TLS,    /* those that every TLS stack enforces */
    X509_PROFILE_CAREFUL /* also those of RFC 5280 and of the CA/Browser Forum that a careful
                            verifier enforces, each from the day it took effect (profile.def) */
};

struct x509_question {
    enum x509_purpose purpose;
    enum x509_profile profile;
    const char *host; /* name or address to be matched, NULL: do not match */
    int64_t at_s;     /* the time to judge dates by */
    bool ignore_dates;
    bool partial_chain;
    bool demand_revocation; /* a CRL or stapled answer must cover each certificate; false: only a
                               certificate known to be revoked (or must-staple unmet) is a fault */
    bool strict; /* RFC 5280 to the letter, as X509_V_FLAG_X509_STRICT (Python 3.13 and later) */
    unsigned floor_bits; /* strength asked of keys and digests, in bits (NIST SP 800-57); 0: 112, as
                            OpenSSL's security level 2, or 80 (RSA 1024, no SHA-1), as its level 1,
                            where no purpose is asked */
    struct bytes ocsp_response; /* stapled, DER; empty: none */
    bool use_seen; /* certificates noted with x509_store_note_seen() may stand in the path: would
                      the chain verify if they were sent? */
};

struct x509_judgement {
    bool trust_is_known; /* false with --trust none: chain building to a root was not judged */
    bool is_valid;       /* no faults */
    size_t n_faults;
    struct x509_fault faults[X509_FAULTS_MAX];
    bool has_anchor; /* the path ends at a trust anchor (dates, names and all else aside) */
    const char *missing_issuer;     /* chain-incomplete: the name of the CA certificate that was not
                                       sent, else NULL */
    const char *missing_issuer_url; /* its AIA address, or NULL */
    const char *unseen_issuer; /* untrusted-ca: an issuer of which nothing but its name is known; it
                                  may be an intermediate as well. Else NULL */
    int64_t valid_from_s, valid_until_s; /* of all certificates in the path, intersected */
    const char
        *staple; /* what the stapled OCSP response says, NULL without one; "good", or a sentence */
    bool search_was_cut; /* more paths than are looked at: another might verify */
};

/* Where a certificate of a path was found. */
enum x509_origin { X509_SENT, X509_TRUSTED, X509_SEEN };

struct x509_link {
    enum x509_origin origin;
    int index; /* X509_SENT: 0 the leaf, i the i-th sent after it; else -1 */
    const struct x509_facts *facts;
    struct bytes der;
};

/* Leaf first. */
struct x509_path {
    size_t n;
    struct x509_link links[X509_LINKS_MAX];
    bool reaches_anchor;
    bool is_valid; /* no faults; those of the host name and the stapled answer are the leaf's and
                      are not counted here */
    size_t n_faults;
    struct x509_fault faults[X509_FAULTS_MAX]; /* most important first */
};

/* All paths that were tried, best first: paths[0] is the one that x509_judge() speaks of. */
struct x509_paths {
    size_t n; /* 0 where the leaf does not decode */
    struct x509_path paths[X509_PATHS_MAX];
    bool search_was_cut;
};

/* Why a name that the leaf holds is not the host asked for. RFC 9525 section 6, RFC 5280 4.2.1.6.
 */
enum x509_name_rule {
#define X509_NAME_RULE(symbol, id, says) X509_NAME_##symbol,
#include "x509/name_rules.def"
    X509_N_NAME_RULES
};

struct x509_name_check {
    const char *name; /* as held; lives as long as the chain */
    enum x509_name_rule rule;
};

/* The names nearest to the host first, the common name last where it would have matched. */
struct x509_host_check {
    bool is_named;
    enum x509_name_rule rule; /* of the nearest name; NOTHING where there is none */
    size_t n;
    struct x509_name_check names[X509_NAMES_MAX];
};

enum x509_trust_source { X509_TRUST_NONE, X509_TRUST_SYSTEM, X509_TRUST_FILES };

enum status x509_store_new(struct x509_store **out, struct err *err) NODISCARD;
void x509_store_free(struct x509_store *s); /* NULL is fine */
/* The certificates of a file or folder of any format that keystore.h knows. Errors name the file
 * and the place. Repeatable. */
enum status x509_store_add_trust(struct x509_store *s, const char *path, struct err *err) NODISCARD;
/* How key stores are opened. All-zero: with no password. */
struct x509_password {
    const char *given; /* NULL: none */
    /* Asked for a file that cannot be read without one; NULL: nobody can be asked. What it returns
     * is borrowed until the next call; NULL: no password. */
    const char *(*ask)(void *arg, const char *path);
    void *arg;
};
/* The same with the password of its key stores; NULL: none. */
enum status x509_store_add_trust_opened(struct x509_store *s, const char *path,
                                        const struct x509_password *password,
                                        struct err *err) NODISCARD;
/* The certificates of key stores that are open already. */
struct keystore;
enum status x509_store_add_trust_entries(struct x509_store *s, const struct keystore *k,
                                         struct err *err) NODISCARD;
enum status x509_store_add_system_trust(struct x509_store *s, struct err *err) NODISCARD;
/* The file or folder that is read for it; NULL: there is none. */
const char *x509_system_trust_place(void);
enum status x509_store_add_crl(struct x509_store *s, const char *path, struct err *err) NODISCARD;
/* One certificate or CRL in DER. */
enum status x509_store_add_anchor(struct x509_store *s, struct bytes der,
                                  struct err *err) NODISCARD;
enum status x509_store_add_crl_der(struct x509_store *s, struct bytes der,
                                   struct err *err) NODISCARD;
enum x509_trust_source x509_store_trust(const struct x509_store *s);
size_t x509_store_n_anchors(const struct x509_store *s);
/* Certificates seen anywhere (other connections' chains) that may complete a path when explaining:
 * bounded. */
void x509_store_note_seen(struct x509_store *s, const struct x509_chain *chain);
/* The chain of these DER certificates; the same pointer for the same bytes while it is kept. NULL
 * without memory. Copies what it needs. The caller then holds one reference more, to be given back
 * with x509_chain_unref(). */
const struct x509_chain *x509_store_chain(struct x509_store *s, const struct bytes *der, size_t n);
const struct x509_chain *x509_chain_ref(const struct x509_chain *chain);
void x509_chain_unref(const struct x509_chain *chain); /* NULL is fine */
/* Certificates after the X509_CHAIN_MAX-th, which are not looked at. */
size_t x509_chain_n_ignored(const struct x509_chain *chain);
size_t x509_chain_n(const struct x509_chain *chain);
const struct x509_facts *x509_chain_facts(const struct x509_chain *chain, size_t i);
/* Empty texts for a certificate that does not decode. */
const struct x509_java *x509_chain_java(const struct x509_chain *chain, size_t i);
/* The certificate's own DER, borrowed as long as the chain. */
struct bytes x509_chain_der(const struct x509_chain *chain, size_t i);
/* All faults, most important first. */
enum status x509_judge(struct x509_store *s, const struct x509_chain *chain,
                       const struct x509_question *q, struct x509_judgement *out,
                       struct err *err) NODISCARD;
/* The paths that the judgement was made of; the caller frees them with x509_paths_free(). Texts and
 * facts live as long as the chain and the store. */
enum status x509_find_paths(struct x509_store *s, const struct x509_chain *chain,
                            const struct x509_question *q, struct x509_paths **out,
                            struct err *err) NODISCARD;
void x509_paths_free(struct x509_paths *p); /* NULL is fine */
/* Which rule keeps each name of the leaf from being `host`. */
void x509_check_host(const struct x509_chain *chain, const char *host, struct x509_host_check *out);
/* "wildcard-depth" style id, and what it says as the end of a sentence about the name. */
const char *x509_name_rule_id(enum x509_name_rule rule);
const char *x509_name_rule_says(enum x509_name_rule rule);
/* Does the certificate name the host (dNSName, iPAddress; CN where there is no dNSName is not
 * counted by RFC 9525)? */
bool x509_names_host(const struct x509_chain *chain, const char *host);
/* Is the issuer of any of the chain's certificates one of these X.501 names (DER)? For
 * CertificateRequest's CA names. */
bool x509_issued_by(const struct x509_chain *chain, struct bytes name_der);
/* An X.501 Name in DER as one line of text. */
void x509_name_put(struct text *out, struct bytes name_der);
/* Frees all chains nobody holds a reference to. Memory is bounded without it: the store keeps at
 * most X509_CHAINS_KEPT of them and drops those unused longest. */
void x509_store_trim(struct x509_store *s);
/* CRLs in the files that cannot be decoded: what they would have covered nobody knows. */
size_t x509_store_n_broken_crls(const struct x509_store *s);
/* "certificate-expired" style id of the fault's row in faults.def, and its summary. */
const char *x509_fault_id(enum x509_fault_kind kind);
const char *x509_fault_summary(enum x509_fault_kind kind);

#endif
