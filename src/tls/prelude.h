/*
 * prelude: what peers say before TLS on the same connection.
 *
 * PROXY protocol v1/v2, HTTP CONNECT, SOCKS 4/4a/5, and STARTTLS in SMTP, LMTP, IMAP, POP3, FTP,
 * XMPP, LDAP, NNTP, ManageSieve, IRC, PostgreSQL, MySQL, RDP and TDS (SQL Server, where TLS records
 * travel inside PRELOGIN packets). A small state machine for each connection that eats the bytes of
 * both directions in the order they came, and says where TLS starts, that the upgrade was refused,
 * or that this is something else. Peers are known by what they say; the port only helps to name a
 * greeting that fits two protocols. Preludes may follow each other: PROXY, then SMTP STARTTLS;
 * CONNECT, then TLS. How the bytes are cut into pushes changes nothing.
 *
 * Memory: at most 2 KiB waiting and 256 first bytes a side, allocated when needed; a longer line or
 * packet is something else. A gap cannot be told: after lost bytes give up the prelude.
 *
 * Sources: HAProxy's proxy-protocol.txt; RFC 9110 section 9.3.6; RFC 1928, 1929; RFC 3207, 2033,
 * 9051, 2595, 4217, 6120, 4511, 4642, 5804; IRCv3 "tls"; PostgreSQL's SSLRequest and GSSENCRequest;
 * MySQL's CLIENT_SSL; MS-RDPBCGR section 2.2.1; MS-TDS section 2.2.6.5.
 */
#ifndef HANDFAST_TLS_PRELUDE_H
#define HANDFAST_TLS_PRELUDE_H

#include "base/net.h"

enum prelude_kind {
    PRELUDE_NONE = 0,
    PRELUDE_PROXY,
    PRELUDE_HTTP_CONNECT,
    PRELUDE_SOCKS,
    PRELUDE_SMTP,
    PRELUDE_LMTP,
    PRELUDE_IMAP,
    PRELUDE_POP3,
    PRELUDE_FTP,
    PRELUDE_XMPP,
    PRELUDE_LDAP,
    PRELUDE_NNTP,
    PRELUDE_SIEVE,
    PRELUDE_IRC,
    PRELUDE_POSTGRESQL,
    PRELUDE_MYSQL,
    PRELUDE_RDP,
    PRELUDE_TDS,
    PRELUDE_N_KINDS
};

enum prelude_step {
    PRELUDE_GREETING,     /* the server's banner; for PRELUDE_PROXY its header, by the client */
    PRELUDE_CAPABILITIES, /* the server listed what it can do; `offers_tls` tells */
    PRELUDE_REQUEST,  /* the client asked for TLS (STARTTLS, SSLRequest) or a tunnel (CONNECT) */
    PRELUDE_ACCEPTED, /* the server agreed; takes back any refusal before it */
    PRELUDE_REFUSED,  /* the server said no: 454, PostgreSQL 'N', CONNECT 403. Another try may
                         follow: AUTH SSL then AUTH TLS, CONNECT with credentials after a 407 */
    /* The client asked for the list of capabilities (in ManageSieve it comes unasked), TLS is not
     * in it, and the client ended the session (QUIT, LOGOUT, or the connection ended and the server
     * had not said that it leaves) without having asked for TLS, logged in or worked. It probably
     * wanted TLS: weaker evidence than a refusal. Not in MySQL, where a client that requires TLS
     * looks like a health check: greeted, it says nothing and closes. */
    PRELUDE_NOT_OFFERED,
    PRELUDE_CLEAR, /* they log in or work in clear, after a refusal or without having asked */
};

enum prelude_state {
    PRELUDE_WAITING = 0, /* more bytes are needed */
    PRELUDE_TLS,         /* from here on this direction carries TLS */
    PRELUDE_NOT_TLS,     /* this direction carries none of ours: its first bytes went to `other` */
    PRELUDE_OVER,        /* they go on in clear: further bytes of this direction are ignored */
};

struct prelude_event {
    enum prelude_kind kind;
    enum prelude_step step;
    enum side side;
    bool offers_tls;
    bool is_proxy_refusal; /* CONNECT or SOCKS refused: the proxy, not the server, said no */
    struct bytes seen;     /* the line or the first bytes, at most 256; borrowed until return */
    struct endpoint proxied_client, proxied_server; /* PROXY protocol: family 0 where not given */
    struct bytes host; /* CONNECT and SOCKS: the name asked for; borrowed until return */
    uint16_t port;
};

struct prelude_sink {
    void *arg;
    void (*event)(void *arg, const struct prelude_event *event);
    /* TLS bytes of one side (unwrapped from TDS packets where that applies). */
    void (*tls)(void *arg, enum side side, struct bytes bytes);
    /* Bytes that are no TLS and belong to no prelude known here, up to 2 KiB a side: the owner
     * decides between plaintext-client, plaintext-server and "no handshake". A greeting counts as
     * such where the other side answers it with TLS that nobody had asked for. Also from finish. */
    void (*other)(void *arg, enum side side, struct bytes bytes);
};

struct prelude;

/* NULL without memory. `server_port` is a hint only (e.g. 3306: the server speaks first). */
struct prelude *prelude_new(uint16_t server_port);
void prelude_free(struct prelude *p); /* NULL is fine */
/* In-order bytes of one side; all callbacks of the sink are needed. The state is that of this
 * direction. Once it is TLS all its bytes go to sink->tls. */
enum prelude_state prelude_push(struct prelude *p, enum side side, struct bytes data,
                                const struct prelude_sink *sink);
/* Both directions are plain TLS from here on: the prelude may be freed and the bytes be given to
 * the TLS reader directly. Not so with TDS, whose packets must be unwrapped: ask, do not assume. */
bool prelude_is_transparent(const struct prelude *p);
/* The connection ended: last events (PRELUDE_NOT_OFFERED ...). */
void prelude_finish(struct prelude *p, const struct prelude_sink *sink);
/* "SMTP", "HTTP CONNECT" ... */
const char *prelude_kind_name(enum prelude_kind kind);
/* Does this look like the start of a known plaintext protocol ("HTTP request", "SMTP greeting",
 * "SSH banner" ...)? NULL where not known. For naming plaintext in verdicts. */
const char *prelude_name_plaintext(struct bytes start);

#endif
