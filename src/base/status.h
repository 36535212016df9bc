/*
 * status: how our own failures travel (memory, I/O, configuration).
 *
 * Broken input is evidence, not an error: a parser reports a `struct fault` (reader.h) instead.
 * `struct err` carries one sentence for a person: what, where (file, offset), why.
 */
#ifndef HANDFAST_BASE_STATUS_H
#define HANDFAST_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#define NODISCARD              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))

enum status {
    ST_OK = 0,
    ST_NOMEM,  /* no memory, or an arena's limit */
    ST_IO,     /* the system refused: open, read, write */
    ST_USAGE,  /* the user's request makes no sense */
    ST_FORMAT, /* a file is not what it must be to be used at all */
};

struct err {
    enum status status;
    char text[480];
};

/* Each fills `err` (NULL is fine) and returns the status, so that callers `return err_set(...)`. */
enum status err_set(struct err *err, enum status status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As err_set with ST_IO, with ": strerror(errno)" appended. */
enum status err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The only macro that returns. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum status try_status_ = (expr);                                                          \
        if (try_status_ != ST_OK) {                                                                \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

#endif
