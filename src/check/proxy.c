#include "check/proxy.h"

#include <string.h>

#include "base/status.h"

static const struct {
    const char *word, *product;
} proxies[] = {
#define PROXY(word, product) { word, product },
#include "check/proxies.def"
};

const char *proxy_by_name(const char *issuer)
{
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        if (strcasestr(issuer, proxies[i].word) != NULL) {
            return proxies[i].product;
        }
    }
    return NULL;
}
