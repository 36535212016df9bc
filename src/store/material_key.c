/* Private keys: of a file of their own, of PKCS#12, and as they are kept. */
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <stdlib.h>

#include "keystore/keystore.h"
#include "store/material.h"

/* OpenSSL's algorithms with those of old files (RC2-40 and such), apart from the rest of the
 * program. */
struct algorithms {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *providers[2];
};

static bool algorithms_init(struct algorithms *a)
{
    *a = (struct algorithms){ .context = OSSL_LIB_CTX_new() };
    if (a->context == NULL) {
        return false;
    }
    a->providers[0] = OSSL_PROVIDER_load(a->context, "default");
    a->providers[1] = OSSL_PROVIDER_load(a->context, "legacy"); /* may be NULL: not installed */
    return a->providers[0] != NULL;
}

static void algorithms_deinit(struct algorithms *a)
{
    for (size_t i = 0; i < ARRAY_LEN(a->providers); i++) {
        if (a->providers[i] != NULL) {
            OSSL_PROVIDER_unload(a->providers[i]);
        }
    }
    OSSL_LIB_CTX_free(a->context);
}

/* --- a key as ours --- */

static enum status bad_key(const char *part, const char *why, struct store_problem *problem)
{
    return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s: %s", part, why);
}

/* Both halves of a key belong together: else nothing that it signs can be verified. */
static const char *key_fault(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    if (bits > MATERIAL_KEY_BITS_MAX) {
        return "a private key of more than 8192 bits";
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool is_sound = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return is_sound ? NULL : "the private key is damaged: its two halves do not belong together";
}

static bool keep_spki(struct material *m)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(m->key, &der);
    if (len > 0) {
        m->spki = arena_copy(&m->arena, bytes_of(der, (size_t)len));
    }
    OPENSSL_free(der);
    return len > 0 && m->spki.p != NULL;
}

enum status material_take_key(struct material *m, const char *part, EVP_PKEY *key,
                              struct store_problem *problem)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    EVP_PKEY *ours = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(key);
    EVP_PKEY_free(m->key);
    m->key = ours;
    if (ours == NULL) {
        return bad_key(part, "a private key of a kind that is not known here", problem);
    }
    const char *fault = key_fault(ours);
    if (fault != NULL) {
        return bad_key(part, fault, problem);
    }
    return keep_spki(m) ? ST_OK : problem_no_memory(problem);
}

enum status material_key_pem(EVP_PKEY *key, struct bytes *out, struct store_problem *problem)
{
    *out = (struct bytes){ 0 };
    BIO *bio = BIO_new(BIO_s_secmem());
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    char *p = NULL;
    long len = 0;
    if (bio != NULL && info != NULL && PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1) {
        len = BIO_get_mem_data(bio, &p);
    }
    uint8_t *copy = len > 0 ? calloc(1, (size_t)len + 1) : NULL;
    if (copy != NULL && bytes_copy(copy, (size_t)len, bytes_of(p, (size_t)len))) {
        *out = bytes_of(copy, (size_t)len);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    BIO_free(bio);
    return out->p != NULL ? ST_OK : problem_no_memory(problem);
}

/* --- what the keystore's reader finds first --- */

/* It knows formats, tells faults with their place, and bounds what a password may cost. */
static enum status look_at_key(const struct keystore *k, const char *part, const char *password,
                               struct store_problem *problem)
{
    const struct keystore_entry *key = NULL;
    for (size_t i = 0; i < keystore_n(k); i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        if (e->kind == KEYSTORE_KEY && key != NULL) {
            return bad_key(part, "it holds more than one private key", problem);
        }
        key = e->kind == KEYSTORE_KEY ? e : key;
    }
    if (key == NULL) {
        return bad_key(part, "it holds no private key", problem);
    }
    if (key->is_locked) {
        bool is_given = password != NULL && password[0] != '\0';
        return problem_set(problem, PROBLEM_ID_PASSWORD_WRONG,
                           is_given ? "%s: the password does not open the private key"
                                    : "%s: the private key is locked and needs its password",
                           part);
    }
    return key->fault == NULL ? ST_OK : bad_key(part, key->fault, problem);
}

static enum status look_at(struct keystore *k, const char *part, struct bytes content,
                           const char *password, struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore_options options = { .password = password };
    if (keystore_add_bytes(k, part, content, &options, &err) != ST_OK) {
        if (err.status == ST_NOMEM) {
            return problem_failed(problem, &err);
        }
        if (keystore_wants_password(k)) {
            bool is_given = password != NULL && password[0] != '\0';
            return problem_set(problem, PROBLEM_ID_PASSWORD_WRONG,
                               is_given ? "The password does not open %s, or it was altered"
                                        : "%s is locked: it needs its password",
                               part);
        }
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s", err.text);
    }
    return look_at_key(k, part, password, problem);
}

/* --- a key of its own --- */

static int give_password(char *buf, int size, int is_writing, void *arg)
{
    (void)is_writing;
    const char *password = arg;
    size_t len = password != NULL ? strlen(password) : 0;
    if (size < 0 || !bytes_copy(buf, (size_t)size, bytes_of(password, len))) {
        return -1;
    }
    return (int)len;
}

/* PEM, else DER. */
static EVP_PKEY *decode_key(const struct algorithms *a, struct bytes content, const char *password)
{
    BIO *bio = BIO_new_mem_buf(content.p, (int)content.len);
    if (bio == NULL) {
        return NULL;
    }
    EVP_PKEY *key =
        PEM_read_bio_PrivateKey_ex(bio, NULL, give_password, (void *)password, a->context, NULL);
    if (key == NULL && BIO_reset(bio) == 1) {
        key = d2i_PrivateKey_ex_bio(bio, NULL, a->context, NULL);
    }
    if (key == NULL && BIO_reset(bio) == 1) {
        key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_password, (void *)password);
    }
    BIO_free(bio);
    return key;
}

static enum status read_key(struct material *m, const char *part, struct bytes content,
                            const char *password, struct store_problem *problem)
{
    struct algorithms a;
    enum status st = ST_OK;
    if (!algorithms_init(&a)) {
        st = problem_no_memory(problem);
    } else {
        EVP_PKEY *key = decode_key(&a, content, password);
        st = key != NULL ? material_take_key(m, part, key, problem)
                         : bad_key(part, "the private key cannot be read", problem);
    }
    algorithms_deinit(&a);
    return st;
}

enum status material_add_key(struct material *m, const char *part, struct bytes content,
                             const char *password, struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore *k = NULL;
    if (keystore_new(&k, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    ERR_set_mark();
    enum status st = look_at(k, part, content, password, problem);
    if (st == ST_OK) {
        st = read_key(m, part, content, password, problem);
    }
    ERR_pop_to_mark();
    keystore_free(k);
    return st;
}

/* --- PKCS#12 --- */

/* PKCS12_parse() of OpenSSL 3.0 wants a seal: a file without one gets it. */
static bool seal(PKCS12 *p12, const char *password)
{
    return PKCS12_mac_present(p12) == 1 ||
           PKCS12_set_mac(p12, password, -1, NULL, 0, 1, EVP_sha256()) == 1;
}

static EVP_PKEY *open_pkcs12(const struct algorithms *a, struct bytes content, const char *password)
{
    PKCS12 *p12 = PKCS12_init_ex(NID_pkcs7_data, a->context, NULL);
    const unsigned char *p = content.p;
    const char *word = password != NULL ? password : "";
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    if (p12 != NULL && d2i_PKCS12(&p12, &p, (long)content.len) != NULL && seal(p12, word) &&
        PKCS12_parse(p12, word, &key, &cert, NULL) != 1) {
        key = NULL;
    }
    X509_free(cert);
    PKCS12_free(p12);
    return key;
}

static enum status take_certs(struct material *m, const struct keystore *k,
                              struct store_problem *problem)
{
    for (size_t i = 0; i < keystore_n(k); i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        if (e->kind != KEYSTORE_CERTIFICATE) {
            continue;
        }
        if (e->fault != NULL) {
            return problem_set(problem, PROBLEM_ID_CERTIFICATE_REFUSED, "%s: %s", m->part,
                               e->fault);
        }
        if (m->n == ALIAS_CERTS_MAX) {
            return bad_key(m->part, "it holds more certificates than are taken", problem);
        }
        m->der[m->n] = arena_copy(&m->arena, e->der);
        if (m->der[m->n++].p == NULL) {
            return problem_no_memory(problem);
        }
    }
    return m->n > 0 ? ST_OK : bad_key(m->part, "it holds no certificate", problem);
}

static enum status want_pkcs12(const struct keystore *k, const char *part,
                               struct store_problem *problem)
{
    const struct keystore_file *file = keystore_file(k, 0);
    if (file->format != KEYSTORE_PKCS12) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID,
                           "%s is %s, not PKCS#12 (keytool -importkeystore -deststoretype pkcs12 "
                           "turns a Java key store into one)",
                           part, keystore_format_name(file->format));
    }
    if (file->integrity == KEYSTORE_WRONG_PASSWORD_OR_ALTERED) {
        return problem_set(problem, PROBLEM_ID_PASSWORD_WRONG,
                           "The password does not open %s, or it was altered", part);
    }
    return file->fault == NULL ? ST_OK : bad_key(part, file->fault, problem);
}

static enum status read_pkcs12(struct material *m, struct keystore *k, struct bytes content,
                               const char *password, struct store_problem *problem)
{
    struct algorithms a;
    TRY(look_at(k, m->part, content, password, problem));
    TRY(want_pkcs12(k, m->part, problem));
    TRY(take_certs(m, k, problem));
    enum status st = ST_OK;
    if (!algorithms_init(&a)) {
        st = problem_no_memory(problem);
    } else {
        EVP_PKEY *key = open_pkcs12(&a, content, password);
        st = key != NULL ? material_take_key(m, m->part, key, problem)
                         : bad_key(m->part, "the private key cannot be read", problem);
    }
    algorithms_deinit(&a);
    TRY(st);
    return material_sort(m, problem);
}

enum status material_add_pkcs12(struct material *m, const char *part, struct bytes content,
                                const char *password, struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore *k = NULL;
    m->part = part;
    if (keystore_new(&k, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    ERR_set_mark();
    enum status st = read_pkcs12(m, k, content, password, problem);
    ERR_pop_to_mark();
    keystore_free(k);
    return st;
}
