/* Read by jansson, whose names are those of base/json.h: the two are never included together, and
 * of jansson only functions are called that base has none of. */
#include "probe/policy_baseline.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct baseline {
    json_t *by_target; /* object: target → the object of its line */
};

static enum status read_line(struct baseline *b, const char *text, size_t len, struct err *err)
{
    json_error_t why;
    json_t *line = json_loadb(text, len, 0, &why);
    if (line == NULL) {
        return err_set(err, ST_USAGE, "%s", why.text);
    }
    const char *target = json_string_value(json_object_get(line, "target"));
    if (target != NULL) {
        json_object_set(b->by_target, target, line);
    }
    json_decref(line);
    return ST_OK;
}

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

static enum status read_lines(struct baseline *b, FILE *file, const char *path, struct err *err)
{
    char *text = NULL;
    size_t room = 0;
    enum status st = ST_OK;
    for (unsigned n = 1; st == ST_OK; n++) {
        ssize_t len = getline(&text, &room, file);
        if (len < 0) {
            break;
        }
        struct err why = { 0 };
        if (!is_blank(text) && read_line(b, text, (size_t)len, &why) != ST_OK) {
            st = err_set(err, ST_USAGE, "--baseline %.200s: line %u: %.160s", path, n, why.text);
        }
    }
    free(text);
    return st;
}

enum status baseline_open(const char *path, struct baseline **out, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_sys(err, "--baseline %.200s", path);
    }
    struct baseline *b = calloc(1, sizeof *b);
    enum status st = ST_OK;
    if (b != NULL) {
        b->by_target = json_loads("{}", 0, NULL);
    }
    if (b == NULL || b->by_target == NULL) {
        st = err_set(err, ST_NOMEM, "no memory");
    } else {
        st = read_lines(b, file, path, err);
    }
    fclose(file);
    if (st != ST_OK) {
        baseline_free(b);
        return st;
    }
    *out = b;
    return ST_OK;
}

void baseline_free(struct baseline *b)
{
    if (b != NULL) {
        json_decref(b->by_target);
        free(b);
    }
}

static bool has_string(const json_t *object, const char *key, const char *value)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL && strcmp(s, value) == 0;
}

/* The same cause, or none on either side. */
static bool has_cause(const json_t *finding, const char *cause)
{
    const char *was = json_string_value(json_object_get(finding, "cause"));
    return was == NULL || cause == NULL ? was == cause : strcmp(was, cause) == 0;
}

bool baseline_has_finding(const struct baseline *b, const char *target, const char *id,
                          const char *cause)
{
    const json_t *list = json_object_get(json_object_get(b->by_target, target), "findings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (has_string(one, "id", id) && has_cause(one, cause)) {
            return true;
        }
    }
    return false;
}

bool baseline_has_violation(const struct baseline *b, const char *target, const char *rule,
                            const char *item)
{
    const json_t *policy = json_object_get(json_object_get(b->by_target, target), "policy");
    const json_t *list = json_object_get(policy, "violations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (has_string(v, "rule", rule) && has_string(v, "item", item)) {
            return true;
        }
    }
    return false;
}
