/* One file's content: which format it is of, and what it means that nothing of use was in it. */
#include "keystore/der.h"
#include "keystore/foreign.h"
#include "keystore/jks.h"
#include "keystore/reading.h"

static enum keystore_format der_format(struct bytes content)
{
    switch (der_shape(content)) {
    case SHAPE_PKCS7:
        return KEYSTORE_PKCS7;
    case SHAPE_PKCS12:
        return KEYSTORE_PKCS12;
    case SHAPE_NONE:
        return KEYSTORE_FOREIGN;
    case SHAPE_UNKNOWN:
    case SHAPE_CERTIFICATE:
    case SHAPE_CRL:
    case SHAPE_REQUEST:
    case SHAPE_PKCS8:
    case SHAPE_LOCKED_PKCS8:
    case SHAPE_RSA_KEY:
    case SHAPE_EC_KEY:
    case SHAPE_DSA_KEY:
    case SHAPE_PUBLIC_KEY:
    case SHAPE_OCSP_RESPONSE:
        return KEYSTORE_DER;
    }
    return KEYSTORE_DER;
}

/* Text may begin with a '0', the SEQUENCE of DER; DER may hold text. What DER knows the shape of is
 * DER. */
static enum keystore_format format_of(struct bytes content)
{
    enum der_shape shape = der_shape(content);
    if (jks_is_in(content)) {
        return jks_is_jceks(content) ? KEYSTORE_JCEKS : KEYSTORE_JKS;
    }
    if (shape != SHAPE_NONE && shape != SHAPE_UNKNOWN) {
        return der_format(content);
    }
    return pem_is_in(content) ? KEYSTORE_PEM : der_format(content);
}

static enum status read_as(struct reading *r)
{
    switch (r->file->format) {
    case KEYSTORE_PEM:
        return read_pem(r);
    case KEYSTORE_DER:
    case KEYSTORE_PKCS7:
    case KEYSTORE_PKCS12:
        return read_der(r);
    case KEYSTORE_JKS:
    case KEYSTORE_JCEKS:
        return read_jks(r);
    case KEYSTORE_FOREIGN:
        break;
    }
    r->is_foreign = true;
    return err_set(r->err, ST_FORMAT, "%s: no certificates or keys: it is %s", r->file->path,
                   foreign_what(r->content));
}

static bool is_of_use(const struct reading *r)
{
    for (size_t i = r->first_entry; i < r->k->n_entries; i++) {
        if (keystore_entry(r->k, i)->kind != KEYSTORE_OTHER) {
            return true;
        }
    }
    return false;
}

/* A Java keystore or PKCS#12 file may be empty; other files hold what they are for. */
static bool may_be_empty(enum keystore_format format)
{
    return format == KEYSTORE_JKS || format == KEYSTORE_JCEKS || format == KEYSTORE_PKCS12;
}

enum status read_content(struct reading *r)
{
    r->file->format = format_of(r->content);
    TRY(read_as(r));
    if (is_of_use(r)) {
        return ST_OK;
    }
    if (r->file->fault != NULL) {
        return err_set(r->err, ST_FORMAT, "%s: %s", r->file->path, r->file->fault);
    }
    if (may_be_empty(r->file->format)) {
        return ST_OK;
    }
    r->is_foreign = true;
    if (r->other == NULL) {
        return err_set(r->err, ST_FORMAT, "%s: no certificate, CRL or key in it", r->file->path);
    }
    if (r->other_line > 0) {
        return err_set(r->err, ST_FORMAT, "%s: line %u: it is %s", r->file->path, r->other_line,
                       r->other);
    }
    return err_set(r->err, ST_FORMAT, "%s: it is %s", r->file->path, r->other);
}
