/* body: the body of a request as its route takes it, by Content-Type. */
#ifndef HANDFAST_API_BODY_H
#define HANDFAST_API_BODY_H

#include "api/route.h"

enum { API_MULTIPART_TEXT_MAX = 65536 };

/* Fills type and json, form or parts from r->body. What the route does not take is refused in the
 * answer. */
enum status api_body_read(struct api_request *r, struct api_answer *a, struct err *err) NODISCARD;

#endif
