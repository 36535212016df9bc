/*
 * ssl_info: the SSLInfo of a virtual host, a target server or a TargetEndpoint.
 *
 * Parsed by fields.h, then checked: ssl_info_check() remarks on what cannot work. Spellings are
 * kept as they were given, and ssl_info_json() prints them so; ssl_info_settle() says what they
 * mean for OpenSSL. Texts live as long as the arena of the remarks.
 * Source: ../shared/gateway-facts.md sections 1.6, 2.1, 3.3, 3.4.
 */
#ifndef HANDFAST_STORE_SSL_INFO_H
#define HANDFAST_STORE_SSL_INFO_H

#include "store/fields.h"
#include "store/tls_names.h"

struct ssl_info {
    enum choice enabled; /* not given: ssl_info_is_on() has the default */
    enum choice client_auth_enabled;
    enum choice ignore_validation_errors;
    enum choice enforce; /* check the chain against the platform's roots, or the truststore */
    struct store_name_or_reference key_store, trust_store;
    const char *key_alias;
    struct texts ciphers, protocols; /* as given */
    struct named_match common_name;
};

enum ssl_info_use { SSL_INFO_VIRTUAL_HOST, SSL_INFO_TARGET };

extern const struct field_table ssl_info_fields;

/* `path` stands before the fields in sentences: "sSLInfo.". */
void ssl_info_check(const struct ssl_info *info, enum ssl_info_use use, struct place at,
                    const char *path, struct remarks *remarks);
/* `by_default`: a TargetEndpoint's is on with an https URL; everyone else's is off. */
bool ssl_info_is_on(const struct ssl_info *info, bool by_default);

/* What nginx and OpenSSL are told. */
struct ssl_settings {
    unsigned protocols;  /* bits of enum tls_protocol; 0: nothing was said */
    const char *ciphers; /* OpenSSL's names, ":" between, up to TLS 1.2; NULL: nothing was said */
    const char *suites;  /* likewise for TLS 1.3; NULL: nothing was said */
};
/* Unknown names are left out: ssl_info_check() has refused them. ST_NOMEM alone fails. */
enum status ssl_info_settle(const struct ssl_info *info, struct arena *arena,
                            struct ssl_settings *out, struct err *err) NODISCARD;

/* As GET prints it; NULL without memory. */
json_t *ssl_info_json(const struct ssl_info *info);

#endif
