/*
 * errors: OpenSSL's error queue set aside.
 *
 * Verdicts are reached within a call of OpenSSL's that nginx made, and nginx will read the queue
 * when it returns. Judging certificates writes to that queue, which holds 16 entries only.
 */
#ifndef HANDFAST_NGINX_ERRORS_H
#define HANDFAST_NGINX_ERRORS_H

enum { HF_ERRORS_MAX = 16, HF_ERROR_TEXT_MAX = 200, HF_ERROR_PLACE_MAX = 64 };

struct hf_errors {
    int n;
    struct hf_error {
        unsigned long code;
        char file[HF_ERROR_PLACE_MAX], function[HF_ERROR_PLACE_MAX]; /* the queue owns its own */
        int line;
        char text[HF_ERROR_TEXT_MAX]; /* empty: none */
    } entries[HF_ERRORS_MAX];
};

/* Takes all there is; the queue is empty then. */
void hf_errors_take(struct hf_errors *e);
/* Puts it back, and nothing else. */
void hf_errors_put(const struct hf_errors *e);

#endif
