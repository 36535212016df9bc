#include "x509/strength.h"

#include <openssl/evp.h>

enum {
    FLOOR_DEFAULT = 112, /* RSA 2048, SHA-224: NIST SP 800-57 part 1, table 2 */
    FLOOR_LEGACY = 80,   /* RSA 1024: verifying signatures, no use asked; SP 800-131A section 3 */
    FLOOR_BEFORE = 80    /* RSA 1024 */
};

/* clang-format off */
#define RSA_1024_ENDS_S INT64_C(1388534400) /* 2014-01-01: CA/B Forum BR 1.0, appendix A; SP 800-131A */
#define SHA1_ENDS_S     INT64_C(1483228800) /* 2017-01-01: CA/B Forum ballot 118, browsers' policies */
#define DSA_ENDS_S      INT64_C(1675382400) /* 2023-02-03: FIPS 186-5; RFC 8446 never had it */
/* clang-format on */

const int64_t strength_steps_s[] = { RSA_1024_ENDS_S, SHA1_ENDS_S, DSA_ENDS_S };
const size_t strength_n_steps = ARRAY_LEN(strength_steps_s);

static int floor_asked(const struct x509_question *q)
{
    if (q->floor_bits != 0) {
        return (int)(q->floor_bits & 0xFFFFU);
    }
    return q->purpose == X509_FOR_ANY ? FLOOR_LEGACY : FLOOR_DEFAULT;
}

static int floor_of(const struct x509_question *q)
{
    int asked = floor_asked(q);
    bool was_before = !q->ignore_dates && q->at_s < RSA_1024_ENDS_S;
    return was_before && asked > FLOOR_BEFORE ? FLOOR_BEFORE : asked;
}

static void check_key(struct cert *c, const struct x509_question *q, struct findings *out)
{
    const EVP_PKEY *key = X509_get0_pubkey(c->x);
    if (key == NULL) {
        return; /* said elsewhere */
    }
    if (EVP_PKEY_get_security_bits(key) < floor_of(q)) {
        findings_put(out, X509_FAULT_WEAK, c, 0, "has a key that is too small");
    } else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_DSA &&
               (q->ignore_dates || q->at_s >= DSA_ENDS_S)) {
        findings_put(out, X509_FAULT_WEAK, c, 0, "has a DSA key, which TLS no longer uses");
    }
}

/* Nobody checks the signature of what is trusted already. */
static void check_digest(struct cert *c, const struct x509_question *q, struct findings *out)
{
    int digest = NID_undef;
    int bits = 0;
    if (c->is_anchor || cert_is_self_signed(c) || !cert_signature_is_weak(c)) {
        return;
    }
    (void)X509_get_signature_info(c->x, &digest, NULL, &bits, NULL);
    if (digest == NID_sha1 && !q->ignore_dates && q->at_s < SHA1_ENDS_S) {
        return;
    }
    if (bits < floor_asked(q)) {
        findings_put(out, X509_FAULT_WEAK, c, 0, "is signed with a digest that is too weak");
    }
}

void strength_check(const struct path *path, const struct x509_question *q, struct findings *out)
{
    for (size_t i = 0; i < path->n; i++) {
        check_key(path->certs[i], q, out);
        check_digest(path->certs[i], q, out);
    }
}
