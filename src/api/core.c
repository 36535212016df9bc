#include "api/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "api/access_log.h"
#include "api/body.h"
#include "api/output.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/hex.h"

enum { EXCHANGE_ARENA_MAX = 4 * 1024 * 1024 };

enum status api_core_init(struct api_core *core, struct gateway *gateway,
                          const struct places *places, struct err *err)
{
    *core = (struct api_core){ .gateway = gateway, .places = *places };
    char path[PLACE_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/management-access.log", places->logs);
    TRY(api_login_new(&core->login, err));
    enum status st = access_log_open(path, &core->log, err);
    if (st != ST_OK) {
        api_core_deinit(core);
    }
    return st;
}

void api_core_deinit(struct api_core *core)
{
    api_login_free(core->login);
    access_log_close(core->log);
    *core = (struct api_core){ 0 };
}

void api_exchange_init(struct api_exchange *x)
{
    *x = (struct api_exchange){ .arena = { .limit_bytes = EXCHANGE_ARENA_MAX },
                                .began_ns = clock_monotonic_ns(),
                                .body_limit = API_BODY_USUAL };
}

void api_exchange_deinit(struct api_exchange *x)
{
    json_decref(x->request.json);
    x->request.json = NULL;
    json_decref(x->answer.json);
    text_deinit(&x->answer.text);
    if (x->answer.stream.next != NULL) {
        x->answer.stream.close(x->answer.stream.arg);
    }
    text_deinit(&x->out);
    arena_deinit(&x->arena);
    *x = (struct api_exchange){ 0 };
}

static const char *header(const struct api_exchange *x, const char *name)
{
    const struct api_pair *pair = api_pairs_find(&x->headers, name);
    return pair == NULL ? NULL : pair->value;
}

/* A caller's id is kept where it can stand in a log and in a header. */
static void choose_id(struct api_exchange *x)
{
    const char *given = header(x, "x-request-id");
    size_t good = given == NULL
                      ? 0
                      : strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_.");
    if (given != NULL && good > 0 && good <= API_ID_MAX && given[good] == '\0') {
        (void)snprintf(x->id, sizeof x->id, "%s", given);
        return;
    }
    uint8_t random[16] = { 0 };
    if (getrandom(random, sizeof random, 0) < 0) {
        random[0] = 1; /* an id, not a secret */
    }
    hex_of(bytes_of(random, sizeof random), x->id);
}

static void refuse(struct api_exchange *x, unsigned status, const char *code, const char *message)
{
    if (api_refuse_with(&x->answer, status, code, message, NULL) != ST_OK) {
        x->answer.status = 500; /* no memory for words */
    }
}

static void our_failure(struct api_exchange *x, const struct err *err)
{
    refuse(x, 500, "handfast.InternalError", err->text[0] == '\0' ? "no memory" : err->text);
}

void api_exchange_refuse(struct api_exchange *x, unsigned status, const char *code,
                         const char *message)
{
    if (x->id[0] == '\0') {
        choose_id(x);
    }
    refuse(x, status, code, message);
    api_output(x);
    x->is_answered = true;
}

static void allow(struct api_exchange *x, unsigned methods)
{
    const char *get = methods & 1U << API_GET ? "GET, HEAD, " : "";
    const char *post = methods & 1U << API_POST ? "POST, " : "";
    const char *put = methods & 1U << API_PUT ? "PUT, " : "";
    const char *del = methods & 1U << API_DELETE ? "DELETE, " : "";
    x->answer.allow = arena_printf(&x->arena, "%s%s%s%sOPTIONS", get, post, put, del);
}

static enum status check_login(struct api_core *core, struct store *store, struct api_exchange *x,
                               struct err *err)
{
    struct api_login_result login = { 0 };
    TRY(api_login_check(core->login, store, header(x, "authorization"), x->client, &login, err));
    switch (login.outcome) {
    case LOGIN_OK:
        (void)snprintf(x->user, sizeof x->user, "%s", login.user);
        break;
    case LOGIN_NOT_SAID:
    case LOGIN_WRONG:
        refuse(x, 401, "security.Unauthorized",
               login.outcome == LOGIN_WRONG ? "wrong user, password or token"
                                            : "a user and a password, or a token, are needed");
        x->answer.asks_for_user = true;
        break;
    case LOGIN_WAIT:
        refuse(x, 429, "security.TooManyFailures", "too many failed logins; wait and try again");
        x->answer.retry_after_s = login.retry_after_s;
        break;
    }
    return ST_OK;
}

static enum status check_right(struct store *store, struct api_exchange *x, struct err *err)
{
    bool may = x->request.route->right == API_RIGHT_LOGIN;
    if (!may) {
        TRY(api_may(store, x->user, x->request.route->right, api_param(&x->request, "o"), &may,
                    err));
    }
    if (!may) {
        refuse(x, 403, "security.Forbidden", "the user has no role that may do this");
    }
    return ST_OK;
}

static enum status is_there(struct store *store, const struct store_key *key, bool *out,
                            struct err *err)
{
    struct store_document document = { 0 };
    TRY(store_get(store, key, &document, err));
    *out = document.json != NULL;
    store_document_deinit(&document);
    return ST_OK;
}

/* An organization and an environment in the path are there, so that no handler has to ask. */
static enum status check_places(struct store *store, struct api_exchange *x, struct err *err)
{
    const char *org = api_param(&x->request, "o");
    const char *env = api_param(&x->request, "e");
    struct store_key org_key = { .kind = STORE_ORGANIZATION, .name = org };
    struct store_key env_key = { .kind = STORE_ENVIRONMENT, .org = org, .name = env };
    bool has_org = true;
    bool has_env = true;
    if (org[0] != '\0') {
        TRY(is_there(store, &org_key, &has_org, err));
    }
    if (has_org && env[0] != '\0') {
        TRY(is_there(store, &env_key, &has_env, err));
    }
    if (!has_org) {
        return api_refuse(&x->answer, 404, "messaging.config.beans.OrganizationDoesNotExist",
                          "Organization %s does not exist", org);
    }
    return has_env ? ST_OK
                   : api_refuse(&x->answer, 404, "messaging.config.beans.EnvironmentDoesNotExist",
                                "Environment %s does not exist in organization %s", env, org);
}

static void find_route(struct api_exchange *x, const struct api_target *target, bool is_options,
                       const struct api_found *found)
{
    if (found->allowed == 0) {
        refuse(x, 404, "resource.NotFound", "there is no such path");
    } else if (is_options) {
        x->answer.status = 204;
        x->type = "";
        x->is_answered = true;
        allow(x, found->allowed);
    } else if (found->route == NULL) {
        refuse(x, 405, "method.NotAllowed", "the path does not have this method");
        allow(x, found->allowed);
    } else if (!api_route_params(found->route, target, &x->arena, &x->request)) {
        refuse(x, 414, "target.TooLong", "too long a path");
    }
}

/* What the route says of the body, before it has come. */
static void check_announced(struct api_exchange *x)
{
    const struct api_route *route = x->request.route;
    x->body_limit = route->body_limit == 0 ? API_BODY_USUAL : route->body_limit;
    if (x->has_length && x->length > x->body_limit) {
        refuse(x, 413, "body.TooLarge", "the body is larger than this resource can be");
        return;
    }
    const char *accept = header(x, "accept");
    if (route->output == API_OUT_DOCUMENT && !api_accepts(accept, "application/json") &&
        !api_accepts(accept, "application/xml") && !api_accepts(accept, "text/xml")) {
        refuse(x, 406, "accept.NotAcceptable", "answers are application/json or application/xml");
    }
}

static void fill_request(struct api_core *core, struct api_exchange *x,
                         const struct api_target *target)
{
    struct api_request *r = &x->request;
    const char *accept = header(x, "accept");
    bool xml = !api_accepts(accept, "application/json") &&
               (api_accepts(accept, "application/xml") || api_accepts(accept, "text/xml"));
    r->path = target->path;
    r->query = target->query;
    r->headers = x->headers;
    r->user = x->user;
    r->client = x->client;
    r->id = x->id;
    r->gateway = core->gateway;
    r->places = &core->places;
    r->core = core;
    r->arena = &x->arena;
    r->wants = api_form_of(accept, xml ? API_XML : API_JSON);
}

static bool refused(const struct api_exchange *x)
{
    return x->answer.status != 0;
}

/* A browser adds the password that it remembers to what any page sends, and says whose page that is
 * (Fetch Metadata; before it the Origin, RFC 6454 section 7). Other clients say nothing. */
static bool is_of_another_page(const struct api_exchange *x)
{
    const char *site = header(x, "sec-fetch-site");
    const char *origin = header(x, "origin");
    const char *host = header(x, "host");
    bool changes = strcmp(x->method, "GET") != 0 && strcmp(x->method, "HEAD") != 0 &&
                   strcmp(x->method, "OPTIONS") != 0;
    if (!changes || (site == NULL && origin == NULL)) {
        return false;
    }
    if (site != NULL) {
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    }
    const char *of = strstr(origin, "://");
    return of == NULL || host == NULL || strcasecmp(of + 3, host) != 0;
}

/* The user comes before the path: who may not ask is not told what there is. */
static enum status begin(struct api_core *core, struct store *store, struct api_exchange *x,
                         struct err *err)
{
    struct api_target target;
    const char *why = "";
    x->is_head = strcmp(x->method, "HEAD") == 0;
    bool is_options = strcmp(x->method, "OPTIONS") == 0;
    if (!api_target_parse(x->target, &x->arena, &target, &why)) {
        refuse(x, x->target.len > API_TARGET_MAX ? 414 : 400, "target.Malformed", why);
        return ST_OK;
    }
    if (is_of_another_page(x)) {
        refuse(x, 403, "security.AnotherOrigin",
               "a page of another origin may not change anything");
        return ST_OK;
    }
    fill_request(core, x, &target);
    struct api_found found = { 0 };
    if (api_method_parse(x->is_head ? "GET" : x->method, &x->request.method)) {
        api_route_find(x->request.method, &target, &found);
    } else {
        api_route_find(API_GET, &target, &found); /* for Allow */
        found.route = NULL;
    }
    x->request.route = found.route;
    bool is_open = found.route != NULL && found.route->right == API_RIGHT_OPEN && !is_options;
    if (!is_open) {
        TRY(check_login(core, store, x, err));
    }
    if (!refused(x)) {
        find_route(x, &target, is_options, &found);
    }
    if (!refused(x) && !is_open) {
        TRY(check_right(store, x, err));
    }
    if (!refused(x)) {
        TRY(check_places(store, x, err));
    }
    if (!refused(x)) {
        check_announced(x);
    }
    return ST_OK;
}

void api_exchange_begin(struct api_core *core, struct store *store, struct api_exchange *x)
{
    struct err err = { 0 };
    choose_id(x);
    enum status st = begin(core, store, x, &err);
    if (st != ST_OK) {
        our_failure(x, &err);
    }
    if (refused(x)) {
        api_output(x);
        x->is_answered = true;
    }
}

static enum status act(struct store *store, struct api_exchange *x, struct err *err)
{
    struct api_request *r = &x->request;
    r->store = store;
    r->body = x->body;
    TRY(api_body_read(r, &x->answer, err));
    if (refused(x)) {
        return ST_OK;
    }
    bool is_change = r->method == API_POST || r->method == API_PUT;
    if (is_change && api_query_is(r, "preflight", false) &&
        !api_route_takes(r->route, "preflight")) {
        return api_refuse(&x->answer, 400, "preflight.NotPossible",
                          "preflight=true is not possible here: nothing would be tried");
    }
    TRY(r->route->handle(r, &x->answer, err));
    if (x->answer.status == 0) {
        x->answer.status = r->route->status;
    }
    return ST_OK;
}

void api_exchange_do(struct api_core *core, struct store *store, struct api_exchange *x)
{
    struct err err = { 0 };
    (void)core;
    enum status st = act(store, x, &err);
    if (st != ST_OK) {
        our_failure(x, &err);
    }
    api_output(x);
    x->is_answered = true;
}

void api_exchange_log(struct api_core *core, const struct api_exchange *x, size_t n_bytes)
{
    if (core->log == NULL) {
        return;
    }
    access_log_put(core->log, &(struct access_line){
                                  .client = x->client,
                                  .user = x->user,
                                  .method = x->method,
                                  .path = x->request.path == NULL ? "-" : x->request.path,
                                  .id = x->id,
                                  .status = x->answer.status,
                                  .n_bytes = n_bytes,
                                  .took_ns = clock_monotonic_ns() - x->began_ns,
                              });
}
