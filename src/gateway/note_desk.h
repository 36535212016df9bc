/*
 * note_desk: what the collector does with one note: judge, count, keep. One thread's.
 */
#ifndef HANDFAST_GATEWAY_NOTE_DESK_H
#define HANDFAST_GATEWAY_NOTE_DESK_H

#include "base/bytes.h"
#include "gateway/places.h"

struct note_desk;

/* `keeps_all`: completed handshakes as events too. Errors of the files are said on stderr, and do
 * not keep it from going on. */
enum status note_desk_new(const struct places *places, bool keeps_all, struct note_desk **out,
                          struct err *err) NODISCARD;
void note_desk_free(struct note_desk *d); /* NULL is fine */
/* What is no note is left alone. */
void note_desk_take(struct note_desk *d, struct bytes note);
/* Notes that did not reach the desk. */
void note_desk_count_lost(struct note_desk *d, const char *where, uint64_t n);
/* Makes visible what was taken. */
void note_desk_flush(struct note_desk *d);
bool note_desk_is_flushed(const struct note_desk *d);
/* Now and then: looks whether keystores have changed. */
void note_desk_look_round(struct note_desk *d);

#endif
