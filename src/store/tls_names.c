#include "store/tls_names.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"

struct protocol_row {
    const char *name;
    enum tls_name_kind kind;
    enum tls_protocol protocol;
};

/* clang-format off: a table reads by columns */
static const struct protocol_row protocols[] = {
    { "TLSv1", TLS_NAME_KNOWN, TLS_PROTOCOL_1_0 },
    { "TLSv1.0", TLS_NAME_KNOWN, TLS_PROTOCOL_1_0 },
    { "TLSv1.1", TLS_NAME_KNOWN, TLS_PROTOCOL_1_1 },
    { "TLSv1.2", TLS_NAME_KNOWN, TLS_PROTOCOL_1_2 },
    { "TLSv1.3", TLS_NAME_KNOWN, TLS_PROTOCOL_1_3 },
    { "SSLv2Hello", TLS_NAME_UNSUPPORTED, 0 },
    { "SSLv2", TLS_NAME_UNSUPPORTED, 0 },
    { "SSLv3", TLS_NAME_UNSUPPORTED, 0 },
};
/* clang-format on */

struct cipher_row {
    const char *name, *openssl;
    bool is_tls13;
};

static const struct cipher_row ciphers[] = {
#define SUITE(suite_value, suite_name, openssl_name, kx, auth, mode, bytes, hash, export, n12,     \
              n13)                                                                                 \
    { suite_name, openssl_name, (n13) != 0 },
#include "tls/cipher_suites.def"
};

enum tls_name_kind tls_protocol_find(const char *name, enum tls_protocol *out)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (strcasecmp(protocols[i].name, name) == 0) {
            *out = protocols[i].protocol;
            return protocols[i].kind;
        }
    }
    return TLS_NAME_UNKNOWN;
}

const char *tls_protocol_nginx(enum tls_protocol protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (protocols[i].protocol == protocol) {
            return protocols[i].name;
        }
    }
    return NULL;
}

bool tls_cipher_list_is_usable(const char *list)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool is_usable = ctx != NULL && SSL_CTX_set_cipher_list(ctx, list) == 1;
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return is_usable;
}

/* OPENSSL_cipher_name() knows what the library was built with, which is nearly what it can do: a
 * cipher whose provider is not loaded is found out by asking for it. */
static bool row_is_usable(const struct cipher_row *row)
{
    bool is_built = row->openssl != NULL && strcmp(OPENSSL_cipher_name(row->name), "(NONE)") != 0;
    bool is_doubtful = strstr(row->name, "SEED") != NULL || strstr(row->name, "IDEA") != NULL ||
                       strstr(row->name, "GOST") != NULL;
    return is_built && (!is_doubtful || tls_cipher_list_is_usable(row->openssl));
}

/* Java names the suites that are older than TLS with SSL_ in front. */
static bool is_same_suite(const char *row, const char *name)
{
    if (strcasecmp(row, name) == 0) {
        return true;
    }
    return strncmp(row, "TLS_", 4) == 0 && strncasecmp(name, "SSL_", 4) == 0 &&
           strcasecmp(row + 4, name + 4) == 0;
}

struct tls_cipher_name tls_cipher_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        const struct cipher_row *row = &ciphers[i];
        bool is_it = is_same_suite(row->name, name) ||
                     (row->openssl != NULL && strcasecmp(row->openssl, name) == 0);
        if (!is_it) {
            continue;
        }
        if (!row_is_usable(row)) {
            return (struct tls_cipher_name){ .kind = TLS_NAME_UNSUPPORTED };
        }
        return (struct tls_cipher_name){ .kind = TLS_NAME_KNOWN,
                                         .openssl = row->openssl,
                                         .is_tls13 = row->is_tls13 };
    }
    return (struct tls_cipher_name){ .kind = TLS_NAME_UNKNOWN };
}
