/* Files and directories of a command line as a list of captures. Each test has a directory of its
 * own. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/inputs.h"

#define PCAP_HEADER "\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0"

struct folder {
    char path[64];
};

static int make_folder(void **state)
{
    static const char template[] = "/tmp/handfast-inputs-XXXXXX";
    struct folder *f = calloc(1, sizeof *f);
    if (f == NULL || !bytes_copy(f->path, sizeof f->path, BYTES(template)) ||
        mkdtemp(f->path) == NULL) {
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->path);
    int rc = system(command); /* NOLINT(cert-env33-c): our own path */
    free(f);
    return rc == 0 ? 0 : -1;
}

static char *path_of(const struct folder *f, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return path;
}

static void make_dir(const struct folder *f, const char *name)
{
    assert_int_equal(mkdir(path_of(f, name), 0700), 0);
}

static void make_file(const struct folder *f, const char *name, struct bytes content)
{
    FILE *file = fopen(path_of(f, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.p, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
}

static void make_capture(const struct folder *f, const char *name)
{
    make_file(f, name, BYTES(PCAP_HEADER));
}

/* The paths below the folder, one after the other. */
static void check_list(const struct folder *f, const struct inputs *in, const char *wanted)
{
    struct text got = { 0 };
    for (size_t i = 0; i < in->n; i++) {
        assert_memory_equal(in->paths[i], f->path, strlen(f->path));
        text_printf(&got, "%s%s", i == 0 ? "" : " ", in->paths[i] + strlen(f->path) + 1);
    }
    assert_string_equal(text_str(&got), wanted);
    text_deinit(&got);
}

static void files_stay_as_they_are(void **state)
{
    (void)state;
    struct inputs in = { 0 };
    struct err err;
    assert_int_equal(inputs_add(&in, "no-such-file.pcap", &err), ST_OK);
    assert_int_equal(inputs_add(&in, "-", &err), ST_OK);
    assert_int_equal(in.n, 2);
    assert_string_equal(in.paths[0], "no-such-file.pcap");
    assert_string_equal(in.paths[1], "-");
    inputs_deinit(&in);
}

static void directories_are_sorted_and_sifted(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    make_dir(f, "sub");
    make_dir(f, "sub/deeper");
    make_dir(f, "empty");
    make_capture(f, "b.pcap");
    make_capture(f, "a.cap");
    make_capture(f, "sub/deeper/c");
    make_capture(f, "sub/a");
    make_file(f, "notes.txt", BYTES("nothing to see here, and long enough to be a header"));
    make_file(f, "nothing", BYTES(""));
    assert_int_equal(inputs_add(&in, f->path, &err), ST_OK);
    check_list(f, &in, "a.cap b.pcap sub/a sub/deeper/c");
    inputs_deinit(&in);
}

static void links_do_not_lead_in_circles(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    make_dir(f, "sub");
    make_capture(f, "sub/a");
    assert_int_equal(symlink("..", path_of(f, "sub/up")), 0);
    assert_int_equal(symlink("a", path_of(f, "sub/link")), 0);
    assert_int_equal(symlink("gone", path_of(f, "sub/dangling")), 0);
    assert_int_equal(inputs_add(&in, f->path, &err), ST_OK);
    check_list(f, &in, "sub/a sub/link");
    inputs_deinit(&in);
}

static void pipes_are_not_opened(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    make_capture(f, "a");
    assert_int_equal(mkfifo(path_of(f, "pipe"), 0600), 0);
    assert_int_equal(inputs_add(&in, f->path, &err), ST_OK);
    check_list(f, &in, "a");
    inputs_deinit(&in);
}

static void directories_without_captures_are_named(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    make_file(f, "notes.txt", BYTES("nothing"));
    assert_int_equal(inputs_add(&in, f->path, &err), ST_IO);
    assert_non_null(strstr(err.text, f->path));
    assert_int_equal(in.n, 0);
    inputs_deinit(&in);
}

static void too_deep_is_passed_over(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    struct text path = { 0 };
    make_capture(f, "a");
    for (int depth = 0; depth <= INPUTS_DEPTH_MAX; depth++) {
        text_puts(&path, depth == 0 ? "d" : "/d");
        make_dir(f, text_str(&path));
    }
    text_puts(&path, "/lost");
    make_capture(f, text_str(&path));
    assert_int_equal(inputs_add(&in, f->path, &err), ST_OK);
    check_list(f, &in, "a");
    text_deinit(&path);
    inputs_deinit(&in);
}

static void several_arguments_keep_their_order(void **state)
{
    const struct folder *f = *state;
    struct inputs in = { 0 };
    struct err err;
    make_dir(f, "x");
    make_dir(f, "w");
    make_capture(f, "x/1");
    make_capture(f, "w/2");
    assert_int_equal(inputs_add(&in, path_of(f, "x"), &err), ST_OK);
    assert_int_equal(inputs_add(&in, path_of(f, "w/"), &err), ST_OK);
    check_list(f, &in, "x/1 w/2");
    inputs_deinit(&in);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_stay_as_they_are),
        IN_FOLDER(directories_are_sorted_and_sifted),
        IN_FOLDER(links_do_not_lead_in_circles),
        IN_FOLDER(pipes_are_not_opened),
        IN_FOLDER(directories_without_captures_are_named),
        IN_FOLDER(too_deep_is_passed_over),
        IN_FOLDER(several_arguments_keep_their_order),
    };
    return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
