/*
 * note_queue: notes between the thread that takes them from the sockets and the one that judges.
 *
 * Taking must be quick, for a worker of nginx never waits: what its socket does not hold is lost.
 * Judging takes its time. The queue holds NOTE_QUEUE_BYTES of memory; what comes then is counted
 * and dropped.
 */
#ifndef HANDFAST_GATEWAY_NOTE_QUEUE_H
#define HANDFAST_GATEWAY_NOTE_QUEUE_H

#include "base/bytes.h"
#include "base/status.h"

enum { NOTE_QUEUE_BYTES = 96 * 1024 * 1024 };

struct note_queue;

enum status note_queue_new(struct note_queue **out, struct err *err) NODISCARD;
void note_queue_free(struct note_queue *q); /* NULL is fine */
/* Copies the note. False: there was no room. */
bool note_queue_put(struct note_queue *q, struct bytes note);
/* Waits up to `wait_ms` for a note, which the caller frees; NULL where none came. */
uint8_t *note_queue_take(struct note_queue *q, unsigned wait_ms, size_t *len);
/* No more notes will come: note_queue_take() no longer waits. */
void note_queue_end(struct note_queue *q);
bool note_queue_has_ended(struct note_queue *q);
/* Dropped since the last time this was asked. */
uint64_t note_queue_dropped(struct note_queue *q);

#endif
