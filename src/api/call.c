#include "api/call.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum phase {
    PHASE_HEAD,     /* the headers are there */
    PHASE_ASKING,   /* a worker looks at user and path */
    PHASE_BODY,     /* the body is coming */
    PHASE_DRAINING, /* the body is coming, and is thrown away: the answer is a refusal */
    PHASE_ANSWER,   /* a worker has answered */
    PHASE_SENT
};

struct call {
    struct job job; /* first: jobs are calls */
    struct server *server;
    struct MHD_Connection *connection;
    struct connection *limits;
    struct api_exchange x;
    char *target;
    char *method;
    char client[INET6_ADDRSTRLEN];
    enum phase phase;
    bool has_body, is_chunked;
    struct text body;
    size_t reserved; /* of the server's body_bytes */
    size_t n_drained;
};

void *call_begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct server *server = cls;
    struct call *c = calloc(1, sizeof *c);
    char *target = strdup(uri);
    if (c == NULL || target == NULL) {
        free(c);
        free(target);
        return NULL;
    }
    c->server = server;
    c->connection = connection;
    c->target = target;
    api_exchange_init(&c->x);
    (void)atomic_fetch_add(&server->n_calls, 1);
    return c;
}

static void free_call(struct call *c)
{
    (void)atomic_fetch_sub(&c->server->body_bytes, c->reserved);
    (void)atomic_fetch_sub(&c->server->n_calls, 1);
    api_exchange_deinit(&c->x);
    text_deinit(&c->body);
    free(c->target);
    free(c->method);
    free(c);
}

void call_end(void *cls, struct MHD_Connection *connection, void **req_cls,
              enum MHD_RequestTerminationCode why)
{
    struct call *c = *req_cls;
    (void)cls;
    (void)connection;
    (void)why;
    *req_cls = NULL;
    if (c != NULL) {
        connection_allow(c->limits, CONNECTION_HEAD_S); /* for the next request */
        free_call(c);
    }
}

static void put_client(struct MHD_Connection *connection, char out[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    out[0] = '\0';
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)info->client_addr;
        (void)inet_ntop(AF_INET, &in->sin_addr, out, INET6_ADDRSTRLEN);
    } else if (info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)info->client_addr;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

struct gathering {
    struct api_exchange *x;
    size_t n_max;
    bool failed;
};

static enum MHD_Result gather_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                     const char *value)
{
    struct gathering *g = cls;
    (void)kind;
    value = value == NULL ? "" : value;
    char *name = arena_strndup(&g->x->arena, key, strlen(key));
    char *copy = arena_strndup(&g->x->arena, value, strlen(value));
    if (name == NULL || copy == NULL || g->x->headers.n == g->n_max) {
        g->failed = true;
        return MHD_NO;
    }
    for (char *p = name; *p != '\0'; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    }
    g->x->headers.list[g->x->headers.n++] = (struct api_pair){ name, copy, strlen(copy) };
    return MHD_YES;
}

static bool gather_headers(struct call *c)
{
    int n = MHD_get_connection_values(c->connection, MHD_HEADER_KIND, NULL, NULL);
    struct gathering g = { .x = &c->x, .n_max = n < 0 ? 0 : (size_t)n };
    c->x.headers.list = arena_alloc_array(&c->x.arena, g.n_max + 1, sizeof *c->x.headers.list);
    if (c->x.headers.list == NULL) {
        return false;
    }
    (void)MHD_get_connection_values(c->connection, MHD_HEADER_KIND, gather_header, &g);
    return !g.failed;
}

static size_t count_header(const struct api_pairs *headers, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < headers->n; i++) {
        n += strcmp(headers->list[i].name, name) == 0 ? 1 : 0;
    }
    return n;
}

static const char *header(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->x.headers.n; i++) {
        if (strcmp(c->x.headers.list[i].name, name) == 0) {
            return c->x.headers.list[i].value;
        }
    }
    return NULL;
}

/* "Content-Length : 2" is another name to libmicrohttpd, and not to others: RFC 9112 section 5.1.
 */
static bool has_bad_name(const struct api_pairs *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        const char *name = headers->list[i].name;
        if (name[0] == '\0' || name[strspn(name, "!#$%&'*+-.^_`|~0123456789"
                                                 "abcdefghijklmnopqrstuvwxyz")] != '\0') {
            return true;
        }
    }
    return false;
}

/* Where two readers could disagree on where a request ends, it is not taken: RFC 9112 section 6.3.
 * libmicrohttpd would take the one or the other. */
static const char *bad_framing(struct call *c, const char *version)
{
    const char *length = header(c, "content-length");
    const char *coding = header(c, "transfer-encoding");
    if (has_bad_name(&c->x.headers)) {
        return "a header whose name has a character that names do not have";
    }
    if (count_header(&c->x.headers, "content-length") > 1 ||
        count_header(&c->x.headers, "transfer-encoding") > 1 ||
        count_header(&c->x.headers, "authorization") > 1 ||
        count_header(&c->x.headers, "content-type") > 1 ||
        count_header(&c->x.headers, "host") > 1) {
        return "a header that may come once came twice";
    }
    if (length != NULL && coding != NULL) {
        return "Content-Length and Transfer-Encoding in one request";
    }
    if (coding != NULL &&
        (strcasecmp(coding, "chunked") != 0 || strcmp(version, "HTTP/1.1") != 0)) {
        return "a Transfer-Encoding other than chunked, or before HTTP/1.1";
    }
    c->is_chunked = coding != NULL;
    if (length != NULL) {
        size_t digits = strspn(length, "0123456789");
        if (digits == 0 || digits > 18 || length[digits] != '\0') {
            return "a Content-Length that is not a number";
        }
        c->x.length = strtoull(length, NULL, 10);
        c->x.has_length = true;
    }
    c->has_body = c->is_chunked || c->x.length > 0;
    return NULL;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_headers(struct call *c, struct MHD_Response *response, bool closes)
{
    const struct api_answer *a = &c->x.answer;
    char number[16];
    if (c->x.type != NULL && c->x.type[0] != '\0') {
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, c->x.type);
    }
    add_header(response, "X-Request-Id", c->x.id);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    if (a->allow != NULL) {
        add_header(response, MHD_HTTP_HEADER_ALLOW, a->allow);
    }
    if (a->disposition != NULL) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, a->disposition);
    }
    if (a->asks_for_user) {
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                   "Basic realm=\"handfast\", charset=\"UTF-8\"");
    }
    if (a->retry_after_s > 0) {
        (void)snprintf(number, sizeof number, "%u", a->retry_after_s);
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
    }
    if (closes) {
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
}

/* The response borrows x.out, which lives until call_end(). */
static enum MHD_Result send_answer(struct call *c, bool closes)
{
    struct MHD_Response *response = NULL;
    bool streams = c->x.answer.stream.next != NULL && !c->x.is_head;
    if (streams) {
        response = streams_add(c->server->streams, c->connection, &c->x.answer.stream);
        if (response == NULL) {
            api_exchange_refuse(&c->x, 503, "server.Busy", "there are too many streams");
        }
    }
    if (response == NULL) {
        streams = false;
        response =
            MHD_create_response_from_buffer(c->x.out.len, c->x.out.p, MHD_RESPMEM_PERSISTENT);
    }
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(c, response, closes || atomic_load(&c->server->is_stopping));
    c->phase = PHASE_SENT;
    connection_allow(c->limits, streams ? 0 : CONNECTION_ANSWER_S);
    api_exchange_log(&c->server->core, &c->x, c->x.out.len);
    enum MHD_Result result = MHD_queue_response(c->connection, c->x.answer.status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse_now(struct call *c, unsigned status, const char *code,
                                  const char *message)
{
    api_exchange_refuse(&c->x, status, code, message);
    return send_answer(c, true);
}

/* On a worker: user, path and right, and what needs no body is done as well. */
static void run_job(struct job *job, struct store *store)
{
    struct call *c = (struct call *)job;
    if (c->phase == PHASE_ASKING) {
        api_exchange_begin(&c->server->core, store, &c->x);
    }
    if (!c->x.is_answered && (c->phase != PHASE_ASKING || !c->has_body)) {
        api_exchange_do(&c->server->core, store, &c->x);
    }
    MHD_resume_connection(c->connection);
}

static enum MHD_Result to_worker(struct call *c)
{
    connection_allow(c->limits, 0); /* it is our turn */
    MHD_suspend_connection(c->connection);
    if (!workers_put(c->server->workers, &c->job)) {
        MHD_resume_connection(c->connection);
        c->phase = PHASE_ANSWER;
        api_exchange_refuse(&c->x, 503, "server.Stopping", "the gateway is being stopped");
    }
    return MHD_YES;
}

static enum MHD_Result at_head(struct call *c, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    c->limits = info == NULL ? NULL : info->socket_context;
    c->method = strdup(method);
    put_client(c->connection, c->client);
    c->x.method = c->method == NULL ? "GET" : c->method;
    c->x.target = bytes_of_str(c->target);
    c->x.client = c->client;
    c->job.run = run_job;
    if (c->method == NULL || !gather_headers(c)) {
        return refuse_now(c, 431, "headers.TooLarge", "too many headers");
    }
    const char *wrong = bad_framing(c, version);
    if (wrong != NULL) {
        return refuse_now(c, 400, "headers.Malformed", wrong);
    }
    c->phase = PHASE_ASKING;
    return to_worker(c);
}

/* The worker has looked at the headers. */
static enum MHD_Result after_asking(struct call *c)
{
    if (!c->has_body) {
        c->phase = PHASE_ANSWER; /* in the next call: an answer in this one ends the connection */
        return MHD_YES;
    }
    if (!c->x.is_answered && c->x.has_length) {
        size_t before = atomic_fetch_add(&c->server->body_bytes, (size_t)c->x.length);
        c->reserved = (size_t)c->x.length; /* check_announced() has seen that it is not large */
        if (before > BODIES_MAX - c->reserved) {
            api_exchange_refuse(&c->x, 503, "server.Busy", "too much is being uploaded");
        }
    }
    connection_allow(c->limits, CONNECTION_BODY_S);
    if (!c->x.is_answered) {
        c->phase = PHASE_BODY;
        return MHD_YES;
    }
    /* Who closes with bytes unread resets the connection, and the client never sees why. */
    bool drains = header(c, "expect") == NULL &&
                  (c->is_chunked || (c->x.has_length && c->x.length <= DRAIN_MAX));
    if (!drains) {
        return send_answer(c, true);
    }
    c->phase = PHASE_DRAINING;
    return MHD_YES;
}

/* A chunked body is counted as it comes. */
static bool has_room(struct call *c, size_t len)
{
    if (len > c->x.body_limit - c->body.len) {
        api_exchange_refuse(&c->x, 413, "body.TooLarge",
                            "the body is larger than this resource can be");
        return false;
    }
    if (c->x.has_length) {
        return true;
    }
    size_t before = atomic_fetch_add(&c->server->body_bytes, len);
    c->reserved += len;
    if (before > BODIES_MAX - len) {
        api_exchange_refuse(&c->x, 503, "server.Busy", "too much is being uploaded");
        return false;
    }
    return true;
}

static enum MHD_Result take_body(struct call *c, const char *data, size_t *len)
{
    if (c->phase == PHASE_BODY) {
        if (has_room(c, *len)) {
            text_put(&c->body, data, *len);
        } else {
            c->phase = PHASE_DRAINING;
        }
        if (c->body.failed) {
            return MHD_NO;
        }
    }
    if (c->phase == PHASE_DRAINING) {
        if (*len > DRAIN_MAX - c->n_drained) {
            return MHD_NO; /* it has been told to us for long enough */
        }
        c->n_drained += *len;
    }
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result at_body_end(struct call *c)
{
    if (c->phase == PHASE_DRAINING) {
        return send_answer(c, true);
    }
    c->x.body = bytes_of(c->body.p, c->body.len);
    c->phase = PHASE_ANSWER;
    return to_worker(c);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
enum MHD_Result call_handle(void *cls, struct MHD_Connection *connection, const char *url,
                            const char *method, const char *version, const char *data,
                            size_t *data_len, void **req_cls)
{
    struct call *c = *req_cls;
    (void)cls;
    (void)connection;
    (void)url;
    if (c == NULL) {
        return MHD_NO; /* no memory when it began */
    }
    switch (c->phase) {
    case PHASE_HEAD:
        return at_head(c, method, version);
    case PHASE_ASKING:
        return after_asking(c);
    case PHASE_BODY:
    case PHASE_DRAINING:
        return *data_len > 0 ? take_body(c, data, data_len) : at_body_end(c);
    case PHASE_ANSWER:
        return send_answer(c, false);
    case PHASE_SENT:
        break;
    }
    return MHD_YES;
}
