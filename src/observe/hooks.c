/* What the callbacks of OpenSSL tell, and what of it is kept. */
#include <errno.h>

#include <openssl/err.h>
#include <openssl/ssl3.h>
#include <openssl/tls1.h>
#include <unistd.h>

#include "base/clock.h"
#include "observe/watched.h"

enum {
    HS_CLIENT_HELLO = 1,
    HS_NEW_SESSION_TICKET = 4,
    HS_CERTIFICATE = 11,
    HS_FINISHED = 20,
    HANDSHAKE_HEADER = 4,
    DTLS_HANDSHAKE_HEADER = 12,
    RECORD_HEADER = 5,
    DTLS_RECORD_HEADER = 13,
    DTLS_FRAGMENT_MIN = 128,   /* no message this small is sent in pieces: the least MTU is 256 */
    EMPTY_CERTIFICATE_MAX = 4, /* an empty list, and in TLS 1.3 an empty context before it */
    ALERT_WARNING = 1,
    ALERT_CLOSE_NOTIFY = 0,
    ALERT_USER_CANCELED = 90,
    ERR_SSL_LIB = 20, /* ERR_LIB_SSL, since ever */
    REASON_UNEXPECTED_EOF = 294,
    CERTIFICATE_BYTES_MAX = 16 * 1024,
};

static const struct bytes nothing = { NULL, 0 };

static bool is_dtls(const struct watched *w)
{
    return (w->o->calls.SSL_version(w->ssl) >> 8) == DTLS1_VERSION_MAJOR;
}

void hooks_put(struct watched *w, struct note_entry e, struct bytes head, struct bytes tail)
{
    e.at_ns = clock_now_ns();
    note_put(&w->note, &e, head, tail);
}

static void store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* OpenSSL 3 packs library and reason as 8 and 23 bits, 1.1.1 had 12 bits for a function between. */
static void split_error(const struct watched *w, unsigned long code, uint32_t *library,
                        uint32_t *reason)
{
    const struct calls *c = &w->o->calls;
    bool is_3 = c->OpenSSL_version_num != NULL && c->OpenSSL_version_num() >= 0x30000000UL;
    if (is_3 && (code & 0x80000000UL) != 0) { /* ERR_SYSTEM_FLAG: errno */
        *library = 2;                         /* ERR_LIB_SYS */
        *reason = (uint32_t)(code & 0x7fffffffUL);
        return;
    }
    *library = is_3 ? (uint32_t)(code >> 23) & 0xff : (uint32_t)(code >> 24) & 0xff;
    *reason = (uint32_t)(code & (is_3 ? 0x7fffffUL : 0xfffUL));
}

static void put_error(struct watched *w, uint8_t which, unsigned long code)
{
    uint32_t library = 0;
    uint32_t reason = 0;
    uint8_t body[8];
    if (code == 0) {
        return;
    }
    split_error(w, code, &library, &reason);
    store_be32(body, library);
    store_be32(body + 4, reason);
    hooks_put(w, (struct note_entry){ .kind = NOTE_ERROR, .type = which },
              bytes_of(body, sizeof body), nothing);
}

void hooks_put_errors(struct watched *w)
{
    unsigned long oldest = w->o->calls.ERR_peek_error();
    unsigned long newest = w->o->calls.ERR_peek_last_error();
    put_error(w, 0, oldest);
    if (newest != oldest) {
        put_error(w, 1, newest);
    }
}

/* --- coming and going --- */

/* Callbacks that the program set after SSL_new() took the place of ours: ours calls them. */
static void chain_info(struct watched *w)
{
    INFO_CALLBACK there = w->o->calls.SSL_get_info_callback(w->ssl);
    if (there != w->o->ours.info) {
        w->info = there;
        w->o->calls.SSL_set_info_callback(w->ssl, w->o->ours.info);
    }
}

/* Only while the peer's certificate is looked at, so that the program hardly ever meets it. */
static void chain_verify(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    SSL_verify_cb there = c->SSL_get_verify_callback(w->ssl);
    if (there != w->o->ours.verify) {
        w->verify = there;
        c->SSL_set_verify(w->ssl, c->SSL_get_verify_mode(w->ssl), w->o->ours.verify);
    }
    w->verify_is_ours = true;
}

/* OpenSSL takes no NULL for "none": then ours stays, and does nothing. */
static void unchain_verify(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (w->verify_is_ours && w->verify != NULL &&
        c->SSL_get_verify_callback(w->ssl) == w->o->ours.verify) {
        c->SSL_set_verify(w->ssl, c->SSL_get_verify_mode(w->ssl), w->verify);
    }
    w->verify_is_ours = false;
}

static void unwatch_wire(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    BIO *now[2] = { c->SSL_get_wbio(w->ssl), c->SSL_get_rbio(w->ssl) };
    for (int i = 0; i < 2; i++) {
        /* A BIO that is no longer this SSL's may be gone. */
        bool is_there = w->wired[i] != NULL && (w->wired[i] == now[0] || w->wired[i] == now[1]);
        if (is_there && c->BIO_get_callback_ex(w->wired[i]) == w->o->ours.bio) {
            c->BIO_set_callback_ex(w->wired[i], NULL);
            c->BIO_set_callback_arg(w->wired[i], NULL);
        }
        w->wired[i] = NULL;
    }
}

void hooks_remove(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    c->SSL_set_msg_callback(w->ssl, w->msg);
    /* It costs nothing where no handshake begins, and sees when one does. */
    if (!w->is_dormant && c->SSL_get_info_callback(w->ssl) == w->o->ours.info) {
        c->SSL_set_info_callback(w->ssl, w->info);
    }
    unchain_verify(w);
    unwatch_wire(w);
}

/* False: its owner does not want it watched. */
static bool start(struct watched *w)
{
    if (w->started) {
        return true;
    }
    w->started = true;
    w->whose = observing.at_start == NULL ? w : observing.at_start(w->ssl);
    if (w->whose == NULL) {
        w->over = true;
        hooks_remove(w);
    }
    return w->whose != NULL;
}

static void begin(struct watched *w)
{
    if (w->begun) {
        return;
    }
    w->begun = true;
    w->pid = getpid();
    w->thread = pthread_self();
    watched_list(w);
    chain_info(w);
    hooks_watch_wire(w);
    if (w->is_again) {
        in_force_put_again(w);
    }
}

/* --- what comes and goes --- */

/* TLS 1.3 sends tickets when all is over, maybe to a connection that will idle. That there was one
 * is kept, in the form of RFC 8446 section 4.6.1: no lifetime, no nonce, one byte. */
static void put_own_ticket(struct watched *w)
{
    static const uint8_t empty[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
    if (!w->has_ticket) {
        w->has_ticket = true;
        hooks_put(w, (struct note_entry){ .kind = NOTE_MESSAGE, .type = HS_NEW_SESSION_TICKET },
                  bytes_of(empty, sizeof empty), nothing);
    }
}

/* What DTLS sent in pieces has the pieces' headers written into it by now (OpenSSL's
 * dtls1_do_write()): a Certificate is made anew, another message is left out. */
static void put_sent_in_pieces(struct watched *w, uint8_t type, size_t len)
{
    uint8_t room[CERTIFICATE_BYTES_MAX];
    struct bytes anew =
        type == HS_CERTIFICATE ? own_certificate_message(w, len, room, sizeof room) : nothing;
    if (anew.len > 0) {
        hooks_put(w, (struct note_entry){ .kind = NOTE_MESSAGE, .type = type }, anew, nothing);
    }
}

static void put_message(struct watched *w, bool from_peer, uint8_t type, struct bytes body)
{
    bool is_in_pieces =
        !from_peer && w->n_written > 1 && body.len > DTLS_FRAGMENT_MIN && is_dtls(w);
    w->n_written = from_peer ? w->n_written : 0;
    if (is_in_pieces) {
        put_sent_in_pieces(w, type, body.len);
    } else {
        hooks_put(w,
                  (struct note_entry){ .kind = NOTE_MESSAGE, .from_peer = from_peer, .type = type },
                  body, nothing);
    }
}

static void on_handshake(struct watched *w, bool from_peer, struct bytes body)
{
    size_t header = is_dtls(w) ? DTLS_HANDSHAKE_HEADER : HANDSHAKE_HEADER;
    if (body.len < header) {
        return;
    }
    uint8_t type = body.p[0];
    if (!again_wants(w, type)) {
        return;
    }
    begin(w);
    if (type == HS_NEW_SESSION_TICKET && !from_peer && w->done) {
        put_own_ticket(w);
        return;
    }
    chain_info(w);
    if (from_peer && type == HS_CERTIFICATE) {
        chain_verify(w);
        bool is_server = w->o->calls.SSL_is_server(w->ssl) != 0;
        w->is_noteworthy =
            w->is_noteworthy || (is_server && body.len - header <= EMPTY_CERTIFICATE_MAX);
    } else if (w->verify_is_ours && from_peer) {
        unchain_verify(w);
    }
    w->peer_finished = w->peer_finished || (from_peer && type == HS_FINISHED);
    put_message(w, from_peer, type, bytes_skip(body, header));
    if (again_is_done(w, from_peer, type)) {
        hooks_done(w);
    }
}

/* RFC 8446 section 6: in TLS 1.3 all alerts end the connection but two; before, the level says. */
static bool ends(const struct watched *w, uint8_t level, uint8_t code)
{
    bool is_13 = w->o->calls.SSL_version(w->ssl) == TLS1_3_VERSION;
    bool is_mild = code == ALERT_CLOSE_NOTIFY || code == ALERT_USER_CANCELED;
    return !is_mild && (level != ALERT_WARNING || is_13);
}

static bool is_eof(const struct watched *w)
{
    uint32_t library = 0;
    uint32_t reason = 0;
    split_error(w, w->o->calls.ERR_peek_last_error(), &library, &reason);
    return library == ERR_SSL_LIB && reason == REASON_UNEXPECTED_EOF;
}

bool hooks_peer_has_left(const struct watched *w)
{
    const struct calls *c = &w->o->calls;
    return w->done && !w->closed[1] && c->SSL_get_fd != NULL && c->SSL_get_fd(w->ssl) >= 0 &&
           c->BIO_ctrl(c->SSL_get_rbio(w->ssl), BIO_CTRL_EOF, 0, NULL) == 1;
}

static void on_alert(struct watched *w, bool from_peer, struct bytes body)
{
    if (body.len < 2) {
        return;
    }
    uint8_t level = body.p[0];
    uint8_t code = body.p[1];
    bool is_end = ends(w, level, code);
    bool is_goodbye = code == ALERT_CLOSE_NOTIFY;
    if (!from_peer && ((is_end && is_eof(w)) || (is_goodbye && hooks_peer_has_left(w)))) {
        /* an alert to somebody who is gone */
        watched_settle(w, NOTE_END_EOF, 0, SSL_WHOLE);
        return;
    }
    hooks_put(w,
              (struct note_entry){
                  .kind = NOTE_ALERT, .from_peer = from_peer, .type = code, .level = level },
              nothing, nothing);
    w->closed[from_peer] = w->closed[from_peer] || code == ALERT_CLOSE_NOTIFY;
    if (is_end) {
        if (!from_peer) {
            hooks_put_errors(w);
        }
        watched_settle(w, NOTE_END_ERROR, 0, SSL_WHOLE);
    }
}

/* The peer's data after the handshake: nobody minds anything any more. */
static void on_data(struct watched *w, bool from_peer)
{
    if (again_is_idle(w)) {
        again_sleep(w);
        return;
    }
    if (!w->data[from_peer]) {
        w->data[from_peer] = true;
        hooks_put(w, (struct note_entry){ .kind = NOTE_DATA, .from_peer = from_peer }, nothing,
                  nothing);
    }
    /* What a client was asked for later is judged later: data come in between. */
    bool may_be_refused = w->is_asked && w->o->calls.SSL_is_server(w->ssl) == 0;
    if (from_peer && w->done && !may_be_refused) {
        watched_settle(w, NOTE_END_DATA, 0, SSL_WHOLE);
    }
}

static bool is_record(struct bytes header)
{
    bool is_version = header.p[1] == SSL3_VERSION_MAJOR || header.p[1] == DTLS1_VERSION_MAJOR;
    bool is_tls = header.p[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && header.p[0] <= 24 && is_version;
    /* SSL 2.0, RFC 5246 appendix E.2: a length, then the type of the message */
    return is_tls || ((header.p[0] & 0x80) != 0 && header.p[2] == HS_CLIENT_HELLO);
}

static void on_header(struct watched *w, bool from_peer, struct bytes header)
{
    if (header.len != RECORD_HEADER && header.len != DTLS_RECORD_HEADER) {
        return;
    }
    if (from_peer && !w->saw_first_header) {
        w->saw_first_header = true;
        if (w->wired[1] == NULL && observing.wants_wire) { /* read before we were there */
            hooks_put(w, (struct note_entry){ .kind = NOTE_WIRE, .from_peer = 1 }, header, nothing);
        }
        if (!is_record(header)) {
            hooks_put(w, (struct note_entry){ .kind = NOTE_NOT_TLS, .from_peer = 1 }, header,
                      nothing);
        }
    }
    begin(w);
    w->n_written += !from_peer && header.p[0] == SSL3_RT_HANDSHAKE;
    /* In TLS 1.3 every encrypted record looks like data: the inner type tells. */
    if (header.p[0] == SSL3_RT_APPLICATION_DATA &&
        w->o->calls.SSL_version(w->ssl) != TLS1_3_VERSION) {
        on_data(w, from_peer);
    }
}

void hooks_message(struct watched *w, int is_written, int type, struct bytes body)
{
    bool from_peer = is_written == 0;
    if (w->over || !start(w)) {
        return;
    }
    switch (type) {
    case SSL3_RT_HEADER:
        on_header(w, from_peer, body);
        break;
    case SSL3_RT_INNER_CONTENT_TYPE:
        if (body.len == 1 && body.p[0] == SSL3_RT_APPLICATION_DATA) {
            on_data(w, from_peer);
        }
        break;
    case SSL3_RT_HANDSHAKE:
        on_handshake(w, from_peer, body);
        break;
    case SSL3_RT_ALERT:
        begin(w);
        on_alert(w, from_peer, body);
        break;
    case SSL3_RT_CHANGE_CIPHER_SPEC:
        hooks_put(w, (struct note_entry){ .kind = NOTE_CHANGE_CIPHER_SPEC, .from_peer = from_peer },
                  nothing, nothing);
        break;
    case 0: /* the SSL 2.0 CLIENT-HELLO */
        begin(w);
        hooks_put(w, (struct note_entry){ .kind = NOTE_SSLV2_HELLO, .from_peer = from_peer }, body,
                  nothing);
        break;
    default: /* QUIC and what will be */
        break;
    }
}

/* --- the state machine --- */

void hooks_done(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    uint8_t result[4];
    w->done = true;
    w->verify_result = c->SSL_get_verify_result(w->ssl);
    unchain_verify(w);
    store_be32(result, (uint32_t)w->verify_result);
    hooks_put(w, (struct note_entry){ .kind = NOTE_DONE }, bytes_of(result, sizeof result),
              nothing);
    if (w->verify_result != X509_V_OK && c->SSL_get_verify_mode(w->ssl) != SSL_VERIFY_NONE) {
        w->is_noteworthy = true;
    }
    if (w->verify_result != X509_V_OK) {
        in_force_put(w, SSL_WHOLE);
    } else {
        in_force_note_address(w);
    }
    watched_rest(w);
}

/* As SSL_get_error(3) tells: waiting for the peer, for a callback, or at an end. The handshake
 * function has emptied the error queue when it began; a BIO may say "retry" of an earlier read. */
static bool is_waiting(const struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (c->ERR_peek_error() != 0) {
        return false;
    }
    int want = c->SSL_want(w->ssl);
    const BIO *bio = want == SSL_READING   ? c->SSL_get_rbio(w->ssl)
                     : want == SSL_WRITING ? c->SSL_get_wbio(w->ssl)
                                           : NULL;
    if (want == SSL_NOTHING) {
        return false;
    }
    return bio == NULL || c->BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY) != 0;
}

/* The handshake function failed, and no alert was sent for it. What the system said of the
 * connection comes before the error queue, which may hold what was there before. */
static enum note_end how_it_ended(const struct watched *w, int error)
{
    const struct calls *c = &w->o->calls;
    bool was_reading = c->SSL_want(w->ssl) != SSL_NOTHING;
    if (was_reading && (error == ECONNRESET || error == EPIPE || error == ETIMEDOUT)) {
        return NOTE_END_SYSTEM;
    }
    if (!was_reading || c->ERR_peek_last_error() != 0) {
        return NOTE_END_ERROR;
    }
    bool at_eof = c->BIO_ctrl(c->SSL_get_rbio(w->ssl), BIO_CTRL_EOF, 0, NULL) == 1;
    return at_eof ? NOTE_END_EOF : NOTE_END_SYSTEM;
}

/* Of less than a record's header no message tells: a client may stop there. */
static void begin_with_less(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (!w->begun && c->SSL_has_pending != NULL && c->SSL_has_pending(w->ssl) == 1) {
        begin(w);
    }
}

static void on_exit_of_handshake(struct watched *w, int result)
{
    int error = errno;
    if (result > 0 || w->done) {
        return;
    }
    if (is_waiting(w)) {
        begin_with_less(w);
        return;
    }
    begin(w);
    if (is_eof(w)) {
        watched_settle(w, NOTE_END_EOF, 0, SSL_WHOLE);
        return;
    }
    hooks_put_errors(w);
    watched_settle(w, how_it_ended(w, error), error, SSL_WHOLE);
}

/* A server that takes early data (SSL_read_early_data(3)) is told that all is done when its own
 * Finished is out, and told again when the client's has come: RFC 8446 section 4.4.4. */
static bool is_too_early(const struct watched *w)
{
    const struct calls *c = &w->o->calls;
    return !w->is_again && !w->peer_finished && c->SSL_version(w->ssl) == TLS1_3_VERSION &&
           c->SSL_is_server(w->ssl) != 0;
}

void hooks_info(struct watched *w, int where, int result)
{
    bool is_step = (where & SSL_CB_LOOP) != 0;
    if (is_step && !w->over) { /* most of them */
        return;
    }
    if (w->done || w->over) {
        again_state(w, where, result);
    }
    if (w->over || !start(w)) {
        return;
    }
    if (where == SSL_CB_HANDSHAKE_START) {
        hooks_watch_wire(w);
    } else if (where == SSL_CB_HANDSHAKE_DONE) {
        if (!is_too_early(w)) {
            hooks_done(w);
        }
    } else if (where == SSL_CB_CONNECT_EXIT || where == SSL_CB_ACCEPT_EXIT) {
        on_exit_of_handshake(w, result);
    }
}

/* --- certificates --- */

static struct watched *watched_by_store(const struct observer *o, X509_STORE_CTX *ctx)
{
    const struct calls *c = &o->calls;
    const SSL *s = c->X509_STORE_CTX_get_ex_data(ctx, c->SSL_get_ex_data_X509_STORE_CTX_idx());
    return s == NULL ? NULL : watched_of(o, s);
}

static void put_fault(struct watched *w, X509_STORE_CTX *ctx, int error, bool is_accepted)
{
    const struct calls *c = &w->o->calls;
    uint8_t head[8];
    uint8_t der[CERTIFICATE_BYTES_MAX];
    int len = 0;
    store_be32(head, (uint32_t)error);
    store_be32(head + 4, (uint32_t)c->X509_STORE_CTX_get_error_depth(ctx));
    if (c->X509_STORE_CTX_get_current_cert != NULL && c->i2d_X509 != NULL) {
        const X509 *x = c->X509_STORE_CTX_get_current_cert(ctx);
        len = x == NULL ? 0 : c->i2d_X509(x, NULL);
        unsigned char *p = der;
        len = len > 0 && len <= CERTIFICATE_BYTES_MAX ? c->i2d_X509(x, &p) : 0;
    }
    hooks_put(w, (struct note_entry){ .kind = NOTE_VERIFY, .type = is_accepted, .from_peer = 1 },
              bytes_of(head, sizeof head), bytes_of(der, len > 0 ? (size_t)len : 0));
}

/* What would have decided without us: the program's callback, else the store's, else OpenSSL. */
static int call_program_verify(const struct observer *o, struct watched *w, int is_ok,
                               X509_STORE_CTX *ctx)
{
    SSL_verify_cb program = w != NULL ? w->verify : NULL;
    if (program == NULL) {
        X509_STORE *store = o->calls.X509_STORE_CTX_get0_store(ctx);
        program = store == NULL ? NULL : o->calls.X509_STORE_get_verify_cb(store);
    }
    bool is_ours = program == o->ours.verify || (w != NULL && w->is_in_verify);
    if (program == NULL || is_ours) {
        return is_ok;
    }
    if (w != NULL) {
        w->is_in_verify = true;
    }
    int decided = program(is_ok, ctx);
    if (w != NULL) {
        w->is_in_verify = false;
    }
    return decided;
}

int hooks_verify(const struct observer *o, int is_ok, X509_STORE_CTX *ctx)
{
    int saved = errno;
    struct watched *w = watched_by_store(o, ctx);
    bool is_watched = w != NULL && !w->over;
    int error = o->calls.X509_STORE_CTX_get_error(ctx);
    errno = saved;
    int decided = call_program_verify(o, w, is_ok, ctx);
    saved = errno;
    bool is_fault = is_ok == 0 && error != X509_V_OK;
    if (is_watched && (is_fault || decided == 0)) {
        o->calls.ERR_set_mark();
        /* Of a fault of OpenSSL's the callback may have changed the number (Apache does). */
        error = is_fault ? error : o->calls.X509_STORE_CTX_get_error(ctx);
        put_fault(w, ctx, error, decided != 0);
        o->calls.ERR_pop_to_mark();
        w->verify_failed = true;
    }
    errno = saved;
    return decided;
}

/* --- keys and wire --- */

void hooks_key(const struct observer *o, const SSL *s, const char *line)
{
    struct watched *w = watched_of(o, s);
    if (w != NULL && !w->over && line != NULL) {
        hooks_put(w, (struct note_entry){ .kind = NOTE_KEY }, bytes_of_str(line), nothing);
    }
}

void hooks_wire(const struct observer *o, BIO *bio, const SSL *s, bool is_read, struct bytes bytes)
{
    struct watched *w = watched_of(o, s);
    (void)bio;
    if (w != NULL && !w->over) {
        hooks_put(w, (struct note_entry){ .kind = NOTE_WIRE, .from_peer = is_read }, bytes,
                  nothing);
    }
}

/* A BIO with a callback of the program's own is left alone: there is one place only. */
void hooks_watch_wire(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (!observing.wants_wire || c->BIO_set_callback_ex == NULL || c->BIO_get_callback_ex == NULL ||
        c->BIO_get_callback_arg == NULL || c->BIO_set_callback_arg == NULL) {
        return;
    }
    BIO *both[2] = { c->SSL_get_wbio(w->ssl), c->SSL_get_rbio(w->ssl) };
    for (int i = 0; i < 2; i++) {
        if (both[i] == NULL || w->wired[i] != NULL) {
            continue;
        }
        if (c->BIO_get_callback_ex(both[i]) == NULL) {
            c->BIO_set_callback_ex(both[i], w->o->ours.bio);
            c->BIO_set_callback_arg(both[i], (char *)(void *)w);
            w->wired[i] = both[i];
        } else if (c->BIO_get_callback_ex(both[i]) == w->o->ours.bio) {
            w->wired[i] = both[i]; /* one BIO for both ways */
        }
    }
}
