#include "gateway/verdict_event.h"

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/report.h"
#include "tls/fingerprint.h"
#include "x509/pem.h"

enum { CHAIN_SENT_MAX = 16, AUTHORITIES_MAX = 64, NAME_BYTES_MAX = 1024, TEXT_COLUMNS = 100 };

static const char *or_empty(const char *s)
{
    return s == NULL ? "" : s;
}

static const char *label_of(const struct story *s, enum note_fact fact)
{
    return or_empty(story_annotation(s, fact));
}

enum direction verdict_direction(const struct story *s)
{
    const char *said = story_annotation(s, FACT_DIRECTION);
    if (said != NULL && strcmp(said, "southbound") == 0) {
        return DIRECTION_SOUTHBOUND;
    }
    if (said != NULL && strcmp(said, "northbound") == 0) {
        return DIRECTION_NORTHBOUND;
    }
    return s->local.side == SIDE_SERVER ? DIRECTION_NORTHBOUND : DIRECTION_SOUTHBOUND;
}

/* --- hints --- */

static void put_base64(struct json *j, struct bytes der)
{
    unsigned char out[(NAME_BYTES_MAX + 2) / 3 * 4 + 1];
    if (der.len > 0 && der.len <= NAME_BYTES_MAX) {
        (void)EVP_EncodeBlock(out, der.p, (int)der.len);
        json_str(j, NULL, (const char *)out);
    }
}

static void put_authorities(struct json *j, const struct transcript *t)
{
    struct bytes name;
    size_t n = 0;
    json_array(j, "certificate_authorities");
    if (t->certificate_request != NULL) {
        struct bytes rest = t->certificate_request->authorities;
        while (n++ < AUTHORITIES_MAX && tls_authority_next(&rest, &name)) {
            put_base64(j, name);
        }
    }
    json_end_array(j);
}

static void put_labels(struct json *j, const struct story *s)
{
    json_object(j, "labels");
    for (size_t i = 0; i < s->n_labels; i++) {
        const char *label = s->labels[i];
        const char *sign = label == NULL ? NULL : strchr(label, '=');
        struct text name = { 0 };
        if (sign != NULL) {
            text_put(&name, label, (size_t)(sign - label));
            json_str(j, text_str(&name), sign + 1);
        }
        text_deinit(&name);
    }
    json_end_object(j);
}

static void put_known_of(struct json *j, const struct judged *judged,
                         const struct known_certificates *known, enum side side)
{
    const struct x509_chain *chain = judged->t->side[side].chain;
    size_t n = chain == NULL ? 0 : x509_chain_n(chain);
    for (size_t i = 0; i < n && i < CHAIN_SENT_MAX; i++) {
        const char *sha256 = x509_chain_facts(chain, i)->sha256_hex;
        const struct known_certificate *at = NULL;
        while ((at = known_certificates_find(known, label_of(&judged->story, FACT_ORG),
                                             label_of(&judged->story, FACT_ENV), sha256, at)) !=
               NULL) {
            json_object(j, NULL);
            json_str(j, "side", side_name(side));
            json_u64(j, "index", i);
            json_str(j, "keystore", at->keystore);
            json_str(j, "alias", at->alias);
            json_end_object(j);
        }
    }
}

static void put_hints(struct text *out, const struct judged *judged,
                      const struct known_certificates *known)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    put_authorities(&j, judged->t);
    json_str(&j, "checked_host", judged->story.local.checked_host);
    put_labels(&j, &judged->story);
    json_array(&j, "known");
    if (known != NULL) {
        put_known_of(&j, judged, known, SIDE_CLIENT);
        put_known_of(&j, judged, known, SIDE_SERVER);
    }
    json_end_array(&j);
    json_end_object(&j);
}

/* --- the row --- */

static void put_endpoint(struct text *out, const struct endpoint *e)
{
    if (e->family != 0) {
        endpoint_put(out, e);
    }
}

/* What the peer sent, for whoever wants to trust it, or to look at it. */
static void put_chain(struct text *out, const struct judged *j)
{
    const struct x509_chain *chain = j->t->side[side_other(j->story.local.side)].chain;
    size_t n = chain == NULL ? 0 : x509_chain_n(chain);
    for (size_t i = 0; i < n && i < CHAIN_SENT_MAX; i++) {
        x509_pem_put(out, x509_chain_der(chain, i));
    }
}

static void put_ja4(struct text *out, const struct transcript *t)
{
    char ja4[TLS_JA4_BYTES];
    if (t->hello != NULL && tls_ja4(t->hello, TLS_OVER_TCP, ja4)) {
        text_puts(out, ja4);
    }
}

static bool put_texts(struct verdict_texts *x, struct judged *j,
                      const struct known_certificates *known)
{
    struct text *all[] = { &x->client, &x->server, &x->json, &x->report,
                           &x->chain,  &x->hints,  &x->ja4 };
    const struct report_style style = { .width = TEXT_COLUMNS };
    bool is_whole = true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        text_clear(all[i]);
    }
    put_endpoint(&x->client, &j->t->client);
    put_endpoint(&x->server, &j->t->server);
    report_json(&x->json, j->t, &j->verdict);
    report_text(&x->report, j->t, &j->verdict, &style);
    put_chain(&x->chain, j);
    put_hints(&x->hints, j, known);
    put_ja4(&x->ja4, j->t);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        is_whole = is_whole && !all[i]->failed;
    }
    return is_whole;
}

bool verdict_event(struct judged *j, const struct known_certificates *known,
                   struct verdict_texts *texts, struct kept_event *out)
{
    struct verdict *v = &j->verdict;
    const struct story *s = &j->story;
    v->direction = verdict_direction(s);
    if (!put_texts(texts, j, known)) {
        return false;
    }
    *out = (struct kept_event){ .id = label_of(s, FACT_ID),
                                .at_ms = s->first_ns / NS_PER_MS,
                                .direction = direction_id(v->direction),
                                .org = label_of(s, FACT_ORG),
                                .env = label_of(s, FACT_ENV),
                                .virtual_host = label_of(s, FACT_VHOST),
                                .target = label_of(s, FACT_TARGET),
                                .api = label_of(s, FACT_API),
                                .revision = label_of(s, FACT_REVISION),
                                .client = text_str(&texts->client),
                                .server = text_str(&texts->server),
                                .server_name = or_empty(j->t->server_name),
                                .outcome = or_empty(outcome_id(v->outcome)),
                                .cause = or_empty(cause_id(v->cause)),
                                .detail = or_empty(v->detail),
                                .rejected_by = or_empty(actor_id(v->rejected_by)),
                                .party = or_empty(actor_id(v->party)),
                                .confidence = or_empty(confidence_id(v->confidence)),
                                .sentence = or_empty(v->sentence),
                                .ja4 = text_str(&texts->ja4),
                                .n_times = 1,
                                .json = text_str(&texts->json),
                                .text = text_str(&texts->report),
                                .chain = text_str(&texts->chain),
                                .hints = text_str(&texts->hints) };
    return true;
}

void verdict_texts_deinit(struct verdict_texts *x)
{
    struct text *all[] = { &x->client, &x->server, &x->json, &x->report,
                           &x->chain,  &x->hints,  &x->ja4 };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        text_deinit(all[i]);
    }
}
