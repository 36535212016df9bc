/* Which certificates of an input are leaves, in which order they are judged, and what is sent with
 * each. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "check_script.h"

static struct made_cert root, inter, other, leaf, second, self_signed, chief;

static int make_all(void **state)
{
    (void)state;
    root = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    inter = make_cert(&(struct cert_recipe){ .name = "Issuing", .is_ca = true, .issuer = &root });
    other = make_cert(&(struct cert_recipe){ .name = "Other", .is_ca = true, .issuer = &root });
    leaf =
        make_cert(&(struct cert_recipe){ .name = "leaf", .issuer = &inter, .names = "DNS:a.test" });
    second = make_cert(
        &(struct cert_recipe){ .name = "second", .issuer = &other, .names = "DNS:b.test" });
    self_signed = make_cert(&(struct cert_recipe){ .name = "alone", .names = "DNS:c.test" });
    chief = make_cert(&(struct cert_recipe){
        .name = "chief", .is_ca = true, .issuer = &root, .names = "DNS:d.test" });
    return 0;
}

static int free_all(void **state)
{
    struct made_cert *all[] = { &root, &inter, &other, &leaf, &second, &self_signed, &chief };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        made_cert_free(all[i]);
    }
    return 0;
}

struct row {
    const char *name;
    struct check_script script;
    enum check_role role;  /* of all */
    const char *labels[3]; /* of the leaves, in order; NULL ends */
    size_t n_certs;        /* of the first */
    bool is_acceptable;    /* all of it */
};

#define TRUSTED      .trust = { &root }
#define FILE_OF(...) .files[0].certs = { __VA_ARGS__ }

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "leaf first", { FILE_OF(&leaf, &inter), TRUSTED }, CHECK_CHAIN, { "leaf" }, 2, true },
    { "leaf last", { FILE_OF(&root, &inter, &leaf), TRUSTED }, CHECK_CHAIN, { "leaf" }, 3, true },
    { "two leaves, each with its issuer",
      { FILE_OF(&leaf, &second, &inter, &other), TRUSTED },
      CHECK_CHAIN,
      { "leaf", "second" },
      2,
      true },
    { "the other way round",
      { FILE_OF(&other, &second, &inter, &leaf), TRUSTED },
      CHECK_CHAIN,
      { "second", "leaf" },
      2,
      true },
    { "the one whose key is there",
      { .files[0] = { { &leaf, &second, &inter, &other }, &second }, TRUSTED },
      CHECK_CHAIN,
      { "second" },
      4,
      true },
    { "the same leaf twice",
      { FILE_OF(&leaf, &leaf, &inter), TRUSTED },
      CHECK_CHAIN,
      { "leaf" },
      3,
      true },
    { "self-signed", { FILE_OF(&self_signed), TRUSTED }, CHECK_CHAIN, { "alone" }, 1, false },
    { "a CA that names a host", { FILE_OF(&chief), TRUSTED }, CHECK_CHAIN, { "chief" }, 1, false },
    { "CAs, and trust is asked for",
      { FILE_OF(&inter), TRUSTED },
      CHECK_CHAIN,
      { "Issuing" },
      1,
      false },
    { "CAs alone", { FILE_OF(&inter, &root) }, CHECK_TRUSTSTORE, { NULL }, 2, true },
    { "CAs beside a leaf help",
      { .files = { { { &leaf }, NULL }, { { &inter }, NULL } }, TRUSTED },
      CHECK_CHAIN,
      { "leaf" },
      1,
      false },
    { "a key in another file",
      { .files = { { { &leaf, &second, &inter, &other }, NULL }, { { &root }, &second } },
        TRUSTED },
      CHECK_CHAIN,
      { "second" },
      4,
      true },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct check_result *r = check_script_run(&row->script);
    size_t n = 0;
    for (size_t i = 0; i < r->n_items; i++) {
        const struct check_item *item = r->items[i];
        assert_int_equal(item->role, row->role);
        if (item->role == CHECK_CHAIN) {
            assert_true(n < ARRAY_LEN(row->labels) && row->labels[n] != NULL);
            assert_string_equal(item->label, row->labels[n]);
            n++;
        }
    }
    assert_true(n == ARRAY_LEN(row->labels) || row->labels[n] == NULL);
    assert_int_equal(r->items[0]->n_certs, row->n_certs);
    assert_int_equal(r->is_acceptable, row->is_acceptable);
    check_result_free(r);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("check_leaf", tests, make_all, free_all);
}
