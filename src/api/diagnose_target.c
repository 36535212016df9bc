#include <stdlib.h>
#include <string.h>

#include "api/diagnosis.h"
#include "api/event_json.h"
#include "api/fix_call.h"
#include "gateway/known_certificates.h"
#include "gateway/known_names.h"
#include "gateway/verdict_event.h"

/* What a trial showed. */
struct seen {
    struct trial trial;
    struct judging *judging;
    struct judged judged;
    struct known_names names;
    struct known_certificates *known;
    struct verdict_texts texts;
    struct kept_event event;
    bool has_event;
};

static void seen_deinit(struct seen *s)
{
    judging_free(s->judging);
    known_certificates_free(s->known);
    verdict_texts_deinit(&s->texts);
    trial_deinit(&s->trial);
    *s = (struct seen){ 0 };
}

json_t *diagnosis_finding(const char *id, const char *sentence)
{
    return json_pack("{s:s, s:s}", "id", id, "sentence", sentence);
}

void diagnosis_deinit(struct diagnosis *d)
{
    json_decref(d->answer);
    *d = (struct diagnosis){ 0 };
}

static const char *keep(struct api_request *r, const char *text)
{
    const char *copy = arena_strndup(r->arena, text, strlen(text));
    return copy == NULL ? "no memory" : copy;
}

/* --- trying --- */

static enum status busy(struct api_answer *a)
{
    a->retry_after_s = 5;
    return api_refuse(a, 503, "diagnosis.Busy",
                      "%d diagnoses are being made already; try again in a moment", TRIALS_MAX);
}

static enum status judge_note(struct api_request *r, const json_t *document, struct seen *s,
                              struct err *err)
{
    static const uint8_t no_key[NOTE_KEY_BYTES];
    if (s->trial.note == NULL) {
        return ST_OK;
    }
    TRY(judging_new(&s->judging, err));
    TRY(known_certificates_new(r->places->store, &s->known, err));
    known_certificates_refresh(s->known);
    struct known_issuers issuers = { s->known, api_param(r, "o"), api_param(r, "e") };
    if (judging_open(s->judging, bytes_of(s->trial.note, s->trial.note_len), no_key, &s->judged)) {
        known_names_find(r->store, &s->judged.story, document, &s->names);
        s->judged.find_issuer = known_certificates_issuer;
        s->judged.issuer_arg = &issuers;
        s->has_event = judging_reach(s->judging, &s->judged) &&
                       verdict_event(&s->judged, NULL, &s->texts, &s->event);
    }
    return ST_OK;
}

/* ST_USAGE: the configuration cannot even be tried. */
static enum status try_it(struct api_request *r, const struct trial_settings *settings,
                          const json_t *document, struct api_answer *a, struct seen *s,
                          struct err *err)
{
    switch (trial_run(settings, &s->trial, err)) {
    case TRIAL_BUSY:
        return busy(a);
    case TRIAL_FAILED:
        return err->status;
    case TRIAL_DONE:
        break;
    }
    return judge_note(r, document, s, err);
}

/* --- what is said of it --- */

static void set_calls(json_t *answer, struct fix_calls *calls)
{
    json_object_set(answer, "fix", calls->fix == NULL ? json_null() : calls->fix);
    json_object_set(answer, "workaround",
                    calls->workaround == NULL ? json_null() : calls->workaround);
    fix_calls_deinit(calls);
}

/* An answer of the same members as one with a verdict. */
static enum status say_without(struct api_request *r, struct diagnosis *out, const char *cause,
                               const char *sentence)
{
    out->sentence = keep(r, sentence);
    out->answer = json_pack("{s:b, s:s, s:s?, s:s, s:n, s:n, s:n, s:[o]}", "isGood", out->is_good,
                            "outcome", out->is_good ? "completed" : "failed", "cause", cause,
                            "sentence", sentence, "verdict", "fix", "workaround", "findings",
                            diagnosis_finding(cause == NULL ? "configuration" : cause, sentence));
    return out->answer == NULL ? ST_NOMEM : ST_OK;
}

static const char *cause_of_connection(const char *why)
{
    if (strstr(why, "refused") != NULL) {
        return "connection-refused";
    }
    return strstr(why, "time") != NULL ? "connection-timeout" : NULL;
}

/* We know what we thought of it, where a verdict has to conclude it from how we left. */
static void call_it_good(struct kept_event *e)
{
    if (strcmp(e->outcome, "completed") != 0) {
        e->outcome = "completed";
        e->cause = e->detail = e->rejected_by = e->party = "";
        e->json = e->text = "";
    }
    e->sentence = "The handshake is completed: the backend is accepted, and accepts.";
}

/* That the trial ended it behind the handshake, and that nobody here can judge the certificate
 * which we showed and the backend took, are not findings. */
static json_t *findings_of(const json_t *verdict, bool is_good)
{
    const json_t *all = json_object_get(verdict, "finding_details");
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *one = json_array_get(all, i);
        const char *id = json_string_value(json_object_get(one, "id"));
        const char *party = json_string_value(json_object_get(one, "party"));
        bool is_of_trial = id != NULL && strcmp(id, "abandoned") == 0;
        bool is_taken = is_good && party != NULL && strcmp(party, "client") == 0 && id != NULL &&
                        (strcmp(id, "certificate-untrusted-ca") == 0 ||
                         strcmp(id, "certificate-self-signed") == 0);
        if (!is_of_trial && !is_taken) {
            json_array_append(out, one);
        }
    }
    return out;
}

static enum status say_verdict(struct api_request *r, struct seen *s, const json_t *document,
                               struct diagnosis *out)
{
    struct fix_calls calls = { 0 };
    out->is_good = s->trial.is_good;
    if (out->is_good) {
        call_it_good(&s->event);
    }
    json_t *verdict = event_parse(s->event.json);
    out->sentence = keep(r, s->event.sentence);
    out->answer = event_json(&s->event);
    json_object_del(out->answer, "number");
    json_object_del(out->answer, "id");
    json_object_del(out->answer, "count");
    json_object_del(out->answer, "lastSeen");
    json_object_set_new(out->answer, "isGood", json_boolean(out->is_good));
    json_object_set_new(out->answer, "findings", findings_of(verdict, out->is_good));
    json_object_set_new(out->answer, "verdict", verdict);
    json_object_set_new(out->answer, "text", json_string(s->event.text));
    json_object_set_new(out->answer, "peerCertificates", json_string(s->event.chain));
    if (!out->is_good) {
        fix_calls_of(r->store, &s->event, document, r->arena, &calls);
    }
    set_calls(out->answer, &calls);
    return out->answer == NULL ? ST_NOMEM : ST_OK;
}

static void add_hint(struct api_request *r, struct kept_event *e, const char *name,
                     const char *value)
{
    json_t *hints = event_parse(e->hints);
    json_t *all = json_is_object(hints) ? json_incref(hints) : json_object();
    json_object_set_new(all, name, json_string(value));
    char *text = json_dumps(all, JSON_COMPACT);
    e->hints = text == NULL ? e->hints : keep(r, text);
    free(text);
    json_decref(all);
    json_decref(hints);
}

/* Which protocol the backend speaks, as the target server would name it: in the hints, for the fix.
 */
static void learn_protocol(struct api_request *r, const struct trial_settings *settings,
                           struct api_answer *a, struct seen *s)
{
    static const char *const names[][2] = { { "TLS 1.3", "TLSv1.3" },
                                            { "TLS 1.2", "TLSv1.2" },
                                            { "TLS 1.1", "TLSv1.1" },
                                            { "TLS 1.0", "TLSv1" } };
    struct trial_settings any = { .host = settings->host,
                                  .port = settings->port,
                                  .sends_name = settings->sends_name,
                                  .verify = TRIAL_VERIFY_OFF,
                                  .name = settings->name,
                                  .ciphers = "ALL:@SECLEVEL=0" };
    struct seen second = { 0 };
    struct err err = { 0 };
    if (try_it(r, &any, NULL, a, &second, &err) == ST_OK && second.has_event) {
        json_t *verdict = event_parse(second.event.json);
        const char *version = json_string_value(json_object_get(verdict, "version"));
        for (size_t i = 0; version != NULL && i < ARRAY_LEN(names); i++) {
            if (strcmp(version, names[i][0]) == 0) {
                add_hint(r, &s->event, "speaks", names[i][1]);
            }
        }
        json_decref(verdict);
    }
    seen_deinit(&second);
}

static enum status say_trial(struct api_request *r, struct api_answer *a,
                             const struct trial_settings *settings, struct seen *s,
                             const json_t *document, struct diagnosis *out)
{
    if (!s->trial.is_connected) {
        out->is_unreached = true;
        return say_without(r, out, cause_of_connection(s->trial.why), s->trial.why);
    }
    if (!s->has_event) {
        return say_without(r, out, "undetermined", "the connection stood, and nothing was seen");
    }
    if (strcmp(s->event.cause, "protocol-mismatch") == 0) {
        learn_protocol(r, settings, a, s);
        if (api_refused(a)) {
            return ST_OK;
        }
    }
    return say_verdict(r, s, document, out);
}

static void set_tls_on(struct api_request *r, const struct target_server *t, const json_t *document,
                       struct diagnosis *out)
{
    struct fix_calls calls = { 0 };
    struct kept_event event = { .direction = "southbound",
                                .org = api_param(r, "o"),
                                .env = api_param(r, "e"),
                                .target = t->name,
                                .cause = "plaintext-client",
                                .party = "",
                                .json = "",
                                .chain = "",
                                .hints = "" };
    fix_calls_of(r->store, &event, document, r->arena, &calls);
    set_calls(out->answer, &calls);
}

/* TLS is off: what listens there may want it all the same. */
static enum status diagnose_plain(struct api_request *r, struct api_answer *a,
                                  const struct target_server *t, const json_t *document,
                                  struct diagnosis *out, struct err *err)
{
    struct seen s = { 0 };
    struct trial_settings any = { .host = t->host,
                                  .port = t->port.value,
                                  .verify = TRIAL_VERIFY_OFF,
                                  .sends_name = true,
                                  .name = t->host,
                                  .ciphers = "ALL:@SECLEVEL=0",
                                  .direction = "southbound" };
    enum status st = try_it(r, &any, document, a, &s, err);
    if (st != ST_OK || api_refused(a)) {
        seen_deinit(&s);
        return st;
    }
    bool speaks_tls = s.trial.is_good;
    out->is_good = s.trial.is_connected && !speaks_tls;
    if (!s.trial.is_connected) {
        st = say_without(r, out, cause_of_connection(s.trial.why), s.trial.why);
    } else {
        st = say_without(r, out, speaks_tls ? "plaintext-client" : NULL,
                         speaks_tls ? "the backend speaks TLS on that port, and TLS is off: set "
                                      "sSLInfo.enabled to true"
                                    : "TLS is off, and the backend speaks none on that port");
    }
    if (speaks_tls && st == ST_OK) {
        set_tls_on(r, t, document, out);
    }
    seen_deinit(&s);
    return st;
}

static enum status diagnose_tls(struct api_request *r, struct api_answer *a,
                                const struct target_trial *trial, struct diagnosis *out,
                                struct err *err)
{
    struct seen s = { 0 };
    if (trial->why != NULL) {
        return say_without(r, out, NULL, trial->why);
    }
    enum status st = try_it(r, &trial->set.settings, trial->document, a, &s, err);
    if (st == ST_USAGE) {
        st = say_without(r, out, NULL, err->text);
    } else if (st == ST_OK && !api_refused(a)) {
        st = say_trial(r, a, &trial->set.settings, &s, trial->document, out);
    }
    seen_deinit(&s);
    return st;
}

/* --- in two steps, and in one --- */

enum status target_trial_set(struct api_request *r, struct target_trial *trial, struct err *err)
{
    if (!target_server_is_tls(trial->t)) {
        return ST_OK;
    }
    struct trial_request request = { .store = r->store,
                                     .places = r->places,
                                     .org = api_param(r, "o"),
                                     .env = api_param(r, "e"),
                                     .target = trial->t,
                                     .arena = r->arena,
                                     .api = trial->api,
                                     .revision = trial->revision,
                                     .endpoint = trial->endpoint };
    enum status st = trial_of_target(&request, &trial->set, err);
    if (st == ST_USAGE) {
        trial->why = keep(r, err->text);
    }
    return st == ST_USAGE ? ST_OK : st;
}

enum status diagnose_trial(struct api_request *r, struct api_answer *a,
                           const struct target_trial *trial, struct diagnosis *out, struct err *err)
{
    *out = (struct diagnosis){ 0 };
    return target_server_is_tls(trial->t)
               ? diagnose_tls(r, a, trial, out, err)
               : diagnose_plain(r, a, trial->t, trial->document, out, err);
}

void target_trial_deinit(struct target_trial *trial)
{
    trial_of_target_deinit(&trial->set);
}

enum status diagnose_target(struct api_request *r, struct api_answer *a,
                            const struct target_server *t, const json_t *document,
                            struct diagnosis *out, struct err *err)
{
    struct target_trial trial = { .t = t, .document = document };
    *out = (struct diagnosis){ 0 };
    enum status st = target_trial_set(r, &trial, err);
    if (st == ST_OK) {
        st = diagnose_trial(r, a, &trial, out, err);
    }
    target_trial_deinit(&trial);
    return st;
}
