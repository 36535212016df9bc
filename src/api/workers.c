#include "api/workers.h"

#include <pthread.h>
#include <stdlib.h>

struct worker {
    struct workers *all;
    struct store *store;
    pthread_t thread;
    bool is_running;
};

struct workers {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *first, *last;
    bool is_stopping;
    unsigned n;
    struct worker *list;
};

/* NULL: the end. */
static struct job *take(struct workers *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    while (w->first == NULL && !w->is_stopping) {
        (void)pthread_cond_wait(&w->wake, &w->mutex);
    }
    struct job *job = w->first;
    if (job != NULL) {
        w->first = job->next;
        if (w->first == NULL) {
            w->last = NULL;
        }
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return job;
}

static void *work(void *arg)
{
    struct worker *me = arg;
    for (struct job *job = take(me->all); job != NULL; job = take(me->all)) {
        job->run(job, me->store);
    }
    return NULL;
}

static enum status start_one(struct workers *w, const char *store_path, struct err *err)
{
    struct worker *me = &w->list[w->n];
    me->all = w;
    w->n++;
    TRY(store_open(store_path, &me->store, err));
    if (pthread_create(&me->thread, NULL, work, me) != 0) {
        return err_set(err, ST_IO, "no thread for the management API");
    }
    me->is_running = true;
    return ST_OK;
}

enum status workers_start(const char *store_path, unsigned n, struct workers **out, struct err *err)
{
    struct workers *w = calloc(1, sizeof *w);
    struct worker *list = calloc(n, sizeof *list);
    if (w == NULL || list == NULL) {
        free(w);
        free(list);
        return err_set(err, ST_NOMEM, "no memory");
    }
    w->list = list;
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->wake, NULL);
    enum status st = ST_OK;
    while (st == ST_OK && w->n < n) {
        st = start_one(w, store_path, err);
    }
    if (st != ST_OK) {
        workers_stop(w);
        workers_free(w);
        return st;
    }
    *out = w;
    return ST_OK;
}

bool workers_put(struct workers *w, struct job *job)
{
    job->next = NULL;
    (void)pthread_mutex_lock(&w->mutex);
    bool takes = !w->is_stopping;
    if (takes && w->last != NULL) {
        w->last->next = job;
        w->last = job;
    } else if (takes) {
        w->first = job;
        w->last = job;
    }
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mutex);
    return takes;
}

void workers_stop(struct workers *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->is_stopping = true;
    (void)pthread_cond_broadcast(&w->wake);
    (void)pthread_mutex_unlock(&w->mutex);
    for (unsigned i = 0; i < w->n; i++) {
        if (w->list[i].is_running) {
            (void)pthread_join(w->list[i].thread, NULL);
            w->list[i].is_running = false;
        }
    }
}

void workers_free(struct workers *w)
{
    if (w == NULL) {
        return;
    }
    for (unsigned i = 0; i < w->n; i++) {
        store_close(w->list[i].store);
    }
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w->list);
    free(w);
}
