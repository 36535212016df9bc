/* JKS and JCEKS: cut at every byte, lengths that lie, and Java objects in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "keystore/java_object.h"
#include "keystore/keystore.h"
#include "keystore/modified_utf8.h"

#define HEAD    "\xfe\xed\xfe\xed\0\0\0\2"
#define JCEKS   "\xce\xce\xce\xce\0\0\0\2"
#define DATE    "\0\0\0\0\0\0\0\0"
#define X509    "\0\5X.509"
#define CERT    X509 "\0\0\0\5\x30\3\2\1\1"
#define TRUSTED "\0\0\0\2\0\2ca" DATE CERT
#define KEY     "\0\0\0\1\0\3web" DATE "\0\0\0\2\x30\0"
#define SEAL    "12345678901234567890"

struct row {
    const char *name;
    struct bytes content;
    enum status status;
    size_t n_entries;
    const char *fault; /* of the file, or the error after the name; NULL: none */
};

/* clang-format off */
#define ROW(name, content, status, n_entries, fault) \
    { name, { (const uint8_t *)(content), sizeof(content) - 1 }, status, n_entries, fault }
static const struct row rows[] = {
    ROW("empty", HEAD "\0\0\0\0" SEAL, ST_OK, 0, NULL),
    ROW("one", HEAD "\0\0\0\1" TRUSTED SEAL, ST_OK, 1, NULL),
    ROW("version 1", "\xfe\xed\xfe\xed\0\0\0\1\0\0\0\1" "\0\0\0\2\0\2ca" DATE "\0\0\0\5\x30\3\2\1\1" SEAL, ST_OK, 1, NULL),
    ROW("a key without a chain", HEAD "\0\0\0\1" KEY "\0\0\0\0" SEAL, ST_OK, 1, NULL),
    ROW("a key and its chain", HEAD "\0\0\0\1" KEY "\0\0\0\2" CERT CERT SEAL, ST_OK, 3, NULL),
    ROW("version 3", "\xfe\xed\xfe\xed\0\0\0\3\0\0\0\0" SEAL, ST_FORMAT, 0,
        "at byte 4: a Java keystore of version 3; 1 and 2 are known"),
    ROW("the magic alone", "\xfe\xed\xfe\xed", ST_FORMAT, 0, "at byte 4: the head of the keystore is cut short"),
    ROW("fewer entries than claimed", HEAD "\0\0\0\2" TRUSTED, ST_OK, 1,
        "at byte 44: the store claims 2 entries and ends in entry 2"),
    ROW("2^32 - 1 entries", HEAD "\xff\xff\xff\xff" TRUSTED SEAL, ST_OK, 1,
        "at byte 44: entry 2 is of kind 825373492, which no such keystore has"),
    ROW("a secret key in JKS", HEAD "\0\0\0\2" TRUSTED "\0\0\0\3\0\1s" DATE SEAL, ST_OK, 1,
        "at byte 44: entry 2 is of kind 3, which no such keystore has"),
    ROW("no seal", HEAD "\0\0\0\1" TRUSTED, ST_OK, 1,
        "at byte 44: 0 bytes are left behind the last entry, where a digest of 20 has its place"),
    ROW("more than a seal", HEAD "\0\0\0\1" TRUSTED SEAL "x", ST_OK, 1,
        "at byte 44: 21 bytes are left behind the last entry, where a digest of 20 has its place"),
    ROW("certificate too long", HEAD "\0\0\0\1" KEY "\0\0\0\2" CERT X509 "\0\1\x5f\x90" "\x30\3\2\1\1", ST_OK, 2,
        "at byte 62: certificate 2 of alias 'web' claims 90000 bytes, 5 are left"),
    ROW("key too long", HEAD "\0\0\0\2" TRUSTED "\0\0\0\1\0\3web" DATE "\xff\xff\xff\xff", ST_OK, 1,
        "at byte 61: the private key of alias 'web' claims 4294967295 bytes, 0 are left"),
    ROW("chain too long", HEAD "\0\0\0\1" KEY "\xff\xff\xff\xff" CERT, ST_OK, 2,
        "at byte 55: certificate 2 of alias 'web' is cut short"),
    ROW("alias for terminals", HEAD "\0\0\0\2" "\0\0\0\2\0\2\x1b[" DATE CERT "\0\0\0\2\0\1a" DATE X509 "\0\0\0\7", ST_OK, 1,
        "at byte 66: the certificate of alias 'a' claims 7 bytes, 0 are left"),
    ROW("a secret that is no object", JCEKS "\0\0\0\2" TRUSTED "\0\0\0\3\0\1s" DATE "not an object", ST_OK, 2,
        "at byte 63: the secret key of alias 's' cannot be passed over (the stream header), so what comes "
        "after it is not read"),
};

#define STREAM "\xac\xed\0\5"
#define SUID   "\1\2\3\4\5\6\7\x08"
static const struct object {
    const char *name;
    struct bytes content;
    const char *fault; /* NULL: it is passed over, to its end */
} objects[] = {
#define OBJECT(name, content, fault) { name, { (const uint8_t *)(content), sizeof(content) - 1 }, fault }
    OBJECT("null", STREAM "\x70", NULL),
    OBJECT("a string", STREAM "\x74\0\3abc", NULL),
    OBJECT("bytes", STREAM "\x75\x72\0\2[B" SUID "\2\0\0\x78\x70" "\0\0\0\3abc", NULL),
    OBJECT("an array of nulls", STREAM "\x75\x72\0\2[X" SUID "\2\0\0\x78\x70" "\0\0\0\2\x70\x70", NULL),
    OBJECT("an object with an int and a string",
           STREAM "\x73\x72\0\1A" SUID "\2\0\2I\0\1iL\0\1s\x74\0\2LS\x78\x70" "\0\0\0\7\x74\0\1x", NULL),
    OBJECT("an object that extends another",
           STREAM "\x73\x72\0\1B" SUID "\2\0\1B\0\1b\x78" "\x72\0\1A" SUID "\2\0\1J\0\1j\x78\x70" "12345678" "b", NULL),
    OBJECT("written by itself", STREAM "\x73\x72\0\1A" SUID "\3\0\0\x78\x70" "\x77\2ab\x7a\0\0\0\1c\x70\x78", NULL),
    OBJECT("external", STREAM "\x73\x72\0\1A" SUID "\x0c\0\0\x78\x70" "\x77\1a\x78", NULL),
    OBJECT("a class met before", STREAM "\x75\x72\0\2[A" SUID "\2\0\0\x78\x70" "\0\0\0\2"
           "\x73\x72\0\1A" SUID "\2\0\1Z\0\1z\x78\x70" "1" "\x73\x71\0\x7e\0\2" "2", NULL),
    OBJECT("a constant", STREAM "\x7e\x72\0\1E" SUID "\x12\0\0\x78\x70" "\x74\0\1A", NULL),
    OBJECT("a proxy", STREAM "\x73\x7d\0\0\0\1\0\1I\x78\x70", NULL),
    OBJECT("no stream", "abcd\x70", "the stream header"),
    OBJECT("an unknown kind", STREAM "\x01", "an object of unknown kind"),
    OBJECT("a reference to nothing", STREAM "\x71\0\x7e\0\0", "a reference to nothing"),
    OBJECT("bytes beyond the end", STREAM "\x75\x72\0\2[B" SUID "\2\0\0\x78\x70" "\xff\xff\xff\xff" "abc", "an array"),
    OBJECT("nulls beyond the end", STREAM "\x75\x72\0\2[X" SUID "\2\0\0\x78\x70" "\xff\xff\xff\xff\x70\x70", "an object"),
    OBJECT("more fields than are followed", STREAM "\x73\x72\0\1A" SUID "\2\0\x41", "more fields than are followed"),
    OBJECT("a class that extends itself", STREAM "\x73\x72\0\1A" SUID "\2\0\0\x78\x71\0\x7e\0\0",
           "a class that extends itself"),
    OBJECT("an external of the old form", STREAM "\x73\x72\0\1A" SUID "\4\0\0\x78\x70", "a class whose objects have no form"),
    OBJECT("cut", STREAM "\x73\x72\0\1A" SUID "\2\0\1I\0\1i\x78\x70" "\0\0\0", "a field"),
};
/* clang-format on */

static struct keystore *open_store(void)
{
    struct keystore *k = NULL;
    struct err err = { 0 };
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    return k;
}

static void read_row(void **state)
{
    const struct row *row = *state;
    struct keystore *k = open_store();
    struct err err = { 0 };
    assert_int_equal(keystore_add_bytes(k, "x", row->content, NULL, &err), row->status);
    assert_int_equal(keystore_n(k), row->n_entries);
    const char *fault = row->status == ST_OK ? keystore_file(k, 0)->fault : err.text + 3;
    if (row->fault == NULL || fault == NULL) {
        assert_ptr_equal(row->fault, fault);
    } else {
        assert_string_equal(fault, row->fault);
    }
    keystore_free(k);
}

static void skip_object(void **state)
{
    const struct object *row = *state;
    struct fault fault = { 0 };
    struct reader in = rd_whole(row->content, &fault);
    bool is_skipped = java_object_skip(&in);
    assert_int_equal(is_skipped, row->fault == NULL);
    assert_int_equal(is_skipped, fault.kind == FAULT_NONE);
    if (is_skipped) {
        assert_int_equal(rd_left(&in), 0);
    } else {
        assert_string_equal(fault.what, row->fault);
    }
}

/* Objects in each other: more than are followed, but no deeper stack of ours. */
static void deep_object(void **state)
{
    struct text t = { 0 };
    struct fault fault = { 0 };
    (void)state;
    text_put(&t, STREAM "\x75\x72\0\2[X" SUID "\2\0\0\x78\x70\0\0\0\1", 27);
    for (size_t i = 0; i < 10000; i++) {
        text_put(&t, "\x75\x71\0\x7e\0\0\0\0\0\2", 10);
    }
    struct reader in = rd_whole(bytes_of(t.p, t.len), &fault);
    assert_false(java_object_skip(&in));
    assert_int_equal(fault.kind, FAULT_MALFORMED);
    text_deinit(&t);
}

static size_t load(const char *path, uint8_t *room, size_t size)
{
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    size_t n = fread(room, 1, size, f);
    fclose(f);
    assert_in_range(n, 100, size - 1);
    return n;
}

/* Cut anywhere, a store gives the entries before the cut as they are, and says where it ends. */
static void cut_file(const char *path)
{
    static uint8_t content[8192];
    size_t size = load(path, content, sizeof content);
    struct keystore *whole = open_store();
    struct err err = { 0 };
    assert_int_equal(keystore_add_bytes(whole, "x", bytes_of(content, size), NULL, &err), ST_OK);
    for (size_t len = 4; len < size; len++) {
        struct keystore *k = open_store();
        enum status st = keystore_add_bytes(k, "x", bytes_of(content, len), NULL, &err);
        assert_true(st == ST_OK ? keystore_file(k, 0)->fault != NULL : st == ST_FORMAT);
        assert_true(keystore_n(k) <= keystore_n(whole));
        for (size_t i = 0; i < keystore_n(k); i++) {
            const struct keystore_entry *a = keystore_entry(k, i);
            const struct keystore_entry *b = keystore_entry(whole, i);
            assert_int_equal(a->kind, b->kind);
            assert_string_equal(a->alias, b->alias);
            assert_true(bytes_equal(a->der, b->der));
        }
        keystore_free(k);
    }
    keystore_free(whole);
}

static void cut_jks(void **state)
{
    (void)state;
    cut_file("tests/data/keystore/store.jks");
}

static void cut_jceks(void **state)
{
    (void)state;
    cut_file("tests/data/keystore/store.jceks");
}

/* Any changed byte breaks the seal. */
static void seal(void **state)
{
    static uint8_t content[8192];
    struct err err = { 0 };
    struct keystore_options options = { .password = "changeit" };
    size_t size = load("tests/data/keystore/store.jks", content, sizeof content);
    (void)state;
    for (size_t at = 250; at < size; at += 97) {
        struct keystore *k = open_store();
        content[at] ^= 1;
        if (keystore_add_bytes(k, "x", bytes_of(content, size), &options, &err) == ST_OK) {
            const struct keystore_file *f = keystore_file(k, 0);
            assert_true(f->integrity == KEYSTORE_WRONG_PASSWORD_OR_ALTERED || f->fault != NULL);
        }
        content[at] ^= 1;
        keystore_free(k);
    }
}

static void modified_utf8(void **state)
{
    struct text t = { 0 };
    (void)state;
    modified_utf8_put(&t, BYTES("a\xc3\xa9\xc0\x80\xed\xa0\xb4\xed\xb4\x9e\xed\xa0\xb4z"));
    assert_true(
        bytes_equal(bytes_of(t.p, t.len), BYTES("a\xc3\xa9\0\xf0\x9d\x84\x9e\xed\xa0\xb4z")));
    text_deinit(&t);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(objects) + 5];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, read_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        tests[n++] =
            (struct CMUnitTest){ objects[i].name, skip_object, NULL, NULL, (void *)&objects[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(deep_object);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(cut_jks);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(cut_jceks);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(seal);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(modified_utf8);
    return cmocka_run_group_tests_name("keystore_jks", tests, NULL, NULL);
}
