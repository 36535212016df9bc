/*
 * tie: how certificates of different chains of one store belong together.
 *
 * For whoever compares files with files or with a trust store. Nothing here judges: one
 * certificate is tied to another as its issuer, or it is not, by name, key identifier and signature
 * (RFC 5280 section 6.1.3).
 */
#ifndef HANDFAST_X509_TIE_H
#define HANDFAST_X509_TIE_H

#include "x509/x509.h"

enum x509_tie {
    X509_NOT_TIED,
    X509_TIED_BY_NAME, /* the issuer's name, and another key */
    X509_TIED
};

/* Certificate `k` of `other` as the issuer of certificate `i` of `chain`. */
enum x509_tie x509_tie(const struct x509_chain *chain, size_t i, const struct x509_chain *other,
                       size_t k);
/* Names that are equal (RFC 5280 section 7.1) have equal keys; the reverse holds but for accidents.
 * 0 where the certificate does not decode. */
uint64_t x509_subject_key(const struct x509_chain *chain, size_t i);
uint64_t x509_issuer_key(const struct x509_chain *chain, size_t i);
/* Certificates that are kept decoded, whoever keeps them: some 10 KB each. */
size_t x509_store_n_certs(const struct x509_store *s);
/* An anchor's DER, borrowed as long as the store; empty beyond the last. */
struct bytes x509_store_anchor(const struct x509_store *s, size_t i);

#endif
