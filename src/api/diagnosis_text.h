/*
 * diagnosis_text: a diagnosis for people to read, made of its answer.
 */
#ifndef HANDFAST_API_DIAGNOSIS_TEXT_H
#define HANDFAST_API_DIAGNOSIS_TEXT_H

#include "api/route.h"

/* Answers with it, as text where that is asked for. `answer` (diagnosis.h) is borrowed; `subject`
 * says what it is of: "target server t1". */
enum status api_say_diagnosis(struct api_request *r, struct api_answer *a, const char *subject,
                              json_t *answer) NODISCARD;

#endif
