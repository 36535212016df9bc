/*
 * call_text: a call of this API as commands for a shell, for those who want text.
 */
#ifndef HANDFAST_API_CALL_TEXT_H
#define HANDFAST_API_CALL_TEXT_H

#include "api/route.h"

/* Nothing where `call` (fix_call.h) is NULL or null. */
void call_text_put(struct text *out, const char *title, const json_t *call);
/* By Accept, or format=text. */
bool api_wants_text(const struct api_request *r);

#endif
