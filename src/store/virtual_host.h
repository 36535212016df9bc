/*
 * virtual_host: where the Router listens, for which names, and with which TLS.
 *
 * From JSON or XML, checked in itself (what it names elsewhere, keystores and other virtual hosts,
 * is for the caller to look up). All texts live as long as the arena of the remarks.
 * Source: ../shared/gateway-facts.md section 1.6.
 */
#ifndef HANDFAST_STORE_VIRTUAL_HOST_H
#define HANDFAST_STORE_VIRTUAL_HOST_H

#include "store/ssl_info.h"

enum { VIRTUAL_HOST_NAME_MAX = 255 };

struct virtual_host {
    const char *name;
    struct texts host_aliases; /* "api.example.com", "*.example.com", "api.example.com:8443" */
    struct field_number port;
    struct texts interfaces; /* none: all */
    struct texts listen_options;
    struct texts retry_options;
    const char *base_url;
    enum choice ocsp_stapling;
    bool has_ssl_info;
    struct ssl_info ssl;
    bool has_propagate;
    struct {
        enum choice connection, client;
    } propagate;
    struct settings properties;
    enum choice use_built_in_free_trial_cert;
    /* What the properties mean, after virtual_host_check(); -1 or NULL: not given. */
    int64_t read_timeout_ms, keepalive_timeout_ms;
    enum choice request_buffering, buffering;
    unsigned
        ssl_protocols; /* bits of enum tls_protocol; 0: not given. sSLInfo.protocols count too */
    const char *ssl_ciphers; /* a list for OpenSSL */
};

/* ST_OK with remarks of level ERROR: it is not to be used. ST_NOMEM alone fails. */
enum status virtual_host_from_json(const json_t *json, struct remarks *remarks,
                                   struct virtual_host *out, struct err *err) NODISCARD;
enum status virtual_host_from_xml(struct bytes xml, struct remarks *remarks,
                                  struct virtual_host *out, struct err *err) NODISCARD;
/* As GET prints it; NULL without memory. */
json_t *virtual_host_json(const struct virtual_host *v);
bool virtual_host_is_tls(const struct virtual_host *v);
/* The alias without ":port", into `out`; false where it does not fit. */
bool virtual_host_alias_name(const char *alias, char out[256]);
/* The same alias on the same port; names are compared without regard to case. */
bool virtual_host_clash(const struct virtual_host *a, const struct virtual_host *b,
                        const char **alias);

#endif
