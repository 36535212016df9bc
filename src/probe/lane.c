#include "probe/lane.h"

#include <errno.h>

#include "base/clock.h"

enum {
    WINDOW_MIN = 2,
    DROPS_MAX = 6,       /* times that one question is begun anew for a drop */
    GROW_CONNECT_MS = 2, /* where connecting is quicker a larger window gains nothing */
    GROW_BY = 4,         /* for each connection made, and for each answer */
    GROW_TO = 100,       /* before the first answer */
    DROP_SLACK_MS = 60,
    HELLO_SLACK_MS = 250,
    ANSWERS_LEAST = 3,
    TIMEOUT_LEAST_MS = 1000,
    SERIAL_LEAST = 8,
    SERIAL_FACTOR = 3,
};

void lane_init(struct probe_lane *lane, const struct probe_options *options)
{
    lane->is_fixed = options->parallel != 0;
    lane->window = lane->is_fixed ? options->parallel : PROBE_PARALLEL;
    lane->window_max = lane->is_fixed ? options->parallel : PROBE_PARALLEL_MAX;
    lane->rate = options->rate;
    lane->timeout_ms = options->timeout_ms;
    lane->tries = options->tries;
    lane->facts.window = lane->window;
}

bool lane_has_room(const struct probe_lane *lane, int64_t now_ns)
{
    return lane->n_open < lane->window && (lane->rate == 0 || now_ns >= lane->next_start_ns);
}

bool lane_may_repeat(const struct probe_lane *lane)
{
    return !lane->is_careful || lane->n_open == 0;
}

void lane_started(struct probe_lane *lane, int64_t now_ns)
{
    lane->facts.n_connections++;
    if (lane->n_open > lane->facts.n_most_open) {
        lane->facts.n_most_open = lane->n_open;
    }
    if (lane->rate != 0) {
        int64_t from = lane->next_start_ns > now_ns ? lane->next_start_ns : now_ns;
        lane->next_start_ns = from + NS_PER_S / lane->rate;
    }
}

/* Once it is known how quickly a server answers, silence need not be waited for so long. */
unsigned lane_timeout_ms(const struct probe_lane *lane)
{
    if (lane->n_answered < PROBE_PARALLEL / 2) {
        return lane->timeout_ms;
    }
    int64_t enough = (8 * lane->slowest_ns + 4 * lane->connect_ns) / NS_PER_MS;
    enough = enough < TIMEOUT_LEAST_MS ? TIMEOUT_LEAST_MS : enough;
    return enough < lane->timeout_ms ? (unsigned)enough : lane->timeout_ms;
}

static void shrink(struct probe_lane *lane)
{
    unsigned half = lane->window / 2;
    lane->window = half < WINDOW_MIN ? WINDOW_MIN : half;
    lane->window_max = lane->window_max / 2 < WINDOW_MIN ? WINDOW_MIN : lane->window_max / 2;
    lane->window = lane->window > lane->window_max ? lane->window_max : lane->window;
    lane->facts.is_gentle = true;
    lane->facts.window = lane->window;
}

static void grow(struct probe_lane *lane)
{
    unsigned more = lane->window + GROW_BY;
    lane->window = more < lane->window_max ? more : lane->window_max;
    lane->facts.window = lane->window;
}

/* Answers that come about as quickly as the quickest did: no queue has grown, there is room. */
static void note_answer(struct probe_lane *lane, const struct connection *c)
{
    if (c->outcome.first_byte_ns == 0 || c->outcome.sent_ns == 0) {
        return;
    }
    int64_t took = c->outcome.first_byte_ns - c->outcome.sent_ns;
    lane->n_answered++;
    lane->n_silent = 0;
    lane->answer_ns = lane->answer_ns == 0 || took < lane->answer_ns ? took : lane->answer_ns;
    lane->slowest_ns = took > lane->slowest_ns ? took : lane->slowest_ns;
    if (c->outcome.sent_ns > lane->last_answered_sent_ns) {
        lane->last_answered_sent_ns = c->outcome.sent_ns;
    }
    /* Many are open, and each waits its turn: longer than two of the quickest. */
    if (lane->n_answered > ANSWERS_LEAST && lane->n_open + 1 >= SERIAL_LEAST &&
        took > SERIAL_FACTOR * (lane->answer_ns + lane->connect_ns)) {
        lane->is_serial = true;
    }
    bool is_far = lane->connect_ns > GROW_CONNECT_MS * NS_PER_MS;
    bool is_quick = took < 2 * lane->answer_ns;
    if (!lane->is_fixed && is_far && is_quick && lane->window < lane->window_max) {
        grow(lane);
    }
}

/* Once more, if there are tries left. */
static enum lane_verdict again(struct probe_lane *lane, struct connection *c)
{
    if (c->n_tries >= lane->tries) {
        c->outcome.is_uncertain = true;
        return LANE_REPORT;
    }
    return LANE_AGAIN;
}

/* Refused or unanswered SYN. Where nothing was ever reached there is nothing to be gentle with. */
static enum lane_verdict judge_unreached(struct probe_lane *lane, struct connection *c)
{
    if (lane->n_connected == 0 && (c->outcome.system_error != ETIMEDOUT || c->n_tries > 1)) {
        return LANE_REPORT;
    }
    lane->is_careful = lane->n_connected > 0;
    shrink(lane);
    return again(lane, c);
}

/* FIN or RST in answer to a hello: many servers say no like this. Twice the same is believed,
 * unless the server showed signs of overload. */
static enum lane_verdict judge_ended(struct probe_lane *lane, struct connection *c)
{
    if (c->half_closes && c->outcome.first_byte_ns == 0) { /* perhaps it took our FIN for the end */
        lane->dislikes_half_close = true;
        return LANE_AGAIN;
    }
    if (c->n_tries > 1 && !c->was_different) {
        lane->ends_are_answers = !lane->facts.is_gentle;
    }
    if (lane->ends_are_answers || lane->tries == 1) {
        return LANE_REPORT;
    }
    if (c->n_tries > 1 && lane->n_open == 0) {
        return LANE_REPORT; /* it was alone, and the same again */
    }
    lane->is_careful = lane->facts.is_gentle;
    return c->n_tries >= lane->tries ? LANE_REPORT : LANE_AGAIN;
}

static enum lane_verdict judge_silent(struct probe_lane *lane, struct connection *c)
{
    lane->n_silent++;
    if (lane->n_answered == 0) {
        return LANE_REPORT;
    }
    bool was_alone = c->n_tries > 1 && lane->n_open == 0;
    lane->is_careful = true;
    shrink(lane);
    return was_alone ? LANE_REPORT : again(lane, c);
}

void lane_connected(struct probe_lane *lane, struct connection *c)
{
    if (c->outcome.connected_ns != 0 && !c->is_counted) {
        c->is_counted = true;
        int64_t took = c->outcome.connected_ns - c->outcome.started_ns;
        lane->n_connected++;
        if (lane->connect_ns == 0 || took < lane->connect_ns) {
            lane->connect_ns = took;
            lane->facts.connect_ns = took;
        }
        /* A server far away that lets all of us in at once has room for more. */
        if (!lane->is_fixed && took > GROW_CONNECT_MS * NS_PER_MS && took < 2 * lane->connect_ns &&
            lane->window < GROW_TO && lane->window < lane->window_max) {
            grow(lane);
        }
    }
}

enum lane_verdict lane_judge(struct probe_lane *lane, struct connection *c)
{
    if (c->is_dropped) {
        return LANE_AGAIN;
    }
    c->n_tries++;
    lane_connected(lane, c);
    switch (c->outcome.end) {
    case PROBE_ANSWERED:
    case PROBE_RETRY:
    case PROBE_ALERT:
    case PROBE_NOT_TLS:
    case PROBE_TOO_MUCH:
        note_answer(lane, c);
        lane->is_careful = lane->again != NULL && lane->is_careful;
        return LANE_REPORT;
    case PROBE_CLOSED:
    case PROBE_RESET:
        return judge_ended(lane, c);
    case PROBE_SILENT:
        return judge_silent(lane, c);
    case PROBE_NO_DIALOGUE:
        if (lane->n_answered == 0) {
            return LANE_REPORT;
        }
        lane->is_careful = true;
        shrink(lane);
        return again(lane, c);
    case PROBE_NOT_REACHED:
        return judge_unreached(lane, c);
    case PROBE_BROKEN:
        return LANE_REPORT;
    }
    return LANE_REPORT;
}

bool lane_seems_dropped(const struct probe_lane *lane, const struct connection *c, int64_t now_ns)
{
    if (lane->n_connected == 0 || c->n_dropped >= DROPS_MAX) {
        return false;
    }
    if (c->state == CONNECTION_CONNECTING) {
        return now_ns - c->outcome.started_ns > 2 * lane->connect_ns + DROP_SLACK_MS * NS_PER_MS;
    }
    if (c->state != CONNECTION_READING || c->outcome.first_byte_ns != 0 ||
        lane->n_answered < ANSWERS_LEAST) {
        return false;
    }
    int64_t waited = now_ns - c->outcome.sent_ns;
    return waited > 2 * lane->slowest_ns + HELLO_SLACK_MS * NS_PER_MS &&
           lane->last_answered_sent_ns > c->outcome.sent_ns;
}

void lane_dropped(struct probe_lane *lane, struct connection *c)
{
    c->n_dropped++;
    c->is_dropped = true;
    c->state = CONNECTION_OVER;
    if (lane->window > lane->n_open / 2) {
        shrink(lane);
    }
}
