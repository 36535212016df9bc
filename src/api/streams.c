#include "api/streams.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { TURN_NS = 250 * 1000 * 1000 };

struct live {
    struct live *next, *prev;
    struct streams *all;
    struct MHD_Connection *connection;
    struct api_stream stream;
    struct text fresh;   /* what the stream says while it is asked: the thread's own */
    struct text waiting; /* not yet read by the connection */
    size_t n_read;       /* of `waiting` */
    int64_t said_ns;     /* when something was last put */
    bool has_ended, is_suspended, is_linked;
    bool is_asked; /* the thread asks it, without the lock */
    bool is_gone;  /* meanwhile the connection went: the thread frees it */
};

struct streams {
    pthread_mutex_t mutex;
    pthread_t thread;
    struct live *list;
    size_t n;
    bool is_ending, is_stopping;
    void (*tick)(void *arg);
    void *arg;
};

static void unlink_live(struct live *l)
{
    if (l->prev != NULL) {
        l->prev->next = l->next;
    } else {
        l->all->list = l->next;
    }
    if (l->next != NULL) {
        l->next->prev = l->prev;
    }
    l->all->n--;
}

/* A stream may read files: whoever moves bytes of connections does not wait for that. */
static void ask(struct live *l)
{
    struct streams *all = l->all;
    l->is_asked = true;
    (void)pthread_mutex_unlock(&all->mutex);
    bool goes_on = l->stream.next(l->stream.arg, &l->fresh);
    (void)pthread_mutex_lock(&all->mutex);
    l->is_asked = false;
    l->has_ended = l->has_ended || !goes_on || l->fresh.failed;
}

static void turn(struct live *l, int64_t now)
{
    size_t before = l->waiting.len;
    if (l->all->is_ending || l->waiting.len - l->n_read > STREAM_BACKLOG_MAX) {
        l->has_ended = true;
    }
    if (!l->has_ended) {
        ask(l);
        before = l->waiting.len; /* the connection may have read all there was */
        text_put(&l->waiting, text_str(&l->fresh), l->fresh.len);
        text_clear(&l->fresh);
    }
    if (l->is_gone) {
        return;
    }
    if (l->waiting.failed) {
        l->has_ended = true;
    }
    if (l->waiting.len == before && !l->has_ended && now - l->said_ns > STREAM_BEAT_S * NS_PER_S) {
        text_puts(&l->waiting, ":\n\n"); /* a comment: nothing to the client */
    }
    if (l->waiting.len != before) {
        l->said_ns = now;
    }
    if (l->is_suspended && (l->has_ended || l->waiting.len > l->n_read)) {
        l->is_suspended = false;
        MHD_resume_connection(l->connection);
    }
}

static void dispose(struct live *l)
{
    if (l->stream.close != NULL) {
        l->stream.close(l->stream.arg);
    }
    text_deinit(&l->fresh);
    text_deinit(&l->waiting);
    free(l);
}

/* Those that went while they were asked are taken out; they are the caller's to dispose of. */
static struct live *turn_all(struct streams *all)
{
    struct live *gone = NULL;
    struct live *next = NULL;
    int64_t now = clock_monotonic_ns();
    for (struct live *l = all->list; l != NULL; l = next) {
        turn(l, now);
        next = l->next; /* now: while one is asked others come and go, and it stays */
        if (l->is_gone) {
            unlink_live(l);
            l->next = gone;
            gone = l;
        }
    }
    return gone;
}

static void *run(void *arg)
{
    struct streams *all = arg;
    bool goes_on = true;
    while (goes_on) {
        (void)pthread_mutex_lock(&all->mutex);
        struct live *gone = turn_all(all);
        goes_on = !all->is_stopping;
        (void)pthread_mutex_unlock(&all->mutex);
        while (gone != NULL) {
            struct live *l = gone;
            gone = l->next;
            dispose(l);
        }
        all->tick(all->arg);
        if (goes_on) {
            (void)nanosleep(&(struct timespec){ .tv_nsec = TURN_NS }, NULL);
        }
    }
    return NULL;
}

/* Called by libmicrohttpd when the connection can take bytes. */
static ssize_t read_live(void *arg, uint64_t at, char *buf, size_t max)
{
    struct live *l = arg;
    (void)at;
    ssize_t n = 0;
    (void)pthread_mutex_lock(&l->all->mutex);
    size_t left = l->waiting.len - l->n_read;
    if (left > 0) {
        size_t take = left < max ? left : max;
        (void)bytes_copy(buf, max, bytes_of(l->waiting.p + l->n_read, take));
        l->n_read += take;
        n = (ssize_t)take;
        if (l->n_read == l->waiting.len) {
            text_clear(&l->waiting);
            l->n_read = 0;
        }
    } else if (l->has_ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        l->is_suspended = true;
        MHD_suspend_connection(l->connection);
    }
    (void)pthread_mutex_unlock(&l->all->mutex);
    return n;
}

static void free_live(void *arg)
{
    struct live *l = arg;
    struct streams *all = l->all;
    (void)pthread_mutex_lock(&all->mutex);
    bool is_asked = l->is_asked;
    l->is_gone = true;
    if (!is_asked && l->is_linked) {
        unlink_live(l);
    }
    (void)pthread_mutex_unlock(&all->mutex);
    if (!is_asked) {
        dispose(l);
    }
}

static bool link_live(struct streams *all, struct live *l)
{
    (void)pthread_mutex_lock(&all->mutex);
    bool fits = all->n < STREAMS_MAX && !all->is_ending;
    if (fits) {
        l->next = all->list;
        if (all->list != NULL) {
            all->list->prev = l;
        }
        all->list = l;
        all->n++;
        l->is_linked = true;
    }
    (void)pthread_mutex_unlock(&all->mutex);
    return fits;
}

struct MHD_Response *streams_add(struct streams *all, struct MHD_Connection *connection,
                                 struct api_stream *stream)
{
    struct live *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    *l = (struct live){
        .all = all, .connection = connection, .stream = *stream, .said_ns = clock_monotonic_ns()
    };
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_live, l, free_live);
    if (response == NULL) {
        free(l);
        return NULL;
    }
    if (!link_live(all, l)) {
        l->stream = (struct api_stream){ 0 }; /* stays the caller's */
        MHD_destroy_response(response);
        return NULL;
    }
    *stream = (struct api_stream){ 0 };
    return response;
}

enum status streams_start(void (*tick)(void *arg), void *arg, struct streams **out, struct err *err)
{
    struct streams *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    all->tick = tick;
    all->arg = arg;
    (void)pthread_mutex_init(&all->mutex, NULL);
    if (pthread_create(&all->thread, NULL, run, all) != 0) {
        (void)pthread_mutex_destroy(&all->mutex);
        free(all);
        return err_set(err, ST_IO, "no thread for the management API");
    }
    *out = all;
    return ST_OK;
}

void streams_end(struct streams *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    all->is_ending = true;
    (void)pthread_mutex_unlock(&all->mutex);
}

void streams_stop(struct streams *all)
{
    if (all == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&all->mutex);
    all->is_stopping = true;
    (void)pthread_mutex_unlock(&all->mutex);
    (void)pthread_join(all->thread, NULL);
    (void)pthread_mutex_destroy(&all->mutex);
    free(all);
}
