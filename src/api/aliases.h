/* aliases: uploads, which the older paths of keystores do as well. */
#ifndef HANDFAST_API_ALIASES_H
#define HANDFAST_API_ALIASES_H

#include "api/change.h"
#include "store/alias.h"

/* POST .../certs and .../keys: part "file" or the body itself, ?alias=. */
api_handler aliases_upload_cert;
api_handler aliases_upload_jar;
/* Deletes an alias by `work`, a change; with preflight=true whoever trusts it is judged before. */
enum status aliases_delete_ahead(struct api_request *r, struct api_answer *a,
                                 const struct alias_name *name, api_work *work,
                                 struct err *err) NODISCARD;
/* The certificate and its chain in PEM. */
enum status aliases_say_pem(struct api_request *r, struct api_answer *a,
                            const struct alias_name *name, struct err *err) NODISCARD;

#endif
