/* Files of every format (tests/data/keystore): what is read of each, with which password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "keystore/keystore.h"

#define FOLDER "tests/data/keystore/"

struct row {
    const char *file;
    const char *password;
    enum keystore_format format;
    enum keystore_integrity integrity;
    const char *entries; /* as put_entry() tells them */
    const char *fault;   /* a part of the file's fault, or of an entry's; NULL: none has one */
};

/* clang-format off */
#define CHAIN_OF(alias) "cert:371:" alias " cert:357: "
static const struct row rows[] = {
    { "leaf.pem",          NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "cert:371: ", NULL },
    { "crl.pem",           NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "crl:151: ", NULL },
    { "chain-p7.pem",      NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "cert:371: cert:357: ", NULL },
    { "bundle.pem",        "changeit", KEYSTORE_PEM,    KEYSTORE_NO_SEAL,
      "cert:376:!2 cert:357: other:EC PARAMETERS key: key: crl:151: cert:371: cert:371: cert:357: "
      "other:CERTIFICATE REQUEST ", NULL },
    { "bundle.pem",        NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL,
      "cert:376:!2 cert:357: other:EC PARAMETERS key: locked: crl:151: cert:371: cert:371: cert:357: "
      "other:CERTIFICATE REQUEST ", "line 32: the private key is encrypted, and no password was given" },
    { "key.pem",           NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-ec.pem",        NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-ec-locked.pem", "changeit", KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-ec-locked.pem", "changed",  KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "locked: ",
      "line 1: the password does not open the private key" },
    { "key-ec-locked.pem", NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "locked: ", "no password was given" },
    { "key-locked.pem",    "changeit", KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-locked.pem",    "changed",  KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "locked: ",
      "line 1: the password does not open the private key" },
    { "key-locked.pem",    NULL,       KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "locked: ", "no password was given" },
    { "key-scrypt.pem",    "changeit", KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-scrypt.pem",    "changed",  KEYSTORE_PEM,    KEYSTORE_NO_SEAL, "locked: ", "does not open" },

    { "leaf.der",          NULL,       KEYSTORE_DER,    KEYSTORE_NO_SEAL, "cert:371: ", NULL },
    { "crl.der",           NULL,       KEYSTORE_DER,    KEYSTORE_NO_SEAL, "crl:151: ", NULL },
    { "key.der",           NULL,       KEYSTORE_DER,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-ec.der",        NULL,       KEYSTORE_DER,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-locked.der",    "changeit", KEYSTORE_DER,    KEYSTORE_NO_SEAL, "key: ", NULL },
    { "key-locked.der",    "",         KEYSTORE_DER,    KEYSTORE_NO_SEAL, "locked: ", "at byte 0: the password" },
    { "rounds-key.der",    "changeit", KEYSTORE_DER,    KEYSTORE_NO_SEAL, "locked: ",
      "at byte 0: the private key asks for more rounds of password hashing than are done here" },
    { "chain.p7b",         NULL,       KEYSTORE_PKCS7,  KEYSTORE_NO_SEAL,
      "cert:371: cert:357: crl:151: ", NULL },

    { "modern.p12",        "changeit", KEYSTORE_PKCS12, KEYSTORE_INTACT, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "no-mac.p12",        "changeit", KEYSTORE_PKCS12, KEYSTORE_NO_SEAL, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "open.p12",          NULL,       KEYSTORE_PKCS12, KEYSTORE_NO_SEAL, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "open.p12",          "changed",  KEYSTORE_PKCS12, KEYSTORE_NO_SEAL, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "mac-only.p12",      "changeit", KEYSTORE_PKCS12, KEYSTORE_INTACT, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "mac-only.p12",      NULL,       KEYSTORE_PKCS12, KEYSTORE_NOT_CHECKED, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "mac-only.p12",      "changed",  KEYSTORE_PKCS12, KEYSTORE_WRONG_PASSWORD_OR_ALTERED,
      CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "no-password.p12",   NULL,       KEYSTORE_PKCS12, KEYSTORE_INTACT, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "no-password.p12",   "for more", KEYSTORE_PKCS12, KEYSTORE_INTACT, CHAIN_OF("web=0") "key:web=0 ", NULL },
    { "certs.p12",         "changeit", KEYSTORE_PKCS12, KEYSTORE_INTACT, "cert:371: cert:357: cert:376: ", NULL },
    { "java.p12",          "changeit", KEYSTORE_PKCS12, KEYSTORE_INTACT,
      "key:web=0 cert:371:web=0 cert:357:CN=Sub cert:376:root! ", NULL },

    { "store.jks",         "changeit", KEYSTORE_JKS,    KEYSTORE_INTACT,
      "key:web=0 cert:371:web=0 cert:357:web=0 cert:376:wurzel-é€𝄞! ", NULL },
    { "store.jks",         NULL,       KEYSTORE_JKS,    KEYSTORE_NOT_CHECKED,
      "locked:web=0 cert:371:web=0 cert:357:web=0 cert:376:wurzel-é€𝄞! ",
      "at byte 33: the private key of alias 'web' is encrypted, and no password was given" },
    { "store.jks",         "changed",  KEYSTORE_JKS,    KEYSTORE_WRONG_PASSWORD_OR_ALTERED,
      "locked:web=0 cert:371:web=0 cert:357:web=0 cert:376:wurzel-é€𝄞! ",
      "at byte 33: the password does not open the private key of alias 'web'" },
    { "empty.jks",         "changeit", KEYSTORE_JKS,    KEYSTORE_INTACT, "", NULL },
    { "store.jceks",       "changeit", KEYSTORE_JCEKS,  KEYSTORE_INTACT,
      "secret:secret3 cert:376:root! secret:secret2 key:web=3 cert:371:web=3 cert:357:web=3 "
      "secret:secret1 ", NULL },
    { "store.jceks",       "changed",  KEYSTORE_JCEKS,  KEYSTORE_WRONG_PASSWORD_OR_ALTERED,
      "secret:secret3 cert:376:root! secret:secret2 locked:web=3 cert:371:web=3 cert:357:web=3 "
      "secret:secret1 ", "at byte 1378: the password does not open" },
};

/* What is no error of ours and yet not read: a part of the sentence after the path. */
static const struct refusal {
    const char *file, *password, *says;
    bool wants_password;
} refusals[] = {
    { "request.pem",     NULL,       "line 1: it is a certificate request (CSR)", false },
    { "request.der",     NULL,       "it is a certificate request (CSR)", false },
    { "leaf-spki.der",   NULL,       "it is a public key without a certificate", false },
    { "modern.p12",      NULL,       "it is encrypted, and no password was given", true },
    { "modern.p12",      "changed",  "the password is wrong, or the file was altered", true },
    { "java.p12",        NULL,       "it is encrypted, and no password was given", true },
    { "no-mac.p12",      "changed",  "the password does not open it", true },
    { "rounds-mac.p12",  "changeit", "the MAC of the file asks for more rounds", false },
    { "rounds-safe.p12", "changeit", "a safe that asks for more rounds", false },
    { "make",            NULL,       "it is text without a BEGIN line", false },
    { "no-such-file",    NULL,       "No such file", false },
};
/* clang-format on */

static void put_entry(struct text *t, const struct keystore_entry *e, size_t first_group)
{
    static const char *const kinds[] = { "cert", "key", "crl", "secret", "other" };
    bool is_locked = e->kind == KEYSTORE_KEY && e->is_locked;
    text_printf(t, "%s:", is_locked ? "locked" : kinds[e->kind]);
    if (e->kind == KEYSTORE_CERTIFICATE || e->kind == KEYSTORE_CRL) {
        text_printf(t, "%zu:", e->der.len);
    }
    if (e->alias != NULL) {
        text_puts(t, e->alias);
    }
    if (e->is_trusted) {
        text_putc(t, '!');
        if (e->line > 0) {
            text_printf(t, "%u", e->line);
        }
    }
    if (e->alias != NULL && strcmp(e->alias, "web") == 0) {
        text_printf(t, "=%zu", e->group - first_group);
    }
    text_putc(t, ' ');
}

static struct bytes load_spki(uint8_t *room, size_t size)
{
    FILE *f = fopen(FOLDER "leaf-spki.der", "rbe");
    assert_non_null(f);
    size_t n = fread(room, 1, size, f);
    fclose(f);
    assert_in_range(n, 1, size - 1);
    return bytes_of(room, n);
}

static void check_entries(const struct row *row, const struct keystore *k)
{
    struct text told = { 0 };
    const char *fault = keystore_file(k, 0)->fault;
    uint8_t room[256];
    struct bytes spki = load_spki(room, sizeof room);
    for (size_t i = 0; i < keystore_n(k); i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        put_entry(&told, e, keystore_entry(k, 0)->group);
        fault = fault == NULL ? e->fault : fault;
        assert_int_equal(e->spki.len > 0, e->kind == KEYSTORE_KEY && e->fault == NULL);
        if (e->spki.len > 0) {
            assert_true(bytes_equal(e->spki, spki));
        }
    }
    assert_string_equal(text_str(&told), row->entries);
    text_deinit(&told);
    if (row->fault == NULL || fault == NULL || strstr(fault, row->fault) == NULL) {
        assert_ptr_equal(row->fault, fault);
    }
}

static void read_row(void **state)
{
    const struct row *row = *state;
    char path[256];
    struct keystore *k = NULL;
    struct err err = { 0 };
    struct keystore_options options = { .password = row->password };
    snprintf(path, sizeof path, FOLDER "%s", row->file);
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(keystore_add(k, path, &options, &err), ST_OK);
    assert_int_equal(keystore_n_files(k), 1);
    assert_string_equal(keystore_file(k, 0)->path, path);
    assert_int_equal(keystore_file(k, 0)->format, row->format);
    assert_int_equal(keystore_file(k, 0)->integrity, row->integrity);
    assert_int_equal(keystore_file(k, 0)->n_entries, keystore_n(k));
    check_entries(row, k);
    keystore_free(k);
}

static void refuse_row(void **state)
{
    const struct refusal *row = *state;
    char path[256];
    struct keystore *k = NULL;
    struct err err = { 0 };
    struct keystore_options options = { .password = row->password };
    snprintf(path, sizeof path, FOLDER "%s", row->file);
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_not_equal(keystore_add(k, path, &options, &err), ST_OK);
    assert_memory_equal(err.text, path, strlen(path));
    if (strstr(err.text, row->says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, row->says);
    }
    assert_int_equal(keystore_wants_password(k), row->wants_password);
    assert_int_equal(keystore_n(k), 0);
    assert_int_equal(keystore_n_files(k), 0);
    keystore_free(k);
}

/* RC2-40 and DES: OpenSSL's legacy provider, where it is installed. */
static void old_ciphers(void **state)
{
    static const char *const files[] = { FOLDER "legacy.p12", FOLDER "key-md5-des.pem" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct keystore *k = NULL;
        struct err err = { 0 };
        struct keystore_options options = { .password = "changeit" };
        assert_int_equal(keystore_new(&k, &err), ST_OK);
        enum status st = keystore_add(k, files[i], &options, &err);
        if (st == ST_OK) {
            assert_int_equal(keystore_n(k), i == 0 ? 3 : 1);
        } else {
            assert_non_null(strstr(err.text, "legacy provider"));
        }
        keystore_free(k);
    }
}

/* A MAC of a kind that is not known (PBMAC1, RFC 9579) says nothing; the safes open all the same.
 */
static void unknown_mac(void **state)
{
    static const char sha256[] = "\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    static const char pbmac1[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e";
    uint8_t content[4096];
    struct keystore *k = NULL;
    struct err err = { 0 };
    struct keystore_options options = { .password = "changeit" };
    (void)state;
    FILE *f = fopen(FOLDER "modern.p12", "rbe");
    assert_non_null(f);
    size_t size = fread(content, 1, sizeof content, f);
    fclose(f);
    size_t at = size - 9;
    while (at > 0 && memcmp(content + at, sha256, 9) != 0) {
        at--;
    }
    assert_true(at > 0 && bytes_copy(content + at, 9, bytes_of(pbmac1, 9)));
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(keystore_add_bytes(k, "x", bytes_of(content, size), &options, &err), ST_OK);
    assert_int_equal(keystore_file(k, 0)->integrity, KEYSTORE_NOT_CHECKED);
    assert_null(keystore_file(k, 0)->fault);
    assert_int_equal(keystore_n(k), 3);
    keystore_free(k);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(refusals) + 2];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].file, read_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        tests[n++] =
            (struct CMUnitTest){ refusals[i].file, refuse_row, NULL, NULL, (void *)&refusals[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(old_ciphers);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(unknown_mac);
    return cmocka_run_group_tests_name("keystore_files", tests, NULL, NULL);
}
