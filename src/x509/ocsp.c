#include "x509/ocsp.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>

enum { CLOCK_SKEW_S = 300, RESPONSE_BYTES_MAX = 1024 * 1024 };

struct reading {
    const struct path *path;
    const struct x509_question *q;
    struct staple_answer *out;
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    X509_STORE *store;
    STACK_OF(X509) * certs;
};

static void reading_deinit(struct reading *r)
{
    OCSP_BASICRESP_free(r->basic);
    OCSP_RESPONSE_free(r->response);
    X509_STORE_free(r->store);
    sk_X509_free(r->certs);
}

static bool decode(struct reading *r)
{
    const unsigned char *p = r->q->ocsp_response.p;
    size_t len = r->q->ocsp_response.len;
    r->response = len > RESPONSE_BYTES_MAX ? NULL : d2i_OCSP_RESPONSE(NULL, &p, (long)len);
    if (r->response == NULL) {
        r->out->why = "the stapled OCSP response cannot be decoded";
        return false;
    }
    if (OCSP_response_status(r->response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        r->out->why = "the stapled OCSP response is an error message of the responder";
        return false;
    }
    r->basic = OCSP_response_get1_basic(r->response);
    if (r->basic == NULL) {
        r->out->why = "the stapled OCSP response is of an unknown type";
        return false;
    }
    return true;
}

/* The issuer is taken as trusted: whether it is, is judged with the path (RFC 6960 4.2.2.2). */
static bool signature_is_good(struct reading *r)
{
    X509 *issuer = r->path->certs[1]->x;
    r->store = X509_STORE_new();
    r->certs = sk_X509_new_null();
    if (r->store == NULL || r->certs == NULL || X509_STORE_add_cert(r->store, issuer) != 1 ||
        sk_X509_push(r->certs, issuer) <= 0) {
        return false;
    }
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(r->store);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (r->q->ignore_dates) {
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    } else {
        X509_VERIFY_PARAM_set_time(param, (time_t)r->q->at_s);
    }
    (void)X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_auth_level(param, 0);
    return OCSP_basic_verify(r->basic, r->certs, r->store, 0) == 1;
}

/* CertID may use any digest; the answer is compared with an id made with the same one. */
static bool is_about_leaf(const struct reading *r, OCSP_SINGLERESP *single)
{
    ASN1_OBJECT *algorithm = NULL;
    const OCSP_CERTID *there = OCSP_SINGLERESP_get0_id(single);
    OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)(uintptr_t)there);
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    if (digest == NULL) {
        return false;
    }
    OCSP_CERTID *wanted = OCSP_cert_to_id(digest, r->path->certs[0]->x, r->path->certs[1]->x);
    bool is_same = wanted != NULL && OCSP_id_cmp(wanted, there) == 0;
    OCSP_CERTID_free(wanted);
    return is_same;
}

static OCSP_SINGLERESP *find_single(const struct reading *r)
{
    int n = OCSP_resp_count(r->basic);
    for (int i = 0; i < n && i < 256; i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(r->basic, i);
        if (is_about_leaf(r, single)) {
            return single;
        }
    }
    return NULL;
}

static void put_boundary(struct staple_answer *a, int64_t at_s)
{
    if (a->n_boundaries < STAPLE_BOUNDARIES_MAX) {
        a->boundaries_s[a->n_boundaries++] = at_s;
    }
}

/* The signer's certificate may come with the response and has dates of its own. */
static void put_signer_boundaries(const struct reading *r)
{
    const STACK_OF(X509) *certs = OCSP_resp_get0_certs(r->basic);
    if (sk_X509_num(certs) > 2) { /* more than one signer is nothing usual: judge each time */
        put_boundary(r->out, r->q->at_s);
        return;
    }
    for (int i = 0; i < sk_X509_num(certs); i++) {
        int64_t at_s;
        const X509 *x = sk_X509_value(certs, i);
        if (asn1_time_get(X509_get0_notBefore(x), &at_s)) {
            put_boundary(r->out, at_s);
        }
        if (asn1_time_get(X509_get0_notAfter(x), &at_s)) {
            put_boundary(r->out, at_s);
        }
    }
}

/* Between thisUpdate and nextUpdate (RFC 6960 section 4.2.2.1), give or take clocks. */
static bool is_current(struct reading *r, const ASN1_TIME *this_update,
                       const ASN1_TIME *next_update)
{
    int64_t from_s;
    int64_t until_s = INT64_MAX;
    if (!asn1_time_get(this_update, &from_s) ||
        (next_update != NULL && !asn1_time_get(next_update, &until_s))) {
        r->out->why = "the stapled OCSP response has a time that cannot be read";
        return false;
    }
    from_s -= CLOCK_SKEW_S;
    until_s = next_update == NULL ? INT64_MAX : until_s + CLOCK_SKEW_S;
    put_boundary(r->out, from_s);
    put_boundary(r->out, until_s);
    if (r->q->ignore_dates) {
        return true;
    }
    if (r->q->at_s < from_s) {
        r->out->why = "the stapled OCSP response is not yet valid";
        return false;
    }
    if (r->q->at_s > until_s) {
        r->out->why = "the stapled OCSP response is past its nextUpdate";
        return false;
    }
    return true;
}

static void read_status(struct reading *r)
{
    OCSP_SINGLERESP *single = find_single(r);
    ASN1_GENERALIZEDTIME *from = NULL;
    ASN1_GENERALIZEDTIME *until = NULL;
    if (single == NULL) {
        r->out->why = "the stapled OCSP response is about another certificate";
        return;
    }
    int status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);
    if (!is_current(r, from, until)) {
        return;
    }
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        r->out->state = STAPLE_REVOKED;
        r->out->why = "the stapled OCSP response says that the certificate is revoked";
    } else if (status == V_OCSP_CERTSTATUS_GOOD) {
        r->out->state = STAPLE_GOOD;
        r->out->why = "good";
    } else {
        r->out->why = "the stapled OCSP response says that the responder does not know the "
                      "certificate";
    }
}

static void read_answer(struct reading *r)
{
    if (!decode(r)) {
        return;
    }
    if (r->path->n < 2) {
        r->out->why = "the stapled OCSP response cannot be verified without the issuer";
        return;
    }
    put_signer_boundaries(r);
    if (!signature_is_good(r)) {
        r->out->why = "the signature of the stapled OCSP response does not verify";
        return;
    }
    read_status(r);
}

void ocsp_read(const struct path *path, const struct x509_question *q, struct staple_answer *out)
{
    *out = (struct staple_answer){ .state = STAPLE_NONE };
    if (q->ocsp_response.len == 0) {
        return;
    }
    struct reading r = { .path = path, .q = q, .out = out };
    out->state = STAPLE_UNKNOWN;
    read_answer(&r);
    reading_deinit(&r);
}
