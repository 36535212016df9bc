/* What a connection was set to: gathered when it failed, never before. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

#include "observe/sockets.h"
#include "observe/watched.h"

enum {
    FDS_LOOKED_AT = 256,
    FDS_LOOKED_AT_EACH = 64, /* at a handshake that ended well */
    CODES_MAX = 512,
    ANCHORS_SENT_MAX = 24,
    ANCHOR_BYTES_MAX = 4096
};

static const struct bytes nothing = { NULL, 0 };

static void put_bytes(struct watched *w, enum note_fact fact, struct bytes value)
{
    hooks_put(w, (struct note_entry){ .kind = NOTE_FACT, .type = (uint8_t)fact }, value, nothing);
}

static void put_text(struct watched *w, enum note_fact fact, const char *text)
{
    if (text != NULL) {
        put_bytes(w, fact, bytes_of(text, strnlen(text, 1024)));
    }
}

static void put_number(struct watched *w, enum note_fact fact, uint64_t v)
{
    uint8_t be[8];
    for (int i = 0; i < 8; i++) {
        be[i] = (uint8_t)(v >> (56 - 8 * i));
    }
    put_bytes(w, fact, bytes_of(be, sizeof be));
}

/* --- addresses --- */

static void put_address(struct watched *w, enum note_fact fact, const union socket_address *a)
{
    uint8_t body[19];
    bool is_v6 = a->any.sa_family == AF_INET6;
    uint16_t port = ntohs(is_v6 ? a->v6.sin6_port : a->v4.sin_port);
    struct bytes ip = is_v6 ? bytes_of(&a->v6.sin6_addr, 16) : bytes_of(&a->v4.sin_addr, 4);
    if (is_v6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        ip = bytes_skip(ip, 12);
    }
    body[0] = ip.len == 16 ? 6 : 4;
    body[1] = (uint8_t)(port >> 8);
    body[2] = (uint8_t)port;
    bytes_copy(body + 3, sizeof body - 3, ip);
    put_bytes(w, fact, bytes_of(body, 3 + ip.len));
}

static void put_addresses(struct watched *w, int n_fds)
{
    const struct calls *c = &w->o->calls;
    struct socket_facts facts;
    int fd = c->SSL_get_fd != NULL ? c->SSL_get_fd(w->ssl) : -1;
    bool is_known = fd >= 0 ? sockets_look(fd, &facts) && !facts.is_reset
                            : sockets_guess(c->SSL_is_server(w->ssl) != 0, n_fds, &facts);
    if (!is_known) {
        if (fd >= 0 && fcntl(fd, F_GETFD) < 0) { /* the program closed it */
            put_number(w, FACT_TCP_STATE, TCP_FIN_WAIT1);
        } else if (fd >= 0 && facts.is_reset) {
            put_number(w, FACT_TCP_STATE, TCP_CLOSE);
        }
        return;
    }
    if (!w->is_addressed && !facts.is_reset) {
        put_address(w, FACT_PEER, &facts.peer);
    }
    if (!w->is_addressed) {
        put_address(w, FACT_LOCAL, &facts.local);
    }
    w->is_addressed = true;
    put_number(w, FACT_TCP_STATE, facts.tcp_state); /* the last one counts */
}

void in_force_note_address(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    bool has_fd = c->SSL_get_fd == NULL || c->SSL_get_fd(w->ssl) >= 0;
    if (has_fd || c->SSL_is_server(w->ssl) != 0 || c->SSL_get_servername == NULL ||
        c->SSL_get_servername(w->ssl, TLSEXT_NAMETYPE_host_name) != NULL) {
        return; /* a descriptor tells at the end too */
    }
    int saved = errno;
    put_addresses(w, FDS_LOOKED_AT_EACH);
    errno = saved;
}

/* --- policy --- */

static void put_ciphers(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    uint8_t codes[2 * CODES_MAX];
    size_t n = 0;
    if (c->SSL_get_ciphers == NULL || c->OPENSSL_sk_num == NULL || c->OPENSSL_sk_value == NULL ||
        c->SSL_CIPHER_get_protocol_id == NULL) {
        return;
    }
    const OPENSSL_STACK *list = (const OPENSSL_STACK *)c->SSL_get_ciphers(w->ssl);
    int count = list == NULL ? 0 : c->OPENSSL_sk_num(list);
    for (int i = 0; i < count && n < CODES_MAX; i++, n++) {
        uint16_t id = c->SSL_CIPHER_get_protocol_id(c->OPENSSL_sk_value(list, i));
        codes[2 * n] = (uint8_t)(id >> 8);
        codes[2 * n + 1] = (uint8_t)id;
    }
    put_bytes(w, FACT_CIPHERS, bytes_of(codes, 2 * n));
}

static void put_places(struct watched *w, const X509_STORE *store)
{
    const struct watched_store *t = watched_store_of(w->o, store);
    for (size_t i = 0; t != NULL && i < t->n_places; i++) {
        if (t->places[i].fact == FACT_TRUST_DEFAULT) {
            put_number(w, FACT_TRUST_DEFAULT, 1);
        } else {
            put_text(w, t->places[i].fact, t->places[i].path);
        }
    }
}

/* The store that a peer's certificate is verified by: the SSL's own, else that of its SSL_CTX.
 * OpenSSL 1.1.1 does not tell the former. */
static X509_STORE *trust_of(const struct watched *w)
{
    const struct calls *c = &w->o->calls;
    X509_STORE *own = NULL;
    if (c->SSL_ctrl != NULL) {
        c->SSL_ctrl(w->ssl, SSL_CTRL_GET_VERIFY_CERT_STORE, 0, (void *)&own);
    }
    return own != NULL ? own : c->SSL_CTX_get_cert_store(c->SSL_get_SSL_CTX(w->ssl));
}

static void put_anchors(struct watched *w, const OPENSSL_STACK *all)
{
    const struct calls *c = &w->o->calls;
    int n = all == NULL ? 0 : c->OPENSSL_sk_num(all);
    put_number(w, FACT_N_ANCHORS, n > 0 ? (uint64_t)n : 0);
    for (int i = 0; i < n && n <= ANCHORS_SENT_MAX; i++) {
        uint8_t der[ANCHOR_BYTES_MAX];
        unsigned char *p = der;
        const X509 *x = c->X509_OBJECT_get0_X509(c->OPENSSL_sk_value(all, i));
        int len = x == NULL ? 0 : c->i2d_X509(x, NULL);
        if (len > 0 && len <= ANCHOR_BYTES_MAX) {
            put_bytes(w, FACT_ANCHOR, bytes_of(der, (size_t)c->i2d_X509(x, &p)));
        }
    }
}

/* Another thread that verifies adds to the same list what it finds in a directory by hash
 * (X509_LOOKUP_hash_dir(3)), and the list moves: the lock is the one that it takes for that. */
static void put_trust(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (c->SSL_CTX_get_cert_store == NULL || c->X509_STORE_get0_objects == NULL ||
        c->X509_STORE_lock == NULL || c->X509_STORE_unlock == NULL || c->OPENSSL_sk_num == NULL ||
        c->OPENSSL_sk_value == NULL || c->X509_OBJECT_get0_X509 == NULL || c->i2d_X509 == NULL) {
        return;
    }
    X509_STORE *store = trust_of(w);
    put_places(w, store);
    if (store == NULL) {
        put_anchors(w, NULL);
    } else if (c->X509_STORE_lock(store) == 1) {
        put_anchors(w, (const OPENSSL_STACK *)c->X509_STORE_get0_objects(store));
        c->X509_STORE_unlock(store);
    }
}

/* OpenSSL writes out all of an IPv6 address; people do not (RFC 5952). */
static void put_checked_address(struct watched *w, const char *address)
{
    unsigned char ip[16];
    char text[INET6_ADDRSTRLEN] = "";
    bool is_ipv6 = address != NULL && inet_pton(AF_INET6, address, ip) == 1 &&
                   inet_ntop(AF_INET6, ip, text, sizeof text) != NULL;
    put_text(w, FACT_CHECKED_HOST, is_ipv6 ? text : address);
}

static void put_verification(struct watched *w, bool is_whole)
{
    const struct calls *c = &w->o->calls;
    put_number(w, FACT_VERIFY_MODE, (uint64_t)(unsigned)c->SSL_get_verify_mode(w->ssl));
    X509_VERIFY_PARAM *param =
        c->SSL_get0_param == NULL || !is_whole ? NULL : c->SSL_get0_param(w->ssl);
    if (param != NULL && c->X509_VERIFY_PARAM_get_flags != NULL) {
        put_number(w, FACT_VERIFY_FLAGS, c->X509_VERIFY_PARAM_get_flags(param));
    }
    if (param != NULL && c->X509_VERIFY_PARAM_get0_host != NULL) {
        put_text(w, FACT_CHECKED_HOST, c->X509_VERIFY_PARAM_get0_host(param, 0));
    }
    if (param != NULL && c->X509_VERIFY_PARAM_get1_ip_asc != NULL && c->CRYPTO_free != NULL) {
        char *address = c->X509_VERIFY_PARAM_get1_ip_asc(param);
        put_checked_address(w, address); /* the library takes a name or an address */
        c->CRYPTO_free(address, "", 0);
    }
}

static void put_versions(struct watched *w)
{
    const struct calls *c = &w->o->calls;
    if (c->SSL_ctrl != NULL) {
        put_number(w, FACT_MIN_VERSION,
                   (uint64_t)c->SSL_ctrl(w->ssl, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, NULL));
        put_number(w, FACT_MAX_VERSION,
                   (uint64_t)c->SSL_ctrl(w->ssl, SSL_CTRL_GET_MAX_PROTO_VERSION, 0, NULL));
    }
    if (c->SSL_get_options != NULL) {
        put_number(w, FACT_OPTIONS, c->SSL_get_options(w->ssl));
    }
    if (c->SSL_get_security_level != NULL) {
        put_number(w, FACT_SECURITY_LEVEL, (uint64_t)(unsigned)c->SSL_get_security_level(w->ssl));
    }
}

/* An SSL that is being freed has lost its X509_VERIFY_PARAM already. */
static void put_policy(struct watched *w, bool is_whole)
{
    const struct calls *c = &w->o->calls;
    c->ERR_set_mark();
    if ((c->SSL_version(w->ssl) >> 8) == DTLS1_VERSION_MAJOR) {
        put_number(w, FACT_DTLS, 1);
    }
    if (c->SSL_get_servername != NULL && is_whole) {
        put_text(w, FACT_SERVER_NAME, c->SSL_get_servername(w->ssl, TLSEXT_NAMETYPE_host_name));
    }
    put_addresses(w, FDS_LOOKED_AT);
    put_versions(w);
    if (is_whole && c->SSL_is_server(w->ssl) != 0 && c->SSL_get_certificate != NULL &&
        c->SSL_get_certificate(w->ssl) == NULL) {
        put_number(w, FACT_NO_CERTIFICATE, 1);
    }
    put_verification(w, is_whole);
    put_ciphers(w);
    put_trust(w);
    c->ERR_pop_to_mark();
}

void in_force_put_again(struct watched *w)
{
    put_number(w, FACT_AGAIN, (uint64_t)(unsigned)w->o->calls.SSL_version(w->ssl));
}

void in_force_put(struct watched *w, enum ssl_state state)
{
    const struct calls *c = &w->o->calls;
    int saved = errno;
    if (w->facts_are_known) {
        return;
    }
    w->facts_are_known = true;
    put_text(w, FACT_PROGRAM, observing.program);
    put_text(w, FACT_LIBRARY, c->OpenSSL_version == NULL ? NULL : c->OpenSSL_version(0));
    switch (state) {
    case SSL_WHOLE:
        put_policy(w, true);
        break;
    case SSL_IN_FREE:
        put_policy(w, false);
        break;
    case SSL_AT_EXIT:
        put_addresses(w, FDS_LOOKED_AT);
        break;
    }
    errno = saved;
}

bool in_force_is_abandoned(const struct watched *w)
{
    bool may_be = w->done && w->o->calls.SSL_is_server(w->ssl) != 0 && !w->is_noteworthy &&
                  !w->data[1]; /* HAProxy answers a client that says nothing */
    if (!may_be) {
        return false;
    }
    int saved = errno;
    w->o->calls.ERR_set_mark();
    bool is_fine = own_certificate_is_fine(w);
    w->o->calls.ERR_pop_to_mark();
    errno = saved;
    return is_fine;
}
