/*
 * flood: which failures are the same, and how many of them were kept lately.
 *
 * A scanner, or a client that tries again without end, fails thousands of times a second and always
 * alike. The first FLOOD_KEPT of a second are judged and kept; the others are counted on the last
 * of these. Alike are two notes that differ in nothing but what differs by chance: times, ids,
 * ports, randoms, keys and signatures.
 */
#ifndef HANDFAST_GATEWAY_FLOOD_H
#define HANDFAST_GATEWAY_FLOOD_H

#include "base/hash.h"
#include "diagnose/verdict.h"
#include "observe/story.h"

enum { FLOOD_KEPT = 20, FLOOD_SLOTS = 4096 };

struct flood_kept {
    int64_t number; /* of the event, 0: none was kept */
    enum outcome outcome;
    enum cause cause;
    bool is_resumed;
};

struct flood_slot {
    uint64_t mark;
    int64_t since_ns;
    struct flood_kept last;
    unsigned n_kept;
};

struct flood {
    struct hash_key key;
    struct flood_slot slots[FLOOD_SLOTS];
};

void flood_init(struct flood *f);
/* What makes a failure the same. `entries` are those of the note. */
uint64_t flood_mark(const struct flood *f, struct bytes entries);
/* The event that this one repeats; NULL: it is to be judged, and flood_keep() told of it. */
const struct flood_kept *flood_repeats(const struct flood *f, uint64_t mark, int64_t now_ns);
void flood_keep(struct flood *f, uint64_t mark, const struct flood_kept *kept, int64_t now_ns);

#endif
