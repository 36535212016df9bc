/* The store: what is committed is there, what is not is not, and a kill at any moment harms
 * neither. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/kinds.h"
#include "store/store.h"

enum { PATH_BYTES = 128, KILLS = 40, WRITERS = 4, WRITES_EACH = 25 };

#define NO_BYTES ((struct bytes){ 0 })

struct place {
    char dir[64];
    char path[PATH_BYTES];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/handfast-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/store.db", p->dir);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "acks" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", p->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static struct store *open_store(const char *path)
{
    struct err err = { 0 };
    struct store *s = NULL;
    if (store_open(path, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return s;
}

static struct store_key key_of(enum store_kind kind, const char *org, const char *env,
                               const char *parent, const char *name)
{
    return (
        struct store_key){ .kind = kind, .org = org, .env = env, .parent = parent, .name = name };
}

static void put(struct store *s, struct store_key key, const char *json)
{
    struct err err;
    assert_int_equal(store_put(s, &key, json, NO_BYTES, NO_BYTES, &err), ST_OK);
}

static bool is_there(struct store *s, struct store_key key)
{
    struct store_document d;
    assert_int_equal(store_get(s, &key, &d, NULL), ST_OK);
    bool there = d.json != NULL;
    store_document_deinit(&d);
    return there;
}

static void begin(struct store *s)
{
    assert_int_equal(store_begin(s, NULL), ST_OK);
}

static void commit(struct store *s)
{
    assert_int_equal(store_commit(s, NULL), ST_OK);
}

/* --- documents --- */

static void documents_come_back(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    struct store_key k = key_of(STORE_ALIAS, "o", "e", "k", "a");
    struct store_document d;
    struct bytes b;
    begin(s);
    assert_int_equal(store_put(s, &k, "{\"a\":1}", BYTES("key\0key"), NO_BYTES, NULL), ST_OK);
    commit(s);
    store_close(s);

    s = open_store(p->path);
    assert_int_equal(store_get(s, &k, &d, NULL), ST_OK);
    assert_string_equal(d.json, "{\"a\":1}");
    assert_true(d.has_secret);
    assert_false(d.has_blob);
    assert_true(d.created_at_ms > 1500000000000 && d.created_at_ms == d.modified_at_ms);
    int64_t created = d.created_at_ms;
    store_document_deinit(&d);
    assert_int_equal(store_secret(s, &k, &b, NULL), ST_OK);
    assert_true(bytes_equal(b, BYTES("key\0key")));
    store_bytes_free(b);
    assert_int_equal(store_blob(s, &k, &b, NULL), ST_OK);
    assert_null(b.p);

    nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
    begin(s);
    assert_int_equal(store_put(s, &k, "{}", NO_BYTES, BYTES("zip"), NULL), ST_OK);
    commit(s);
    assert_int_equal(store_get(s, &k, &d, NULL), ST_OK);
    assert_string_equal(d.json, "{}");
    assert_true(d.has_secret && d.has_blob); /* a secret of NULL keeps the one there is */
    assert_true(d.created_at_ms == created && d.modified_at_ms > created);
    store_document_deinit(&d);
    store_close(s);
}

static void names_are_compared_byte_by_byte(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    begin(s);
    put(s, key_of(STORE_USER, NULL, NULL, NULL, "a"), "{}");
    commit(s);
    assert_true(is_there(s, key_of(STORE_USER, "", "", "", "a")));
    assert_false(is_there(s, key_of(STORE_USER, NULL, NULL, NULL, "A")));
    assert_false(is_there(s, key_of(STORE_ROLE, NULL, NULL, NULL, "a")));
    assert_false(is_there(s, key_of(STORE_USER, "a", NULL, NULL, "")));
    assert_false(is_there(s, key_of(STORE_USER, NULL, NULL, NULL, "' OR '1'='1")));
    store_close(s);
}

static void a_rollback_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    struct store_key k = key_of(STORE_KEYSTORE, "o", "e", NULL, "k");
    begin(s);
    put(s, k, "{}");
    assert_true(is_there(s, k)); /* the change is seen within its transaction */
    struct store *other = open_store(p->path);
    assert_false(is_there(other, k)); /* and by nobody else */
    store_rollback(s);
    assert_false(is_there(s, k));
    store_rollback(s);

    begin(s);
    put(s, k, "{}");
    store_close(s); /* as a roll-back */
    assert_false(is_there(other, k));
    store_close(other);
}

static void writes_want_a_transaction(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    struct store_key k = key_of(STORE_KEYSTORE, "o", "e", NULL, "k");
    assert_int_equal(store_put(s, &k, "{}", NO_BYTES, NO_BYTES, NULL), ST_USAGE);
    assert_int_equal(store_delete(s, &k, NULL, NULL), ST_USAGE);
    assert_int_equal(store_commit(s, NULL), ST_USAGE);
    begin(s);
    assert_int_equal(store_begin(s, NULL), ST_USAGE);
    store_rollback(s);
    store_close(s);
}

static void commits_are_counted(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    uint64_t n = 99;
    assert_int_equal(store_generation(s, &n, NULL), ST_OK);
    assert_int_equal(n, 0);
    for (unsigned i = 1; i <= 3; i++) {
        begin(s);
        commit(s);
        assert_int_equal(store_generation(s, &n, NULL), ST_OK);
        assert_int_equal(n, i);
    }
    begin(s);
    store_rollback(s);
    store_close(s);
    s = open_store(p->path);
    assert_int_equal(store_generation(s, &n, NULL), ST_OK);
    assert_int_equal(n, 3);
    store_close(s);
}

/* --- deletions --- */

static void fill(struct store *s)
{
    static const struct store_key keys[] = {
        { STORE_ORGANIZATION, NULL, NULL, NULL, "o" }, { STORE_ENVIRONMENT, "o", NULL, NULL, "e" },
        { STORE_ENVIRONMENT, "o", NULL, NULL, "f" },   { STORE_KEYSTORE, "o", "e", NULL, "k" },
        { STORE_ALIAS, "o", "e", "k", "a" },           { STORE_ALIAS, "o", "e", "k", "b" },
        { STORE_ALIAS, "o", "e", "l", "a" },           { STORE_ALIAS, "o", "f", "k", "a" },
        { STORE_ALIAS, "p", "e", "k", "a" },           { STORE_API, "o", NULL, NULL, "k" },
        { STORE_REVISION, "o", NULL, "k", "1" },       { STORE_DEPLOYMENT, "o", "e", "k", "1" },
        { STORE_DEPLOYMENT, "o", "f", "k", "1" },      { STORE_DEPLOYMENT, "p", "f", "k", "1" },
        { STORE_USER, NULL, NULL, NULL, "u" },
    };
    begin(s);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        put(s, keys[i], "{}");
    }
    commit(s);
}

struct deletion {
    const char *name;
    struct store_key key;
    unsigned n_left;
    struct store_key stays;
};

/* clang-format off */
static const struct deletion deletions[] = {
    { "an alias", { STORE_ALIAS, "o", "e", "k", "a" }, 14, { STORE_ALIAS, "o", "e", "k", "b" } },
    { "a keystore takes its aliases", { STORE_KEYSTORE, "o", "e", NULL, "k" }, 12, { STORE_ALIAS, "o", "f", "k", "a" } },
    { "a proxy takes revisions and deployments", { STORE_API, "o", NULL, NULL, "k" }, 11, { STORE_ALIAS, "o", "e", "k", "a" } },
    { "an environment", { STORE_ENVIRONMENT, "o", NULL, NULL, "e" }, 9, { STORE_ALIAS, "o", "f", "k", "a" } },
    { "an organization", { STORE_ORGANIZATION, NULL, NULL, NULL, "o" }, 3, { STORE_ALIAS, "p", "e", "k", "a" } },
    { "what is not there takes nothing", { STORE_KEYSTORE, "o", "f", NULL, "k" }, 15, { STORE_ALIAS, "o", "f", "k", "a" } },
};
/* clang-format on */

static unsigned count_all(struct store *s)
{
    unsigned n = 0;
    for (enum store_kind kind = 0; kind < STORE_N_KINDS; kind++) {
        struct store_names names;
        struct store_key within = { .kind = kind };
        assert_int_equal(store_list(s, &within, &names, NULL), ST_OK);
        n += (unsigned)names.n;
        store_names_deinit(&names);
    }
    return n;
}

static void deletions_take_what_is_below(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    fill(s);
    for (size_t i = 0; i < ARRAY_LEN(deletions); i++) {
        const struct deletion *d = &deletions[i];
        bool existed = false;
        print_message("# %s\n", d->name);
        begin(s);
        assert_int_equal(store_delete(s, &d->key, &existed, NULL), ST_OK);
        assert_int_equal(count_all(s), d->n_left);
        assert_int_equal(existed, d->n_left < 15);
        assert_false(is_there(s, d->key));
        assert_true(is_there(s, d->stays));
        store_rollback(s);
    }
    assert_int_equal(count_all(s), 15);
    store_close(s);
}

/* --- lists --- */

static void expect_names(struct store *s, struct store_key within, const char *expected)
{
    struct store_names names;
    char all[256] = "";
    assert_int_equal(store_list(s, &within, &names, NULL), ST_OK);
    for (size_t i = 0; i < names.n; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s/%s/%s/%s ", names.list[i].org,
                 names.list[i].env, names.list[i].parent, names.list[i].name);
    }
    store_names_deinit(&names);
    assert_string_equal(all, expected);
}

static void lists_are_in_order(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    fill(s);
    expect_names(s, key_of(STORE_ALIAS, "o", "e", "k", NULL), "o/e/k/a o/e/k/b ");
    expect_names(s, key_of(STORE_ALIAS, "o", NULL, "k", NULL), "o/e/k/a o/f/k/a o/e/k/b ");
    expect_names(s, key_of(STORE_ALIAS, NULL, "e", NULL, NULL), "o/e/k/a o/e/l/a p/e/k/a o/e/k/b ");
    expect_names(s, key_of(STORE_ENVIRONMENT, "o", NULL, NULL, NULL), "o///e o///f ");
    expect_names(s, key_of(STORE_ENVIRONMENT, "", NULL, NULL, NULL), "");
    begin(s);
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%02u", 99 - i);
        put(s, key_of(STORE_REFERENCE, "o", "e", NULL, name), "{}");
    }
    commit(s);
    struct store_names names;
    struct store_key within = key_of(STORE_REFERENCE, NULL, NULL, NULL, NULL);
    assert_int_equal(store_list(s, &within, &names, NULL), ST_OK);
    assert_int_equal(names.n, 100);
    assert_string_equal(names.list[0].name, "r00");
    assert_string_equal(names.list[99].name, "r99");
    store_names_deinit(&names);
    store_close(s);
}

/* --- the file --- */

static unsigned mode_of(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void nobody_else_may_read_it(void **state)
{
    struct place *p = *state;
    mode_t before = umask(0);
    struct store *s = open_store(p->path);
    fill(s);
    assert_int_equal(mode_of(p->dir, "store.db"), 0600);
    assert_int_equal(mode_of(p->dir, "store.db-wal"), 0600);
    assert_int_equal(mode_of(p->dir, "store.db-shm"), 0600);
    store_close(s);
    assert_int_equal(chmod(p->path, 0644), 0);
    s = open_store(p->path);
    fill(s);
    assert_int_equal(mode_of(p->dir, "store.db"), 0600);
    assert_int_equal(mode_of(p->dir, "store.db-wal"), 0600);
    store_close(s);
    umask(before);
}

static void refuse(const char *path, enum status expected, const char *says)
{
    struct err err = { 0 };
    struct store *s = NULL;
    assert_int_equal(store_open(path, &s, &err), expected);
    assert_null(s);
    if (strstr(err.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    }
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void other_files_are_refused(void **state)
{
    struct place *p = *state;
    FILE *f = fopen(p->path, "we");
    for (unsigned i = 0; i < 4096; i++) {
        fputc('x', f);
    }
    fclose(f);
    refuse(p->path, ST_FORMAT, "file is not a database");
    unlink(p->path);
    run_sql(p->path, "CREATE TABLE t (a)");
    refuse(p->path, ST_FORMAT, "not a store of this program");
    unlink(p->path);
    store_close(open_store(p->path));
    run_sql(p->path, "PRAGMA user_version = 99");
    refuse(p->path, ST_FORMAT, "later version");
    refuse(p->dir, ST_USAGE, "not a file");
    refuse("/nonexistent/folder/store.db", ST_IO, "No such file");
}

static void what_is_too_big_is_refused(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    struct store_key k = key_of(STORE_REVISION, "o", NULL, "k", "2");
    size_t len = (64U << 20) + 1;
    uint8_t *big = calloc(1, len);
    struct err err = { 0 };
    begin(s);
    assert_int_equal(store_put(s, &k, "{}", NO_BYTES, bytes_of(big, len), &err), ST_IO);
    assert_non_null(strstr(err.text, "too big"));
    put(s, k, "{}"); /* the transaction goes on */
    commit(s);
    free(big);
    store_close(s);
}

/* A limit on the size of files is as a disk that is full. */
static void a_full_disk_undoes_the_change(void **state)
{
    struct place *p = *state;
    struct store *s = open_store(p->path);
    struct store_key k = key_of(STORE_REVISION, "o", NULL, "k", "2");
    struct rlimit before;
    size_t len = 8U << 20;
    uint8_t *big = calloc(1, len);
    struct err err = { 0 };
    fill(s);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = { .rlim_cur = 1U << 20, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    begin(s);
    put(s, key_of(STORE_USER, NULL, NULL, NULL, "v"), "{}");
    enum status st = store_put(s, &k, "{}", NO_BYTES, bytes_of(big, len), &err);
    if (st == ST_OK) {
        st = store_commit(s, &err);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(st, ST_IO);
    store_rollback(s);
    assert_int_equal(count_all(s), 15);
    begin(s);
    put(s, key_of(STORE_USER, NULL, NULL, NULL, "v"), "{}");
    commit(s);
    assert_int_equal(count_all(s), 16);
    free(big);
    store_close(s);
}

/* --- several processes --- */

static void write_counted(const char *path, unsigned writer, unsigned n)
{
    struct store *s = NULL;
    if (store_open(path, &s, NULL) != ST_OK) {
        _exit(1);
    }
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%u-%u", writer, i);
        struct store_key k = key_of(STORE_KEYSTORE, "o", "e", NULL, name);
        if (store_begin(s, NULL) != ST_OK ||
            store_put(s, &k, "{}", NO_BYTES, NO_BYTES, NULL) != ST_OK ||
            store_commit(s, NULL) != ST_OK) {
            _exit(2);
        }
    }
    store_close(s);
    _exit(0);
}

/* All of them make the file and its schema at the same moment. */
static void writers_wait_for_each_other(void **state)
{
    struct place *p = *state;
    pid_t pids[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            write_counted(p->path, i, WRITES_EACH);
        }
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    struct store *s = open_store(p->path);
    uint64_t n = 0;
    assert_int_equal(store_generation(s, &n, NULL), ST_OK);
    assert_int_equal(n, WRITERS * WRITES_EACH);
    assert_int_equal(count_all(s), WRITERS * WRITES_EACH);
    store_close(s);
}

/* Pairs of documents, and a byte to `acks` after each commit. */
static void write_until_killed(const char *path, int acks, unsigned from)
{
    struct store *s = NULL;
    if (store_open(path, &s, NULL) != ST_OK) {
        _exit(1);
    }
    for (unsigned i = from;; i++) {
        char name[32];
        snprintf(name, sizeof name, "%u", i);
        struct store_key a = key_of(STORE_KEYSTORE, "o", "e", NULL, name);
        struct store_key b = key_of(STORE_ALIAS, "o", "e", name, "a");
        if (store_begin(s, NULL) != ST_OK ||
            store_put(s, &a, "{}", NO_BYTES, NO_BYTES, NULL) != ST_OK ||
            store_put(s, &b, "{}", BYTES("secret"), NO_BYTES, NULL) != ST_OK ||
            store_commit(s, NULL) != ST_OK || write(acks, "x", 1) != 1) {
            _exit(2);
        }
    }
}

static unsigned kill_one_writer(const char *path, unsigned from, long after_ns)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        write_until_killed(path, pipes[1], from);
    }
    close(pipes[1]);
    nanosleep(&(struct timespec){ .tv_nsec = after_ns }, NULL);
    kill(pid, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    unsigned n = 0;
    char byte[256];
    for (ssize_t got = read(pipes[0], byte, sizeof byte); got > 0;
         got = read(pipes[0], byte, sizeof byte)) {
        n += (unsigned)got;
    }
    close(pipes[0]);
    return n;
}

static void a_kill_at_any_moment_is_harmless(void **state)
{
    struct place *p = *state;
    unsigned written = 0;
    unsigned acknowledged = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        unsigned acks = kill_one_writer(p->path, written, 1000000L + (long)i * 900000L);
        struct store *s = open_store(p->path);
        uint64_t generation = 0;
        assert_int_equal(store_generation(s, &generation, NULL), ST_OK);
        /* Both documents of each commit, no half ones; at most the last one was not told. */
        assert_int_equal(count_all(s), 2 * generation);
        assert_true(generation >= written + acks && generation <= written + acks + 1);
        written = (unsigned)generation;
        acknowledged += acks;
        store_close(s);
        run_sql(p->path, "SELECT 1 / (integrity_check = 'ok') FROM pragma_integrity_check");
    }
    print_message("# %u kills, %u acknowledged, %u written\n", KILLS, acknowledged, written);
    assert_true(acknowledged > 0);
}

static void words_of_kinds(void **state)
{
    (void)state;
    assert_string_equal(store_kind_id(STORE_VIRTUAL_HOST), "virtualhost");
    assert_int_equal(store_kind_parent(STORE_ALIAS), STORE_KEYSTORE);
    assert_int_equal(store_kind_parent(STORE_KEYSTORE), STORE_N_KINDS);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(documents_come_back),
        IN_PLACE(names_are_compared_byte_by_byte),
        IN_PLACE(a_rollback_leaves_nothing),
        IN_PLACE(writes_want_a_transaction),
        IN_PLACE(commits_are_counted),
        IN_PLACE(deletions_take_what_is_below),
        IN_PLACE(lists_are_in_order),
        IN_PLACE(nobody_else_may_read_it),
        IN_PLACE(other_files_are_refused),
        IN_PLACE(what_is_too_big_is_refused),
        IN_PLACE(a_full_disk_undoes_the_change),
        IN_PLACE(writers_wait_for_each_other),
        IN_PLACE(a_kill_at_any_moment_is_harmless),
        cmocka_unit_test(words_of_kinds),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
