#include "diagnose/judge.h"

#include "base/clock.h"
#include "base/text.h"

enum { VERIFY_PARTIAL_CHAIN = 0x80000 }; /* X509_V_FLAG_PARTIAL_CHAIN */

/* A client that knows its server by address sends no name (RFC 6066 section 3). From inside we know
 * the address: one that verifies, is content with the chain, and then leaves without a word may
 * have compared it with the certificate by itself, as curl does. */
static const char *host_of(const struct transcript *t, struct text *address)
{
    const struct local_facts *l = t->local;
    const char *asked = l == NULL || l->side != SIDE_CLIENT ? NULL
                        : local_refused_name(l) != NULL     ? l->refused_name
                                                            : l->checked_host;
    if (asked != NULL && asked[0] != '.') { /* of a whole domain: X509_check_host(3) */
        return asked;
    }
    bool is_asked = l != NULL && l->side == SIDE_CLIENT && t->server_name == NULL &&
                    l->checked_host == NULL && t->server.family != 0;
    /* Node verifies by itself, and its request is on its way by then. */
    bool verifies =
        l != NULL && (l->verify_mode != 0 || t->side[SIDE_CLIENT].sent_application_data);
    bool has_left = is_asked && l->is_done && l->verify_result == 0 && verifies &&
                    !t->side[SIDE_SERVER].sent_application_data;
    if (!has_left) {
        return t->server_name;
    }
    endpoint_put_host(address, &t->server);
    return address->failed ? t->server_name : text_str(address);
}

/* The program that verifies this side's chain takes any certificate of its trust store as an
 * anchor. */
static bool takes_partial_chains(const struct transcript *t, enum side side)
{
    return t->local != NULL && t->local->side != side &&
           (t->local->verify_flags & VERIFY_PARTIAL_CHAIN) != 0;
}

enum status judge(struct x509_store *store, const struct transcript *t, struct judgements *out,
                  struct err *err)
{
    enum status st = ST_OK;
    struct text address = { 0 };
    const char *host = host_of(t, &address);
    for (int s = 0; s < 2; s++) {
        const struct side_facts *side = &t->side[s];
        out->is_judged[s] = false;
        if (side->chain == NULL) {
            continue;
        }
        struct x509_question question = {
            .purpose = s == SIDE_SERVER ? X509_FOR_SERVER : X509_FOR_CLIENT,
            .host = s == SIDE_SERVER ? host : NULL,
            .at_s = side->certificate_event->when.at_ns / NS_PER_S,
            .ocsp_response = side->ocsp_response,
            .partial_chain = takes_partial_chains(t, (enum side)s),
        };
        enum status judged = x509_judge(store, side->chain, &question, &out->of[s], err);
        out->is_judged[s] = judged == ST_OK;
        st = judged == ST_OK ? st : judged;
    }
    text_deinit(&address);
    return st;
}
