#include "cli/explain.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cli/held.h"
#include "cli/progress.h"
#include "cli/prove.h"
#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "report/report.h"
#include "report/wrap.h"
#include "transcript/from_capture.h"

enum {
    IDLE_MS = 200, /* how long a pipe or interface may be quiet before time is told */
    OUT_FLUSH_BYTES = 1 << 16,
    VERDICT_LIMIT_BYTES = 4 << 20,
    HELD_LIMIT_BYTES = 24 << 20,
    BATCH_FRAMES = 32,
    BATCHES_PER_LOOK = 512,
};

struct explain {
    const struct explain_options *options;
    struct x509_store *store;
    struct keylog *keylog;
    struct watcher *watcher;
    struct peers *peers;
    struct summary *summary;
    struct held held; /* connections whose verdict waits for the rest of the capture */
    struct arena arena;
    struct text out;
    struct report_style style;
    struct progress progress;
    const struct capture *capture;
    uint64_t n_batches;
    bool is_streaming;
    bool input_failed;
    bool misused;       /* the command line makes no sense for the input */
    FILE *later;        /* what did not fail, for people: shown after all that did; NULL: at once */
    struct prove prove; /* with options->prove_to */
    bool out_failed;
    bool out_of_memory; /* a verdict may lack evidence, or be missing */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void complain(const char *text)
{
    fprintf(stderr, "handfast: %s\n", text);
}

/* --- one verdict --- */

static bool is_wanted(const struct explain *x, const struct verdict *v)
{
    switch (x->options->only) {
    case EXPLAIN_FAILED:
        return v->outcome == OUTCOME_FAILED;
    case EXPLAIN_FINDINGS:
        return v->outcome == OUTCOME_FAILED || v->n_findings > 0;
    case EXPLAIN_ALL:
        return true;
    }
    return true;
}

static void flush_out(struct explain *x)
{
    if (x->out.len > 0 && fwrite(x->out.p, 1, x->out.len, x->options->out) != x->out.len) {
        x->out_failed = true;
    }
    x->out_of_memory = x->out_of_memory || x->out.failed;
    text_clear(&x->out);
    if (fflush(x->options->out) != 0) {
        x->out_failed = true;
    }
}

/* Failures come first: the rest of a file waits on disk until its end. */
static bool put_off(struct explain *x, const struct transcript *t, const struct verdict *v)
{
    if (x->is_streaming) {
        return false;
    }
    x->later = x->later != NULL ? x->later : tmpfile();
    if (x->later == NULL) {
        return false;
    }
    struct text block = { 0 };
    report_text(&block, t, v, &x->style);
    bool written = block.failed || fwrite(text_str(&block), 1, block.len, x->later) == block.len;
    x->out_of_memory = x->out_of_memory || block.failed;
    x->out_failed = x->out_failed || !written;
    text_deinit(&block);
    return true;
}

static void show_put_off(struct explain *x)
{
    char buffer[1 << 14];
    if (x->later == NULL) {
        return;
    }
    rewind(x->later);
    for (size_t n = fread(buffer, 1, sizeof buffer, x->later); n > 0;
         n = fread(buffer, 1, sizeof buffer, x->later)) {
        text_put(&x->out, buffer, n);
        flush_out(x);
    }
    fclose(x->later);
    x->later = NULL;
}

/* A failure replayed to the server that --to confirmed; shown right after its verdict. */
static void prove_it(struct explain *x, const struct transcript *t, const struct verdict *v)
{
    struct err err = { 0 };
    if (x->options->prove_to == NULL || !prove_wants(&x->prove, t, v)) {
        return;
    }
    flush_out(x);
    struct replay_options options = { .use_json = x->options->use_json,
                                      .style = x->style,
                                      .out = x->options->out };
    if (prove_run(&x->prove, t, v, &options, &err) != ST_OK) {
        complain(err.text);
        x->input_failed = true;
    }
}

static void publish(struct explain *x, const struct transcript *t, const struct verdict *v)
{
    if (v->outcome == OUTCOME_NONE) {
        return;
    }
    summary_add(x->summary, t, v);
    if (x->options->summary_only || !is_wanted(x, v)) {
        return;
    }
    progress_clear(&x->progress);
    if (x->options->use_json) {
        report_json(&x->out, t, v);
    } else if (v->outcome != OUTCOME_FAILED && put_off(x, t, v)) {
        return;
    } else {
        report_text(&x->out, t, v, &x->style);
    }
    prove_it(x, t, v);
    if (x->is_streaming || x->out.len >= OUT_FLUSH_BYTES) {
        flush_out(x);
    }
}

static void reach_verdict(struct explain *x, const struct transcript *t, struct verdict *out)
{
    struct judgements judged;
    if (judge(x->store, t, &judged, NULL) != ST_OK) {
        x->out_of_memory = true;
    }
    struct diagnose_context context = {
        .judgement = { judged.is_judged[0] ? &judged.of[0] : NULL,
                       judged.is_judged[1] ? &judged.of[1] : NULL },
        .trust_is_given = x509_store_trust(x->store) == X509_TRUST_FILES,
        .peers = x->peers,
        .gateways = x->options->gateways,
        .n_gateways = x->options->n_gateways,
    };
    arena_reset(&x->arena);
    diagnose(t, &context, &x->arena, out);
}

/* What other connections of the capture may still settle. */
static bool should_wait(const struct explain *x, const struct verdict *v)
{
    return !x->is_streaming && v->outcome == OUTCOME_FAILED && v->confidence != CONFIDENCE_CERTAIN;
}

static bool on_ended(void *arg, const struct transcript *t)
{
    struct explain *x = arg;
    struct verdict v;
    reach_verdict(x, t, &v);
    if (v.outcome == OUTCOME_NONE) {
        return false;
    }
    peers_learn(x->peers, t, &v);
    if (should_wait(x, &v)) {
        return true;
    }
    publish(x, t, &v);
    return false;
}

/* Judges the oldest held connection with what is known by now. */
static void release_oldest(struct explain *x)
{
    struct kept_connection *kept = held_pop(&x->held);
    const struct transcript *t = watcher_unfold(x->watcher, kept);
    if (t != NULL) {
        struct verdict v;
        reach_verdict(x, t, &v);
        publish(x, t, &v);
    }
    kept_connection_free(kept);
}

static void on_kept(void *arg, struct kept_connection *kept)
{
    struct explain *x = arg;
    if (!held_push(&x->held, kept)) {
        kept_connection_free(kept);
        x->out_of_memory = true;
    }
}

/* The transcript given to on_ended() is done with only when the frame is: then room is made. */
static void keep_bound(struct explain *x)
{
    while (x->held.bytes > HELD_LIMIT_BYTES) {
        release_oldest(x);
    }
}

/* --- reading --- */

static void on_keylog(void *arg, struct bytes text)
{
    struct explain *x = arg;
    struct err err = { 0 };
    if (keylog_add(x->keylog, text, &err) != ST_OK) {
        complain(err.text);
    }
}

static void report_end(struct explain *x, const char *name, const struct capture *c)
{
    static const char *const kinds[] = { "", "truncated", "corrupt" };
    const struct capture_end *end = capture_end(c);
    if (end->kind != CAPTURE_END_CLEAN) {
        progress_clear(&x->progress);
        fprintf(stderr, "handfast: %s: %s: %s\n", name, kinds[end->kind], end->reason);
        x->input_failed = true;
    }
}

static void report_unknown_links(struct explain *x, const char *name)
{
    struct watcher_stats stats = watcher_stats(x->watcher);
    if (stats.unknown_link_frames == 0) {
        return;
    }
    const char *link = link_type_name(stats.unknown_link_type);
    fprintf(stderr, "handfast: %s: %llu frames of link type %u (%s) cannot be read\n", name,
            (unsigned long long)stats.unknown_link_frames, stats.unknown_link_type,
            link == NULL ? "unknown" : link);
    x->input_failed = true;
}

static void report_drops(const char *name, const struct capture *c)
{
    struct capture_stats stats = capture_stats(c);
    if (stats.dropped > 0) {
        fprintf(stderr, "handfast: %s: the capture lost %llu packets; verdicts weigh that\n", name,
                (unsigned long long)stats.dropped);
    }
}

/* Now and then: what the capture says of itself, and how far it is read. */
static void look_up(struct explain *x)
{
    if (x->n_batches++ % BATCHES_PER_LOOK == 0) {
        struct capture_stats stats = capture_stats(x->capture);
        if (stats.dropped > 0) {
            watcher_note_drops(x->watcher);
        }
        progress_show(&x->progress, &stats, summary_n_handshakes(x->summary),
                      summary_n_failed(x->summary));
    }
}

static enum status read_frames(struct explain *x, struct capture *c, struct err *err)
{
    struct frame frames[BATCH_FRAMES];
    while (!interrupted && !x->out_failed) {
        size_t n = 0;
        enum capture_next got = capture_next_batch(c, frames, BATCH_FRAMES, &n, err);
        look_up(x);
        TRY(watcher_frames(x->watcher, frames, n, err));
        keep_bound(x);
        switch (got) {
        case CAPTURE_FRAME:
            break;
        case CAPTURE_IDLE:
            watcher_advance(x->watcher, clock_now_ns());
            keep_bound(x);
            flush_out(x);
            break;
        case CAPTURE_DONE:
            return ST_OK;
        case CAPTURE_FAILED:
            return err->status;
        }
    }
    return ST_OK;
}

static void end_capture(struct explain *x)
{
    watcher_finish(x->watcher);
    while (x->held.n > 0) {
        release_oldest(x);
    }
    flush_out(x);
}

static enum status read_capture(struct explain *x, struct capture *c, const char *name,
                                struct err *err)
{
    x->capture = c;
    x->is_streaming = capture_is_streaming(c);
    TRY(watcher_start_capture(x->watcher, name, err));
    enum status st = read_frames(x, c, err);
    end_capture(x);
    progress_clear(&x->progress);
    report_end(x, name, c);
    report_unknown_links(x, name);
    report_drops(name, c);
    return st;
}

static void read_input(struct explain *x, const char *path, bool is_interface)
{
    struct err err = { 0 };
    struct capture *c = NULL;
    struct capture_options options = {
        .secrets = { on_keylog, x },
        .filter = x->options->filter,
        .idle_ms = IDLE_MS,
    };
    enum status st = is_interface ? capture_open_live(path, &options, &c, &err)
                                  : capture_open(path, &options, &c, &err);
    if (st == ST_OK) {
        st = read_capture(x, c, path, &err);
    }
    if (st != ST_OK) {
        progress_clear(&x->progress);
        complain(err.text);
        x->input_failed = true;
        x->misused = st == ST_USAGE; /* a filter that does not compile: for all inputs alike */
    }
    capture_free(c);
}

/* --- setting up --- */

static enum status load_trust(struct explain *x, struct err *err)
{
    const struct explain_options *o = x->options;
    TRY(x509_store_new(&x->store, err));
    if (o->trust_system) {
        TRY(x509_store_add_system_trust(x->store, err));
    }
    for (size_t i = 0; i < o->n_trust_paths; i++) {
        TRY(x509_store_add_trust_opened(x->store, o->trust_paths[i], &o->password, err));
    }
    for (size_t i = 0; i < o->n_crls; i++) {
        TRY(x509_store_add_crl(x->store, o->crls[i], err));
    }
    return ST_OK;
}

static enum status load_keys(struct explain *x, struct err *err)
{
    TRY(keylog_new(&x->keylog, err));
    for (size_t i = 0; i < x->options->n_keylogs; i++) {
        size_t before = keylog_n_entries(x->keylog);
        TRY(keylog_add_file(x->keylog, x->options->keylogs[i], err));
        if (keylog_n_entries(x->keylog) == before) {
            fprintf(stderr, "handfast: %s: no secret of a key log in it\n", x->options->keylogs[i]);
        }
    }
    return ST_OK;
}

static enum status set_up(struct explain *x, struct err *err)
{
    x->arena.limit_bytes = VERDICT_LIMIT_BYTES;
    x->style = (struct report_style){ .use_colour = x->options->use_colour,
                                      .width = x->options->width,
                                      .asks_gateway = x->options->n_gateways == 0,
                                      .show_path = x->options->n_inputs > 1 };
    progress_init(&x->progress, x->options->show_progress);
    if (x->options->prove_to != NULL) {
        TRY(prove_start(&x->prove, x->options->prove_to, err));
    }
    TRY(load_trust(x, err));
    TRY(load_keys(x, err));
    x->peers = peers_new();
    x->summary = summary_new();
    if (x->peers == NULL || x->summary == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    struct watcher_options options = {
        .sink = { on_ended, on_kept, x },
        .keylog = x->keylog,
        .store = x->store,
    };
    return watcher_new(&options, &x->watcher, err);
}

static void tear_down(struct explain *x)
{
    if (x->later != NULL) {
        fclose(x->later);
    }
    watcher_free(x->watcher);
    held_deinit(&x->held);
    summary_free(x->summary);
    peers_free(x->peers);
    keylog_free(x->keylog);
    x509_store_free(x->store);
    arena_deinit(&x->arena);
    text_deinit(&x->out);
}

static void report_unproved(const struct prove *p)
{
    if (p->n_elsewhere > 0) {
        fprintf(stderr, "handfast: --prove: %zu failed connections to other servers not replayed\n",
                p->n_elsewhere);
    }
    if (p->n_left_out > 0) {
        fprintf(stderr, "handfast: --prove: %zu failures more not replayed: %d in one run\n",
                p->n_left_out, PROVE_MAX);
    }
}

static void put_hint(struct explain *x, const char *words)
{
    size_t width = x->style.width == 0 ? 100 : x->style.width;
    text_puts(&x->out, "\n  ");
    struct wrap w = wrap_start(&x->out, 2, 2, width);
    wrap_words(&w, bytes_of_str(words));
    wrap_end(&w);
}

/* Counts that leave their reader with a question are followed by the answer. */
static void put_hints(struct explain *x)
{
    struct watcher_stats stats = watcher_stats(x->watcher);
    struct text words = { 0 };
    uint64_t n = summary_n_unfinished(x->summary);
    if (summary_n_handshakes(x->summary) == 0) {
        text_put_u64(&words, stats.frames);
        text_puts(&words, stats.frames == 1 ? " packet was read, " : " packets were read, ");
        text_put_u64(&words, stats.tcp_packets);
        text_puts(&words, " of TCP and ");
        text_put_u64(&words, stats.udp_packets);
        text_puts(&words, " of UDP, and no TLS handshake begins in any. Are these the port and the "
                          "time, and were packets kept whole (`tcpdump -s 0`)? A connection "
                          "without any TLS in it counts where its port is one of TLS, such as "
                          "443 or 8443.");
    } else if (n > 0 && !x->options->summary_only && x->options->only != EXPLAIN_ALL) {
        text_puts(&words, "What is known of unfinished handshakes: `--only all`.");
    }
    if (words.len > 0) {
        put_hint(x, text_str(&words));
    }
    text_deinit(&words);
}

static void finish(struct explain *x)
{
    progress_clear(&x->progress);
    report_unproved(&x->prove);
    show_put_off(x);
    /* Of a file that could not be read no counts are known: the error on stderr says it all. */
    if (x->options->use_json && x->options->summary_only) {
        summary_json(&x->out, x->summary);
    } else if (!x->options->use_json &&
               (!x->input_failed || summary_n_handshakes(x->summary) > 0)) {
        summary_text(&x->out, x->summary, &x->style);
        put_hints(x);
    }
    flush_out(x);
    if (x->out_failed && errno != EPIPE) { /* a reader that had enough is no news */
        fprintf(stderr, "handfast: output: %s\n", strerror(errno));
    }
    x->out_of_memory = x->out_of_memory || x->arena.failed || summary_is_incomplete(x->summary) ||
                       watcher_stats(x->watcher).out_of_memory;
    if (x->out_of_memory) {
        complain("no memory: verdicts may be missing or lack evidence");
    }
}

static int exit_code_of(const struct explain *x)
{
    if (x->misused) {
        return EXIT_USAGE;
    }
    if (x->input_failed || x->out_failed || x->out_of_memory) {
        return EXIT_INPUT;
    }
    return summary_n_failed(x->summary) > 0 ? EXIT_SOME_FAILED : EXIT_NOTHING_FAILED;
}

static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: a wait must end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* noticed where it is written */
}

int explain_run(const struct explain_options *options)
{
    struct explain x = { .options = options };
    struct err err = { 0 };
    catch_signals();
    if (set_up(&x, &err) != ST_OK) {
        complain(err.text);
        tear_down(&x);
        return err.status == ST_USAGE ? EXIT_USAGE : EXIT_INPUT;
    }
    if (options->interface != NULL) {
        read_input(&x, options->interface, true);
    }
    for (size_t i = 0; i < options->n_inputs && !interrupted && !x.out_failed && !x.misused; i++) {
        read_input(&x, options->inputs[i], false);
    }
    if (!x.misused) {
        finish(&x);
    }
    int code = exit_code_of(&x);
    tear_down(&x);
    return code;
}
