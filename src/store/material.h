/*
 * material: what an upload brings: certificates in DER, leaf first, and perhaps a private key.
 *
 * Read only, not judged: what cannot be read is a problem (UPLOAD_INVALID, PASSWORD_WRONG,
 * CERTIFICATE_REFUSED for a broken certificate) that says which part and where in it. All-zero is
 * valid for deinit, which wipes what was of the key.
 *
 * Sources: RFC 7468 (PEM), RFC 5958 (PKCS#8), RFC 7292 (PKCS#12); the guide's JAR:
 * META-INF/descriptor.properties names certFile and keyFile.
 */
#ifndef HANDFAST_STORE_MATERIAL_H
#define HANDFAST_STORE_MATERIAL_H

#include <openssl/evp.h>

#include "base/arena.h"
#include "store/alias.h"

enum { MATERIAL_KEY_BITS_MAX = 8192, MATERIAL_ARENA_MAX = 16 << 20 };

struct material {
    struct arena arena;
    const char
        *part; /* where the certificates were: "certFile", "file"; in the arena, or literal */
    size_t n;
    struct bytes der[ALIAS_CERTS_MAX];
    uint32_t line[ALIAS_CERTS_MAX]; /* of the BEGIN line; 0: not PEM */
    EVP_PKEY *key;                  /* NULL: none */
    struct bytes spki;              /* of the key, in the arena */
};

enum status material_read(const struct alias_upload *upload, struct material *out,
                          struct store_problem *problem) NODISCARD;
void material_deinit(struct material *m);

/* --- the steps, for material_*.c --- */

/* Certificates of one text in PEM or DER. `ignore_newline` as in the upload. */
enum status material_add_certs(struct material *m, const char *part, struct bytes content,
                               bool ignore_newline, struct store_problem *problem) NODISCARD;
/* A private key in PEM or DER, sealed or not. */
enum status material_add_key(struct material *m, const char *part, struct bytes content,
                             const char *password, struct store_problem *problem) NODISCARD;
enum status material_add_pkcs12(struct material *m, const char *part, struct bytes content,
                                const char *password, struct store_problem *problem) NODISCARD;
enum status material_add_jar(struct material *m, const struct alias_upload *upload,
                             struct store_problem *problem) NODISCARD;
/* Takes a key of any library context: fills key and spki. */
enum status material_take_key(struct material *m, const char *part, EVP_PKEY *key,
                              struct store_problem *problem) NODISCARD;
/* The leaf is the one whose key is there; its issuers follow. Certificates that are no part of that
 * chain come last. */
enum status material_sort(struct material *m, struct store_problem *problem) NODISCARD;

/* The key as PKCS#8 in PEM, freed with store_bytes_free(). */
enum status material_key_pem(EVP_PKEY *key, struct bytes *out,
                             struct store_problem *problem) NODISCARD;
/* Certificates in PEM, an empty line between. False: no memory. */
bool material_put_pem(struct text *out, const struct bytes *der, size_t n);

#endif
