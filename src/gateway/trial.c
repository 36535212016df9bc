#include "gateway/trial.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "dial/dial.h"
#include "observe/observer.h"
#include "store/host_name.h"
#include "store/tls_names.h"
#include "x509/name_fits.h"

enum { AFTER_LEAST_MS = 150, AFTER_MOST_MS = 1000, CERTS_MAX = 1000 };

struct trying {
    const struct trial_settings *s;
    struct trial *out;
    struct observer *observer;
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    int64_t deadline_ns;
    bool is_name_checked;
};

static atomic_int n_running;
static pthread_once_t observing_once = PTHREAD_ONCE_INIT;
static struct observer *our_observer; /* NULL: this OpenSSL cannot be observed */
static int our_index = -1;            /* of an SSL: its struct trying */

/* --- watching --- */

static void *on_start(SSL *ssl)
{
    return SSL_get_ex_data(ssl, our_index); /* NULL: somebody else's, not watched */
}

static bool on_good(void *whose, SSL *ssl)
{
    (void)whose;
    (void)ssl;
    return true;
}

static void annotate(const struct trying *t, SSL *ssl, enum note_fact fact, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        observer_annotate(t->observer, ssl, fact, bytes_of_str(text));
    }
}

static void on_last_words(void *whose, SSL *ssl)
{
    const struct trying *t = whose;
    annotate(t, ssl, FACT_DIRECTION, t->s->direction);
    annotate(t, ssl, FACT_ORG, t->s->org);
    annotate(t, ssl, FACT_ENV, t->s->env);
    annotate(t, ssl, FACT_VHOST, t->s->virtual_host);
    annotate(t, ssl, FACT_TARGET, t->s->target);
    annotate(t, ssl, FACT_API, t->s->api);
    annotate(t, ssl, FACT_REVISION, t->s->revision);
    for (size_t i = 0; i < TRIAL_LABELS_MAX; i++) {
        annotate(t, ssl, FACT_LABEL, t->s->labels[i]);
    }
}

static void on_note(void *whose, SSL *ssl, struct bytes note)
{
    struct trying *t = whose;
    uint8_t *copy = t->out->note == NULL ? malloc(note.len > 0 ? note.len : 1) : NULL;
    (void)ssl;
    if (copy != NULL && bytes_copy(copy, note.len, note)) {
        t->out->note = copy;
        t->out->note_len = note.len;
    }
}

static void begin_observing(void)
{
    static const struct observer_options options = { .program = "handfast gateway",
                                                     .at_start = on_start,
                                                     .wants_good = on_good,
                                                     .before_sink = on_last_words,
                                                     .sink = on_note };
    static struct calls calls;
    our_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (our_index >= 0 && calls_find_own(&calls)) {
        our_observer = observer_attach(&calls, &options);
    }
}

/* --- setting up --- */

static enum status refused(struct err *err, const char *what)
{
    char reason[160];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return err_set(err, ST_USAGE, "%s: %s", what, reason);
}

static bool add_anchor(X509_STORE *store, X509 *x)
{
    bool is_in = X509_STORE_add_cert(store, x) == 1;
    X509_free(x);
    return is_in;
}

static enum status trust(struct trying *t, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(t->ctx);
    if (t->s->trusted_pem == NULL) {
        return SSL_CTX_set_default_verify_paths(t->ctx) == 1 ? ST_OK : refused(err, "trust");
    }
    BIO *in = BIO_new_mem_buf(t->s->trusted_pem, -1);
    X509 *x = NULL;
    for (int i = 0;
         i < CERTS_MAX && in != NULL && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL;
         i++) {
        (void)add_anchor(store, x);
    }
    BIO_free(in);
    ERR_clear_error(); /* the end of the text is one */
    return ST_OK;
}

/* A CommonName is compared as the Message Processor does it, which is not as OpenSSL does: at the
 * first of OpenSSL's good words, which always come. */
static bool pattern_is_wrong(struct trying *t, X509 *leaf)
{
    if (!t->s->is_pattern || t->is_name_checked) {
        return false;
    }
    t->is_name_checked = true;
    return !x509_name_fits(leaf, t->s->name, true, t->s->is_wildcard);
}

/* Without a truststore the name counts, whoever signed it. */
static int on_verify(int is_ok, X509_STORE_CTX *ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct trying *t = SSL_get_ex_data(ssl, our_index);
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    bool is_name = error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH;
    if (is_ok == 0 && (is_name || t->s->verify == TRIAL_VERIFY_FULL)) {
        return 0;
    }
    if (is_ok == 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    if (pattern_is_wrong(t, leaf)) {
        X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), t->s->name, 0); /* for the observer */
        X509_STORE_CTX_set_error_depth(ctx, 0);
        X509_STORE_CTX_set_current_cert(ctx, leaf);
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
        return 0;
    }
    return 1;
}

static enum status demand(struct trying *t, struct err *err)
{
    X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);
    const char *name = t->s->name;
    if (t->s->verify == TRIAL_VERIFY_OFF) {
        SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
        return ST_OK;
    }
    if (t->s->trusted_pem != NULL) {
        X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
    }
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, on_verify);
    if (t->s->is_pattern) {
        return ST_OK;
    }
    int is_set = host_is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(p, name)
                                       : X509_VERIFY_PARAM_set1_host(p, name, 0);
    return is_set == 1 ? ST_OK : refused(err, name);
}

static enum status show_certificate(struct trying *t, struct err *err)
{
    if (t->s->chain_pem == NULL) {
        return ST_OK;
    }
    BIO *chain = BIO_new_mem_buf(t->s->chain_pem, -1);
    BIO *keys = BIO_new_mem_buf(t->s->key_pem.p, (int)t->s->key_pem.len);
    X509 *leaf = PEM_read_bio_X509(chain, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
    bool is_set = leaf != NULL && key != NULL && SSL_CTX_use_certificate(t->ctx, leaf) == 1 &&
                  SSL_CTX_use_PrivateKey(t->ctx, key) == 1;
    X509 *x = NULL;
    while (is_set && (x = PEM_read_bio_X509(chain, NULL, NULL, NULL)) != NULL) {
        is_set = SSL_CTX_add0_chain_cert(t->ctx, x) == 1;
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    BIO_free(chain);
    BIO_free(keys);
    if (is_set) {
        ERR_clear_error();
        return ST_OK;
    }
    return refused(err, "the own certificate or its key");
}

static void choose_protocols(const struct trying *t)
{
    static const struct {
        unsigned bit;
        uint64_t off;
    } rows[] = { { TLS_PROTOCOL_1_0, SSL_OP_NO_TLSv1 },
                 { TLS_PROTOCOL_1_1, SSL_OP_NO_TLSv1_1 },
                 { TLS_PROTOCOL_1_2, SSL_OP_NO_TLSv1_2 },
                 { TLS_PROTOCOL_1_3, SSL_OP_NO_TLSv1_3 } };
    unsigned wanted = t->s->protocols != 0 ? t->s->protocols : TLS_PROTOCOL_ALL;
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((wanted & rows[i].bit) == 0) {
            SSL_CTX_set_options(t->ctx, rows[i].off);
        }
    }
    if ((wanted & (TLS_PROTOCOL_1_0 | TLS_PROTOCOL_1_1)) != 0) {
        SSL_CTX_set_security_level(t->ctx, 0); /* as the compiler does for nginx */
    }
}

static enum status set_up(struct trying *t, struct err *err)
{
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL) {
        return refused(err, "OpenSSL");
    }
    choose_protocols(t);
    if (t->s->ciphers != NULL && SSL_CTX_set_cipher_list(t->ctx, t->s->ciphers) != 1) {
        return refused(err, "ciphers");
    }
    if (t->s->suites != NULL && SSL_CTX_set_ciphersuites(t->ctx, t->s->suites) != 1) {
        return refused(err, "ciphers");
    }
    TRY(trust(t, err));
    TRY(show_certificate(t, err));
    t->ssl = SSL_new(t->ctx);
    if (t->ssl == NULL || SSL_set_ex_data(t->ssl, our_index, t) != 1) {
        return refused(err, "OpenSSL");
    }
    if (t->s->sends_name && SSL_set_tlsext_host_name(t->ssl, t->s->host) != 1) {
        return refused(err, t->s->host);
    }
    return demand(t, err);
}

/* --- the handshake --- */

static enum status connect_to(struct trying *t, struct err *err)
{
    struct dial_target to = { .host = t->s->host,
                              .connect_to = t->s->connect_to,
                              .port = (uint16_t)t->s->port,
                              .timeout_ms = t->s->timeout_ms };
    struct err why = { 0 };
    if (dial_open(&to, &t->fd, &why) != ST_OK) {
        snprintf(t->out->why, sizeof t->out->why, "%.300s", why.text);
        t->fd = -1;
        return ST_OK;
    }
    int flags = fcntl(t->fd, F_GETFL);
    if (flags < 0 || fcntl(t->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        SSL_set_fd(t->ssl, t->fd) != 1) {
        return err_sys(err, "%s", t->s->host);
    }
    t->out->is_connected = true;
    return ST_OK;
}

/* False at the deadline, or where OpenSSL wants nothing more. */
static bool wait_for(const struct trying *t, int result, int64_t deadline_ns)
{
    int wants = SSL_get_error(t->ssl, result);
    int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
    struct pollfd p = { .fd = t->fd, .events = wants == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };
    if ((wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) || left_ms <= 0) {
        return false;
    }
    return poll(&p, 1, (int)left_ms) > 0;
}

/* What a server says behind the handshake: an alert, or nothing. False: it leaves. */
static bool listen_a_moment(struct trying *t, int64_t took_ns)
{
    uint8_t byte;
    int64_t wait_ns = 3 * took_ns;
    wait_ns = wait_ns < AFTER_LEAST_MS * NS_PER_MS ? AFTER_LEAST_MS * NS_PER_MS : wait_ns;
    wait_ns = wait_ns > AFTER_MOST_MS * NS_PER_MS ? AFTER_MOST_MS * NS_PER_MS : wait_ns;
    int64_t until = clock_monotonic_ns() + wait_ns;
    int n = 0;
    do {
        n = SSL_peek(t->ssl, &byte, sizeof byte);
    } while (n <= 0 && wait_for(t, n, until));
    return n > 0 || SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_READ;
}

static void shake_hands(struct trying *t)
{
    int64_t began = clock_monotonic_ns();
    int result = 0;
    do {
        result = SSL_connect(t->ssl);
    } while (result <= 0 && wait_for(t, result, t->deadline_ns));
    if (result == 1) {
        t->out->is_good = listen_a_moment(t, clock_monotonic_ns() - began);
        SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
}

static enum status work(struct trying *t, struct err *err)
{
    TRY(set_up(t, err));
    TRY(connect_to(t, err));
    if (t->out->is_connected) {
        shake_hands(t);
        observer_before_free(t->observer, t->ssl);
    }
    return ST_OK;
}

static void finish(struct trying *t)
{
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    if (t->fd >= 0) {
        close(t->fd);
    }
}

enum trial_status trial_run(const struct trial_settings *settings, struct trial *out,
                            struct err *err)
{
    struct trial_settings s = *settings;
    struct trying t = { .s = &s, .out = out, .fd = -1 };
    *out = (struct trial){ 0 };
    s.timeout_ms = s.timeout_ms == 0 ? TRIAL_TIMEOUT_MS : s.timeout_ms;
    if (atomic_fetch_add(&n_running, 1) >= TRIALS_MAX) {
        atomic_fetch_sub(&n_running, 1);
        return TRIAL_BUSY;
    }
    pthread_once(&observing_once, begin_observing);
    t.observer = our_observer;
    t.deadline_ns = clock_monotonic_ns() + (int64_t)s.timeout_ms * NS_PER_MS;
    enum status st = our_observer != NULL ? work(&t, err)
                                          : err_set(err, ST_IO, "this OpenSSL cannot be observed");
    finish(&t);
    atomic_fetch_sub(&n_running, 1);
    return st == ST_OK ? TRIAL_DONE : TRIAL_FAILED;
}

void trial_deinit(struct trial *t)
{
    free(t->note);
    *t = (struct trial){ 0 };
}
