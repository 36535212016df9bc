/*
 * target_server: a host and port that the Message Processor connects to, and with which TLS.
 *
 * All texts live as long as the arena of the remarks.
 * Source: ../shared/gateway-facts.md section 1.7.
 */
#ifndef HANDFAST_STORE_TARGET_SERVER_H
#define HANDFAST_STORE_TARGET_SERVER_H

#include "store/ssl_info.h"

struct target_server {
    const char *name, *description;
    const char *host; /* a name, an IPv4 address or an IPv6 address without brackets */
    struct field_number port;
    enum choice is_enabled; /* not given: enabled */
    const char *protocol;   /* "HTTP" or NULL */
    bool has_ssl_info;
    struct ssl_info ssl;
};

enum status target_server_from_json(const json_t *json, struct remarks *remarks,
                                    struct target_server *out, struct err *err) NODISCARD;
enum status target_server_from_xml(struct bytes xml, struct remarks *remarks,
                                   struct target_server *out, struct err *err) NODISCARD;
json_t *target_server_json(const struct target_server *t);
bool target_server_is_tls(const struct target_server *t);

#endif
