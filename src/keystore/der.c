/* Files of DER, one value after the other: certificates, CRLs, PKCS#7, PKCS#12, keys. */
#include "keystore/der.h"

#include "keystore/reading.h"

static enum status check_length(struct reading *r, struct keystore_entry *e, struct bytes der,
                                const char *noun)
{
    struct der_value v;
    if (!der_peek(der, &v) || v.tag != DER_SEQUENCE) {
        return entry_fault(r, e, "the %s is no DER SEQUENCE", noun);
    }
    if (v.claimed > der.len) {
        return entry_fault(r, e, "the %s claims %zu bytes, %zu are there", noun, v.claimed,
                           der.len);
    }
    if (v.claimed < der.len) {
        return entry_fault(r, e, "the %s ends after %zu bytes, and %zu more stand behind it", noun,
                           v.claimed, der.len - v.claimed);
    }
    return ST_OK;
}

enum status add_certificate(struct reading *r, struct bytes der, struct keystore_entry **out)
{
    TRY(reading_add(r, KEYSTORE_CERTIFICATE, out));
    TRY(keep_bytes(r, der, &(*out)->der));
    return check_length(r, *out, der, "certificate");
}

enum status add_crl(struct reading *r, struct bytes der)
{
    struct keystore_entry *e;
    TRY(reading_add(r, KEYSTORE_CRL, &e));
    TRY(keep_bytes(r, der, &e->der));
    return check_length(r, e, der, "CRL");
}

static enum status add_unused(struct reading *r, const char *what)
{
    struct keystore_entry *e;
    TRY(reading_add(r, KEYSTORE_OTHER, &e));
    e->alias = what;
    r->other = r->other == NULL ? what : r->other;
    return ST_OK;
}

static enum status add_value(struct reading *r, struct bytes der)
{
    struct keystore_entry *e;
    switch (der_shape(der)) {
    case SHAPE_CERTIFICATE:
        return add_certificate(r, der, &e);
    case SHAPE_CRL:
        return add_crl(r, der);
    case SHAPE_PKCS7:
        return add_pkcs7(r, der);
    case SHAPE_PKCS12:
        return add_pkcs12(r, der);
    case SHAPE_PKCS8:
        return add_key(r, der);
    case SHAPE_LOCKED_PKCS8:
        return add_locked_key(r, der);
    case SHAPE_RSA_KEY:
    case SHAPE_EC_KEY:
    case SHAPE_DSA_KEY:
        return add_traditional_key(r, bytes_of(NULL, 0), der);
    case SHAPE_REQUEST:
        return add_unused(
            r, "a certificate request (CSR); the certificate is what the CA makes of it");
    case SHAPE_PUBLIC_KEY:
        return add_unused(r, "a public key without a certificate");
    case SHAPE_OCSP_RESPONSE:
        return add_unused(r, "an OCSP response");
    case SHAPE_UNKNOWN:
    case SHAPE_NONE:
        return add_unused(r, "DER, but neither a certificate, nor a CRL, a key, PKCS#7 or PKCS#12");
    }
    return ST_OK;
}

/* A value that is cut short is its reader's to report; line ends behind the last one are no fault.
 */
static struct bytes value_at(struct bytes left)
{
    struct der_value v;
    return der_peek(left, &v) ? v.whole : left;
}

static bool is_blank(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.p[i] != '\r' && b.p[i] != '\n' && b.p[i] != ' ' && b.p[i] != '\0') {
            return false;
        }
    }
    return true;
}

enum status read_der(struct reading *r)
{
    struct bytes left = r->content;
    while (left.len > 0 && !is_blank(left)) {
        struct bytes value = value_at(left);
        struct der_value v;
        r->at = r->content.len - left.len;
        if (r->at > 0 && der_shape(left) == SHAPE_NONE) {
            return file_fault(r, "%zu bytes that are no DER", left.len);
        }
        bool is_short = der_peek(left, &v) && v.claimed > left.len;
        TRY(add_value(r, value));
        if (r->n_faults >= FAULTS_MAX) {
            return file_fault(r, "the %dth value that cannot be read; the rest was not looked at",
                              FAULTS_MAX);
        }
        if (is_short) {
            return file_fault(r, "the value claims %zu bytes, %zu are left", v.claimed, left.len);
        }
        left = bytes_skip(left, value.len);
    }
    return ST_OK;
}
