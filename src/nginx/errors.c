#include "nginx/errors.h"

#include <openssl/err.h>

#include "base/bytes.h"

/* What does not fit is cut. */
static void keep(char *to, size_t room, const char *text)
{
    size_t len = text == NULL ? 0 : strnlen(text, room - 1);
    bytes_copy(to, room - 1, bytes_of(text, len));
    to[len] = '\0';
}

void hf_errors_take(struct hf_errors *e)
{
    e->n = 0;
    while (e->n < HF_ERRORS_MAX) {
        struct hf_error *one = &e->entries[e->n];
        const char *file = NULL;
        const char *function = NULL;
        const char *text = NULL;
        int flags = 0;
        one->code = ERR_get_error_all(&file, &one->line, &function, &text, &flags);
        if (one->code == 0) {
            return;
        }
        bool is_text = text != NULL && (flags & ERR_TXT_STRING) != 0;
        keep(one->file, sizeof one->file, file);
        keep(one->function, sizeof one->function, function);
        keep(one->text, sizeof one->text, is_text ? text : NULL);
        e->n++;
    }
}

void hf_errors_put(const struct hf_errors *e)
{
    ERR_clear_error();
    for (int i = 0; i < e->n; i++) {
        const struct hf_error *one = &e->entries[i];
        ERR_new();
        ERR_set_debug(one->file, one->line, one->function);
        if (one->text[0] != '\0') {
            ERR_set_error(ERR_GET_LIB(one->code), ERR_GET_REASON(one->code), "%s", one->text);
        } else {
            ERR_set_error(ERR_GET_LIB(one->code), ERR_GET_REASON(one->code), NULL);
        }
    }
}
