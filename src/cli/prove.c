#include "cli/prove.h"

#include <strings.h>

#include "base/status.h"

enum status prove_start(struct prove *p, const char *to, struct err *err)
{
    *p = (struct prove){ .n_done = 0 };
    if (!replay_target_parse(to, &p->target, p->host, sizeof p->host)) {
        return err_set(err, ST_USAGE, "--to '%.200s': it is HOST or HOST:PORT", to);
    }
    return dial_resolve(&p->target, p->addresses, PROVE_ADDRESSES_MAX, &p->n_addresses, err);
}

static bool is_that_server(const struct prove *p, const struct transcript *t)
{
    if (t->server_name != NULL && strcasecmp(t->server_name, p->target.host) == 0) {
        return true;
    }
    for (size_t i = 0; i < p->n_addresses; i++) {
        if (endpoint_same_host(&p->addresses[i], &t->server)) {
            return true;
        }
    }
    return false;
}

static bool was_done(const struct prove *p, const struct transcript *t, const struct verdict *v)
{
    for (size_t i = 0; i < p->n_done; i++) {
        if (p->done[i].cause == v->cause && p->done[i].port == t->server.port) {
            return true;
        }
    }
    return false;
}

bool prove_wants(struct prove *p, const struct transcript *t, const struct verdict *v)
{
    if (v->outcome != OUTCOME_FAILED || t->hello == NULL) {
        return false;
    }
    if (!is_that_server(p, t)) {
        p->n_elsewhere++;
        return false;
    }
    if (was_done(p, t, v)) {
        return false;
    }
    if (p->n_done == PROVE_MAX) {
        p->n_left_out++;
        return false;
    }
    return true;
}

enum status prove_run(struct prove *p, const struct transcript *t, const struct verdict *v,
                      const struct replay_options *style, struct err *err)
{
    struct replay_options options = *style;
    enum replay_outcome outcome = REPLAY_NOT_PROVABLE;
    options.target = p->target;
    p->done[p->n_done].cause = v->cause;
    p->done[p->n_done].port = t->server.port;
    p->n_done++;
    return replay_prove(&options, t, v, &outcome, err);
}
