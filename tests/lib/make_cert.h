/*
 * make_cert: certificates, CRLs and OCSP responses for tests, made on the spot.
 *
 * Times are seconds since the epoch. What is not given gets a usual value: a P-256 key, SHA-256,
 * ten years around MAKE_CERT_NOW, the extensions of its kind. Aborts on failure: a test that cannot
 * make its material has no result.
 */
#ifndef HANDFAST_TESTS_MAKE_CERT_H
#define HANDFAST_TESTS_MAKE_CERT_H

#include <openssl/x509.h>

#include "base/bytes.h"

#define MAKE_CERT_NOW INT64_C(1790000000) /* 2026-09-21 */

enum made_key { MADE_P256, MADE_RSA2048, MADE_RSA1024, MADE_ED25519 };

struct made_cert {
    X509 *x;
    EVP_PKEY *key;
    struct bytes der;
};

struct cert_recipe {
    const char *name;               /* common name; NULL: an empty subject */
    const char *organization;       /* NULL: none */
    const struct made_cert *issuer; /* NULL: signs itself */
    const struct made_cert *key_of; /* the same key as that one's; NULL: a new one */
    const char *issuer_name;        /* another common name than the issuer's subject */
    bool is_ca;
    bool no_basic_constraints;
    enum made_key key;
    int64_t from_s, until_s; /* 0: usual */
    const EVP_MD *digest;    /* NULL: SHA-256 */
    const char *names;       /* subjectAltName as X509V3_EXT_conf_nid() reads it; NULL: none */
    const char *basic;       /* basicConstraints; NULL: by is_ca */
    const char *usage, *eku; /* NULL: keyCertSign and cRLSign for a CA, none for others; none */
    const char *constraints; /* nameConstraints */
    const char *info_access; /* authorityInfoAccess */
    const char *tls_feature; /* tlsfeature: "status_request" */
    const char *policies, *policy_constraints;
    bool no_key_ids;
    bool unknown_critical;  /* a critical extension nobody knows */
    bool signature_broken;  /* one byte altered */
    long serial;            /* 0: the next */
    void (*tweak)(X509 *x); /* a last change before it is signed; NULL: none */
};

struct made_cert make_cert(const struct cert_recipe *recipe);
void made_cert_free(struct made_cert *c);
/* PEM, appended to the file. */
void made_cert_write(const struct made_cert *c, const char *path);

struct crl_recipe {
    const struct made_cert *issuer, *revoked; /* revoked NULL: nobody */
    int64_t this_update_s, next_update_s;     /* 0: usual */
};

/* PEM, appended to the file. */
void make_crl(const struct crl_recipe *recipe, const char *path);

struct ocsp_recipe {
    const struct made_cert *leaf, *issuer;
    const struct made_cert *signer;       /* NULL: the issuer */
    int status;                           /* V_OCSP_CERTSTATUS_... */
    int64_t this_update_s, next_update_s; /* 0: usual */
    int response_status;                  /* OCSP_RESPONSE_STATUS_... */
};

/* To be freed with free(). */
struct bytes make_ocsp(const struct ocsp_recipe *recipe);

#endif
