/*
 * page: what the parts of a text report share: where it goes, how wide, in which inks.
 *
 * Used by report_text.c, headline.c and ladder_text.c only.
 */
#ifndef HANDFAST_REPORT_PAGE_H
#define HANDFAST_REPORT_PAGE_H

#include "report/report.h"

enum { PAGE_INDENT = 2 };
enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_GREEN, INK_YELLOW, INK_CYAN };

struct page {
    struct text *out;
    const struct transcript *t;
    const struct verdict *v;
    size_t width;
    bool use_colour;
    struct text scratch; /* the words of one line before they are wrapped */
};

size_t page_width(const struct report_style *style);
void page_ink(const struct page *p, enum ink colour);
void page_inked(const struct page *p, enum ink colour, const char *s); /* made safe */
/* The first line stands at `indent`, further lines at `hang`. */
void page_paragraph(const struct page *p, size_t indent, size_t hang, const char *words);
void page_scratch(const struct page *p, size_t indent, size_t hang); /* the scratch, likewise */
void page_heading(const struct page *p, const char *heading);        /* after an empty line */

/* headline.c: who, when; the outcome and its sentence; who ended it; what was negotiated. */
void page_headline(struct page *p, bool show_path);
void page_outcome(const struct page *p);
void page_who(struct page *p);
void page_negotiated(struct page *p);
/* ladder_text.c: the messages, the first `head` and the last `tail` of them and all evidence. */
void page_ladder(struct page *p, size_t head, size_t tail);

#endif
