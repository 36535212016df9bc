#include "cli/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "cli/terminal.h"

enum status password_read(struct password *p, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err_sys(err, "%s", path);
        return ST_IO;
    }
    bool is_read = fgets(p->text, sizeof p->text, file) != NULL || ferror(file) == 0;
    fclose(file);
    if (!is_read) {
        return err_set(err, ST_IO, "%s: it cannot be read", path);
    }
    p->text[strcspn(p->text, "\r\n")] = '\0';
    p->is_read = true;
    return ST_OK;
}

/* The same file is asked for once, though it is read as an input and as a trust store. */
static const char *ask(void *arg, const char *path)
{
    struct password *p = arg;
    struct text prompt = { 0 };
    if (p->asked_for[0] != '\0' && strcmp(p->asked_for, path) == 0) {
        return p->text;
    }
    if (p->before_asking != NULL) {
        p->before_asking(p->arg);
    }
    text_puts(&prompt, "Password of ");
    text_put_safe(&prompt, bytes_of_str(path));
    text_puts(&prompt, ": ");
    bool is_given = terminal_ask_secret(text_str(&prompt), p->text, sizeof p->text);
    text_deinit(&prompt);
    int len = is_given ? snprintf(p->asked_for, sizeof p->asked_for, "%s", path) : -1;
    if (len < 0 || (size_t)len >= sizeof p->asked_for) {
        p->asked_for[0] = '\0';
    }
    return is_given ? p->text : NULL;
}

struct x509_password password_source(struct password *p)
{
    const char *given = p->is_read ? p->text : getenv("HANDFAST_PASSWORD");
    bool can_ask = given == NULL && isatty(STDIN_FILENO) == 1;
    return (struct x509_password){ .given = given, .ask = can_ask ? ask : NULL, .arg = p };
}

void password_deinit(struct password *p)
{
    OPENSSL_cleanse(p->text, sizeof p->text);
}
