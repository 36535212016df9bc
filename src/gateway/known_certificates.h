/*
 * known_certificates: which certificates stand in which keystores, by their SHA-256.
 *
 * Made from the store, and made anew when its generation is another. A reader's view: it may lag
 * behind by known_certificates_refresh()'s caller. Texts live until the next refresh.
 */
#ifndef HANDFAST_GATEWAY_KNOWN_CERTIFICATES_H
#define HANDFAST_GATEWAY_KNOWN_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

struct known_certificate {
    const char *sha256_hex;
    const char *org, *env, *keystore, *alias;
    size_t index;     /* in the alias: 0 the leaf */
    struct bytes der; /* of a CA; empty: it is none */
    unsigned long subject_hash;
};

struct known_certificates;

/* `store_path` need not exist yet. */
enum status known_certificates_new(const char *store_path, struct known_certificates **out,
                                   struct err *err) NODISCARD;
void known_certificates_free(struct known_certificates *k); /* NULL is fine */
/* Looks whether the store has changed, at most once in 500 ms. What cannot be read stays as it was.
 */
void known_certificates_refresh(struct known_certificates *k);
/* The next one of that certificate in the environment, behind `after` (NULL: the first). */
const struct known_certificate *known_certificates_find(const struct known_certificates *k,
                                                        const char *org, const char *env,
                                                        const char *sha256_hex,
                                                        const struct known_certificate *after);
/* CA certificates of the environment with the name of the issuer of `child` (DER); as
 * judged.find_issuer. */
struct known_issuers {
    const struct known_certificates *known;
    const char *org, *env;
};
bool known_certificates_issuer(void *known_issuers, struct bytes child, size_t *at,
                               struct bytes *der);

#endif
