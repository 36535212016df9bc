#include "report/page.h"

#include "report/wrap.h"

enum { DEFAULT_WIDTH = 100, MIN_WIDTH = 40, MAX_WIDTH = 1000 };

size_t page_width(const struct report_style *style)
{
    size_t width = style->width == 0 ? DEFAULT_WIDTH : style->width;
    return width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
}

void page_ink(const struct page *p, enum ink colour)
{
    static const char *const codes[] = { "\x1b[0m",  "\x1b[1m",    "\x1b[2m",   "\x1b[1;31m",
                                         "\x1b[32m", "\x1b[1;33m", "\x1b[1;36m" };
    if (p->use_colour) {
        text_puts(p->out, codes[colour]);
    }
}

void page_inked(const struct page *p, enum ink colour, const char *s)
{
    page_ink(p, colour);
    text_put_safe(p->out, bytes_of_str(s));
    page_ink(p, INK_PLAIN);
}

static void put_paragraph(const struct page *p, size_t indent, size_t hang, struct bytes words)
{
    wrap_spaces(p->out, indent);
    struct wrap w = wrap_start(p->out, indent, hang, p->width);
    wrap_words(&w, words);
    wrap_end(&w);
}

void page_paragraph(const struct page *p, size_t indent, size_t hang, const char *words)
{
    put_paragraph(p, indent, hang, bytes_of_str(words));
}

void page_scratch(const struct page *p, size_t indent, size_t hang)
{
    put_paragraph(p, indent, hang, bytes_of(p->scratch.p, p->scratch.len));
}

void page_heading(const struct page *p, const char *heading)
{
    text_putc(p->out, '\n');
    wrap_spaces(p->out, PAGE_INDENT);
    page_inked(p, INK_BOLD, heading);
    text_putc(p->out, '\n');
}
