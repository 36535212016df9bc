#include "cli/cmd_explain.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cmd_message.h"
#include "cli/explain.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "cli/password.h"
#include "cli/terminal.h"
#include "cli/words.h"

enum option_id {
    OPT_INTERFACE = 1,
    OPT_FILTER,
    OPT_MESSAGE,
    OPT_TRUST,
    OPT_PASSWORD_FILE,
    OPT_CRL,
    OPT_KEYLOG,
    OPT_GATEWAY,
    OPT_PROVE,
    OPT_TO,
    OPT_ONLY,
    OPT_SUMMARY,
    OPT_JSON,
    OPT_OUTPUT,
    OPT_COLOUR,
    OPT_WIDTH,
    OPT_NO_PROGRESS,
    OPT_HELP,
    OPT_VERSION
};

/* clang-format off */
static const struct option_row rows[] = {
    { "Input",    NULL,          "FILE, DIR, -",         "pcap, pcapng, also .gz, .zst; a directory; stdin", 0,               0 },
    { NULL,       "interface",   "IF",                   "capture live until interrupted; \"any\" for all",         OPT_INTERFACE,   'i' },
    { NULL,       "filter",      "BPF",                  "look only at what this pcap-filter(7) takes",             OPT_FILTER,      0 },
    { NULL,       "message",     "[TEXT]",               "explain an error message; without TEXT: stdin",    OPT_MESSAGE,     0 },
    { "Evidence", "trust",       "FILE|DIR|system|none", "trust anchors of the verifier (default: system)",         OPT_TRUST,       0 },
    { NULL,       "password-file", "FILE",               "password of trust stores; else $HANDFAST_PASSWORD",       OPT_PASSWORD_FILE, 0 },
    { NULL,       "crl",         "FILE",                 "certificates known to be revoked",                        OPT_CRL,         0 },
    { NULL,       "keylog",      "FILE",                 "SSLKEYLOGFILE to open encrypted handshakes with",         OPT_KEYLOG,      0 },
    { NULL,       "gateway",     "ADDR[/LEN][:PORT]",    "tell northbound from southbound connections",             OPT_GATEWAY,     0 },
    { "Proof",    "prove",       NULL,                   "replay failed hellos, one thing changed at a time",       OPT_PROVE,       0 },
    { NULL,       "to",          "HOST[:PORT]",          "the server they may be sent to",                          OPT_TO,          0 },
    { "Output",   "only",        "failed|findings|all",  "which connections (default: findings; JSON: all)",   OPT_ONLY,        0 },
    { NULL,       "summary",     NULL,                   "only the counts by cause, server and client",             OPT_SUMMARY,     0 },
    { NULL,       "json",        NULL,                   "one JSON object a line",                                  OPT_JSON,        0 },
    { NULL,       "output",      "FILE",                 "write there, not to standard output",                     OPT_OUTPUT,      'o' },
    { NULL,       "color",       "auto|always|never",    "colour (default: on a terminal)",                         OPT_COLOUR,      0 },
    { NULL,       "width",       "N",                    "wrap text at N columns",                                  OPT_WIDTH,       0 },
    { NULL,       "no-progress", NULL,                   "no progress bar",                                         OPT_NO_PROGRESS, 0 },
    { NULL,       "help",        NULL,                   "show this",                                               OPT_HELP,        'h' },
    { NULL,       "version",     NULL,                   "show the version",                                        OPT_VERSION,     0 },
};
/* clang-format on */

static const char help_head[] =
    "handfast explain: why each TLS handshake failed, who rejected it, what to change\n"
    "\n"
    "usage: handfast explain [OPTION]... FILE|DIR|-...\n"
    "       handfast explain [OPTION]... -i IF\n"
    "       handfast explain [OPTION]... --message [TEXT]\n";

static const char help_tail[] =
    "\nExit status: 0 nothing failed, 1 a handshake failed, 2 usage, 3 input not read\n"
    "whole. --trust, --crl, --keylog, --gateway and --message may be repeated.\n"
    "More: man handfast-explain\n";

static const struct command_help help = { help_head, rows, ARRAY_LEN(rows), help_tail };

struct request {
    struct words operands, messages, crls, keylogs;
    struct trust_words trust;
    struct password password;
    struct gateway *gateways;
    size_t n_gateways;
    const char *interface, *filter, *output, *to;
    bool prove;
    bool only_is_given;
    enum explain_only only;
    enum terminal_colour colour;
    unsigned width;
    bool use_json, summary_only, no_progress;
    bool help, version;
    struct inputs inputs;
    bool input_failed;
    FILE *file; /* of --output */
};

static void request_deinit(struct request *rq)
{
    words_deinit(&rq->operands);
    words_deinit(&rq->messages);
    words_deinit(&rq->trust.paths);
    words_deinit(&rq->crls);
    words_deinit(&rq->keylogs);
    password_deinit(&rq->password);
    free(rq->gateways);
    inputs_deinit(&rq->inputs);
    if (rq->file != NULL) {
        fclose(rq->file);
    }
}

static enum status request_init(struct request *rq, size_t n_args, struct err *err)
{
    struct words *lists[] = { &rq->operands, &rq->messages, &rq->trust.paths, &rq->crls,
                              &rq->keylogs };
    *rq = (struct request){ .only = EXPLAIN_FINDINGS };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        TRY(words_init(lists[i], n_args, err));
    }
    rq->gateways = calloc(n_args + 1, sizeof *rq->gateways);
    return rq->gateways == NULL ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
}

static enum status set_only(struct request *rq, const char *word, struct err *err)
{
    static const char *const choices[] = {
        [EXPLAIN_FAILED] = "failed",
        [EXPLAIN_FINDINGS] = "findings",
        [EXPLAIN_ALL] = "all",
        [EXPLAIN_ALL + 1] = NULL,
    };
    int place = 0;
    TRY(option_choice("only", word, choices, &place, err));
    rq->only = (enum explain_only)place;
    rq->only_is_given = true;
    return ST_OK;
}

static enum status add_gateway(struct request *rq, const char *word, struct err *err)
{
    if (!gateway_parse(word, &rq->gateways[rq->n_gateways])) {
        return err_set(err, ST_USAGE,
                       "--gateway '%.60s': it is ADDR, ADDR:PORT or ADDR/LEN (192.0.2.1:443, "
                       "[2001:db8::1]:443, 10.0.0.0/8)",
                       word);
    }
    rq->n_gateways++;
    return ST_OK;
}

static enum status apply(struct request *rq, enum option_id id, const char *value, struct err *err)
{
    switch (id) {
    case OPT_INTERFACE:
        rq->interface = value;
        return ST_OK;
    case OPT_FILTER:
        rq->filter = value;
        return ST_OK;
    case OPT_MESSAGE:
        words_push(&rq->messages, value);
        return ST_OK;
    case OPT_TRUST:
        trust_words_add(&rq->trust, value);
        return ST_OK;
    case OPT_PASSWORD_FILE:
        return password_read(&rq->password, value, err);
    case OPT_CRL:
        words_push(&rq->crls, value);
        return ST_OK;
    case OPT_KEYLOG:
        words_push(&rq->keylogs, value);
        return ST_OK;
    case OPT_GATEWAY:
        return add_gateway(rq, value, err);
    case OPT_PROVE:
        rq->prove = true;
        return ST_OK;
    case OPT_TO:
        rq->to = value;
        return ST_OK;
    case OPT_ONLY:
        return set_only(rq, value, err);
    case OPT_SUMMARY:
        rq->summary_only = true;
        return ST_OK;
    case OPT_JSON:
        rq->use_json = true;
        return ST_OK;
    case OPT_OUTPUT:
        rq->output = value;
        return ST_OK;
    case OPT_COLOUR:
        return terminal_colour_parse(value, &rq->colour, err);
    case OPT_WIDTH:
        return terminal_width_parse(value, &rq->width, err);
    case OPT_NO_PROGRESS:
        rq->no_progress = true;
        return ST_OK;
    case OPT_HELP:
        rq->help = true;
        return ST_OK;
    case OPT_VERSION:
        rq->version = true;
        return ST_OK;
    }
    return ST_OK;
}

/* Whether there was one that makes sense: false ends the reading. */
static bool read_option(struct request *rq, struct option_reader *r, enum status *out,
                        struct err *err)
{
    const char *value = NULL;
    int id = option_next(r, &value, err);
    if (id == OPTION_END) {
        return false;
    }
    if (id == OPTION_OPERAND) {
        words_push(&rq->operands, value);
        return true;
    }
    *out = id == OPTION_WRONG ? ST_USAGE : apply(rq, (enum option_id)id, value, err);
    return *out == ST_OK && !rq->help && !rq->version;
}

static enum status read_options(struct request *rq, char **args, size_t n_args, struct err *err)
{
    struct option_reader r = {
        .rows = rows, .n_rows = ARRAY_LEN(rows), .args = args, .n_args = n_args
    };
    enum status st = ST_OK;
    while (read_option(rq, &r, &st, err)) {
    }
    return st;
}

/* What makes no sense together. */
static enum status check(const struct request *rq, struct err *err)
{
    if (rq->messages.n > 0 && (rq->operands.n > 0 || rq->interface != NULL)) {
        return err_set(err, ST_USAGE, "--message takes one text (quote it) and no captures");
    }
    if (rq->interface != NULL && rq->operands.n > 0) {
        return err_set(err, ST_USAGE, "--interface and files exclude each other");
    }
    if (rq->messages.n == 0 && rq->interface == NULL && rq->operands.n == 0) {
        return err_set(err, ST_USAGE,
                       "nothing to read: name a capture, a directory, - or -i INTERFACE");
    }
    TRY(trust_words_check(&rq->trust, err));
    if (rq->prove != (rq->to != NULL)) {
        return err_set(err, ST_USAGE,
                       "--prove and --to HOST go together: --prove sends to no "
                       "server that --to does not name");
    }
    if (rq->prove && rq->messages.n > 0) {
        return err_set(err, ST_USAGE, "--prove needs a capture");
    }
    if (words_count(&rq->operands, "-") > 1) {
        return err_set(err, ST_USAGE, "standard input can be read once");
    }
    return ST_OK;
}

static struct explain_options options_of(struct request *rq)
{
    FILE *out = rq->file != NULL ? rq->file : stdout;
    return (struct explain_options){
        .inputs = (const char *const *)rq->inputs.paths,
        .n_inputs = rq->inputs.n,
        .interface = rq->interface,
        .filter = rq->filter,
        .trust_system = trust_words_want_system(&rq->trust),
        .trust_paths = rq->trust.paths.p,
        .n_trust_paths = rq->trust.paths.n,
        .password = password_source(&rq->password),
        .crls = rq->crls.p,
        .n_crls = rq->crls.n,
        .keylogs = rq->keylogs.p,
        .n_keylogs = rq->keylogs.n,
        .gateways = rq->gateways,
        .n_gateways = rq->n_gateways,
        .prove_to = rq->to,
        .only = rq->use_json && !rq->only_is_given ? EXPLAIN_ALL : rq->only,
        .use_json = rq->use_json,
        .summary_only = rq->summary_only,
        .out = out,
        .use_colour = !rq->use_json && terminal_wants_colour(rq->colour, out),
        .width = rq->width != 0 ? rq->width : terminal_width(out),
        .show_progress = !rq->no_progress && terminal_shows_progress(),
    };
}

/* A directory that cannot be read is reported and the rest is explained. */
static void find_inputs(struct request *rq)
{
    for (size_t i = 0; i < rq->operands.n; i++) {
        struct err err;
        if (inputs_add(&rq->inputs, rq->operands.p[i], &err) != ST_OK) {
            fprintf(stderr, "handfast: %s\n", err.text);
            rq->input_failed = true;
        }
    }
}

static int run(struct request *rq)
{
    struct err err;
    if (rq->output != NULL) {
        rq->file = fopen(rq->output, "we");
        if (rq->file == NULL) {
            err_sys(&err, "%s", rq->output);
            fprintf(stderr, "handfast: %s\n", err.text);
            return EXIT_INPUT;
        }
    }
    struct explain_options options = options_of(rq);
    if (rq->messages.n > 0) {
        return message_run(rq->messages.p, rq->messages.n, &options);
    }
    find_inputs(rq);
    options.inputs = (const char *const *)rq->inputs.paths;
    options.n_inputs = rq->inputs.n;
    if (options.n_inputs == 0 && options.interface == NULL) {
        return EXIT_INPUT;
    }
    int code = explain_run(&options);
    return rq->input_failed && code != EXIT_USAGE ? EXIT_INPUT : code;
}

static enum status prepare(struct request *rq, char **args, size_t n_args, struct err *err)
{
    TRY(request_init(rq, n_args, err));
    TRY(read_options(rq, args, n_args, err));
    return rq->help || rq->version ? ST_OK : check(rq, err);
}

int cmd_explain(char **args, size_t n_args)
{
    struct request rq;
    struct err err = { 0 };
    int code = EXIT_NOTHING_FAILED;
    enum status st = prepare(&rq, args, n_args, &err);
    if (st != ST_OK) {
        code = command_refuse("explain", st, &err);
    } else if (rq.help) {
        code = command_show_help(&help);
    } else if (rq.version) {
        code = command_show_version();
    } else {
        code = run(&rq);
    }
    request_deinit(&rq);
    return code;
}
