/* An SSL that shakes hands again: used for another connection, or renegotiating, or asked for a
 * certificate later, or refused after data. */
#include <errno.h>

#include "observe/watched.h"

enum {
    HS_NEW_SESSION_TICKET = 4,
    HS_KEY_UPDATE = 24,
    HS_CERTIFICATE_REQUEST = 13,
    HS_FINISHED = 20
};

static bool is_tls13(const struct watched *w)
{
    return w->o->calls.SSL_version(w->ssl) == TLS1_3_VERSION;
}

static void hook_again(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    c->SSL_set_msg_callback(w->ssl, w->o->ours.msg);
    INFO_CALLBACK there = c->SSL_get_info_callback(w->ssl);
    if (there != w->o->ours.info) {
        w->info = there;
        c->SSL_set_info_callback(w->ssl, w->o->ours.info);
    }
}

/* The SSL is used for another connection: all begins anew. */
static void start_anew(struct watched *w)
{
    *w = (struct watched){ .o = w->o, .ssl = w->ssl, .msg = w->msg };
    hook_again(w);
}

/* The same connection, a handshake within it. */
static void start_again(struct watched *w)
{
    *w = (struct watched){ .o = w->o,
                           .ssl = w->ssl,
                           .msg = w->msg,
                           .info = w->info,
                           .whose = w->whose,
                           .started = w->started,
                           .is_again = true,
                           .saw_first_header = true };
    hook_again(w);
}

void observer_before_clear(struct observer *o, SSL *s)
{
    struct watched *w = s == NULL ? NULL : watched_of(o, s);
    if (w == NULL || !w->begun) {
        return;
    }
    if (!w->over) {
        watched_settle(w, NOTE_END_FREED, 0, SSL_WHOLE);
    }
    if (!w->is_listed) {
        start_anew(w);
    }
}

/* What was seen of the connection until now went well. */
static void close_chapter(struct watched *w)
{
    if (w->done && !w->over) {
        watched_settle(w, NOTE_END_DATA, 0, SSL_WHOLE);
    }
    if (w->is_dormant && !w->is_listed) {
        start_again(w);
    }
}

void observer_again(struct observer *o, SSL *s)
{
    struct watched *w = s == NULL ? NULL : watched_of(o, s);
    if (w != NULL) {
        int saved = errno;
        close_chapter(w);
        errno = saved;
    }
}

void again_state(struct watched *w, int where, int result)
{
    bool is_alert = (where & SSL_CB_ALERT) != 0;
    if (where == SSL_CB_HANDSHAKE_START && !is_tls13(w)) {
        close_chapter(w);
    } else if (w->over && where == SSL_CB_CONNECT_LOOP && is_tls13(w)) {
        close_chapter(w); /* a message after the handshake, RFC 8446 section 4.6 */
    } else if (w->over && w->is_dormant && is_alert && (result & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        uint8_t alert[2] = { (uint8_t)(result >> 8), (uint8_t)result };
        close_chapter(w);
        /* That may be all, and the connection goes on. */
        w->done = true;
        hooks_message(w, (where & SSL_CB_READ) == 0, SSL3_RT_ALERT, bytes_of(alert, sizeof alert));
    }
}

bool again_is_idle(const struct watched *w)
{
    return w->is_again && !w->is_asked && is_tls13(w);
}

/* Tickets and new keys are of no interest, and nothing ends them. */
void again_sleep(struct watched *w)
{
    w->over = true;
    w->is_dormant = true;
    hooks_remove(w);
    watched_unlist(w);
    watched_forget(w);
}

bool again_wants(struct watched *w, uint8_t type)
{
    if (type == HS_CERTIFICATE_REQUEST && w->done && is_tls13(w)) {
        close_chapter(w);
    }
    if (!w->is_again || !is_tls13(w)) {
        return true;
    }
    w->is_asked = w->is_asked || type == HS_CERTIFICATE_REQUEST;
    if (!w->is_asked && (type == HS_NEW_SESSION_TICKET || type == HS_KEY_UPDATE)) {
        again_sleep(w);
        return false;
    }
    return true;
}

bool again_is_done(const struct watched *w, bool from_peer, uint8_t type)
{
    bool is_client = w->o->calls.SSL_is_server(w->ssl) == 0;
    return w->is_again && is_tls13(w) && type == HS_FINISHED && from_peer != is_client;
}
