/*
 * password: that of key stores: the first line of --password-file, else HANDFAST_PASSWORD, else
 * asked for on the terminal, file by file. Never an argument, which would be everybody's to see.
 *
 * All-zero is a valid state: nothing given, nobody asked.
 */
#ifndef HANDFAST_CLI_PASSWORD_H
#define HANDFAST_CLI_PASSWORD_H

#include "x509/x509.h"

enum { PASSWORD_MAX = 1024, PASSWORD_PATH_MAX = 4096 };

struct password {
    char text[PASSWORD_MAX];
    bool is_read;                      /* from --password-file */
    char asked_for[PASSWORD_PATH_MAX]; /* the file it was typed for; "": none */
    void (*before_asking)(void *arg);  /* NULL: nothing; to clear a progress line */
    void *arg;
};

enum status password_read(struct password *p, const char *path, struct err *err) NODISCARD;
/* What to open stores with; it borrows from `p`. */
struct x509_password password_source(struct password *p);
void password_deinit(struct password *p);

#endif
