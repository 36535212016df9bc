#include "gateway/trial_host.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "gateway/properties.h"

enum { ROUNDS_MAX = 32, SETTINGS_BYTES = 256 * 1024 };

struct both_ends {
    SSL_CTX *router_ctx, *client_ctx;
    SSL *router, *client;
    struct arena arena;
};

unsigned trial_host_protocols(const struct properties *all, const struct virtual_host *v)
{
    unsigned allowed = property_protocols(all, PROPERTY_MANAGEMENT_PROTOCOLS);
    unsigned said = v->ssl_protocols & allowed;
    unsigned usual = property_protocols(all, PROPERTY_ROUTER_PROTOCOLS);
    if (said != 0) {
        return said;
    }
    return usual != 0 ? usual : TLS_PROTOCOL_1_2 | TLS_PROTOCOL_1_3;
}

static enum status refused(struct err *err, const char *what)
{
    char reason[160];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return err_set(err, ST_USAGE, "%s: %s", what, reason);
}

/* --- the Router's end --- */

static void choose_protocols(SSL_CTX *ctx, unsigned wanted)
{
    static const struct {
        unsigned bit;
        uint64_t off;
    } rows[] = { { TLS_PROTOCOL_1_0, SSL_OP_NO_TLSv1 },
                 { TLS_PROTOCOL_1_1, SSL_OP_NO_TLSv1_1 },
                 { TLS_PROTOCOL_1_2, SSL_OP_NO_TLSv1_2 },
                 { TLS_PROTOCOL_1_3, SSL_OP_NO_TLSv1_3 } };
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((wanted & rows[i].bit) == 0) {
            SSL_CTX_set_options(ctx, rows[i].off);
        }
    }
}

static enum status choose_suites(struct both_ends *b, const struct properties *all,
                                 const struct virtual_host *v, unsigned protocols, struct err *err)
{
    struct ssl_settings said = { 0 };
    bool is_old = (protocols & (TLS_PROTOCOL_1_0 | TLS_PROTOCOL_1_1)) != 0;
    TRY(ssl_info_settle(&v->ssl, &b->arena, &said, err));
    const char *list = v->ssl_ciphers != NULL ? v->ssl_ciphers
                       : said.ciphers != NULL ? said.ciphers
                                              : property_text(all, PROPERTY_ROUTER_CIPHERS);
    bool has_level = strstr(list, "@SECLEVEL") != NULL;
    const char *whole =
        arena_printf(&b->arena, "%s%s", list, is_old && !has_level ? ":@SECLEVEL=0" : "");
    if (whole == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (SSL_CTX_set_cipher_list(b->router_ctx, whole) != 1 ||
        (said.suites != NULL && SSL_CTX_set_ciphersuites(b->router_ctx, said.suites) != 1)) {
        return refused(err, "its ciphers");
    }
    return ST_OK;
}

/* The chain matters not: the client trusts everybody. */
static enum status show_certificate(SSL_CTX *ctx, const struct alias *own, struct err *err)
{
    BIO *chain = BIO_new_mem_buf(own->pem, -1);
    BIO *keys = BIO_new_mem_buf(own->key.p, (int)own->key.len);
    X509 *leaf = chain == NULL ? NULL : PEM_read_bio_X509(chain, NULL, NULL, NULL);
    EVP_PKEY *key = keys == NULL ? NULL : PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
    bool is_set = leaf != NULL && key != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1 &&
                  SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(leaf);
    EVP_PKEY_free(key);
    BIO_free(chain);
    BIO_free(keys);
    return is_set ? ST_OK : refused(err, "its certificate or key");
}

/* --- both --- */

static enum status join(struct both_ends *b, struct err *err)
{
    BIO *at_router = NULL;
    BIO *at_client = NULL;
    b->router = SSL_new(b->router_ctx);
    b->client = SSL_new(b->client_ctx);
    if (b->router == NULL || b->client == NULL ||
        BIO_new_bio_pair(&at_router, 0, &at_client, 0) != 1) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    SSL_set_bio(b->router, at_router, at_router);
    SSL_set_bio(b->client, at_client, at_client);
    SSL_set_accept_state(b->router);
    SSL_set_connect_state(b->client);
    return ST_OK;
}

static bool is_waiting(SSL *ssl, int result)
{
    int why = SSL_get_error(ssl, result);
    return result == 1 || why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool shake_hands(struct both_ends *b)
{
    bool is_done = false;
    bool goes_on = true;
    for (int i = 0; i < ROUNDS_MAX && goes_on && !is_done; i++) {
        int at_client = SSL_do_handshake(b->client);
        bool client_waits = is_waiting(b->client, at_client);
        int at_router = SSL_do_handshake(b->router);
        goes_on = client_waits && is_waiting(b->router, at_router);
        is_done = at_client == 1 && at_router == 1;
    }
    ERR_clear_error();
    return is_done;
}

static enum status work(struct both_ends *b, const struct properties *all,
                        const struct virtual_host *v, const struct alias *own, bool *out,
                        struct err *err)
{
    unsigned protocols = trial_host_protocols(all, v);
    b->router_ctx = SSL_CTX_new(TLS_server_method());
    b->client_ctx = SSL_CTX_new(TLS_client_method());
    if (b->router_ctx == NULL || b->client_ctx == NULL) {
        return refused(err, "OpenSSL");
    }
    choose_protocols(b->router_ctx, protocols);
    choose_protocols(b->client_ctx, TLS_PROTOCOL_ALL);
    if (SSL_CTX_set_cipher_list(b->client_ctx, "ALL:@SECLEVEL=0") != 1) {
        return refused(err, "OpenSSL");
    }
    TRY(choose_suites(b, all, v, protocols, err));
    TRY(show_certificate(b->router_ctx, own, err));
    TRY(join(b, err));
    *out = shake_hands(b);
    return ST_OK;
}

static enum status read_properties(struct properties *all, const struct places *places,
                                   struct err *err)
{
    struct text warnings = { 0 };
    properties_default(all);
    enum status st = places == NULL ? ST_OK : properties_read(all, places, &warnings, err);
    text_deinit(&warnings);
    return st;
}

enum status trial_of_host(const struct places *places, const struct virtual_host *v,
                          const struct alias *own, bool *out, struct err *err)
{
    struct both_ends b = { .arena = { .limit_bytes = SETTINGS_BYTES } };
    struct properties *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = read_properties(all, places, err);
    if (st == ST_OK) {
        st = work(&b, all, v, own, out, err);
    }
    SSL_free(b.router);
    SSL_free(b.client);
    SSL_CTX_free(b.router_ctx);
    SSL_CTX_free(b.client_ctx);
    arena_deinit(&b.arena);
    free(all);
    return st;
}
