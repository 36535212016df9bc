/*
 * json: writes JSON into a text, compact, in the order of the calls.
 *
 * Commas and quotes are its own business. Keys are literals of ours; strings may be any bytes
 * from outside: broken UTF-8 becomes U+FFFD, control characters are escaped, so that the output
 * is always valid JSON (RFC 8259).
 *
 *     struct json j = json_start(&text);
 *     json_object(&j, NULL);
 *     json_str(&j, "cause", "cipher-mismatch");
 *     json_array(&j, "frames");
 *     json_u64(&j, NULL, 12);
 *     json_end_array(&j);
 *     json_end_object(&j);
 */
#ifndef HANDFAST_BASE_JSON_H
#define HANDFAST_BASE_JSON_H

#include "base/text.h"

/* jansson has functions of these names, and a program may hold both: ours are linked under others.
 * A source file includes one of the two headers. */
#ifdef JANSSON_H
#error "base/json.h and jansson.h do not go together: one source file for each"
#endif
#define json_object json_begin_object
#define json_array  json_begin_array
#define json_null   json_put_null

struct json {
    struct text *out;
    bool needs_comma;
};

struct json json_start(struct text *out);
/* `key` is NULL inside an array and for the outermost value. */
void json_object(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_array(struct json *j, const char *key);
void json_end_array(struct json *j);
void json_bytes(struct json *j, const char *key, struct bytes value); /* as a string */
void json_str(struct json *j, const char *key, const char *value);    /* NULL gives null */
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* A number with a fixed count of decimals: value / 10^decimals, exact. */
void json_fixed(struct json *j, const char *key, int64_t value, unsigned decimals);
/* Already JSON. */
void json_raw(struct json *j, const char *key, const char *value);

#endif
