/*
 * check_schema: is this JSON what the schema says? Enough of JSON Schema 2020-12 for
 * docs/verdict.schema.json: type, const, enum, properties, required, additionalProperties, items,
 * minimum, anyOf, oneOf, $ref into the same document. An unknown keyword is a failure, so that
 * nothing goes unchecked unnoticed (format and pattern are known and not checked).
 */
#ifndef HANDFAST_TESTS_CHECK_SCHEMA_H
#define HANDFAST_TESTS_CHECK_SCHEMA_H

#include <jansson.h>

/* The schema of the project; ends the test where it cannot be read. The caller decrefs it. */
json_t *schema_load(void);
/* NULL, or where it is wrong (a path in a static buffer of the test). */
const char *schema_check(json_t *root, json_t *schema, json_t *value);

#endif
