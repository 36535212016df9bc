/*
 * writer: what the files of the compiler share; nobody else includes it.
 */
#ifndef HANDFAST_GATEWAY_WRITER_H
#define HANDFAST_GATEWAY_WRITER_H

#include "gateway/compile.h"
#include "gateway/conf.h"
#include "gateway/model.h"

struct writer {
    const struct compile_input *in;
    struct model *model;
    struct arena *arena; /* for what is needed until the text is written */
    struct generation_part *part;
    struct conf c;
};

/* The part of nginx.conf before http{}. */
void writer_head(struct writer *w, enum property workers);
/* What both have first in http{}. */
void writer_http(struct writer *w);
/* The variable with the id of a request. */
const char *writer_id(const struct writer *w);

/* A property's protocols, bits of enum tls_protocol; TLS 1.2 and 1.3 where it says nothing. */
unsigned writer_protocols(const struct writer *w, enum property which);
void writer_put_protocols(struct conf *c, const char *directive, unsigned bits);
void writer_put_ciphers(struct conf *c, const char *directive, const char *list,
                        unsigned protocols);

/* writer_module.c: the directives of our module; nothing where nginx runs without it. */
void writer_module_http(struct writer *w);
/* `host` NULL: the server for names that nobody has. */
void writer_module_north(struct writer *w, const struct model_host *host);
void writer_module_verify_client(struct writer *w, bool ignores_errors);
/* In a location whose upstream is the backend itself. */
struct backend;
void writer_module_south(struct writer *w, const struct backend *b);
/* In a location whose upstream is another location of the same nginx; `target` is the endpoint. */
void writer_module_balance(struct writer *w, const struct model_proxy *proxy, const char *target);

/* writer_router_http.c: what the Router has before its servers. */
void writer_router_http(struct writer *w);

/* writer_router.c, writer_processor.c */
enum status writer_router(struct writer *w, struct err *err) NODISCARD;
enum status writer_processor(struct writer *w, struct err *err) NODISCARD;

#endif
