/* PKCS#7 and CMS SignedData: the certificates and CRLs in it. RFC 2315 section 9, RFC 5652
 * section 5. The signature, if any, is nobody's question here. */
#include <openssl/pkcs7.h>

#include "keystore/reading.h"

static enum status add_x509(struct reading *r, X509 *x)
{
    struct keystore_entry *e;
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    if (len <= 0) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    enum status st = add_certificate(r, bytes_of(der, (size_t)len), &e);
    OPENSSL_free(der);
    return st;
}

static enum status add_x509_crl(struct reading *r, X509_CRL *crl)
{
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    if (len <= 0) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    enum status st = add_crl(r, bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    return st;
}

static enum status add_signed(struct reading *r, const STACK_OF(X509) * certs,
                              const STACK_OF(X509_CRL) * crls)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        TRY(add_x509(r, sk_X509_value(certs, i)));
    }
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        TRY(add_x509_crl(r, sk_X509_CRL_value(crls, i)));
    }
    return ST_OK;
}

static enum status add_parts(struct reading *r, const PKCS7 *p7)
{
    if (PKCS7_type_is_signed(p7) && p7->d.sign != NULL) {
        return add_signed(r, p7->d.sign->cert, p7->d.sign->crl);
    }
    if (PKCS7_type_is_signedAndEnveloped(p7) && p7->d.signed_and_enveloped != NULL) {
        return add_signed(r, p7->d.signed_and_enveloped->cert, p7->d.signed_and_enveloped->crl);
    }
    return file_fault(r, "PKCS#7 of a kind that holds no certificates");
}

enum status add_pkcs7(struct reading *r, struct bytes der)
{
    const unsigned char *p = der.p;
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.len);
    if (p7 == NULL) {
        return file_fault(r, "the PKCS#7 structure cannot be decoded");
    }
    enum status st = add_parts(r, p7);
    PKCS7_free(p7);
    return st;
}
