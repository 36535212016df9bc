#include "api/connections.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

struct connection {
    struct connection *next, *prev;
    struct connections *all;
    int fd;
    int64_t until_ns; /* monotonic; 0: for ever */
};

struct connections {
    pthread_mutex_t mutex;
    struct connection *list;
};

struct connections *connections_new(void)
{
    struct connections *all = calloc(1, sizeof *all);
    if (all != NULL) {
        (void)pthread_mutex_init(&all->mutex, NULL);
    }
    return all;
}

void connections_free(struct connections *all)
{
    if (all != NULL) {
        (void)pthread_mutex_destroy(&all->mutex);
        free(all);
    }
}

static int64_t end_of(unsigned seconds)
{
    return seconds == 0 ? 0 : clock_monotonic_ns() + seconds * NS_PER_S;
}

struct connection *connection_begin(struct connections *all, int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    *c = (struct connection){ .all = all, .fd = fd, .until_ns = end_of(CONNECTION_HEAD_S) };
    (void)pthread_mutex_lock(&all->mutex);
    c->next = all->list;
    if (all->list != NULL) {
        all->list->prev = c;
    }
    all->list = c;
    (void)pthread_mutex_unlock(&all->mutex);
    return c;
}

void connection_allow(struct connection *c, unsigned seconds)
{
    if (c != NULL) {
        (void)pthread_mutex_lock(&c->all->mutex);
        c->until_ns = end_of(seconds);
        (void)pthread_mutex_unlock(&c->all->mutex);
    }
}

void connection_end(struct connection *c)
{
    if (c == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&c->all->mutex);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        c->all->list = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    (void)pthread_mutex_unlock(&c->all->mutex);
    free(c);
}

void connections_sweep(struct connections *all)
{
    int64_t now = clock_monotonic_ns();
    (void)pthread_mutex_lock(&all->mutex);
    for (struct connection *c = all->list; c != NULL; c = c->next) {
        if (c->until_ns != 0 && now > c->until_ns) {
            /* the descriptor is not closed before connection_end(): it is still this socket */
            (void)shutdown(c->fd, SHUT_RDWR);
            c->until_ns = 0;
        }
    }
    (void)pthread_mutex_unlock(&all->mutex);
}
