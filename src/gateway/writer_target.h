/*
 * writer_target: one way to a backend: an upstream block and the location that uses it.
 */
#ifndef HANDFAST_GATEWAY_WRITER_TARGET_H
#define HANDFAST_GATEWAY_WRITER_TARGET_H

#include "gateway/certificates.h"
#include "gateway/writer.h"

/* A backend and how it is spoken to. Borrowed texts. */
struct backend {
    const struct model_proxy *proxy;
    const char *label; /* of the target, for verdicts: "default" or a target server's name */
    const char *kind;  /* "endpoint", "route": the bundle's that has the URL; NULL: target server */
    const char *whose; /* "API weather, target default", for errors */
    const char *host;
    unsigned port;
    bool is_tls;
    const struct ssl_info *ssl; /* NULL: none */
    uint32_t connect_timeout_ms, io_timeout_ms, keepalive_timeout_ms;
    char upstream[MODEL_KEY_LEN + 8];
};

/* upstream NAME { its addresses }. A host that has no address gets one that nobody listens on. */
void writer_backend_upstream(struct writer *w, const struct backend *b);
/* What stands in the location: timeouts, headers, TLS. */
enum status writer_backend_location(struct writer *w, const struct backend *b,
                                    struct err *err) NODISCARD;

#endif
