/*
 * report_message: what an error message can stand for, as text and as JSON.
 */
#ifndef HANDFAST_REPORT_REPORT_MESSAGE_H
#define HANDFAST_REPORT_REPORT_MESSAGE_H

#include "diagnose/messages.h"
#include "report/report.h"

/* Where a message was met. */
struct message_origin {
    struct bytes text;
    uint64_t line; /* 0: it was given on the command line */
};

/* A block: the message, who says it and who refused, its meaning, the causes, what decides. */
void report_message_text(struct text *out, const struct message_origin *origin,
                         const struct message_reading *r, const struct report_style *style);
/* One line of JSON with "type":"message", newline included. */
void report_message_json(struct text *out, const struct message_origin *origin,
                         const struct message_reading *r);

#endif
