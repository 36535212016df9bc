#include "diagnose/judge.h"

#include "base/clock.h"

enum status judge(struct x509_store *store, const struct transcript *t, struct judgements *out,
                  struct err *err)
{
    enum status st = ST_OK;
    for (int s = 0; s < 2; s++) {
        const struct side_facts *side = &t->side[s];
        out->is_judged[s] = false;
        if (side->chain == NULL) {
            continue;
        }
        struct x509_question question = {
            .purpose = s == SIDE_SERVER ? X509_FOR_SERVER : X509_FOR_CLIENT,
            .host = s == SIDE_SERVER ? t->server_name : NULL,
            .at_s = side->certificate_event->when.at_ns / NS_PER_S,
            .ocsp_response = side->ocsp_response,
        };
        enum status judged = x509_judge(store, side->chain, &question, &out->of[s], err);
        out->is_judged[s] = judged == ST_OK;
        st = judged == ST_OK ? st : judged;
    }
    return st;
}
