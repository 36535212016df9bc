/* PEM: what each kind of block holds. RFC 7468 sections 5 to 13, PEM_read_bio(3). */
#include <openssl/crypto.h>

#include "base/base64.h"
#include "keystore/der.h"
#include "keystore/pem_block.h"
#include "keystore/reading.h"

enum block_kind {
    BLOCK_CERTIFICATE,
    BLOCK_TRUSTED,
    BLOCK_CRL,
    BLOCK_PKCS7,
    BLOCK_PKCS12,
    BLOCK_KEY,
    BLOCK_LOCKED_KEY,
    BLOCK_TRADITIONAL_KEY,
    BLOCK_OTHER
};

/* clang-format off */
static const struct label {
    const char *label;
    enum block_kind kind;
    const char *what; /* BLOCK_OTHER: what it is, for people */
} labels[] = {
    { "CERTIFICATE", BLOCK_CERTIFICATE, NULL },
    { "X509 CERTIFICATE", BLOCK_CERTIFICATE, NULL },
    { "TRUSTED CERTIFICATE", BLOCK_TRUSTED, NULL },
    { "X509 CRL", BLOCK_CRL, NULL },
    { "CRL", BLOCK_CRL, NULL },
    { "PKCS7", BLOCK_PKCS7, NULL },
    { "PKCS #7 SIGNED DATA", BLOCK_PKCS7, NULL },
    { "CMS", BLOCK_PKCS7, NULL },
    { "PKCS12", BLOCK_PKCS12, NULL },
    { "PRIVATE KEY", BLOCK_KEY, NULL },
    { "ANY PRIVATE KEY", BLOCK_KEY, NULL },
    { "ENCRYPTED PRIVATE KEY", BLOCK_LOCKED_KEY, NULL },
    { "RSA PRIVATE KEY", BLOCK_TRADITIONAL_KEY, NULL },
    { "EC PRIVATE KEY", BLOCK_TRADITIONAL_KEY, NULL },
    { "DSA PRIVATE KEY", BLOCK_TRADITIONAL_KEY, NULL },
    { "CERTIFICATE REQUEST", BLOCK_OTHER,
      "a certificate request (CSR); the certificate is what the CA makes of it" },
    { "NEW CERTIFICATE REQUEST", BLOCK_OTHER,
      "a certificate request (CSR); the certificate is what the CA makes of it" },
    { "OPENSSH PRIVATE KEY", BLOCK_OTHER, "a private key of OpenSSH, which TLS does not use" },
    { "SSH2 PUBLIC KEY", BLOCK_OTHER, "a public key of SSH, which TLS does not use" },
    { "PUBLIC KEY", BLOCK_OTHER, "a public key without a certificate" },
    { "RSA PUBLIC KEY", BLOCK_OTHER, "a public key without a certificate" },
    { "EC PARAMETERS", BLOCK_OTHER, "the parameters of a curve, without a key" },
    { "DH PARAMETERS", BLOCK_OTHER, "Diffie-Hellman parameters" },
    { "X9.42 DH PARAMETERS", BLOCK_OTHER, "Diffie-Hellman parameters" },
    { "DSA PARAMETERS", BLOCK_OTHER, "DSA parameters, without a key" },
    { "ATTRIBUTE CERTIFICATE", BLOCK_OTHER, "an attribute certificate" },
    { "SSL SESSION PARAMETERS", BLOCK_OTHER, "a saved TLS session" },
    { "PGP PUBLIC KEY BLOCK", BLOCK_OTHER, "a public key of OpenPGP" },
    { "PGP PRIVATE KEY BLOCK", BLOCK_OTHER, "a private key of OpenPGP" },
    { "PGP MESSAGE", BLOCK_OTHER, "a message of OpenPGP" },
    { "PGP SIGNED MESSAGE", BLOCK_OTHER, "a message of OpenPGP" },
};
/* clang-format on */

static const struct label *label_find(struct bytes label)
{
    static const struct label unknown = { "", BLOCK_OTHER, NULL };
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        if (bytes_equal(label, bytes_of_str(labels[i].label))) {
            return &labels[i];
        }
    }
    return &unknown;
}

bool pem_is_in(struct bytes content)
{
    struct pem_text t = pem_text_of(content);
    struct pem_block block;
    return pem_next(&t, &block);
}

static enum keystore_entry_kind entry_kind(enum block_kind kind)
{
    switch (kind) {
    case BLOCK_CERTIFICATE:
    case BLOCK_TRUSTED:
    case BLOCK_PKCS7:
    case BLOCK_PKCS12:
        return KEYSTORE_CERTIFICATE;
    case BLOCK_CRL:
        return KEYSTORE_CRL;
    case BLOCK_KEY:
    case BLOCK_LOCKED_KEY:
    case BLOCK_TRADITIONAL_KEY:
        return KEYSTORE_KEY;
    case BLOCK_OTHER:
        return KEYSTORE_OTHER;
    }
    return KEYSTORE_OTHER;
}

/* Known labels cost no memory: a file may hold a million of them. */
static enum status add_other(struct reading *r, const struct label *label, struct bytes name,
                             struct keystore_entry **out)
{
    TRY(reading_add(r, entry_kind(label->kind), out));
    if (label->kind != BLOCK_OTHER) {
        return ST_OK;
    }
    (*out)->alias = label->label;
    if (label->what == NULL) {
        TRY(keep_text(r, bytes_head(name, 64), &(*out)->alias));
    }
    if (r->other == NULL) {
        r->other =
            label->what == NULL ? "a PEM block of a kind that is not known here" : label->what;
        r->other_line = r->line;
    }
    return ST_OK;
}

static enum status add_trusted(struct reading *r, struct bytes der)
{
    struct keystore_entry *e;
    TRY(add_certificate(r, der_first(der), &e));
    e->is_trusted = true;
    return ST_OK;
}

static enum status add_decoded(struct reading *r, const struct label *label,
                               const struct pem_block *block, struct bytes der)
{
    struct keystore_entry *e;
    switch (label->kind) {
    case BLOCK_CERTIFICATE:
        return add_certificate(r, der, &e);
    case BLOCK_TRUSTED:
        return add_trusted(r, der);
    case BLOCK_CRL:
        return add_crl(r, der);
    case BLOCK_PKCS7:
        return add_pkcs7(r, der);
    case BLOCK_PKCS12:
        return add_pkcs12(r, der);
    case BLOCK_KEY:
        return add_key(r, der);
    case BLOCK_LOCKED_KEY:
        return add_locked_key(r, der);
    case BLOCK_TRADITIONAL_KEY:
        return add_traditional_key(r, block->headers, der);
    case BLOCK_OTHER:
        return add_other(r, label, block->label, &e);
    }
    return ST_OK;
}

static enum status add_broken(struct reading *r, const struct label *label,
                              const struct pem_block *block, const struct fault *fault)
{
    struct keystore_entry *e;
    TRY(add_other(r, label, block->label, &e));
    if (block->fault != NULL) {
        return entry_fault(r, e, "the block that begins here %s", block->fault);
    }
    r->line = block->body_line;
    for (size_t i = 0; i < fault->at && i < block->body.len; i++) {
        r->line += block->body.p[i] == '\n';
    }
    return entry_fault(r, e, "%s, in the block that begins at line %u", fault->what, block->line);
}

static enum status add_block(struct reading *r, const struct pem_block *block)
{
    const struct label *label = label_find(block->label);
    struct fault fault = { 0 };
    size_t len = 0;
    r->at = block->at;
    r->line = block->line;
    if (block->fault != NULL) {
        return add_broken(r, label, block, &fault);
    }
    if (label->kind == BLOCK_OTHER) {
        return add_decoded(r, label, block, bytes_of(NULL, 0));
    }
    uint8_t *der = reading_scratch(r, base64_room(block->body.len));
    if (der == NULL) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    if (!base64_decode(block->body, der, &len, &fault)) {
        return add_broken(r, label, block, &fault);
    }
    enum status st = add_decoded(r, label, block, bytes_of(der, len));
    if (entry_kind(label->kind) == KEYSTORE_KEY) {
        OPENSSL_cleanse(der, len);
    }
    return st;
}

enum status read_pem(struct reading *r)
{
    struct pem_text t = pem_text_of(r->content);
    struct pem_block block;
    while (pem_next(&t, &block)) {
        TRY(add_block(r, &block));
        if (r->n_faults >= FAULTS_MAX) {
            return file_fault(r, "the %dth block that cannot be read; the rest was not looked at",
                              FAULTS_MAX);
        }
    }
    return ST_OK;
}
