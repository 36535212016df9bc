/*
 * keystore: what files of certificates and keys hold, whatever their format.
 *
 * PEM (bundles in any order, text between blocks, BOM, CRLF), DER, PKCS#7, PKCS#12, and Java's JKS
 * and JCEKS; a directory stands for the files in it. Formats are told by content, never by name.
 * Nothing here judges a certificate, and no private key leaves: of a key only its public half is
 * kept, so that it can be matched with its certificate.
 *
 * A file that cannot be read at all is an error (file, place and reason); an entry that cannot be
 * read stands in the list with its fault. In a folder a file that cannot be read is listed with its
 * fault and no entries, and it is an error where no file of it is of use. Sources: RFC 7468 (PEM),
 * RFC 5652 (PKCS#7), RFC 7292 (PKCS#12), sun.security.provider.JavaKeyStore and
 * com.sun.crypto.provider.JceKeyStore (JDK 17).
 */
#ifndef HANDFAST_KEYSTORE_KEYSTORE_H
#define HANDFAST_KEYSTORE_KEYSTORE_H

#include "base/bytes.h"
#include "base/status.h"

enum keystore_format {
    KEYSTORE_PEM,
    KEYSTORE_DER,
    KEYSTORE_PKCS7,
    KEYSTORE_PKCS12,
    KEYSTORE_JKS,
    KEYSTORE_JCEKS,
    KEYSTORE_FOREIGN /* none of these: the file's fault says what it is */
};

enum keystore_entry_kind {
    KEYSTORE_CERTIFICATE,
    KEYSTORE_KEY,
    KEYSTORE_CRL,
    KEYSTORE_SECRET, /* JCEKS: a symmetric key; known to be there, never read */
    KEYSTORE_OTHER   /* a PEM block of another kind; its label is in `alias` */
};

/* Who vouches that the file is as it was written. */
enum keystore_integrity {
    KEYSTORE_NO_SEAL,     /* the format has none */
    KEYSTORE_NOT_CHECKED, /* no password was given, or the MAC is of a kind that is not known */
    KEYSTORE_INTACT,
    KEYSTORE_WRONG_PASSWORD_OR_ALTERED /* a MAC cannot tell which */
};

struct keystore_entry { /* lives as long as the keystore */
    enum keystore_entry_kind kind;
    size_t file;       /* keystore_file() says which */
    const char *alias; /* Java alias or friendlyName, safe for terminals; NULL where none */
    size_t group;      /* entries of one alias, of one PKCS#12 localKeyID: a key and its chain */
    bool is_trusted;  /* a trustedCertEntry of a Java keystore, or TRUSTED CERTIFICATE of OpenSSL */
    uint64_t at;      /* byte offset in the file */
    uint32_t line;    /* PEM: of the BEGIN line; else 0 */
    struct bytes der; /* of a certificate or CRL (not decoded: only its length is checked; with a
                         fault: what there is of it); empty for all else */
    struct bytes spki; /* SubjectPublicKeyInfo of a key that could be read; else empty */
    bool is_locked;    /* a key that its password did not open, or none was given */
    const char *fault; /* why it cannot be read: place and reason, "line 3: ..."; NULL: it can */
};

struct keystore_file {
    const char *path; /* as named, or found in the directory named */
    enum keystore_format format;
    enum keystore_integrity integrity;
    const char *fault; /* read in part, or of a folder's file not at all: place and reason, without
                          the path; NULL: whole */
    size_t n_entries;
};

struct keystore_options {
    const char *password; /* NULL: none; for PKCS#12, JKS, JCEKS and encrypted PEM keys */
    bool skip_foreign;    /* of a directory: files that hold nothing of this are passed over */
    void (*progress)(void *arg, size_t n_files); /* NULL: none; after each file of a directory */
    void *arg;
};

enum { KEYSTORE_FILE_BYTES_MAX = 64 << 20, KEYSTORE_ENTRIES_MAX = 1 << 20 };

struct keystore;
enum status keystore_new(struct keystore **out, struct err *err) NODISCARD;
void keystore_free(struct keystore *k); /* NULL is fine */
/* A file or directory ("-": standard input). Repeatable; on an error what was read before stays. */
enum status keystore_add(struct keystore *k, const char *path,
                         const struct keystore_options *options, struct err *err) NODISCARD;
/* The same of bytes in memory; `name` stands for the path and is copied. */
enum status keystore_add_bytes(struct keystore *k, const char *name, struct bytes content,
                               const struct keystore_options *options, struct err *err) NODISCARD;
/* The last keystore_add() met a file that no password, or the wrong one, kept it from reading. */
bool keystore_wants_password(const struct keystore *k);
size_t keystore_n(const struct keystore *k);
const struct keystore_entry *keystore_entry(const struct keystore *k, size_t i);
size_t keystore_n_files(const struct keystore *k);
const struct keystore_file *keystore_file(const struct keystore *k, size_t i);
const char *keystore_format_name(enum keystore_format f); /* "PEM", "PKCS#12" ... */

#endif
