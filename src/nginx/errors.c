#include "nginx/errors.h"

#include <openssl/err.h>

#include "base/bytes.h"

void hf_errors_take(struct hf_errors *e)
{
    e->n = 0;
    while (e->n < HF_ERRORS_MAX) {
        struct hf_error *one = &e->entries[e->n];
        const char *text = NULL;
        int flags = 0;
        one->code = ERR_get_error_all(&one->file, &one->line, &one->function, &text, &flags);
        if (one->code == 0) {
            return;
        }
        bool is_text = text != NULL && (flags & ERR_TXT_STRING) != 0;
        size_t len = is_text ? strnlen(text, sizeof one->text - 1) : 0;
        bytes_copy(one->text, sizeof one->text - 1, bytes_of(text, len));
        one->text[len] = '\0';
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
