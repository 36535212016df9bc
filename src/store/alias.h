/*
 * alias: a certificate with its chain, and perhaps its private key, in a keystore.
 *
 * Without a key it is something to trust. A key is kept as PKCS#8 in PEM as the document's secret;
 * the password that came with it is not kept. It comes out by alias_export_key() only, and only
 * where it was marked exportable when it was put in; alias_key() is for the configuration of the
 * gateway itself.
 *
 * What is uploaded is judged before it is kept. Refused are, with the verdict in the contexts: what
 * cannot be decoded, a key that is not the first certificate's; dates that are over or to come
 * (unless ignore_expiry); certificates of one file with no empty line between (unless
 * ignore_newline); an incomplete or wrong chain, and a leaf put in where a CA certificate belongs
 * (unless ignore_chain). Other findings are warnings: ST_OK, and contexts with is_warning. Whether
 * a root is missing or an intermediate, x509_judge() tells; roots that the environment's keystores
 * hold are known to be roots.
 *
 * Sources: gateway-facts 1.2 to 1.4; RFC 7468, RFC 7292, RFC 2986 (CSR), RFC 5280.
 */
#ifndef HANDFAST_STORE_ALIAS_H
#define HANDFAST_STORE_ALIAS_H

#include "store/keystores.h"

enum { ALIAS_NAME_MAX = 255, ALIAS_UPLOAD_MAX = 1 << 20, ALIAS_CERTS_MAX = 100 };

/* How it came in. */
enum alias_format {
#define ALIAS_FORMAT(symbol, id) ALIAS_##symbol,
#include "store/alias_formats.def"
    ALIAS_N_FORMATS
};

struct alias_name { /* borrowed texts */
    const char *org, *env, *keystore, *alias;
};

/* Borrowed. Parts that are not there are empty. */
struct alias_upload {
    enum alias_format format;
    struct bytes cert_file;    /* keycertfile: PEM with the chain; truststore: PEM or DER */
    struct bytes key_file;     /* keycertfile: PEM */
    struct bytes file;         /* pkcs12, keycertjar */
    const struct json_t *body; /* selfsignedcert */
    const char *password;      /* of the key, the file; NULL: none */
    bool ignore_expiry, ignore_newline, ignore_chain;
    bool is_exportable;
    int64_t at_s; /* judged at that time; 0: now */
};

bool alias_format_parse(const char *id, enum alias_format *out);
const char *alias_format_id(enum alias_format format);

/* `out_name` is the alias's name: of a self-signed certificate the body may say it, and
 * `name->alias` may be NULL then. */
enum status alias_create(struct store *s, const struct alias_name *name,
                         const struct alias_upload *upload, char out_name[ALIAS_NAME_MAX + 1],
                         struct store_problem *problem) NODISCARD;
/* A new certificate, or chain, for an alias: cert_file of the upload; all else of it but the
 * switches is left alone. Where there is a key it has to be the new certificate's. Not for aliases
 * whose format is selfsignedcert, keycertjar or pkcs12. */
enum status alias_replace(struct store *s, const struct alias_name *name,
                          const struct alias_upload *upload,
                          struct store_problem *problem) NODISCARD;
/* Refused while a virtual host, a target server or a deployed proxy uses it as its keyAlias. */
enum status alias_delete(struct store *s, const struct alias_name *name,
                         struct store_problem *problem) NODISCARD;

/* {alias, certsInfo:{certInfo[], certName}, keyName}, and {certInfo[], certName}; new references.
 */
enum status alias_show(struct store *s, const struct alias_name *name, struct json_t **out,
                       struct store_problem *problem) NODISCARD;
enum status alias_show_cert(struct store *s, const struct alias_name *name, struct json_t **out,
                            struct store_problem *problem) NODISCARD;
/* The certificate and its chain in PEM. */
enum status alias_put_pem(struct store *s, const struct alias_name *name, struct text *out,
                          struct store_problem *problem) NODISCARD;
/* A request for a new certificate: same subject, names and key. ALIAS_HAS_NO_KEY where it has none.
 */
enum status alias_put_csr(struct store *s, const struct alias_name *name, struct text *out,
                          struct store_problem *problem) NODISCARD;
/* The private key in PEM, where it is exportable; freed with store_bytes_free(). */
enum status alias_export_key(struct store *s, const struct alias_name *name, struct bytes *out,
                             struct store_problem *problem) NODISCARD;

/* For the gateway itself. All-zero is valid for deinit. */
struct alias {
    char *pem; /* leaf first */
    size_t n_certs;
    struct bytes key; /* PEM; empty: none */
    bool has_key, is_exportable;
    enum alias_format format;
    int64_t created_at_ms, modified_at_ms;
};

/* ALIAS_UNKNOWN, KEYSTORE_UNKNOWN. The key only where it is asked for. */
enum status alias_load(struct store *s, const struct alias_name *name, bool with_key,
                       struct alias *out, struct store_problem *problem) NODISCARD;
void alias_deinit(struct alias *a); /* wipes the key */

#endif
