#include "gateway/hosts.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

enum { N_ASKERS = 4, N_HOSTS_MAX = 4096, END_S = 1 };

struct host {
    struct host *next;
    char *name;
    bool is_wanted; /* to be asked */
    bool is_asked;  /* by an asker, now */
    bool is_known;  /* asked at least once */
    bool is_stale;  /* differs from what was given out */
    bool is_kept;   /* it stands in the configuration in force */
    int64_t asked_at_ns, used_at_ns;
    size_t n;
    struct endpoint at[HOSTS_ADDRESSES_MAX];
};

struct hosts {
    pthread_mutex_t mutex;
    pthread_cond_t wanted, answered;
    struct host *first;
    size_t n;
    bool is_over;
    size_t n_askers;
    pthread_t askers[N_ASKERS];
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct endpoint)); /* ip, port, family: no padding but zeroed */
}

static bool take(const struct addrinfo *info, struct endpoint *out)
{
    *out = (struct endpoint){ 0 };
    if (info->ai_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)info->ai_addr;
        out->family = 4;
        return bytes_copy(out->ip, sizeof out->ip, bytes_of(&in->sin_addr, sizeof in->sin_addr));
    }
    if (info->ai_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)info->ai_addr;
        out->family = 6;
        return bytes_copy(out->ip, sizeof out->ip, bytes_of(&in->sin6_addr, sizeof in->sin6_addr));
    }
    return false;
}

static size_t ask(const char *name, struct endpoint out[HOSTS_ADDRESSES_MAX])
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    size_t n = 0;
    if (getaddrinfo(name, NULL, &hints, &list) != 0) {
        return 0;
    }
    for (const struct addrinfo *i = list; i != NULL && n < HOSTS_ADDRESSES_MAX; i = i->ai_next) {
        n += take(i, &out[n]) ? 1 : 0;
    }
    freeaddrinfo(list);
    qsort(out, n, sizeof out[0], compare); /* resolvers turn their answers round */
    return n;
}

/* A name that resolved and now does not keeps its addresses: it may be the resolver that is down.
 */
static void learn(struct host *h, const struct endpoint *at, size_t n)
{
    bool same = h->n == n && (n == 0 || memcmp(h->at, at, n * sizeof at[0]) == 0);
    if (!same && n > 0) {
        (void)bytes_copy(h->at, sizeof h->at, bytes_of(at, n * sizeof at[0]));
        h->n = n;
        h->is_stale = h->used_at_ns != 0;
    }
    h->is_known = true;
    h->asked_at_ns = clock_monotonic_ns();
}

static struct host *next_wanted(const struct hosts *hosts)
{
    struct host *h = hosts->first;
    while (h != NULL && !h->is_wanted) {
        h = h->next;
    }
    return h;
}

static void *run_asker(void *arg)
{
    struct hosts *hosts = arg;
    struct endpoint at[HOSTS_ADDRESSES_MAX];
    pthread_mutex_lock(&hosts->mutex);
    while (!hosts->is_over) {
        struct host *h = next_wanted(hosts);
        if (h == NULL) {
            pthread_cond_wait(&hosts->wanted, &hosts->mutex);
            continue;
        }
        h->is_wanted = false;
        h->is_asked = true;
        pthread_mutex_unlock(&hosts->mutex);
        size_t n = ask(h->name, at); /* the name stays: what is asked is not forgotten */
        pthread_mutex_lock(&hosts->mutex);
        h->is_asked = false;
        learn(h, at, n);
        pthread_cond_broadcast(&hosts->answered);
    }
    pthread_mutex_unlock(&hosts->mutex);
    return NULL;
}

struct hosts *hosts_new(void)
{
    pthread_condattr_t monotonic;
    struct hosts *hosts = calloc(1, sizeof *hosts);
    if (hosts == NULL) {
        return NULL;
    }
    pthread_mutex_init(&hosts->mutex, NULL);
    pthread_cond_init(&hosts->wanted, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&hosts->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    while (hosts->n_askers < N_ASKERS &&
           pthread_create(&hosts->askers[hosts->n_askers], NULL, run_asker, hosts) == 0) {
        hosts->n_askers++;
    }
    if (hosts->n_askers == 0) {
        hosts_free(hosts);
        return NULL;
    }
    return hosts;
}

void hosts_free(struct hosts *hosts)
{
    if (hosts == NULL) {
        return;
    }
    pthread_mutex_lock(&hosts->mutex);
    hosts->is_over = true;
    pthread_cond_broadcast(&hosts->wanted);
    pthread_mutex_unlock(&hosts->mutex);
    struct timespec until = { .tv_sec = (time_t)(clock_now_ns() / NS_PER_S + END_S) };
    for (size_t i = 0; i < hosts->n_askers; i++) {
        if (pthread_timedjoin_np(hosts->askers[i], NULL, &until) != 0) {
            return; /* a resolver keeps it: what it uses stays until the process ends */
        }
    }
    while (hosts->first != NULL) {
        struct host *h = hosts->first;
        hosts->first = h->next;
        free(h->name);
        free(h);
    }
    pthread_mutex_destroy(&hosts->mutex);
    pthread_cond_destroy(&hosts->wanted);
    pthread_cond_destroy(&hosts->answered);
    free(hosts);
}

static struct host *find(struct hosts *hosts, const char *name)
{
    struct host *h = hosts->first;
    while (h != NULL && strcmp(h->name, name) != 0) {
        h = h->next;
    }
    return h;
}

/* What somebody waits for, or an asker has, stays. */
static bool may_go(const struct host *h)
{
    return h->is_known && !h->is_asked && h->used_at_ns != 0;
}

static void forget(struct hosts *hosts, struct host **at)
{
    struct host *h = *at;
    *at = h->next;
    hosts->n--;
    free(h->name);
    free(h);
}

/* Every compilation looks up all names in use: the one not looked up for longest is in no use. */
static void forget_oldest(struct hosts *hosts)
{
    struct host **oldest = NULL;
    for (struct host **at = &hosts->first; *at != NULL; at = &(*at)->next) {
        if (may_go(*at) && (oldest == NULL || (*at)->used_at_ns < (*oldest)->used_at_ns)) {
            oldest = at;
        }
    }
    if (oldest != NULL) {
        forget(hosts, oldest);
    }
}

/* What was looked up a moment ago may be about to come in force. */
static void forget_unused(struct hosts *hosts)
{
    int64_t old = clock_monotonic_ns() - HOSTS_UNUSED_S * NS_PER_S;
    struct host **at = &hosts->first;
    while (*at != NULL) {
        if (may_go(*at) && !(*at)->is_kept && (*at)->used_at_ns < old) {
            forget(hosts, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static struct host *add(struct hosts *hosts, const char *name)
{
    if (hosts->n == N_HOSTS_MAX) {
        forget_oldest(hosts);
    }
    struct host *h = hosts->n < N_HOSTS_MAX ? calloc(1, sizeof *h) : NULL;
    if (h == NULL) {
        return NULL;
    }
    h->name = strdup(name);
    if (h->name == NULL) {
        free(h);
        return NULL;
    }
    h->is_wanted = true;
    h->next = hosts->first;
    hosts->first = h;
    hosts->n++;
    pthread_cond_signal(&hosts->wanted);
    return h;
}

static void await(struct hosts *hosts, const struct host *h)
{
    struct timespec until;
    int64_t at = clock_monotonic_ns() + (int64_t)HOSTS_WAIT_MS * NS_PER_MS;
    until.tv_sec = (time_t)(at / NS_PER_S);
    until.tv_nsec = (long)(at % NS_PER_S);
    while (!h->is_known && pthread_cond_timedwait(&hosts->answered, &hosts->mutex, &until) == 0) {
    }
}

size_t hosts_look_up(struct hosts *hosts, const char *name,
                     struct endpoint out[HOSTS_ADDRESSES_MAX])
{
    size_t n = 0;
    if (endpoint_parse(name, &out[0]) && out[0].port == 0) {
        return 1;
    }
    pthread_mutex_lock(&hosts->mutex);
    struct host *h = find(hosts, name);
    if (h == NULL) {
        h = add(hosts, name);
        if (h != NULL) {
            await(hosts, h);
        }
    }
    if (h != NULL) {
        n = h->n;
        (void)bytes_copy(out, HOSTS_ADDRESSES_MAX * sizeof out[0],
                         bytes_of(h->at, n * sizeof h->at[0]));
        h->used_at_ns = clock_monotonic_ns();
        h->is_stale = false;
    }
    pthread_mutex_unlock(&hosts->mutex);
    return n;
}

void hosts_keep(struct hosts *hosts, int64_t since_ns)
{
    pthread_mutex_lock(&hosts->mutex);
    for (struct host *h = hosts->first; h != NULL; h = h->next) {
        h->is_kept = h->used_at_ns >= since_ns;
    }
    pthread_mutex_unlock(&hosts->mutex);
}

void hosts_renew(struct hosts *hosts)
{
    int64_t old = clock_monotonic_ns() - HOSTS_KEPT_S * NS_PER_S;
    pthread_mutex_lock(&hosts->mutex);
    forget_unused(hosts);
    for (struct host *h = hosts->first; h != NULL; h = h->next) {
        if (h->is_known && !h->is_asked && h->asked_at_ns < old) {
            h->is_wanted = true;
        }
    }
    pthread_cond_broadcast(&hosts->wanted);
    pthread_mutex_unlock(&hosts->mutex);
}

bool hosts_changed(struct hosts *hosts)
{
    bool changed = false;
    pthread_mutex_lock(&hosts->mutex);
    for (struct host *h = hosts->first; h != NULL; h = h->next) {
        changed = changed || h->is_stale;
        h->is_stale = false;
    }
    pthread_mutex_unlock(&hosts->mutex);
    return changed;
}
