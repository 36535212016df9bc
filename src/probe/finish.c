#include "probe/finish.h"

#include <openssl/err.h>
#include <string.h>

#include "dial/dial_ssl.h"

static void copy_word(char *to, size_t room, const char *from, size_t len)
{
    size_t n = len < room - 1 ? len : room - 1;
    (void)bytes_copy(to, room, bytes_of(from, n));
    to[n] = '\0';
}

static int note_request(SSL *ssl, void *arg)
{
    struct probe_finish *f = arg;
    (void)ssl;
    f->is_asked = true;
    return 1;
}

static int note_session(SSL *ssl, SSL_SESSION *session)
{
    struct probe_finish *f = SSL_get_app_data(ssl);
    SSL_SESSION_free(f->new_session);
    f->new_session = session; /* ours from here on */
    f->n_tickets++;
    f->is_confirmed = true;
    f->has_ticket = SSL_SESSION_has_ticket(session) == 1;
    f->ticket_lifetime_s = (uint32_t)SSL_SESSION_get_ticket_lifetime_hint(session);
    f->max_early_data = SSL_SESSION_get_max_early_data(session);
    return 1;
}

static void note_secret(const SSL *ssl, const char *line)
{
    struct probe_finish *f = SSL_get_app_data(ssl);
    if (f != NULL && f->keylog.len < 4096) {
        text_puts(&f->keylog, line);
        text_putc(&f->keylog, '\n');
    }
}

/* SSL_alert_type_string() tells fatal from warning by a letter; `value` is level and description.
 */
static void note_info(const SSL *ssl, int where, int value)
{
    struct probe_finish *f = SSL_get_app_data(ssl);
    if (where == SSL_CB_READ_ALERT && f != NULL) {
        if ((value & 0xff) == SSL_AD_CLOSE_NOTIFY) {
            f->is_confirmed = f->is_confirmed || f->is_done;
        } else if (value >> 8 == SSL3_AL_FATAL || SSL_version(ssl) == TLS1_3_VERSION) {
            f->has_alert = true;
            f->alert = (uint8_t)value;
        }
    }
}

static enum status widen(struct probe_finish *f, struct err *err)
{
    if (f->is_default) {
        return ST_OK;
    }
    SSL_CTX_set_options(f->context,
                        SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    if (SSL_CTX_set_cipher_list(f->context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0") != 1) {
        return dial_ssl_error(ST_USAGE, "OpenSSL", err);
    }
    return ST_OK;
}

static enum status set_certificate(struct probe_finish *f, struct err *err)
{
    if (f->cert_path == NULL) {
        return ST_OK;
    }
    const char *key = f->key_path != NULL ? f->key_path : f->cert_path;
    if (SSL_CTX_use_certificate_chain_file(f->context, f->cert_path) != 1) {
        return dial_ssl_error(ST_USAGE, f->cert_path, err);
    }
    if (SSL_CTX_use_PrivateKey_file(f->context, key, SSL_FILETYPE_PEM) != 1) {
        return dial_ssl_error(ST_USAGE, key, err);
    }
    return ST_OK;
}

static enum status set_context(struct probe_finish *f, struct err *err)
{
    f->context = SSL_CTX_new(TLS_client_method());
    if (f->context == NULL) {
        return dial_ssl_error(ST_USAGE, "OpenSSL", err);
    }
    TRY(widen(f, err));
    TRY(set_certificate(f, err));
    int low = f->min_version == 0 ? TLS1_VERSION : f->min_version;
    if (SSL_CTX_set_min_proto_version(f->context, low) != 1 ||
        SSL_CTX_set_max_proto_version(f->context, f->max_version) != 1) {
        return dial_ssl_error(ST_USAGE, "OpenSSL", err);
    }
    if (f->no_tickets) {
        SSL_CTX_set_options(f->context, SSL_OP_NO_TICKET);
    }
    SSL_CTX_set_verify(f->context, SSL_VERIFY_NONE, dial_ssl_take_anything);
    if (f->cert_path == NULL) {
        SSL_CTX_set_cert_cb(f->context, note_request, f);
    }
    SSL_CTX_set_session_cache_mode(f->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(f->context, note_session);
    SSL_CTX_set_keylog_callback(f->context, note_secret);
    SSL_CTX_set_info_callback(f->context, note_info);
    return ST_OK;
}

enum status finish_start(struct probe_finish *f, struct err *err)
{
    TRY(set_context(f, err));
    f->ssl = SSL_new(f->context);
    f->from_peer = BIO_new(BIO_s_mem());
    f->to_peer = BIO_new(BIO_s_mem());
    if (f->ssl == NULL || f->from_peer == NULL || f->to_peer == NULL) {
        BIO_free(f->from_peer);
        BIO_free(f->to_peer);
        return err_set(err, ST_NOMEM, "no memory");
    }
    BIO_set_mem_eof_return(f->from_peer, -1);
    SSL_set_app_data(f->ssl, f);
    SSL_set_bio(f->ssl, f->from_peer, f->to_peer);
    SSL_set_connect_state(f->ssl);
    if ((f->session != NULL && SSL_set_session(f->ssl, f->session) != 1) ||
        (f->server_name != NULL && f->server_name[0] != '\0' &&
         SSL_set_tlsext_host_name(f->ssl, f->server_name) != 1)) {
        return dial_ssl_error(ST_USAGE, "OpenSSL", err);
    }
    return ST_OK;
}

/* 0-RTT goes out with the ClientHello: HTTP's least request, which changes nothing (RFC 8470). */
static void write_early_data(struct probe_finish *f)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    size_t n = 0;
    if (f->early_data && !f->early_data_written && f->session != NULL &&
        SSL_SESSION_get_max_early_data(f->session) > 0) {
        f->early_data_written = SSL_write_early_data(f->ssl, request, sizeof request - 1, &n) == 1;
    }
}

static void note_done(struct probe_finish *f)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(f->ssl);
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    unsigned id_len = 0;
    f->is_done = true;
    f->version = (uint16_t)SSL_version(f->ssl);
    f->cipher_suite = cipher == NULL ? 0 : SSL_CIPHER_get_protocol_id(cipher);
    f->is_resumed = SSL_session_reused(f->ssl) == 1;
    f->early_data_accepted = SSL_get_early_data_status(f->ssl) == SSL_EARLY_DATA_ACCEPTED;
    f->ems = SSL_get_extms_support(f->ssl) == 1;
    (void)SSL_SESSION_get_id(SSL_get_session(f->ssl), &id_len);
    f->has_session_id = id_len > 0;
    SSL_get0_alpn_selected(f->ssl, &alpn, &alpn_len);
    if (alpn != NULL) {
        copy_word(f->alpn, sizeof f->alpn, (const char *)alpn, alpn_len);
    }
    /* Up to TLS 1.2 the server's Finished comes last: it has taken our certificate, or none. */
    f->is_confirmed = f->is_confirmed || f->version < TLS1_3_VERSION || f->session != NULL;
}

static void note_failure(struct probe_finish *f)
{
    char reason[160];
    ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
    const char *last = strrchr(reason, ':');
    copy_word(f->why, sizeof f->why, last == NULL ? reason : last + 1,
              strlen(last == NULL ? reason : last + 1));
    ERR_clear_error();
}

/* One step of the handshake, or of reading what follows it. */
static enum finish_progress step(struct probe_finish *f)
{
    char piece[2048];
    ERR_clear_error();
    write_early_data(f);
    int n = f->is_done ? SSL_read(f->ssl, piece, sizeof piece) : SSL_do_handshake(f->ssl);
    int reason = n > 0 ? SSL_ERROR_NONE : SSL_get_error(f->ssl, n);
    if (!f->is_done && n == 1) {
        note_done(f);
        (void)SSL_read(f->ssl, piece, 0); /* reads tickets that came along */
        return f->is_confirmed ? FINISH_OVER : FINISH_MORE;
    }
    if (f->is_done && n > 0) {
        f->is_confirmed = true;
        return FINISH_OVER;
    }
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
        return f->is_done && f->is_confirmed ? FINISH_OVER : FINISH_MORE;
    }
    note_failure(f);
    return FINISH_OVER;
}

enum finish_progress finish_push(struct probe_finish *f, struct bytes in, struct text *out)
{
    char *waiting = NULL;
    if (in.len > 0 && BIO_write(f->from_peer, in.p, (int)in.len) != (int)in.len) {
        return FINISH_OVER;
    }
    bool was_done = f->is_done;
    enum finish_progress progress = step(f);
    if (progress == FINISH_MORE && f->is_done && !was_done) {
        progress = step(f); /* what came with the last flight */
    }
    long n = BIO_get_mem_data(f->to_peer, &waiting);
    if (n > 0) {
        text_put(out, waiting, (size_t)n);
        (void)BIO_reset(f->to_peer);
    }
    return progress;
}

void finish_deinit(struct probe_finish *f)
{
    SSL_SESSION_free(f->new_session);
    if (f->ssl != NULL) { /* else SSL_free() takes the session for broken and unfit to resume */
        SSL_set_shutdown(f->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(f->ssl);
    SSL_CTX_free(f->context);
    text_deinit(&f->keylog);
    f->new_session = NULL;
    f->ssl = NULL;
    f->context = NULL;
}
