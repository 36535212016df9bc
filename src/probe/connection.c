#include "probe/connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dial/dial_blocking.h"

enum { READ_BYTES = 16384, READS_AT_ONCE = 4, WHOLE_FACTOR = 3, FINISH_SLACK_MS = 100 };

static int64_t in_ms(int64_t now_ns, unsigned ms)
{
    return now_ns + (int64_t)ms * NS_PER_MS;
}

static void end(struct connection *c, enum probe_end how)
{
    if (c->state != CONNECTION_OVER) {
        c->state = CONNECTION_OVER;
        c->outcome.end = how;
        c->outcome.ended_ns = clock_monotonic_ns();
        c->trace.end_ns = c->outcome.ended_ns;
    }
}

static void end_by_error(struct connection *c, enum probe_end how, int error)
{
    c->outcome.system_error = error;
    errno = error;
    err_sys(&c->outcome.why, how == PROBE_NOT_REACHED ? "connect" : "connection");
    if (how == PROBE_RESET) {
        c->trace.rst_ns = clock_monotonic_ns();
    }
    c->trace.is_refused = how == PROBE_NOT_REACHED && error == ECONNREFUSED;
    end(c, how);
}

bool connection_start(struct connection *c, const struct endpoint *to, unsigned timeout_ms)
{
    int64_t now_ns = clock_monotonic_ns();
    c->state = CONNECTION_CONNECTING;
    c->timeout_ms = timeout_ms;
    c->fd = -1;
    c->outcome = (struct probe_outcome){ .started_ns = now_ns, .remote = *to };
    c->trace.syn_ns = now_ns;
    c->trace.remote = *to;
    c->deadline_ns = in_ms(now_ns, timeout_ms);
    c->limit_ns = in_ms(now_ns, WHOLE_FACTOR * timeout_ms + c->q.delay_ms + c->q.gap_ms);
    if (dial_connect_start(to, &c->fd, &c->outcome.why) != ST_OK) {
        int error = errno;
        bool ours = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
        end(c, ours ? PROBE_BROKEN : PROBE_NOT_REACHED);
        c->outcome.system_error = error;
        return false;
    }
    return true;
}

/* What is to be sent where TLS begins. */
static void begin_tls(struct connection *c, const struct dial_target *target, int64_t now_ns)
{
    struct err err;
    struct text hello = { 0 };
    const struct text *wire = &c->q.wire;
    if (c->q.finish != NULL) {
        if (finish_start(c->q.finish, &err) != ST_OK) {
            c->outcome.why = err;
            end(c, PROBE_BROKEN);
            return;
        }
        (void)finish_push(c->q.finish, bytes_of(NULL, 0), &hello);
        wire = &hello;
    }
    struct bytes tls = bytes_of(wire->p, wire->len);
    flight_start(&c->flight, tls, c->q.shares, c->q.n_shares);
    if (target->starttls == DIAL_MSSQL) {
        dial_tds_wrap(&c->out, tls);
    } else {
        text_put(&c->out, (const char *)tls.p, tls.len);
    }
    text_deinit(&hello);
    c->first_len =
        c->q.segment_at > 0 && c->q.segment_at < c->out.len ? c->q.segment_at : c->out.len;
    c->state = c->q.delay_ms > 0 ? CONNECTION_DELAYED : CONNECTION_SENDING;
    c->deadline_ns = in_ms(now_ns, c->q.delay_ms > 0 ? c->q.delay_ms : c->timeout_ms);
}

/* Sends what it can of `out` up to `len`; true once all of it went. */
static bool send_out(struct connection *c, struct text *out, size_t len, int64_t now_ns)
{
    while (c->sent < len) {
        ssize_t n = send(c->fd, out->p + c->sent, len - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                end_by_error(c, PROBE_RESET, errno);
            }
            return false;
        }
        trace_put(&c->trace, SIDE_CLIENT, bytes_of(out->p + c->sent, (size_t)n), now_ns);
        c->sent += (size_t)n;
    }
    return true;
}

static void send_tls(struct connection *c, int64_t now_ns)
{
    bool is_first = c->sent < c->first_len;
    size_t len = is_first ? c->first_len : c->out.len;
    if (!send_out(c, &c->out, len, now_ns)) {
        return;
    }
    c->outcome.sent_ns = now_ns;
    if (is_first && c->first_len < c->out.len) {
        c->state = CONNECTION_GAP;
        c->deadline_ns = in_ms(now_ns, c->q.gap_ms);
        return;
    }
    c->state = CONNECTION_READING;
    c->deadline_ns = in_ms(now_ns, c->timeout_ms);
    if (c->half_closes && c->q.finish == NULL) {
        (void)shutdown(c->fd, SHUT_WR);
    }
}

static bool is_too_much(const struct probe_flight *f)
{
    return f->n_bytes > PROBE_FLIGHT_BYTES || f->stream.dead;
}

/* A ServerHello with a fault in it says more than waiting for the rest would. */
static bool is_broken_hello(const struct probe_flight *f)
{
    return f->is_malformed && f->has_hello && f->hello_fault.kind != FAULT_NONE;
}

static bool is_flight_whole(const struct connection *c)
{
    const struct probe_flight *f = &c->flight;
    return f->version != 0 && (c->q.until == PROBE_UNTIL_HELLO || f->hello_done ||
                               (f->n_sealed > 0 && f->decryptor == NULL));
}

/* Is what came enough? */
static void judge_flight(struct connection *c)
{
    const struct probe_flight *f = &c->flight;
    if (f->is_not_tls) {
        end(c, PROBE_NOT_TLS);
    } else if (f->has_hello && f->hello.is_retry) {
        end(c, PROBE_RETRY);
    } else if (is_flight_whole(c) || (is_broken_hello(f) && !f->has_alert && !is_too_much(f))) {
        end(c, PROBE_ANSWERED);
    } else if (f->has_alert) {
        end(c, PROBE_ALERT);
    } else if (is_too_much(f)) {
        end(c, PROBE_TOO_MUCH);
    }
}

/* A full handshake began where one was to be resumed: that is all there is to learn (RFC 5246
 * section 7.3). TLS 1.3 does not show it, and takes no longer. */
static bool will_not_resume(const struct connection *c)
{
    return c->q.finish->session != NULL && c->flight.version != 0 && c->flight.version < 0x0304 &&
           c->flight.certificate.p != NULL;
}

/* OpenSSL gives up for reasons of its own; what the server sent says whether it answered. */
static enum probe_end how_it_finished(const struct connection *c)
{
    if (c->q.finish->has_alert || c->flight.has_alert) {
        return PROBE_ALERT;
    }
    if (c->flight.has_hello && c->flight.hello_fault.kind == FAULT_NONE) {
        return PROBE_ANSWERED;
    }
    return c->flight.is_not_tls ? PROBE_NOT_TLS : PROBE_TOO_MUCH;
}

static void take_finish(struct connection *c, const struct dial_target *target, struct bytes in,
                        int64_t now_ns)
{
    struct text reply = { 0 };
    enum finish_progress progress = finish_push(c->q.finish, in, &reply);
    if (reply.len > 0) {
        text_clear(&c->out);
        if (target->starttls == DIAL_MSSQL) {
            dial_tds_wrap(&c->out, bytes_of(reply.p, reply.len));
        } else {
            text_put(&c->out, reply.p, reply.len);
        }
        c->sent = 0;
        c->first_len = c->out.len;
        (void)send_out(c, &c->out, c->out.len, now_ns);
    }
    text_deinit(&reply);
    if (c->q.finish->is_done &&
        c->state != CONNECTION_OVER) { /* a ticket may follow, or an alert */
        int64_t trip_ns = c->outcome.connected_ns - c->outcome.started_ns;
        int64_t answer_ns = c->outcome.first_byte_ns - c->outcome.sent_ns;
        c->deadline_ns = now_ns + 3 * (trip_ns + answer_ns) + FINISH_SLACK_MS * NS_PER_MS;
    }
    if (progress == FINISH_OVER && c->state != CONNECTION_OVER) {
        end(c, how_it_finished(c));
    }
}

static void take_tls(struct connection *c, const struct dial_target *target, struct bytes in,
                     int64_t now_ns)
{
    if (c->outcome.first_byte_ns == 0) {
        c->outcome.first_byte_ns = now_ns;
    }
    if (target->starttls == DIAL_MSSQL) {
        text_clear(&c->unwrapped);
        dial_tds_unwrap(&c->tds, in, &c->unwrapped);
        in = bytes_of(c->unwrapped.p, c->unwrapped.len);
        if (c->tds.is_broken) {
            end(c, PROBE_NOT_TLS);
            return;
        }
    }
    flight_push(&c->flight, in);
    if (c->q.finish != NULL) {
        if (c->flight.n_bytes > PROBE_FLIGHT_BYTES || will_not_resume(c)) {
            end(c, will_not_resume(c) ? PROBE_ANSWERED : PROBE_TOO_MUCH);
            return;
        }
        take_finish(c, target, in, now_ns);
        return;
    }
    judge_flight(c);
}

static void converse(struct connection *c, const struct dial_target *target, int64_t now_ns)
{
    if (!send_out(c, &c->steps.out, c->steps.out.len, now_ns)) {
        return;
    }
    text_clear(&c->steps.out);
    c->sent = 0;
    if (c->steps.progress == DIAL_REFUSED) {
        c->outcome.why = c->steps.why;
        end(c, PROBE_NO_DIALOGUE);
    } else if (c->steps.progress == DIAL_READY) {
        begin_tls(c, target, now_ns);
    }
}

static void closed(struct connection *c)
{
    c->trace.fin_ns = clock_monotonic_ns();
    flight_finish(&c->flight);
    if (c->state == CONNECTION_DIALOGUE) {
        dial_steps_fail(&c->steps, "the connection was closed");
        c->outcome.why = c->steps.why;
        end(c, PROBE_NO_DIALOGUE);
    } else {
        end(c, c->flight.version != 0 && c->flight.has_hello ? PROBE_ANSWERED : PROBE_CLOSED);
    }
}

static void broken_off(struct connection *c, int error, int64_t now_ns)
{
    if (c->flight.version != 0 && c->flight.has_hello) {
        c->trace.rst_ns = now_ns;
        end(c, PROBE_ANSWERED);
    } else {
        end_by_error(c, PROBE_RESET, error);
    }
}

static void take(struct connection *c, const struct dial_target *target, struct bytes piece,
                 int64_t now_ns)
{
    trace_put(&c->trace, SIDE_SERVER, piece, now_ns);
    if (c->state == CONNECTION_DIALOGUE) {
        (void)dial_steps_push(&c->steps, piece);
        c->deadline_ns = in_ms(now_ns, c->timeout_ms);
        converse(c, target, now_ns);
    } else {
        take_tls(c, target, piece, now_ns);
    }
}

static void hear(struct connection *c, const struct dial_target *target, int64_t now_ns)
{
    uint8_t piece[READ_BYTES];
    for (int i = 0; i < READS_AT_ONCE && c->state != CONNECTION_OVER; i++) {
        ssize_t n = recv(c->fd, piece, sizeof piece, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n > 0) {
            take(c, target, bytes_of(piece, (size_t)n), now_ns);
        } else if (n == 0) {
            closed(c);
        } else {
            broken_off(c, errno, now_ns);
        }
    }
}

static void connected(struct connection *c, const struct dial_target *target, int64_t now_ns)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        end_by_error(c, PROBE_NOT_REACHED, error);
        return;
    }
    c->outcome.connected_ns = now_ns;
    c->trace.connected_ns = now_ns;
    dial_ends(c->fd, &c->outcome.local, &c->outcome.remote);
    c->trace.local = c->outcome.local;
    c->trace.remote = c->outcome.remote;
    c->state = CONNECTION_DIALOGUE;
    c->deadline_ns = in_ms(now_ns, c->timeout_ms);
    dial_steps_start(&c->steps, target, &c->outcome.local, &c->outcome.remote);
    converse(c, target, now_ns);
}

/* The state's time is over. */
static void expire(struct connection *c, int64_t now_ns)
{
    switch ((enum connection_state)c->state) {
    case CONNECTION_CONNECTING:
        end_by_error(c, PROBE_NOT_REACHED, ETIMEDOUT);
        break;
    case CONNECTION_DIALOGUE:
        dial_steps_fail(&c->steps, "nothing came");
        c->outcome.why = c->steps.why;
        end(c, PROBE_NO_DIALOGUE);
        break;
    case CONNECTION_DELAYED:
    case CONNECTION_GAP:
        c->state = CONNECTION_SENDING;
        c->deadline_ns = in_ms(now_ns, c->timeout_ms);
        break;
    case CONNECTION_SENDING:
    case CONNECTION_READING:
        end(c, c->q.finish != NULL && c->q.finish->is_done ? PROBE_ANSWERED : PROBE_SILENT);
        break;
    case CONNECTION_OVER:
        break;
    }
}

/* The state's time, or that of the whole connection: then what came has to do. */
static void watch_time(struct connection *c, int64_t now_ns)
{
    bool is_all_over = now_ns >= c->limit_ns;
    if (c->state == CONNECTION_OVER || (now_ns < c->deadline_ns && !is_all_over)) {
        return;
    }
    if (is_all_over && c->state != CONNECTION_CONNECTING && c->state != CONNECTION_DIALOGUE) {
        c->state = CONNECTION_READING;
    }
    expire(c, now_ns);
    if (c->state == CONNECTION_SENDING) {
        send_tls(c, now_ns);
    }
}

void connection_work(struct connection *c, const struct dial_target *target, uint32_t events,
                     int64_t now_ns)
{
    if (c->state == CONNECTION_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        connected(c, target, now_ns);
    } else if (c->state == CONNECTION_DIALOGUE && (events & EPOLLOUT) != 0) {
        converse(c, target, now_ns);
    }
    if (c->state == CONNECTION_SENDING) {
        send_tls(c, now_ns);
    }
    if (c->state != CONNECTION_OVER && c->state != CONNECTION_CONNECTING &&
        (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        hear(c, target, now_ns);
    }
    watch_time(c, now_ns);
}

uint32_t connection_wants(const struct connection *c)
{
    bool writes = c->state == CONNECTION_CONNECTING || c->state == CONNECTION_SENDING ||
                  (c->state == CONNECTION_DIALOGUE && c->steps.out.len > 0);
    bool reads = c->state != CONNECTION_CONNECTING;
    return (writes ? (uint32_t)EPOLLOUT : 0) | (reads ? (uint32_t)EPOLLIN : 0);
}

void connection_close(struct connection *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

void connection_reset(struct connection *c)
{
    connection_close(c);
    dial_steps_deinit(&c->steps);
    text_deinit(&c->out);
    text_deinit(&c->unwrapped);
    flight_deinit(&c->flight);
    trace_deinit(&c->trace);
    if (c->q.finish != NULL) {
        finish_deinit(c->q.finish);
    }
    struct connection kept = { .lane = c->lane,
                               .next = c->next,
                               .q = c->q,
                               .n_tries = c->n_tries,
                               .n_dropped = c->n_dropped,
                               .was_different = c->was_different,
                               .fd = -1 };
    *c = kept;
}

void connection_deinit(struct connection *c)
{
    connection_reset(c);
    text_deinit(&c->q.wire);
}
