/* Folders: which files count, in which order, and what of a broken one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "keystore/keystore.h"

#define CERT "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"

static char folder[] = "/tmp/handfast-folder-XXXXXX";
static struct keystore *store;

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *content)
{
    FILE *f = fopen(in_folder(name), "we");
    assert_non_null(f);
    assert_true(fputs(content, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void put_folder(const char *name)
{
    assert_int_equal(mkdir(in_folder(name), 0700), 0);
}

static void put_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, in_folder(name)), 0);
}

static int open_folder(void **state)
{
    struct err err = { 0 };
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/handfast-folder-XXXXXX");
    return mkdtemp(folder) == NULL || keystore_new(&store, &err) != ST_OK;
}

static int close_folder(void **state)
{
    char command[600];
    (void)state;
    keystore_free(store);
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", folder, folder);
    return system(command);
}

/* The files that stand in the list, by their names below the folder. */
static void check_files(const char *wanted)
{
    struct text names = { 0 };
    for (size_t i = 0; i < keystore_n_files(store); i++) {
        const struct keystore_file *f = keystore_file(store, i);
        assert_memory_equal(f->path, folder, strlen(folder));
        const char *name = f->path + strlen(folder);
        text_printf(&names, "%s%s ", name[0] == '/' ? name + 1 : ".", f->fault == NULL ? "" : "!");
    }
    assert_string_equal(text_str(&names), wanted);
    text_deinit(&names);
}

static void add(bool skip_foreign)
{
    struct err err = { 0 };
    struct keystore_options options = { .skip_foreign = skip_foreign };
    if (keystore_add(store, folder, &options, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
}

static void sorted(void **state)
{
    (void)state;
    put_file("b.pem", CERT);
    put_file("a.pem", CERT CERT);
    put_folder("c");
    put_file("c/d.pem", CERT);
    put_file(".hidden", CERT);
    add(false);
    check_files("a.pem b.pem c/d.pem ");
    assert_int_equal(keystore_n(store), 4);
    assert_int_equal(keystore_entry(store, 3)->file, 2);
}

/* As openssl-rehash(1) and Debian's update-ca-certificates(8) leave a folder. */
static void links(void **state)
{
    (void)state;
    put_folder("real");
    put_file("real/ca.crt", CERT);
    put_link("real/ca.crt", "ca.pem");
    put_link("ca.pem", "0a1b2c3d.0");
    put_file("other.pem", CERT);
    put_link("other.pem", "01020304.0");
    put_link("other.pem", "01020304.r1");
    put_link("nowhere", "broken.pem");
    put_link(".", "self");
    put_link("..", "real/up");
    add(false);
    check_files("other.pem real/ca.crt ");
}

static void only_links(void **state)
{
    char outside[] = "/tmp/handfast-outside-XXXXXX";
    int fd = mkstemp(outside);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, CERT, sizeof CERT - 1), sizeof CERT - 1);
    close(fd);
    put_link(outside, "0a1b2c3d.0");
    put_link(outside, "plain.pem");
    add(false);
    check_files("plain.pem ");
    unlink(outside);
}

static void broken_files(void **state)
{
    (void)state;
    put_file("a.pem", CERT);
    put_file("b.txt", "no certificate\n");
    put_file("c.jks", "\xfe\xed\xfe\xed");
    put_file("d.pem", "-----BEGIN CERTIFICATE-----\n");
    add(false);
    check_files("a.pem b.txt! c.jks! d.pem ");
    assert_string_equal(keystore_file(store, 1)->fault,
                        "no certificates or keys: it is text without a BEGIN line");
    assert_int_equal(keystore_file(store, 1)->format, KEYSTORE_FOREIGN);
    assert_string_equal(keystore_file(store, 2)->fault,
                        "at byte 4: the head of the keystore is cut short");
    assert_non_null(keystore_entry(store, 1)->fault);
}

static void skipped(void **state)
{
    (void)state;
    put_file("a.pem", CERT);
    put_file("b.txt", "no certificate\n");
    put_file("c.jks", "\xfe\xed\xfe\xed");
    add(true);
    check_files("a.pem c.jks! ");
}

static void of_no_use(void **state)
{
    char wanted[300];
    struct err err = { 0 };
    (void)state;
    assert_int_equal(keystore_add(store, folder, NULL, &err), ST_FORMAT);
    snprintf(wanted, sizeof wanted, "%s: there is no file in this directory", folder);
    assert_string_equal(err.text, wanted);
    put_file("b.txt", "no certificate\n");
    assert_int_equal(keystore_add(store, folder, NULL, &err), ST_FORMAT);
    snprintf(wanted, sizeof wanted,
             "%s: no certificate, CRL or key in any of its 1 files; the first: %s/b.txt: no "
             "certificates or keys: it is text without a BEGIN line",
             folder, folder);
    assert_string_equal(err.text, wanted);
    assert_int_equal(keystore_n_files(store), 0);
}

static void depth(void **state)
{
    char path[128] = "";
    (void)state;
    put_file("top.pem", CERT);
    for (size_t i = 0; i < 10; i++) {
        snprintf(path + 2 * i, sizeof path - 2 * i, "d/");
        put_folder(path);
        snprintf(path + 2 * i + 2, sizeof path - 2 * i - 2, "f");
        put_file(path, CERT);
    }
    add(false);
    check_files(
        "d/d/d/d/d/d/d/f d/d/d/d/d/d/f d/d/d/d/d/f d/d/d/d/f d/d/d/f d/d/f d/f top.pem .! ");
}

/* What is no file is not opened: a FIFO would wait for ever. */
static void no_files(void **state)
{
    struct err err = { 0 };
    (void)state;
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    put_file("a.pem", CERT);
    add(false);
    check_files("a.pem ");
    assert_int_equal(keystore_add(store, "/dev/zero", NULL, &err), ST_USAGE);
    assert_string_equal(err.text, "/dev/zero: larger than 64 MB");
}

static void count(void *arg, size_t n_files)
{
    assert_int_equal(++*(size_t *)arg, n_files);
}

static void many(void **state)
{
    size_t n = 0;
    struct err err = { 0 };
    struct keystore_options options = { .progress = count, .arg = &n };
    (void)state;
    for (size_t i = 0; i < 600; i++) { /* more than one block of files and of entries */
        char name[16];
        snprintf(name, sizeof name, "%03zu", i);
        put_file(name, CERT);
    }
    assert_int_equal(keystore_add(store, folder, &options, &err), ST_OK);
    assert_int_equal(n, 600);
    assert_int_equal(keystore_n(store), 600);
    const struct keystore_entry *first = keystore_entry(store, 0);
    add(false); /* what was read before stays where it is */
    assert_ptr_equal(first, keystore_entry(store, 0));
    assert_int_equal(keystore_n_files(store), 1200);
    assert_string_equal(keystore_file(store, 599)->path, in_folder("599"));
    assert_null(keystore_entry(store, 1200));
    assert_null(keystore_file(store, 1200));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sorted),    TEST(links), TEST(only_links), TEST(broken_files), TEST(skipped),
        TEST(of_no_use), TEST(depth), TEST(no_files),   TEST(many),
    };
    return cmocka_run_group_tests_name("keystore_folder", tests, NULL, NULL);
}
