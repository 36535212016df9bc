/*
 * dial_steps: what is said on a connection before TLS, as steps that never block.
 *
 * Proxy (HTTP CONNECT, SOCKS5), then the PROXY protocol header, then STARTTLS: rows of a table
 * (dial_rows.c), each with what to send and how to read the answer. The owner of the socket sends
 * `out`, empties it, and pushes what comes. How the bytes were cut changes nothing. At most
 * DIAL_IN_MAX bytes of one answer are kept; a longer one is a refusal.
 * Sources: RFC 9110 section 9.3.6, RFC 1928, RFC 1929, HAProxy's proxy-protocol.txt; RFC 3207,
 * 2033, 9051, 2595, 4217, 4642, 5804, 6120, 4511, IRCv3 "tls"; PostgreSQL's SSLRequest; MySQL's
 * CLIENT_SSL; MS-RDPBCGR section 2.2.1; MS-TDS section 2.2.6.5.
 */
#ifndef HANDFAST_DIAL_DIAL_STEPS_H
#define HANDFAST_DIAL_DIAL_STEPS_H

#include "base/text.h"
#include "dial/dial.h"

enum { DIAL_IN_MAX = 16384, DIAL_SAID_MAX = 160 };

enum dial_progress {
    DIAL_MORE,   /* send `out`, push what comes */
    DIAL_READY,  /* after `out` is sent the next byte is TLS */
    DIAL_REFUSED /* `why` says by whom and with which words */
};

struct dial_row;

struct dial_steps {
    const struct dial_target *target;
    struct endpoint local, remote;
    const struct dial_row *row; /* whose answer is awaited */
    struct text out;            /* to be sent; the owner clears it */
    struct text in;             /* the answer so far */
    uint8_t stage;              /* proxy, PROXY header, STARTTLS */
    uint8_t progress;           /* enum dial_progress */
    bool offers_tls;            /* the server listed STARTTLS */
    bool lists_capabilities;    /* it listed anything */
    bool is_proxy_refusal;      /* the proxy said no, not the server */
    struct err why;
};

/* `local` and `remote` are the ends of the socket, for the PROXY header. The target is borrowed. */
void dial_steps_start(struct dial_steps *s, const struct dial_target *target,
                      const struct endpoint *local, const struct endpoint *remote);
enum dial_progress dial_steps_push(struct dial_steps *s, struct bytes in);
/* The peer closed, or nothing came in time: `why` is filled in. */
void dial_steps_fail(struct dial_steps *s, const char *how);
/* Bytes that came after the last answer: TLS already. */
struct bytes dial_steps_rest(const struct dial_steps *s);
void dial_steps_deinit(struct dial_steps *s);

/* TDS: TLS records travel inside packets of type PRELOGIN until the handshake is over. */
void dial_tds_wrap(struct text *out, struct bytes tls);

struct dial_tds {
    uint8_t header[8];
    uint8_t header_len;
    uint32_t left; /* of the packet's content */
    bool is_broken;
};
/* Appends the TLS bytes inside to `out`; sets is_broken at what is no TDS packet. Records that come
 * without a packet around them are taken as they are. */
void dial_tds_unwrap(struct dial_tds *t, struct bytes in, struct text *out);

/* Internal to the area. */
enum dial_take {
    TAKE_MORE,
    TAKE_NEXT, /* the answer is good */
    TAKE_SKIP, /* good, and the next row is not needed */
    TAKE_NO    /* refused; s->why may be filled in */
};
enum dial_stage { STAGE_PROXY, STAGE_HEADER, STAGE_STARTTLS, STAGE_DONE };
enum { DIAL_BY_HTTP = DIAL_N_STARTTLS, DIAL_BY_SOCKS, DIAL_BY_HEADER };

struct dial_row {
    uint8_t protocol;                  /* enum dial_starttls, or DIAL_BY_... */
    const char *what;                  /* the answer awaited: "greeting" */
    const char *send;                  /* NULL: nothing, or put() */
    bool (*put)(struct dial_steps *s); /* false: it cannot be said */
    /* Reads an answer at the start of `in`; NULL: none is awaited. */
    enum dial_take (*take)(struct dial_steps *s, struct bytes in, size_t *used);
    uint16_t code; /* for takers of replies */
};

extern const struct dial_row dial_rows[];
extern const size_t dial_n_rows;

/* "http://user:pass@host:port" taken apart; `storage` holds the strings. */
struct dial_proxy {
    bool is_socks;
    const char *user, *password; /* NULL: none */
    const char *host;
    uint16_t port;
    char storage[512];
};
bool dial_parse_proxy(const char *s, struct dial_proxy *out);
bool dial_is_address(const char *host);

bool dial_put_connect(struct dial_steps *s);
bool dial_put_socks_hello(struct dial_steps *s);
bool dial_put_socks_login(struct dial_steps *s);
bool dial_put_socks_request(struct dial_steps *s);
bool dial_put_header(struct dial_steps *s);
bool dial_put_xmpp(struct dial_steps *s);
bool dial_put_ldap(struct dial_steps *s);
bool dial_put_postgresql(struct dial_steps *s);
bool dial_put_mysql(struct dial_steps *s);
bool dial_put_tds(struct dial_steps *s);
bool dial_put_rdp(struct dial_steps *s);
enum dial_take dial_take_connect(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_socks_hello(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_socks_login(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_socks_reply(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_reply(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_imap(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_pop3(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_sieve(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_irc(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_features(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_proceed(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_ldap(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_postgresql(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_mysql(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_tds(struct dial_steps *s, struct bytes in, size_t *used);
enum dial_take dial_take_rdp(struct dial_steps *s, struct bytes in, size_t *used);

#endif
