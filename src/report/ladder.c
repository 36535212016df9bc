#include "report/ladder.h"

/* Kinds of which several in a row say no more than one and a count. */
static const bool merges[EVENT_N_KINDS] = {
    [EVENT_SYN] = true,
    [EVENT_SYN_ACK] = true,
    [EVENT_FIN] = true,
    [EVENT_RST] = true,
    [EVENT_GAP] = true,
    [EVENT_RETRANSMISSION] = true,
    [EVENT_ICMP] = true,
    [EVENT_SEALED_HANDSHAKE] = true,
    [EVENT_APPLICATION_DATA] = true,
    [EVENT_HEARTBEAT] = true,
    [EVENT_UNOPENED] = true,
};

static bool is_same_frame(const struct evidence *ev, const struct event *e)
{
    if (ev->frame == 0 && e->when.frame == 0) {
        return ev->at_ns == e->when.at_ns;
    }
    return ev->frame != 0 && (ev->frame == e->when.frame || ev->frame == e->last.frame);
}

static bool is_about(const struct evidence *ev, const struct event *e)
{
    enum actor sender = actor_of_side((enum side)e->side);
    return ev->message != NULL && is_same_frame(ev, e) &&
           (ev->side == ACTOR_NONE || ev->side == sender) &&
           strcmp(ev->message, event_name(e)) == 0;
}

static bool is_evidence(const struct verdict *v, const struct event *e)
{
    for (size_t i = 0; i < v->n_evidence; i++) {
        if (is_about(&v->evidence[i], e)) {
            return true;
        }
    }
    return false;
}

const struct event *ladder_event_of(const struct transcript *t, const struct evidence *ev)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (is_about(ev, &t->events[i])) {
            return &t->events[i];
        }
    }
    return NULL;
}

static bool can_merge(const struct event *a, const struct event *b)
{
    unsigned flags = (unsigned)a->flags ^ b->flags;
    bool is_again = b->kind == EVENT_HANDSHAKE && (b->flags & EVENT_REPEAT) != 0;
    return a->kind == b->kind && a->side == b->side && a->type == b->type &&
           (flags & ~(unsigned)EVENT_REPEAT) == 0 && (merges[a->kind] || is_again);
}

static void take_row(struct ladder *l, struct ladder_row *out)
{
    const struct event *e = &l->t->events[l->next_event];
    *out = (struct ladder_row){ .event = e, .last = e->last };
    out->is_evidence = is_evidence(l->v, e);
    do {
        const struct event *again = &l->t->events[l->next_event];
        out->count += again->count > 0 ? again->count : 1;
        out->bytes += again->len;
        out->last = again->last.at_ns > again->when.at_ns ? again->last : again->when;
        l->next_event++;
    } while (l->next_event < l->t->n_events && can_merge(e, &l->t->events[l->next_event]) &&
             is_evidence(l->v, &l->t->events[l->next_event]) == out->is_evidence);
}

struct ladder ladder_start(const struct transcript *t, const struct verdict *v, size_t head,
                           size_t tail)
{
    struct ladder l = { .t = t, .v = v, .head = head, .tail = tail };
    struct ladder_row row;
    while (l.next_event < t->n_events) {
        take_row(&l, &row);
        l.n_rows++;
    }
    l.next_event = 0;
    return l;
}

static bool is_kept(const struct ladder *l, size_t at, const struct ladder_row *row)
{
    bool all_fit = l->n_rows <= l->head + l->tail + 1; /* "1 left out" would take its place */
    return all_fit || row->is_evidence || at < l->head || at + l->tail >= l->n_rows;
}

bool ladder_next(struct ladder *l, struct ladder_row *out)
{
    uint64_t n_left_out = 0;
    while (l->next_event < l->t->n_events) {
        size_t event = l->next_event;
        take_row(l, out);
        if (!is_kept(l, l->next_row, out)) {
            l->next_row++;
            n_left_out++;
            continue;
        }
        if (n_left_out > 0) { /* say so first; the row comes with the next call */
            l->next_event = event;
            *out = (struct ladder_row){ .n_left_out = n_left_out };
            return true;
        }
        l->next_row++;
        return true;
    }
    if (n_left_out > 0) {
        *out = (struct ladder_row){ .n_left_out = n_left_out };
        return true;
    }
    return false;
}
