/* aliases: uploads, which the older paths of keystores do as well. */
#ifndef HANDFAST_API_ALIASES_H
#define HANDFAST_API_ALIASES_H

#include "api/route.h"
#include "store/alias.h"

/* POST .../certs and .../keys: part "file" or the body itself, ?alias=. */
api_handler aliases_upload_cert;
api_handler aliases_upload_jar;
/* The certificate and its chain in PEM. */
enum status aliases_say_pem(struct api_request *r, struct api_answer *a,
                            const struct alias_name *name, struct err *err) NODISCARD;

#endif
