#include "cli/cmd_run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/delivery.h"
#include "agent/runner.h"
#include "agent/secret_file.h"
#include "agent/target.h"
#include "agent/tracefile.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/terminal.h"

enum option_id {
    OPT_ALL = 1,
    OPT_JSON,
    OPT_OUTPUT,
    OPT_KEYLOG,
    OPT_PCAPNG,
    OPT_LISTEN,
    OPT_COLOUR,
    OPT_WIDTH,
    OPT_HELP,
    OPT_VERSION
};

/* clang-format off */
static const struct option_row rows[] = {
    { "Verdicts", "all",    NULL,                    "completed handshakes too",                                 OPT_ALL,    0 },
    { NULL,       "json",   NULL,                    "one JSON object a line",                                   OPT_JSON,   0 },
    { NULL,       "output", "FILE|syslog|unix:PATH", "send them there, not to standard error",                   OPT_OUTPUT, 'o' },
    { NULL,       "color",  "auto|always|never",     "colour (default: on a terminal)",                          OPT_COLOUR, 0 },
    { NULL,       "width",  "N",                     "wrap text at N columns",                                   OPT_WIDTH,  0 },
    { "Records",  "keylog", "FILE",                  "write the keys as an SSLKEYLOGFILE",                       OPT_KEYLOG, 0 },
    { NULL,       "pcapng", "FILE",                  "write the handshakes as a capture, keys inside",           OPT_PCAPNG, 0 },
    { "Daemons",  "listen", "SOCKET",                "run nothing: judge programs started elsewhere", OPT_LISTEN, 0 },
    { NULL,       "help",   NULL,                    "show this",                                                OPT_HELP,   'h' },
    { NULL,       "version", NULL,                   "show the version",                                         OPT_VERSION, 0 },
};
/* clang-format on */

static const char help_head[] =
    "handfast run: run a command; say why its TLS handshakes fail, seen from inside\n"
    "\n"
    "usage: handfast run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
    "       handfast run [OPTION]... --listen SOCKET\n";

static const char help_tail[] =
    "\nThe exit status is the command's own; 2: usage, 3: handfast cannot do its part,\n"
    "126 and 127: the command cannot be run. More: man handfast-run\n";

static const struct command_help help = { help_head, rows, ARRAY_LEN(rows), help_tail };

enum { UNSEEN_MAX = 32 };
/* A command that ends has its verdicts below its output; one that stays has them soon. */
#define HOLD_NS NS_PER_S

struct run {
    bool wants_all, use_json, help, version;
    const char *output, *keylog, *pcapng, *listen;
    enum terminal_colour colour;
    unsigned width;
    char **command; /* NULL: none */

    struct delivery *delivery;
    FILE *keys;
    struct tracefile *trace;
    struct collector *collector;
    struct text held; /* verdicts that wait for the command's own output */
    int64_t held_since_ns;
    size_t n_unseen;
    char *unseen[UNSEEN_MAX]; /* programs that were spoken of */
    char *by_name;            /* one that is spoken of where nothing else was seen, NULL: none */
    const char *by_name_advice;
    bool keys_failed, verdicts_failed; /* not all of them could be written */
};

static void run_deinit(struct run *r)
{
    collector_free(r->collector);
    delivery_free(r->delivery);
    tracefile_close(r->trace);
    if (r->keys != NULL) {
        fclose(r->keys);
    }
    for (size_t i = 0; i < r->n_unseen; i++) {
        free(r->unseen[i]);
    }
    free(r->by_name);
    text_deinit(&r->held);
}

/* --- the command line --- */

static enum status set_option(struct run *r, enum option_id id, const char *value, struct err *err)
{
    switch (id) {
    case OPT_ALL:
        r->wants_all = true;
        return ST_OK;
    case OPT_JSON:
        r->use_json = true;
        return ST_OK;
    case OPT_OUTPUT:
        r->output = value;
        return ST_OK;
    case OPT_KEYLOG:
        r->keylog = value;
        return ST_OK;
    case OPT_PCAPNG:
        r->pcapng = value;
        return ST_OK;
    case OPT_LISTEN:
        r->listen = value;
        return ST_OK;
    case OPT_COLOUR:
        return terminal_colour_parse(value, &r->colour, err);
    case OPT_WIDTH:
        return terminal_width_parse(value, &r->width, err);
    case OPT_HELP:
        r->help = true;
        return ST_OK;
    case OPT_VERSION:
        r->version = true;
        return ST_OK;
    }
    return ST_OK;
}

/* The first operand begins the command: its options are its own. `args` ends with argv's NULL. */
static enum status read_options(struct run *r, char **args, size_t n_args, struct err *err)
{
    struct option_reader reader = { rows, ARRAY_LEN(rows), args, n_args, 0, false };
    const char *value = NULL;
    for (;;) {
        int id = option_next(&reader, &value, err);
        if (id == OPTION_WRONG) {
            return ST_USAGE;
        }
        if (id == OPTION_END) {
            break;
        }
        if (id == OPTION_OPERAND) {
            r->command = args + reader.next - 1;
            break;
        }
        TRY(set_option(r, (enum option_id)id, value, err));
    }
    if (!r->help && !r->version && (r->command == NULL) == (r->listen == NULL)) {
        return err_set(err, ST_USAGE,
                       r->listen == NULL ? "which command?" : "--listen runs no command");
    }
    return ST_OK;
}

/* --- what comes --- */

static void put(struct run *r, const struct text *report)
{
    bool is_put = delivery_put(r->delivery, report);
    /* Who closed standard error does not want them. */
    r->verdicts_failed = r->verdicts_failed || (!is_put && !delivery_is_stderr(r->delivery));
}

static void flush_held(struct run *r)
{
    if (r->held.len > 0) {
        put(r, &r->held);
        text_clear(&r->held);
    }
}

static void hold(struct run *r, const char *s, size_t len)
{
    if (r->held.len == 0) {
        r->held_since_ns = clock_monotonic_ns();
    }
    text_put(&r->held, s, len);
}

static void on_verdict(void *arg, const struct text *report)
{
    struct run *r = arg;
    if (delivery_is_stderr(r->delivery) && r->command != NULL) {
        hold(r, text_str(report), report->len);
    } else {
        put(r, report);
    }
}

/* Once for each program, whatever it is told by. */
static bool is_news(struct run *r, const char *program)
{
    for (size_t i = 0; i < r->n_unseen; i++) {
        if (strcmp(r->unseen[i], program) == 0) {
            return false;
        }
    }
    if (r->n_unseen == UNSEEN_MAX) {
        return false;
    }
    r->unseen[r->n_unseen] = strdup(program);
    r->n_unseen += r->unseen[r->n_unseen] != NULL;
    return true;
}

static void say_unseen(struct run *r, const char *program, const char *advice)
{
    struct text words = { 0 };
    if (!is_news(r, program)) {
        return;
    }
    text_puts(&words, "handfast: ");
    text_put_safe(&words, bytes_of_str(program));
    text_printf(&words, " %s.\n", advice);
    if (delivery_is_stderr(r->delivery)) {
        hold(r, text_str(&words), words.len);
    } else {
        fputs(text_str(&words), stderr);
    }
    text_deinit(&words);
}

static void on_unseen(void *arg, const char *program, const char *library)
{
    struct run *r = arg;
    program = program == NULL ? "a program" : program;
    if (r->command == NULL || !target_is_by_name(library)) {
        say_unseen(r, program, target_advice_for(library));
    } else if (r->by_name == NULL) {
        r->by_name = strdup(program);
        r->by_name_advice = target_advice_for(library);
    }
}

static void on_note(void *arg, const struct story *story)
{
    struct run *r = arg;
    struct bytes rest = story->entries;
    struct story_entry e;
    while (r->keys != NULL && story_next(&rest, &e)) {
        if (e.head.kind == NOTE_KEY) {
            fwrite(e.body.p, 1, e.body.len, r->keys);
            fputc('\n', r->keys);
        }
    }
    bool is_written = r->keys == NULL || (fflush(r->keys) == 0 && ferror(r->keys) == 0);
    r->keys_failed = r->keys_failed || !is_written;
    if (r->trace != NULL) {
        tracefile_put(r->trace, story);
    }
}

static void on_tick(void *arg, bool is_over)
{
    struct run *r = arg;
    if (is_over || clock_monotonic_ns() - r->held_since_ns > HOLD_NS) {
        flush_held(r);
    }
}

/* --- running --- */

static struct report_style style_of(const struct run *r)
{
    bool is_stderr = delivery_is_stderr(r->delivery);
    unsigned columns = is_stderr ? terminal_width(stderr) : 0;
    return (struct report_style){
        .use_colour =
            is_stderr ? terminal_wants_colour(r->colour, stderr) : r->colour == COLOUR_ALWAYS,
        .width = r->width != 0 ? r->width : columns,
    };
}

static enum status open_outputs(struct run *r, struct err *err)
{
    TRY(delivery_open(r->output, &r->delivery, err));
    if (r->keylog != NULL) {
        r->keys = secret_file_open(r->keylog, true);
        if (r->keys == NULL) {
            return err_sys(err, "%s", r->keylog);
        }
    }
    return r->pcapng == NULL ? ST_OK : tracefile_open(r->pcapng, &r->trace, err);
}

static enum status open_collector(struct run *r, struct err *err)
{
    struct collector_options options = {
        .socket = r->listen,
        .wants_all = r->wants_all,
        .form = r->use_json                         ? COLLECTOR_JSON
                : delivery_wants_lines(r->delivery) ? COLLECTOR_LINE
                                                    : COLLECTOR_TEXT,
        .style = style_of(r),
        .arg = r,
        .verdict = on_verdict,
        .unseen = on_unseen,
        .note = r->keys != NULL || r->trace != NULL ? on_note : NULL,
    };
    return collector_new(&options, &r->collector, err);
}

/* Said after the command ran, and only where nothing of it was seen. */
static void look_at_command(struct run *r)
{
    char path[PATH_MAX] = "";
    if (r->command == NULL || collector_n_notes(r->collector) > 0) {
        return;
    }
    const char *advice = target_advice(target_look(r->command[0], path, sizeof path));
    const char *program = path;
    if (advice == NULL && r->by_name != NULL) {
        program = r->by_name;
        advice = r->by_name_advice;
    }
    if (advice != NULL) {
        say_unseen(r, program, advice);
        flush_held(r);
    }
}

static enum status observe(struct run *r, struct runner_end *end, struct err *err)
{
    TRY(open_outputs(r, err));
    TRY(open_collector(r, err));
    struct runner_options options = {
        .command = r->command,
        .wants_all = r->wants_all || r->keylog != NULL || r->pcapng != NULL,
        .wants_keys = r->keylog != NULL || r->pcapng != NULL,
        .wants_wire = r->pcapng != NULL,
        .arg = r,
        .tick = on_tick,
    };
    TRY(runner_run(&options, r->collector, end, err));
    look_at_command(r);
    bool is_whole = tracefile_close(r->trace);
    r->trace = NULL;
    const char *broken = !is_whole            ? r->pcapng
                         : r->keys_failed     ? r->keylog
                         : r->verdicts_failed ? r->output
                                              : NULL;
    return broken == NULL ? ST_OK
                          : err_set(err, ST_IO, "%.200s: it could not be written whole", broken);
}

int cmd_run(char **args, size_t n_args)
{
    struct run r = { 0 };
    struct err err = { 0 };
    struct runner_end end = { 0 };
    enum status st = read_options(&r, args, n_args, &err);
    if (st != ST_OK) {
        return command_refuse("run", st, &err);
    }
    if (r.help || r.version) {
        return r.help ? command_show_help(&help) : command_show_version();
    }
    st = observe(&r, &end, &err);
    if (st != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
    }
    run_deinit(&r);
    if (st != ST_OK && end.not_found == 0 && end.status == 0) {
        return EXIT_INPUT;
    }
    return runner_exit_code(&end);
}
