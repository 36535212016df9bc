/*
 * view: the few questions that every rule asks of a transcript, answered once.
 *
 * Internal to diagnose.
 */
#ifndef HANDFAST_DIAGNOSE_VIEW_H
#define HANDFAST_DIAGNOSE_VIEW_H

#include "diagnose/diagnose.h"
#include "tls/names.h"

/* How far the handshake came. */
enum stage {
    STAGE_CONNECT,       /* TCP itself is not up */
    STAGE_SILENT,        /* TCP is up and nobody spoke */
    STAGE_PRELUDE,       /* something before TLS, or no TLS at all */
    STAGE_HELLO,         /* ClientHello sent, no ServerHello */
    STAGE_SERVER_FLIGHT, /* ServerHello seen; the server's flight may be incomplete */
    STAGE_CLIENT_FLIGHT, /* the server's flight is complete, or the client answered it */
    STAGE_SERVER_FINISH, /* the client sent its Finished, the server (up to 1.2) has not */
    STAGE_OVER,          /* both sent Finished */
};

struct view {
    const struct transcript *t;
    const struct diagnose_context *context;
    const struct tls_client_hello *offer; /* the latest ClientHello; NULL where none */
    const struct event *offer_event;
    uint16_t min_version, max_version; /* offered; 0 where not known */
    enum stage stage;

    /* The first of fatal alert, close_notify before the end of the handshake, FIN, RST. NULL:
     * nobody ended it. */
    const struct event *end;
    enum side end_side;
    bool end_is_alert; /* readable: end->type tells */
    bool end_is_sealed_alert;
    bool end_is_reset;
    const struct event *last_before_end; /* the last event that carried bytes, of either side */
    int64_t idle_ns;                     /* between that and the end (or the last packet) */
    const struct event *stalled_retry;   /* retransmissions that nobody answered */
    bool server_answered; /* any byte from the server after the first of the client's */

    const struct peer_server *peer;       /* NULL where nothing is known of this server */
    const struct peer_success *successes; /* what it answered on other connections */
    size_t n_successes;
    bool clock_is_doubtful; /* dates decide nothing alone */
};

/* What a rule fills in. */
struct judging {
    const struct view *view;
    const struct transcript *t;
    struct arena *arena;
    struct verdict *v;
};

void view_make(const struct transcript *t, const struct diagnose_context *context,
               struct view *out);
/* Is the end a readable alert of this side, of this description? */
bool ended_by_alert(const struct view *view, enum side side, enum tls_alert_description alert);
/* The first fault of that side's chain for which a verifier would end a connection without a word:
 * strength and revocation are policy, and trust counts only where the user said what the peers
 * trust, or the server named its CAs and the client's chain leads to none. NULL where none. */
const struct x509_fault *view_hard_fault(const struct view *view, enum side owner);
/* The server's certificate does not name the host; NULL where it does, or nobody knows. */
const struct x509_fault *view_wrong_name(const struct view *view);
/* outcome.c. From inside a process: the program left at once, before anybody was served. Node
 * writes the request that is waiting before it looks at the certificate. */
bool view_left_unserved(const struct view *view);
/* The client asked for this name: server_name, or the host of CONNECT; else the server's address.
 */
const char *view_host(const struct judging *j);

/* Builders of a verdict: each keeps within the arrays' limits. */
void say(struct judging *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void set_cause(struct judging *j, enum cause cause, const char *detail, enum confidence confidence);
void add_evidence(struct judging *j, const struct event *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void add_fact(struct judging *j, uint64_t frame, int64_t at_ns, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void add_alternative(struct judging *j, enum cause cause, enum confidence confidence,
                     const char *why);
void add_ruled_out(struct judging *j, enum cause cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void add_finding(struct judging *j, const char *id, enum cause cause, enum actor party,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* "the server sent alert handshake_failure", "the client reset the connection" ... */
const char *end_words(const struct judging *j);
/* "closed", "reset", "closed or reset": how the end came, where it was no alert. */
const char *leaving_word(const struct judging *j);

#endif
