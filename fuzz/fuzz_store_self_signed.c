/* Bodies that ask for a self-signed certificate: what is taken is within its limits. */
#include <jansson.h>
#include <stdlib.h>

#include "store/self_signed.h"

static void expect_limits(const struct self_signed *w)
{
    bool is_sound = (w->key_bits == 2048 || w->key_bits == 3072 || w->key_bits == 4096) &&
                    (w->digest_bits == 256 || w->digest_bits == 384 || w->digest_bits == 512) &&
                    w->days >= 1 && w->days <= SELF_SIGNED_DAYS_MAX &&
                    w->n_names <= SELF_SIGNED_NAMES_MAX;
    for (size_t i = 0; i < w->n_names; i++) {
        is_sound =
            is_sound && w->names[i][0] != '\0' && strlen(w->names[i]) <= SELF_SIGNED_VALUE_MAX;
    }
    for (size_t i = 0; i < SELF_SIGNED_FIELDS; i++) {
        is_sound = is_sound && (w->subject[i] == NULL ||
                                strlen(w->subject[i]) <= 4 * (size_t)SELF_SIGNED_VALUE_MAX);
    }
    if (!is_sound) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct self_signed wanted;
    struct store_problem problem = { 0 };
    json_t *body = json_loadb((const char *)data, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if (body == NULL) {
        return 0;
    }
    enum status st = self_signed_read(body, &wanted, &problem);
    if (st == ST_OK) {
        expect_limits(&wanted);
    } else if (st != ST_USAGE || problem.kind != PROBLEM_INVALID || problem.message[0] == '\0') {
        abort();
    }
    json_decref(body);
    return 0;
}
