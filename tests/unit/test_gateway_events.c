/* events.db: what is written is read, from another handle; bounded, and robust against damage. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

#include "base/clock.h"
#include "base/text.h"
#include "gateway/events.h"

struct place {
    char dir[64];
    char path[96];
};

static int make_place(void **state)
{
    static struct place p;
    p = (struct place){ "/tmp/handfast-events-XXXXXX", "" };
    assert_non_null(mkdtemp(p.dir));
    snprintf(p.path, sizeof p.path, "%s/events.db", p.dir);
    *state = &p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    DIR *d = opendir(p->dir);
    for (struct dirent *each = readdir(d); each != NULL; each = readdir(d)) {
        unlinkat(dirfd(d), each->d_name, 0);
    }
    closedir(d);
    return rmdir(p->dir);
}

static struct events *open_events(const char *path, bool to_write)
{
    struct events *e = NULL;
    struct err err = { 0 };
    if (events_open(path, to_write, &e, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return e;
}

static struct kept_event one(const char *id, const char *target, const char *cause, int64_t at_ms)
{
    return (struct kept_event){ .id = id,
                                .at_ms = at_ms,
                                .direction = "southbound",
                                .org = "acme",
                                .env = "test",
                                .target = target,
                                .client = "192.0.2.1:4711",
                                .server = "192.0.2.2:443",
                                .outcome = "failed",
                                .cause = cause,
                                .confidence = "certain",
                                .sentence = "it failed",
                                .json = "{\"cause\":\"x\"}\n",
                                .text = "it failed\n",
                                .chain = "-----BEGIN CERTIFICATE-----\n",
                                .hints = "{}" };
}

/* What was read, as text: "id target cause n_times;" */
static void put_event(void *arg, const struct kept_event *event)
{
    text_printf(arg, "%s %s %s %lld;", event->id, event->target, event->cause,
                (long long)event->n_times);
}

static void put_report(void *arg, const struct kept_event *event)
{
    text_printf(arg, "%s|%s|%s|%s", event->json, event->text, event->chain, event->hints);
}

static void expect(const char *path, struct event_filter filter, const char *expected)
{
    struct text out = { 0 };
    struct events *e = open_events(path, false);
    assert_int_equal(
        events_read(e, &filter, filter.wants_report ? put_report : put_event, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), expected);
    text_deinit(&out);
    events_close(e);
}

static void add_three(struct events *e)
{
    struct kept_event a = one("a1", "billing", "cipher-mismatch", 1000);
    struct kept_event b = one("b2", "orders", "certificate-expired", 2000);
    struct kept_event c = one("c3", "billing", "certificate-expired", 3000);
    assert_int_equal(events_add(e, &a, NULL), ST_OK);
    assert_int_equal(events_add(e, &b, NULL), ST_OK);
    assert_int_equal(events_add(e, &c, NULL), ST_OK);
    assert_int_equal(a.number, 1);
    assert_int_equal(c.number, 3);
    assert_int_equal(events_flush(e, NULL), ST_OK);
}

static void reads_by_filter(void **state)
{
    struct place *p = *state;
    struct events *e = open_events(p->path, true);
    add_three(e);
    expect(p->path, (struct event_filter){ 0 },
           "c3 billing certificate-expired 1;b2 orders certificate-expired 1;"
           "a1 billing cipher-mismatch 1;");
    expect(p->path, (struct event_filter){ .target = "billing", .oldest_first = true },
           "a1 billing cipher-mismatch 1;c3 billing certificate-expired 1;");
    expect(p->path, (struct event_filter){ .cause = "certificate-expired", .limit = 1 },
           "c3 billing certificate-expired 1;");
    expect(p->path, (struct event_filter){ .from_ms = 2000, .until_ms = 3000 },
           "b2 orders certificate-expired 1;");
    expect(p->path, (struct event_filter){ .before = 3, .after = 1 },
           "b2 orders certificate-expired 1;");
    expect(p->path, (struct event_filter){ .id = "a1" }, "a1 billing cipher-mismatch 1;");
    expect(p->path, (struct event_filter){ .id = "b2.7", .or_id = "b2" },
           "b2 orders certificate-expired 1;");
    expect(p->path, (struct event_filter){ .env = "prod" }, "");
    expect(p->path, (struct event_filter){ .id = "b2' OR 1 --" }, "");
    expect(p->path, (struct event_filter){ .id = "b2", .wants_report = true },
           "{\"cause\":\"x\"}\n|it failed\n|-----BEGIN CERTIFICATE-----\n|{}");
    events_close(e);
}

static void a_repeat_counts_and_is_found(void **state)
{
    struct place *p = *state;
    struct events *e = open_events(p->path, true);
    struct kept_event a = one("a1", "billing", "cipher-mismatch", 1000);
    assert_int_equal(events_add(e, &a, NULL), ST_OK);
    assert_int_equal(events_repeat(e, a.number, "a2", 1500, NULL), ST_OK);
    assert_int_equal(events_repeat(e, a.number, "a3", 1400, NULL), ST_OK);
    expect(p->path, (struct event_filter){ 0 }, ""); /* not flushed */
    assert_int_equal(events_flush(e, NULL), ST_OK);
    expect(p->path, (struct event_filter){ .id = "a3" }, "a1 billing cipher-mismatch 3;");
    events_close(e);
}

static void a_file_that_is_not_there_is_empty(void **state)
{
    struct place *p = *state;
    expect(p->path, (struct event_filter){ 0 }, "");
    assert_int_equal(access(p->path, F_OK), -1);
}

static void is_private(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct events *e = open_events(p->path, true);
    add_three(e);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    events_close(e);
}

static void write_garbage(const char *path, long at)
{
    FILE *f = fopen(path, at == 0 ? "wb" : "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    for (int i = 0; i < 8192; i++) {
        fputc(i * 37 & 0xff, f);
    }
    fclose(f);
}

static void count_damaged(const char *dir, int expected)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *each = readdir(d); each != NULL; each = readdir(d)) {
        n += strncmp(each->d_name, "events.db.damaged-", 18) == 0;
    }
    closedir(d);
    assert_int_equal(n, expected);
}

static void what_is_no_database_is_set_aside(void **state)
{
    struct place *p = *state;
    write_garbage(p->path, 0);
    struct events *e = open_events(p->path, true);
    const char *said = events_said(e);
    assert_non_null(said);
    assert_non_null(strstr(said, "damaged"));
    assert_null(events_said(e));
    add_three(e);
    expect(p->path, (struct event_filter){ .id = "a1" }, "a1 billing cipher-mismatch 1;");
    events_close(e);
    count_damaged(p->dir, 1);
}

static void a_damaged_page_is_set_aside(void **state)
{
    struct place *p = *state;
    struct events *e = open_events(p->path, true);
    add_three(e);
    events_close(e);
    write_garbage(p->path, 4096);
    e = open_events(p->path, true);
    assert_non_null(events_said(e));
    add_three(e);
    events_close(e);
    count_damaged(p->dir, 1);
}

static void the_oldest_go(void **state)
{
    struct place *p = *state;
    struct events *e = open_events(p->path, true);
    for (int i = 0; i < EVENTS_KEPT_MAX + 5; i++) {
        struct kept_event a = one("x", "t", "cipher-mismatch", 1000 + i);
        a.json = a.text = a.chain = a.hints = NULL;
        assert_int_equal(events_add(e, &a, NULL), ST_OK);
    }
    assert_int_equal(events_flush(e, NULL), ST_OK);
    struct text out = { 0 };
    struct event_filter first = { .oldest_first = true, .limit = 1, .before = 7 };
    assert_int_equal(events_read(e, &first, put_event, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), "x t cipher-mismatch 1;");
    first.before = 6;
    text_clear(&out);
    assert_int_equal(events_read(e, &first, put_event, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), "");
    text_deinit(&out);
    events_close(e);
}

static void put_count(void *arg, const struct event_count *c)
{
    text_printf(arg, "%s %s %s %d %lld;", c->target, c->outcome, c->cause, c->is_resumed,
                (long long)c->n);
}

static void put_served(void *arg, const struct event_served *s)
{
    text_printf(arg, "%s %s %lld;", s->target, s->subject, (long long)s->not_after_s);
}

static void counts_grow(void **state)
{
    struct place *p = *state;
    struct text out = { 0 };
    struct event_count c = { .org = "acme",
                             .env = "test",
                             .target = "t",
                             .outcome = "completed",
                             .is_resumed = true,
                             .n = 3 };
    for (int i = 0; i < 2; i++) { /* over a restart of the collector */
        struct events *e = open_events(p->path, true);
        assert_int_equal(events_count(e, &c, NULL), ST_OK);
        assert_int_equal(events_flush(e, NULL), ST_OK);
        events_close(e);
    }
    struct events *e = open_events(p->path, false);
    assert_int_equal(events_read_counts(e, "acme", "test", put_count, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), "t completed  1 6;");
    text_clear(&out);
    assert_int_equal(events_read_counts(e, "acme", "prod", put_count, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), "");
    events_close(e);
    text_deinit(&out);
}

static void the_last_certificate_served_stays(void **state)
{
    struct place *p = *state;
    struct text out = { 0 };
    struct event_served s = { .org = "acme",
                              .env = "test",
                              .target = "t",
                              .server = "192.0.2.1:443",
                              .subject = "CN=old",
                              .not_after_s = 10,
                              .seen_ms = 1 };
    struct events *e = open_events(p->path, true);
    assert_int_equal(events_put_served(e, &s, NULL), ST_OK);
    s.subject = "CN=new";
    s.not_after_s = 20;
    assert_int_equal(events_put_served(e, &s, NULL), ST_OK);
    assert_int_equal(events_flush(e, NULL), ST_OK);
    assert_int_equal(events_read_served(e, NULL, NULL, put_served, &out, NULL), ST_OK);
    assert_string_equal(text_str(&out), "t CN=new 20;");
    events_close(e);
    text_deinit(&out);
}

/* Killed in the middle of a batch, again and again: what was flushed stands, and only that. */
static void a_kill_loses_the_open_batch_only(void **state)
{
    struct place *p = *state;
    for (int round = 0; round < 10; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct events *e = NULL;
            struct kept_event a = one("k", "t", "cipher-mismatch", 1);
            bool is_good = events_open(p->path, true, &e, NULL) == ST_OK &&
                           events_add(e, &a, NULL) == ST_OK && events_flush(e, NULL) == ST_OK &&
                           events_add(e, &a, NULL) == ST_OK;
            kill(getpid(), is_good ? SIGKILL : SIGTERM);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    struct events *e = open_events(p->path, true);
    int64_t last = 0;
    assert_null(events_said(e));
    assert_int_equal(events_last(e, &last, NULL), ST_OK);
    assert_int_equal(last, 10);
    events_close(e);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(reads_by_filter),
        IN_PLACE(a_repeat_counts_and_is_found),
        IN_PLACE(a_file_that_is_not_there_is_empty),
        IN_PLACE(is_private),
        IN_PLACE(what_is_no_database_is_set_aside),
        IN_PLACE(a_damaged_page_is_set_aside),
        IN_PLACE(the_oldest_go),
        IN_PLACE(counts_grow),
        IN_PLACE(the_last_certificate_served_stays),
        IN_PLACE(a_kill_loses_the_open_batch_only),
    };
    return cmocka_run_group_tests_name("gateway_events", tests, NULL, NULL);
}
