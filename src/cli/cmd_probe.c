#include "cli/cmd_probe.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/probe_extras.h"
#include "cli/probe_targets.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "probe/replay_main.h"
#include "probe/survey_report.h"

/* What the exit codes mean here. */
enum {
    EXIT_FINE = EXIT_NOTHING_FAILED,
    EXIT_FINDINGS = EXIT_SOME_FAILED,
    EXIT_UNREACHED = EXIT_INPUT
};

enum option_id {
    OPT_TARGETS = 1,
    OPT_RESUME,
    OPT_STARTTLS,
    OPT_CONNECT,
    OPT_IPV4,
    OPT_IPV6,
    OPT_PROXY,
    OPT_PROXY_PROTOCOL,
    OPT_SNI,
    OPT_ALPN,
    OPT_CERT,
    OPT_KEY,
    OPT_TRUST,
    OPT_PARALLEL,
    OPT_RATE,
    OPT_POLITE,
    OPT_CONNECTIONS,
    OPT_TIMEOUT,
    OPT_MAX_TIME,
    OPT_AS,
    OPT_POLICY,
    OPT_BASELINE,
    OPT_REPLAY,
    OPT_JSON,
    OPT_BRIEF,
    OPT_FAIL_ON,
    OPT_OUTPUT,
    OPT_COLOUR,
    OPT_WIDTH,
    OPT_NO_PROGRESS,
    OPT_HELP,
    OPT_VERSION
};

/* clang-format off: a table reads by columns */
static const struct option_row rows[] = {
    { "Servers", NULL, "HOST[:PORT], URL", "all addresses of the name; smtp://HOST: STARTTLS", 0,
      0 },
    { NULL, "targets", "FILE", "many servers, one a line; - for standard input", OPT_TARGETS, 0 },
    { NULL, "resume", "FILE", "note what is done there; do the rest next time", OPT_RESUME, 0 },
    { NULL, "starttls", "PROTOCOL", "smtp, imap, pop3, ftp, ldap, postgres, mysql ...",
      OPT_STARTTLS, 0 },
    { NULL, "connect", "ADDR[:PORT]", "go there, whatever the name resolves to", OPT_CONNECT, 0 },
    { NULL, "ipv4", NULL, "IPv4 addresses only", OPT_IPV4, '4' },
    { NULL, "ipv6", NULL, "IPv6 addresses only", OPT_IPV6, '6' },
    { NULL, "proxy", "URL", "http://[USER:PASS@]HOST:PORT or socks5://...", OPT_PROXY, 0 },
    { NULL, "proxy-protocol", "1|2", "send a PROXY protocol header first", OPT_PROXY_PROTOCOL, 0 },
    { "Handshake", "sni", "NAME", "the server name sent (default: HOST); '' for none", OPT_SNI, 0 },
    { NULL, "alpn", "NAME,...", "what is offered (default: h2,http/1.1)", OPT_ALPN, 0 },
    { NULL, "cert", "FILE", "client certificate, PEM", OPT_CERT, 0 },
    { NULL, "key", "FILE", "its key, PEM (default: in the same file)", OPT_KEY, 0 },
    { NULL, "trust", "FILE|DIR|system|none", "trust anchors (default: system)", OPT_TRUST, 0 },
    { "Manner", "polite", NULL, "at most 8 connections at once, 60 in all", OPT_POLITE, 0 },
    { NULL, "parallel", "N", "connections at once to one server (default: 20)", OPT_PARALLEL, 0 },
    { NULL, "rate", "N", "new connections a second to one server", OPT_RATE, 0 },
    { NULL, "connections", "N", "at most so many to one server (default: 240)", OPT_CONNECTIONS,
      0 },
    { NULL, "timeout", "SECONDS", "for connecting, and each answer (default: 5)", OPT_TIMEOUT, 0 },
    { NULL, "max-time", "SECONDS", "for all of it; what is known by then is shown", OPT_MAX_TIME,
      0 },
    { "Judgement", "as", "CLIENT,...|all", "would these clients get through, and why not", OPT_AS,
      0 },
    { NULL, "policy", "NAME|FILE", "modern, intermediate, old, or a file of rules", OPT_POLICY, 0 },
    { NULL, "baseline", "FILE", "--json of an earlier run: fail on what is new", OPT_BASELINE, 0 },
    { "Proof", "replay", "CAPTURE[:stream=N]", "send a captured hello; change one thing at a time",
      OPT_REPLAY, 0 },
    { "Output", "json", NULL, "one JSON object a line", OPT_JSON, 0 },
    { NULL, "brief", NULL, "the verdict and the findings only", OPT_BRIEF, 0 },
    { NULL, "fail-on", "SEVERITY", "info, low, medium, high (default) or none: exit 1", OPT_FAIL_ON,
      0 },
    { NULL, "output", "FILE", "write there, not to standard output", OPT_OUTPUT, 'o' },
    { NULL, "color", "auto|always|never", "colour (default: on a terminal)", OPT_COLOUR, 0 },
    { NULL, "width", "N", "wrap text at N columns", OPT_WIDTH, 0 },
    { NULL, "no-progress", NULL, "no progress line", OPT_NO_PROGRESS, 0 },
    { NULL, "help", NULL, "show this", OPT_HELP, 'h' },
    { NULL, "version", NULL, "show the version", OPT_VERSION, 0 },
};
/* clang-format on */

static const char help_head[] =
    "handfast probe: say what a server accepts, and what ought to be changed\n"
    "\n"
    "usage: handfast probe [OPTION]... HOST[:PORT]...\n"
    "       handfast probe [OPTION]... --targets FILE\n"
    "       handfast probe [OPTION]... --replay CAPTURE HOST[:PORT]\n";

static const char help_tail[] =
    "\nOnly servers named here are asked. Exit status: 0 fine, 1 findings at or above\n"
    "--fail-on, 2 usage, 3 not reached. --trust may be repeated.\n"
    "More: man handfast-probe\n";

enum { ALPN_MAX = 32, RATE_MAX = 100000, PARALLEL_MAX = 1000, TIMEOUT_MAX_S = 600 };
enum { MAX_TIME_MAX_S = 1000000 };
#define STARTTLS_NAMES                                                                             \
    "smtp, lmtp, imap, pop3, ftp, nntp, sieve, xmpp, xmpp-server, ldap, postgres, mysql, mssql, "  \
    "rdp or irc"

static const struct command_help help = { help_head, rows, ARRAY_LEN(rows), help_tail };

struct line {
    struct words operands;
    struct trust_words trust;
    const char *targets, *resume, *output, *replay;
    char *alpn_copy;
    const char *alpn[ALPN_MAX];
    size_t n_alpn;
    struct dial_target like;
    struct survey_options survey;
    struct probe_options engine;
    bool never_fails;
    enum survey_severity fail_on;
    enum terminal_colour colour;
    unsigned width, max_time_s;
    bool use_json, is_brief, no_progress, help, version;
    FILE *out, *file;
    struct x509_store *store;
    struct survey_style style;
    struct probe_extras extras;
    bool progress_is_shown;
    int64_t last_shown_ns; /* progress, monotonic */
    size_t n_results, n_reached, n_failing;
};

static enum status set_alpn(struct line *l, const char *word, struct err *err)
{
    free(l->alpn_copy);
    l->n_alpn = 0;
    l->alpn_copy = strdup(word);
    if (l->alpn_copy == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (char *at = l->alpn_copy; at != NULL;) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (at[0] == '\0' || strlen(at) > 255 || l->n_alpn == ALPN_MAX) {
            return err_set(err, ST_USAGE, "--alpn '%.60s': it is a list like h2,http/1.1", word);
        }
        l->alpn[l->n_alpn++] = at;
        at = comma == NULL ? NULL : comma + 1;
    }
    l->survey.alpn = l->alpn;
    l->survey.n_alpn = l->n_alpn;
    return ST_OK;
}

static enum status set_fail_on(struct line *l, const char *word, struct err *err)
{
    l->never_fails = strcmp(word, "none") == 0;
    if (!l->never_fails && !survey_severity_by_id(word, &l->fail_on)) {
        return err_set(err, ST_USAGE, "--fail-on '%.60s': it is info, low, medium, high or none",
                       word);
    }
    return ST_OK;
}

/* Where to, and what is said there before TLS. */
static enum status apply_target(struct line *l, enum option_id id, const char *value,
                                struct err *err)
{
    struct dial_proxy proxy;
    if (id == OPT_STARTTLS && !dial_starttls_by_name(value, &l->like.starttls)) {
        return err_set(err, ST_USAGE, "--starttls '%.60s': it is %s", value, STARTTLS_NAMES);
    }
    if (id == OPT_PROXY && !dial_parse_proxy(value, &proxy)) {
        return err_set(err, ST_USAGE,
                       "--proxy '%.100s': it is http://HOST:PORT or socks5://HOST:PORT", value);
    }
    if (id == OPT_PROXY_PROTOCOL) {
        unsigned version = 0;
        TRY(option_number("proxy-protocol", value, 1, 2, &version, err));
        l->like.proxy_protocol = (uint8_t)version;
    } else if (id == OPT_PROXY) {
        l->like.proxy = value;
    } else if (id == OPT_CONNECT) {
        l->like.connect_to = value;
    } else if (id == OPT_SNI) {
        l->like.server_name = value;
    } else if (id != OPT_STARTTLS) {
        l->like.family = id == OPT_IPV4 ? 4 : 6;
    }
    return ST_OK;
}

static enum status apply_manner(struct line *l, enum option_id id, const char *value,
                                struct err *err)
{
    unsigned seconds = 0;
    if (id == OPT_POLITE) {
        l->survey.polite = true;
        l->engine.parallel = l->engine.parallel == 0 ? SURVEY_PARALLEL_POLITE : l->engine.parallel;
        return ST_OK;
    }
    if (id == OPT_PARALLEL) {
        return option_number("parallel", value, 1, PARALLEL_MAX, &l->engine.parallel, err);
    }
    if (id == OPT_RATE) {
        return option_number("rate", value, 1, RATE_MAX, &l->engine.rate, err);
    }
    if (id == OPT_CONNECTIONS) {
        return option_number("connections", value, 1, RATE_MAX, &l->survey.max_connections, err);
    }
    if (id == OPT_MAX_TIME) {
        return option_number("max-time", value, 1, MAX_TIME_MAX_S, &l->max_time_s, err);
    }
    TRY(option_number("timeout", value, 1, TIMEOUT_MAX_S, &seconds, err));
    l->engine.timeout_ms = l->like.timeout_ms = seconds * 1000;
    return ST_OK;
}

static enum status apply_output(struct line *l, enum option_id id, const char *value,
                                struct err *err)
{
    if (id == OPT_FAIL_ON) {
        return set_fail_on(l, value, err);
    }
    if (id == OPT_COLOUR) {
        return terminal_colour_parse(value, &l->colour, err);
    }
    if (id == OPT_WIDTH) {
        return terminal_width_parse(value, &l->width, err);
    }
    l->use_json |= id == OPT_JSON;
    l->is_brief |= id == OPT_BRIEF;
    l->no_progress |= id == OPT_NO_PROGRESS;
    l->help |= id == OPT_HELP;
    l->version |= id == OPT_VERSION;
    l->output = id == OPT_OUTPUT ? value : l->output;
    return ST_OK;
}

static enum status apply(struct line *l, enum option_id id, const char *value, struct err *err)
{
    switch (id) {
    case OPT_TARGETS:
        l->targets = value;
        return ST_OK;
    case OPT_RESUME:
        l->resume = value;
        return ST_OK;
    case OPT_STARTTLS:
    case OPT_CONNECT:
    case OPT_IPV4:
    case OPT_IPV6:
    case OPT_PROXY:
    case OPT_PROXY_PROTOCOL:
    case OPT_SNI:
        return apply_target(l, id, value, err);
    case OPT_ALPN:
        return set_alpn(l, value, err);
    case OPT_CERT:
        l->survey.cert_path = value;
        return ST_OK;
    case OPT_KEY:
        l->survey.key_path = value;
        return ST_OK;
    case OPT_TRUST:
        trust_words_add(&l->trust, value);
        return ST_OK;
    case OPT_PARALLEL:
    case OPT_RATE:
    case OPT_POLITE:
    case OPT_CONNECTIONS:
    case OPT_TIMEOUT:
    case OPT_MAX_TIME:
        return apply_manner(l, id, value, err);
    case OPT_AS:
        l->extras.as = value;
        return ST_OK;
    case OPT_POLICY:
        l->extras.policy_name = value;
        return ST_OK;
    case OPT_BASELINE:
        l->extras.baseline_path = value;
        return ST_OK;
    case OPT_REPLAY:
        l->replay = value;
        return ST_OK;
    case OPT_JSON:
    case OPT_BRIEF:
    case OPT_FAIL_ON:
    case OPT_OUTPUT:
    case OPT_COLOUR:
    case OPT_WIDTH:
    case OPT_NO_PROGRESS:
    case OPT_HELP:
    case OPT_VERSION:
        return apply_output(l, id, value, err);
    }
    return ST_OK;
}

static enum status read_options(struct line *l, char **args, size_t n_args, struct err *err)
{
    struct option_reader r = {
        .rows = rows, .n_rows = ARRAY_LEN(rows), .args = args, .n_args = n_args
    };
    while (!l->help && !l->version) {
        const char *value = NULL;
        int id = option_next(&r, &value, err);
        if (id == OPTION_END) {
            return ST_OK;
        }
        if (id == OPTION_WRONG) {
            return ST_USAGE;
        }
        if (id == OPTION_OPERAND) {
            words_push(&l->operands, value);
        } else {
            TRY(apply(l, (enum option_id)id, value, err));
        }
    }
    return ST_OK;
}

static enum status check(const struct line *l, struct err *err)
{
    if (l->operands.n == 0 && l->targets == NULL) {
        return err_set(err, ST_USAGE, "no server: name HOST[:PORT], or --targets FILE");
    }
    if (l->replay != NULL && (l->operands.n != 1 || l->targets != NULL)) {
        return err_set(err, ST_USAGE, "--replay goes to one server: name HOST[:PORT]");
    }
    if (l->replay != NULL && l->max_time_s != 0) {
        return err_set(err, ST_USAGE, "--max-time is for surveys: --replay has an end of its own");
    }
    TRY(trust_words_check(&l->trust, err));
    if (l->survey.key_path != NULL && l->survey.cert_path == NULL) {
        return err_set(err, ST_USAGE, "--key needs --cert");
    }
    if (l->survey.cert_path != NULL && access(l->survey.cert_path, R_OK) != 0) {
        return err_set(err, ST_USAGE, "%.200s cannot be read", l->survey.cert_path);
    }
    return ST_OK;
}

static enum status open_store(struct line *l, struct err *err)
{
    TRY(x509_store_new(&l->store, err));
    if (trust_words_want_system(&l->trust)) {
        TRY(x509_store_add_system_trust(l->store, err));
    }
    for (size_t i = 0; i < l->trust.paths.n; i++) {
        TRY(x509_store_add_trust(l->store, l->trust.paths.p[i], err));
    }
    l->survey.store = l->store;
    l->survey.trust_is_given = trust_words_are_given(&l->trust);
    l->survey.now_s = clock_now_ns() / NS_PER_S;
    return ST_OK;
}

static enum status open_files(struct line *l, struct err *err)
{
    if (l->targets != NULL && strcmp(l->targets, "-") != 0) {
        l->file = fopen(l->targets, "re");
        if (l->file == NULL) {
            return err_sys(err, "%s", l->targets);
        }
    }
    l->out = stdout;
    if (l->output != NULL) {
        l->out = fopen(l->output, l->resume == NULL ? "we" : "ae"); /* earlier results stay */
        if (l->out == NULL) {
            return err_sys(err, "%s", l->output);
        }
    }
    bool colour = !l->use_json && terminal_wants_colour(l->colour, l->out);
    l->style.report.use_colour = colour;
    l->style.report.width = l->width != 0 ? l->width : terminal_width(l->out);
    l->style.is_brief = l->is_brief;
    return ST_OK;
}

/* --- results --- */

static void clear_progress(struct line *l)
{
    if (l->progress_is_shown) {
        fputs("\r\033[K", stderr);
        l->progress_is_shown = false;
    }
}

static void show_progress(void *arg, const struct survey_facts *f, unsigned n_asked,
                          unsigned n_answered)
{
    struct line *l = arg;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - l->last_shown_ns < NS_PER_S / 10) {
        return; /* most surveys are over before anybody could read it */
    }
    l->last_shown_ns = now_ns;
    fprintf(stderr, "\r\033[K%.60s: %u of %u answers", f->target->host, n_answered, n_asked);
    fflush(stderr);
    l->progress_is_shown = true;
}

static bool fails(const struct line *l, const char *name, const struct survey_facts *f)
{
    if (l->extras.n_new_violations > 0) {
        return true;
    }
    for (size_t i = 0; i < f->n_findings && !l->never_fails; i++) {
        if (f->findings[i].severity >= l->fail_on &&
            probe_extras_is_new(&l->extras, name, &f->findings[i])) {
            return true;
        }
    }
    return false;
}

static void put_json(const struct line *l, struct text *out, const char *name,
                     const struct survey_facts *f, const char *why)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    json_str(&j, "target", name);
    if (f != NULL) {
        survey_json(&j, f);
        probe_extras_json(&l->extras, &j);
    } else {
        json_str(&j, "type", "probe");
        json_bool(&j, "reached", false);
        json_str(&j, "why", why);
    }
    json_end_object(&j);
    text_putc(out, '\n');
}

static void put_text(struct line *l, struct text *out, const char *name,
                     const struct survey_facts *f, const char *why)
{
    if (l->n_results > 1) {
        text_putc(out, '\n');
    }
    if (f != NULL) {
        survey_text(out, f, &l->style);
        probe_extras_text(&l->extras, name, f, l->style.report.width, out);
        return;
    }
    text_put_safe(out, bytes_of_str(name));
    text_puts(out, "\n  NOT REACHED  ");
    text_put_safe(out, bytes_of_str(why));
    text_putc(out, '\n');
}

static void judge_extras(struct line *l, const struct probe_result *r)
{
    const struct survey_facts *f = r->facts;
    struct err err = { 0 };
    l->extras.judged = NULL;
    l->extras.results = NULL;
    l->extras.n_new_violations = 0;
    if (f != NULL && f->is_reached && f->speaks_tls &&
        probe_extras_judge(&l->extras, r->name, f, r->clients, &err) != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
    }
}

static void on_result(void *arg, const struct probe_result *r)
{
    struct line *l = arg;
    const struct survey_facts *f = r->facts;
    struct text out = { 0 };
    clear_progress(l);
    judge_extras(l, r);
    l->n_results++;
    l->n_reached += f != NULL && f->is_reached ? 1 : 0;
    l->n_failing += f != NULL && f->is_reached && (!f->speaks_tls || fails(l, r->name, f)) ? 1 : 0;
    if (l->use_json) {
        put_json(l, &out, r->name, f, r->why);
    } else {
        put_text(l, &out, r->name, f, r->why);
    }
    fputs(text_str(&out), l->out);
    fflush(l->out);
    text_deinit(&out);
}

static int run_replay(struct line *l)
{
    struct err err = { 0 };
    char host[256];
    enum replay_outcome outcome = REPLAY_NOT_REACHED;
    struct replay_options o = { .capture = l->replay,
                                .target = l->like,
                                .parallel = l->engine.parallel,
                                .timeout_ms = l->engine.timeout_ms,
                                .use_json = l->use_json,
                                .style = l->style.report,
                                .out = l->out };
    struct dial_target named;
    if (!replay_target_parse(l->operands.p[0], &named, host, sizeof host)) {
        fprintf(stderr, "handfast probe: '%.100s' is no target\n", l->operands.p[0]);
        return EXIT_USAGE;
    }
    o.target.host = named.host;
    o.target.port = named.port;
    o.target.starttls = l->like.starttls != DIAL_NO_STARTTLS ? l->like.starttls : named.starttls;
    enum status st = replay_main(&o, &outcome, &err);
    if (st != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
        return st == ST_USAGE ? EXIT_USAGE : EXIT_UNREACHED;
    }
    return outcome == REPLAY_NOT_REACHED      ? EXIT_UNREACHED
           : outcome == REPLAY_NOT_REPRODUCED ? EXIT_FINE
                                              : EXIT_FINDINGS;
}

static int tell_nothing_done(const struct line *l)
{
    if (l->resume != NULL) {
        fprintf(stderr, "handfast probe: nothing is left to do: %s has every target\n", l->resume);
        return EXIT_FINE;
    }
    fprintf(stderr, "handfast probe: %s: no target in it\n", l->targets);
    return EXIT_USAGE;
}

static int run(struct line *l)
{
    struct err err = { 0 };
    if (open_store(l, &err) != ST_OK || open_files(l, &err) != ST_OK ||
        probe_extras_open(&l->extras, &err) != ST_OK) {
        fprintf(stderr, "handfast: %s\n", err.text);
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (l->replay != NULL) {
        return run_replay(l);
    }
    if (!l->no_progress && terminal_shows_progress()) {
        l->last_shown_ns = clock_monotonic_ns();
        l->survey.progress = show_progress;
        l->survey.progress_arg = l;
    }
    if (l->max_time_s != 0) {
        l->engine.deadline_ns = clock_monotonic_ns() + l->max_time_s * NS_PER_S;
        l->survey.deadline_ns = l->engine.deadline_ns;
    }
    struct probe_targets targets = { .like = &l->like,
                                     .survey = &l->survey,
                                     .engine = &l->engine,
                                     .names = l->operands.p,
                                     .n_names = l->operands.n,
                                     .file = l->targets == NULL ? NULL
                                             : l->file != NULL  ? l->file
                                                                : stdin,
                                     .resume_path = l->resume,
                                     .clients = l->extras.clients,
                                     .n_clients = l->extras.n_clients,
                                     .result = on_result,
                                     .arg = l };
    enum status st = probe_targets_run(&targets, &err);
    clear_progress(l);
    if (st != ST_OK) {
        fprintf(stderr, "handfast probe: %s\n", err.text);
        return st == ST_USAGE ? EXIT_USAGE : EXIT_UNREACHED;
    }
    if (l->n_results == 0) {
        return tell_nothing_done(l);
    }
    if (l->n_reached == 0) {
        return EXIT_UNREACHED;
    }
    return l->n_failing > 0 ? EXIT_FINDINGS : EXIT_FINE;
}

static enum status prepare(struct line *l, char **args, size_t n_args, struct err *err)
{
    *l = (struct line){ .fail_on = SEVERITY_HIGH };
    TRY(words_init(&l->operands, n_args, err));
    TRY(words_init(&l->trust.paths, n_args, err));
    TRY(read_options(l, args, n_args, err));
    return l->help || l->version ? ST_OK : check(l, err);
}

static void line_deinit(struct line *l)
{
    probe_extras_deinit(&l->extras);
    x509_store_free(l->store);
    if (l->file != NULL) {
        fclose(l->file);
    }
    if (l->out != NULL && l->out != stdout) {
        fclose(l->out);
    }
    free(l->alpn_copy);
    words_deinit(&l->operands);
    words_deinit(&l->trust.paths);
}

int cmd_probe(char **args, size_t n_args)
{
    struct line l;
    struct err err = { 0 };
    int code = EXIT_FINE;
    enum status st = prepare(&l, args, n_args, &err);
    if (st != ST_OK) {
        code = command_refuse("probe", st, &err);
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
