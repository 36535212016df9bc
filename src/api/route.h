/*
 * route: the management API as tables of rows, one table for each file of handlers.
 *
 * A row says the method, the path, who may, what goes in and out; the dispatcher, the tests of
 * rights and the OpenAPI document are all made from the same rows. To add routes: a file with
 * `const struct api_table api_table_NAME`, and its line in tables.def.
 *
 * Paths are written long, below /v1: "/organizations/{o}/environments/{e}/keystores/{k}". The short
 * spellings /o and /e are understood wherever the long ones stand. What is in braces is one segment
 * of the path, percent-decoded; its meaning is in parameters.def.
 *
 * A handler runs on a worker thread of its own and may take its time. It gets a request, borrowed
 * until it returns, and fills an answer. It returns ST_OK whenever it has answered, refusals
 * included (api_refuse()); another status is our own failure, which becomes a 500 with the sentence
 * of `err`, so no secret belongs there.
 *
 * Source: ../shared/gateway-facts.md has the paths; OpenAPI 3.1.0 what can be said of them.
 */
#ifndef HANDFAST_API_ROUTE_H
#define HANDFAST_API_ROUTE_H

#include <jansson.h>

#include "api/form.h"
#include "base/arena.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "store/store.h"

enum api_method { API_GET, API_POST, API_PUT, API_DELETE, API_N_METHODS };

/* What a row asks of the user. Which role gives which right is in store/roles.def. */
enum api_right {
    API_RIGHT_OPEN,  /* nobody has to log in; answers without /v1 before its path, too */
    API_RIGHT_LOGIN, /* any user who can log in */
#define RIGHT(symbol, id, says) API_RIGHT_##symbol,
#include "store/rights.def"
    API_N_RIGHTS
};

struct api_pair { /* both NUL-terminated; a value may have NULs within: use `len` */
    const char *name, *value;
    size_t len; /* of the value */
};

struct api_pairs {
    size_t n;
    struct api_pair *list;
};

/* A part of multipart/form-data. */
struct api_part {
    const char *name;     /* NUL-terminated, "" where it has none */
    const char *filename; /* likewise */
    const char *type;     /* its Content-Type, "" where it has none */
    struct bytes body;
};

struct api_parts {
    size_t n;
    struct api_part *list;
};

enum { API_PATH_PARAMS_MAX = 8 };

struct api_core; /* core.h */
struct api_route;

struct api_request {
    enum api_method method;
    const struct api_route *route;
    const char *path;                            /* as it came, without the query */
    struct api_pair params[API_PATH_PARAMS_MAX]; /* {o}, {e}, ... by the letters in braces */
    size_t n_params;
    struct api_pairs query;
    struct api_pairs headers; /* names in lower case */
    const char *type;         /* Content-Type in lower case, without parameters; "" where none */
    struct bytes body;        /* as it came */
    json_t *json;             /* the body where it is JSON, or XML (xml.h says how); else NULL */
    struct api_pairs form;    /* of application/x-www-form-urlencoded */
    struct api_parts parts;   /* of multipart/form-data */
    enum api_form wants;      /* the form of the answer; the dispatcher writes it */
    const char *user;         /* who asks; "" where the route is open to all */
    const char *client;       /* address, "192.0.2.1" */
    const char *id;           /* X-Request-Id of the answer */
    struct store *store;      /* open, of this thread */
    struct gateway *gateway;  /* NULL: nothing runs; changes are only stored */
    const struct places *places;
    struct api_core *core;
    struct arena *arena; /* until the answer is sent */
};

/* A body that goes on and on. Called from one thread that serves all streams, about four times a
 * second, without any lock: what it waits for, a file perhaps, the other streams wait for, and
 * nobody else. */
struct api_stream {
    /* Appends what there is to say; false: the end. */
    bool (*next)(void *arg, struct text *out);
    void (*close)(void *arg); /* once, in the end, whatever happened */
    void *arg;
};

struct api_answer {
    unsigned status;          /* 0: the route's own */
    json_t *json;             /* owned: becomes JSON or XML */
    struct text text;         /* the body, where json is NULL; may hold any bytes */
    const char *type;         /* its Content-Type, a literal; NULL: text/plain; charset=utf-8 */
    const char *disposition;  /* Content-Disposition, in the arena; NULL: none */
    const char *xml_root;     /* NULL: the route's */
    const char *allow;        /* Allow, in the arena; NULL: none */
    unsigned retry_after_s;   /* Retry-After; 0: none */
    bool asks_for_user;       /* WWW-Authenticate */
    struct api_stream stream; /* next == NULL: none. type says what it is */
};

typedef enum status api_handler(struct api_request *r, struct api_answer *a, struct err *err);

/* What a body may be; several with |. */
enum api_body {
    API_BODY_NONE = 0, /* a body is read and left alone: clients send empty ones with any type */
    API_BODY_JSON = 1,
    API_BODY_XML = 2,
    API_BODY_FORM = 4,
    API_BODY_MULTIPART = 8,
    API_BODY_OCTETS = 16, /* anything else, application/octet-stream among it */
    API_BODY_OPTIONAL = 32
};

/* The form of a good answer. */
enum api_output {
    API_OUT_DOCUMENT, /* JSON or XML, as asked for; or nothing at all (204) */
    API_OUT_PEM,      /* text/plain or application/x-pem-file */
    API_OUT_ZIP,      /* application/zip */
    API_OUT_EVENTS,   /* text/event-stream */
    API_OUT_TEXT,     /* text/plain */
    API_OUT_VERDICT   /* a document, or text/plain where that is asked for */
};

struct api_route {
    enum api_method method;
    const char *path;
    enum api_right right;
    api_handler *handle;
    const char *id;      /* operationId */
    const char *summary; /* a sentence without full stop */
    const char *query;   /* names of parameters.def, spaces between; NULL: none */
    unsigned body;       /* enum api_body */
    const char *takes;   /* schema of the body, a name of a table's schemas; NULL: none */
    const char *gives;   /* schema of a good answer; NULL: none, or not a document */
    enum api_output output;
    unsigned status;      /* of a good answer: 200 or 201 */
    const char *xml_root; /* "KeyStore"; NULL: "List" for arrays, "Answer" otherwise */
    size_t body_limit;    /* bytes; 0: API_BODY_USUAL */
};

enum { API_BODY_USUAL = 1024 * 1024, API_BODY_LARGEST = 64 * 1024 * 1024 };

/* A schema of OpenAPI's components, as JSON text. */
struct api_schema {
    const char *name; /* "KeyStore" */
    const char *json; /* "{\"type\":\"object\", ...}" */
};

struct api_table {
    const char *tag; /* the group in the OpenAPI document: "Keystores" */
    const struct api_route *routes;
    size_t n_routes;
    const struct api_schema *schemas;
    size_t n_schemas;
};

/* All tables, in the order of tables.def. */
extern const struct api_table *const api_tables[];
extern const size_t api_n_tables;

/* The value of a path parameter, a query parameter, a field of the form, a header (name in lower
 * case). The first of that name; NULL where there is none; of a path parameter never NULL. */
const char *api_param(const struct api_request *r, const char *name);
const char *api_query(const struct api_request *r, const char *name);
const char *api_form_field(const struct api_request *r, const char *name);
const char *api_header(const struct api_request *r, const char *name);
const struct api_part *api_part(const struct api_request *r, const char *name);
/* A field of the form, else of the query: clients use either. */
const char *api_field(const struct api_request *r, const char *name);
/* "true" in any case. `otherwise` where there is none. */
bool api_query_is(const struct api_request *r, const char *name, bool otherwise);
/* Within a body that is an object: NULL where it is not there, or not a string. */
const char *api_json_str(const struct api_request *r, const char *name);

/* Refuses: {"code","message","contexts"}. Replaces what the answer held. Returns ST_OK, or
 * ST_NOMEM, so that a handler may return api_refuse(...). */
enum status api_refuse(struct api_answer *a, unsigned status, const char *code, const char *fmt,
                       ...) PRINTF_LIKE(4, 5) NODISCARD;
/* Likewise with `contexts`, an array that it takes. */
enum status api_refuse_with(struct api_answer *a, unsigned status, const char *code,
                            const char *message, json_t *contexts) NODISCARD;
/* Passes on what the store says: `st` is what it returned with the problem. ST_OK: the answer is
 * left; a refusal becomes 400, 403, 404 or 409 with its contexts and ST_OK; our own failure is put
 * into `err` and returned. */
struct store_problem;
enum status api_problem(struct api_answer *a, enum status st, const struct store_problem *problem,
                        struct err *err) NODISCARD;
/* The contexts as they stand in bodies: {level, cause, where, message, action}. NULL: no memory. */
json_t *api_contexts(const struct store_problem *problem);
/* Whether the answer is a refusal already: then a handler only returns. */
bool api_refused(const struct api_answer *a);
/* The answer is this value, which it takes; NULL (no memory) gives ST_NOMEM. */
enum status api_say(struct api_answer *a, unsigned status, json_t *value) NODISCARD;
/* The answer is this text, which is copied. */
enum status api_say_text(struct api_answer *a, const char *type, struct bytes text) NODISCARD;

#endif
