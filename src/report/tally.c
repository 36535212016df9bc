#include "report/tally.h"

#include <stdlib.h>

/* The name's entry or the free slot for it; NULL where the table is full. */
static struct tally_entry *find(struct tally *t, struct bytes name)
{
    if (t->entries == NULL) {
        t->entries = calloc(TALLY_SLOTS, sizeof *t->entries);
        t->key = hash_key_random();
        if (t->entries == NULL) {
            t->failed = true;
            return NULL;
        }
    }
    size_t at = hash_bytes(&t->key, name) % TALLY_SLOTS;
    while (t->entries[at].name != NULL) { /* never full: at most half of the slots are taken */
        if (bytes_equal(bytes_of_str(t->entries[at].name), name)) {
            return &t->entries[at];
        }
        at = (at + 1) % TALLY_SLOTS;
    }
    return t->n_names < TALLY_MAX ? &t->entries[at] : NULL;
}

static struct tally_entry *find_or_make(struct tally *t, struct bytes name)
{
    struct tally_entry *e = find(t, name);
    if (e == NULL || e->name != NULL) {
        return e != NULL ? e : &t->others;
    }
    e->name = malloc(name.len + 1);
    if (e->name == NULL || !bytes_copy(e->name, name.len, name)) {
        t->failed = true;
        return &t->others;
    }
    e->name[name.len] = '\0';
    t->n_names++;
    return e;
}

void tally_add(struct tally *t, struct bytes name, bool is_failed, const char *cause)
{
    name = bytes_head(name, TALLY_NAME_MAX);
    struct tally_entry *e = name.len > 0 ? find_or_make(t, name) : &t->others;
    e->n++;
    if (is_failed) {
        e->n_failed++;
        e->last_cause = cause;
    }
}

const struct tally_entry *tally_find(const struct tally *t, struct bytes name)
{
    if (t->entries == NULL) {
        return NULL;
    }
    size_t at = hash_bytes(&t->key, name) % TALLY_SLOTS;
    while (t->entries[at].name != NULL) {
        if (bytes_equal(bytes_of_str(t->entries[at].name), name)) {
            return &t->entries[at];
        }
        at = (at + 1) % TALLY_SLOTS;
    }
    return NULL;
}

static int by_failures(const void *a, const void *b)
{
    const struct tally_entry *x = *(const struct tally_entry *const *)a;
    const struct tally_entry *y = *(const struct tally_entry *const *)b;
    if (x->n_failed != y->n_failed) {
        return x->n_failed < y->n_failed ? 1 : -1;
    }
    if (x->n != y->n) {
        return x->n < y->n ? 1 : -1;
    }
    return strcmp(x->name, y->name);
}

size_t tally_top(const struct tally *t, const struct tally_entry **out, size_t room)
{
    const struct tally_entry **all = calloc(TALLY_MAX, sizeof(void *));
    size_t n = 0;
    for (size_t i = 0; all != NULL && t->entries != NULL && i < TALLY_SLOTS; i++) {
        if (t->entries[i].name != NULL && n < TALLY_MAX) {
            all[n++] = &t->entries[i];
        }
    }
    if (n > 0) {
        qsort(all, n, sizeof(void *), by_failures);
    }
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++) {
        out[i] = all[i];
    }
    free(all);
    return n;
}

void tally_deinit(struct tally *t)
{
    for (size_t i = 0; t->entries != NULL && i < TALLY_SLOTS; i++) {
        free(t->entries[i].name);
    }
    free(t->entries);
    *t = (struct tally){ 0 };
}
