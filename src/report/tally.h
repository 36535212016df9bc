/*
 * tally: how often each of many names came, in bounded memory.
 *
 * The keys come from outside: the table is hashed with a key of its own, holds TALLY_MAX names,
 * and counts what finds no place in `others`.
 */
#ifndef HANDFAST_REPORT_TALLY_H
#define HANDFAST_REPORT_TALLY_H

#include "base/hash.h"
#include "base/text.h"

enum { TALLY_MAX = 4096, TALLY_SLOTS = 8192, TALLY_NAME_MAX = 255 };

struct tally_entry {
    char *name; /* NULL: free; NUL-terminated */
    const uint8_t *key;
    uint32_t key_len;
    uint32_t hash;
    uint64_t n, n_failed;
    const char *last_cause; /* of the last failure; a literal */
};

struct tally {
    struct hash_key key;
    struct tally_entry *entries; /* TALLY_SLOTS of them, NULL before the first name */
    size_t n_names;
    bool failed; /* memory ran out: counts of names are in `others` */
    struct tally_entry others;
};

/* What a thing is called: asked once for each, when it is first counted. */
struct tally_name {
    void (*put)(struct text *out, const void *of);
    const void *of;
};

/* Counts one. Names longer than TALLY_NAME_MAX are cut. */
void tally_add(struct tally *t, struct bytes name, bool is_failed, const char *cause);
/* The same of a thing that is known by a key of at most TALLY_NAME_MAX bytes. */
void tally_add_key(struct tally *t, struct bytes key, const struct tally_name *name, bool is_failed,
                   const char *cause);
/* By its key, else its name. NULL where it was not counted, or found no place. */
const struct tally_entry *tally_find(const struct tally *t, struct bytes key);
/* The entries with the most failures, most first; returns how many. */
size_t tally_top(const struct tally *t, const struct tally_entry **out, size_t room);
void tally_deinit(struct tally *t);

#endif
