/* Trust anchors and revocation lists handed in as DER. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/store.h"

static enum status add_anchor(struct x509_store *s, struct bytes der, struct err *err)
{
    struct cert *c = cert_get(s, der);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "trusted certificates: no memory");
    }
    if (c->x == NULL) {
        cert_unref(c);
        return err_set(err, ST_FORMAT, "the certificate cannot be decoded");
    }
    return store_take_anchor(s, c, err);
}

enum status x509_store_add_anchor(struct x509_store *s, struct bytes der, struct err *err)
{
    ERR_set_mark();
    enum status st = add_anchor(s, der, err);
    ERR_pop_to_mark();
    if (st == ST_OK) {
        s->trust = X509_TRUST_FILES;
    }
    return st;
}

/* RFC 5280 section 5.1.2.1: the version is left out or 2 (the integer 1), and must be there with
 * extensions. */
static bool crl_version_is_good(const X509_CRL *crl, struct bytes der)
{
    const unsigned char *p = der.p;
    const unsigned char *end = der.p + der.len;
    long len = 0;
    int tag = 0;
    int class = 0;
    for (int i = 0; i < 3; i++) { /* CertificateList, TBSCertList, and what comes first in it */
        if ((ASN1_get_object(&p, &len, &tag, &class, end - p) & 0x80) != 0) {
            return false;
        }
    }
    if (tag == V_ASN1_INTEGER) {
        return X509_CRL_get_version(crl) == X509_CRL_VERSION_2;
    }
    return X509_CRL_get_ext_count(crl) <= 0;
}

/* RFC 5280 section 5.2.5: an issuingDistributionPoint is never an empty SEQUENCE. */
static bool crl_scope_is_good(const X509_CRL *crl)
{
    int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1);
    X509_EXTENSION *ext = at < 0 ? NULL : X509_CRL_get_ext(crl, at);
    return ext == NULL || ASN1_STRING_length(X509_EXTENSION_get_data(ext)) > 2;
}

/* A CRL that cannot be decoded is evidence (of revocation unknown), not an error of ours. */
enum status x509_store_add_crl_der(struct x509_store *s, struct bytes der, struct err *err)
{
    ERR_set_mark();
    const unsigned char *p = der.p;
    X509_CRL *crl = der.len > CRL_BYTES_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)der.len);
    bool is_good = crl != NULL && p == der.p + der.len && crl_version_is_good(crl, der) &&
                   crl_scope_is_good(crl);
    ERR_pop_to_mark();
    if (is_good) {
        return store_take_crl(s, crl, err);
    }
    X509_CRL_free(crl);
    s->n_broken_crls++;
    s->trust_generation++;
    return ST_OK;
}
