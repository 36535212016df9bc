/* The addresses of target hosts, with a resolver and a clock of the test's own: when a name is
 * asked again, what an answer changes, and which name is forgotten, in no use or one too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/hosts.h"

enum { N_HOSTS = 4096, LONG_MS = 10000, ANSWERS_MAX = 20 };

/* --- a resolver and a clock --- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned n_asked, n_slow;    /* questions in all; of them for a name that begins with "slow" */
    uint8_t answer[ANSWERS_MAX]; /* 192.0.2.x, in this order */
    size_t n;                    /* 0: the name has no address, or the resolver is down */
    bool is_held;                /* questions for slow names wait */
} resolver = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static atomic_int ahead_s; /* of the real time */

int clock_gettime(clockid_t id, struct timespec *out)
{
    int code = (int)syscall(SYS_clock_gettime, id, out);
    if (id == CLOCK_MONOTONIC) {
        out->tv_sec += atomic_load(&ahead_s);
    }
    return code;
}

struct answer {
    struct addrinfo info;
    struct sockaddr_in at;
};

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list); /* the first member of a struct answer */
        list = next;
    }
}

static struct addrinfo *make_answer(uint8_t last, struct addrinfo *next)
{
    struct answer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        abort();
    }
    a->at.sin_family = AF_INET;
    a->at.sin_addr.s_addr = htonl(0xc0000200u | last);
    a->info = (struct addrinfo){ .ai_family = AF_INET,
                                 .ai_addrlen = sizeof a->at,
                                 .ai_addr = (struct sockaddr *)&a->at,
                                 .ai_next = next };
    return &a->info;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    struct addrinfo *list = NULL;
    bool is_slow = strncmp(name, "slow", 4) == 0;
    (void)service;
    (void)hints;
    pthread_mutex_lock(&resolver.mutex);
    resolver.n_asked++;
    resolver.n_slow += is_slow ? 1 : 0;
    while (is_slow && resolver.is_held) {
        pthread_cond_wait(&resolver.changed, &resolver.mutex);
    }
    for (size_t i = resolver.n; i > 0; i--) {
        list = make_answer(resolver.answer[i - 1], list);
    }
    pthread_mutex_unlock(&resolver.mutex);
    *out = list;
    return list == NULL ? EAI_AGAIN : 0;
}

static void answer_with(const char *last_octets)
{
    pthread_mutex_lock(&resolver.mutex);
    resolver.n = strlen(last_octets);
    for (size_t i = 0; i < resolver.n && i < ANSWERS_MAX; i++) {
        resolver.answer[i] = (uint8_t)last_octets[i];
    }
    pthread_mutex_unlock(&resolver.mutex);
}

static void hold(bool is_held)
{
    pthread_mutex_lock(&resolver.mutex);
    resolver.is_held = is_held;
    pthread_cond_broadcast(&resolver.changed);
    pthread_mutex_unlock(&resolver.mutex);
}

static unsigned read_counter(const unsigned *counter)
{
    pthread_mutex_lock(&resolver.mutex);
    unsigned n = *counter;
    pthread_mutex_unlock(&resolver.mutex);
    return n;
}

static unsigned n_asked(void)
{
    return read_counter(&resolver.n_asked);
}

/* --- what the tests do --- */

static int set_up(void **state)
{
    resolver.n_asked = resolver.n_slow = 0;
    resolver.is_held = false;
    atomic_store(&ahead_s, 0);
    answer_with("");
    *state = hosts_new();
    return *state == NULL ? -1 : 0;
}

static int take_down(void **state)
{
    hold(false);
    hosts_free(*state);
    return 0;
}

/* The last octets, as a text. */
static const char *look_up(struct hosts *hosts, const char *name)
{
    static char out[HOSTS_ADDRESSES_MAX + 1];
    struct endpoint at[HOSTS_ADDRESSES_MAX];
    size_t n = hosts_look_up(hosts, name, at);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(at[i].family, 4);
        assert_int_equal(at[i].port, 0);
        out[i] = (char)at[i].ip[3];
    }
    out[n] = '\0';
    return out;
}

/* Time passes, and the one name there is is asked again. A name is not asked before the answer of
 * the time before was taken: after two calls that of the first counts. */
static void ask_again(struct hosts *hosts)
{
    unsigned before = n_asked();
    int64_t until = clock_monotonic_ns() + (LONG_MS + 1000 * (HOSTS_KEPT_S + 1)) * NS_PER_MS;
    atomic_fetch_add(&ahead_s, HOSTS_KEPT_S + 1);
    while (n_asked() == before && clock_monotonic_ns() < until) {
        hosts_renew(hosts);
        poll(NULL, 0, 1);
    }
    assert_int_equal(n_asked(), before + 1);
}

static bool will_change(struct hosts *hosts)
{
    bool is_changed = false;
    int64_t until = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
    while (!(is_changed = hosts_changed(hosts)) && clock_monotonic_ns() < until) {
        poll(NULL, 0, 1);
    }
    return is_changed;
}

/* --- the tests --- */

static void an_address_is_its_own(void **state)
{
    struct endpoint at[HOSTS_ADDRESSES_MAX];
    assert_int_equal(hosts_look_up(*state, "2001:db8::7", at), 1);
    assert_int_equal(at[0].family, 6);
    assert_int_equal(at[0].ip[15], 7);
    assert_string_equal(look_up(*state, "192.0.2.65"), "A");
    assert_int_equal(n_asked(), 0);
}

static void answers_that_only_turn_round_change_nothing(void **state)
{
    answer_with("CAB");
    assert_string_equal(look_up(*state, "a.test"), "ABC");
    answer_with("BCA");
    ask_again(*state);
    ask_again(*state);
    assert_false(hosts_changed(*state));
    assert_string_equal(look_up(*state, "a.test"), "ABC");
}

static void more_answers_than_are_kept(void **state)
{
    answer_with("ABCDEFGHIJKLMNOPQRST");
    assert_string_equal(look_up(*state, "a.test"), "ABCDEFGHIJKLMNOP");
}

static void a_name_is_not_asked_before_its_time(void **state)
{
    answer_with("A");
    look_up(*state, "a.test");
    look_up(*state, "a.test");
    atomic_fetch_add(&ahead_s, HOSTS_KEPT_S - 5);
    hosts_renew(*state);
    poll(NULL, 0, 100);
    assert_int_equal(n_asked(), 1);
}

static void an_unknown_name_is_tried_again(void **state)
{
    assert_string_equal(look_up(*state, "a.test"), "");
    ask_again(*state);
    ask_again(*state);
    assert_false(hosts_changed(*state)); /* no address is what was given out */
    answer_with("A");
    ask_again(*state);
    assert_true(will_change(*state));
    assert_false(hosts_changed(*state)); /* it is said once */
    assert_string_equal(look_up(*state, "a.test"), "A");
}

static void a_resolver_that_is_down_takes_nothing_away(void **state)
{
    answer_with("A");
    look_up(*state, "a.test");
    answer_with("");
    ask_again(*state);
    ask_again(*state);
    assert_false(hosts_changed(*state));
    assert_string_equal(look_up(*state, "a.test"), "A");
    answer_with("B"); /* it is up again, and the host has moved */
    ask_again(*state);
    assert_true(will_change(*state));
    assert_string_equal(look_up(*state, "a.test"), "B");
    assert_false(hosts_changed(*state));
}

static void one_address_less_is_a_change(void **state)
{
    answer_with("AB");
    look_up(*state, "a.test");
    answer_with("B");
    ask_again(*state);
    assert_true(will_change(*state));
    assert_string_equal(look_up(*state, "a.test"), "B");
}

static void a_slow_name_holds_up_nobody_for_long(void **state)
{
    answer_with("A");
    hold(true);
    int64_t began = clock_monotonic_ns();
    assert_string_equal(look_up(*state, "slow.test"), "");
    int64_t took_ms = (clock_monotonic_ns() - began) / NS_PER_MS;
    assert_in_range(took_ms, HOSTS_WAIT_MS - 50, HOSTS_WAIT_MS + 3000);
    began = clock_monotonic_ns();
    assert_string_equal(look_up(*state, "slow.test"), ""); /* known to be slow: no second wait */
    assert_string_equal(look_up(*state, "b.test"), "A");   /* there are more askers */
    assert_true(clock_monotonic_ns() - began < HOSTS_WAIT_MS * NS_PER_MS);
    hosts_renew(*state); /* nor is it asked twice at once */
    assert_false(hosts_changed(*state));
    hold(false);
    assert_true(will_change(*state));
    assert_string_equal(look_up(*state, "slow.test"), "A");
    assert_int_equal(read_counter(&resolver.n_slow), 1);
}

/* Renews until an asker has taken up what is due; then a moment more, for what is not. */
static unsigned n_asked_after(struct hosts *hosts, int passed_s)
{
    unsigned before = n_asked();
    atomic_fetch_add(&ahead_s, passed_s);
    int64_t until = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
    while (n_asked() == before && clock_monotonic_ns() < until) {
        hosts_renew(hosts);
        poll(NULL, 0, 1);
    }
    poll(NULL, 0, 50);
    return n_asked() - before;
}

static void a_name_in_no_use_is_asked_no_more(void **state)
{
    answer_with("A");
    look_up(*state, "was.test");
    look_up(*state, "is.test");
    hosts_keep(*state, 0);
    assert_int_equal(n_asked_after(*state, HOSTS_UNUSED_S + 1), 2); /* in force: however long */
    int64_t began = clock_monotonic_ns();
    look_up(*state, "is.test");
    hosts_keep(*state, began);
    assert_int_equal(n_asked_after(*state, HOSTS_UNUSED_S + 1), 1);
    unsigned before = n_asked();
    look_up(*state, "is.test");
    assert_int_equal(n_asked(), before);
    assert_string_equal(look_up(*state, "was.test"), "A"); /* forgotten, so asked */
    assert_int_equal(n_asked(), before + 1);
}

/* Of a change that was refused; a moment later it could yet have been made. */
static void a_name_that_never_came_in_force_is_forgotten(void **state)
{
    answer_with("A");
    look_up(*state, "is.test");
    hosts_keep(*state, 0);
    look_up(*state, "refused.test");
    assert_int_equal(n_asked_after(*state, HOSTS_KEPT_S + 1), 2);
    assert_int_equal(n_asked_after(*state, HOSTS_UNUSED_S), 1);
}

/* The one that is looked up for the first time, by a thread that waits for it. */
static void *look_up_slow(void *arg)
{
    return look_up(arg, "slow.test")[0] == 'A' ? arg : NULL;
}

static void one_that_is_waited_for_is_not_forgotten(void **state)
{
    pthread_t thread;
    void *was_told = NULL;
    answer_with("A");
    hold(true);
    assert_int_equal(pthread_create(&thread, NULL, look_up_slow, *state), 0);
    while (read_counter(&resolver.n_slow) == 0) {
        poll(NULL, 0, 1);
    }
    hosts_keep(*state, INT64_MAX);
    hosts_renew(*state);
    hold(false);
    for (int i = 0; i < 1000; i++) {
        hosts_renew(*state);
    }
    pthread_join(thread, &was_told);
    assert_ptr_equal(was_told, *state);
}

static void fill(struct hosts *hosts, unsigned from, unsigned until)
{
    char name[32];
    for (unsigned i = from; i < until; i++) {
        snprintf(name, sizeof name, "h%u.test", i);
        assert_string_equal(look_up(hosts, name), "A");
    }
}

static void the_one_not_used_for_longest_is_forgotten(void **state)
{
    answer_with("A");
    fill(*state, 0, N_HOSTS);
    look_up(*state, "h0.test");
    assert_int_equal(n_asked(), N_HOSTS);
    look_up(*state, "one-more.test");
    assert_int_equal(n_asked(), N_HOSTS + 1);
    look_up(*state, "h0.test"); /* used since */
    look_up(*state, "h2.test");
    assert_int_equal(n_asked(), N_HOSTS + 1);
    look_up(*state, "h1.test");
    assert_int_equal(n_asked(), N_HOSTS + 2);
}

static void one_that_is_being_asked_is_not_forgotten(void **state)
{
    answer_with("A");
    hold(true);
    assert_string_equal(look_up(*state, "slow.test"), "");
    fill(*state, 0, N_HOSTS + 10);
    hold(false);
    assert_true(will_change(*state));
    assert_string_equal(look_up(*state, "slow.test"), "A");
    assert_int_equal(read_counter(&resolver.n_slow), 1);
}

/* A resolver that never answers keeps its thread; the gateway ends all the same. */
static void the_end_does_not_wait_for_a_resolver(void **state)
{
    static struct hosts *hosts; /* stays in sight: what the thread uses is left to it */
    (void)state;
    assert_int_equal(set_up((void **)&hosts), 0);
    answer_with("A");
    hold(true);
    look_up(hosts, "slow.test");
    int64_t began = clock_monotonic_ns();
    hosts_free(hosts);
    assert_true(clock_monotonic_ns() - began < LONG_MS * NS_PER_MS);
    hold(false);
    poll(NULL, 0, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_is_its_own, set_up, take_down),
        cmocka_unit_test_setup_teardown(answers_that_only_turn_round_change_nothing, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(more_answers_than_are_kept, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_name_is_not_asked_before_its_time, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_unknown_name_is_tried_again, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_resolver_that_is_down_takes_nothing_away, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(one_address_less_is_a_change, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_slow_name_holds_up_nobody_for_long, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_name_in_no_use_is_asked_no_more, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_name_that_never_came_in_force_is_forgotten, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(one_that_is_waited_for_is_not_forgotten, set_up, take_down),
        cmocka_unit_test_setup_teardown(the_one_not_used_for_longest_is_forgotten, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(one_that_is_being_asked_is_not_forgotten, set_up,
                                        take_down),
        cmocka_unit_test(the_end_does_not_wait_for_a_resolver),
    };
    return cmocka_run_group_tests_name("gateway_hosts", tests, NULL, NULL);
}
