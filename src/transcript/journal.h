/*
 * journal: the compact form in which an open connection waits for its end.
 *
 * An append-only log of events, each written once in as few bytes as it needs: time and frame as
 * differences, absent fields not at all. A million connections can be open at once; only when
 * one ends are its events unfolded into a transcript.
 *
 * ClientHellos of one program differ in little but their random fields, so a ClientHello is
 * stored as its difference from one seen before (hello_pack.h); it comes back byte for byte.
 */
#ifndef HANDFAST_TRANSCRIPT_JOURNAL_H
#define HANDFAST_TRANSCRIPT_JOURNAL_H

#include "transcript/hello_pack.h"
#include "transcript/transcript.h"

/* All-zero is a valid empty journal. */
struct journal {
    uint8_t *p;
    uint32_t len, cap;
    struct when last; /* of the newest event: the next is written relative to it */
};

enum { JOURNAL_LIMIT_BYTES = 1 << 20 };

/* Appends; false at the limit or without memory (nothing is written then). `text` must be a
 * literal and `chain` outlive the journal. */
bool journal_put(struct journal *j, const struct event *e, struct hello_templates *templates);
void journal_deinit(struct journal *j);

/* Into the cache, the place where the next event will be written. */
static inline void journal_prefetch(const struct journal *j)
{
    if (j->p != NULL) {
        __builtin_prefetch(j->p + j->len, 1);
    }
}

struct journal_reader {
    const uint8_t *p;
    uint32_t left;
    struct when last;
    const struct hello_templates *templates;
    struct arena *arena; /* unpacked hellos go here; other bodies borrow from the journal */
};

struct journal_reader journal_read(const struct journal *j, const struct hello_templates *templates,
                                   struct arena *arena);
/* The next event; false at the end. */
bool journal_next(struct journal_reader *r, struct event *out);

#endif
