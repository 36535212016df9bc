#include "upload_parts.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>

enum { DAY_S = 86400 };

struct made_cert made[N_WHO];

void make_people(void)
{
    made[ROOT] = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    made[ISSUER] = make_cert(
        &(struct cert_recipe){ .name = "Issuing CA", .issuer = &made[ROOT], .is_ca = true });
    const struct cert_recipe leaf = { .name = "a.example",
                                      .organization = "Example, Inc.",
                                      .issuer = &made[ISSUER],
                                      .names = "DNS:a.example,IP:192.0.2.1",
                                      .key = MADE_RSA2048,
                                      .eku = "serverAuth,clientAuth" };
    struct cert_recipe r = leaf;
    made[LEAF] = make_cert(&r);
    made[OTHER] = make_cert(&r);
    r.until_s = MAKE_CERT_NOW - DAY_S;
    made[OLD] = make_cert(&r);
    r.until_s = MAKE_CERT_NOW + 10 * DAY_S;
    made[SOON] = make_cert(&r);
    r.until_s = 0;
    r.from_s = MAKE_CERT_NOW + DAY_S;
    made[NEW] = make_cert(&r);
    r = leaf;
    r.issuer = NULL;
    made[OWN] = make_cert(&r);
    r = leaf;
    r.key = MADE_RSA1024;
    made[WEAK] = make_cert(&r);
    r = leaf;
    r.issuer = &made[ROOT];
    made[CLIENT_OF_ROOT] = make_cert(&r);
    r = leaf;
    r.names = NULL;
    made[PLAIN] = make_cert(&r);
    r = leaf;
    r.eku = "emailProtection";
    made[MAIL] = make_cert(&r);
}

void free_people(void)
{
    for (size_t i = 1; i < N_WHO; i++) {
        made_cert_free(&made[i]);
    }
}

/* --- parts --- */

struct bytes part_of(BIO *bio)
{
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    uint8_t *copy = malloc((size_t)len + 1);
    if (copy == NULL || !bytes_copy(copy, (size_t)len, bytes_of(p, (size_t)len))) {
        abort();
    }
    BIO_free(bio);
    return bytes_of(copy, (size_t)len);
}

struct bytes certs_pem(const enum who *list, const char *between)
{
    BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; i < PART_CERTS_MAX && list[i] != NOBODY; i++) {
        BIO_puts(bio, i > 0 ? between : "");
        PEM_write_bio_X509(bio, made[list[i]].x);
    }
    return part_of(bio);
}

struct bytes key_pem(enum who who, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password != NULL ? EVP_aes_256_cbc() : NULL;
    PEM_write_bio_PKCS8PrivateKey(bio, made[who].key, cipher, password,
                                  password != NULL ? (int)strlen(password) : 0, NULL, NULL);
    return part_of(bio);
}

struct bytes traditional_pem(enum who who, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, made[who].key, EVP_aes_128_cbc(),
                                         (const unsigned char *)password, (int)strlen(password),
                                         NULL, NULL);
    return part_of(bio);
}

struct bytes pkcs12_of(const enum who *list, enum who key, const char *password)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    for (size_t i = 1; i < PART_CERTS_MAX && list[i] != NOBODY; i++) {
        sk_X509_push(others, made[list[i]].x);
    }
    PKCS12 *p12 =
        PKCS12_create(password, "web", made[key].key, made[list[0]].x, others, 0, 0, 0, 0, 0);
    if (p12 == NULL) {
        abort();
    }
    BIO *bio = BIO_new(BIO_s_mem());
    i2d_PKCS12_bio(bio, p12);
    PKCS12_free(p12);
    sk_X509_free(others);
    return part_of(bio);
}
