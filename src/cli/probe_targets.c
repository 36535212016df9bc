#include "cli/probe_targets.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/clock.h"

enum { NAME_BYTES = 512, LINE_BYTES = 1024 };

struct job {
    struct job *next;
    struct runner *runner;
    struct dial_target target;
    char host[256];
    char name[NAME_BYTES];
    struct endpoint addresses[PROBE_ADDRESSES_MAX];
    size_t n_addresses, n_left;
    bool was_cut; /* by the engine's deadline: to be asked again another time */
    struct survey *surveys[PROBE_ADDRESSES_MAX];
};

/* One survey of a job: what its end is told with. */
struct end {
    struct job *job;
    size_t i;
    struct clients_round *round; /* NULL: no clients are asked */
};

struct runner {
    const struct probe_targets *t;
    struct probe_engine *engine;
    struct job *jobs;
    size_t next_name, n_active;
    FILE *journal;
    char (*done)[NAME_BYTES];
    size_t n_done;
    bool starting; /* guards against starting jobs from within the start of one */
    enum status failed;
    struct err err;
};

static bool was_done(const struct runner *r, const char *name)
{
    for (size_t i = 0; i < r->n_done; i++) {
        if (strcmp(r->done[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void trim(char *s)
{
    char *end = strchr(s, '#');
    if (end == NULL) {
        end = s + strlen(s);
    }
    while (end > s && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = '\0';
    char *start = s;
    while (isspace((unsigned char)*start)) {
        start++;
    }
    memmove(s, start, (size_t)(end - start) + 1);
}

/* The next target's name; false at the end. */
static bool next_name(struct runner *r, char out[NAME_BYTES])
{
    char line[LINE_BYTES];
    if (r->next_name < r->t->n_names) {
        const char *name = r->t->names[r->next_name++];
        size_t len = strlen(name) < NAME_BYTES - 1 ? strlen(name) : NAME_BYTES - 1;
        (void)bytes_copy(out, NAME_BYTES, bytes_of(name, len));
        out[len] = '\0';
        return true;
    }
    while (r->t->file != NULL && fgets(line, sizeof line, r->t->file) != NULL) {
        trim(line);
        if (line[0] != '\0' && strlen(line) < NAME_BYTES && !was_done(r, line)) {
            (void)bytes_copy(out, NAME_BYTES, bytes_of(line, strlen(line) + 1));
            return true;
        }
    }
    return false;
}

static void note_done(struct runner *r, const char *name)
{
    if (r->journal != NULL) {
        fprintf(r->journal, "%s\n", name);
        fflush(r->journal);
    }
}

static void free_job(struct runner *r, struct job *job)
{
    struct job **at = &r->jobs;
    while (*at != NULL && *at != job) {
        at = &(*at)->next;
    }
    if (*at == job) {
        *at = job->next;
    }
    for (size_t i = 0; i < job->n_addresses; i++) {
        survey_free(job->surveys[i]);
    }
    free(job);
}

static void fill(struct runner *r);

static bool is_late(const struct runner *r)
{
    int64_t end_ns = r->t->engine->deadline_ns;
    return end_ns != 0 && clock_monotonic_ns() >= end_ns;
}

static void tell_why(const struct runner *r, const char *name, const char *why)
{
    r->t->result(r->t->arg, &(struct probe_result){ .name = name, .why = why });
}

/* All that is to be asked of one address was asked. */
static void on_asked(void *arg)
{
    struct end *end = arg;
    struct job *job = end->job;
    struct runner *r = job->runner;
    const struct survey_facts *facts = survey_facts(job->surveys[end->i]);
    struct probe_result result = { .name = job->name, .facts = facts };
    result.clients = end->round == NULL ? NULL : clients_results(end->round);
    bool is_whole = !facts->is_given_up || !is_late(r);
    r->t->result(r->t->arg, &result);
    clients_round_free(end->round);
    survey_free(job->surveys[end->i]);
    job->surveys[end->i] = NULL;
    free(end);
    r->n_active--;
    job->was_cut |= !is_whole;
    if (--job->n_left == 0) {
        if (!job->was_cut) {
            note_done(r, job->name);
        }
        free_job(r, job);
    }
    fill(r);
}

/* The survey is over; the clients come behind it, which are judged by what it found. */
static void on_over(void *arg)
{
    struct end *end = arg;
    struct job *job = end->job;
    struct runner *r = job->runner;
    const struct survey_facts *facts = survey_facts(job->surveys[end->i]);
    struct clients_request request = { .target = &job->target,
                                       .address = &job->addresses[end->i],
                                       .facts = facts,
                                       .store = r->t->survey->store };
    bool is_asked = r->t->n_clients > 0 && facts->is_reached && facts->speaks_tls;
    if (!is_asked) {
        on_asked(end);
        return;
    }
    if (clients_start(r->engine, &request, r->t->clients, r->t->n_clients, on_asked, end,
                      &end->round, &r->err) != ST_OK) {
        r->failed = r->err.status;
        on_asked(end);
    }
}

static enum status start_survey(struct runner *r, struct job *job, size_t i, struct err *err)
{
    struct end *end = calloc(1, sizeof *end);
    if (end == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    *end = (struct end){ .job = job, .i = i };
    enum status st =
        survey_new(&job->target, &job->addresses[i], r->t->survey, &job->surveys[i], err);
    if (st == ST_OK) {
        st = survey_start(job->surveys[i], r->engine, on_over, end, err);
    }
    if (st != ST_OK) {
        free(end);
        return st;
    }
    job->n_left++;
    r->n_active++;
    return ST_OK;
}

static bool set_target(struct runner *r, struct job *job)
{
    struct dial_target named;
    if (!dial_parse_target(job->name, &named, job->host, sizeof job->host)) {
        return false;
    }
    job->target = *r->t->like;
    job->target.host = named.host;
    job->target.port = named.port;
    if (job->target.starttls == DIAL_NO_STARTTLS) {
        job->target.starttls = named.starttls;
    }
    return true;
}

/* A job whose target makes no sense or has no address is a result at once. */
static void start_job(struct runner *r, struct job *job)
{
    struct err err;
    if (is_late(r)) {
        tell_why(r, job->name, "not asked: the time was over (--max-time)");
        free(job);
        return;
    }
    if (!set_target(r, job)) {
        tell_why(r, job->name, "no target: it is HOST, HOST:PORT or a URL");
        note_done(r, job->name);
        free(job);
        return;
    }
    if (dial_resolve(&job->target, job->addresses, PROBE_ADDRESSES_MAX, &job->n_addresses, &err) !=
        ST_OK) {
        tell_why(r, job->name, err.text);
        note_done(r, job->name);
        free(job);
        return;
    }
    job->next = r->jobs;
    r->jobs = job;
    for (size_t i = 0; i < job->n_addresses && r->failed == ST_OK; i++) {
        r->failed = start_survey(r, job, i, &r->err);
    }
}

static void fill(struct runner *r)
{
    while (!r->starting && r->failed == ST_OK && r->n_active < PROBE_SURVEYS_MAX) {
        struct job *job = calloc(1, sizeof *job);
        if (job == NULL) {
            r->failed = err_set(&r->err, ST_NOMEM, "no memory");
            return;
        }
        job->runner = r;
        if (!next_name(r, job->name)) {
            free(job);
            return;
        }
        r->starting = true;
        start_job(r, job);
        r->starting = false;
    }
}

/* What an earlier run has done. */
static enum status read_journal(struct runner *r, const char *path, struct err *err)
{
    char line[LINE_BYTES];
    FILE *old = fopen(path, "re");
    size_t room = 0;
    while (old != NULL && fgets(line, sizeof line, old) != NULL) {
        trim(line);
        if (r->n_done == room) {
            room = room == 0 ? 256 : 2 * room;
            void *more = realloc(r->done, room * sizeof *r->done);
            if (more == NULL) {
                fclose(old);
                return err_set(err, ST_NOMEM, "no memory");
            }
            r->done = more;
        }
        size_t len = strlen(line) < NAME_BYTES - 1 ? strlen(line) : NAME_BYTES - 1;
        (void)bytes_copy(r->done[r->n_done], NAME_BYTES, bytes_of(line, len));
        r->done[r->n_done++][len] = '\0';
    }
    if (old != NULL) {
        fclose(old);
    }
    r->journal = fopen(path, "ae");
    return r->journal == NULL ? err_sys(err, "%s", path) : ST_OK;
}

static enum status check_names(const struct probe_targets *t, struct err *err)
{
    char host[256];
    struct dial_target target;
    for (size_t i = 0; i < t->n_names; i++) {
        if (!dial_parse_target(t->names[i], &target, host, sizeof host)) {
            return err_set(err, ST_USAGE, "'%.100s' is no target: it is HOST, HOST:PORT or a URL",
                           t->names[i]);
        }
    }
    return ST_OK;
}

static enum status run(struct runner *r, struct err *err)
{
    TRY(check_names(r->t, err));
    if (r->t->resume_path != NULL) {
        TRY(read_journal(r, r->t->resume_path, err));
    }
    TRY(probe_engine_new(r->t->engine, &r->engine, err));
    fill(r);
    TRY(probe_engine_run(r->engine, err));
    if (r->failed != ST_OK) {
        *err = r->err;
    }
    return r->failed;
}

enum status probe_targets_run(const struct probe_targets *t, struct err *err)
{
    struct runner r = { .t = t };
    enum status st = run(&r, err);
    probe_engine_free(r.engine);
    while (r.jobs != NULL) {
        free_job(&r, r.jobs);
    }
    if (r.journal != NULL) {
        fclose(r.journal);
    }
    free(r.done);
    return st;
}
