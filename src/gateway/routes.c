#include "gateway/routes.h"

#include <strings.h>

/* A pattern of a bundle that tries for too long ends in 500: PCRE's own limit is a second of the
 * processor for each request, and the processor is everybody's. */
#define CHEAP "(*LIMIT_MATCH=100000)"

/* A pattern for a path as clients send it: letters and what else is never escaped stand for
 * themselves, all others also as %xx. `*` is one element. */
static void put_path_pattern(struct text *out, const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        unsigned char b = (unsigned char)*p;
        bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                     b == '/' || b == '-' || b == '_' || b == '~';
        if (plain) {
            text_putc(out, *p);
        } else if (b == '*') {
            text_puts(out, "[^/?]+");
        } else {
            text_printf(out, "(?:\\x%02x|%%(?i:%02x))", (unsigned)b, (unsigned)b);
        }
    }
}

static void put_variable(struct conf *c, const char *name, size_t id)
{
    text_printf(c->out, " $handfast_%s_%zu", name, id);
}

void routes_put_paths(const struct route_place *p)
{
    struct conf *c = &p->w->c;
    struct text pattern = { 0 };
    bool root = strcmp(p->base_path, "/") == 0;
    text_puts(&pattern, "~^");
    put_path_pattern(&pattern, root ? "" : p->base_path);
    text_printf(&pattern, "(?<handfast_match_%zu>(?:/[^?]*)?)(?:\\?|$)", p->id);
    conf_begin(c, "map $request_uri");
    put_variable(c, "suffix", p->id);
    conf_end_open(c);
    conf_begin(c, "");
    conf_value(c, text_str(&pattern));
    text_printf(c->out, " $handfast_match_%zu", p->id);
    conf_end(c);
    conf_line(c, "default \"\"");
    conf_close(c);
    conf_begin(c, "map");
    put_variable(c, "suffix", p->id);
    put_variable(c, "rest", p->id);
    conf_end_open(c);
    conf_line(c, "\"\" /");
    conf_begin(c, "default");
    put_variable(c, "suffix", p->id);
    conf_end(c);
    conf_close(c);
    text_deinit(&pattern);
}

/* --- conditions --- */

struct test { /* one node of one route */
    const struct route_place *p;
    size_t route, node;
};

static void put_name(struct conf *c, const struct test *t, size_t node)
{
    text_printf(c->out, "$handfast_if_%zu_%zu_%zu", t->p->id, t->route, node);
}

/* A header's name as nginx's variable has it; false where it can have none. */
static bool put_header(struct text *out, const char *name)
{
    if (strcasecmp(name, "host") == 0) {
        text_puts(out, "$http_x_forwarded_host"); /* Host itself names the virtual host here */
        return true;
    }
    text_puts(out, "$http_");
    for (const char *s = name; *s != '\0'; s++) {
        bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
        if (!letter && !(*s >= '0' && *s <= '9') && *s != '-' && *s != '_') {
            return false;
        }
        text_putc(out, (char)(*s == '-' ? '_' : *s | (letter ? 0x20 : 0)));
    }
    return name[0] != '\0';
}

static const char *constant(const struct route_place *p, enum condition_variable variable)
{
    switch (variable) {
    case CONDITION_BASE_PATH:
        return p->base_path;
    case CONDITION_ENVIRONMENT:
        return p->proxy->env;
    case CONDITION_ORGANIZATION:
        return p->proxy->org;
    case CONDITION_PROXY_NAME:
        return p->proxy->api;
    case CONDITION_PROXY_REVISION:
        return p->proxy->revision;
    case CONDITION_ENDPOINT:
        return p->endpoint->name;
    case CONDITION_PATH_SUFFIX:
    case CONDITION_VERB:
    case CONDITION_PATH:
    case CONDITION_URI:
    case CONDITION_QUERY_STRING:
    case CONDITION_HEADER:
    case CONDITION_QUERY_PARAMETER:
    case CONDITION_CLIENT_ADDRESS:
    case CONDITION_CLIENT_SCHEME:
    case CONDITION_VIRTUAL_HOST:
    case CONDITION_N_VARIABLES:
        return NULL;
    }
    return NULL;
}

static const char *plain_variable(enum condition_variable variable)
{
    switch (variable) {
    case CONDITION_VERB:
        return "$request_method";
    case CONDITION_PATH:
        return "$uri";
    case CONDITION_URI:
        return "$request_uri";
    case CONDITION_QUERY_STRING:
        return "$args";
    case CONDITION_CLIENT_ADDRESS:
        return "$http_x_handfast_client";
    case CONDITION_CLIENT_SCHEME:
        return "$http_x_forwarded_proto";
    case CONDITION_VIRTUAL_HOST:
        return "$handfast_vhost_name";
    case CONDITION_PATH_SUFFIX:
    case CONDITION_HEADER:
    case CONDITION_QUERY_PARAMETER:
    case CONDITION_BASE_PATH:
    case CONDITION_ENVIRONMENT:
    case CONDITION_ORGANIZATION:
    case CONDITION_PROXY_NAME:
    case CONDITION_PROXY_REVISION:
    case CONDITION_ENDPOINT:
    case CONDITION_N_VARIABLES:
        return NULL;
    }
    return NULL;
}

/* A query parameter is a map of its own: nginx's $arg_ knows few names. */
static void put_parameter(const struct test *t, const struct condition_node *node)
{
    struct conf *c = &t->p->w->c;
    struct text pattern = { 0 };
    text_puts(&pattern, "~(?:^|&)");
    put_path_pattern(&pattern, node->name);
    text_printf(&pattern, "=(?<handfast_value_%zu_%zu_%zu>[^&]*)", t->p->id, t->route, t->node);
    conf_begin(c, "map $args");
    text_printf(c->out, " $handfast_query_%zu_%zu_%zu", t->p->id, t->route, t->node);
    conf_end_open(c);
    conf_begin(c, "");
    conf_value(c, text_str(&pattern));
    text_printf(c->out, " $handfast_value_%zu_%zu_%zu", t->p->id, t->route, t->node);
    conf_end(c);
    conf_line(c, "default \"\"");
    conf_close(c);
    text_deinit(&pattern);
}

static enum status put_source(const struct test *t, const struct condition_node *node,
                              struct err *err)
{
    struct conf *c = &t->p->w->c;
    const char *fixed = constant(t->p, node->variable);
    const char *plain = plain_variable(node->variable);
    if (fixed != NULL) {
        conf_literal(c, fixed);
    } else if (plain != NULL) {
        conf_word(c, plain);
    } else if (node->variable == CONDITION_PATH_SUFFIX) {
        put_variable(c, "suffix", t->p->id);
    } else if (node->variable == CONDITION_QUERY_PARAMETER) {
        text_printf(c->out, " $handfast_query_%zu_%zu_%zu", t->p->id, t->route, t->node);
    } else {
        text_putc(c->out, ' ');
        if (!put_header(c->out, node->name)) {
            return err_set(err, ST_USAGE, "API %s: a condition asks for the header '%.80s'",
                           t->p->proxy->api, node->name);
        }
    }
    return ST_OK;
}

static enum status put_test(const struct test *t, const struct condition_node *node,
                            struct err *err)
{
    struct conf *c = &t->p->w->c;
    struct condition_pattern how;
    struct text pattern = { 0 };
    if (node->variable == CONDITION_QUERY_PARAMETER) {
        put_parameter(t, node);
    }
    conf_begin(c, "map");
    enum status st = put_source(t, node, err);
    text_putc(c->out, ' ');
    put_name(c, t, t->node);
    conf_end_open(c);
    condition_pattern(node, &pattern, &how);
    conf_begin(c, "");
    conf_prefixed(c, how.no_case ? "~*" CHEAP : "~" CHEAP, text_str(&pattern));
    conf_word(c, how.is_negated ? "0" : "1");
    conf_end(c);
    conf_line(c, how.is_negated ? "default 1" : "default 0");
    conf_close(c);
    text_deinit(&pattern);
    return st;
}

/* A map over the results of the nodes before. */
static void put_joint(const struct test *t, const struct condition_node *node, const char *key,
                      const char *value, const char *otherwise)
{
    struct conf *c = &t->p->w->c;
    conf_begin(c, "map \"");
    put_name(c, t, node->left);
    if (node->kind != CONDITION_NOT) {
        put_name(c, t, node->right);
    }
    text_puts(c->out, "\" ");
    put_name(c, t, t->node);
    conf_end_open(c);
    conf_begin(c, key);
    conf_word(c, value);
    conf_end(c);
    conf_begin(c, "default");
    conf_word(c, otherwise);
    conf_end(c);
    conf_close(c);
}

static void put_constant(const struct test *t, bool value)
{
    struct conf *c = &t->p->w->c;
    conf_begin(c, "map \"\" ");
    put_name(c, t, t->node);
    conf_end_open(c);
    conf_line(c, value ? "default 1" : "default 0");
    conf_close(c);
}

static enum status put_node(const struct test *t, const struct condition_node *node,
                            struct err *err)
{
    switch (node->kind) {
    case CONDITION_TEST:
        return put_test(t, node, err);
    case CONDITION_AND:
        put_joint(t, node, "11", "1", "0");
        return ST_OK;
    case CONDITION_OR:
        put_joint(t, node, "00", "0", "1");
        return ST_OK;
    case CONDITION_NOT:
        put_joint(t, node, "0", "1", "0");
        return ST_OK;
    case CONDITION_TRUE:
        put_constant(t, true);
        return ST_OK;
    case CONDITION_FALSE:
        put_constant(t, false);
        return ST_OK;
    }
    return ST_OK;
}

enum status routes_put(const struct route_place *p, struct err *err)
{
    struct conf *c = &p->w->c;
    for (size_t i = 0; i < p->endpoint->n_routes; i++) {
        const struct condition *condition = &p->endpoint->routes[i].condition;
        for (size_t j = 0; j < condition->n; j++) {
            struct test t = { p, i, j };
            TRY(put_node(&t, &condition->nodes[j], err));
        }
    }
    /* One figure for each route, 1 where it may be taken; the first 1 counts. */
    conf_begin(c, "map \"");
    for (size_t i = 0; i < p->endpoint->n_routes; i++) {
        const struct condition *condition = &p->endpoint->routes[i].condition;
        if (condition->n == 0) {
            text_putc(c->out, '1'); /* braces: a figure may follow a name */
        } else {
            text_printf(c->out, "${handfast_if_%zu_%zu_%zu}", p->id, i, condition->n - 1);
        }
    }
    text_putc(c->out, '"');
    put_variable(c, "route", p->id);
    conf_end_open(c);
    for (size_t i = 0; i < p->endpoint->n_routes; i++) {
        conf_begin(c, "");
        text_printf(c->out, " \"~^.{%zu}1\" @route_%zu_%zu", i, p->id, i);
        conf_end(c);
    }
    conf_line(c, "default @no_route");
    conf_close(c);
    return ST_OK;
}
