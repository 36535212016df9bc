/* META-INF/descriptor.properties, in Java's form of properties, and the JARs that have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <zip.h>

#include "make_cert.h"
#include "store/descriptor.h"
#include "store/material.h"

struct row {
    const char *name;
    struct bytes text;
    const char *cert_file, *key_file;
    const char *fault;
};

#define LONG255                                                                                    \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab" \
    "cdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567" \
    "89abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define ROW(name, text, cert, key, fault)                                                          \
    {                                                                                              \
        name, { (const uint8_t *)(text), sizeof(text) - 1 }, cert, key, fault                      \
    }

/* clang-format off */
static const struct row rows[] = {
    ROW("plain", "certFile=a.pem\nkeyFile=b.pem\n", "a.pem", "b.pem", NULL),
    ROW("no line end", "certFile=a.pem\nkeyFile=b.pem", "a.pem", "b.pem", NULL),
    ROW("CRLF", "certFile=a.pem\r\nkeyFile=b.pem\r\n", "a.pem", "b.pem", NULL),
    ROW("CR", "certFile=a.pem\rkeyFile=b.pem\r", "a.pem", "b.pem", NULL),
    ROW("blanks", "  certFile = a.pem  \n\tkeyFile\t:\tb.pem\t\n", "a.pem", "b.pem", NULL),
    ROW("a blank parts", "certFile a.pem\nkeyFile b c.pem\n", "a.pem", "b c.pem", NULL),
    ROW("comments", "# certFile=x\n! keyFile=y\ncertFile=a\n\n\nkeyFile=b\n", "a", "b", NULL),
    ROW("a comment does not go on", "# \\\ncertFile=a\n", "a", "", NULL),
    ROW("goes on", "cert\\\n   File=a\\\r\n  .pem\nkeyFile=b\n", "a.pem", "b", NULL),
    ROW("escapes", "cert\\File=a\\=b\\\\c\nkeyFile\\==x\n", "a=b\\c", "", NULL),
    ROW("a separator in the value", "certFile=a=b:c\n", "a=b:c", "", NULL),
    ROW("in the folder", "certFile=./a.pem\nkeyFile=/b.pem\n", "a.pem", "b.pem", NULL),
    ROW("the last counts", "certFile=a\ncertFile=b\n", "b", "", NULL),
    ROW("other keys", "Certfile=a\ncertFileX=b\ncertFil=c\n", "", "", NULL),
    ROW("byte order mark", "\xef\xbb\xbf" "certFile=a\n", "a", "", NULL),
    ROW("a backslash ends it", "certFile=a\\", "a", "", NULL),
    ROW("key alone", "certFile", "", "", "a value is empty"),
    ROW("no value", "certFile=\nkeyFile=b", "", "", "a value is empty"),
    ROW("a folder", "certFile=/\n", "", "", "a value is empty"),
    ROW("a NUL", "certFile=a\0b\n", NULL, NULL, "a value has a NUL in it"),
    ROW("longest", "certFile=" LONG255 "\n", LONG255, "", NULL),
    ROW("too long", "certFile=" LONG255 "x\n", "", "", "a value is too long"),
    ROW("a line too long", "x=" LONG255 LONG255 LONG255 LONG255 LONG255 "\n", "", "", "a line is too long"),
    ROW("nothing", "", "", "", NULL),
};
/* clang-format on */

static void descriptors(void **state)
{
    const struct row *row = *state;
    struct descriptor d;
    const char *fault = descriptor_read(row->text, &d);
    if (row->fault == NULL) {
        assert_null(fault);
    } else {
        assert_non_null(fault);
        assert_string_equal(fault, row->fault);
    }
    if (row->cert_file != NULL) {
        assert_string_equal(d.cert_file, row->cert_file);
        assert_string_equal(d.key_file, row->key_file);
    }
}

/* --- JARs --- */

static struct made_cert leaf;
static struct bytes cert, key, locked;

static struct bytes take(BIO *bio)
{
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    uint8_t *copy = malloc((size_t)len);
    assert_true(bytes_copy(copy, (size_t)len, bytes_of(p, (size_t)len)));
    BIO_free(bio);
    return bytes_of(copy, (size_t)len);
}

static int make_parts(void **state)
{
    (void)state;
    leaf = make_cert(&(struct cert_recipe){ .name = "a.example", .names = "DNS:a.example" });
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, leaf.x);
    cert = take(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, NULL, NULL, 0, NULL, NULL);
    key = take(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, leaf.key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
    locked = take(bio);
    return 0;
}

static int free_parts(void **state)
{
    (void)state;
    free((void *)cert.p);
    free((void *)key.p);
    free((void *)locked.p);
    made_cert_free(&leaf);
    return 0;
}

struct file {
    const char *path;
    struct bytes content;
};

enum { FILES_MAX = 5 };

static struct bytes jar_of(const struct file *files)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_source_keep(source);
    zip_t *zip = zip_open_from_source(source, ZIP_TRUNCATE, &error);
    for (size_t i = 0; i < FILES_MAX && files[i].path != NULL; i++) {
        zip_source_t *from = zip_source_buffer(zip, files[i].content.p, files[i].content.len, 0);
        assert_true(zip_file_add(zip, files[i].path, from, 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
    zip_stat_t st;
    zip_source_stat(source, &st);
    uint8_t *copy = malloc((size_t)st.size);
    zip_source_open(source);
    assert_int_equal(zip_source_read(source, copy, st.size), st.size);
    zip_source_close(source);
    zip_source_free(source);
    zip_error_fini(&error);
    return bytes_of(copy, (size_t)st.size);
}

static enum status read_jar(const struct file *files, const char *password,
                            struct store_problem *problem)
{
    struct material m;
    struct alias_upload u = { .format = ALIAS_KEY_CERT_JAR,
                              .file = jar_of(files),
                              .password = password };
    *problem = (struct store_problem){ 0 };
    enum status st = material_read(&u, &m, problem);
    if (st == ST_OK) {
        assert_int_equal(m.n, 1);
        assert_true(bytes_equal(m.der[0], leaf.der));
        assert_non_null(m.key);
        assert_int_equal(EVP_PKEY_eq(m.key, leaf.key), 1);
    }
    material_deinit(&m);
    free((void *)u.file.p);
    return st;
}

#define DESCRIPTOR "META-INF/descriptor.properties"

static void jars(void **state)
{
    (void)state;
    const struct bytes names = BYTES("certFile=c.pem\nkeyFile=k.pem\n");
    const struct bytes manifest = BYTES("Manifest-Version: 1.0\n");
    const struct {
        struct file files[FILES_MAX];
        const char *password;
        const char *says; /* NULL: it is taken */
    } table[] = {
        { { { "META-INF/MANIFEST.MF", manifest },
            { DESCRIPTOR, names },
            { "c.pem", cert },
            { "k.pem", key } },
          NULL,
          NULL },
        { { { DESCRIPTOR, names }, { "c.pem", cert }, { "k.pem", locked } }, "secret", NULL },
        { { { DESCRIPTOR, names }, { "c.pem", cert }, { "k.pem", locked } }, "wrong", "password" },
        { { { DESCRIPTOR, names }, { "c.pem", cert }, { "k.pem", locked } }, NULL, "password" },
        { { { "x.crt", cert }, { "y.key", key } },
          NULL,
          NULL }, /* no descriptor, and plain enough */
        { { { "x.crt", cert }, { "y.key", key }, { "z.key", key } }, NULL, "no META-INF" },
        { { { "x.crt", cert } }, NULL, "no META-INF" },
        { { { DESCRIPTOR, names }, { "k.pem", key } }, NULL, "no c.pem" },
        { { { DESCRIPTOR, BYTES("certFile=c.pem\n") }, { "c.pem", cert } },
          NULL,
          "does not say keyFile" },
        { { { DESCRIPTOR, BYTES("certFile=\n") }, { "c.pem", cert } },
          NULL,
          "descriptor.properties: a value is empty" },
        { { { DESCRIPTOR, BYTES("certFile=../c.pem\nkeyFile=k.pem\n") },
            { "c.pem", cert },
            { "k.pem", key } },
          NULL,
          "no ../c.pem" },
        { { { DESCRIPTOR, names }, { "c.pem", key }, { "k.pem", key } },
          NULL,
          "holds a private key" },
        { { { "../c.pem", cert }, { "k.pem", key } }, NULL, "leads out" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct store_problem problem;
        enum status st = read_jar(table[i].files, table[i].password, &problem);
        assert_int_equal(st, table[i].says == NULL ? ST_OK : ST_USAGE);
        if (table[i].says != NULL && strstr(problem.message, table[i].says) == NULL) {
            fail_msg("%zu: %s", i, problem.message);
        }
    }
}

/* Small as a file, and more than is taken once it is unpacked. */
static void bombs_are_refused(void **state)
{
    (void)state;
    struct store_problem problem;
    size_t len = 12U << 20;
    uint8_t *zeros = calloc(1, len);
    const struct file files[FILES_MAX] = { { "c.pem", bytes_of(zeros, len) }, { "k.pem", key } };
    assert_int_equal(read_jar(files, NULL, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_INVALID);
    free(zeros);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, descriptors, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(jars);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(bombs_are_refused);
    return cmocka_run_group_tests_name("descriptor", tests, make_parts, free_parts);
}
