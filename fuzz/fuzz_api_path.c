/* Targets: no segment leads upwards, and both spellings of a path find the same route. */
#include <stdlib.h>
#include <string.h>

#include "api/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20 };

static void check_segments(const struct api_target *target)
{
    for (size_t i = 0; i < target->n_segments; i++) {
        const char *s = target->segments[i];
        if (s[0] == '\0' || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 ||
            strchr(s, '\n') != NULL) {
            abort();
        }
    }
}

static char *other_spelling(char *segment)
{
    static const char *const pairs[][2] = { { "o", "organizations" }, { "e", "environments" } };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(segment, pairs[i][k]) == 0) {
                return (char *)(uintptr_t)pairs[i][1 - k];
            }
        }
    }
    return segment;
}

/* Where a word stands in the pattern both spellings mean it; elsewhere they are names. */
static void check_spellings(const struct api_target *target)
{
    struct api_target other = *target;
    struct api_found found;
    struct api_found again;
    for (size_t i = 0; i < target->n_segments; i++) {
        other.segments[i] = other_spelling(target->segments[i]);
    }
    for (enum api_method m = 0; m < API_N_METHODS; m++) {
        api_route_find(m, target, &found);
        api_route_find(m, &other, &again);
        if (found.route != again.route || found.allowed != again.allowed ||
            (found.route != NULL && !(found.allowed & 1U << m))) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .limit_bytes = ROOM };
    struct api_target target;
    const char *why = NULL;
    if (api_target_parse(bytes_of(data, size), &arena, &target, &why)) {
        check_segments(&target);
        check_spellings(&target);
    } else if (why == NULL) {
        abort();
    }
    arena_deinit(&arena);
    return 0;
}
