/* form: the two forms that bodies of requests and answers have. */
#ifndef HANDFAST_API_FORM_H
#define HANDFAST_API_FORM_H

#include <stdbool.h>

enum api_form { API_JSON, API_XML };

/* The one that an Accept or Content-Type header asks for; NULL, or neither: `otherwise`. */
enum api_form api_form_of(const char *header, enum api_form otherwise);

#endif
