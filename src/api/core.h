/*
 * core: from a request as it came to an answer as it goes out, without a socket.
 *
 * The server (server.c) brings requests here from its threads; fuzz targets and tests bring their
 * own. An exchange is begun when the headers are there (api_exchange_begin(): path, user, right,
 * sizes), and done when the body is there (api_exchange_do()). Both run on a worker, which has an
 * open store. Whatever comes in, an answer goes out.
 */
#ifndef HANDFAST_API_CORE_H
#define HANDFAST_API_CORE_H

#include "api/login.h"
#include "api/route.h"

struct access_log;

struct api_core {
    struct gateway *gateway; /* NULL: nothing runs */
    struct places places;
    struct api_login *login;
    struct access_log *log; /* NULL: none */
};

/* `gateway` may be NULL; then `places` says where the store is. */
enum status api_core_init(struct api_core *core, struct gateway *gateway,
                          const struct places *places, struct err *err) NODISCARD;
void api_core_deinit(struct api_core *core);

enum { API_ID_MAX = 64, API_USER_MAX = 256 };

struct api_exchange {
    /* what came; borrowed until the exchange is freed */
    const char *method;
    struct bytes target;
    struct api_pairs headers; /* names in lower case, in the arena */
    const char *client;
    bool has_length;
    uint64_t length; /* of the body, as announced */
    struct bytes body;
    /* what is known of it */
    struct arena arena;
    struct api_request request;
    char user[API_USER_MAX];
    char id[API_ID_MAX + 1];
    int64_t began_ns; /* monotonic */
    bool is_head;
    /* what goes out */
    bool is_answered; /* api_exchange_begin() has refused: do not wait for the body */
    struct api_answer answer;
    struct text out; /* the body */
    const char *type;
    size_t body_limit; /* bytes that may come */
};

void api_exchange_init(struct api_exchange *x);
void api_exchange_deinit(struct api_exchange *x);
void api_exchange_begin(struct api_core *core, struct store *store, struct api_exchange *x);
void api_exchange_do(struct api_core *core, struct store *store, struct api_exchange *x);
/* Answers without a handler: what the server itself has to refuse. */
void api_exchange_refuse(struct api_exchange *x, unsigned status, const char *code,
                         const char *message);
/* A line of the access log. */
void api_exchange_log(struct api_core *core, const struct api_exchange *x, size_t n_bytes);

#endif
