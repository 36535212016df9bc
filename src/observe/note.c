#include "observe/note.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "observe/kept.h"

enum {
    FIRST_CAP = 8192,
    MORE_BYTES = 56, /* a ticket and a word more: then it need not grow */
    SHARED_MAX = 32,
    SHARED_BYTES_MAX = 16 * 1024,
    SHARED_MARK = 0xff, /* in the place of a level: the body is a number in shared[] */
    HS_CERTIFICATE = 11,
    HS_CERTIFICATE_VERIFY = 15,
    HS_FINISHED = 20,
};

static void store_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

/* --- buffers --- */

/* The first buffer of a note lives as long as a handshake. */
static struct kept first_buffers = KEPT_NONE;

static void give_back(uint8_t *p, size_t cap)
{
    if (cap == FIRST_CAP) {
        kept_give(&first_buffers, p);
    } else {
        free(p);
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
    bool is_first = cap == FIRST_CAP && n->cap == 0;
    uint8_t *grown = is_first ? kept_take(&first_buffers, FIRST_CAP) : realloc(n->p, cap);
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
    bool has_room = n->len + n->hidden <= NOTE_LIMIT_BYTES - NOTE_ENTRY_BYTES;
    if (!n->is_full && has_room && grow(n, NOTE_ENTRY_BYTES)) {
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
    size_t used = n->len + n->hidden;
    size_t room = used < limit ? limit - used : 0;
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

/* --- what a connection that is up costs --- */

/* Certificate messages of this program, which are few: notes that wait name them. They stay. */
static atomic_flag sharing = ATOMIC_FLAG_INIT;
static struct bytes shared[SHARED_MAX];
static atomic_size_t n_shared;

static size_t share(struct bytes body)
{
    size_t n = atomic_load_explicit(&n_shared, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        if (bytes_equal(shared[i], body)) {
            return i;
        }
    }
    if (n == SHARED_MAX || body.len > SHARED_BYTES_MAX || atomic_flag_test_and_set(&sharing)) {
        return SHARED_MAX;
    }
    n = atomic_load_explicit(&n_shared, memory_order_acquire);
    uint8_t *p = n == SHARED_MAX || body.len == 0 ? NULL : malloc(body.len);
    size_t at = SHARED_MAX;
    if (p != NULL && bytes_copy(p, body.len, body)) {
        at = n;
        shared[n] = bytes_of(p, body.len);
        atomic_store_explicit(&n_shared, n + 1, memory_order_release);
    }
    atomic_flag_clear(&sharing);
    return at;
}

struct piece {
    struct note_entry head;
    struct bytes body;
    uint8_t room[4]; /* of a body that was made */
};

/* The entry at `at`, which lies within. */
static struct piece piece_at(const struct note *n, size_t at)
{
    const uint8_t *p = n->p + at;
    struct note_entry head = { p[0], p[1], p[2], p[3], (int64_t)load_be64(p + 8) };
    return (struct piece){ .head = head, .body = bytes_of(p + NOTE_ENTRY_BYTES, load_be32(p + 4)) };
}

/* Signatures and MACs prove nothing any more: the handshake is over. Before TLS 1.2 a
 * CertificateVerify is a signature alone, and stays. */
static void shrink(struct piece *e)
{
    size_t place = SHARED_MAX;
    bool is_own = e->head.kind == NOTE_MESSAGE && e->head.from_peer == 0;
    if (e->head.kind != NOTE_MESSAGE) {
        return;
    }
    if (e->head.type == HS_FINISHED) {
        e->body.len = 0;
    } else if (e->head.type == HS_CERTIFICATE_VERIFY && e->body.len > 4 &&
               load_be16(e->body.p) != e->body.len - 2) {
        e->room[0] = e->body.p[0];
        e->room[1] = e->body.p[1];
        e->body = bytes_of(e->room, 4);
    } else if (is_own && e->head.type == HS_CERTIFICATE) {
        place = share(e->body);
    }
    if (place < SHARED_MAX) {
        e->head.level = SHARED_MARK;
        e->room[0] = (uint8_t)place;
        e->body = bytes_of(e->room, 1);
    }
}

static void unshrink(struct piece *e)
{
    bool is_shared = e->head.kind == NOTE_MESSAGE && e->head.level == SHARED_MARK;
    if (is_shared && e->body.len == 1 && e->body.p[0] < SHARED_MAX) {
        e->head.level = 0;
        e->body = shared[e->body.p[0]];
    }
}

static size_t size_after(const struct note *n, void (*change)(struct piece *))
{
    size_t size = NOTE_HEAD_BYTES;
    for (size_t at = NOTE_HEAD_BYTES; at < n->len;) {
        struct piece e = piece_at(n, at);
        at += NOTE_ENTRY_BYTES + e.body.len;
        change(&e);
        size += NOTE_ENTRY_BYTES + e.body.len;
    }
    return size;
}

/* All anew, in a buffer of the size it needs; false without memory, and all is as it was. */
static bool rewrite(struct note *n, void (*change)(struct piece *))
{
    struct note anew = { .is_full = n->is_full, .failed = n->failed };
    anew.cap = size_after(n, change) + MORE_BYTES;
    anew.p = malloc(anew.cap);
    if (anew.p == NULL || !bytes_copy(anew.p, anew.cap, bytes_of(n->p, NOTE_HEAD_BYTES))) {
        free(anew.p);
        return false;
    }
    anew.len = NOTE_HEAD_BYTES;
    for (size_t at = NOTE_HEAD_BYTES; at < n->len;) {
        struct piece e = piece_at(n, at);
        at += NOTE_ENTRY_BYTES + e.body.len;
        change(&e);
        put_entry(&anew, &e.head, e.body.len);
        bytes_copy(anew.p + anew.len, anew.cap - anew.len, e.body);
        anew.len += e.body.len;
    }
    note_deinit(n);
    *n = anew;
    return true;
}

void note_compact(struct note *n)
{
    if (n->len > NOTE_HEAD_BYTES && !n->is_compact) {
        size_t before = n->len;
        n->is_compact = rewrite(n, shrink);
        n->hidden = n->is_compact ? before - n->len : 0;
    }
}

bool note_seal(struct note *n, const uint8_t key[NOTE_KEY_BYTES], uint32_t pid, bool is_server)
{
    if (n->len < NOTE_HEAD_BYTES || (n->is_compact && !rewrite(n, unshrink))) {
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
    give_back(n->p, n->cap);
    *n = (struct note){ 0 };
}
