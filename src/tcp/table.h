/*
 * table: the connections, found by their ends; in lists by age; bounded.
 *
 * An entry is named by a 24-bit reference: the top bit says IPv6, the rest is its place in the
 * slabs of its family, 0 is none. The index is open addressing over 32-bit slots, 8 bits of hash
 * above the reference, so that a miss rarely touches an entry. The hash is multilinear over 32-bit
 * words with 64-bit keys drawn at start: strongly universal, so that who does not know the keys
 * finds no colliding ends (Lemire and Kaser, "Strongly universal string hashing is fast", 2014).
 *
 * An ended connection leaves its entry behind for a while (LIST_ENDED, bounded): stragglers are
 * known for what they are, and numbers stay those of tshark, whose streams never end by time.
 *
 * The clock of the table only goes forward: it is the highest time seen. A capture whose clock
 * steps back and stays there for 1,000 packets is followed to its new time.
 */
#ifndef HANDFAST_TCP_TABLE_H
#define HANDFAST_TCP_TABLE_H

#include "tcp/conn.h"

enum list_id { LIST_OPEN, LIST_LINGERING, LIST_ENDED, N_LISTS };

enum {
    REF_BITS = 24,
    REF_MASK = (1 << REF_BITS) - 1,
    REF_IPV6 = 1 << (REF_BITS - 1),
    MAX_OPEN = 8000000, /* both kinds of reference hold that and the ended ones */
    MAX_ENDED = 131072,
    MAX_WAITING_PIECES = 1024, /* per direction: bounds the walk for a place */
};

struct conn_list {
    uint32_t oldest, newest;
    uint32_t n;
};

struct slab {
    uint8_t **chunks;
    uint32_t n_chunks;
    uint32_t n_used; /* entries ever handed out */
    uint32_t free;   /* reference of the first free one */
    uint32_t stride;
    uint32_t key_len;
    uint32_t ref_bit;
};

struct tcp_table {
    struct tcp_sink sink;
    struct tcp_limits limits; /* resolved: no zeros */
    uint32_t idle_ms, linger_ms;
    uint64_t hash_keys[KEY_LEN_IPV6 / 4 + 1];

    uint32_t *slots;
    uint32_t slot_mask;
    uint32_t n_slots_used;
    struct slab slabs[2]; /* IPv4, IPv6 */
    struct conn_list lists[N_LISTS];

    struct {
        struct tcp_side_wait *oldest, *newest;
    } holes[N_TIMED_HOLES];
    uint64_t waiting_bytes;
    uint64_t n_streams;

    bool clock_started;
    int64_t high_ns;     /* the highest time seen since the last step back that was followed */
    uint64_t clock_ns;   /* of the table; starts at 0, never goes back */
    uint32_t now_ms;     /* the same in ms, modulo 2^32 */
    uint32_t expired_ms; /* now_ms when what is due was last ended */
    uint32_t n_behind;   /* packets in a row with a time below high_ns */
};

/* table.c */
void table_init_hash(struct tcp_table *t);
/* out->len is 0 for ends that are not two of one family. */
void table_key(const struct tcp_table *t, const struct endpoint *src, const struct endpoint *dst,
               struct tcp_key *out);
struct endpoint key_end(const struct tcp_conn *c, unsigned dir);
struct tcp_conn *table_find(const struct tcp_table *t, const struct tcp_key *key);
/* Without touching an entry: a connection that may have this key; NULL where none has. Both fetch
 * into the cache what they or the next step look at. */
void table_expect_slot(const struct tcp_table *t, const struct tcp_key *key);
struct tcp_conn *table_expect(const struct tcp_table *t, const struct tcp_key *key);
void entry_prefetch(const struct tcp_conn *c);
/* A zeroed entry with its key, in the index and in no list; NULL without memory. */
struct tcp_conn *table_add(struct tcp_table *t, const struct tcp_key *key);
void table_remove(struct tcp_table *t, struct tcp_conn *c);
struct tcp_conn *table_at(const struct tcp_table *t, uint32_t ref);
/* Every entry in use or free, by place: NULL after the last. Free ones have ref 0. */
struct tcp_conn *table_each(const struct tcp_table *t, uint32_t *cursor);
void table_deinit(struct tcp_table *t);

/* lists.c */
void list_append(struct tcp_table *t, struct tcp_conn *c, enum list_id id);
void list_unlink(struct tcp_table *t, struct tcp_conn *c);
/* c was active now: the newest of the list where it belongs. */
void list_touch(struct tcp_table *t, struct tcp_conn *c);
void clock_step(struct tcp_table *t, int64_t at_ns);

static inline enum list_id list_of(const struct tcp_conn *c)
{
    return (enum list_id)((c->flags & CONN_LIST_MASK) >> CONN_LIST_SHIFT);
}

/* conn.c */
/* One packet of an open connection. */
enum status conn_packet(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                        const struct packet *p, struct when when, struct err *err) NODISCARD;

/* stream.c: one direction */
enum status stream_segment(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                           const struct tcp_piece *piece, struct err *err) NODISCARD;
enum status stream_fin(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                       struct when when, struct err *err) NODISCARD;
enum status stream_rst(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                       const struct packet *p, struct when when, struct err *err) NODISCARD;
/* Nothing was delivered so far, and the first byte turns out to have this number. */
void stream_start_at(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq);
/* The bytes up to seq will not come: a gap, then what is in order behind it. */
void stream_skip_to(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                    struct when when);
/* A RST that waits does so no longer. */
void stream_release_rst(struct tcp_table *t, struct tcp_conn *c, unsigned dir);
/* The layer above wants no more data: count what waits, release FIN and RST. */
void stream_drop_waiting(struct tcp_table *t, struct tcp_conn *c, unsigned dir);
/* Behind the highest number seen. */
uint32_t stream_top(const struct tcp_conn *c, unsigned dir);

/* hole.c: when what lacks is declared a gap */
/* One more packet of c went by: declare what is due. */
void hole_watch(struct tcp_table *t, struct tcp_conn *c);
/* Time went by: declare what is due anywhere. */
void hole_expire(struct tcp_table *t);
void hole_forget(struct tcp_table *t, struct tcp_side_wait *w);
/* The end: all that waits, both ways, in the order of the capture; what lacks is a gap. */
void hole_flush(struct tcp_table *t, struct tcp_conn *c);

/* waiting.c: pieces out of order */
struct tcp_extra *extra_get(struct tcp_conn *c); /* NULL without memory */
void extra_free(struct tcp_table *t, struct tcp_conn *c);
/* Nothing waits and all counters are zero: it can go. */
void extra_trim(struct tcp_table *t, struct tcp_conn *c);
bool waiting_has_room(const struct tcp_table *t, const struct tcp_side_wait *w, uint32_t len);
enum status waiting_add(struct tcp_table *t, struct tcp_side_wait *w, uint32_t next,
                        struct tcp_piece piece, bool *out_is_new, struct err *err) NODISCARD;
/* The first piece, taken off the list; the caller frees it with waiting_free(). */
struct tcp_waiting *waiting_pop(struct tcp_table *t, struct tcp_side_wait *w);
void waiting_free(struct tcp_waiting *piece);
void waiting_clear(struct tcp_table *t, struct tcp_side_wait *w);
struct tcp_piece piece_head(struct tcp_piece piece, uint32_t n);
struct tcp_piece piece_skip(struct tcp_piece piece, uint32_t n);

#endif
