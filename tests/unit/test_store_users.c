/* Users: who they are, which passwords are theirs, what their roles give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "store/password.h"
#include "store/users.h"

static char dir[] = "/tmp/handfast-users-XXXXXX";
static char path[64];
static struct store *store;
static struct store_problem problem;

static int open_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    store_close(store);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

/* Each test leaves nothing behind. */
static int begin(void **state)
{
    (void)state;
    problem_clear(&problem);
    return store_begin(store, NULL) == ST_OK ? 0 : -1;
}

static int rollback(void **state)
{
    (void)state;
    store_rollback(store);
    return 0;
}

static void make_user(const char *email)
{
    struct user_fields f = { email, "Ada", "Byron", "correct horse" };
    if (users_create(store, &f, &problem) != ST_OK) {
        fail_msg("%s", problem.message);
    }
}

static bool is_password(const char *email, const char *password)
{
    bool is = false;
    assert_int_equal(users_check(store, email, password, &is, NULL), ST_OK);
    return is;
}

static void expect_problem(enum status st, enum problem_id id)
{
    assert_int_equal(st, ST_USAGE);
    assert_string_equal(problem.code, problem_code(id));
    assert_int_equal(problem.kind, problem_kind_of(id));
    assert_true(problem.message[0] != '\0');
    problem_clear(&problem);
}

/* --- fields --- */

struct refused {
    const char *name;
    struct user_fields fields;
};

#define LONG16  "0123456789abcdef"
#define LONG128 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16

/* clang-format off */
static const struct refused refused[] = {
    { "no address", { NULL, "a", "b", "12345678" } },
    { "empty", { "", "a", "b", "12345678" } },
    { "no at", { "ada", "a", "b", "12345678" } },
    { "nobody", { "@a.example", "a", "b", "12345678" } },
    { "nowhere", { "a@", "a", "b", "12345678" } },
    { "two ats", { "a@b@c", "a", "b", "12345678" } },
    { "a colon ends a user-id", { "a:b@c", "a", "b", "12345678" } },
    { "a blank", { "a b@c", "a", "b", "12345678" } },
    { "a slash", { "a/b@c", "a", "b", "12345678" } },
    { "a line end", { "a@c\n", "a", "b", "12345678" } },
    { "not ASCII", { "\xc3\xa4@c", "a", "b", "12345678" } },
    { "too long", { "a@" LONG128 LONG128, "a", "b", "12345678" } },
    { "no password", { "a@b", "a", "b", NULL } },
    { "short password", { "a@b", "a", "b", "1234567" } },
    { "long password", { "a@b", "a", "b", LONG128 LONG128 LONG128 LONG128 LONG128 LONG128 LONG128 LONG128 "1" } },
    { "long name", { "a@b", LONG128 "1", "b", "12345678" } },
    { "a control character", { "a@b", "a", "b\033[2J", "12345678" } },
    { "broken UTF-8", { "a@b", "\xff", "b", "12345678" } },
};
/* clang-format on */

static void what_is_no_user_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        print_message("# %s\n", refused[i].name);
        expect_problem(users_create(store, &refused[i].fields, &problem), PROBLEM_ID_USER_INVALID);
    }
}

static void expect_shown(const char *email, const char *expected)
{
    json_t *json = NULL;
    assert_int_equal(users_show(store, email, &json, &problem), ST_OK);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void users_come_and_go(void **state)
{
    (void)state;
    json_t *json = NULL;
    struct user_fields change = { "ADA@example.com", "Augusta", NULL, NULL };
    make_user("Ada@Example.COM");
    expect_shown("ada@example.com",
                 "{\"emailId\":\"ada@example.com\",\"firstName\":\"Ada\",\"lastName\":\"Byron\"}");
    struct user_fields again = { "aDA@example.com", NULL, NULL, "another one" };
    expect_problem(users_create(store, &again, &problem), PROBLEM_ID_USER_EXISTS);
    assert_int_equal(users_change(store, &change, &problem), ST_OK);
    expect_shown("ada@example.com",
                 "{\"emailId\":\"ada@example.com\",\"firstName\":\"Augusta\",\"lastName\":\"\"}");
    assert_true(is_password("ada@example.com", "correct horse"));
    assert_int_equal(users_delete(store, "ada@example.com", &problem), ST_OK);
    expect_problem(users_show(store, "ada@example.com", &json, &problem), PROBLEM_ID_USER_UNKNOWN);
    expect_problem(users_delete(store, "ada@example.com", &problem), PROBLEM_ID_USER_UNKNOWN);
    expect_problem(users_change(store, &change, &problem), PROBLEM_ID_USER_UNKNOWN);
    expect_problem(users_show(store, "nonsense", &json, &problem), PROBLEM_ID_USER_UNKNOWN);
}

/* --- passwords --- */

static void passwords(void **state)
{
    (void)state;
    make_user("ada@example.com");
    assert_true(is_password("ada@example.com", "correct horse"));
    assert_true(is_password("ADA@example.com", "correct horse"));
    assert_false(is_password("ada@example.com", "correct hors"));
    assert_false(is_password("ada@example.com", "correct horse "));
    assert_false(is_password("ada@example.com", ""));
    assert_false(is_password("eve@example.com", "correct horse"));
    assert_false(is_password("", "correct horse"));
    struct user_fields change = { "ada@example.com", "Ada", "Byron", "battery staple" };
    assert_int_equal(users_change(store, &change, &problem), ST_OK);
    assert_false(is_password("ada@example.com", "correct horse"));
    assert_true(is_password("ada@example.com", "battery staple"));
    char made[USER_MADE_PASSWORD + 1];
    assert_int_equal(users_renew_password(store, "ada@example.com", made, &problem), ST_OK);
    assert_int_equal(strlen(made), USER_MADE_PASSWORD);
    assert_true(is_password("ada@example.com", made));
    expect_shown("ada@example.com",
                 "{\"emailId\":\"ada@example.com\",\"firstName\":\"Ada\",\"lastName\":\"Byron\"}");
}

static int64_t time_of_check(const char *email)
{
    int64_t best = INT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        int64_t before = clock_monotonic_ns();
        assert_false(is_password(email, "wrong password"));
        int64_t took = clock_monotonic_ns() - before;
        best = took < best ? took : best;
    }
    return best;
}

/* Who is not there costs what the others cost: names cannot be guessed by the clock. */
static void unknown_users_cost_the_same(void **state)
{
    (void)state;
    make_user("ada@example.com");
    int64_t known = time_of_check("ada@example.com");
    int64_t unknown = time_of_check("eve@example.com");
    int64_t nonsense = time_of_check("not an address");
    print_message("# known %lld us, unknown %lld us, nonsense %lld us\n", (long long)known / 1000,
                  (long long)unknown / 1000, (long long)nonsense / 1000);
    assert_true(known > 20 * NS_PER_MS);
    assert_true(unknown > known / 2 && unknown < known * 2);
    assert_true(nonsense > known / 2 && nonsense < known * 2);
}

#define SALT "000102030405060708090a0b0c0d0e0f"
/* Of Python: hashlib.scrypt(b'pleaseletmein', salt=bytes(range(16)), n=1024, r=8, p=1, dklen=32) */
#define HASH "c748c7505929341889570635021b87ecdbb2c559646ab1675e344d869d41fde5"

static void broken_hashes_are_nobodys(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "scrypt",
        "scrypt$15$8$3$" SALT,
        "scrypt$15$8$3$" SALT "$",
        "scrypt$99$8$3$" SALT "$" HASH,
        "scrypt$0$8$3$" SALT "$" HASH,
        "scrypt$15$8$4294967299$" SALT "$" HASH,
        "scrypt$-1$8$3$" SALT "$" HASH,
        "scrypt$15$8$3$" SALT "$" HASH "00",
        "scrypt$15$8$3$" SALT "$" HASH "$",
        "scrypt$15$8$3$zz0102030405060708090a0b0c0d0e0f$" HASH,
        "md5$15$8$3$" SALT "$" HASH,
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        bool is = true;
        assert_int_equal(password_check("pleaseletmein", bytes_of_str(broken[i]), &is, NULL),
                         ST_OK);
        assert_false(is);
    }
    bool is = false;
    assert_int_equal(
        password_check("pleaseletmein", BYTES("scrypt$10$8$1$" SALT "$" HASH), &is, NULL), ST_OK);
    assert_true(is);
    struct text hash = { 0 };
    assert_int_equal(password_hash("pleaseletmein", &hash, NULL), ST_OK);
    assert_int_equal(password_check("pleaseletmein", bytes_of(hash.p, hash.len), &is, NULL), ST_OK);
    assert_true(is);
    char *last = &hash.p[hash.len - 1];
    *last = *last == '0' ? '1' : '0';
    assert_int_equal(password_check("pleaseletmein", bytes_of(hash.p, hash.len), &is, NULL), ST_OK);
    assert_false(is);
    text_deinit(&hash);
}

static void made_passwords_differ(void **state)
{
    (void)state;
    char a[USER_MADE_PASSWORD + 1];
    char b[USER_MADE_PASSWORD + 1];
    assert_int_equal(password_make(a, sizeof a, NULL), ST_OK);
    assert_int_equal(password_make(b, sizeof b, NULL), ST_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a, "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"),
                     USER_MADE_PASSWORD);
}

/* --- roles --- */

static unsigned roles_of(const char *email, const char *org)
{
    unsigned mask = 99;
    assert_int_equal(users_roles(store, email, org, &mask, NULL), ST_OK);
    return mask;
}

static void roles_hold_where_they_were_granted(void **state)
{
    (void)state;
    struct store_names names;
    make_user("ada@example.com");
    make_user("eve@example.com");
    assert_int_equal(users_grant(store, "Ada@example.com", "o", ROLE_ORGADMIN, &problem), ST_OK);
    assert_int_equal(users_grant(store, "ada@example.com", "o", ROLE_ORGADMIN, &problem), ST_OK);
    assert_int_equal(users_grant(store, "ada@example.com", "p", ROLE_USER, &problem), ST_OK);
    assert_int_equal(users_grant(store, "eve@example.com", "o", ROLE_SYSADMIN, &problem), ST_OK);
    assert_int_equal(roles_of("ada@example.com", "o"), 1U << ROLE_ORGADMIN);
    assert_int_equal(roles_of("ADA@example.com", "p"), 1U << ROLE_USER);
    assert_int_equal(roles_of("ada@example.com", "q"), 0);
    assert_int_equal(roles_of("ada@example.com", ""), 0);
    assert_int_equal(roles_of("eve@example.com", "q"), 1U << ROLE_SYSADMIN);
    assert_int_equal(roles_of("eve@example.com", NULL), 1U << ROLE_SYSADMIN);
    assert_int_equal(roles_of("nobody@example.com", "o"), 0);
    assert_int_equal(roles_of("nonsense", "o"), 0);
    assert_int_equal(users_of_role(store, "o", ROLE_ORGADMIN, &names, &problem), ST_OK);
    assert_int_equal(names.n, 1);
    assert_string_equal(names.list[0].parent, "ada@example.com");
    store_names_deinit(&names);
    json_t *json = NULL;
    assert_int_equal(users_show_roles(store, "ada@example.com", &json, &problem), ST_OK);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"role\":[{\"name\":\"orgadmin\",\"organization\":\"o\"},"
                              "{\"name\":\"user\",\"organization\":\"p\"}]}");
    free(text);
    json_decref(json);

    assert_int_equal(users_revoke(store, "ada@example.com", "o", ROLE_ORGADMIN, &problem), ST_OK);
    assert_int_equal(roles_of("ada@example.com", "o"), 0);
    expect_problem(users_revoke(store, "ada@example.com", "o", ROLE_ORGADMIN, &problem),
                   PROBLEM_ID_ROLE_NOT_GRANTED);
    expect_problem(users_grant(store, "nobody@example.com", "o", ROLE_USER, &problem),
                   PROBLEM_ID_USER_UNKNOWN);
    assert_int_equal(users_delete(store, "ada@example.com", &problem), ST_OK);
    make_user("ada@example.com"); /* her roles went with her */
    assert_int_equal(roles_of("ada@example.com", "p"), 0);
}

/* The roles that an organization gave go with it. */
static void roles_go_with_the_organization(void **state)
{
    (void)state;
    struct store_key org = { .kind = STORE_ORGANIZATION, .name = "o" };
    struct bytes none = { 0 };
    assert_int_equal(store_put(store, &org, "{}", none, none, NULL), ST_OK);
    make_user("ada@example.com");
    assert_int_equal(users_grant(store, "ada@example.com", "o", ROLE_ORGADMIN, &problem), ST_OK);
    assert_int_equal(users_grant(store, "ada@example.com", "", ROLE_SYSADMIN, &problem), ST_OK);
    assert_int_equal(store_delete(store, &org, NULL, NULL), ST_OK);
    assert_int_equal(roles_of("ada@example.com", "o"), 1U << ROLE_SYSADMIN);
}

static void the_first_user(void **state)
{
    (void)state;
    char made[USER_MADE_PASSWORD + 1];
    assert_int_equal(users_make_first(store, "Admin@example.com", made, &problem), ST_OK);
    assert_true(is_password("admin@example.com", made));
    assert_int_equal(roles_of("admin@example.com", ""), 1U << ROLE_SYSADMIN);
    expect_problem(users_make_first(store, "b@example.com", made, &problem),
                   PROBLEM_ID_USER_EXISTS);
    expect_problem(users_delete(store, "admin@example.com", &problem), PROBLEM_ID_USER_LAST);
    expect_problem(users_revoke(store, "admin@example.com", "", ROLE_SYSADMIN, &problem),
                   PROBLEM_ID_USER_LAST);
    make_user("ada@example.com");
    assert_int_equal(users_delete(store, "ada@example.com", &problem), ST_OK);
    make_user("ada@example.com");
    assert_int_equal(users_grant(store, "ada@example.com", "", ROLE_SYSADMIN, &problem), ST_OK);
    assert_int_equal(users_delete(store, "admin@example.com", &problem), ST_OK);
}

struct may {
    enum role role;
    const char *rights; /* a letter for each right, in the order of rights.def; - where not */
};

/* clang-format off */
static const struct may table[] = {
    { ROLE_ORGADMIN,      "reDdcgA-" },
    { ROLE_OPSADMIN,      "r--dcg--" },
    { ROLE_BUSINESSUSER,  "r-------" },
    { ROLE_USER,          "r-Dd-g--" },
    { ROLE_READONLYADMIN, "r-------" },
    { ROLE_SYSADMIN,      "reDdcgAS" },
};
/* clang-format on */

static void what_roles_may(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(table), N_ROLES);
    for (size_t i = 0; i < N_ROLES; i++) {
        enum role found;
        assert_int_equal(strlen(table[i].rights), ROLE_N_RIGHTS);
        assert_true(role_parse(role_id(table[i].role), &found));
        assert_int_equal(found, table[i].role);
        for (enum role_right right = 0; right < ROLE_N_RIGHTS; right++) {
            assert_int_equal(roles_may(1U << table[i].role, right), table[i].rights[right] != '-');
            assert_false(roles_may(0, right));
        }
    }
    enum role none;
    assert_false(role_parse("Orgadmin", &none));
    assert_false(role_parse("", &none));
    assert_true(roles_may(1U << ROLE_OPSADMIN | 1U << ROLE_USER, ROLE_MAY_DEVELOP));
}

static void nothing_is_said_of_passwords(void **state)
{
    (void)state;
    char made[USER_MADE_PASSWORD + 1];
    assert_int_equal(users_make_first(store, "admin@example.com", made, &problem), ST_OK);
    struct store_key key = { .kind = STORE_USER, .name = "admin@example.com" };
    struct store_document d;
    assert_int_equal(store_get(store, &key, &d, NULL), ST_OK);
    assert_null(strstr(d.json, made));
    assert_null(strstr(d.json, "scrypt"));
    store_document_deinit(&d);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, rollback)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(what_is_no_user_is_refused),
        ROW(users_come_and_go),
        ROW(passwords),
        ROW(unknown_users_cost_the_same),
        ROW(broken_hashes_are_nobodys),
        ROW(made_passwords_differ),
        ROW(roles_hold_where_they_were_granted),
        ROW(roles_go_with_the_organization),
        ROW(the_first_user),
        ROW(what_roles_may),
        ROW(nothing_is_said_of_passwords),
    };
    return cmocka_run_group_tests_name("users", tests, open_all, close_all);
}
