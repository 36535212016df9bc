/* Which programs can be observed. Files are made here; those of the system are looked at if
 * present.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/target.h"
#include "base/status.h"

static const struct row {
    const char *name, *command;
    enum target_kind kind;
} rows[] = {
    { "OpenSSL's own program", "openssl", TARGET_OBSERVABLE },
    { "GnuTLS linked", "wget", TARGET_GNUTLS },
    { "Java's launcher", "java", TARGET_JAVA },
    { "a Go program", "/usr/lib/go-1.19/bin/go", TARGET_GO },
    { "statically linked", "/sbin/ldconfig", TARGET_STATIC },
    { "not there", "/nonexistent/program", TARGET_UNREADABLE },
    { "a directory", "/", TARGET_UNREADABLE },
};

static void check_row(void **state)
{
    const struct row *row = *state;
    char path[4096] = "";
    enum target_kind kind = target_look(row->command, path, sizeof path);
    if (kind == TARGET_UNREADABLE && row->kind != TARGET_UNREADABLE) {
        print_message("%s is not installed\n", row->command);
        skip();
    }
    assert_int_equal(kind, row->kind);
    assert_true((target_advice(kind) == NULL) ==
                (kind == TARGET_OBSERVABLE || kind == TARGET_UNREADABLE));
}

static void make_file(const char *path, const void *p, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void script_is_its_interpreter(void **state)
{
    (void)state;
    static const char text[] = "#!/usr/bin/env -S NAME=value sh\nexit 0\n";
    char folder[] = "/tmp/handfast-target-XXXXXX";
    char script[64];
    char path[4096] = "";
    assert_non_null(mkdtemp(folder));
    snprintf(script, sizeof script, "%s/script", folder);
    make_file(script, text, sizeof text - 1, 0755);
    assert_int_equal(target_look(script, path, sizeof path), TARGET_OBSERVABLE);
    assert_non_null(strstr(path, "/sh"));
    assert_int_equal(unlink(script), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Every prefix of a real program, and one with wild offsets, is survived. */
static void broken_elf_is_survived(void **state)
{
    (void)state;
    static uint8_t head[4096];
    char folder[] = "/tmp/handfast-target-XXXXXX";
    char file[64];
    char path[4096];
    FILE *self = fopen("/proc/self/exe", "rb");
    assert_non_null(self);
    assert_int_equal(fread(head, 1, sizeof head, self), sizeof head);
    fclose(self);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/elf", folder);
    for (size_t len = 1; len < 512; len += 7) {
        make_file(file, head, len, 0755);
        target_look(file, path, sizeof path);
    }
    for (size_t at = 16; at < 128; at++) {
        uint8_t was = head[at];
        head[at] = 0xff;
        make_file(file, head, sizeof head, 0755);
        target_look(file, path, sizeof path);
        head[at] = was;
    }
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(script_is_its_interpreter);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(broken_elf_is_survived);
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
