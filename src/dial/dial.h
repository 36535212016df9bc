/*
 * dial: a TCP connection to where TLS begins: names, addresses, proxies, STARTTLS.
 *
 * For `check host:port` and `probe`. Blocking use: dial_open() and dial_fetch(). The probe's event
 * loop uses the same steps without blocking (dial_steps.h). Nothing is ever sent to a host that
 * the caller did not name. Times are milliseconds. Every wait has a limit.
 */
#ifndef HANDFAST_DIAL_DIAL_H
#define HANDFAST_DIAL_DIAL_H

#include "base/bytes.h"
#include "base/net.h"
#include "base/status.h"

enum dial_starttls {
    DIAL_NO_STARTTLS,
    DIAL_SMTP,
    DIAL_LMTP,
    DIAL_IMAP,
    DIAL_POP3,
    DIAL_FTP,
    DIAL_NNTP,
    DIAL_SIEVE,
    DIAL_XMPP_CLIENT,
    DIAL_XMPP_SERVER,
    DIAL_LDAP,
    DIAL_POSTGRES,
    DIAL_MYSQL,
    DIAL_MSSQL,
    DIAL_RDP,
    DIAL_IRC,
    DIAL_N_STARTTLS
};

struct dial_target {
    const char *host; /* name, IPv4 or IPv6 address without brackets */
    uint16_t port;
    const char *connect_to; /* --connect ADDR[:PORT]: go there instead; NULL: to host */
    enum dial_starttls starttls;
    const char *proxy;       /* "http://[user:pass@]host:port", "socks5://..."; NULL: none */
    uint8_t proxy_protocol;  /* send a PROXY protocol header of version 1 or 2 first; 0: none */
    uint8_t family;          /* 4 or 6: only addresses of it; 0: any */
    const char *server_name; /* SNI; NULL: the host if it is a name; "": none */
    unsigned timeout_ms;     /* for connecting and for each answer; 0: 10 s */
};

/* "host", "host:port", "[::1]:443", "smtp://host:25", "https://host/": false where it is none.
 * `storage` holds the name. Ports default by scheme, else 443. */
bool dial_parse_target(const char *s, struct dial_target *out, char *storage, size_t room);
bool dial_starttls_by_name(const char *name, enum dial_starttls *out);
const char *dial_starttls_name(enum dial_starttls s);

/* The addresses to try in their order: of --connect, of the proxy, else of the host. At most `room`
 * of them; an error where there is none. */
enum status dial_resolve(const struct dial_target *target, struct endpoint *out, size_t room,
                         size_t *n, struct err *err) NODISCARD;
/* What goes into server_name: "" where none. Borrowed from the target. */
const char *dial_server_name(const struct dial_target *target);
/* A non-blocking socket on its way to the address; done once it can be written to. */
enum status dial_connect_start(const struct endpoint *to, int *out_fd, struct err *err) NODISCARD;

/* A connected, blocking socket on which the next byte is TLS (with DIAL_MSSQL: TLS inside TDS
 * packets, dial_steps.h). Every address is tried until one answers. */
enum status dial_open(const struct dial_target *target, int *out_fd, struct err *err) NODISCARD;

/* What a server presents to a client that takes anything: one handshake by OpenSSL, nothing
 * verified, at the lowest security level. */
struct dial_fetched {
    size_t n;
    struct bytes *certificates; /* DER, leaf first, as sent */
    struct bytes ocsp_response; /* stapled, or empty */
    struct endpoint peer;       /* the address reached */
    uint16_t version, cipher_suite;
    bool asked_for_certificate;
    struct bytes ca_names; /* that it asked for: each a 16-bit length and an X.501 name in DER */
    void *storage;
};
enum status dial_fetch(const struct dial_target *target, struct dial_fetched *out,
                       struct err *err) NODISCARD;
void dial_fetched_deinit(struct dial_fetched *f);

#endif
