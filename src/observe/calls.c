#include "observe/calls.h"

#include <dlfcn.h>
#include <stddef.h>

#include "base/status.h"

enum need { WANT, NEED };

static const struct row {
    const char *name;
    size_t offset;
    enum need need;
} rows[] = {
#define CALL(need, result, name, parameters) { #name, offsetof(struct calls, name), need },
#include "observe/calls.def"
};

bool calls_find(struct calls *c, void *handle)
{
    *c = (struct calls){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        void *found = dlsym(handle, rows[i].name);
        if (found == NULL && rows[i].need == NEED) {
            return false;
        }
        /* POSIX: an object pointer of dlsym() holds a function's address. */
        *(void **)((char *)c + rows[i].offset) = found;
    }
    return true;
}

bool calls_find_own(struct calls *c)
{
    return calls_find(c, RTLD_DEFAULT);
}
