/* DER: what a value is by its outside, files of several values, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "keystore/der.h"
#include "keystore/keystore.h"

/* clang-format off */
#define ROW(name, content, shape) { name, { (const uint8_t *)(content), sizeof(content) - 1 }, shape }
static const struct row {
    const char *name;
    struct bytes content;
    enum der_shape shape;
} rows[] = {
    ROW("nothing",            "", SHAPE_NONE),
    ROW("text",               "0 s:CN = x", SHAPE_UNKNOWN),
    ROW("a SET",              "\x31\x02\x05\x00", SHAPE_NONE),
    ROW("an empty SEQUENCE",  "\x30\x00", SHAPE_UNKNOWN),
    ROW("lengths that lie",   "\x30\x84\xff\xff\xff\xff\x30\x84\xff\xff\xff\xff", SHAPE_UNKNOWN),
    ROW("a length of five",   "\x30\x85\x00\x00\x00\x00\x02\x05\x00", SHAPE_UNKNOWN),
    ROW("PKCS#12 in BER",     "\x30\x80\x02\x01\x03\x30\x80", SHAPE_PKCS12),
    ROW("PKCS#12, no MAC",    "\x30\x05\x02\x01\x03\x30\x00", SHAPE_PKCS12),
    ROW("PKCS#7 in BER",      "\x30\x80\x06\x09\x2a", SHAPE_PKCS7),
    ROW("PKCS#7",             "\x30\x05\x06\x01\x2a\xa0\x00", SHAPE_PKCS7),
    ROW("PKCS#8",             "\x30\x07\x02\x01\x00\x30\x00\x04\x00", SHAPE_PKCS8),
    ROW("a locked PKCS#8",    "\x30\x07\x30\x03\x06\x01\x2a\x04\x00", SHAPE_LOCKED_PKCS8),
    ROW("a public key",       "\x30\x07\x30\x03\x06\x01\x2a\x03\x00", SHAPE_PUBLIC_KEY),
    ROW("an EC key",          "\x30\x05\x02\x01\x01\x04\x00", SHAPE_EC_KEY),
    ROW("an OCSP response",   "\x30\x05\x0a\x01\x00\xa0\x00", SHAPE_OCSP_RESPONSE),
    ROW("a version 1 CRL",    "\x30\x0c\x30\x06\x30\x00\x30\x00\x17\x00\x30\x00\x03\x00", SHAPE_CRL),
    ROW("a request",          "\x30\x0f\x30\x09\x02\x01\x00\x30\x00\x30\x00\xa0\x00\x30\x00\x03\x00", SHAPE_REQUEST),
};

/* A certificate of 371 bytes, and what is done to it. */
static const struct change {
    const char *name;
    size_t keep;      /* bytes of it */
    const char *then; /* what follows */
    size_t times;
    size_t n_entries;
    const char *fault;       /* of the file; NULL: none */
    const char *entry_fault; /* of the last entry */
} changes[] = {
    { "whole",            371, "",        1, 1, NULL, NULL },
    { "two",              371, "",        2, 2, NULL, NULL },
    { "a line end",       371, "\r\n",    1, 1, NULL, NULL },
    { "text behind",      371, "\nhello", 1, 1, "at byte 371: 6 bytes that are no DER", NULL },
    { "cut",              200, "",        1, 1, "at byte 0: the value claims 371 bytes, 200 are left",
      "at byte 0: the certificate claims 371 bytes, 200 are there" },
    { "by one byte",      370, "",        1, 1, "at byte 0: the value claims 371 bytes, 370 are left",
      "at byte 0: the certificate claims 371 bytes, 370 are there" },
};
/* clang-format on */

static void shape_row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(der_shape(row->content), row->shape);
    for (size_t len = 0; len < row->content.len; len++) { /* cut: no byte beyond is looked at */
        uint8_t *exact = malloc(len + 1);
        assert_true(exact != NULL && bytes_copy(exact, len, bytes_head(row->content, len)));
        (void)der_shape(bytes_of(exact, len));
        free(exact);
    }
}

static void read_changed(void **state)
{
    const struct change *row = *state;
    uint8_t cert[512];
    struct text content = { 0 };
    struct keystore *k = NULL;
    struct err err = { 0 };
    FILE *f = fopen("tests/data/keystore/leaf.der", "rbe");
    assert_non_null(f);
    assert_int_equal(fread(cert, 1, sizeof cert, f), 371);
    fclose(f);
    for (size_t i = 0; i < row->times; i++) {
        text_put(&content, (const char *)cert, row->keep);
    }
    text_puts(&content, row->then);
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(keystore_add_bytes(k, "x", bytes_of(content.p, content.len), NULL, &err),
                     ST_OK);
    assert_int_equal(keystore_n(k), row->n_entries);
    const char *told[] = { keystore_file(k, 0)->fault,
                           keystore_entry(k, row->n_entries - 1)->fault };
    const char *wanted[] = { row->fault, row->entry_fault };
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(told[i] == NULL ? "" : told[i], wanted[i] == NULL ? "" : wanted[i]);
    }
    keystore_free(k);
    text_deinit(&content);
}

/* A thousand broken values say what a million would. */
static void many_broken(void **state)
{
    static const char broken[] =
        "\x30\x07\x30\x03\x06\x01\x2a\x04\x00"; /* a locked key of nothing */
    struct text content = { 0 };
    struct keystore *k = NULL;
    struct err err = { 0 };
    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        text_put(&content, broken, sizeof broken - 1);
    }
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(keystore_add_bytes(k, "x", bytes_of(content.p, content.len), NULL, &err),
                     ST_OK);
    assert_int_equal(keystore_n(k), 1000);
    assert_non_null(strstr(keystore_file(k, 0)->fault, "the 1000th value that cannot be read"));
    keystore_free(k);
    text_deinit(&content);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(changes) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ rows[i].name, shape_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        tests[n++] = (struct CMUnitTest){ changes[i].name, read_changed, NULL, NULL,
                                          (void *)(uintptr_t)&changes[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(many_broken);
    return cmocka_run_group_tests_name("keystore_der", tests, NULL, NULL);
}
