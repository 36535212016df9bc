/*
 * The command line that asks the same question again, as a person would type it: for the steps that
 * tell what to run once something is mended.
 */
#include "base/clock.h"
#include "check/engine.h"

enum { WORDS_MAX = 600 };

/* What is too long to be typed is left to the reader. */
static const char *keep(struct check *c, struct text *t, const char *otherwise)
{
    const char *kept = t->len > WORDS_MAX ? NULL : arena_strndup(&c->arena, text_str(t), t->len);
    text_deinit(t);
    return kept == NULL ? otherwise : kept;
}

/* What a shell would read otherwise is quoted; what cannot be quoted plainly is left to the reader.
 */
void again_put_word(struct text *t, const char *word, const char *placeholder)
{
    bool is_plain = word[0] != '\0';
    bool can_quote = is_plain;
    for (const char *p = word; *p != '\0'; p++) {
        bool is_word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                       (*p >= '0' && *p <= '9') || strchr("._/-:,+@%", *p) != NULL;
        is_plain = is_plain && is_word;
        can_quote = can_quote && *p >= ' ' && *p <= '~' && *p != '\'' && *p != '`';
    }
    if (is_plain) {
        text_puts(t, word);
    } else {
        text_printf(t, can_quote ? "'%s'" : "%s", can_quote ? word : placeholder);
    }
}

static void put_option(struct text *t, const char *option, const char *word)
{
    text_printf(t, "--%s ", option);
    again_put_word(t, word, "WORD");
    text_putc(t, ' ');
}

static void put_options(struct text *t, const char *option, const struct check_words *words)
{
    for (size_t i = 0; i < words->n; i++) {
        put_option(t, option, words->p[i]);
    }
}

static void put_trust(struct text *t, const struct check_request *rq)
{
    if (rq->trust_is_given && rq->trust_system) {
        put_option(t, "trust", "system");
    } else if (rq->trust_is_given && rq->trust.n == 0) {
        put_option(t, "trust", "none");
    }
    put_options(t, "trust", &rq->trust);
}

static void put_purpose(struct text *t, const struct check_request *rq)
{
    static const char *const names[] = {
        [X509_FOR_SERVER] = "server", [X509_FOR_CLIENT] = "client", [X509_FOR_ANY] = "any"
    };
    if (rq->purpose_is_given) {
        put_option(t, "purpose", names[rq->purpose]);
    }
}

/* Each option ends with a space. A time that was asked for is not asked for again with captures:
 * what is mended is another handshake. */
const char *again_options(struct check *c)
{
    const struct check_request *rq = c->rq;
    struct text t = { 0 };
    put_trust(&t, rq);
    put_options(&t, "crl", &rq->crls);
    put_options(&t, "ocsp", &rq->ocsp);
    if (rq->host != NULL) {
        put_option(&t, "host", rq->host);
    }
    put_purpose(&t, rq);
    if (rq->at_is_given) {
        text_puts(&t, "--at ");
        clock_put(&t, rq->at_s * NS_PER_S, 0);
        text_putc(&t, ' ');
    }
    text_puts(&t, rq->partial_chain ? "" : "--no-partial-chain ");
    text_puts(&t, rq->profile == X509_PROFILE_TLS ? "--profile tls " : "");
    if (rq->starttls != DIAL_NO_STARTTLS) {
        put_option(&t, "starttls", dial_starttls_name(rq->starttls));
    }
    if (rq->connect_to != NULL) {
        put_option(&t, "connect", rq->connect_to);
    }
    return keep(c, &t, "[OPTION]... ");
}

const char *again_inputs(struct check *c)
{
    const struct check_words *words = &c->rq->inputs;
    struct text t = { 0 };
    for (size_t i = 0; i < words->n; i++) {
        text_puts(&t, i == 0 ? "" : " ");
        again_put_word(&t, words->p[i], "FILE");
    }
    return keep(c, &t, "FILE...");
}
