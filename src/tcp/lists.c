#include "base/clock.h"
#include "tcp/table.h"

enum {
    CLOCK_PATIENCE = 1000,
    /* Where there are many, an entry changes its place after a thousandth of its patience only:
     * each change touches two neighbours, which are seldom in the cache. */
    LAZY_FROM = 64,
    LAZY_SHIFT = 10,
};

void list_append(struct tcp_table *t, struct tcp_conn *c, enum list_id id)
{
    struct conn_list *l = &t->lists[id];
    c->flags = (uint16_t)((c->flags & ~(unsigned)CONN_LIST_MASK) | (unsigned)id << CONN_LIST_SHIFT);
    c->older = l->newest;
    c->newer = 0;
    c->touched_ms = t->now_ms;
    if (l->newest != 0) {
        table_at(t, l->newest)->newer = c->ref & REF_MASK;
    } else {
        l->oldest = c->ref;
    }
    l->newest = c->ref;
    l->n++;
}

void list_unlink(struct tcp_table *t, struct tcp_conn *c)
{
    struct conn_list *l = &t->lists[list_of(c)];
    if (c->older != 0) {
        table_at(t, c->older)->newer = c->newer;
    } else {
        l->oldest = (uint32_t)c->newer;
    }
    if (c->newer != 0) {
        table_at(t, (uint32_t)c->newer)->older = c->older;
    } else {
        l->newest = c->older;
    }
    l->n--;
}

void list_touch(struct tcp_table *t, struct tcp_conn *c)
{
    enum list_id id = (c->flags & CONN_CLOSED) != 0 ? LIST_LINGERING : LIST_OPEN;
    if (list_of(c) == id) {
        if (t->lists[id].newest == c->ref) {
            c->touched_ms = t->now_ms;
            return;
        }
        uint32_t patience_ms = id == LIST_OPEN ? t->idle_ms : t->linger_ms;
        bool is_fresh = t->now_ms - c->touched_ms < patience_ms >> LAZY_SHIFT;
        if (is_fresh && t->lists[id].n >= LAZY_FROM) {
            return;
        }
    }
    list_unlink(t, c);
    list_append(t, c, id);
}

void clock_step(struct tcp_table *t, int64_t at_ns)
{
    if (!t->clock_started) {
        t->clock_started = true;
        t->high_ns = at_ns;
        return;
    }
    if (at_ns <= t->high_ns) {
        t->n_behind = at_ns == t->high_ns ? 0 : t->n_behind + 1;
        if (t->n_behind >= CLOCK_PATIENCE) {
            t->high_ns = at_ns;
            t->n_behind = 0;
        }
        return;
    }
    /* No step is longer than what ends everything: now_ms cannot lap a connection. */
    uint64_t step = (uint64_t)at_ns - (uint64_t)t->high_ns;
    uint64_t longest = ((uint64_t)t->idle_ms + t->linger_ms + 1000) * (uint64_t)NS_PER_MS;
    t->clock_ns += step < longest ? step : longest;
    t->now_ms = (uint32_t)(t->clock_ns / (uint64_t)NS_PER_MS);
    t->high_ns = at_ns;
    t->n_behind = 0;
}
