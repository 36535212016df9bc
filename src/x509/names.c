/* Names as text, and whether a certificate names a host. */
#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/idn.h"
#include "x509/store.h"

enum { NAME_TEXT_MAX = 1024 };

/* RFC 4514 order and escapes, but characters above ASCII stay as they are. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

/* What was printed into `bio`, made safe for a terminal; long names end in "...". */
static void put_bio(struct text *out, BIO *bio)
{
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    if (len <= 0) {
        return;
    }
    struct bytes all = bytes_of(p, (size_t)len);
    text_put_safe(out, bytes_head(all, NAME_TEXT_MAX));
    if (all.len > NAME_TEXT_MAX) {
        text_puts(out, "...");
    }
}

void name_put(struct text *out, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        out->failed = true;
        return;
    }
    if (name != NULL && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) >= 0) {
        put_bio(out, bio);
    }
    BIO_free(bio);
}

const char *name_dup(struct arena *a, const X509_NAME *name)
{
    struct text text = { 0 };
    name_put(&text, name);
    const char *copy = arena_strndup(a, text_str(&text), text.len);
    text_deinit(&text);
    return copy == NULL ? "" : copy;
}

bool name_put_entry(struct text *out, const X509_NAME *name, int nid)
{
    int last = -1;
    for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0;
         i = X509_NAME_get_index_by_NID(name, nid, i)) {
        last = i;
    }
    const X509_NAME_ENTRY *entry = last < 0 ? NULL : X509_NAME_get_entry(name, last);
    BIO *bio = entry == NULL ? NULL : BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return false;
    }
    bool is_put = ASN1_STRING_print_ex(bio, X509_NAME_ENTRY_get_data(entry),
                                       ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_DUMP_UNKNOWN) > 0;
    if (is_put) {
        put_bio(out, bio);
    }
    BIO_free(bio);
    return is_put;
}

static X509_NAME *name_decode(struct bytes der)
{
    const unsigned char *p = der.p;
    if (der.len == 0 || der.len > CERT_BYTES_MAX) {
        return NULL;
    }
    X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.len);
    if (name != NULL && p != der.p + der.len) {
        X509_NAME_free(name);
        return NULL;
    }
    return name;
}

void x509_name_put(struct text *out, struct bytes name_der)
{
    ERR_set_mark();
    X509_NAME *name = name_decode(name_der);
    if (name == NULL) {
        text_puts(out, "(a name that cannot be decoded)");
    } else if (X509_NAME_entry_count(name) == 0) {
        text_puts(out, "(empty name)");
    } else {
        name_put(out, name);
    }
    X509_NAME_free(name);
    ERR_pop_to_mark();
}

bool x509_issued_by(const struct x509_chain *chain, struct bytes name_der)
{
    bool is_issued = false;
    ERR_set_mark();
    X509_NAME *name = name_decode(name_der);
    for (size_t i = 0; name != NULL && i < chain->n && !is_issued; i++) {
        const X509 *x = chain->certs[i]->x;
        is_issued = x != NULL && X509_NAME_cmp(X509_get_issuer_name(x), name) == 0;
    }
    X509_NAME_free(name);
    ERR_pop_to_mark();
    return is_issued;
}

/* "[v6]" and a final dot are spellings of the same host (RFC 3986 section 3.2.2, RFC 1034 3.1). */
bool host_normalize(const char *host, char out[HOST_MAX + 1])
{
    struct bytes b = bytes_of_str(host);
    if (b.len > 2 && b.p[0] == '[' && b.p[b.len - 1] == ']') {
        b = (struct bytes){ b.p + 1, b.len - 2 };
    } else if (b.len > 1 && b.p[b.len - 1] == '.') {
        b = bytes_head(b, b.len - 1);
    }
    return idn_to_ascii(b, out, HOST_MAX + 1);
}

bool host_to_ip(const char *host, uint8_t out[16], size_t *out_len)
{
    *out_len = inet_pton(AF_INET, host, out) == 1 ? 4 : 16;
    return *out_len == 4 || inet_pton(AF_INET6, host, out) == 1;
}

bool host_is_named(const struct cert *c, const char *host)
{
    char ascii[HOST_MAX + 1];
    uint8_t ip[16];
    size_t ip_len;
    if (c->x == NULL || !host_normalize(host, ascii) || ascii[0] == '\0' || ascii[0] == '.' ||
        strchr(ascii, '*') != NULL) {
        return false; /* to OpenSSL a leading dot would mean any name below, and "*" itself */
    }
    if (host_to_ip(ascii, ip, &ip_len)) {
        return X509_check_ip(c->x, ip, ip_len, 0) == 1;
    }
    /* RFC 9525 section 2: the common name is no host name, section 6.3: the wildcard is a label */
    unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    return X509_check_host(c->x, ascii, 0, flags, NULL) == 1;
}

bool x509_names_host(const struct x509_chain *chain, const char *host)
{
    struct x509_chain *own = (struct x509_chain *)(uintptr_t)chain; /* the answers are cached */
    size_t len = strlen(host);
    if (chain->n == 0 || len == 0 || len > HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < CHAIN_HOSTS; i++) {
        const struct host_answer *a = &chain->hosts[i];
        if (a->len == len && strcmp(a->host, host) == 0) {
            return a->is_named;
        }
    }
    struct host_answer *a = &own->hosts[own->next_host++ % CHAIN_HOSTS];
    (void)bytes_copy(a->host, sizeof a->host, bytes_of(host, len + 1));
    a->len = len;
    ERR_set_mark();
    a->is_named = host_is_named(chain->certs[0], host);
    ERR_pop_to_mark();
    return a->is_named;
}
