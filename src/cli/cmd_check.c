#include "cli/cmd_check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/check_json.h"
#include "check/check_text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/password.h"
#include "cli/terminal.h"
#include "cli/words.h"

enum option_id {
    OPT_TRUST = 1,
    OPT_CRL,
    OPT_OCSP,
    OPT_KEYLOG,
    OPT_STARTTLS,
    OPT_CONNECT,
    OPT_TIMEOUT,
    OPT_PASSWORD_FILE,
    OPT_HOST,
    OPT_PURPOSE,
    OPT_AT,
    OPT_WARN,
    OPT_PARTIAL_CHAIN,
    OPT_NO_PARTIAL_CHAIN,
    OPT_PROFILE,
    OPT_STRENGTH,
    OPT_AS,
    OPT_AGAINST,
    OPT_FIX,
    OPT_JSON,
    OPT_COLOUR,
    OPT_WIDTH,
    OPT_NO_PROGRESS,
    OPT_HELP,
    OPT_VERSION
};

/* clang-format off */
static const struct option_row rows[] = {
    { "Input",    NULL,            "FILE, DIR, -",         "PEM, DER, PKCS#7, PKCS#12, JKS; directory; stdin", 0,                    0 },
    { NULL,       NULL,            "HOST:PORT",            "what a server presents; also smtp://HOST ...",      0,                    0 },
    { NULL,       NULL,            "CAPTURE[:STREAM]",     "what the wire showed",                                      0,                    0 },
    { NULL,       "password-file", "FILE",                 "of stores and keys; else $HANDFAST_PASSWORD",      OPT_PASSWORD_FILE,    0 },
    { NULL,       "starttls",      "NAME",                 "smtp, imap, pop3, ftp, ldap, postgres, mysql ...",          OPT_STARTTLS,         0 },
    { NULL,       "connect",       "ADDR[:PORT]",          "go there for HOST:PORT",                                    OPT_CONNECT,          0 },
    { NULL,       "timeout",       "SECONDS",              "for connecting and for each answer (default: 10)",          OPT_TIMEOUT,          0 },
    { NULL,       "keylog",        "FILE",                 "SSLKEYLOGFILE to open a capture with",                      OPT_KEYLOG,           0 },
    { "Question", "trust",         "FILE|DIR|system|none", "trust anchors (default: system)",                           OPT_TRUST,            0 },
    { NULL,       "host",          "NAME|IP",              "the name that has to be in the certificate",                OPT_HOST,             0 },
    { NULL,       "purpose",       "server|client|any",    "whose certificate it is (default: server)",                 OPT_PURPOSE,          0 },
    { NULL,       "at",            "TIME",                 "RFC 3339, or \"capture\": its own (default: now)", OPT_AT,              0 },
    { NULL,       "crl",           "FILE",                 "revocation lists, one for every certificate",     OPT_CRL,              0 },
    { NULL,       "ocsp",          "FILE",                 "an OCSP response in DER",                                   OPT_OCSP,             0 },
    { NULL,       "warn",          "DAYS",                 "say so where one expires within DAYS (default: 30)",        OPT_WARN,             0 },
    { NULL,       "partial-chain", NULL,                   "any trusted certificate is an anchor (the default)",        OPT_PARTIAL_CHAIN,    0 },
    { NULL,       "no-partial-chain", NULL,                "only roots are anchors, as OpenSSL has it",                 OPT_NO_PARTIAL_CHAIN, 0 },
    { NULL,       "as",            "WHOM,...",             "by whose eyes too: openssl,java,go ... or all",             OPT_AS,               0 },
    { NULL,       "profile",       "tls|careful",          "rules of form: every TLS stack's, or all (default)",          OPT_PROFILE,          0 },
    { NULL,       "strength",      "BITS",                 "security of keys and digests that is asked for",            OPT_STRENGTH,         0 },
    { "Action",   "against",       "WHAT",                 "compare with a server, a capture or another store",         OPT_AGAINST,          0 },
    { NULL,       "fix",           "DIR",                  "write a repaired chain there",                              OPT_FIX,              0 },
    { "Output",   "json",          NULL,                   "one JSON object",                                           OPT_JSON,             0 },
    { NULL,       "color",         "auto|always|never",    "colour (default: on a terminal)",                           OPT_COLOUR,           0 },
    { NULL,       "width",         "N",                    "wrap text at N columns",                                    OPT_WIDTH,            0 },
    { NULL,       "no-progress",   NULL,                   "no progress line",                                          OPT_NO_PROGRESS,      0 },
    { NULL,       "help",          NULL,                   "show this",                                                 OPT_HELP,             'h' },
    { NULL,       "version",       NULL,                   "show the version",                                          OPT_VERSION,          0 },
};
/* clang-format on */

static const char help_head[] =
    "handfast check: whether certificates are acceptable, and if not, what mends them\n"
    "\n"
    "usage: handfast check [OPTION]... FILE|DIR|HOST:PORT|CAPTURE[:STREAM]|-...\n"
    "       handfast check [OPTION]... STORE --against HOST:PORT|CAPTURE|STORE2\n";

static const char help_tail[] =
    "\nExit status: 0 acceptable, 1 not acceptable, 2 usage, 3 input not read.\n"
    "--trust, --crl, --ocsp and --keylog may be repeated. More: man handfast-check\n";

enum { DAYS_MAX = 100000, TIMEOUT_MAX_S = 3600, STRENGTH_MAX = 256 };

static const struct command_help help = { help_head, rows, ARRAY_LEN(rows), help_tail };

struct command_line {
    struct words operands, crls, ocsps, keylogs;
    struct trust_words trust;
    struct check_request rq;
    enum terminal_colour colour;
    unsigned width;
    bool use_json, no_progress, help, version;
    struct password password;
    int64_t last_shown_ns; /* progress */
    bool progress_is_shown;
};

static void line_deinit(struct command_line *l)
{
    words_deinit(&l->operands);
    words_deinit(&l->trust.paths);
    words_deinit(&l->crls);
    words_deinit(&l->ocsps);
    words_deinit(&l->keylogs);
    password_deinit(&l->password);
}

static enum status line_init(struct command_line *l, size_t n_args, struct err *err)
{
    struct words *lists[] = { &l->operands, &l->trust.paths, &l->crls, &l->ocsps, &l->keylogs };
    *l = (struct command_line){ 0 };
    l->rq = (struct check_request){
        .purpose = X509_FOR_SERVER,
        .at_s = clock_now_ns() / NS_PER_S,
        .warn_days = CHECK_WARN_DAYS,
        .partial_chain = true, /* as Java, Go, GnuTLS, NSS, curl and Python 3.13 have it */
        .profile = X509_PROFILE_CAREFUL,
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        TRY(words_init(lists[i], n_args, err));
    }
    return ST_OK;
}

static enum status set_purpose(struct command_line *l, const char *word, struct err *err)
{
    static const char *const choices[] = {
        [X509_FOR_SERVER] = "server",
        [X509_FOR_CLIENT] = "client",
        [X509_FOR_ANY] = "any",
        [X509_FOR_ANY + 1] = NULL,
    };
    int place = 0;
    TRY(option_choice("purpose", word, choices, &place, err));
    l->rq.purpose = (enum x509_purpose)place;
    l->rq.purpose_is_given = true;
    return ST_OK;
}

static enum status set_at(struct command_line *l, const char *word, struct err *err)
{
    int64_t at_ns = 0;
    if (strcmp(word, "capture") == 0) {
        l->rq.at_capture = true;
        return ST_OK;
    }
    if (!clock_parse(word, &at_ns)) {
        return err_set(err, ST_USAGE,
                       "--at '%.60s': it is a time (2026-11-23T12:00:00Z), a date or \"capture\"",
                       word);
    }
    l->rq.at_s = at_ns / NS_PER_S;
    l->rq.at_is_given = true;
    return ST_OK;
}

static enum status set_timeout(struct command_line *l, const char *word, struct err *err)
{
    unsigned seconds = 0;
    TRY(option_number("timeout", word, 1, TIMEOUT_MAX_S, &seconds, err));
    l->rq.timeout_ms = seconds * 1000;
    return ST_OK;
}

static enum status set_starttls(struct command_line *l, const char *word, struct err *err)
{
    if (!dial_starttls_by_name(word, &l->rq.starttls)) {
        return err_set(err, ST_USAGE,
                       "--starttls '%.60s': it is smtp, lmtp, imap, pop3, ftp, nntp, sieve, "
                       "xmpp, ldap, postgres, mysql, mssql or rdp",
                       word);
    }
    return ST_OK;
}

static enum status set_profile(struct command_line *l, const char *word, struct err *err)
{
    bool is_careful = strcmp(word, "careful") == 0;
    if (!is_careful && strcmp(word, "tls") != 0) {
        return err_set(err, ST_USAGE, "--profile '%.60s': it is tls or careful", word);
    }
    l->rq.profile = is_careful ? X509_PROFILE_CAREFUL : X509_PROFILE_TLS;
    return ST_OK;
}

/* Options without a value. */
static void set_flag(struct command_line *l, enum option_id id)
{
    bool is_partial = id == OPT_PARTIAL_CHAIN || id == OPT_NO_PARTIAL_CHAIN;
    l->rq.partial_chain = is_partial ? id == OPT_PARTIAL_CHAIN : l->rq.partial_chain;
    l->use_json = l->use_json || id == OPT_JSON;
    l->no_progress = l->no_progress || id == OPT_NO_PROGRESS;
    l->help = l->help || id == OPT_HELP;
    l->version = l->version || id == OPT_VERSION;
}

static enum status apply(struct command_line *l, enum option_id id, const char *value,
                         struct err *err)
{
    switch (id) {
    case OPT_TRUST:
        l->rq.trust_is_given = true;
        trust_words_add(&l->trust, value);
        return ST_OK;
    case OPT_CRL:
        words_push(&l->crls, value);
        return ST_OK;
    case OPT_OCSP:
        words_push(&l->ocsps, value);
        return ST_OK;
    case OPT_KEYLOG:
        words_push(&l->keylogs, value);
        return ST_OK;
    case OPT_STARTTLS:
        return set_starttls(l, value, err);
    case OPT_CONNECT:
        l->rq.connect_to = value;
        return ST_OK;
    case OPT_TIMEOUT:
        return set_timeout(l, value, err);
    case OPT_PASSWORD_FILE:
        return password_read(&l->password, value, err);
    case OPT_HOST:
        l->rq.host = value;
        return ST_OK;
    case OPT_PURPOSE:
        return set_purpose(l, value, err);
    case OPT_AT:
        return set_at(l, value, err);
    case OPT_WARN:
        return option_number("warn", value, 0, DAYS_MAX, &l->rq.warn_days, err);
    case OPT_STRENGTH:
        return option_number("strength", value, 1, STRENGTH_MAX, &l->rq.floor_bits, err);
    case OPT_AS:
        return verifiers_parse(value, &l->rq.as, err);
    case OPT_PROFILE:
        return set_profile(l, value, err);
    case OPT_AGAINST:
        l->rq.against = value;
        return ST_OK;
    case OPT_FIX:
        l->rq.fix_dir = value;
        return ST_OK;
    case OPT_COLOUR:
        return terminal_colour_parse(value, &l->colour, err);
    case OPT_WIDTH:
        return terminal_width_parse(value, &l->width, err);
    case OPT_PARTIAL_CHAIN:
    case OPT_NO_PARTIAL_CHAIN:
    case OPT_JSON:
    case OPT_NO_PROGRESS:
    case OPT_HELP:
    case OPT_VERSION:
        set_flag(l, id);
        return ST_OK;
    }
    return ST_OK;
}

/* Whether there was one that makes sense: false ends the reading. */
static bool read_option(struct command_line *l, struct option_reader *r, enum status *out,
                        struct err *err)
{
    const char *value = NULL;
    int id = option_next(r, &value, err);
    if (id == OPTION_END) {
        return false;
    }
    if (id == OPTION_OPERAND) {
        words_push(&l->operands, value);
        return true;
    }
    *out = id == OPTION_WRONG ? ST_USAGE : apply(l, (enum option_id)id, value, err);
    return *out == ST_OK && !l->help && !l->version;
}

static enum status make_sense(const struct command_line *l, struct err *err)
{
    size_t n_stdin = words_count(&l->operands, "-");
    n_stdin += l->rq.against != NULL && strcmp(l->rq.against, "-") == 0 ? 1 : 0;
    if (l->operands.n == 0) {
        return err_set(err, ST_USAGE,
                       "nothing to check: name a file, a directory, a HOST:PORT or a capture");
    }
    TRY(trust_words_check(&l->trust, err));
    return n_stdin > 1 ? err_set(err, ST_USAGE, "standard input can be read once") : ST_OK;
}

static enum status prepare(struct command_line *l, char **args, size_t n_args, struct err *err)
{
    struct option_reader r = {
        .rows = rows, .n_rows = ARRAY_LEN(rows), .args = args, .n_args = n_args
    };
    enum status st = ST_OK;
    TRY(line_init(l, n_args, err));
    while (read_option(l, &r, &st, err)) {
    }
    TRY(st);
    return l->help || l->version ? ST_OK : make_sense(l, err);
}

/* --- running --- */

static void show_progress(void *arg, size_t n_files)
{
    struct command_line *l = arg;
    int64_t now = clock_monotonic_ns();
    if (now - l->last_shown_ns >= NS_PER_S / 10) {
        l->last_shown_ns = now;
        l->progress_is_shown = true;
        fprintf(stderr, "\r\033[K%zu files", n_files);
        fflush(stderr);
    }
}

static void clear_progress(void *arg)
{
    struct command_line *l = arg;
    if (l->progress_is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        l->progress_is_shown = false;
    }
}

static void fill_request(struct command_line *l)
{
    struct check_request *rq = &l->rq;
    rq->inputs = (struct check_words){ l->operands.p, l->operands.n };
    rq->trust = (struct check_words){ l->trust.paths.p, l->trust.paths.n };
    rq->crls = (struct check_words){ l->crls.p, l->crls.n };
    rq->ocsp = (struct check_words){ l->ocsps.p, l->ocsps.n };
    rq->keylogs = (struct check_words){ l->keylogs.p, l->keylogs.n };
    /* with --against the other side says whom it trusts */
    bool is_given = trust_words_are_given(&l->trust) || rq->against != NULL;
    rq->trust_system = l->trust.system || !is_given;
    rq->arg = l;
    bool is_terminal = terminal_shows_progress();
    rq->progress = is_terminal && !l->no_progress ? show_progress : NULL;
    l->password.before_asking = clear_progress;
    l->password.arg = l;
    rq->password = password_source(&l->password);
    l->last_shown_ns = clock_monotonic_ns();
}

static int print(const struct command_line *l, const struct check_result *r)
{
    struct text out = { 0 };
    struct check_style style = {
        .use_colour = terminal_wants_colour(l->colour, stdout),
        .width = l->width != 0 ? l->width : terminal_width(stdout),
    };
    if (l->use_json) {
        check_json(&out, r);
    } else {
        check_text(&out, r, &style);
    }
    for (size_t i = 0; i < r->n_errors; i++) {
        fprintf(stderr, "handfast: %s\n", r->errors[i]);
    }
    bool has_memory = !out.failed;
    bool is_written =
        has_memory && fwrite(text_str(&out), 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    text_deinit(&out);
    if (!is_written) {
        fprintf(stderr, "handfast: %s\n",
                has_memory ? "the output could not be written" : "no memory for the output");
        return EXIT_INPUT;
    }
    if (r->n_errors > 0) {
        return EXIT_INPUT;
    }
    return r->is_acceptable ? EXIT_NOTHING_FAILED : EXIT_SOME_FAILED;
}

static int run(struct command_line *l)
{
    struct check_result *r = NULL;
    struct err err = { 0 };
    fill_request(l);
    enum status st = check_run(&l->rq, &r, &err);
    clear_progress(l);
    if (st != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
        return st == ST_USAGE ? EXIT_USAGE : EXIT_INPUT;
    }
    int code = print(l, r);
    check_result_free(r);
    return code;
}

int cmd_check(char **args, size_t n_args)
{
    struct command_line l;
    struct err err = { 0 };
    int code = EXIT_NOTHING_FAILED;
    enum status st = prepare(&l, args, n_args, &err);
    if (st != ST_OK) {
        code = command_refuse("check", st, &err);
    } else if (l.help) {
        code = command_show_help(&help);
    } else if (l.version) {
        code = command_show_version();
    } else {
        code = run(&l);
    }
    line_deinit(&l);
    return code;
}
