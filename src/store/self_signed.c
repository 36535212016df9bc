/* The body. */
#include "store/self_signed.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "store/host_name.h"
#include "store/self_signed_subject.h"

enum { DEFAULT_BITS = 2048, DEFAULT_DIGEST = 256, DEFAULT_DAYS = 365 };

static const unsigned key_sizes[] = { 2048, 3072, 4096 };

static const struct {
    const char *id;
    unsigned digest_bits;
} algorithms[] = {
    { "SHA256withRSA", 256 },
    { "SHA384withRSA", 384 },
    { "SHA512withRSA", 512 },
};

static enum status invalid(struct store_problem *problem, const char *field, const char *why)
{
    return problem_set(problem, PROBLEM_ID_SELF_SIGNED_INVALID, "%s: %s", field, why);
}

/* --- scalars --- */

/* A number, or the same as text. False: neither. */
static bool read_number(const json_t *value, json_int_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && strlen(text) == json_string_length(value);
}

static enum status read_bits(const json_t *value, struct self_signed *out,
                             struct store_problem *problem)
{
    json_int_t bits = 0;
    if (read_number(value, &bits)) {
        for (size_t i = 0; i < ARRAY_LEN(key_sizes); i++) {
            if (bits == (json_int_t)key_sizes[i]) {
                out->key_bits = key_sizes[i];
                return ST_OK;
            }
        }
    }
    return invalid(problem, "keySize", "2048, 3072 and 4096 bits are possible");
}

static enum status read_days(const json_t *value, struct self_signed *out,
                             struct store_problem *problem)
{
    json_int_t days = 0;
    if (!read_number(value, &days) || days < 1 || days > SELF_SIGNED_DAYS_MAX) {
        return invalid(problem, "certValidityInDays", "a number from 1 to 36500 is wanted");
    }
    out->days = (unsigned)days;
    return ST_OK;
}

static enum status read_algorithm(const json_t *value, struct self_signed *out,
                                  struct store_problem *problem)
{
    const char *id = json_string_value(value);
    for (size_t i = 0; id != NULL && i < ARRAY_LEN(algorithms); i++) {
        if (strcasecmp(id, algorithms[i].id) == 0) {
            out->digest_bits = algorithms[i].digest_bits;
            return ST_OK;
        }
    }
    return invalid(problem, "sigAlg",
                   "SHA256withRSA, SHA384withRSA and SHA512withRSA are possible");
}

static enum status read_alias(const json_t *value, struct self_signed *out,
                              struct store_problem *problem)
{
    out->alias = json_string_value(value);
    return out->alias != NULL ? ST_OK : invalid(problem, "alias", "a text is wanted");
}

/* --- the subject --- */

static bool is_printable(const char *text)
{
    struct bytes left = bytes_of_str(text);
    while (left.len > 0) {
        size_t n = utf8_printable(left);
        if (n == 0) {
            return false;
        }
        left = bytes_skip(left, n);
    }
    return true;
}

static size_t count_characters(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static enum status read_subject_field(const char *key, const json_t *value, struct self_signed *out,
                                      struct store_problem *problem)
{
    size_t at = self_signed_subject_find(key);
    if (at == SELF_SIGNED_FIELDS) {
        struct problem_context *c = problem_add(problem, true, "");
        snprintf(c->where, sizeof c->where, "subject");
        snprintf(c->message, sizeof c->message, "It has a field that is not known here");
        return ST_OK;
    }
    const struct self_signed_field *field = &self_signed_subject[at];
    const char *text = json_string_value(value);
    if (json_is_null(value) || (text != NULL && text[0] == '\0')) {
        return ST_OK; /* as if it were not there */
    }
    if (text == NULL || strlen(text) != json_string_length(value) || !is_printable(text)) {
        return invalid(problem, field->id, "a text without control characters is wanted");
    }
    size_t n = count_characters(text);
    if (n > field->most || n < field->least) {
        return invalid(problem, field->id, field->says);
    }
    out->subject[at] = text;
    return ST_OK;
}

static enum status read_subject(const json_t *value, struct self_signed *out,
                                struct store_problem *problem)
{
    if (!json_is_object(value)) {
        return invalid(problem, "subject", "an object is wanted");
    }
    for (void *at = json_object_iter((json_t *)value); at != NULL;
         at = json_object_iter_next((json_t *)value, at)) {
        TRY(read_subject_field(json_object_iter_key(at), json_object_iter_value(at), out, problem));
    }
    return ST_OK;
}

/* --- alternative names --- */

static enum status read_name(const json_t *value, struct self_signed *out,
                             struct store_problem *problem)
{
    const char *name = json_string_value(value);
    if (name == NULL || strlen(name) != json_string_length(value) ||
        !(host_is_address(name) || host_name_is_valid(name, true))) {
        return invalid(problem, "subjectAlternativeDNSNames", "host names or addresses are wanted");
    }
    if (out->n_names == SELF_SIGNED_NAMES_MAX) {
        return invalid(problem, "subjectAlternativeDNSNames", "at most 100 names are possible");
    }
    out->names[out->n_names++] = name;
    return ST_OK;
}

/* {subjectAlternativeName: [...]}, a list, or one name. */
static enum status read_names(const json_t *value, struct self_signed *out,
                              struct store_problem *problem)
{
    if (json_is_object(value)) {
        const json_t *inner = json_object_get(value, "subjectAlternativeName");
        value = inner != NULL ? inner : json_object_get(value, "subject_alternative_name");
    }
    if (value == NULL || json_is_null(value)) {
        return ST_OK;
    }
    if (!json_is_array(value)) {
        return read_name(value, out, problem);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        TRY(read_name(json_array_get(value, i), out, problem));
    }
    return ST_OK;
}

/* --- all of it --- */

static const struct {
    const char *id, *older;
    enum status (*read)(const json_t *value, struct self_signed *out,
                        struct store_problem *problem);
} fields[] = {
    { "alias", NULL, read_alias },
    { "keySize", "key_size", read_bits },
    { "sigAlg", "sig_alg", read_algorithm },
    { "certValidityInDays", "cert_validity_in_days", read_days },
    { "subject", NULL, read_subject },
    { "subjectAlternativeDNSNames", "subject_alternative_dns_names", read_names },
};

static enum status read_field(const char *key, const json_t *value, struct self_signed *out,
                              struct store_problem *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        bool is_it = strcmp(key, fields[i].id) == 0 ||
                     (fields[i].older != NULL && strcmp(key, fields[i].older) == 0);
        if (is_it) {
            return json_is_null(value) ? ST_OK : fields[i].read(value, out, problem);
        }
    }
    struct problem_context *c = problem_add(problem, true, "");
    snprintf(c->message, sizeof c->message,
             "The body has a field that is not known here, and was left alone");
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_head(bytes_of_str(key), 64));
    snprintf(c->where, sizeof c->where, "%s", text_str(&safe));
    text_deinit(&safe);
    return ST_OK;
}

enum status self_signed_read(const json_t *body, struct self_signed *out,
                             struct store_problem *problem)
{
    *out = (struct self_signed){ .key_bits = DEFAULT_BITS,
                                 .digest_bits = DEFAULT_DIGEST,
                                 .days = DEFAULT_DAYS };
    if (!json_is_object(body)) {
        return invalid(problem, "The body", "a JSON object is wanted");
    }
    for (void *at = json_object_iter((json_t *)body); at != NULL;
         at = json_object_iter_next((json_t *)body, at)) {
        TRY(read_field(json_object_iter_key(at), json_object_iter_value(at), out, problem));
    }
    if (out->subject[self_signed_subject_find("commonName")] == NULL) {
        return invalid(problem, "subject.commonName", "it is needed");
    }
    return ST_OK;
}
