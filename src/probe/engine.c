#include "probe/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/connection.h"
#include "probe/lane.h"

enum {
    EVENTS_AT_ONCE = 128,
    FILES_KEPT = 64, /* for everything that is no connection of ours */
    OPEN_MAX = 4096,
    SCAN_MS = 5, /* deadlines are looked at so often */
};

struct probe_engine {
    struct probe_options options;
    int epoll;
    struct probe_lane *lanes;
    struct connection *spare;
    unsigned n_open, max_open;
    int64_t epoch_ns, next_scan_ns;
};

static unsigned most_open(unsigned wanted)
{
    struct rlimit limit = { .rlim_cur = 1024 };
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit more = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
        limit.rlim_cur = setrlimit(RLIMIT_NOFILE, &more) == 0 ? limit.rlim_max : limit.rlim_cur;
    }
    size_t files = limit.rlim_cur > OPEN_MAX ? OPEN_MAX : (size_t)limit.rlim_cur;
    size_t room = files > 2 * (size_t)FILES_KEPT ? files - FILES_KEPT : files / 2 + 1;
    return wanted != 0 && wanted < room ? wanted : (unsigned)room;
}

enum status probe_engine_new(const struct probe_options *options, struct probe_engine **out,
                             struct err *err)
{
    struct probe_engine *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    e->options = *options;
    e->options.timeout_ms = options->timeout_ms == 0 ? PROBE_TIMEOUT_MS : options->timeout_ms;
    e->options.tries = options->tries == 0 ? PROBE_TRIES : options->tries;
    e->max_open = most_open(options->max_open);
    e->epoch_ns = clock_now_ns() - clock_monotonic_ns();
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (e->epoll < 0) {
        err_sys(err, "epoll");
        free(e);
        return ST_IO;
    }
    *out = e;
    return ST_OK;
}

static void free_list(struct connection *c)
{
    while (c != NULL) {
        struct connection *next = c->next;
        connection_deinit(c);
        free(c);
        c = next;
    }
}

static void free_lane(struct probe_lane *lane)
{
    free_list(lane->open);
    free_list(lane->again);
    free(lane);
}

void probe_engine_free(struct probe_engine *e)
{
    if (e == NULL) {
        return;
    }
    while (e->lanes != NULL) {
        struct probe_lane *next = e->lanes->next;
        free_lane(e->lanes);
        e->lanes = next;
    }
    free_list(e->spare);
    close(e->epoll);
    free(e);
}

enum status probe_engine_add(struct probe_engine *e, const struct dial_target *target,
                             const struct endpoint *address, const struct probe_asker *asker,
                             struct probe_lane **out, struct err *err)
{
    struct probe_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    lane_init(lane, &e->options);
    lane->target = target;
    lane->address = *address;
    lane->asker = *asker;
    lane->next = e->lanes;
    e->lanes = lane;
    if (out != NULL) {
        *out = lane;
    }
    return ST_OK;
}

const struct probe_lane_facts *probe_lane_facts(const struct probe_lane *lane)
{
    return &lane->facts;
}

int64_t probe_engine_epoch_ns(const struct probe_engine *e)
{
    return e->epoch_ns;
}

static bool is_late(const struct probe_engine *e, int64_t now_ns)
{
    return e->options.deadline_ns != 0 && now_ns >= e->options.deadline_ns;
}

static struct connection *take_spare(struct probe_engine *e)
{
    struct connection *c = e->spare;
    if (c == NULL) {
        return calloc(1, sizeof *c);
    }
    e->spare = c->next;
    return c;
}

static void give_spare(struct probe_engine *e, struct connection *c)
{
    connection_deinit(c);
    *c = (struct connection){ .fd = -1, .next = e->spare };
    e->spare = c;
}

static void watch(struct probe_engine *e, struct connection *c, int operation)
{
    uint32_t wanted = connection_wants(c);
    if (c->fd < 0 || (operation == EPOLL_CTL_MOD && wanted == c->events)) {
        return;
    }
    struct epoll_event event = { .events = wanted, .data.ptr = c };
    c->events = wanted;
    (void)epoll_ctl(e->epoll, operation, c->fd, &event);
}

/* The asker learns what became of its question. */
static void report(struct probe_engine *e, struct probe_lane *lane, struct connection *c)
{
    c->outcome.flight = &c->flight;
    c->outcome.trace = &c->trace;
    c->trace.keylog = c->flight.keylog;
    c->outcome.n_tries = c->n_tries + c->n_dropped;
    c->outcome.is_uncertain |= c->was_different;
    lane->asker.answered(lane->asker.arg, &c->q, &c->outcome);
    give_spare(e, c);
}

/* A connection that is over leaves the lane's list; it is asked again or reported. */
static void settle(struct probe_engine *e, struct probe_lane *lane, struct connection *c)
{
    struct connection **at = &lane->open;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    lane->n_open--;
    e->n_open--;
    connection_close(c);
    bool is_over = is_late(e, clock_monotonic_ns());
    enum lane_verdict judged = lane_judge(lane, c);
    c->outcome.is_uncertain |= is_over; /* it was not waited for as long as others */
    if (judged == LANE_AGAIN && !is_over) {
        connection_reset(c);
        c->next = lane->again;
        lane->again = c;
        lane->facts.n_repeated++;
    } else {
        report(e, lane, c);
    }
}

/* No state of the connection, nor all of it, may last beyond the deadline. */
static void clamp(const struct probe_engine *e, struct connection *c)
{
    int64_t end_ns = e->options.deadline_ns;
    if (end_ns != 0 && c->limit_ns > end_ns) {
        c->limit_ns = end_ns;
    }
}

static void start(struct probe_engine *e, struct probe_lane *lane, struct connection *c)
{
    c->lane = lane;
    c->half_closes = lane->is_serial && !lane->dislikes_half_close;
    c->next = lane->open;
    lane->open = c;
    lane->n_open++;
    e->n_open++;
    lane_started(lane, clock_monotonic_ns());
    if (connection_start(c, &lane->address,
                         c->q.timeout_ms != 0 ? c->q.timeout_ms : lane_timeout_ms(lane))) {
        clamp(e, c);
        watch(e, c, EPOLL_CTL_ADD);
    } else {
        settle(e, lane, c);
    }
}

/* Questions that are to be asked again come first, when the lane says so. */
static struct connection *next_question(struct probe_engine *e, struct probe_lane *lane)
{
    if (lane->again != NULL && lane_may_repeat(lane)) {
        struct connection *c = lane->again;
        lane->again = c->next;
        return c;
    }
    if (lane->again != NULL && lane->is_careful) {
        return NULL; /* let what is open come to its end first */
    }
    struct connection *c = take_spare(e);
    if (c == NULL) {
        return NULL;
    }
    c->fd = -1;
    if (!lane->asker.next(lane->asker.arg, &c->q)) {
        give_spare(e, c);
        return NULL;
    }
    return c;
}

static void fill(struct probe_engine *e, struct probe_lane *lane)
{
    while (e->n_open < e->max_open && lane_has_room(lane, clock_monotonic_ns()) &&
           !is_late(e, clock_monotonic_ns())) {
        struct connection *c = next_question(e, lane);
        if (c == NULL) {
            return;
        }
        start(e, lane, c);
    }
}

/* Fills every lane; those with nothing left to do are over. */
static void fill_all(struct probe_engine *e)
{
    struct probe_lane **at = &e->lanes;
    while (*at != NULL) {
        struct probe_lane *lane = *at;
        fill(e, lane);
        int64_t now_ns = clock_monotonic_ns();
        bool has_more =
            !is_late(e, now_ns) &&
            (lane->again != NULL || !lane_has_room(lane, now_ns) || e->n_open >= e->max_open);
        bool waits = lane->n_open > 0 || has_more;
        if (waits) {
            at = &lane->next;
            continue;
        }
        *at = lane->next;
        struct probe_asker asker = lane->asker;
        e->n_open -= lane->n_open;
        free_list(lane->open); /* before the asker forgets what they borrow */
        free_list(lane->again);
        lane->open = lane->again = NULL;
        if (asker.over != NULL) {
            asker.over(asker.arg);
        }
        free_lane(lane);
        at = &e->lanes; /* over() may have added lanes */
    }
}

static void work(struct probe_engine *e, struct connection *c, uint32_t events, int64_t now_ns)
{
    struct probe_lane *lane = c->lane;
    connection_work(c, lane->target, events, now_ns);
    lane_connected(lane, c);
    if (c->state == CONNECTION_OVER) {
        settle(e, lane, c);
    } else {
        watch(e, c, EPOLL_CTL_MOD);
    }
}

/* Deadlines, and connections that were probably dropped. */
static void scan(struct probe_engine *e, int64_t now_ns)
{
    for (struct probe_lane *lane = e->lanes; lane != NULL; lane = lane->next) {
        struct connection *next = NULL;
        for (struct connection *c = lane->open; c != NULL; c = next) {
            next = c->next;
            if (lane_seems_dropped(lane, c, now_ns)) {
                lane_dropped(lane, c);
                settle(e, lane, c);
            } else if (now_ns >= c->deadline_ns || now_ns >= c->limit_ns) {
                work(e, c, 0, now_ns);
            }
        }
    }
}

static enum status turn(struct probe_engine *e, struct err *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(e->epoll, events, EVENTS_AT_ONCE, SCAN_MS);
    int64_t now_ns = clock_monotonic_ns();
    if (n < 0 && errno != EINTR) {
        return err_sys(err, "epoll");
    }
    for (int i = 0; i < n; i++) {
        work(e, events[i].data.ptr, events[i].events, now_ns);
    }
    if (now_ns >= e->next_scan_ns) {
        scan(e, now_ns);
        e->next_scan_ns = now_ns + SCAN_MS * NS_PER_MS;
    }
    return ST_OK;
}

enum status probe_engine_run(struct probe_engine *e, struct err *err)
{
    for (;;) {
        fill_all(e);
        if (e->lanes == NULL) {
            return ST_OK;
        }
        TRY(turn(e, err));
    }
}

const char *probe_end_name(enum probe_end end)
{
    static const char *const names[] = {
        "answered", "retry",    "alert",       "closed",      "reset",  "silent",
        "not TLS",  "too much", "no dialogue", "not reached", "broken",
    };
    return names[end];
}
