/*
 * check_json: a result as one JSON object, docs/check.schema.json.
 */
#ifndef HANDFAST_CHECK_CHECK_JSON_H
#define HANDFAST_CHECK_CHECK_JSON_H

#include "base/json.h"
#include "check/check.h"

/* One line, newline included. */
void check_json(struct text *out, const struct check_result *r);
/* The fields of a management console's certInfo: names and algorithms as Java has them, times in
 * milliseconds. `at_s`: isValid says whether this is within the dates. */
void check_json_cert_info(struct json *j, const char *key, const struct x509_chain *chain, size_t i,
                          int64_t at_s);

#endif
