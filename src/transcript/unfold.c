#include "transcript/builder.h"
#include "transcript/unseal.h"
#include "transcript/watch.h"

static void describe(struct transcript *t, const struct kept_connection *k)
{
    t->is_dtls = k->is_dtls;
    t->client = k->client;
    t->server = k->server;
    t->client_is_guess = k->client_is_guess;
    t->stream = k->stream;
    t->capture = k->capture;
    t->first = k->first;
    t->last = k->last;
    t->end_reason = k->end_reason;
    t->capture_dropped = k->capture_dropped;
    t->starts_in_middle = k->started_in_middle;
    for (int s = 0; s < 2; s++) {
        t->side[s].tcp = k->stats[s];
        t->side[s].is_silent = k->stats[s].packets == 0;
        t->is_snap_truncated = t->is_snap_truncated || k->stats[s].snap_truncated;
    }
}

const struct transcript *unfold(const struct kept_connection *k, const struct unfold_tools *tools,
                                struct unfolded_chains *chains)
{
    struct builder b;
    struct unseal u;
    struct event e;
    /* An encrypted record may hold several messages. */
    size_t hint = k->n_events * (k->keys_known ? 2U : 1U) + 16U;
    if (!builder_start(&b, tools->arena, tools->store, SOURCE_CAPTURE, hint)) {
        return NULL;
    }
    describe(b.t, k);
    unseal_init(&u, &b, k->keys_known ? tools->keylog : NULL);
    struct journal_reader r = journal_read(&k->journal, tools->templates, tools->arena);
    while (journal_next(&r, &e)) {
        unseal_event(&u, &e);
    }
    unseal_deinit(&u);
    chains->of[0] = b.taken[0];
    chains->of[1] = b.taken[1];
    return builder_finish(&b);
}
