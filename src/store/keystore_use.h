/* keystore_use: what uses a keystore, as a refusal to take it away. */
#ifndef HANDFAST_STORE_KEYSTORE_USE_H
#define HANDFAST_STORE_KEYSTORE_USE_H

#include "store/references.h"

/* ST_OK where nothing uses it; else the problem `id`, a context for each use. */
enum status keystore_use_refuse(struct store *s, const struct keystore_use_question *question,
                                enum problem_id id, struct store_problem *problem) NODISCARD;

#endif
