/*
 * finish: a whole handshake in the event loop, by OpenSSL over memory.
 *
 * For what cannot be seen otherwise: whether a client certificate is required or only asked for,
 * resumption, tickets, 0-RTT, and --cert/--key. The offer is as wide as OpenSSL can make it
 * (security level 0) within the versions given; nothing is verified.
 */
#ifndef HANDFAST_PROBE_FINISH_H
#define HANDFAST_PROBE_FINISH_H

#include <openssl/ssl.h>

#include "base/status.h"
#include "base/text.h"

struct probe_finish {
    /* what to do */
    uint16_t min_version, max_version; /* 0x0301 ...; 0: any */
    const char *server_name;           /* "" or NULL: none */
    const char *cert_path, *key_path;  /* PEM; NULL: no certificate */
    SSL_SESSION *session;              /* to resume; borrowed */
    bool no_tickets;                   /* up to TLS 1.2: resume by id only */
    bool early_data;                   /* send some with the session, where it allows */
    bool is_default;                   /* offer what OpenSSL offers by default, not all it can */

    /* what became of it */
    bool is_done;      /* both Finished */
    bool is_confirmed; /* and the server showed that it is content: a ticket, data, close_notify */
    bool is_asked;     /* for a certificate */
    bool is_resumed, early_data_accepted;
    uint16_t version, cipher_suite;
    SSL_SESSION *new_session; /* the last one the server gave; freed by finish_deinit */
    unsigned n_tickets;
    uint32_t ticket_lifetime_s, max_early_data;
    bool has_session_id, has_ticket;
    bool ems;
    uint8_t alert; /* that the server sent */
    bool has_alert;
    char alpn[64];
    char why[160];
    struct text keylog;

    /* the driver's own */
    SSL_CTX *context;
    SSL *ssl;
    BIO *from_peer, *to_peer; /* owned by ssl */
    bool early_data_written;
};

enum finish_progress { FINISH_MORE, FINISH_OVER };

enum status finish_start(struct probe_finish *f, struct err *err) NODISCARD;
/* Takes what came (may be empty), gives what is to be sent. */
enum finish_progress finish_push(struct probe_finish *f, struct bytes in, struct text *out);
void finish_deinit(struct probe_finish *f);

#endif
