#include "diagnose/findings.h"

#include <inttypes.h>

#include "base/clock.h"
#include "tls/names.h"

#define DAY_S  INT64_C(86400)
#define SOON_S (30 * DAY_S)

static void certificate_faults(struct judging *j, enum side owner)
{
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    if (judgement == NULL) {
        return;
    }
    for (size_t i = 0; i < judgement->n_faults; i++) {
        const struct x509_fault *fault = &judgement->faults[i];
        add_finding(j, x509_fault_id(fault->kind), cause_of_fault(fault->kind),
                    actor_of_side(owner), "%s", fault->detail);
    }
    int64_t at_s = j->t->side[owner].certificate_event->when.at_ns / NS_PER_S;
    int64_t left_s = judgement->valid_until_s - at_s;
    if (judgement->n_faults == 0 && left_s >= 0 && left_s < SOON_S) {
        add_finding(j, "certificate-expires-soon", CAUSE_NONE, actor_of_side(owner),
                    "the %s's certificate expires within %" PRId64 " days", side_name(owner),
                    left_s / DAY_S + 1);
    }
}

static void obsolete(struct judging *j)
{
    const struct transcript *t = j->t;
    const char *version = tls_version_name(t->version);
    if (!t->is_dtls && t->version != 0 && t->version < 0x0303 && version != NULL) {
        add_finding(j, "obsolete-version", CAUSE_NONE, ACTOR_NONE, "%s is obsolete (RFC 8996)",
                    version);
    }
    if (t->server_hello != NULL && tls_cipher_suite_is_weak(t->cipher_suite)) {
        const char *suite = tls_cipher_suite_name(t->cipher_suite);
        add_finding(j, "weak-cipher-suite", CAUSE_NONE, ACTOR_NONE, "%s is below today's floor",
                    suite == NULL ? "the cipher suite" : suite);
    }
}

static void abandoned(struct judging *j)
{
    const struct transcript *t = j->t;
    bool said_nothing =
        !t->side[SIDE_CLIENT].sent_application_data && !t->side[SIDE_SERVER].sent_application_data;
    if (j->view->stage == STAGE_OVER && j->view->end != NULL && said_nothing) {
        add_finding(j, "abandoned", CAUSE_NONE, ACTOR_NONE,
                    "%s right after the handshake, without application data", end_words(j));
    }
}

void findings(struct judging *j)
{
    certificate_faults(j, SIDE_SERVER);
    certificate_faults(j, SIDE_CLIENT);
    obsolete(j);
    abandoned(j);
}
