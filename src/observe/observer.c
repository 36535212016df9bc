#include "observe/observer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "observe/kept.h"
#include "observe/watched.h"

enum { OBSERVERS_MAX = 4, SPINS_MAX = 4096, PEERS_LOOKED_AT = 256 };

/* The callbacks of OpenSSL know no closure: what is watched has to be found from here. */
static struct observer observers[OBSERVERS_MAX];
static atomic_size_t n_observers;
static atomic_flag attaching = ATOMIC_FLAG_INIT;
static atomic_flag listing = ATOMIC_FLAG_INIT;
static struct watched *listed;
struct observer_options observing;

/* A thread that held it may be gone after fork(): then it is never free again, and we do without.
 */
static bool lock(atomic_flag *flag)
{
    for (unsigned i = 0; i < SPINS_MAX; i++) {
        if (!atomic_flag_test_and_set_explicit(flag, memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

static void unlock(atomic_flag *flag)
{
    atomic_flag_clear_explicit(flag, memory_order_release);
}

/* --- the callbacks of each OpenSSL --- */

/* NOLINTBEGIN(readability-function-size): the parameters are those of SSL_set_msg_callback(3) and
 * BIO_set_callback_ex(3) */

/* OpenSSL's state machine goes on to its end with the callback that was there when it began, also
 * where the SSL has got another SSL_CTX by then, for a server name; alerts and the end of the
 * handshake are for the one that is there now. */
static INFO_CALLBACK info_of_program(const struct observer *o, struct watched *w, const SSL *s,
                                     int where)
{
    INFO_CALLBACK now = w != NULL ? w->info : NULL;
    bool is_exit = (where & SSL_CB_EXIT) != 0;
    bool is_step = where == SSL_CB_HANDSHAKE_START || (where & SSL_CB_LOOP) != 0 || is_exit;
    if (now == NULL) {
        now = o->calls.SSL_CTX_get_info_callback(o->calls.SSL_get_SSL_CTX(s));
    }
    if (w == NULL || !is_step) {
        return now;
    }
    if (!w->is_in_machine) {
        w->info_at_entry = now;
    }
    w->is_in_machine = !is_exit;
    return w->info_at_entry;
}

/* A program that asked which callback was there, met ours and calls it from its own: once is
 * enough.
 */
static void call_program_info(const struct observer *o, struct watched *w, const SSL *s, int where,
                              int result)
{
    INFO_CALLBACK program = info_of_program(o, w, s, where);
    if (program == NULL || program == o->ours.info || (w != NULL && w->is_in_info)) {
        return;
    }
    if (w != NULL) {
        w->is_in_info = true;
    }
    program(s, where, result);
    if (w != NULL) {
        w->is_in_info = false;
    }
}

/* At the end of a handshake a program may close its socket (Node): ours looks before. What the
 * program's own callback leaves in errno is what the program finds there: M2Crypto's clears it. */
static void on_info(const struct observer *o, const SSL *s, int where, int result)
{
    int found = errno;
    struct watched *w = watched_of(o, s);
    if (w != NULL && where == SSL_CB_HANDSHAKE_DONE) {
        hooks_info(w, where, result);
    }
    errno = found;
    call_program_info(o, w, s, where, result);
    int left = errno;
    if (w != NULL && where != SSL_CB_HANDSHAKE_DONE) {
        errno = found; /* what the handshake failed of */
        hooks_info(w, where, result);
    }
    errno = left;
}

static void call_program_keylog(const struct observer *o, const SSL *s, const char *line)
{
    const struct watched_ctx *c = watched_ctx_of(o, o->calls.SSL_get_SSL_CTX(s));
    if (c != NULL && c->keylog != NULL) {
        c->keylog(s, line);
    }
}

/* As OpenSSL calls it (BIO_set_callback_ex(3)): a callback there was is called through, unchanged.
 */
static long on_bio(const struct observer *o, BIO *b, int oper, const char *p, size_t len, int argi,
                   long argl, int ret, size_t *processed)
{
    struct watched *w = (struct watched *)(void *)o->calls.BIO_get_callback_arg(b);
    int saved = errno;
    bool is_read = oper == (BIO_CB_READ | BIO_CB_RETURN);
    bool is_data = is_read || oper == (BIO_CB_WRITE | BIO_CB_RETURN);
    (void)argi;
    (void)argl;
    if (w != NULL && is_data && ret > 0 && processed != NULL && *processed <= len) {
        hooks_wire(o, b, w->ssl, is_read, bytes_of(p, *processed));
    }
    errno = saved;
    return ret;
}

#define CALLBACKS(i)                                                                               \
    static void msg_##i(int is_written, int version, int type, const void *buf, size_t len,        \
                        SSL *s, void *arg)                                                         \
    {                                                                                              \
        struct watched *w = watched_of(&observers[i], s);                                          \
        if (w != NULL && w->msg != NULL) {                                                         \
            w->msg(is_written, version, type, buf, len, s, arg); /* arg is the program's own */    \
        }                                                                                          \
        int saved = errno;                                                                         \
        if (w != NULL) {                                                                           \
            hooks_message(w, is_written, type, bytes_of(buf, len));                                \
        }                                                                                          \
        errno = saved;                                                                             \
    }                                                                                              \
    static void info_##i(const SSL *s, int where, int result)                                      \
    {                                                                                              \
        on_info(&observers[i], s, where, result);                                                  \
    }                                                                                              \
    static int verify_##i(int is_ok, X509_STORE_CTX *ctx)                                          \
    {                                                                                              \
        return hooks_verify(&observers[i], is_ok, ctx);                                            \
    }                                                                                              \
    static void keylog_##i(const SSL *s, const char *line)                                         \
    {                                                                                              \
        call_program_keylog(&observers[i], s, line);                                               \
        int saved = errno;                                                                         \
        hooks_key(&observers[i], s, line);                                                         \
        errno = saved;                                                                             \
    }                                                                                              \
    static long bio_##i(BIO *b, int oper, const char *p, size_t len, int argi, long argl, int ret, \
                        size_t *processed)                                                         \
    {                                                                                              \
        return on_bio(&observers[i], b, oper, p, len, argi, argl, ret, processed);                 \
    }
CALLBACKS(0)
CALLBACKS(1)
CALLBACKS(2)
CALLBACKS(3)
/* NOLINTEND(readability-function-size) */

static const struct callbacks callbacks[OBSERVERS_MAX] = {
    { msg_0, info_0, verify_0, keylog_0, bio_0 },
    { msg_1, info_1, verify_1, keylog_1, bio_1 },
    { msg_2, info_2, verify_2, keylog_2, bio_2 },
    { msg_3, info_3, verify_3, keylog_3, bio_3 },
};

/* --- what is watched --- */

struct watched *watched_of(const struct observer *o, const SSL *s)
{
    return o->calls.SSL_get_ex_data(s, atomic_load_explicit(&o->ssl_index, memory_order_relaxed));
}

void watched_list(struct watched *w)
{
    if (w->is_listed || !lock(&listing)) {
        return;
    }
    w->next = listed;
    w->previous = NULL;
    if (listed != NULL) {
        listed->previous = w;
    }
    listed = w;
    w->is_listed = true;
    unlock(&listing);
}

/* Who cannot be unlinked must not be freed: it stays, in a process that lost a thread to fork(). */
void watched_unlist(struct watched *w)
{
    if (!w->is_listed || !lock(&listing)) {
        return;
    }
    if (w->previous != NULL) {
        w->previous->next = w->next;
    } else {
        listed = w->next;
    }
    if (w->next != NULL) {
        w->next->previous = w->previous;
    }
    w->is_listed = false;
    unlock(&listing);
}

static bool is_peer_of(const struct watched *w, const X509 *certificate)
{
    const struct calls *c = &w->o->calls;
    if (c->SSL_get0_peer_certificate != NULL) {
        const X509 *peer = c->SSL_get0_peer_certificate(w->ssl);
        return peer != NULL && (peer == certificate || c->X509_cmp(peer, certificate) == 0);
    }
    X509 *peer = c->SSL_get_peer_certificate(w->ssl); /* 1.1.1: counted once more */
    bool is_it = peer != NULL && c->X509_cmp(peer, certificate) == 0;
    c->X509_free(peer);
    return is_it;
}

struct watched *watched_of_peer(struct observer *o, const X509 *certificate)
{
    const struct calls *c = &o->calls;
    bool can_ask = c->X509_cmp != NULL && (c->SSL_get0_peer_certificate != NULL ||
                                           (c->SSL_get_peer_certificate != NULL && c->X509_free));
    if (!can_ask || !lock(&listing)) {
        return NULL;
    }
    pthread_t self = pthread_self();
    int pid = getpid();
    struct watched *found = NULL;
    struct watched *w = listed; /* the last that began is the first */
    for (int i = 0; w != NULL && found == NULL && i < PEERS_LOOKED_AT; w = w->next, i++) {
        bool is_ours = w->o == o && w->pid == pid && pthread_equal(w->thread, self);
        found = is_ours && w->done && !w->over && is_peer_of(w, certificate) ? w : NULL;
    }
    unlock(&listing);
    return found;
}

static void deliver(struct watched *w)
{
    bool is_server = w->o->calls.SSL_is_server(w->ssl) != 0;
    if (observing.before_sink != NULL) {
        observing.before_sink(w->whose, w->ssl);
    }
    if (note_seal(&w->note, observing.key, (uint32_t)w->pid, is_server)) {
        observing.sink(w->whose, w->ssl, bytes_of(w->note.p, w->note.len));
    }
}

static bool wants_good(const struct watched *w)
{
    return observing.wants_all ||
           (observing.wants_good != NULL && observing.wants_good(w->whose, w->ssl));
}

/* nginx's "400 The SSL certificate error" */
static bool is_refused(const struct watched *w, enum note_end end)
{
    return end == NOTE_END_DATA && observing.refuses != NULL && w->begun && !w->over &&
           observing.refuses(w->whose, w->ssl);
}

void watched_settle(struct watched *w, enum note_end end, int error, enum ssl_state state)
{
    end = is_refused(w, end) ? NOTE_END_FREED : end;
    /* Many a health check leaves with a reset. */
    if ((end == NOTE_END_EOF || end == NOTE_END_SYSTEM) && state == SSL_WHOLE) {
        w->is_abandoned = in_force_is_abandoned(w);
    }
    bool was_served =
        end == NOTE_END_DATA || (end != NOTE_END_ERROR && w->is_asked && w->done && w->data[1]);
    bool is_good = (was_served && !w->is_noteworthy) || (w->is_abandoned && end != NOTE_END_ERROR);
    bool is_nothing = again_is_idle(w) && end != NOTE_END_ERROR;
    if (w->begun && !w->over && !is_nothing && (!is_good || wants_good(w))) {
        uint8_t code[4] = { (uint8_t)(error >> 24), (uint8_t)(error >> 16), (uint8_t)(error >> 8),
                            (uint8_t)error };
        bool is_peer = end == NOTE_END_EOF;
        hooks_put(
            w, (struct note_entry){ .kind = NOTE_END, .type = (uint8_t)end, .from_peer = is_peer },
            bytes_of(code, sizeof code), (struct bytes){ NULL, 0 });
        in_force_put(w, state);
        deliver(w);
    }
    w->over = true;
    w->is_dormant = end == NOTE_END_DATA;
    if (state == SSL_WHOLE) {
        hooks_remove(w);
    }
    watched_unlist(w);
    watched_forget(w);
}

static struct kept kept_watched = KEPT_NONE;

static struct watched *make(void)
{
    struct watched *w = kept_take(&kept_watched, sizeof *w);
    if (w != NULL) {
        *w = (struct watched){ 0 };
    }
    return w;
}

/* Runs in SSL_new(), when the SSL can be used already. */
static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct observer *o = argp;
    int saved = errno;
    struct watched *w = make();
    (void)ptr;
    (void)argl;
    if (w != NULL && o->calls.CRYPTO_set_ex_data(ad, idx, w) == 1) {
        SSL_CTX *ctx = o->calls.SSL_get_SSL_CTX(parent);
        const struct watched_ctx *c = watched_ctx_of(o, ctx);
        w->o = o;
        w->ssl = parent;
        w->msg = c != NULL ? c->msg : NULL;
        w->info = o->calls.SSL_get_info_callback(parent);
        o->calls.SSL_set_msg_callback(parent, o->ours.msg);
        o->calls.SSL_set_info_callback(parent, o->ours.info);
        if (observing.wants_keys && o->calls.SSL_CTX_get_keylog_callback != NULL &&
            o->calls.SSL_CTX_get_keylog_callback(ctx) != o->ours.keylog) {
            struct watched_ctx *made = watched_make_ctx(o, ctx);
            if (made != NULL) {
                made->keylog = o->calls.SSL_CTX_get_keylog_callback(ctx);
                o->calls.SSL_CTX_set_keylog_callback(ctx, o->ours.keylog);
            }
        }
    } else {
        kept_give(&kept_watched, w);
    }
    errno = saved;
}

/* SSL_dup(): the copy has got a struct of its own from on_new(), and keeps it. */
static int on_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_d, int idx, long argl,
                  void *argp)
{
    const struct observer *o = argp;
    (void)from;
    (void)argl;
    *from_d = o->calls.CRYPTO_get_ex_data(to, idx);
    return 1;
}

/* Up to OpenSSL 3.1 SSL_free() takes our data away before the certificate and the session; later it
 * begins with these. */
static bool has_certificate_in_free(const struct observer *o)
{
    return o->calls.OpenSSL_version_num != NULL && o->calls.OpenSSL_version_num() < 0x30200000UL;
}

static void settle_in_free(struct watched *w)
{
    if (!w->is_abandoned && has_certificate_in_free(w->o)) { /* nobody told us in time */
        w->is_abandoned = in_force_is_abandoned(w);
    }
    watched_settle(w, hooks_peer_has_left(w) ? NOTE_END_EOF : NOTE_END_FREED, 0, SSL_IN_FREE);
}

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct watched *w = ptr;
    int saved = errno;
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    if (w != NULL) {
        if (w->begun && !w->over && w->pid == getpid()) {
            settle_in_free(w);
        }
        watched_forget(w);
        watched_unlist(w);
        if (!w->is_listed) {
            kept_give(&kept_watched, w);
        }
    }
    errno = saved;
}

/* --- for the program's side --- */

/* An index of ours for what is kept with an object. Some programs use the numbers behind the one
 * that they asked for, as if these were theirs too: Qt keeps an index and two more. So two are left
 * free where anybody was there before us; the first that is given away is 1. */
static int new_index(struct observer *o, int class_index, CRYPTO_EX_new *at_new,
                     CRYPTO_EX_dup *at_dup, CRYPTO_EX_free *at_free)
{
    int spare = o->calls.CRYPTO_get_ex_new_index(class_index, 0, NULL, NULL, NULL, NULL);
    if (spare > 1) {
        o->calls.CRYPTO_get_ex_new_index(class_index, 0, NULL, NULL, NULL, NULL);
    }
    return o->calls.CRYPTO_get_ex_new_index(class_index, 0, o, at_new, at_dup, at_free);
}

static struct observer *attach(const struct calls *calls, const struct observer_options *options)
{
    size_t n = atomic_load(&n_observers);
    for (size_t i = 0; i < n; i++) {
        if (observers[i].calls.SSL_get_ex_data == calls->SSL_get_ex_data) {
            return &observers[i];
        }
    }
    if (n == OBSERVERS_MAX) {
        return NULL;
    }
    struct observer *o = &observers[n];
    if (n == 0) {
        observing = *options;
    }
    o->calls = *calls;
    o->ours = callbacks[n];
    atomic_store(&o->ssl_index, -1); /* until it is known; SSLs may be made meanwhile */
    atomic_store(&o->ctx_index, -1);
    atomic_store(&o->store_index, -1);
    int ctx_index = new_index(o, CRYPTO_EX_INDEX_SSL_CTX, NULL, NULL, watched_free_ctx);
    atomic_store(&o->ctx_index, ctx_index);
    atomic_store(&o->store_index,
                 new_index(o, CRYPTO_EX_INDEX_X509_STORE, NULL, NULL, watched_free_store));
    int ssl_index = ctx_index < 0 ? -1 : new_index(o, CRYPTO_EX_INDEX_SSL, on_new, on_dup, on_free);
    atomic_store(&o->ssl_index, ssl_index);
    if (ssl_index < 0) {
        return NULL;
    }
    atomic_store(&n_observers, n + 1);
    return o;
}

struct observer *observer_attach(const struct calls *calls, const struct observer_options *options)
{
    if (!lock(&attaching)) {
        return NULL;
    }
    struct observer *o = attach(calls, options);
    unlock(&attaching);
    return o;
}

struct observer *observer_first(void)
{
    return atomic_load(&n_observers) > 0 ? &observers[0] : NULL;
}

const void *observer_crypto(const struct observer *o)
{
    return *(void *const *)&o->calls.CRYPTO_get_ex_data;
}

/* Other threads may be at work on their connections until the very end: only those of this thread
 * are still. */
static struct watched *own_listed(void)
{
    pthread_t self = pthread_self();
    int pid = getpid();
    struct watched *w = NULL;
    if (lock(&listing)) {
        for (w = listed; w != NULL && (w->pid != pid || !pthread_equal(w->thread, self));) {
            w = w->next;
        }
        unlock(&listing);
    }
    return w;
}

void observer_exit(void)
{
    struct watched *w = own_listed();
    while (w != NULL) {
        watched_settle(w, NOTE_END_EXIT, 0, SSL_AT_EXIT);
        w = w->is_listed ? NULL : own_listed();
    }
}

void observer_annotate(struct observer *o, const SSL *s, enum note_fact fact, struct bytes text)
{
    struct watched *w = s == NULL ? NULL : watched_of(o, s);
    bool is_address = fact == FACT_PEER || fact == FACT_LOCAL;
    bool is_ours = is_address || (fact >= FACT_ID && fact <= FACT_LABEL);
    if (w != NULL && !w->over &&
        (is_ours || fact == FACT_CHECKED_HOST || fact == FACT_LOST || fact == FACT_WAITED)) {
        hooks_put(w, (struct note_entry){ .kind = NOTE_FACT, .type = (uint8_t)fact }, text,
                  (struct bytes){ NULL, 0 });
    }
}

void observer_before_free(struct observer *o, SSL *s)
{
    struct watched *w = s == NULL ? NULL : watched_of(o, s);
    if (w == NULL || !w->begun || w->over) {
        return;
    }
    w->is_abandoned = in_force_is_abandoned(w);
    if (!w->is_abandoned || observing.wants_all) {
        in_force_put(w, SSL_WHOLE); /* on_free() comes when half of it is gone */
    }
}
