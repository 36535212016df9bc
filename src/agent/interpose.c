/*
 * The functions that stand before others' by their name. Each does what the caller asked, first and
 * unchanged, and notes what cannot be found out later. The list is agent.map.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>

#include <openssl/x509v3.h>

#include "agent/guest.h"
#include "base/status.h"

#define EXPORTED __attribute__((visibility("default")))
/* POSIX: an object pointer of dlsym() holds a function's address. */
#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a name of a function */
#define REAL(f)       (*(__typeof__(&f) *)&(void *){ origin_find(#f, CALLER) })
#define ADDRESS(real) (*(void **)&(real))

typedef void msg_callback(int, int, int, const void *, size_t, SSL *, void *);
/* Of GnuTLS and NSS, whose headers are not needed for what is passed on as it is. */
EXPORTED int gnutls_handshake(void *session);
EXPORTED void *SSL_ImportFD(void *model, void *fd);

/* The function is libcrypto's: of libssl's observer only where one object holds both, or the only
 * one there is. */
static void note_store(const void *function, X509_STORE *store, enum note_fact fact,
                       const char *path)
{
    struct observer *o = preload_observer_of_crypto(function);
    if (o != NULL && path != NULL) {
        observer_note_trust(o, store, fact, path);
    }
}

EXPORTED SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    __typeof__(&SSL_CTX_new) real = REAL(SSL_CTX_new);
    preload_observer(ADDRESS(real));
    return real == NULL ? NULL : real(method);
}

EXPORTED SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq, const SSL_METHOD *method)
{
    __typeof__(&SSL_CTX_new_ex) real = REAL(SSL_CTX_new_ex);
    preload_observer(ADDRESS(real));
    return real == NULL ? NULL : real(libctx, propq, method);
}

EXPORTED void SSL_CTX_set_msg_callback(SSL_CTX *ctx, msg_callback *cb)
{
    __typeof__(&SSL_CTX_set_msg_callback) real = REAL(SSL_CTX_set_msg_callback);
    struct observer *o = preload_observer(ADDRESS(real));
    if (o != NULL) {
        observer_note_ctx_msg_callback(o, ctx, cb);
    }
    if (real != NULL) {
        real(ctx, cb);
    }
}

EXPORTED void SSL_set_msg_callback(SSL *s, msg_callback *cb)
{
    __typeof__(&SSL_set_msg_callback) real = REAL(SSL_set_msg_callback);
    struct observer *o = preload_observer(ADDRESS(real));
    bool is_taken = o != NULL && observer_take_msg_callback(o, s, cb);
    if (real != NULL && !is_taken) {
        real(s, cb);
    }
}

EXPORTED void SSL_CTX_set_keylog_callback(SSL_CTX *ctx, SSL_CTX_keylog_cb_func cb)
{
    __typeof__(&SSL_CTX_set_keylog_callback) real = REAL(SSL_CTX_set_keylog_callback);
    struct observer *o = preload_observer(ADDRESS(real));
    bool is_taken = o != NULL && observer_take_keylog_callback(o, ctx, cb);
    if (real != NULL && !is_taken) {
        real(ctx, cb);
    }
}

EXPORTED int SSL_CTX_load_verify_locations(SSL_CTX *ctx, const char *file, const char *dir)
{
    __typeof__(&SSL_CTX_load_verify_locations) real = REAL(SSL_CTX_load_verify_locations);
    struct observer *o = preload_observer(ADDRESS(real));
    int result = real == NULL ? 0 : real(ctx, file, dir);
    if (o != NULL && result == 1 && file != NULL) {
        observer_note_ctx_trust(o, ctx, FACT_TRUST_FILE, file);
    }
    if (o != NULL && result == 1 && dir != NULL) {
        observer_note_ctx_trust(o, ctx, FACT_TRUST_DIR, dir);
    }
    return result;
}

EXPORTED int SSL_CTX_load_verify_file(SSL_CTX *ctx, const char *file)
{
    __typeof__(&SSL_CTX_load_verify_file) real = REAL(SSL_CTX_load_verify_file);
    struct observer *o = preload_observer(ADDRESS(real));
    int result = real == NULL ? 0 : real(ctx, file);
    if (o != NULL && result == 1 && file != NULL) {
        observer_note_ctx_trust(o, ctx, FACT_TRUST_FILE, file);
    }
    return result;
}

EXPORTED int SSL_CTX_load_verify_dir(SSL_CTX *ctx, const char *dir)
{
    __typeof__(&SSL_CTX_load_verify_dir) real = REAL(SSL_CTX_load_verify_dir);
    struct observer *o = preload_observer(ADDRESS(real));
    int result = real == NULL ? 0 : real(ctx, dir);
    if (o != NULL && result == 1 && dir != NULL) {
        observer_note_ctx_trust(o, ctx, FACT_TRUST_DIR, dir);
    }
    return result;
}

EXPORTED int SSL_CTX_set_default_verify_paths(SSL_CTX *ctx)
{
    __typeof__(&SSL_CTX_set_default_verify_paths) real = REAL(SSL_CTX_set_default_verify_paths);
    struct observer *o = preload_observer(ADDRESS(real));
    int result = real == NULL ? 0 : real(ctx);
    if (o != NULL && result == 1) {
        observer_note_ctx_trust(o, ctx, FACT_TRUST_DEFAULT, NULL);
    }
    return result;
}

EXPORTED int X509_STORE_load_locations(X509_STORE *store, const char *file, const char *dir)
{
    __typeof__(&X509_STORE_load_locations) real = REAL(X509_STORE_load_locations);
    int result = real == NULL ? 0 : real(store, file, dir);
    if (result == 1) {
        note_store(ADDRESS(real), store, FACT_TRUST_FILE, file);
        note_store(ADDRESS(real), store, FACT_TRUST_DIR, dir);
    }
    return result;
}

EXPORTED int X509_STORE_load_file(X509_STORE *store, const char *file)
{
    __typeof__(&X509_STORE_load_file) real = REAL(X509_STORE_load_file);
    int result = real == NULL ? 0 : real(store, file);
    if (result == 1) {
        note_store(ADDRESS(real), store, FACT_TRUST_FILE, file);
    }
    return result;
}

EXPORTED int X509_STORE_load_path(X509_STORE *store, const char *dir)
{
    __typeof__(&X509_STORE_load_path) real = REAL(X509_STORE_load_path);
    int result = real == NULL ? 0 : real(store, dir);
    if (result == 1) {
        note_store(ADDRESS(real), store, FACT_TRUST_DIR, dir);
    }
    return result;
}

EXPORTED int X509_STORE_set_default_paths(X509_STORE *store)
{
    __typeof__(&X509_STORE_set_default_paths) real = REAL(X509_STORE_set_default_paths);
    int result = real == NULL ? 0 : real(store);
    if (result == 1) {
        note_store(ADDRESS(real), store, FACT_TRUST_DEFAULT, "");
    }
    return result;
}

/* --- libcrypto's: names that the program checks by itself --- */

static void note_name(const void *function, const X509 *x, struct bytes name, int result)
{
    struct observer *o = preload_observer_of_crypto(function);
    if (o != NULL && x != NULL && (result == 0 || result == 1)) {
        observer_note_name(o, x, name, result == 1);
    }
}

EXPORTED int X509_check_host(X509 *x, const char *name, size_t len, unsigned flags, char **peer)
{
    __typeof__(&X509_check_host) real = REAL(X509_check_host);
    int result = real == NULL ? -1 : real(x, name, len, flags, peer);
    if (name != NULL) {
        note_name(ADDRESS(real), x, bytes_of(name, len > 0 ? len : strlen(name)), result);
    }
    return result;
}

EXPORTED int X509_check_ip_asc(X509 *x, const char *address, unsigned flags)
{
    __typeof__(&X509_check_ip_asc) real = REAL(X509_check_ip_asc);
    int result = real == NULL ? -1 : real(x, address, flags);
    if (address != NULL) {
        note_name(ADDRESS(real), x, bytes_of_str(address), result);
    }
    return result;
}

EXPORTED int X509_check_ip(X509 *x, const unsigned char *address, size_t len, unsigned flags)
{
    __typeof__(&X509_check_ip) real = REAL(X509_check_ip);
    int result = real == NULL ? -1 : real(x, address, len, flags);
    char text[INET6_ADDRSTRLEN];
    int saved = errno;
    if ((len == 4 || len == 16) && address != NULL &&
        inet_ntop(len == 4 ? AF_INET : AF_INET6, address, text, sizeof text) != NULL) {
        note_name(ADDRESS(real), x, bytes_of_str(text), result);
    }
    errno = saved;
    return result;
}

EXPORTED void SSL_free(SSL *s)
{
    __typeof__(&SSL_free) real = REAL(SSL_free);
    struct observer *o = preload_observer(ADDRESS(real));
    if (o != NULL) {
        observer_before_free(o, s);
    }
    if (real != NULL) {
        real(s);
    }
}

EXPORTED int SSL_clear(SSL *s)
{
    __typeof__(&SSL_clear) real = REAL(SSL_clear);
    struct observer *o = preload_observer(ADDRESS(real));
    if (o != NULL) {
        observer_before_clear(o, s);
    }
    return real == NULL ? 0 : real(s);
}

EXPORTED int SSL_renegotiate(SSL *s)
{
    __typeof__(&SSL_renegotiate) real = REAL(SSL_renegotiate);
    struct observer *o = preload_observer(ADDRESS(real));
    if (o != NULL) {
        observer_again(o, s);
    }
    return real == NULL ? 0 : real(s);
}

EXPORTED int SSL_verify_client_post_handshake(SSL *s)
{
    __typeof__(&SSL_verify_client_post_handshake) real = REAL(SSL_verify_client_post_handshake);
    struct observer *o = preload_observer(ADDRESS(real));
    if (o != NULL) {
        observer_again(o, s);
    }
    return real == NULL ? 0 : real(s);
}

EXPORTED int gnutls_handshake(void *session)
{
    __typeof__(&gnutls_handshake) real = REAL(gnutls_handshake);
    preload_unseen("GnuTLS");
    return real == NULL ? -1 : real(session);
}

EXPORTED void *SSL_ImportFD(void *model, void *fd)
{
    __typeof__(&SSL_ImportFD) real = REAL(SSL_ImportFD);
    preload_unseen("NSS");
    return real == NULL ? NULL : real(model, fd);
}
