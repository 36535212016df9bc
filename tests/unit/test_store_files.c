/* Files as openssl(1), keytool and jar make them, put into a keystore; and what comes out, read by
 * openssl. What is not installed is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "store/alias.h"

enum { COMMAND_MAX = 2048, FILE_MAX = 1 << 20 };

static char dir[] = "/tmp/handfast-files-XXXXXX";
static char path[64];
static struct store *store;
static struct store_problem problem;
static bool has_openssl, has_keytool, has_jar;

/* In the directory, silent; true where it succeeds. */
static bool run(const char *command)
{
    char whole[COMMAND_MAX];
    snprintf(whole, sizeof whole, "cd %s && ( %s ) >log 2>&1", dir, command);
    return system(whole) == 0; /* NOLINT(cert-env33-c): literals of this file */
}

static void want(const char *command)
{
    if (!run(command)) {
        fail_msg("%s", command);
    }
}

static int open_all(void **state)
{
    (void)state;
    struct keystore_name name = { "o", "e", "k" };
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    assert_int_equal(store_begin(store, NULL), ST_OK);
    assert_int_equal(keystores_create(store, &name, &problem), ST_OK);
    has_openssl = run("openssl version");
    has_keytool = run("keytool -help");
    has_jar = run("jar --version");
    if (has_openssl) {
        want("openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem "
             "-subj '/CN=Root' -days 30 -addext basicConstraints=critical,CA:TRUE");
        want("openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr "
             "-subj '/C=GB/O=Example, Inc./CN=a.example'");
        want("printf 'subjectAltName=DNS:a.example' > ext && openssl x509 -req -in leaf.csr "
             "-CA root.pem -CAkey root.key -CAcreateserial -days 90 -extfile ext -out leaf.pem");
        want("(cat leaf.pem; echo; cat root.pem) > chain.pem");
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    char command[128];
    store_close(store);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command); /* NOLINT(cert-env33-c): a literal and a name of mkdtemp() */
}

static struct bytes load(const char *name)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s/%s", dir, name);
    FILE *f = fopen(whole, "rbe");
    assert_non_null(f);
    uint8_t *p = malloc(FILE_MAX);
    size_t len = fread(p, 1, FILE_MAX, f);
    fclose(f);
    return bytes_of(p, len);
}

static void save(const char *name, struct bytes content)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s/%s", dir, name);
    FILE *f = fopen(whole, "wbe");
    assert_int_equal(fwrite(content.p, 1, content.len, f), content.len);
    fclose(f);
}

static enum status put(const char *alias, struct alias_upload u)
{
    char out[ALIAS_NAME_MAX + 1];
    struct alias_name name = { "o", "e", "k", alias };
    problem_clear(&problem);
    return alias_create(store, &name, &u, out, &problem);
}

struct row {
    const char *name;
    const char *command;
    enum alias_format format;
    const char *cert_file, *key_file, *file;
    const char *password;
    size_t n_certs;   /* 0: refused */
    const char *says; /* of the refusal */
    bool wants_keytool, wants_jar;
};

#define PAIR  ALIAS_KEY_CERT_FILE
#define P12   ALIAS_PKCS12
#define JAR   ALIAS_KEY_CERT_JAR
#define TRUST ALIAS_TRUST_CERT

/* clang-format off */
static const struct row rows[] = {
    { "PKCS#8", "true", PAIR, "chain.pem", "leaf.key", NULL, NULL, 2, NULL, false, false },
    { "PKCS#1", "openssl rsa -traditional -in leaf.key -out t.key", PAIR, "chain.pem", "t.key", NULL, NULL, 2, NULL, false, false },
    { "PKCS#1, 3DES", "openssl rsa -traditional -des3 -passout pass:secret -in leaf.key -out d.key", PAIR, "chain.pem", "d.key", NULL, "secret", 2, NULL, false, false },
    { "PKCS#8, AES", "openssl pkcs8 -topk8 -passout pass:secret -in leaf.key -out a.key", PAIR, "chain.pem", "a.key", NULL, "secret", 2, NULL, false, false },
    { "PKCS#8, scrypt", "openssl pkcs8 -topk8 -scrypt -passout pass:secret -in leaf.key -out s.key", PAIR, "chain.pem", "s.key", NULL, "secret", 2, NULL, false, false },
    { "PKCS#8, PBES1 3DES", "openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout pass:secret -in leaf.key -out b.key", PAIR, "chain.pem", "b.key", NULL, "secret", 2, NULL, false, false },
    { "key in DER", "openssl pkcs8 -topk8 -nocrypt -outform DER -in leaf.key -out k.der", PAIR, "chain.pem", "k.der", NULL, NULL, 2, NULL, false, false },
    { "CRLF", "sed 's/$/\\r/' chain.pem > c.pem && sed 's/$/\\r/' leaf.key > c.key", PAIR, "c.pem", "c.key", NULL, NULL, 2, NULL, false, false },
    { "text before each", "openssl x509 -text -in leaf.pem > x.pem && (echo; openssl x509 -text -in root.pem) >> x.pem", PAIR, "x.pem", "leaf.key", NULL, NULL, 2, NULL, false, false },
    { "no line between", "cat leaf.pem root.pem > n.pem", PAIR, "n.pem", "leaf.key", NULL, NULL, 0, "empty line", false, false },
    { "P-256", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout e.key -out e.pem -subj /CN=e -days 90", PAIR, "e.pem", "e.key", NULL, NULL, 1, NULL, false, false },
    { "P-256, SEC 1", "openssl ec -in e.key -out e1.key", PAIR, "e.pem", "e1.key", NULL, NULL, 1, NULL, false, false },
    { "Ed25519", "openssl req -x509 -newkey ed25519 -nodes -keyout ed.key -out ed.pem -subj /CN=e -days 90", PAIR, "ed.pem", "ed.key", NULL, NULL, 1, NULL, false, false },
    { "certificate in DER", "openssl x509 -in root.pem -outform DER -out root.der", TRUST, "root.der", NULL, NULL, NULL, 1, NULL, false, false },
    { "the CA's key", "true", PAIR, "chain.pem", "root.key", NULL, NULL, 0, "not the first one", false, false },
    { "another key", "true", PAIR, "leaf.pem", "e.key", NULL, NULL, 0, "does not belong", false, false },

    { "PKCS#12", "openssl pkcs12 -export -in leaf.pem -inkey leaf.key -certfile root.pem -passout pass:secret -out m.p12", P12, NULL, NULL, "m.p12", "secret", 2, NULL, false, false },
    { "PKCS#12, old", "openssl pkcs12 -export -legacy -in leaf.pem -inkey leaf.key -certfile root.pem -passout pass:secret -out l.p12", P12, NULL, NULL, "l.p12", "secret", 2, NULL, false, false },
    { "PKCS#12, no seal", "openssl pkcs12 -export -nomac -in leaf.pem -inkey leaf.key -certfile root.pem -passout pass:secret -out u.p12", P12, NULL, NULL, "u.p12", "secret", 2, NULL, false, false },
    { "PKCS#12, no password", "openssl pkcs12 -export -keypbe NONE -certpbe NONE -in leaf.pem -inkey leaf.key -certfile root.pem -passout pass: -out o.p12", P12, NULL, NULL, "o.p12", NULL, 2, NULL, false, false },
    { "PKCS#12, wrong password", "true", P12, NULL, NULL, "m.p12", "other", 0, "password", false, false },
    { "PKCS#12, no key", "openssl pkcs12 -export -nokeys -in root.pem -passout pass:secret -out r.p12", P12, NULL, NULL, "r.p12", "secret", 0, "no private key", false, false },

    { "PKCS#12 of keytool", "keytool -importkeystore -noprompt -srckeystore m.p12 -srcstoretype pkcs12 -srcstorepass secret -destkeystore kt.p12 -deststoretype pkcs12 -deststorepass secret9", P12, NULL, NULL, "kt.p12", "secret9", 2, NULL, true, false },
    { "JKS", "keytool -importkeystore -noprompt -srckeystore m.p12 -srcstoretype pkcs12 -srcstorepass secret -destkeystore kt.jks -deststoretype jks -deststorepass secret9 -destkeypass secret9", P12, NULL, NULL, "kt.jks", "secret9", 0, "not PKCS#12", true, false },
    { "of keytool -genkeypair", "keytool -genkeypair -keyalg RSA -keysize 2048 -alias a -dname CN=b.example -validity 90 -storetype pkcs12 -keystore g.p12 -storepass secret9", P12, NULL, NULL, "g.p12", "secret9", 1, NULL, true, false },

    { "JAR", "mkdir -p META-INF && printf 'certFile=chain.pem\\nkeyFile=a.key\\n' > META-INF/descriptor.properties && jar -cf my.jar chain.pem a.key && jar -uf my.jar META-INF/descriptor.properties", JAR, NULL, NULL, "my.jar", "secret", 2, NULL, false, true },
    { "JAR, wrong password", "true", JAR, NULL, NULL, "my.jar", "other", 0, "password", false, true },
};
/* clang-format on */

static struct alias_upload upload_of(const struct row *row)
{
    struct alias_upload u = { .format = row->format, .password = row->password };
    if (row->cert_file != NULL) {
        u.cert_file = load(row->cert_file);
    }
    if (row->key_file != NULL) {
        u.key_file = load(row->key_file);
    }
    if (row->file != NULL) {
        u.file = load(row->file);
    }
    return u;
}

/* The key that is kept, by openssl, is the certificate's. */
static void expect_kept(const struct row *row)
{
    struct alias a;
    struct alias_name name = { "o", "e", "k", "a" };
    assert_int_equal(alias_load(store, &name, true, &a, &problem), ST_OK);
    assert_int_equal(a.n_certs, row->n_certs);
    save("kept.pem", bytes_of_str(a.pem));
    if (a.has_key) {
        save("kept.key", a.key);
        want("openssl x509 -in kept.pem -noout -pubkey > pub1 && "
             "openssl pkey -in kept.key -passin pass:none -pubout > pub2 && cmp pub1 pub2");
    }
    alias_deinit(&a);
    assert_int_equal(alias_delete(store, &name, &problem), ST_OK);
}

static void files(void **state)
{
    const struct row *row = *state;
    if (!has_openssl || (row->wants_keytool && !has_keytool) || (row->wants_jar && !has_jar)) {
        print_message("# openssl, keytool or jar is not installed\n");
        skip();
    }
    want(row->command);
    struct alias_upload u = upload_of(row);
    enum status st = put("a", u);
    free((void *)u.cert_file.p);
    free((void *)u.key_file.p);
    free((void *)u.file.p);
    if (row->n_certs == 0) {
        assert_int_equal(st, ST_USAGE);
        if (strstr(problem.message, row->says) == NULL) {
            fail_msg("%s", problem.message);
        }
        return;
    }
    if (st != ST_OK) {
        fail_msg("%s", problem.message);
    }
    expect_kept(row);
}

/* What is given out, openssl reads: the chain verifies, the request is signed, the self-signed
 * certificate is its own anchor. */
static void what_comes_out(void **state)
{
    (void)state;
    struct text out = { 0 };
    json_t *body = json_loads("{\"alias\":\"own\",\"subject\":{\"commonName\":\"c.example\"},"
                              "\"subjectAlternativeDNSNames\":[\"c.example\"]}",
                              0, NULL);
    struct alias_name own = { "o", "e", "k", "own" };
    struct alias_upload u = { .format = ALIAS_SELF_SIGNED, .body = body };
    if (!has_openssl) {
        json_decref(body);
        skip();
    }
    assert_int_equal(put(NULL, u), ST_OK);
    json_decref(body);
    assert_int_equal(alias_put_pem(store, &own, &out, &problem), ST_OK);
    save("own.pem", bytes_of(out.p, out.len));
    want("openssl verify -auth_level 2 -purpose sslserver -verify_hostname c.example "
         "-CAfile own.pem own.pem");
    text_clear(&out);
    assert_int_equal(alias_put_csr(store, &own, &out, &problem), ST_OK);
    save("own.csr", bytes_of(out.p, out.len));
    want("openssl req -in own.csr -verify -noout -text > csr.txt && grep -q DNS:c.example csr.txt");
    text_deinit(&out);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, files, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(what_comes_out);
    return cmocka_run_group_tests_name("files", tests, open_all, close_all);
}
