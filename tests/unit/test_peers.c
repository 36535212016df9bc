/* What connections teach of a server: bounded, merged, and the same in whatever order they come. */
#include "diagnose/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD                                                                                        \
    "c.hello(v=-,shares=-,suites=c02f+c030+00ff) s.serverhello(v=0303,ri) s.cert s.ske s.done "
#define OLD_DONE OLD "c.cke c.ccs c.sealed=40 s.ccs s.sealed=40 c.app=40 s.app=40 "
#define NEW_DONE "c.hello(alpn=h2) s.serverhello s.app=100 c.app=53 c.app=90 s.app=90 "

enum { N_SERVERS = 16384 };

/* Learns of each script; the flows hold the chains and end after the peers. */
static struct peers *learn(const char *const *scripts, struct flow **flows, size_t n)
{
    struct peers *p = peers_new();
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        flows[i] = flow_new(scripts[i]);
        flows[i]->t->stream = i;
        flow_diagnose(flows[i], NULL);
        peers_learn(p, flows[i]->t, &flows[i]->v);
    }
    return p;
}

static void release(struct peers *p, struct flow **flows, size_t n)
{
    peers_free(p);
    for (size_t i = 0; i < n; i++) {
        flow_free(flows[i]);
    }
}

static const struct peer_server *server_of(const struct peers *p, const char *address)
{
    struct endpoint e;
    assert_true(endpoint_parse(address, &e));
    return peers_server(p, &e);
}

#define HERE "198.51.100.20:443"

static void what_one_teaches(void **state)
{
    (void)state;
    const char *const scripts[] = { NEW_DONE };
    struct flow *flows[1];
    struct peers *p = learn(scripts, flows, 1);
    const struct peer_server *s = server_of(p, HERE);
    assert_non_null(s);
    assert_int_equal(s->n_completed, 1);
    assert_int_equal(s->n_successes, 1);
    assert_int_equal(s->successes[0].version, 0x0304);
    assert_int_equal(s->successes[0].cipher_suite, 0x1301);
    assert_int_equal(s->successes[0].group, 0x1d);
    assert_int_equal(s->successes[0].max_offered, 0x0304);
    assert_string_equal(s->successes[0].server_name, "app.example");
    assert_true(s->successes[0].has_server_name && s->successes[0].has_alpn);
    assert_true(s->successes[0].completed);
    assert_int_equal(s->successes[0].frame, 2);
    assert_int_equal(s->n_chains, 0); /* encrypted */
    assert_false(peers_clock_is_doubtful(p));
    release(p, flows, 1);
}

static void other_ends_are_other_servers(void **state)
{
    (void)state;
    const char *const scripts[] = { NEW_DONE };
    struct flow *flows[1];
    struct peers *p = learn(scripts, flows, 1);
    assert_null(server_of(p, "198.51.100.20:8443"));
    assert_null(server_of(p, "198.51.100.21:443"));
    assert_null(server_of(p, "[2001:db8::1]:443"));
    release(p, flows, 1);
}

static void failures_count_and_teach_the_answer(void **state)
{
    (void)state;
    const char *const scripts[] = { "c.hello s.alert=40", OLD "c.alert=48", "c.syn c.syn",
                                    "c.plain'GET / HTTP/1.1' s.alert=10" };
    struct flow *flows[4];
    struct peers *p = learn(scripts, flows, 4);
    const struct peer_server *s = server_of(p, HERE);
    assert_int_equal(s->n_failed, 2); /* without a hello there is nothing to learn */
    assert_int_equal(s->n_completed, 0);
    assert_int_equal(s->n_successes, 1);
    assert_false(s->successes[0].completed);
    assert_int_equal(s->n_chains, 1);
    release(p, flows, 4);
}

static void the_same_again_is_counted(void **state)
{
    (void)state;
    const char *const scripts[] = { OLD "c.alert=48", OLD_DONE, OLD_DONE,
                                    OLD_DONE "client=192.0.2.77:1",
                                    OLD_DONE "client=192.0.2.10:9" };
    struct flow *flows[5];
    struct peers *p = learn(scripts, flows, 5);
    const struct peer_server *s = server_of(p, HERE);
    assert_int_equal(s->n_successes, 2); /* two clients */
    assert_int_equal(s->successes[0].same_as, 3);
    assert_true(s->successes[0].completed); /* one of them did */
    assert_int_equal(s->n_chains, 1);
    assert_int_equal(s->chains[0].frame, 3);
    release(p, flows, 5);
}

static void a_server_hello_that_does_not_parse_teaches_nothing(void **state)
{
    (void)state;
    const char *const scripts[] = { "c.hello s.serverhello(broken) c.alert=50" };
    struct flow *flows[1];
    struct peers *p = learn(scripts, flows, 1);
    assert_int_equal(server_of(p, HERE)->n_successes, 0);
    release(p, flows, 1);
}

static void chains_by_name(void **state)
{
    (void)state;
    const char *const scripts[] = {
        OLD_DONE, "c.hello(v=-,shares=-,sni=other.example) s.serverhello(v=0303,ri) s.cert(leaf=1)",
        "c.hello(v=-,shares=-,sni=-) s.serverhello(v=0303,ri) s.cert",
        OLD_DONE " fault=s:expired", /* the first of a name counts */
    };
    struct flow *flows[4];
    struct peers *p = learn(scripts, flows, 4);
    const struct peer_server *s = server_of(p, HERE);
    assert_int_equal(s->n_chains, 3);
    assert_string_equal(s->chains[0].server_name, "app.example");
    assert_string_equal(s->chains[1].server_name, "other.example");
    assert_string_equal(s->chains[2].server_name, "");
    assert_int_equal(s->chains[1].stream, 1);
    assert_int_equal(s->chains[0].faults, 0);
    release(p, flows, 4);
}

static void faults_of_a_chain(void **state)
{
    (void)state;
    const char *const scripts[] = { OLD_DONE " fault=s:expired fault=s:hostname-mismatch" };
    struct flow *flows[1];
    struct peers *p = learn(scripts, flows, 1);
    assert_int_equal(server_of(p, HERE)->chains[0].faults,
                     1U << X509_FAULT_EXPIRED | 1U << X509_FAULT_HOSTNAME_MISMATCH);
    release(p, flows, 1);
}

/* A certificate "not yet valid" on a connection that works; not on one that failed. */
static void the_clock(void **state)
{
    (void)state;
    const char *const scripts[] = { OLD "c.alert=45 fault=s:not-yet-valid",
                                    OLD_DONE "fault=s:not-yet-valid" };
    struct flow *flows[2];
    struct peers *p = learn(scripts, flows, 1);
    assert_false(peers_clock_is_doubtful(p));
    release(p, flows, 1);
    p = learn(scripts, flows, 2);
    assert_true(peers_clock_is_doubtful(p));
    release(p, flows, 2);
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char script[400];
    char name[201] = "";
    memset(name, 'n', 200);
    snprintf(script, sizeof script, "c.hello(sni=%s,v=-,shares=-) s.serverhello(v=0303,ri) s.cert",
             name);
    const char *const scripts[] = { script, script };
    struct flow *flows[2];
    struct peers *p = learn(scripts, flows, 2);
    const struct peer_server *s = server_of(p, HERE);
    assert_int_equal(s->n_successes, 1);
    assert_int_equal(s->n_chains, 1);
    assert_int_equal(strlen(s->successes[0].server_name), PEER_NAME_BYTES - 1);
    assert_int_equal(strlen(s->chains[0].server_name), PEER_NAME_BYTES - 1);
    release(p, flows, 2);
}

static void facts_are_bounded(void **state)
{
    (void)state;
    struct peers *p = peers_new();
    for (unsigned i = 0; i < 3 * PEER_FACTS_MAX; i++) {
        char script[200];
        snprintf(script, sizeof script,
                 "c.hello(sni=n%u.example,v=-,shares=-) s.serverhello(v=0303,ri) s.cert", i);
        struct flow *f = flow_new(script);
        flow_diagnose(f, NULL);
        f->t->side[SIDE_SERVER].chain = NULL; /* ends with the flow */
        peers_learn(p, f->t, &f->v);
        flow_free(f);
    }
    assert_int_equal(server_of(p, HERE)->n_successes, PEER_FACTS_MAX);
    peers_free(p);
}

static void servers_are_bounded(void **state)
{
    (void)state;
    struct peers *p = peers_new();
    struct flow *f = flow_new(NEW_DONE);
    flow_diagnose(f, NULL);
    for (unsigned i = 0; i < N_SERVERS + 1000; i++) {
        f->t->server.ip[1] = (uint8_t)(i >> 16);
        f->t->server.ip[2] = (uint8_t)(i >> 8);
        f->t->server.ip[3] = (uint8_t)i;
        peers_learn(p, f->t, &f->v);
        assert_true((peers_server(p, &f->t->server) != NULL) == (i < N_SERVERS));
    }
    flow_free(f);
    peers_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_teaches),
        cmocka_unit_test(other_ends_are_other_servers),
        cmocka_unit_test(failures_count_and_teach_the_answer),
        cmocka_unit_test(the_same_again_is_counted),
        cmocka_unit_test(a_server_hello_that_does_not_parse_teaches_nothing),
        cmocka_unit_test(chains_by_name),
        cmocka_unit_test(faults_of_a_chain),
        cmocka_unit_test(the_clock),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(facts_are_bounded),
        cmocka_unit_test(servers_are_bounded),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
