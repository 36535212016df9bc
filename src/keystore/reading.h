/*
 * reading: what the readers of this area share: the store, and one file while it is read. Not for
 * other areas.
 *
 * All that is kept lives in the store's arena, whose limit is what a folder of hostile files can
 * cost. A reader adds entries; what it cannot read becomes a fault of an entry or of the file; an
 * error (ST_FORMAT) means that nothing of the file was of use, and what it added is taken back.
 * Secrets pass through the scratch buffer and the content only; both are wiped.
 */
#ifndef HANDFAST_KEYSTORE_READING_H
#define HANDFAST_KEYSTORE_READING_H

#include <openssl/x509.h>

#include "base/arena.h"
#include "base/text.h"
#include "keystore/keystore.h"

enum {
    ENTRIES_PER_BLOCK = 256,
    FILES_PER_BLOCK = 256,
    FILES_MAX = 65536,
    KEPT_BYTES_MAX = 512 << 20, /* of all files: DER, names, the lists themselves */
    FAULTS_MAX = 1000           /* of one file; more of them say nothing new */
};

struct keystore {
    struct arena arena;
    struct keystore_entry *entries[KEYSTORE_ENTRIES_MAX / ENTRIES_PER_BLOCK];
    struct keystore_file *files[FILES_MAX / FILES_PER_BLOCK];
    size_t n_entries, n_files, n_groups;
    uint8_t *scratch;
    size_t scratch_size;
    OSSL_LIB_CTX *crypto; /* NULL: not needed yet */
    OSSL_PROVIDER *providers[2];
    uint64_t rounds; /* of password hashing, spent on all files */
    bool wants_password;
};

struct reading {
    struct keystore *k;
    struct keystore_file *file;
    struct bytes content;
    const char *password; /* NULL: none */
    struct err *err;
    size_t at;     /* of the block or value that is being read */
    uint32_t line; /* PEM: of its BEGIN line */
    size_t first_entry, n_faults;
    uint64_t rounds;     /* of password hashing, spent on this file */
    const char *other;   /* what the first block is that is of no use here */
    uint32_t other_line; /* its line; 0: the file is not PEM */
    bool is_foreign;     /* nothing of use was found, and nothing broken */
};

/* keystore.c. A file is opened, which lists it, and run; undone, it is no more listed. After a run
 * that fails it has no entries. */
enum status reading_open(struct reading *r, struct keystore *k, const char *name,
                         const struct keystore_options *options, struct err *err) NODISCARD;
enum status reading_run(struct reading *r, struct bytes content) NODISCARD;
void reading_undo(struct reading *r);

/* entries.c. A new entry of the file, at the place that is being read, in a group of its own. */
enum status reading_add(struct reading *r, enum keystore_entry_kind kind,
                        struct keystore_entry **out) NODISCARD;
/* The place and the reason, kept as the entry's fault, or the file's. */
enum status entry_fault(struct reading *r, struct keystore_entry *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4) NODISCARD;
enum status file_fault(struct reading *r, const char *fmt, ...) PRINTF_LIKE(2, 3) NODISCARD;
enum status reading_no_room(const struct reading *r) NODISCARD; /* memory, or the limit */
/* Bytes as text that is safe for terminals, kept in *out. */
enum status keep_text(struct reading *r, struct bytes name, const char **out) NODISCARD;
enum status keep_bytes(struct reading *r, struct bytes b, struct bytes *out) NODISCARD;
/* At least `size` bytes that are wiped with the store; NULL without memory. One user at a time. */
uint8_t *reading_scratch(struct reading *r, size_t size);

/* content.c. Tells the format and reads the content, all of it or in part (the file's fault). */
enum status read_content(struct reading *r) NODISCARD;

/* crypto.c. OpenSSL's algorithms, and with those of old files; NULL without memory. */
OSSL_LIB_CTX *crypto_context(struct keystore *k);
OSSL_LIB_CTX *crypto_context_with_legacy(struct keystore *k);
bool crypto_has_legacy(const struct keystore *k);
void crypto_deinit(struct keystore *k);

/* pem.c. */
bool pem_is_in(struct bytes content); /* a BEGIN line */
enum status read_pem(struct reading *r) NODISCARD;
/* der.c. One value after the other. */
enum status read_der(struct reading *r) NODISCARD;
/* A certificate or CRL; its length is checked, no more. */
enum status add_certificate(struct reading *r, struct bytes der,
                            struct keystore_entry **out) NODISCARD;
enum status add_crl(struct reading *r, struct bytes der) NODISCARD;

/* pkcs7.c, pkcs12.c: an entry for each certificate, CRL and key in it. */
enum status add_pkcs7(struct reading *r, struct bytes der) NODISCARD;
enum status add_pkcs12(struct reading *r, struct bytes der) NODISCARD;

/* key.c. Each adds an entry: with the public half, or locked, or with a fault. The bytes may be in
 * the scratch buffer. `headers`: of a traditional PEM block (RFC 1421), empty for none. */
enum status add_key(struct reading *r, struct bytes der) NODISCARD;
enum status add_locked_key(struct reading *r, struct bytes der) NODISCARD; /* PKCS#8 */
enum status add_traditional_key(struct reading *r, struct bytes headers,
                                struct bytes der) NODISCARD;

/* For an entry there is: the public half of a PrivateKeyInfo, the key of an
 * EncryptedPrivateKeyInfo; a key that stays locked, and why. */
enum status keep_pkcs8(struct reading *r, struct keystore_entry *e, struct bytes der) NODISCARD;
enum status keep_pkcs8_info(struct reading *r, struct keystore_entry *e,
                            const PKCS8_PRIV_KEY_INFO *info) NODISCARD;
enum status open_locked_key(struct reading *r, struct keystore_entry *e,
                            const X509_SIG *sealed) NODISCARD;
enum status stay_locked(struct reading *r, struct keystore_entry *e, const char *why) NODISCARD;

#endif
