/* PEM: how blocks are framed, and what is said of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/text.h"
#include "keystore/keystore.h"
#include "keystore/pem_block.h"

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"
#define CERT  BEGIN "MAMCAQE=\n" END /* a SEQUENCE of one INTEGER */

struct row {
    const char *name;
    struct bytes content;
    size_t n_good, n_broken;
    const char *fault; /* of the first broken entry: all of it, or NULL */
};

/* clang-format off */
#define ROW(name, content, n_good, n_broken, fault) \
    { name, { (const uint8_t *)(content), sizeof(content) - 1 }, n_good, n_broken, fault }
static const struct row rows[] = {
    ROW("one block", CERT, 1, 0, NULL),
    ROW("no line end at the end", BEGIN "MAMCAQE=\n-----END CERTIFICATE-----", 1, 0, NULL),
    ROW("CRLF", "-----BEGIN CERTIFICATE-----\r\nMAMCAQE=\r\n-----END CERTIFICATE-----\r\n", 1, 0, NULL),
    ROW("byte order mark", "\xef\xbb\xbf" CERT, 1, 0, NULL),
    ROW("text around and between", "a\n\nb" "\n" CERT "c: d\n" CERT "-----\ne", 2, 0, NULL),
    ROW("NUL bytes between", CERT "\0\0\n" CERT, 2, 0, NULL),
    ROW("white space in the base64", BEGIN " MA\tMC \n\n AQE=  \n" END, 1, 0, NULL),
    ROW("blanks after the dashes", "-----BEGIN CERTIFICATE----- \t\nMAMCAQE=\n-----END CERTIFICATE-----  \n", 1, 0, NULL),
    ROW("old label", "-----BEGIN X509 CERTIFICATE-----\nMAMCAQE=\n-----END X509 CERTIFICATE-----\n", 1, 0, NULL),
    ROW("trusted: the first value", "-----BEGIN TRUSTED CERTIFICATE-----\nMAMCAQEwAA==\n"
        "-----END TRUSTED CERTIFICATE-----\n", 1, 0, NULL),
    ROW("headers", BEGIN "Comment: x\nMore: y\n\nMAMCAQE=\n" END, 1, 0, NULL),
    ROW("other kinds between", "-----BEGIN FOO-----\n!\n-----END FOO-----\n" CERT, 2, 0, NULL),

    ROW("no END", CERT BEGIN "MAMCAQE=\n", 1, 1,
        "line 4: the block that begins here has no END line before the end of the file"),
    ROW("BEGIN in a block", BEGIN "MAMC\n" CERT, 1, 1,
        "line 1: the block that begins here has no END line before the next line of dashes"),
    ROW("END of another", BEGIN "MAMCAQE=\n-----END X509 CRL-----\n" CERT, 1, 1,
        "line 1: the block that begins here ends with an END line of another kind"),
    ROW("END goes on", BEGIN "MAMCAQE=\n-----END CERTIFICATE-----x\n" CERT, 1, 1,
        "line 1: the block that begins here ends with an END line that goes on after its dashes"),
    ROW("files put together", BEGIN "MAMCAQE=\n-----END CERTIFICATE-----" CERT, 1, 1,
        "line 1: the block that begins here ends with an END line that runs into the next BEGIN "
        "line: a line end is missing"),
    ROW("all on one line", "-----BEGIN CERTIFICATE----- MAMCAQE= -----END CERTIFICATE-----\n" CERT, 1, 1,
        "line 1: the block that begins here starts with a BEGIN line that goes on after its dashes: "
        "were its line ends lost, or written as \"\\n\"?"),
    ROW("written line ends", "-----BEGIN CERTIFICATE-----\\nMAMCAQE=\\n-----END CERTIFICATE-----\\n\n" CERT, 1, 1,
        "line 1: the block that begins here starts with a BEGIN line that goes on after its dashes: "
        "were its line ends lost, or written as \"\\n\"?"),
    ROW("no base64", CERT BEGIN "MAMC\nA!E=\n" END, 1, 1,
        "line 6: a character that is not of the base64 alphabet, in the block that begins at line 4"),
    ROW("base64 cut", BEGIN "MAMCAQ\n" END CERT, 1, 1,
        "line 3: base64 that ends in the middle of a group of four, in the block that begins at line 1"),
    ROW("padding in the middle", BEGIN "MA==CAQE=\n" END CERT, 1, 1,
        "line 2: base64 that goes on after its padding, in the block that begins at line 1"),
    ROW("padding too early", BEGIN "M===\n" END CERT, 1, 1,
        "line 2: a base64 padding character that closes no group, in the block that begins at line 1"),
    ROW("padding too long", BEGIN "MAMCAQE==\n" END CERT, 1, 1,
        "line 2: a base64 padding character that closes no group, in the block that begins at line 1"),
    ROW("empty", BEGIN END CERT, 1, 1, "line 1: the certificate is no DER SEQUENCE"),
    ROW("cut inside", BEGIN "MAMC\n" END CERT, 1, 1, "line 1: the certificate claims 5 bytes, 3 are there"),
    ROW("more behind", BEGIN "MAMCAQEA\n" END CERT, 1, 1,
        "line 1: the certificate ends after 5 bytes, and 1 more stand behind it"),
    ROW("a key that is none", "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n", 0, 1,
        "line 1: the private key cannot be decoded"),
    ROW("a locked key that is none", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAMCAQE=\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n", 0, 1, "line 1: the encrypted private key cannot be decoded"),
    ROW("a cipher nobody knows", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: ROT-13,00\n\nMAMCAQE=\n-----END RSA PRIVATE KEY-----\n", 0, 1,
        "line 1: the headers of the private key cannot be read"),
};

/* A file of nothing but that: the sentence after the name. */
static const struct row refusals[] = {
    ROW("nothing", "", 0, 0, "no certificates or keys: it is empty"),
    ROW("white space", " \r\n\t\n", 0, 0, "no certificates or keys: it is empty but for white space"),
    ROW("text", "hello\n", 0, 0, "no certificates or keys: it is text without a BEGIN line"),
    ROW("HTML", "\n<!DOCTYPE HTML>\n<p>", 0, 0,
        "no certificates or keys: it is an HTML page, perhaps an error page or a login page in the file's place"),
    ROW("capture", "\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 0, 0,
        "no certificates or keys: it is a packet capture: \"handfast explain\" reads it"),
    ROW("bare base64", "MIIBgjCCASegAwIBAgIUXYoV\n", 0, 0,
        "no certificates or keys: it is bare base64: the BEGIN and END lines of PEM are missing around it"),
    ROW("indented", "key: |\n  -----BEGIN CERTIFICATE-----\n  MAMCAQE=\n  -----END CERTIFICATE-----\n", 0, 0,
        "no certificates or keys: it is text whose BEGIN lines do not start at the start of the line: "
        "they are indented or quoted, and programs pass over them"),
    ROW("bytes", "\x01\x02\x03", 0, 0, "no certificates or keys: it is of no format that is known here"),
    ROW("request", "x\n-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQE=\n-----END CERTIFICATE REQUEST-----\n", 0, 0,
        "line 2: it is a certificate request (CSR); the certificate is what the CA makes of it"),
    ROW("OpenSSH", "-----BEGIN OPENSSH PRIVATE KEY-----\nMAMCAQE=\n-----END OPENSSH PRIVATE KEY-----\n", 0, 0,
        "line 1: it is a private key of OpenSSH, which TLS does not use"),
    ROW("unknown label", "-----BEGIN FOO-----\n-----END FOO-----\n", 0, 0,
        "line 1: it is a PEM block of a kind that is not known here"),
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
    size_t n_good = 0;
    size_t n_broken = 0;
    const char *fault = NULL;
    assert_int_equal(keystore_add_bytes(k, "x", row->content, NULL, &err), ST_OK);
    assert_int_equal(keystore_file(k, 0)->format, KEYSTORE_PEM);
    for (size_t i = 0; i < keystore_n(k); i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        bool is_good = e->fault == NULL;
        n_good += is_good;
        n_broken += !is_good;
        fault = fault == NULL ? e->fault : fault;
        if (is_good && e->kind == KEYSTORE_CERTIFICATE) {
            assert_true(bytes_equal(e->der, BYTES("\x30\x03\x02\x01\x01")));
            assert_memory_equal(row->content.p + e->at, "-----BEGIN", 10);
        }
    }
    assert_int_equal(n_good, row->n_good);
    assert_int_equal(n_broken, row->n_broken);
    if (row->fault == NULL) {
        assert_null(fault);
    } else {
        assert_string_equal(fault, row->fault);
    }
    keystore_free(k);
}

static void refuse_row(void **state)
{
    const struct row *row = *state;
    struct keystore *k = open_store();
    struct err err = { 0 };
    assert_int_equal(keystore_add_bytes(k, "x", row->content, NULL, &err), ST_FORMAT);
    assert_memory_equal(err.text, "x: ", 3);
    assert_string_equal(err.text + 3, row->fault);
    assert_int_equal(keystore_n_files(k), 0);
    keystore_free(k);
}

/* Lines are counted past all that stands before. */
static void places(void **state)
{
    struct keystore *k = open_store();
    struct err err = { 0 };
    (void)state;
    struct bytes content = BYTES("\xef\xbb\xbf\n" CERT "x\r\n" CERT BEGIN "\n" CERT);
    static const struct {
        uint32_t line;
        uint64_t at;
    } wanted[] = { { 2, 4 }, { 6, 70 }, { 9, 133 }, { 11, 162 } };
    assert_int_equal(keystore_add_bytes(k, "x", content, NULL, &err), ST_OK);
    assert_int_equal(keystore_n(k), ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(keystore_entry(k, i)->line, wanted[i].line);
        assert_int_equal(keystore_entry(k, i)->at, wanted[i].at);
    }
    keystore_free(k);
}

static void put_times(struct text *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text_puts(t, s);
    }
    assert_false(t->failed);
}

/* A thousand broken blocks say what a million would. */
static void many_broken(void **state)
{
    struct keystore *k = open_store();
    struct text t = { 0 };
    struct err err = { 0 };
    (void)state;
    put_times(&t, BEGIN, 100000);
    assert_int_equal(keystore_add_bytes(k, "x", bytes_of(t.p, t.len), NULL, &err), ST_OK);
    assert_int_equal(keystore_n(k), 1000);
    assert_string_equal(keystore_file(k, 0)->fault, "line 1000: the 1000th block that cannot be "
                                                    "read; the rest was not looked at");
    text_deinit(&t);
    keystore_free(k);
}

/* Beyond the limit of entries nothing of the file stays. */
static void too_many(void **state)
{
    struct keystore *k = open_store();
    struct text t = { 0 };
    struct err err = { 0 };
    (void)state;
    assert_int_equal(keystore_add_bytes(k, "first", BYTES(CERT), NULL, &err), ST_OK);
    put_times(&t, "-----BEGIN FOO-----\n-----END FOO-----\n", KEYSTORE_ENTRIES_MAX);
    put_times(&t, CERT, 1);
    assert_int_equal(keystore_add_bytes(k, "x", bytes_of(t.p, t.len), NULL, &err), ST_USAGE);
    assert_string_equal(err.text, "x: more than 1048576 entries");
    assert_int_equal(keystore_n(k), 1);
    assert_int_equal(keystore_n_files(k), 1);
    text_deinit(&t);
    keystore_free(k);
}

/* RFC 4648 section 4, with line breaks here and there. */
static void put_base64(struct text *t, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < len ? bytes[i + 2] : 0;
        text_putc(t, digits[group >> 18]);
        text_putc(t, digits[group >> 12 & 63]);
        text_puts(t, i % 4 == 0 ? "\r\n" : "");
        text_putc(t, (char)(i + 1 < len ? digits[group >> 6 & 63] : '='));
        text_putc(t, (char)(i + 2 < len ? digits[group & 63] : '='));
    }
}

/* What is written is read again, wherever white space stands. */
static void base64_round(void **state)
{
    uint8_t bytes[67];
    uint8_t out[256];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 41 + 7);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct text t = { 0 };
        struct fault fault = { 0 };
        size_t out_len = 0;
        put_base64(&t, bytes, len);
        assert_true(base64_room(t.len) <= sizeof out);
        assert_true(base64_decode(bytes_of(t.p, t.len), out, &out_len, &fault));
        assert_true(bytes_equal(bytes_of(out, out_len), bytes_of(bytes, len)));
        text_deinit(&t);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(refusals) + 4];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, read_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        tests[n++] =
            (struct CMUnitTest){ refusals[i].name, refuse_row, NULL, NULL, (void *)&refusals[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(places);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(many_broken);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_many);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(base64_round);
    return cmocka_run_group_tests_name("keystore_pem", tests, NULL, NULL);
}
