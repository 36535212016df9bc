/*
 * Lines of text as error messages. Promises: what a line means does not depend on the lines before
 * it; the host found can stand in a command of a shell; the report is free of control characters.
 */
#include <stdlib.h>

#include "diagnose/message_checks.h"
#include "report/report_message.h"

static struct message_table *table;

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_host(struct bytes host)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    for (size_t i = 0; i < host.len; i++) {
        require(host.p[i] != '\0' && strchr(safe, host.p[i]) != NULL);
    }
    require(host.len == 0 || host.p[0] != '-');
}

static void check_causes(const struct message_reading *r)
{
    require(r->n_causes > 0 && r->n_causes <= MESSAGE_CAUSES_MAX);
    for (size_t i = 0; i < r->n_causes; i++) {
        require(r->causes[i].cause != CAUSE_NONE && r->causes[i].cause < N_CAUSES);
        for (size_t k = 0; k < i; k++) {
            require(r->causes[k].cause != r->causes[i].cause);
        }
    }
}

static void check_report(struct bytes line, const struct message_reading *r)
{
    struct text out = { 0 };
    struct message_origin origin = { line, 1 };
    struct report_style style = { 0 };
    report_message_text(&out, &origin, r, &style);
    report_message_json(&out, &origin, r);
    for (size_t i = 0; i < out.len; i++) {
        uint8_t c = (uint8_t)out.p[i];
        require(c == '\n' || (c >= ' ' && c != 0x7f));
    }
    text_deinit(&out);
}

static void check_line(struct bytes line)
{
    static const char other[] = "curl: (35) error:0A000410:SSL routines::alert handshake failure";
    struct message_reading first;
    struct message_reading between;
    struct message_reading again;
    bool is_known = message_read(table, line, &first);
    require(message_read(table, bytes_of_str(other), &between));
    require(message_read(table, line, &again) == is_known);
    require(first.n_rows == again.n_rows && first.n_causes == again.n_causes);
    if (is_known) {
        for (size_t i = 0; i < first.n_rows; i++) {
            require(first.rows[i] == again.rows[i]);
        }
        check_causes(&first);
        check_host(first.host);
        check_report(line, &first);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    if (table == NULL && message_table_new(&table, &err) != ST_OK) {
        abort();
    }
    struct bytes rest = bytes_of(data, size);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.p, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.p);
        check_line(bytes_of(rest.p, len));
        rest = bytes_skip(rest, len + 1);
    }
    return 0;
}
