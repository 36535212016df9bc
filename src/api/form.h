/*
 * form: the two forms that bodies of requests and answers have, and what a client takes.
 *
 * Source: RFC 9110 sections 8.3 and 12.5.1.
 */
#ifndef HANDFAST_API_FORM_H
#define HANDFAST_API_FORM_H

#include <stdbool.h>

enum api_form { API_JSON, API_XML };

/* The one that an Accept or Content-Type header asks for, the first where it lists both with the
 * same weight; NULL, or neither: `otherwise`. */
enum api_form api_form_of(const char *header, enum api_form otherwise);
/* Whether an Accept header leaves room for this type ("application/json"); NULL takes all. */
bool api_accepts(const char *header, const char *type);

#endif
