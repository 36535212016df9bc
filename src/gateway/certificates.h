/*
 * certificates: what keystores hold, as files beside a configuration.
 *
 * Names of files are made of the places, never of what stands in documents. A file that two
 * servers need is written once.
 */
#ifndef HANDFAST_GATEWAY_CERTIFICATES_H
#define HANDFAST_GATEWAY_CERTIFICATES_H

#include "gateway/generation.h"
#include "store/ssl_info.h"
#include "store/store.h"

enum { CERTIFICATE_FILE_MAX = 80 };

struct certificate_place { /* borrowed texts */
    struct store *store;
    struct generation_part *part;
    const char *org, *env;
    const char *whose; /* "virtual host secure": stands before what is wrong */
};

/* The chain and the key of keyStore and keyAlias, as two files below the part's directory.
 * ST_USAGE where the keystore, the alias or its key is not there. */
enum status certificates_put_key(const struct certificate_place *at, const struct ssl_info *ssl,
                                 char chain[CERTIFICATE_FILE_MAX], char key[CERTIFICATE_FILE_MAX],
                                 struct err *err) NODISCARD;
/* All certificates of trustStore as one file; "" where none is named. An empty truststore is an
 * empty file in `*n_certs`. */
enum status certificates_put_trust(const struct certificate_place *at, const struct ssl_info *ssl,
                                   char file[CERTIFICATE_FILE_MAX], size_t *n_certs,
                                   struct err *err) NODISCARD;

#endif
