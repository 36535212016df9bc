#include "observe/note.h"

#include <stdlib.h>

enum { FIRST_CAP = 8192 };

static void store_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

/* Room for `need` more bytes. */
static bool grow(struct note *n, size_t need)
{
    if (need <= n->cap - n->len) {
        return true;
    }
    size_t cap = n->cap == 0 ? FIRST_CAP : n->cap * 2;
    while (cap - n->len < need) {
        cap *= 2;
    }
    uint8_t *grown = realloc(n->p, cap);
    if (grown == NULL) {
        n->failed = true;
        return false;
    }
    n->p = grown;
    n->cap = cap;
    return true;
}

static void put_entry(struct note *n, const struct note_entry *e, size_t len)
{
    uint8_t *p = n->p + n->len;
    p[0] = e->kind;
    p[1] = e->from_peer;
    p[2] = e->type;
    p[3] = e->level;
    store_be(p + 4, len, 4);
    store_be(p + 8, (uint64_t)e->at_ns, 8);
    n->len += NOTE_ENTRY_BYTES;
}

static bool is_of_the_end(uint8_t kind)
{
    return kind == NOTE_FACT || kind == NOTE_ERROR || kind == NOTE_END || kind == NOTE_ALERT ||
           kind == NOTE_DONE || kind == NOTE_LIMIT || kind == NOTE_VERIFY || kind == NOTE_NAME;
}

/* Said once, so that nobody takes what is there for all there was. */
static void note_limit(struct note *n, const struct note_entry *e)
{
    struct note_entry limit = { .kind = NOTE_LIMIT, .at_ns = e->at_ns };
    if (!n->is_full && n->len <= NOTE_LIMIT_BYTES - NOTE_ENTRY_BYTES && grow(n, NOTE_ENTRY_BYTES)) {
        put_entry(n, &limit, 0);
    }
    n->is_full = true;
}

bool note_put(struct note *n, const struct note_entry *e, struct bytes head, struct bytes tail)
{
    static const uint8_t empty[NOTE_HEAD_BYTES];
    if (n->failed) {
        return false;
    }
    if (n->len == 0) {
        if (!grow(n, NOTE_HEAD_BYTES) || !bytes_copy(n->p, n->cap, bytes_of(empty, sizeof empty))) {
            return false;
        }
        n->len = NOTE_HEAD_BYTES;
    }
    size_t limit = is_of_the_end(e->kind) ? NOTE_LIMIT_BYTES : NOTE_LOG_BYTES;
    size_t room = n->len < limit ? limit - n->len : 0;
    if (room < NOTE_ENTRY_BYTES || head.len > room - NOTE_ENTRY_BYTES ||
        tail.len > room - NOTE_ENTRY_BYTES - head.len) {
        note_limit(n, e);
        return false;
    }
    if (!grow(n, NOTE_ENTRY_BYTES + head.len + tail.len)) {
        return false;
    }
    put_entry(n, e, head.len + tail.len);
    bytes_copy(n->p + n->len, n->cap - n->len, head);
    n->len += head.len;
    bytes_copy(n->p + n->len, n->cap - n->len, tail);
    n->len += tail.len;
    return true;
}

bool note_seal(struct note *n, const uint8_t key[NOTE_KEY_BYTES], uint32_t pid, bool is_server)
{
    if (n->len < NOTE_HEAD_BYTES) {
        return false;
    }
    bytes_copy(n->p, n->cap, BYTES("HFN1"));
    bytes_copy(n->p + 4, n->cap - 4, bytes_of(key, NOTE_KEY_BYTES));
    store_be(n->p + 20, pid, 4);
    n->p[24] = is_server;
    return true;
}

void note_deinit(struct note *n)
{
    free(n->p);
    *n = (struct note){ 0 };
}
