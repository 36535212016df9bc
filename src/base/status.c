#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum status err_set(struct err *err, enum status status, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

enum status err_sys(struct err *err, const char *fmt, ...)
{
    int saved = errno;
    if (err != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
        size_t used = strlen(err->text);
        char why[128];
        snprintf(err->text + used, sizeof err->text - used, ": %s",
                 strerror_r(saved, why, sizeof why));
        err->status = ST_IO;
    }
    errno = saved;
    return ST_IO;
}
