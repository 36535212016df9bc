/*
 * cert_info: the certificates of a chain as the guide prints them, {certInfo[], certName}.
 *
 * The fields and their texts are check's (check_json.h); here they become a value of jansson.
 */
#ifndef HANDFAST_STORE_CERT_INFO_H
#define HANDFAST_STORE_CERT_INFO_H

#include "base/text.h"
#include "x509/x509.h"

/* JSON text. `at_s`: isValid says whether it is within the dates. */
void cert_info_put(struct text *out, const struct x509_chain *chain, const char *cert_name,
                   int64_t at_s);

#endif
