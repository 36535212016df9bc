/* Any bytes as a file given to check: read, judged, put into words and JSON; it ends, and what it
 * says holds together. The bytes are also the trust store of half of the runs, so that paths are
 * found. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/check_json.h"
#include "check/check_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAME_ROOM = 64, AT_S = 1780000000 };

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

/* Brackets and braces in balance outside of strings, one line, nothing that a terminal obeys. */
static void check_json_form(const struct text *t)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < t->len; i++) {
        char c = text_str(t)[i];
        promise((unsigned char)c >= 0x20 || (c == '\n' && i + 1 == t->len),
                "one line, no controls");
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            depth++;
        } else if (!in_string && (c == '}' || c == ']')) {
            promise(depth > 0, "no bracket closed that is not open");
            depth--;
        }
    }
    promise(depth == 0 && !in_string && t->len > 2, "JSON is whole");
}

static void check_item(const struct check_item *item)
{
    const struct check_detail *d = item->detail;
    if (item->role != CHECK_CHAIN || d == NULL) {
        return;
    }
    promise(item->is_acceptable == (d->judgement.n_faults == 0), "acceptable is without a fault");
    promise(item->sentence[0] != '\0', "a verdict in words");
    for (size_t i = 0; i < d->judgement.n_faults; i++) {
        promise(d->judgement.faults[i].culprit < (int)x509_chain_n(d->certs), "a culprit is there");
    }
    for (size_t i = 0; i < d->n_findings; i++) {
        promise(d->findings[i].at < (int)x509_chain_n(d->certs), "a finding is of something");
        promise(d->findings[i].text[0] != '\0', "a finding in words");
    }
}

static void check_result(const struct check_result *r)
{
    struct text out = { 0 };
    const struct check_style style = { .width = 80 };
    for (size_t i = 0; i < r->n_items; i++) {
        check_item(r->items[i]);
    }
    check_json(&out, r);
    promise(!out.failed, "memory for JSON");
    check_json_form(&out);
    text_clear(&out);
    check_text(&out, r, &style);
    for (size_t i = 0; i < out.len; i++) {
        promise(text_str(&out)[i] != '\033', "no escapes in text");
    }
    text_deinit(&out);
}

static void run(const char *path, bool is_trusted, unsigned as)
{
    const char *const paths[] = { path };
    struct check_result *r = NULL;
    struct err err = { 0 };
    struct check_request rq = { .inputs = { paths, 1 },
                                .trust = { paths, is_trusted ? 1 : 0 },
                                .trust_is_given = true,
                                .host = "a.test",
                                .at_s = AT_S,
                                .warn_days = CHECK_WARN_DAYS,
                                .partial_chain = true,
                                .profile = X509_PROFILE_CAREFUL,
                                .as = as,
                                .password = { .given = "changeit" } };
    enum status st = check_run(&rq, &r, &err);
    promise((st == ST_OK) == (r != NULL), "a result or an error");
    promise(st == ST_OK || (is_trusted && err.text[0] != '\0'), "only a trust store is an error");
    if (r != NULL) {
        check_result(r);
        check_result_free(r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[NAME_ROOM];
    int fd = memfd_create("check", MFD_CLOEXEC);
    promise(fd >= 0, "a file in memory");
    promise(size == 0 || write(fd, data, size) == (ssize_t)size, "its bytes");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    run(path, false, 0);
    run(path, true, 1U << VERIFIER_JAVA | 1U << VERIFIER_GO);
    close(fd);
    return 0;
}
