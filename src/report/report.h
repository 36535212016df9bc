/*
 * report: verdicts as text for people, as JSON Lines for programs, and as a summary.
 *
 * Every function only reads; output goes into a `struct text` that the caller writes. Text from
 * the wire is made safe for terminals (text_put_safe). The JSON is docs/verdict.schema.json.
 */
#ifndef HANDFAST_REPORT_REPORT_H
#define HANDFAST_REPORT_REPORT_H

#include "base/text.h"
#include "diagnose/verdict.h"

struct report_style {
    bool use_colour;
    unsigned width;    /* columns to wrap at, at least 40; 0: 100 */
    bool asks_gateway; /* none was named: suggest hosts that look like one */
    bool show_path;    /* several inputs: say which file */
};

/* One block: the sentence of cause; the ladder of messages with frame numbers, times and sides; the
 * evidence; what was ruled out; the alternatives; the fix as numbered steps. Shorter for completed
 * handshakes (findings) and unfinished ones. */
void report_text(struct text *out, const struct transcript *t, const struct verdict *v,
                 const struct report_style *style);
/* One line of JSON, newline included. */
void report_json(struct text *out, const struct transcript *t, const struct verdict *v);

/* The fix of a verdict: numbered steps, chosen by cause, detail, party, rejected_by and direction;
 * settings for the software that people run. From fixes.def. */
struct fix_step {
    const char *software; /* "OpenSSL", "nginx", "HAProxy", "Apache", "Java", "curl", "gateway" ...;
                             NULL: for everyone */
    const char *text;     /* with the names of this connection put in; in the arena */
};
size_t report_fix(const struct transcript *t, const struct verdict *v, struct arena *arena,
                  struct fix_step *steps, size_t room);

/* Counts of verdicts by outcome, cause, server and client; bounded (the rest is counted as
 * "others"). */
struct summary;
struct summary *summary_new(void);    /* NULL without memory */
void summary_free(struct summary *s); /* NULL is fine */
void summary_add(struct summary *s, const struct transcript *t, const struct verdict *v);
uint64_t summary_n_failed(const struct summary *s);
/* Memory ran out while counting. */
bool summary_is_incomplete(const struct summary *s);
uint64_t summary_n_handshakes(const struct summary *s);
uint64_t summary_n_unfinished(const struct summary *s);
uint64_t summary_n_findings(const struct summary *s);
void summary_text(struct text *out, const struct summary *s, const struct report_style *style);
/* One JSON object with "type":"summary", newline included. */
void summary_json(struct text *out, const struct summary *s);

#endif
