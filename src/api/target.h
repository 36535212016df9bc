/*
 * target: the path and the query of a request line, and lists of names and values.
 *
 * Everything is copied into the arena. What is refused: a broken percent sequence, control
 * characters, text that is not UTF-8, "." and ".." as segments, empty segments other than the last.
 * Sources: RFC 3986 sections 2.1, 3.3; the URL Standard's application/x-www-form-urlencoded.
 */
#ifndef HANDFAST_API_TARGET_H
#define HANDFAST_API_TARGET_H

#include "api/route.h"

enum {
    API_TARGET_MAX = 8 * 1024, /* bytes of a request's target */
    API_SEGMENTS_MAX = 24,
    API_PAIRS_MAX = 64
};

struct api_target {
    const char *path; /* as it came, without query */
    size_t n_segments;
    char *segments[API_SEGMENTS_MAX]; /* decoded; those after /v1 where it is there */
    bool is_versioned;                /* it began with /v1 */
    struct api_pairs query;
};

/* False: `why` is a literal that says what is wrong. */
bool api_target_parse(struct bytes raw, struct arena *arena, struct api_target *out,
                      const char **why);
/* "a=1&b=two+words". */
bool api_pairs_parse(struct bytes raw, struct arena *arena, struct api_pairs *out,
                     const char **why);
/* The first of that name, or NULL. */
const struct api_pair *api_pairs_find(const struct api_pairs *pairs, const char *name);

#endif
