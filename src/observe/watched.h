/*
 * watched: one SSL under observation, shared by the files of the observer. Not for other areas.
 */
#ifndef HANDFAST_OBSERVE_WATCHED_H
#define HANDFAST_OBSERVE_WATCHED_H

#include <pthread.h>
#include <stdatomic.h>

#include "observe/observer.h"

enum { TRUST_PLACES_MAX = 8 };

typedef void msg_callback(int, int, int, const void *, size_t, SSL *, void *);

/* Ours, for one OpenSSL: a callback is told the SSL, and not whose it is. */
struct callbacks {
    msg_callback *msg;
    INFO_CALLBACK info;
    SSL_verify_cb verify;
    KEYLOG_CALLBACK keylog;
    BIO_callback_fn_ex bio;
};

struct observer {
    struct calls calls;
    struct callbacks ours;
    atomic_int ssl_index, ctx_index, store_index;
};

extern struct observer_options observing; /* what every observer was asked for */

/* What was set on an SSL_CTX; lives as long as it. */
struct watched_ctx {
    msg_callback *msg;
    KEYLOG_CALLBACK keylog; /* the program's */
};

/* Where a trust store was filled from; lives as long as it. */
struct watched_store {
    size_t n_places;
    struct {
        enum note_fact fact;
        char *path; /* NULL: the default places */
    } places[TRUST_PLACES_MAX];
};

struct watched {
    struct watched *next, *previous; /* of those that have begun */
    struct observer *o;
    SSL *ssl;
    void *whose; /* what at_start() returned */
    pthread_t thread;
    int pid; /* in which it began: a child has the parent's connections in memory too */
    struct note note;
    msg_callback *msg; /* the program's, or NULL */
    INFO_CALLBACK info;
    INFO_CALLBACK info_at_entry; /* the same, when the state machine began */
    SSL_verify_cb verify;
    BIO *wired[2];
    BIO_callback_fn_ex bio[2];
    long verify_result;
    bool is_listed;
    bool started;          /* at_start() was asked */
    bool begun;            /* a message was seen */
    unsigned n_written;    /* records of the handshake since our last message of it */
    bool has_ticket;       /* one of ours was noted, behind the handshake */
    bool peer_finished;    /* its Finished came */
    bool done;             /* the handshake is over */
    bool over;             /* the note is gone: nothing is watched any more */
    bool verify_is_ours;   /* our callback is in place */
    bool verify_failed;    /* it was told of a fault */
    bool is_again;         /* not the first handshake of the connection */
    bool is_asked;         /* for a certificate after the handshake, TLS 1.3 */
    bool is_dormant;       /* over, and all that is left is to see a handshake begin again */
    bool facts_are_known;  /* what was in force is in the note already */
    bool is_addressed;     /* both addresses are */
    bool is_abandoned;     /* nobody minded anything, and no data came */
    bool is_noteworthy;    /* to be sent even where nothing failed */
    bool saw_first_header; /* of the peer */
    bool is_in_machine;    /* which is going on */
    bool is_in_info;       /* the program's callback is being called from ours */
    bool is_in_verify;
    uint8_t fresh_at; /* its place among those whose note is still large, from 1; 0: none */
    uint8_t n_names;  /* names that the program asked for */
    bool closed[2];   /* close_notify; by from_peer */
    bool data[2];     /* application data; by from_peer */
};

/* What may still be asked of an SSL. */
enum ssl_state {
    SSL_WHOLE,
    SSL_IN_FREE, /* SSL_free() has begun to take it apart */
    SSL_AT_EXIT, /* the process ends: OpenSSL itself may be gone, the SSL is there */
};

/* observer.c */
struct watched *watched_of(const struct observer *o, const SSL *s);
/* What was seen is sent, or thrown away where nobody wants it; nothing is watched any more.
 */
void watched_settle(struct watched *w, enum note_end end, int error, enum ssl_state state);
/* The connection of this thread, its handshake over and still observed, whose peer showed this
 * certificate; NULL where it is none of those that began last. */
struct watched *watched_of_peer(struct observer *o, const X509 *certificate);
/* Links it, so that the end of the process finds it. */
void watched_list(struct watched *w);
void watched_unlist(struct watched *w);

/* fresh.c */
/* The handshake is over: the note is made small, unless it goes soon. */
void watched_rest(struct watched *w);
/* The note is of no use any more. */
void watched_forget(struct watched *w);

/* told.c */
struct watched_ctx *watched_ctx_of(const struct observer *o, SSL_CTX *ctx);
struct watched_ctx *watched_make_ctx(struct observer *o, SSL_CTX *ctx);
struct watched_store *watched_store_of(const struct observer *o, const X509_STORE *store);
CRYPTO_EX_free watched_free_ctx, watched_free_store;

/* hooks.c: what the callbacks see */
void hooks_message(struct watched *w, int is_written, int type, struct bytes body);
void hooks_info(struct watched *w, int where, int result);
int hooks_verify(const struct observer *o, int is_ok, X509_STORE_CTX *ctx);
void hooks_key(const struct observer *o, const SSL *s, const char *line);
void hooks_wire(const struct observer *o, BIO *bio, const SSL *s, bool is_read, struct bytes bytes);
void hooks_watch_wire(struct watched *w);
void hooks_remove(struct watched *w);
void hooks_put(struct watched *w, struct note_entry e, struct bytes head, struct bytes tail);
/* The oldest and the newest of the error queue, left where they are. */
void hooks_put_errors(struct watched *w);

/* Behind a handshake that went well the peer's FIN was read, without a close_notify. Only where the
 * SSL has a socket: a BIO in memory is at its end whenever it is empty. */
bool hooks_peer_has_left(const struct watched *w);

/* The handshake is over, and well. */
void hooks_done(struct watched *w);

/* again.c. The state machine of a connection that is up moves: perhaps it is watched again. */
void again_state(struct watched *w, int where, int result);
/* A handshake message: false where it is none that matters. */
bool again_wants(struct watched *w, uint8_t type);
/* In TLS 1.3: nothing was asked for, it may as well sleep. */
bool again_is_idle(const struct watched *w);
void again_sleep(struct watched *w);
/* In TLS 1.3 nothing but the message says that the handshake within is over. */
bool again_is_done(const struct watched *w, bool from_peer, uint8_t type);

/* in_force.c: what the connection was set to */
void in_force_put(struct watched *w, enum ssl_state state);
/* What the handshake begins with, where it is not the connection's first. */
void in_force_put_again(struct watched *w);
/* A client that names no server knows it by its address, and may compare that with the certificate
 * by itself: its address is noted while the socket is there. */
void in_force_note_address(struct watched *w);
/* A server's client left after the handshake without a word, and nothing here is a reason: health
 * checks do that all day long. Asks the whole SSL. */
bool in_force_is_abandoned(const struct watched *w);

/* own_certificate.c: nobody could mind it for its dates, or for the name that was asked for */
bool own_certificate_is_fine(const struct watched *w);
/* The Certificate message up to TLS 1.2 that our settings make, in `room`; empty where it has not
 * `len` bytes, and so was another. */
struct bytes own_certificate_message(const struct watched *w, size_t len, uint8_t *room,
                                     size_t n_room);

#endif
