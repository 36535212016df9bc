#include "diagnose/answer.h"

#include <inttypes.h>

#include "base/clock.h"
#include "tls/hello.h"
#include "tls/names.h"

/* clang-format off: a table reads by columns */
static const struct row {
    const char *detail, *words;
} rows[N_ANSWER_ERRORS] = {
    [ANSWER_LATE] = { "answer-timeout",
                      "sent the request, and no answer came in the time allowed for it" },
    [ANSWER_REQUEST_LATE] = { "request-timeout",
                              "could not send the whole request in the time allowed for it: the "
                              "server stopped reading" },
    [ANSWER_CLOSED] = { "closed-before-answer",
                        "sent the request, and the server closed the connection before it had "
                        "answered" },
    [ANSWER_NOT_HTTP] = { "answer-not-http",
                          "sent the request, and what came back is no answer in HTTP" },
    [ANSWER_PROCESSOR_LATE] = { "message-processor-timeout",
                                "passed the request on, and its Message Processor had not answered "
                                "in the time allowed for it" },
};
/* clang-format on */

static const char *or_unknown(const char *name)
{
    return name == NULL ? "unknown" : name;
}

/* In TLS 1.3 the client is through before the server has looked at its certificate (RFC 8446 2),
 * and a reset may overtake the alert that would tell what came of it. */
static void add_refusals(struct judging *j)
{
    j->v->confidence = CONFIDENCE_PROBABLE;
    add_alternative(j, CAUSE_CERTIFICATE_REJECTED, CONFIDENCE_POSSIBLE,
                    "a server of TLS 1.3 looks at a client certificate after the client is through "
                    "with the handshake, and may refuse it by closing");
    add_alternative(j, CAUSE_CLIENT_CERTIFICATE_MISSING, CONFIDENCE_POSSIBLE,
                    "a server of TLS 1.3 that requires a client certificate may close when it has "
                    "seen that none came");
}

void answer_trouble(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    const struct row *row = &rows[l->answer_error];
    const char *us = l->called == NULL ? "the program" : l->called;
    int64_t ms = (j->t->last.at_ns - j->t->first.at_ns) / NS_PER_MS;
    j->v->detail = row->detail;
    j->v->confidence = CONFIDENCE_CERTAIN;
    if (l->answer_error == ANSWER_CLOSED && l->is_done && tls_is_tls13(l->answer_version)) {
        add_refusals(j);
    }
    if (l->answer_error == ANSWER_PROCESSOR_LATE) {
        say(j, "The way to the backend is not known: the Router %s (%" PRId64 " ms).", row->words,
            ms);
    } else if (l->is_done) {
        say(j, "The handshake went well (%s, %s). Then %s %s (after %" PRId64 " ms).",
            or_unknown(tls_version_name(l->answer_version)),
            or_unknown(tls_cipher_suite_name(l->answer_suite)), us, row->words, ms);
    } else {
        say(j, "There was no handshake: TLS is off here. %c%s %s (after %" PRId64 " ms).",
            us[0] == 't' ? 'T' : us[0], us + 1, row->words, ms);
    }
}
