#include "probe/enumerate.h"

#include <string.h>

enum stage { STAGE_ALL, STAGE_REVERSED, STAGE_GROUPS, STAGE_LARGE, STAGE_WAVES };
enum { LARGE_OFFER = 96, IDLE_WAVES_MAX = 2, NO_CHOICE = -1, NOT_KNOWN = -2 };

static bool has(const struct enum_set *s, size_t i)
{
    return (s->words[i / 64] >> (i % 64) & 1) != 0;
}

static void add(struct enum_set *s, size_t i)
{
    s->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static void unite(struct enum_set *s, const struct enum_set *other)
{
    for (size_t w = 0; w < ENUM_WORDS; w++) {
        s->words[w] |= other->words[w];
    }
}

static bool contains(const struct enum_set *s, const struct enum_set *part)
{
    for (size_t w = 0; w < ENUM_WORDS; w++) {
        if ((part->words[w] & ~s->words[w]) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_empty(const struct enum_set *s)
{
    static const struct enum_set nothing;
    return memcmp(s, &nothing, sizeof nothing) == 0;
}

void enumerator_start(struct enumerator *e)
{
    e->first_choice = e->reversed_choice = NOT_KNOWN;
    e->large = e->large == 0 ? LARGE_OFFER : e->large;
    e->is_over = e->n == 0;
    for (size_t i = e->n_likely; e->n_likely > 0 && i < e->n; i++) {
        e->is_doubtful[i] = true;
    }
}

void enumerator_doubt(struct enumerator *e, const uint16_t *values, size_t n)
{
    for (size_t i = 0; i < e->n; i++) {
        for (size_t k = 0; k < n; k++) {
            e->is_doubtful[i] |= e->value[i] == values[k];
        }
    }
    e->is_hinted = true;
    e->n_groups = 0;
}

void enumerator_reject_all(struct enumerator *e)
{
    for (size_t i = 0; i < e->n; i++) {
        e->state[i] = e->state[i] == ENUM_UNKNOWN ? ENUM_REJECTED : e->state[i];
    }
    e->is_over = true;
}

static bool is_live(const struct enumerator *e, size_t i)
{
    return e->state[i] == ENUM_UNKNOWN || e->state[i] == ENUM_ACCEPTED;
}

/* --- the guess --- */

/* Is it known that something still to be placed comes before this one? */
static bool is_beaten(const struct enumerator *e, size_t i, const struct enum_set *left)
{
    for (size_t j = 0; j < e->n; j++) {
        if (j != i && has(left, j) && e->state[j] == ENUM_ACCEPTED && has(&e->beats[j], i) &&
            !has(&e->beats[i], j)) {
            return true;
        }
    }
    return false;
}

static bool is_doubtful(const struct enumerator *e, size_t i)
{
    return e->is_doubtful[i] && e->state[i] == ENUM_UNKNOWN;
}

static size_t first_unbeaten(const struct enumerator *e, const struct enum_set *left, bool doubtful)
{
    size_t any = e->n;
    for (size_t i = 0; i < e->n; i++) {
        if (has(left, i) && is_doubtful(e, i) == doubtful) {
            any = any == e->n ? i : any;
            if (!is_beaten(e, i, left)) {
                return i;
            }
        }
    }
    return any; /* answers that contradict each other: take the next as it is */
}

/* The live items: what is known of their order first, the guess where nothing is known. */
static void guess(struct enumerator *e)
{
    struct enum_set left = { { 0 } };
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (is_live(e, i)) {
            add(&left, i);
            n++;
        }
    }
    e->n_order = 0;
    while (e->n_order < n) {
        size_t next = first_unbeaten(e, &left, false);
        next = next < e->n ? next : first_unbeaten(e, &left, true);
        left.words[next / 64] &= ~(UINT64_C(1) << (next % 64));
        e->order[e->n_order++] = next;
    }
}

/* Is the place of order[at] settled: accepted, and known to beat all live ones after it? `after` is
 * the set of these, `known` what those of them that it beats are known to beat. */
static bool is_settled(const struct enumerator *e, size_t at, const struct enum_set *after,
                       const struct enum_set *reach)
{
    size_t i = e->order[at];
    if (e->state[i] != ENUM_ACCEPTED) {
        return false;
    }
    if (e->policy == ENUM_POLICY_CLIENT || e->policy == ENUM_POLICY_MIXED) {
        return true; /* there is no order to be learned */
    }
    struct enum_set known = e->beats[i];
    for (size_t j = at + 1; j < e->n_order; j++) {
        if (has(&known, e->order[j])) {
            unite(&known, &reach[e->order[j]]);
        }
    }
    return contains(&known, after);
}

/* What each live item is known to beat, directly or through others. */
static void note_reach(const struct enumerator *e, struct enum_set *reach)
{
    for (size_t at = e->n_order; at-- > 0;) {
        size_t i = e->order[at];
        reach[i] = e->beats[i];
        for (size_t j = at + 1; j < e->n_order; j++) {
            if (has(&e->beats[i], e->order[j])) {
                unite(&reach[i], &reach[e->order[j]]);
            }
        }
    }
}

/* Marks in `wanted` the places whose offer (the item and all after it) is still to be made; returns
 * how many there are. */
static size_t find_unsettled(const struct enumerator *e, struct enum_set *wanted)
{
    struct enum_set reach[ENUM_ITEMS_MAX];
    struct enum_set after = { { 0 } };
    size_t n = 0;
    note_reach(e, reach);
    *wanted = (struct enum_set){ { 0 } };
    for (size_t at = e->n_order; at-- > 0;) {
        if (!is_live(e, e->order[at])) {
            continue; /* rejected since the wave began */
        }
        if (!is_settled(e, at, &after, reach)) {
            add(wanted, at);
            n++;
        }
        add(&after, e->order[at]);
    }
    return n;
}

/* --- offers --- */

static struct enum_set everything(const struct enumerator *e, size_t from, size_t to)
{
    struct enum_set set = { { 0 } };
    for (size_t i = from; i < to && i < e->n; i++) {
        if (is_live(e, i)) {
            add(&set, i);
        }
    }
    return set;
}

/* Where nobody's order decides, an accepted one on offer might be chosen again and again. */
static struct enum_set rest_of_order(const struct enumerator *e, size_t at)
{
    struct enum_set set = { { 0 } };
    for (; at < e->n_order; at++) {
        bool is_idle = e->policy == ENUM_POLICY_MIXED && e->state[e->order[at]] == ENUM_ACCEPTED;
        if (is_live(e, e->order[at]) && !is_idle) {
            add(&set, e->order[at]);
        }
    }
    return set;
}

/* The next stage's offers begin. */
static void next_stage(struct enumerator *e)
{
    e->stage++;
    e->cursor = 0;
}

/* The offers that are made whatever comes of the others. */
static bool stage_offer(struct enumerator *e, struct enum_offer *out)
{
    size_t likely = e->n_likely == 0 ? e->n : e->n_likely;
    *out = (struct enum_offer){ .target = -1 };
    switch ((enum stage)e->stage) {
    case STAGE_ALL:
        out->set = everything(e, 0, likely);
        next_stage(e);
        return !is_empty(&out->set);
    case STAGE_REVERSED:
        out->set = everything(e, 0, likely);
        out->is_reversed = true;
        next_stage(e);
        return !is_empty(&out->set);
    case STAGE_GROUPS:
        if (e->is_patient || e->cursor >= e->n_groups) {
            next_stage(e);
            return false;
        }
        for (size_t i = 0; i < likely; i++) {
            if ((e->groups[i] >> e->cursor & 1) != 0 && is_live(e, i)) {
                add(&out->set, i);
            }
        }
        e->cursor++;
        return !is_empty(&out->set);
    case STAGE_LARGE:
        if (likely + e->cursor * e->large >= e->n) {
            next_stage(e);
            return false;
        }
        out->set =
            everything(e, likely + e->cursor * e->large, likely + (e->cursor + 1) * e->large);
        e->cursor++;
        return !is_empty(&out->set);
    case STAGE_WAVES:
        break;
    }
    return false;
}

/* Grows with every answer that taught anything. */
static size_t knowledge(const struct enumerator *e)
{
    size_t known = (size_t)e->policy;
    for (size_t i = 0; i < e->n; i++) {
        known += e->state[i] != ENUM_UNKNOWN ? 1 : 0;
        known += e->is_passed_over[i] ? 1 : 0;
        for (size_t w = 0; w < ENUM_WORDS; w++) {
            known += (size_t)__builtin_popcountll(e->beats[i].words[w]);
        }
    }
    return known;
}

/* Two waves that taught nothing: a server whose answers follow no order. What is left is not known.
 */
static bool is_stuck(struct enumerator *e)
{
    size_t known = knowledge(e);
    e->n_idle = known == e->n_known ? e->n_idle + 1 : 0;
    e->n_known = known;
    if (e->n_idle < IDLE_WAVES_MAX) {
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        e->state[i] = e->state[i] == ENUM_UNKNOWN ? ENUM_UNCERTAIN : e->state[i];
    }
    return true;
}

/* A wave begins when nothing is open. False: all is settled. */
static bool begin_wave(struct enumerator *e)
{
    struct enum_set wanted;
    guess(e);
    size_t n = find_unsettled(e, &wanted);
    if (n == 0 || is_stuck(e)) {
        e->is_over = true;
        return false;
    }
    e->cursor = 0;
    e->n_waves++;
    e->n_wave = 0;
    e->n_fitting = 0;
    return true;
}

/* How far apart the offers of a wave are: a guess that proved wrong is tried at few places. */
static size_t stride(const struct enumerator *e, size_t n_unsettled, bool last_was_poor)
{
    if (e->is_patient || e->budget < n_unsettled) {
        return SIZE_MAX; /* the first place only */
    }
    size_t step = 1;
    while (last_was_poor && step * step < n_unsettled) {
        step++;
    }
    return step;
}

/* Offers that the rest of a wave takes: the doubtful ones share one. */
static size_t n_offers_left(const struct enumerator *e, const struct enum_set *wanted)
{
    size_t n = 0;
    size_t n_doubtful = 0;
    for (size_t at = 0; at < e->n_order; at++) {
        if (has(wanted, at)) {
            *(is_doubtful(e, e->order[at]) ? &n_doubtful : &n) += 1;
        }
    }
    return n + (n_doubtful > 0 ? 1 : 0);
}

static bool wave_offer(struct enumerator *e, struct enum_offer *out)
{
    struct enum_set wanted;
    if (e->cursor == SIZE_MAX) {
        return false; /* the wave's offers are all made */
    }
    (void)find_unsettled(e, &wanted);
    size_t n = n_offers_left(e, &wanted);
    size_t at = e->cursor;
    while (at < e->n_order && !has(&wanted, at)) {
        at++;
    }
    if (at >= e->n_order) {
        e->cursor = SIZE_MAX;
        return false;
    }
    *out = (struct enum_offer){ .set = rest_of_order(e, at), .target = (int16_t)e->order[at] };
    /* Against the server's order, lest it be taken for its own. */
    out->is_reversed = e->policy == ENUM_POLICY_SERVER;
    size_t step = stride(e, n, e->poor);
    /* The doubtful ones stand last and are offered together: probably none of them is there. */
    out->is_of_doubt = is_doubtful(e, e->order[at]);
    bool is_last = step == SIZE_MAX || out->is_of_doubt;
    e->cursor = is_last ? SIZE_MAX : at + step;
    return true;
}

static void end_wave(struct enumerator *e)
{
    if (e->in_wave && e->n_open == 0 && e->cursor == SIZE_MAX) {
        e->poor = e->n_wave > 3 && 3 * e->n_fitting < e->n_wave;
        e->in_wave = false;
    }
}

static bool next_offer(struct enumerator *e, struct enum_offer *out)
{
    while (e->stage < STAGE_WAVES) {
        bool waits = e->is_patient ||
                     (e->stage > STAGE_REVERSED && !e->is_eager && e->first_choice == NOT_KNOWN);
        if (waits && e->n_open > 0) {
            return false;
        }
        if (stage_offer(e, out)) {
            return true;
        }
    }
    do {
        bool waits = e->n_open > 0 && !(e->is_hinted && e->n_waves == 0);
        if (!e->in_wave && (waits || !begin_wave(e))) {
            return false;
        }
        e->in_wave = true;
        if (wave_offer(e, out)) {
            e->n_wave++;
            return true;
        }
        end_wave(e);
    } while (!e->in_wave);
    return false;
}

static size_t put_values(const struct enumerator *e, const struct enum_offer *offer, uint16_t *out)
{
    size_t n = 0;
    bool by_order = e->stage == STAGE_WAVES && e->in_wave;
    size_t count = by_order ? e->n_order : e->n;
    for (size_t k = 0; k < count; k++) {
        size_t at = offer->is_reversed ? count - 1 - k : k;
        size_t i = by_order ? e->order[at] : at;
        if (has(&offer->set, i)) {
            out[n++] = e->value[i];
        }
    }
    return n;
}

bool enumerator_next(struct enumerator *e, unsigned *out_offer, uint16_t *out, size_t *out_n)
{
    struct enum_offer offer;
    if (e->is_over || e->n_open == ENUM_OPEN_MAX || (e->is_patient && e->n_open > 1)) {
        return false;
    }
    if (e->budget == 0) {
        e->is_short = e->n_open == 0 || e->is_short;
        e->is_over = e->n_open == 0;
        return false;
    }
    if (!next_offer(e, &offer)) {
        return false;
    }
    unsigned slot = 0;
    while (e->open[slot].is_open) {
        slot++;
    }
    offer.is_open = true;
    e->open[slot] = offer;
    e->n_open++;
    e->n_made++;
    e->budget--;
    *out_offer = slot;
    *out_n = put_values(e, &offer, out);
    return true;
}

/* --- answers --- */

static int index_of(const struct enumerator *e, const struct enum_offer *offer, int32_t value)
{
    for (size_t i = 0; value >= 0 && i < e->n; i++) {
        if (e->value[i] == value && has(&offer->set, i)) {
            return (int)i;
        }
    }
    return value == NO_CHOICE ? NO_CHOICE : NOT_KNOWN;
}

bool enumerator_offered(const struct enumerator *e, unsigned slot, uint16_t value)
{
    return index_of(e, &e->open[slot], value) >= 0;
}

static void reject(struct enumerator *e, const struct enum_set *set)
{
    for (size_t i = 0; i < e->n; i++) {
        if (has(set, i) && e->state[i] == ENUM_UNKNOWN) {
            e->state[i] = ENUM_REJECTED;
        }
    }
}

/* Two offers of the same in opposite order: who decides? */
static void note_policy(struct enumerator *e)
{
    if (e->policy == ENUM_POLICY_UNKNOWN && e->first_choice >= 0 && e->reversed_choice >= 0) {
        e->policy = e->first_choice == e->reversed_choice ? ENUM_POLICY_SERVER : ENUM_POLICY_CLIENT;
    }
}

/* A server that follows the client passed these over: probably they are not there. They are asked
 * for once more, together, before they are believed to be missing. Where one is there after all, or
 * was known to be, the server follows nobody's order: some like ChaCha20 better with clients that
 * do, and take AES first with all others. */
static void note_passed_over(struct enumerator *e, const struct enum_offer *offer, size_t chosen)
{
    for (size_t at = 0; at < e->n_order && e->order[at] != chosen; at++) {
        size_t i = e->order[at];
        if (!has(&offer->set, i)) {
            continue;
        }
        if (e->state[i] == ENUM_ACCEPTED) {
            e->policy = ENUM_POLICY_MIXED;
        } else {
            e->is_doubtful[i] = e->is_passed_over[i] = true;
        }
    }
}

static void note_choice(struct enumerator *e, const struct enum_offer *offer, size_t chosen)
{
    struct enum_set others = offer->set;
    others.words[chosen / 64] &= ~(UINT64_C(1) << (chosen % 64));
    e->state[chosen] = ENUM_ACCEPTED;
    if (e->policy == ENUM_POLICY_CLIENT && offer->is_of_doubt && e->is_passed_over[chosen]) {
        e->policy = ENUM_POLICY_MIXED;
    }
    if (e->policy == ENUM_POLICY_CLIENT && !offer->is_reversed && offer->target >= 0) {
        note_passed_over(e, offer, chosen);
    } else if (e->policy == ENUM_POLICY_SERVER || e->policy == ENUM_POLICY_UNKNOWN) {
        unite(&e->beats[chosen], &others);
    }
}

/* An item whose offer brought another one is either not there or less liked than guessed. All such
 * are offered together next: mostly none is there; where one is, the guess was wrong, and each is
 * asked for again. */
static void note_doubt(struct enumerator *e, const struct enum_offer *offer, int chosen)
{
    if (offer->target < 0 || chosen < 0) {
        return;
    }
    size_t likely = e->n_likely == 0 ? e->n : e->n_likely;
    if (offer->is_of_doubt) {
        for (size_t i = 0; i < likely && (size_t)chosen < likely; i++) {
            e->is_doubtful[i] = false;
        }
    } else if (chosen != offer->target) {
        e->is_doubtful[offer->target] = true;
    }
}

void enumerator_answer(struct enumerator *e, unsigned slot, int32_t chosen)
{
    struct enum_offer offer = e->open[slot];
    size_t likely = e->n_likely == 0 ? e->n : e->n_likely;
    struct enum_set all = everything(e, 0, likely);
    e->open[slot].is_open = false;
    e->n_open--;
    int i = index_of(e, &offer, chosen);
    if (offer.target < 0 && contains(&offer.set, &all)) {
        *(offer.is_reversed ? &e->reversed_choice : &e->first_choice) = i;
        note_policy(e);
    }
    if (i >= 0) {
        note_choice(e, &offer, (size_t)i);
    } else if (i == NO_CHOICE) {
        reject(e, &offer.set);
    } else if (offer.target >= 0 && e->state[offer.target] == ENUM_UNKNOWN) {
        e->state[offer.target] = ENUM_UNCERTAIN;
    } else if (offer.target >= 0) {
        unite(&e->beats[offer.target], &offer.set); /* its place stays as guessed */
    }
    note_doubt(e, &offer, i);
    e->n_fitting += offer.target >= 0 && (i == offer.target || i == NO_CHOICE) ? 1 : 0;
    end_wave(e);
}

size_t enumerator_accepted(const struct enumerator *e, size_t *out)
{
    struct enumerator copy = *e;
    size_t n = 0;
    if (e->policy == ENUM_POLICY_CLIENT || e->policy == ENUM_POLICY_MIXED) { /* the guess stands */
        for (size_t i = 0; i < ENUM_ITEMS_MAX; i++) {
            copy.beats[i] = (struct enum_set){ { 0 } };
        }
    }
    guess(&copy);
    for (size_t at = 0; at < copy.n_order; at++) {
        if (copy.state[copy.order[at]] == ENUM_ACCEPTED) {
            out[n++] = copy.order[at];
        }
    }
    return n;
}
