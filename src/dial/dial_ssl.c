#include "dial/dial_ssl.h"

#include <openssl/err.h>
#include <string.h>

enum status dial_ssl_error(enum status status, const char *what, struct err *err)
{
    char reason[160];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    const char *last = strrchr(reason, ':');
    ERR_clear_error();
    return err_set(err, status, "%s: %s", what, last == NULL ? reason : last + 1);
}

int dial_ssl_take_anything(int ok, X509_STORE_CTX *context)
{
    (void)ok;
    (void)context;
    return 1;
}
