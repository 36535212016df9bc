#include "gateway/note_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct waiting {
    struct waiting *next;
    uint8_t *p;
    size_t len;
};

struct note_queue {
    pthread_mutex_t mutex;
    pthread_cond_t has_more;
    struct waiting *first, **end;
    size_t held_bytes;
    uint64_t n_dropped;
    bool has_ended;
};

enum status note_queue_new(struct note_queue **out, struct err *err)
{
    struct note_queue *q = calloc(1, sizeof *q);
    pthread_condattr_t attr;
    if (q == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    pthread_mutex_init(&q->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->has_more, &attr);
    pthread_condattr_destroy(&attr);
    q->end = &q->first;
    *out = q;
    return ST_OK;
}

void note_queue_free(struct note_queue *q)
{
    if (q == NULL) {
        return;
    }
    while (q->first != NULL) {
        struct waiting *next = q->first->next;
        free(q->first->p);
        free(q->first);
        q->first = next;
    }
    pthread_cond_destroy(&q->has_more);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

static struct waiting *copy_of(struct bytes note)
{
    struct waiting *w = calloc(1, sizeof *w);
    uint8_t *p = malloc(note.len > 0 ? note.len : 1);
    if (w == NULL || p == NULL) {
        free(w);
        free(p);
        return NULL;
    }
    bytes_copy(p, note.len, note);
    w->p = p;
    w->len = note.len;
    return w;
}

/* Small notes cost more than their bytes. */
static size_t cost_of(const struct waiting *w)
{
    return w->len + sizeof *w;
}

static bool append(struct note_queue *q, struct waiting *w)
{
    pthread_mutex_lock(&q->mutex);
    bool has_room = w != NULL && cost_of(w) <= NOTE_QUEUE_BYTES - q->held_bytes;
    if (has_room) {
        q->held_bytes += cost_of(w);
        *q->end = w;
        q->end = &w->next;
        pthread_cond_signal(&q->has_more);
    } else {
        q->n_dropped++;
    }
    pthread_mutex_unlock(&q->mutex);
    return has_room;
}

bool note_queue_put(struct note_queue *q, struct bytes note)
{
    struct waiting *w = copy_of(note);
    if (append(q, w)) {
        return true;
    }
    if (w != NULL) {
        free(w->p);
        free(w);
    }
    return false;
}

static void wait_for_more(struct note_queue *q, unsigned wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int code = 0;
    while (q->first == NULL && !q->has_ended && code == 0) {
        code = pthread_cond_timedwait(&q->has_more, &q->mutex, &until);
    }
}

uint8_t *note_queue_take(struct note_queue *q, unsigned wait_ms, size_t *len)
{
    pthread_mutex_lock(&q->mutex);
    if (q->first == NULL && wait_ms > 0) {
        wait_for_more(q, wait_ms);
    }
    struct waiting *w = q->first;
    if (w != NULL) {
        q->first = w->next;
        q->end = q->first == NULL ? &q->first : q->end;
        q->held_bytes -= cost_of(w);
    }
    pthread_mutex_unlock(&q->mutex);
    if (w == NULL) {
        return NULL;
    }
    uint8_t *p = w->p;
    *len = w->len;
    free(w);
    return p;
}

void note_queue_end(struct note_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->has_ended = true;
    pthread_cond_broadcast(&q->has_more);
    pthread_mutex_unlock(&q->mutex);
}

bool note_queue_has_ended(struct note_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    bool has_ended = q->has_ended && q->first == NULL;
    pthread_mutex_unlock(&q->mutex);
    return has_ended;
}

uint64_t note_queue_dropped(struct note_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    uint64_t n = q->n_dropped;
    q->n_dropped = 0;
    pthread_mutex_unlock(&q->mutex);
    return n;
}
