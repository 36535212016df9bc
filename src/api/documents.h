/*
 * documents: what handlers over typed documents have in common: reading them, and answering with
 * what is wrong with them.
 */
#ifndef HANDFAST_API_DOCUMENTS_H
#define HANDFAST_API_DOCUMENTS_H

#include "api/route.h"
#include "store/remark.h"
#include "store/ssl_info.h"

/* A new reference; NULL in *out where there is no such document. */
enum status api_document(struct api_request *r, const struct store_key *key, json_t **out,
                         struct err *err) NODISCARD;
enum status api_document_is_there(struct api_request *r, const struct store_key *key, bool *out,
                                  struct err *err) NODISCARD;
/* A body in JSON without a name has the one that the path's `param` says. */
void api_name_of_path(struct api_request *r, const char *param);
/* Within a transaction. Takes `json`; NULL is no memory. An empty blob keeps the one there is. */
enum status api_document_put(struct api_request *r, const struct store_key *key, json_t *json,
                             struct bytes blob, struct err *err) NODISCARD;
/* The answer is an array of the names below `within`, each once. */
enum status api_say_names(struct api_request *r, struct api_answer *a,
                          const struct store_key *within, struct err *err) NODISCARD;
/* Refuses where {o} is unknown. */
enum status api_want_organization(struct api_request *r, struct api_answer *a,
                                  struct err *err) NODISCARD;

/* [{level, code, file, line, column, message}]; NULL: no memory. */
json_t *api_remarks_json(const struct remarks *remarks, enum remark_level least);
/* Refuses with the worst remark's code and sentence, all of them as contexts, where one is at least
 * that bad. */
enum status api_refuse_remarks(struct api_request *r, struct api_answer *a,
                               const struct remarks *remarks, enum remark_level least) NODISCARD;
/* Refuses where a keystore, truststore, reference or alias that it names is not in {o}, `env`.
 * `what` begins the sentence: "target endpoint default". */
enum status api_want_stores(struct api_request *r, struct api_answer *a, const char *env,
                            const struct ssl_info *info, const char *what,
                            struct err *err) NODISCARD;

#endif
