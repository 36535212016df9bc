#include "dial/dial_blocking.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "dial/dial_ssl.h"

enum {
    FETCH_PIECE_BYTES = 16384,
    FETCH_LIMIT_BYTES = 1 << 20, /* of all that one server may send us */
    FETCH_CERTIFICATES_MAX = 128,
};

struct fetch {
    const struct dial_target *target;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *from_peer, *to_peer; /* owned by ssl */
    struct dial_tds tds;
    struct text pieces;
    size_t n_received;
    bool asked_for_certificate;
};

struct fetched_storage {
    struct arena arena;
};

/* The server asked for a certificate: note it, send none. */
static int note_request(SSL *ssl, void *arg)
{
    struct fetch *f = arg;
    (void)ssl;
    f->asked_for_certificate = true;
    return 1;
}

/* The widest offer that OpenSSL can make: TLS 1.0 to 1.3, security level 0. */
static enum status set_up(struct fetch *f, struct err *err)
{
    const char *name = dial_server_name(f->target);
    f->context = SSL_CTX_new(TLS_client_method());
    if (f->context == NULL || SSL_CTX_set_min_proto_version(f->context, TLS1_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(f->context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0") != 1) {
        return dial_ssl_error(ST_IO, "OpenSSL", err);
    }
    SSL_CTX_set_options(f->context,
                        SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_verify(f->context, SSL_VERIFY_NONE, dial_ssl_take_anything);
    SSL_CTX_set_cert_cb(f->context, note_request, f);
    f->ssl = SSL_new(f->context);
    f->from_peer = BIO_new(BIO_s_mem());
    f->to_peer = BIO_new(BIO_s_mem());
    if (f->ssl == NULL || f->from_peer == NULL || f->to_peer == NULL) {
        BIO_free(f->from_peer);
        BIO_free(f->to_peer);
        return err_set(err, ST_NOMEM, "no memory");
    }
    BIO_set_mem_eof_return(f->from_peer, -1);
    SSL_set_bio(f->ssl, f->from_peer, f->to_peer);
    SSL_set_connect_state(f->ssl);
    if (SSL_set_tlsext_status_type(f->ssl, TLSEXT_STATUSTYPE_ocsp) != 1 ||
        (name[0] != '\0' && SSL_set_tlsext_host_name(f->ssl, name) != 1)) {
        return dial_ssl_error(ST_IO, "OpenSSL", err);
    }
    return ST_OK;
}

static enum status flush(struct fetch *f, int64_t deadline_ns, struct err *err)
{
    char *waiting = NULL;
    long n = BIO_get_mem_data(f->to_peer, &waiting);
    if (n <= 0) {
        return ST_OK;
    }
    struct bytes out = bytes_of(waiting, (size_t)n);
    if (f->target->starttls == DIAL_MSSQL) {
        text_clear(&f->pieces);
        dial_tds_wrap(&f->pieces, out);
        out = bytes_of(f->pieces.p, f->pieces.len);
    }
    enum status st = dial_send(f->fd, out, deadline_ns, err);
    (void)BIO_reset(f->to_peer);
    return st;
}

static enum status receive(struct fetch *f, int64_t deadline_ns, struct err *err)
{
    uint8_t piece[FETCH_PIECE_BYTES];
    TRY(dial_wait(f->fd, POLLIN, deadline_ns, err));
    ssize_t n = recv(f->fd, piece, sizeof piece, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ST_OK;
    }
    if (n <= 0) {
        return err_set(err, ST_IO,
                       n == 0 ? "the server closed the connection" : "the connection was reset");
    }
    struct bytes in = bytes_of(piece, (size_t)n);
    if (f->target->starttls == DIAL_MSSQL) {
        text_clear(&f->pieces);
        dial_tds_unwrap(&f->tds, in, &f->pieces);
        in = bytes_of(f->pieces.p, f->pieces.len);
    }
    if (in.len > 0 && BIO_write(f->from_peer, in.p, (int)in.len) != (int)in.len) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    f->n_received += (size_t)n;
    if (f->n_received > FETCH_LIMIT_BYTES) {
        return err_set(err, ST_IO, "the server sends without end");
    }
    return ST_OK;
}

/* A server that demands a certificate ends the handshake after it has shown its own. */
static bool has_shown(const struct fetch *f)
{
    return SSL_get0_peer_certificate(f->ssl) != NULL;
}

static enum status shake_once(struct fetch *f, int64_t deadline_ns, bool *out_done, struct err *err)
{
    ERR_clear_error();
    int done = SSL_do_handshake(f->ssl);
    int reason = done == 1 ? SSL_ERROR_NONE : SSL_get_error(f->ssl, done);
    enum status st = flush(f, deadline_ns, err);
    *out_done = done == 1;
    if (done == 1) {
        return ST_OK;
    }
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        return dial_ssl_error(ST_IO, "handshake", err);
    }
    TRY(st);
    return receive(f, deadline_ns, err);
}

static enum status shake(struct fetch *f, struct err *err)
{
    int64_t deadline_ns = dial_deadline(f->target);
    bool is_done = false;
    enum status st = ST_OK;
    while (!is_done && st == ST_OK) {
        st = shake_once(f, deadline_ns, &is_done, err);
    }
    return has_shown(f) ? ST_OK : st;
}

static enum status copy_certificate(struct arena *arena, X509 *certificate, struct bytes *out)
{
    int len = i2d_X509(certificate, NULL);
    uint8_t *room = len <= 0 ? NULL : arena_alloc(arena, (size_t)len);
    if (room == NULL) {
        return ST_NOMEM;
    }
    *out = bytes_of(room, (size_t)len);
    return i2d_X509(certificate, &room) == len ? ST_OK : ST_NOMEM;
}

/* As in certificate_authorities (RFC 8446 section 4.2.4). */
static enum status copy_ca_names(const struct fetch *f, struct arena *arena, struct bytes *out)
{
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(f->ssl);
    struct text list = { 0 };
    for (int i = 0; names != NULL && i < sk_X509_NAME_num(names); i++) {
        const unsigned char *der = NULL;
        size_t len = 0;
        if (X509_NAME_get0_der(sk_X509_NAME_value(names, i), &der, &len) == 1 &&
            len <= UINT16_MAX) {
            text_putc(&list, (char)(len >> 8));
            text_putc(&list, (char)(len & 0xff));
            text_put(&list, (const char *)der, len);
        }
    }
    *out = arena_copy(arena, bytes_of(list.p, list.len));
    bool is_whole = !list.failed && out->len == list.len;
    text_deinit(&list);
    return is_whole ? ST_OK : ST_NOMEM;
}

static enum status collect(const struct fetch *f, struct dial_fetched *out, struct arena *arena)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(f->ssl);
    int n = chain == NULL ? 0 : sk_X509_num(chain);
    n = n > FETCH_CERTIFICATES_MAX ? FETCH_CERTIFICATES_MAX : n;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(f->ssl);
    const unsigned char *staple = NULL;
    long staple_len = SSL_get_tlsext_status_ocsp_resp(f->ssl, &staple);
    if (n > 0) {
        out->certificates = arena_alloc_array(arena, (size_t)n, sizeof *out->certificates);
        if (out->certificates == NULL) {
            return ST_NOMEM;
        }
    }
    for (int i = 0; i < n; i++) {
        TRY(copy_certificate(arena, sk_X509_value(chain, i), &out->certificates[i]));
        out->n++;
    }
    if (staple != NULL && staple_len > 0) {
        out->ocsp_response = arena_copy(arena, bytes_of(staple, (size_t)staple_len));
    }
    out->version = (uint16_t)SSL_version(f->ssl);
    out->cipher_suite = cipher == NULL ? 0 : SSL_CIPHER_get_protocol_id(cipher);
    out->asked_for_certificate = f->asked_for_certificate;
    return copy_ca_names(f, arena, &out->ca_names);
}

static enum status run(struct fetch *f, struct dial_fetched *out, struct err *err)
{
    struct endpoint local;
    struct fetched_storage *storage = calloc(1, sizeof *storage);
    if (storage == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    storage->arena.limit_bytes = 2 * (size_t)FETCH_LIMIT_BYTES;
    out->storage = storage;
    TRY(dial_open_nonblocking(f->target, &f->fd, err));
    dial_ends(f->fd, &local, &out->peer);
    TRY(set_up(f, err));
    enum status st = shake(f, err);
    if (st != ST_OK) {
        struct err why = *err;
        return err_set(err, st, "%.200s port %u: %.240s", f->target->host, f->target->port,
                       why.text);
    }
    return collect(f, out, &storage->arena) == ST_OK ? ST_OK : err_set(err, ST_NOMEM, "no memory");
}

enum status dial_fetch(const struct dial_target *target, struct dial_fetched *out, struct err *err)
{
    struct fetch f = { .target = target, .fd = -1 };
    *out = (struct dial_fetched){ 0 };
    enum status st = run(&f, out, err);
    SSL_free(f.ssl);
    SSL_CTX_free(f.context);
    text_deinit(&f.pieces);
    if (f.fd >= 0) {
        close(f.fd);
    }
    if (st != ST_OK) {
        dial_fetched_deinit(out);
    }
    return st;
}

void dial_fetched_deinit(struct dial_fetched *f)
{
    struct fetched_storage *storage = f->storage;
    if (storage != NULL) {
        arena_deinit(&storage->arena);
        free(storage);
    }
    *f = (struct dial_fetched){ 0 };
}
