#include "report/tally.h"

#include <stdlib.h>

/* The key's entry or the free slot for it; NULL where the table is full. */
static struct tally_entry *find(const struct tally *t, struct bytes key, uint32_t hash)
{
    size_t at = hash % TALLY_SLOTS;
    while (t->entries[at].name != NULL) { /* never full: at most half of the slots are taken */
        struct tally_entry *e = &t->entries[at];
        if (e->hash == hash && bytes_equal(bytes_of(e->key, e->key_len), key)) {
            return e;
        }
        at = (at + 1) % TALLY_SLOTS;
    }
    return t->n_names < TALLY_MAX ? &t->entries[at] : NULL;
}

static bool start(struct tally *t)
{
    if (t->entries == NULL) {
        t->entries = calloc(TALLY_SLOTS, sizeof *t->entries);
        t->key = hash_key_random();
        t->failed = t->entries == NULL;
    }
    return t->entries != NULL;
}

/* The name, then the key, in one piece of memory. */
static bool fill(struct tally_entry *e, struct bytes key, struct bytes name)
{
    size_t room = name.len + 1 + key.len;
    char *p = malloc(room);
    if (p == NULL || !bytes_copy(p, room, name)) {
        free(p);
        return false;
    }
    p[name.len] = '\0';
    uint8_t *to = (uint8_t *)p + name.len + 1;
    bytes_copy(to, key.len, key);
    e->name = p;
    e->key = to;
    e->key_len = (uint32_t)key.len;
    return true;
}

static bool fill_by(struct tally_entry *e, struct bytes key, const struct tally_name *name)
{
    struct text text = { 0 };
    name->put(&text, name->of);
    bool ok = !text.failed && fill(e, key, bytes_head(bytes_of(text.p, text.len), TALLY_NAME_MAX));
    text_deinit(&text);
    return ok;
}

/* `name` NULL: the key is the name. */
static struct tally_entry *find_or_make(struct tally *t, struct bytes key,
                                        const struct tally_name *name)
{
    if (key.len == 0 || !start(t)) {
        return &t->others;
    }
    uint32_t hash = (uint32_t)hash_bytes(&t->key, key);
    struct tally_entry *e = find(t, key, hash);
    if (e == NULL || e->name != NULL) {
        return e != NULL ? e : &t->others;
    }
    if (!(name != NULL ? fill_by(e, key, name) : fill(e, key, key))) {
        t->failed = true;
        return &t->others;
    }
    e->hash = hash;
    t->n_names++;
    return e;
}

void tally_add_key(struct tally *t, struct bytes key, const struct tally_name *name, bool is_failed,
                   const char *cause)
{
    struct tally_entry *e = find_or_make(t, bytes_head(key, TALLY_NAME_MAX), name);
    e->n++;
    if (is_failed) {
        e->n_failed++;
        e->last_cause = cause;
    }
}

void tally_add(struct tally *t, struct bytes name, bool is_failed, const char *cause)
{
    tally_add_key(t, name, NULL, is_failed, cause);
}

const struct tally_entry *tally_find(const struct tally *t, struct bytes key)
{
    if (t->entries == NULL) {
        return NULL;
    }
    const struct tally_entry *e = find(t, key, (uint32_t)hash_bytes(&t->key, key));
    return e == NULL || e->name == NULL ? NULL : e;
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
