/* Trust anchors, loaded when the configuration is read: a bad file is an error then, and not in the
 * middle of a handshake. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "nginx/south.h"

enum { ANCHORS_MAX = 65536 };

static void free_store(void *data)
{
    X509_STORE_free(data);
}

/* Adds the next certificate of the file: 1, at its end 0, where it is none -1. */
static int add_next(BIO *in, X509_STORE *store, EVP_MD_CTX *digest)
{
    unsigned char one[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509 *x = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
    if (x == NULL) {
        unsigned long error = ERR_peek_last_error();
        bool at_end =
            ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return at_end ? 0 : -1;
    }
    bool is_added = X509_STORE_add_cert(store, x) == 1 &&
                    X509_digest(x, EVP_sha256(), one, &len) == 1 &&
                    EVP_DigestUpdate(digest, one, len) == 1;
    X509_free(x);
    return is_added ? 1 : -1;
}

/* How many there were; -1: the file cannot be used. */
static int add_all(BIO *in, struct hf_trust *t, EVP_MD_CTX *digest)
{
    int n = 0;
    int added = 1;
    while (added > 0 && n < ANCHORS_MAX) {
        added = add_next(in, t->store, digest);
        n += added > 0 ? 1 : 0;
    }
    return added == 0 && EVP_DigestFinal_ex(digest, t->digest, NULL) == 1 ? n : -1;
}

static int read_file(const char *path, struct hf_trust *t)
{
    BIO *in = BIO_new_file(path, "r");
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int n = -1;
    if (in != NULL && digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1) {
        n = add_all(in, t, digest);
    }
    EVP_MD_CTX_free(digest);
    BIO_free(in);
    return n;
}

static struct hf_trust *load(ngx_conf_t *cf, struct hf_trust *t)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    t->store = cleanup == NULL ? NULL : X509_STORE_new();
    if (t->store == NULL) {
        return NULL;
    }
    cleanup->handler = free_store;
    cleanup->data = t->store;
    X509_STORE_set_flags(t->store, X509_V_FLAG_PARTIAL_CHAIN);
    int n = read_file((const char *)t->path.data, t);
    if (n <= 0) {
        const char *why = n == 0 ? "there is no certificate in \"%V\""
                                 : "\"%V\" cannot be read as certificates in PEM";
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, why, &t->path);
        return NULL;
    }
    return t;
}

struct hf_trust *hf_trust_load(ngx_conf_t *cf, ngx_array_t *known, ngx_str_t *path)
{
    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NULL;
    }
    struct hf_trust **all = known->elts;
    for (ngx_uint_t i = 0; i < known->nelts; i++) {
        if (all[i]->path.len == path->len &&
            ngx_memcmp(all[i]->path.data, path->data, path->len) == 0) {
            return all[i];
        }
    }
    struct hf_trust **slot = ngx_array_push(known);
    struct hf_trust *t = slot == NULL ? NULL : ngx_pcalloc(cf->pool, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->path = *path;
    *slot = t;
    return load(cf, t);
}
