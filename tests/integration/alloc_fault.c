/*
 * alloc_fault: linked into a copy of the program so that its nth allocation fails.
 *
 * HANDFAST_FAIL_ALLOC=n lets the nth call (1 is the first) of malloc, calloc, realloc or strdup of
 * our own code return NULL; n+ lets every call from the nth on. Without it the calls are only
 * counted, and HANDFAST_COUNT_ALLOC=FILE gets their number. The linker's --wrap leads the calls of
 * our objects here; the system's libraries keep their own.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *s);

static struct {
    unsigned long n_calls;
    unsigned long failing; /* 0: none */
    bool and_after;
} faults;

static void report(void)
{
    const char *path = getenv("HANDFAST_COUNT_ALLOC");
    FILE *out = path == NULL ? NULL : fopen(path, "we");
    if (out != NULL) {
        fprintf(out, "%lu\n", faults.n_calls);
        fclose(out);
    }
}

__attribute__((constructor)) static void start(void)
{
    const char *wanted = getenv("HANDFAST_FAIL_ALLOC");
    if (wanted != NULL) {
        char *end = NULL;
        faults.failing = strtoul(wanted, &end, 10);
        faults.and_after = *end == '+';
    }
    atexit(report);
}

static bool fails(void)
{
    unsigned long n = ++faults.n_calls;
    if (faults.failing == 0 || n < faults.failing || (n > faults.failing && !faults.and_after)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}
