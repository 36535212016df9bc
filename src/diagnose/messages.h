/*
 * messages: an error message or log line in, the causes it can stand for out.
 *
 * How several known messages in one text are combined, the specific before the generic:
 *   1. A message that names a reason comes before one that only wraps it ("curl: (35)"), then the
 *      one with more fixed letters. The first one leads. One whose words lie within the words of an
 *      earlier one is the same message and is left out.
 *   2. The causes of the leading message come first, in its order.
 *   3. A further message narrows where its causes are fewer and all named already: they move to the
 *      front. Where it shares none it is a second thing that went wrong, and its causes follow.
 *      Otherwise, and where it only wraps, it confirms and changes nothing.
 *   4. Causes for which the side that refused cannot refuse are put last (a client knows no missing
 *      client certificate).
 * Which side speaks comes from the words around the message ("while SSL handshaking to upstream"),
 * then from the messages.
 *
 * Strings in a reading are literals of the table, or views of the text it was made from.
 */
#ifndef HANDFAST_DIAGNOSE_MESSAGES_H
#define HANDFAST_DIAGNOSE_MESSAGES_H

#include "diagnose/message_match.h"
#include "diagnose/verdict.h"

enum { MESSAGE_ROWS_MAX = 16, MESSAGE_CAUSES_MAX = 12, MESSAGE_ROW_CAUSES_MAX = 8 };

/* Who refused, seen from the program that says it. */
enum message_voice { VOICE_NONE = 0, VOICE_OWN, VOICE_PEER, VOICE_LOCAL, VOICE_WRAPS };

struct message_row {
    const char *stack;  /* whose words: "openssl", "go", "nginx" ... */
    enum actor seen_by; /* the side whose program says it; ACTOR_UNKNOWN: either */
    enum message_voice voice;
    const char *pattern; /* message_match.h */
    const char *meaning;
    const char *example;
    enum cause causes[MESSAGE_ROW_CAUSES_MAX]; /* most likely first, ended by CAUSE_NONE */
};

struct message_cause {
    enum cause cause;
    const struct message_row *row; /* that names it */
};

struct message_reading {
    size_t n_rows;                                    /* 0: nothing in the text is known */
    const struct message_row *rows[MESSAGE_ROWS_MAX]; /* the leading one first */
    size_t n_causes;
    struct message_cause causes[MESSAGE_CAUSES_MAX];
    enum actor seen_by;     /* whose program speaks, ACTOR_UNKNOWN where the text does not say */
    enum actor rejected_by; /* who refused: client, server or unknown */
    enum actor party;       /* whose certificate the first cause is about, or ACTOR_NONE */
    struct bytes host;      /* named in the text; empty where none. Safe to paste into a shell */
    uint16_t port;          /* 0 where none */
};

struct message_table; /* the patterns, compiled as they are met; one thread at a time */

enum status message_table_new(struct message_table **out, struct err *err) NODISCARD;
void message_table_free(struct message_table *t); /* NULL is fine */
/* Whether anything in the line is known. Lines beyond MESSAGE_LINE_MAX are read up to there. */
bool message_read(struct message_table *t, struct bytes line, struct message_reading *out);

/* The whole table, for tests and documents. */
const struct message_row *message_rows(size_t *out_n);

#endif
