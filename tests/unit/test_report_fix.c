/* Every cause has a fix for whoever rejected it; fixes.def names nothing that blanks.c lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "make_transcript.h"
#include "report/blanks.h"
#include "report/fix.h"
#include "report/report.h"

enum { STEPS_MAX = 60 };

struct fixed {
    struct fix_step steps[STEPS_MAX];
    size_t n;
    struct arena arena;
};

static void fix(const struct made *m, struct fixed *out)
{
    *out = (struct fixed){ .arena = { .limit_bytes = 1 << 18 } };
    out->n = report_fix(&m->t, &m->v, &out->arena, out->steps, STEPS_MAX);
}

static bool says(const struct fixed *f, const char *software, const char *words)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct fix_step *s = &f->steps[i];
        bool is_software = software == NULL
                               ? s->software == NULL
                               : s->software != NULL && strcmp(s->software, software) == 0;
        if (is_software && strstr(s->text, words) != NULL) {
            return true;
        }
    }
    return false;
}

/* --- every cause, every party, whoever rejected it, with and without a transcript --- */

static void check_cause(enum cause cause, enum actor party, enum actor rejected_by, bool is_bare)
{
    struct made *m = made_new();
    struct fixed f;
    if (!is_bare) {
        made_hello(m, "app.example");
        made_server_hello(m);
        made_certificate(m, party == ACTOR_CLIENT ? SIDE_CLIENT : SIDE_SERVER,
                         &(struct made_name){ .common_name = "app.example" });
    }
    made_fail(m, cause, party, rejected_by);
    fix(m, &f);
    if (f.n == 0 || f.steps[0].software != NULL) {
        fail_msg("no fix: %s, party %d, rejected by %d", cause_id(cause), party, rejected_by);
    }
    for (size_t i = 0; i < f.n; i++) {
        assert_true(strlen(f.steps[i].text) > 1);
        assert_null(strstr(f.steps[i].text, "{if_"));
    }
    arena_deinit(&f.arena);
    made_free(m);
}

static void check_party(enum cause cause, enum actor party)
{
    for (int by = ACTOR_NONE; by <= ACTOR_UNKNOWN; by++) {
        check_cause(cause, party, (enum actor)by, true);
    }
    check_cause(cause, party, ACTOR_CLIENT, false);
    check_cause(cause, party, ACTOR_SERVER, false);
}

static void every_cause_has_a_fix(void **state)
{
    (void)state;
    for (size_t c = CAUSE_NONE + 1; c < N_CAUSES; c++) {
        check_party((enum cause)c, ACTOR_NONE);
        check_party((enum cause)c, ACTOR_CLIENT);
        check_party((enum cause)c, ACTOR_SERVER);
    }
}

/* --- the table itself --- */

static void check_blank_at(const char *open, const char *form)
{
    size_t n = strspn(open + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
    if (n > 0 && open[n + 1] == '}' && !blanks_has(bytes_of(open + 1, n))) {
        fail_msg("no such blank: %s", form);
    }
}

static void check_blanks_of(const char *form)
{
    for (const char *open = strchr(form, '{'); open != NULL; open = strchr(open + 1, '{')) {
        check_blank_at(open, form);
    }
}

static void every_blank_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < fix_n_rows; i++) {
        check_blanks_of(fix_rows[i].form);
    }
}

static void first_row_is_a_step(void **state)
{
    (void)state;
    assert_int_equal(fix_rows[0].software, SOFTWARE_EVERY);
}

/* A step for each side that can act: both for what is negotiated, the party's first for
 * certificates. */
static void both_sides_can_act(void **state)
{
    static const enum cause negotiated[] = { CAUSE_PROTOCOL_MISMATCH, CAUSE_CIPHER_MISMATCH,
                                             CAUSE_GROUP_MISMATCH,    CAUSE_SIGNATURE_MISMATCH,
                                             CAUSE_ALPN_MISMATCH,     CAUSE_SNI_MISSING,
                                             CAUSE_SNI_UNRECOGNIZED,  CAUSE_PLAINTEXT_CLIENT,
                                             CAUSE_PLAINTEXT_SERVER,  CAUSE_CONNECTION_REFUSED };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(negotiated); i++) {
        struct made *m = made_new();
        struct fixed f;
        made_hello(m, "app.example");
        made_fail(m, negotiated[i], ACTOR_NONE, ACTOR_SERVER);
        fix(m, &f);
        assert_true(says(&f, NULL, "On the client: "));
        assert_true(says(&f, NULL, "On the server: "));
        arena_deinit(&f.arena);
        made_free(m);
    }
}

/* --- which software --- */

struct choice {
    const char *name;
    enum cause cause;
    enum actor party;
    enum direction direction;
    const char *program;
    enum prelude_kind prelude;
    const char *software, *words; /* said */
    const char *absent;           /* this software is not mentioned; NULL: any may be */
};

/* clang-format off */
static const struct choice choices[] = {
    { "unknown software: the main ones", CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, DIRECTION_NONE, NULL, PRELUDE_NONE,
      "nginx", "ssl_protocols TLSv1.2 TLSv1.3;", "gateway" },
    { "northbound: the virtual host", CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, DIRECTION_NORTHBOUND, NULL, PRELUDE_NONE,
      "gateway", "virtual host property ssl_protocols", "HAProxy" },
    { "southbound: SSLInfo", CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, DIRECTION_SOUTHBOUND, NULL, PRELUDE_NONE,
      "gateway", "<Protocols><Protocol>TLSv1</Protocol><Protocol>TLSv1.1</Protocol></Protocols>", "curl" },
    { "southbound: SNI property", CAUSE_SNI_MISSING, ACTOR_NONE, DIRECTION_SOUTHBOUND, NULL, PRELUDE_NONE,
      "gateway", "conf_system_jsse.enableSNIExtension=true", "curl" },
    { "southbound: truststore", CAUSE_CERTIFICATE_UNTRUSTED_CA, ACTOR_SERVER, DIRECTION_SOUTHBOUND, NULL, PRELUDE_NONE,
      "gateway", "<TrustStore>", "curl" },
    { "southbound: keystore", CAUSE_CLIENT_CERTIFICATE_MISSING, ACTOR_CLIENT, DIRECTION_SOUTHBOUND, NULL, PRELUDE_NONE,
      "gateway", "<ClientAuthEnabled>true</ClientAuthEnabled>", "curl" },
    { "the program watched", CAUSE_CIPHER_MISMATCH, ACTOR_NONE, DIRECTION_NONE, "/usr/sbin/nginx", PRELUDE_NONE,
      "nginx", "ssl_ciphers: add ECDHE-RSA-AES128-GCM-SHA256", "HAProxy" },
    { "the protocol before TLS", CAUSE_CERTIFICATE_EXPIRED, ACTOR_SERVER, DIRECTION_NONE, NULL, PRELUDE_POSTGRESQL,
      "PostgreSQL", "ssl_cert_file", "nginx" },
};
/* clang-format on */

static void check_choice(void **state)
{
    const struct choice *c = *state;
    struct made *m = made_new();
    struct fixed f;
    made_hello(m, "app.example");
    made_fail(m, c->cause, c->party, ACTOR_CLIENT);
    m->v.direction = c->direction;
    m->t.program = c->program;
    m->t.prelude = c->prelude;
    fix(m, &f);
    assert_true(says(&f, c->software, c->words));
    if (c->absent != NULL) {
        assert_false(says(&f, c->absent, ""));
    }
    arena_deinit(&f.arena);
    made_free(m);
}

static void a_detail_hides_the_general_rows(void **state)
{
    struct made *m = made_new();
    struct fixed f;
    (void)state;
    made_hello(m, "app.example");
    made_fail(m, CAUSE_HANDSHAKE_TIMEOUT, ACTOR_NONE, ACTOR_CLIENT);
    m->v.detail = "mtu-black-hole";
    fix(m, &f);
    assert_true(says(&f, NULL, "fragmentation needed"));
    assert_false(says(&f, NULL, "capture at both ends"));
    arena_deinit(&f.arena);
    made_free(m);
}

/* RFC 5746 may be missing on either side: whoever rejected it has it. */
static void check_renegotiation(enum actor rejected_by, const char *said, const char *not_said)
{
    struct made *m = made_new();
    struct fixed f;
    made_hello(m, "app.example");
    made_fail(m, CAUSE_RENEGOTIATION_REFUSED, ACTOR_NONE, rejected_by);
    m->v.detail = "insecure-renegotiation";
    fix(m, &f);
    assert_true(says(&f, NULL, said));
    assert_false(says(&f, NULL, not_said));
    arena_deinit(&f.arena);
    made_free(m);
}

static void the_side_that_lacks_it_is_updated(void **state)
{
    (void)state;
    check_renegotiation(ACTOR_CLIENT, "update the server", "update the client");
    check_renegotiation(ACTOR_SERVER, "update the client", "update the server");
}

/* --- names from the wire are pasted into shells --- */

static void check_hostile_name(const char *name, enum cause cause)
{
    struct made *m = made_new();
    struct fixed f;
    made_hello(m, name);
    made_fail(m, cause, ACTOR_SERVER, ACTOR_SERVER);
    fix(m, &f);
    for (size_t s = 0; s < f.n; s++) {
        assert_null(strstr(f.steps[s].text, name));
    }
    arena_deinit(&f.arena);
    made_free(m);
}

static void hostile_names_are_not_pasted(void **state)
{
    static const char *const names[] = { "$(reboot)", "a;reboot",    "a`id`",
                                         "q9 z",      "x\nrm -rf /", "-oProxyCommand=x",
                                         "\x1b[2Jx",  "a'b",         "a|b",
                                         "a&b" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (size_t c = CAUSE_NONE + 1; c < N_CAUSES; c++) {
            check_hostile_name(names[i], (enum cause)c);
        }
    }
}

/* --- names of the gateway --- */

static void names_that_are_known_are_put_in(void **state)
{
    (void)state;
    struct made *m = made_new();
    struct fixed f;
    struct local_facts local = { .gateway = { "acme", "prod", "secure", "$(reboot)" } };
    made_hello(m, "app.example");
    made_fail(m, CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, ACTOR_SERVER);
    m->v.direction = DIRECTION_NORTHBOUND;
    fix(m, &f);
    assert_true(says(&f, "gateway", "`PUT /v1/o/ORG/e/ENV/virtualhosts/NAME`"));
    arena_deinit(&f.arena);
    m->t.local = &local;
    fix(m, &f);
    assert_true(says(&f, "gateway", "`PUT /v1/o/acme/e/prod/virtualhosts/secure`"));
    arena_deinit(&f.arena);
    m->v.direction = DIRECTION_SOUTHBOUND;
    fix(m, &f);
    assert_true(says(&f, "gateway", "`PUT /v1/o/acme/e/prod/targetservers/NAME`"));
    arena_deinit(&f.arena);
    made_free(m);
}

/* The keystore that is there; where there is none, one that is made first. */
static void stores_are_named(void **state)
{
    (void)state;
    struct made *m = made_new();
    struct fixed f;
    struct local_facts local = { .gateway = { [GATEWAY_NAME_ORG] = "acme",
                                              [GATEWAY_NAME_ENV] = "prod",
                                              [GATEWAY_NAME_TARGET_SERVER] = "orders",
                                              [GATEWAY_NAME_TRUSTSTORE] = "roots",
                                              [GATEWAY_NAME_NEW_KEYSTORE] = "orderskeys",
                                              [GATEWAY_NAME_NEW_TRUSTSTORE] = "orderstrust",
                                              [GATEWAY_NAME_KEY_ALIAS] = "own",
                                              [GATEWAY_NAME_NEW_ALIAS] = "ca2" } };
    made_hello(m, "app.example");
    made_fail(m, CAUSE_CERTIFICATE_UNTRUSTED_CA, ACTOR_SERVER, ACTOR_CLIENT);
    m->v.direction = DIRECTION_SOUTHBOUND;
    fix(m, &f);
    assert_true(says(&f, "gateway", "keystores/TRUSTSTORE/aliases?alias=ALIAS"));
    assert_true(says(&f, "gateway", "TargetEndpoint: "));
    arena_deinit(&f.arena);
    m->t.local = &local;
    fix(m, &f);
    assert_true(says(&f, "gateway", "/v1/o/acme/e/prod/keystores/roots/aliases?alias=ca2"));
    assert_false(says(&f, "gateway", "TargetEndpoint: "));
    assert_false(says(&f, "gateway", "first `POST"));
    arena_deinit(&f.arena);
    local.gateway[GATEWAY_NAME_TRUSTSTORE] = NULL;
    fix(m, &f);
    assert_true(says(&f, "gateway", "first `POST /v1/o/acme/e/prod/keystores?name=orderstrust`"));
    assert_true(says(&f, "gateway", "sSLInfo.trustStore \"orderstrust\""));
    arena_deinit(&f.arena);
    made_free(m);
}

/* A client may check another name than the one that it sends; which one, only it can say. */
static void the_name_that_is_checked(void **state)
{
    (void)state;
    struct made *m = made_new();
    struct fixed f;
    struct local_facts local = { .side = SIDE_CLIENT, .checked_host = "inner.example" };
    made_hello(m, "app.example");
    made_fail(m, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, ACTOR_SERVER, ACTOR_CLIENT);
    m->t.local = &local;
    fix(m, &f);
    assert_true(says(&f, NULL, "with inner.example among its subjectAltNames"));
    assert_false(says(&f, NULL, "with app.example among its subjectAltNames"));
    arena_deinit(&f.arena);
    local.side = SIDE_SERVER;
    fix(m, &f);
    assert_true(says(&f, NULL, "with app.example among its subjectAltNames"));
    arena_deinit(&f.arena);
    made_free(m);
}

static void no_room_is_no_crash(void **state)
{
    struct made *m = made_new();
    struct fix_step steps[2];
    struct arena small = { .limit_bytes = 100 };
    (void)state;
    made_fail(m, CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, ACTOR_SERVER);
    assert_true(report_fix(&m->t, &m->v, &small, steps, 2) <= 2);
    assert_int_equal(report_fix(&m->t, &m->v, &small, steps, 0), 0);
    arena_deinit(&small);
    made_free(m);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(choices) + 11] = {
        cmocka_unit_test(every_cause_has_a_fix),
        cmocka_unit_test(every_blank_is_known),
        cmocka_unit_test(first_row_is_a_step),
        cmocka_unit_test(both_sides_can_act),
        cmocka_unit_test(a_detail_hides_the_general_rows),
        cmocka_unit_test(the_side_that_lacks_it_is_updated),
        cmocka_unit_test(hostile_names_are_not_pasted),
        cmocka_unit_test(names_that_are_known_are_put_in),
        cmocka_unit_test(stores_are_named),
        cmocka_unit_test(the_name_that_is_checked),
        cmocka_unit_test(no_room_is_no_crash),
    };
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        tests[11 + i] =
            (struct CMUnitTest){ choices[i].name, check_choice, NULL, NULL, (void *)&choices[i] };
    }
    return cmocka_run_group_tests_name("report_fix", tests, NULL, NULL);
}
