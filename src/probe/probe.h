/*
 * probe: questions to live servers: one ClientHello each, and what came back.
 *
 * One event loop (epoll) asks many questions at once. A lane is one address of one server with a
 * window of its own: it starts small, grows while answers come quickly, shrinks when connections
 * are refused, reset or unanswered, and such questions are asked again, alone. A question is: dial
 * (proxy, STARTTLS), send bytes, read the server's flight, close. Nothing is ever sent to a server
 * that is not a lane's. All that a peer can send is bounded in bytes and in time.
 *
 * Times are nanoseconds of the monotonic clock; probe_engine_epoch_ns() makes them wall time.
 */
#ifndef HANDFAST_PROBE_PROBE_H
#define HANDFAST_PROBE_PROBE_H

#include "dial/dial_steps.h"
#include "probe/flight.h"
#include "transcript/transcript.h"

struct probe_engine;
struct probe_lane;
struct probe_finish; /* finish.h: a whole handshake, by OpenSSL */

enum {
    PROBE_PARALLEL = 20,      /* connections at once to one server, to begin with */
    PROBE_PARALLEL_MAX = 128, /* what the window may grow to */
    PROBE_TIMEOUT_MS = 5000,  /* for connecting, for each answer of a dialogue, for the flight */
    PROBE_FLIGHT_BYTES = 1 << 18,
    PROBE_TRIES = 3
};

struct probe_options {
    unsigned parallel;   /* 0: PROBE_PARALLEL, growing; else fixed */
    unsigned rate;       /* new connections a second and lane; 0: no limit */
    unsigned timeout_ms; /* 0: PROBE_TIMEOUT_MS */
    unsigned max_open;   /* connections at once to all; 0: what the limit on files allows */
    unsigned tries;      /* 0: PROBE_TRIES */
    int64_t deadline_ns; /* monotonic: nothing is asked or waited for beyond it; 0: none */
};

enum probe_until {
    PROBE_UNTIL_FLIGHT, /* ServerHelloDone; in TLS 1.3 the server's Finished (with keys), else the
                           first encrypted record */
    PROBE_UNTIL_HELLO   /* ServerHello is enough */
};

/* All-zero but for `wire` is a valid question. */
struct probe_question {
    uint64_t id;      /* the asker's */
    struct text wire; /* what is sent where TLS begins; the engine takes it over */
    enum probe_until until;
    size_t segment_at; /* bytes of the first segment; 0: all at once */
    unsigned gap_ms;   /* before the rest */
    unsigned delay_ms; /* before the first byte */
    unsigned timeout_ms;
    /* Private halves of the key shares in it, to read TLS 1.3's flight; borrowed. */
    const struct tls_key_share *shares;
    size_t n_shares;
    struct probe_finish *finish; /* instead of `wire`: OpenSSL shakes hands; borrowed */
};

enum probe_end {
    PROBE_ANSWERED,    /* ServerHello, and what `until` asked for */
    PROBE_RETRY,       /* HelloRetryRequest */
    PROBE_ALERT,       /* a fatal alert, or close_notify, before any ServerHello was enough */
    PROBE_CLOSED,      /* FIN */
    PROBE_RESET,       /* RST after the connection was there */
    PROBE_SILENT,      /* connected and asked; nothing (more) came in time */
    PROBE_NOT_TLS,     /* bytes that are no TLS */
    PROBE_TOO_MUCH,    /* more than PROBE_FLIGHT_BYTES, or malformed without end */
    PROBE_NO_DIALOGUE, /* the proxy or STARTTLS said no; `why` */
    PROBE_NOT_REACHED, /* no connection: refused, unreachable, no answer to SYN; `why` */
    PROBE_BROKEN       /* our own failure: no file descriptor, no memory; `why` */
};

/* What became of a question. Everything is borrowed until the callback returns. */
struct probe_outcome {
    enum probe_end end;
    const struct probe_flight *flight;                                  /* never NULL */
    int64_t started_ns, connected_ns, sent_ns, first_byte_ns, ended_ns; /* 0: did not happen */
    unsigned n_tries;
    /* The same question had another outcome before, or the server seemed overloaded: an answer that
     * says "not supported" may be wrong. */
    bool is_uncertain;
    int system_error; /* errno of NOT_REACHED, RESET; 0 */
    struct err why;
    struct endpoint local, remote;
    const struct probe_trace *trace; /* trace.h: all bytes of both sides */
};

struct probe_asker {
    void *arg;
    /* Fills in the next question; false: none now (one may come after an answer). */
    bool (*next)(void *arg, struct probe_question *out);
    void (*answered)(void *arg, const struct probe_question *q, const struct probe_outcome *o);
    /* No question is open and none came: the lane is gone after this. May be NULL. */
    void (*over)(void *arg);
};

struct probe_lane_facts {
    unsigned n_connections; /* begun */
    unsigned n_repeated;    /* questions asked again */
    unsigned window, n_most_open;
    int64_t connect_ns; /* the quickest */
    bool is_gentle;     /* the server slowed down or refused, and the window shrank */
};

enum status probe_engine_new(const struct probe_options *options, struct probe_engine **out,
                             struct err *err) NODISCARD;
void probe_engine_free(struct probe_engine *e); /* NULL is fine */
/* `target` is borrowed until the lane is over. May be called from over(). */
enum status probe_engine_add(struct probe_engine *e, const struct dial_target *target,
                             const struct endpoint *address, const struct probe_asker *asker,
                             struct probe_lane **out, struct err *err) NODISCARD;
/* Until every lane is over. */
enum status probe_engine_run(struct probe_engine *e, struct err *err) NODISCARD;
const struct probe_lane_facts *probe_lane_facts(const struct probe_lane *lane);
/* To be added to a time of the monotonic clock. */
int64_t probe_engine_epoch_ns(const struct probe_engine *e);

const char *probe_end_name(enum probe_end end); /* "answered", "closed" ... */

#endif
