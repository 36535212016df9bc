/*
 * ladder: the events of a transcript as the rows of a drawing.
 *
 * Repeats are one row; a long ladder loses rows of its middle, never those that are evidence.
 * Rows borrow from the transcript. Nothing is allocated.
 *
 *     struct ladder l = ladder_start(t, v, 12, 10);
 *     struct ladder_row row;
 *     while (ladder_next(&l, &row)) { ... }
 */
#ifndef HANDFAST_REPORT_LADDER_H
#define HANDFAST_REPORT_LADDER_H

#include "diagnose/verdict.h"

struct ladder_row {
    const struct event *event; /* the first of the row; NULL: `n_left_out` rows were left out */
    uint64_t count;            /* repeats in it, at least 1 */
    uint64_t bytes;            /* on the wire, of all repeats */
    struct when last;
    bool is_evidence;
    uint64_t n_left_out;
};

struct ladder {
    const struct transcript *t;
    const struct verdict *v;
    size_t next_event;
    size_t head, tail, n_rows, next_row; /* rows head .. n_rows - tail are left out */
};

/* Keeps the first `head` and the last `tail` rows, and evidence wherever it is. */
struct ladder ladder_start(const struct transcript *t, const struct verdict *v, size_t head,
                           size_t tail);
bool ladder_next(struct ladder *l, struct ladder_row *out);
/* The event that a piece of evidence is about, NULL where there is none. */
const struct event *ladder_event_of(const struct transcript *t, const struct evidence *ev);

#endif
