/* Programs that the gateway runs: what they say, how they end, and that whatever they do they hold
 * nobody up for long, be they such as even SIGKILL does not end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/child.h"

enum { SHORT_MS = 200, LONG_MS = 20000 };

/* --- a kernel that does not let go --- */

static atomic_bool is_stuck;  /* no child has ended, it says */
static atomic_int n_blocking; /* calls that would have waited for ever */
static atomic_int n_reaped;

pid_t waitpid(pid_t pid, int *how, int options)
{
    if ((options & WNOHANG) == 0) {
        n_blocking++;
    } else if (is_stuck) {
        return 0;
    }
    pid_t got = (pid_t)syscall(SYS_wait4, pid, how, options, NULL);
    n_reaped += got > 0 ? 1 : 0;
    return got;
}

/* --- what the tests do --- */

struct outcome {
    enum status st;
    int exit_status;
    struct text out;
    struct err err;
};

static struct outcome run(const char *command, unsigned limit_ms)
{
    const char *argv[] = { "sh", "-c", command, NULL };
    struct child what = { argv, "/", limit_ms };
    struct outcome o = { .exit_status = -1 };
    o.st = child_run(&what, &o.out, &o.exit_status, &o.err);
    return o;
}

struct row {
    const char *command, *out;
    int exit_status;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "exit 0", "", 0 },
    { "echo out; echo err >&2; exit 3", "out\nerr\n", 3 },
    { "kill -9 $$", "", 128 + SIGKILL },
    { "cat; pwd", "/\n", 0 },
    { "test -e /proc/self/fd/77 || echo not", "not\n", 0 },
    { "kill -TERM $$; echo lives", "", 128 + SIGTERM },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    sigset_t term;
    int ours = fcntl(0, F_DUPFD, 77); /* nobody's but ours */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &term, NULL), 0);
    struct outcome o = run(row->command, LONG_MS);
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &term, NULL), 0);
    close(ours);
    assert_int_equal(o.st, ST_OK);
    assert_string_equal(text_str(&o.out), row->out);
    assert_int_equal(o.exit_status, row->exit_status);
    text_deinit(&o.out);
}

static void what_is_too_long_is_cut(void **state)
{
    (void)state;
    struct outcome o = run("head -c 1000000 /dev/zero; exit 4", LONG_MS);
    assert_int_equal(o.st, ST_OK);
    assert_int_equal(o.out.len, CHILD_OUTPUT_MAX);
    assert_int_equal(o.exit_status, 4);
    text_deinit(&o.out);
}

static void what_is_not_there(void **state)
{
    (void)state;
    const char *argv[] = { "no-such-program", NULL };
    struct child what = { argv, "/", LONG_MS };
    struct text out = { 0 };
    struct err err = { 0 };
    int exit_status = 0;
    assert_int_equal(child_run(&what, &out, &exit_status, &err), ST_IO);
    assert_non_null(strstr(err.text, "no-such-program: No such file"));
    text_deinit(&out);
}

/* Takes too long in each of these ways; is killed soon behind its limit. */
static void check_late(void **state)
{
    int64_t began = clock_monotonic_ns();
    struct outcome o = run(*state, SHORT_MS);
    int64_t took_ms = (clock_monotonic_ns() - began) / NS_PER_MS;
    assert_int_equal(o.st, ST_IO);
    assert_non_null(strstr(o.err.text, "took more than 200 ms"));
    assert_in_range(took_ms, SHORT_MS - 1, LONG_MS);
    text_deinit(&o.out);
}

static void one_that_does_not_end_is_left(void **state)
{
    (void)state;
    int blocking = n_blocking;
    is_stuck = true;
    int64_t began = clock_monotonic_ns();
    struct outcome o = run("exec sleep 60", SHORT_MS);
    assert_true((clock_monotonic_ns() - began) / NS_PER_MS < LONG_MS);
    assert_int_equal(o.st, ST_IO);
    assert_non_null(strstr(o.err.text, "was killed and does not end"));
    text_deinit(&o.out);
    is_stuck = false;
    int reaped = n_reaped;
    int64_t until = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
    int n_runs = 0;
    for (; n_reaped - reaped == n_runs && clock_monotonic_ns() < until; n_runs++) {
        o = run("exit 0", LONG_MS);
        assert_int_equal(o.st, ST_OK);
        text_deinit(&o.out);
    }
    assert_int_equal(n_reaped - reaped, n_runs + 1); /* these, and the one that was left */
    assert_int_equal(n_blocking, blocking);
}

static void one_of_its_own(void **state)
{
    (void)state;
    char log[] = "/tmp/handfast-child-XXXXXX";
    char found[64] = "";
    const char *argv[] = { "sh", "-c", "echo $(ps -o sid= -p $$) $$", NULL };
    struct child what = { argv, "/", 0 };
    struct err err = { 0 };
    int pids[2] = { 0 };
    int fd = mkstemp(log);
    assert_true(fd >= 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(child_start(&what, log, &pids[i], &err), ST_OK);
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    }
    char want[64];
    snprintf(want, sizeof want, "%d %d\n%d %d\n", pids[0], pids[0], pids[1], pids[1]);
    assert_true(read(fd, found, sizeof found - 1) > 0);
    assert_string_equal(found, want);
    close(fd);
    unlink(log);
}

int main(void)
{
    static const char *const late[] = { "exec sleep 60", "exec yes", "exec >&- 2>&-; exec sleep 60",
                                        "sleep 3 & exec sleep 60" };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(late) + 4];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ rows[i].command, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        tests[n++] = (struct CMUnitTest){ late[i], check_late, NULL, NULL, (void *)late[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_is_too_long_is_cut);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_is_not_there);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(one_that_does_not_end_is_left);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(one_of_its_own);
    return cmocka_run_group_tests_name("gateway_child", tests, NULL, NULL);
}
