#include "cli/cmd_message.h"

#include <stdlib.h>
#include <unistd.h>

#include "report/report_message.h"

enum {
    READ_BYTES = 65536,
    KINDS_MAX = 1024, /* different messages of a log that are told apart */
};

/* A log says the same thing a thousand times: as text, each kind of message is explained once, and
 * counted. The rows recognized in a line are its kind. */
struct kind {
    struct message_reading reading; /* without views of the line */
    uint64_t n_lines, first_line;
};

struct explainer {
    struct message_table *table;
    const struct explain_options *options;
    struct report_style style;
    struct text out;
    struct kind *kinds;
    size_t n_kinds;
    uint64_t n_lines, n_recognized;
    uint64_t n_beyond; /* recognized lines whose kind no longer fitted */
    bool write_failed;
};

static void flush(struct explainer *e)
{
    size_t n = fwrite(text_str(&e->out), 1, e->out.len, e->options->out);
    e->write_failed = e->write_failed || n < e->out.len || e->out.failed;
    text_clear(&e->out);
}

static void report(struct explainer *e, struct bytes text, uint64_t line,
                   const struct message_reading *reading)
{
    struct message_origin origin = { text, line };
    if (e->options->use_json) {
        report_message_json(&e->out, &origin, reading);
    } else {
        report_message_text(&e->out, &origin, reading, &e->style);
    }
    flush(e);
}

static bool same_kind(const struct message_reading *a, const struct message_reading *b)
{
    bool is_same = a->n_rows == b->n_rows && a->seen_by == b->seen_by;
    for (size_t i = 0; is_same && i < a->n_rows; i++) {
        is_same = a->rows[i] == b->rows[i];
    }
    return is_same;
}

/* True where the line is the first of its kind. */
static bool count(struct explainer *e, const struct message_reading *reading, uint64_t line)
{
    for (size_t i = 0; i < e->n_kinds; i++) {
        if (same_kind(&e->kinds[i].reading, reading)) {
            e->kinds[i].n_lines++;
            return false;
        }
    }
    if (e->n_kinds == KINDS_MAX) {
        e->n_beyond++;
        return false;
    }
    struct kind *k = &e->kinds[e->n_kinds++];
    *k = (struct kind){ *reading, 1, line };
    k->reading.host = bytes_of(NULL, 0);
    return true;
}

static void explain_line(struct explainer *e, struct bytes line)
{
    struct message_reading reading;
    e->n_lines++;
    if (line.len > 0 && line.p[line.len - 1] == '\r') {
        line.len--;
    }
    if (!message_read(e->table, line, &reading)) {
        return;
    }
    e->n_recognized++;
    bool is_first = count(e, &reading, e->n_lines);
    if (!e->options->summary_only && (is_first || e->options->use_json)) {
        report(e, line, e->n_lines, &reading);
    }
}

/* What a line has beyond MESSAGE_LINE_MAX is passed over. */
struct line_buffer {
    uint8_t bytes[MESSAGE_LINE_MAX];
    size_t len;
};

static void take_bytes(struct line_buffer *line, struct bytes part)
{
    size_t room = sizeof line->bytes - line->len;
    struct bytes head = bytes_head(part, room);
    if (bytes_copy(line->bytes + line->len, room, head)) {
        line->len += head.len;
    }
}

static void take_chunk(struct explainer *e, struct line_buffer *line, struct bytes chunk)
{
    while (chunk.len > 0) {
        const uint8_t *end = memchr(chunk.p, '\n', chunk.len);
        if (end == NULL) {
            take_bytes(line, chunk);
            return;
        }
        struct bytes part = bytes_of(chunk.p, (size_t)(end - chunk.p));
        if (line->len == 0) {
            explain_line(e, part);
        } else {
            take_bytes(line, part);
            explain_line(e, bytes_of(line->bytes, line->len));
            line->len = 0;
        }
        chunk = bytes_skip(chunk, part.len + 1);
    }
}

static bool explain_stdin(struct explainer *e)
{
    static struct line_buffer line; /* too large for the stack of a small thread */
    static uint8_t chunk[READ_BYTES];
    line.len = 0;
    for (;;) {
        /* read(2), not fread(3): a log that is still being written is explained as it grows */
        ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
        if (n < 0) {
            struct err err;
            err_sys(&err, "standard input");
            fprintf(stderr, "handfast: %s\n", err.text);
            return false;
        }
        if (n == 0) {
            break;
        }
        take_chunk(e, &line, bytes_of(chunk, (size_t)n));
        fflush(e->options->out);
    }
    if (line.len > 0) {
        explain_line(e, bytes_of(line.bytes, line.len));
    }
    return true;
}

static void put_summary(struct explainer *e)
{
    text_printf(&e->out, "%llu of %llu lines recognized\n", (unsigned long long)e->n_recognized,
                (unsigned long long)e->n_lines);
    for (size_t i = 0; i < e->n_kinds; i++) {
        const struct kind *k = &e->kinds[i];
        text_printf(&e->out, "  %8llu  %-32s %s: %s\n", (unsigned long long)k->n_lines,
                    cause_id(k->reading.causes[0].cause), k->reading.rows[0]->stack,
                    k->reading.rows[0]->meaning);
    }
    if (e->n_beyond > 0) {
        text_printf(&e->out, "  %8llu  of further kinds\n", (unsigned long long)e->n_beyond);
    }
    flush(e);
}

static void explain_text(struct explainer *e, struct bytes text)
{
    struct message_reading reading;
    e->n_recognized += message_read(e->table, text, &reading) ? 1 : 0;
    report(e, text, 0, &reading);
}

static bool explain_log(struct explainer *e)
{
    if (!explain_stdin(e)) {
        return false;
    }
    if (!e->options->use_json) {
        put_summary(e);
    }
    return true;
}

static bool explain_all(struct explainer *e, const char *const *texts, size_t n_texts)
{
    bool is_read = true;
    for (size_t i = 0; i < n_texts && is_read; i++) {
        if (texts[i] == NULL || strcmp(texts[i], "-") == 0) {
            is_read = explain_log(e);
        } else {
            explain_text(e, bytes_of_str(texts[i]));
        }
    }
    return is_read;
}

static int run(struct explainer *e, const char *const *texts, size_t n_texts)
{
    if (!explain_all(e, texts, n_texts)) {
        return EXIT_INPUT;
    }
    if (fflush(e->options->out) != 0 || e->write_failed) {
        struct err err;
        err_sys(&err, "writing the output");
        fprintf(stderr, "handfast: %s\n", err.text);
        return EXIT_INPUT;
    }
    return e->n_recognized > 0 ? EXIT_NOTHING_FAILED : EXIT_SOME_FAILED;
}

int message_run(const char *const *texts, size_t n_texts, const struct explain_options *options)
{
    struct explainer e = {
        .options = options,
        .style = { .use_colour = options->use_colour, .width = options->width },
    };
    struct err err = { 0 };
    int code = EXIT_INPUT;
    e.kinds = calloc(KINDS_MAX, sizeof *e.kinds);
    if (e.kinds == NULL) {
        fputs("handfast: no memory\n", stderr);
    } else if (message_table_new(&e.table, &err) != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
    } else {
        code = run(&e, texts, n_texts);
    }
    message_table_free(e.table);
    text_deinit(&e.out);
    free(e.kinds);
    return code;
}
