/* OpenSSL's algorithms of a store: with those of its legacy provider, which old PKCS#12 files need
 * (RC2-40 and such, OSSL_PROVIDER-legacy(7)); apart from the rest of the program. */
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "keystore/reading.h"

OSSL_LIB_CTX *crypto_context(struct keystore *k)
{
    if (k->crypto == NULL) {
        k->crypto = OSSL_LIB_CTX_new();
        if (k->crypto != NULL) {
            k->providers[0] = OSSL_PROVIDER_load(k->crypto, "default");
        }
    }
    return k->crypto;
}

OSSL_LIB_CTX *crypto_context_with_legacy(struct keystore *k)
{
    OSSL_LIB_CTX *context = crypto_context(k);
    if (context != NULL && k->providers[1] == NULL) {
        k->providers[1] = OSSL_PROVIDER_load(context, "legacy");
    }
    return context;
}

bool crypto_has_legacy(const struct keystore *k)
{
    return k->providers[1] != NULL;
}

void crypto_deinit(struct keystore *k)
{
    for (size_t i = 0; i < ARRAY_LEN(k->providers); i++) {
        if (k->providers[i] != NULL) {
            OSSL_PROVIDER_unload(k->providers[i]);
        }
    }
    OSSL_LIB_CTX_free(k->crypto);
}
