#include "diagnose/verdict.h"
#include "probe/survey_report.h"
#include "report/json_parts.h"
#include "tls/names.h"

typedef const char *(*name_of)(uint16_t value);

static void put_values(struct json *j, const char *key, const uint16_t *values, size_t n,
                       name_of name)
{
    json_array(j, key);
    for (size_t i = 0; i < n; i++) {
        json_code(j, NULL, name(values[i]), values[i]);
    }
    json_end_array(j);
}

static const char *order_id(enum survey_order order)
{
    switch (order) {
    case SURVEY_ORDER_UNKNOWN:
        return NULL;
    case SURVEY_ORDER_SERVER:
        return "server";
    case SURVEY_ORDER_CLIENT:
        return "client";
    }
    return NULL;
}

static void put_list(struct json *j, const char *key, const struct survey_list *l, name_of name)
{
    json_object(j, key);
    put_values(j, "accepted", l->accepted, l->n_accepted, name);
    json_str(j, "order", order_id(l->order));
    put_values(j, "uncertain", l->uncertain, l->n_uncertain, name);
    json_u64(j, "not_asked", l->n_not_asked);
    json_end_object(j);
}

static void put_versions(struct json *j, const struct survey_facts *f)
{
    json_array(j, "versions");
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        json_object(j, NULL);
        json_str(j, "version", tls_version_name(f->versions[i].version));
        json_str(j, "accepted", survey_answer_id(f->versions[i].answer));
        put_list(j, "cipher_suites", &f->versions[i].suites, tls_cipher_suite_name);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_certificate(struct json *j, const struct x509_facts *c)
{
    json_object(j, NULL);
    json_str(j, "subject", c->subject);
    json_str(j, "issuer", c->issuer);
    json_str(j, "sha256", c->sha256_hex);
    json_i64(j, "not_before", c->not_before_s);
    json_i64(j, "not_after", c->not_after_s);
    json_str(j, "key", c->key_type);
    json_u64(j, "key_bits", c->key_bits);
    json_array(j, "names");
    for (size_t i = 0; i < c->n_names; i++) {
        json_str(j, NULL, c->names[i]);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_chains(struct json *j, const struct survey_facts *f)
{
    json_array(j, "certificates");
    for (size_t i = 0; i < f->n_chains; i++) {
        const struct survey_chain *c = &f->chains[i];
        json_object(j, NULL);
        json_str(j, "key", c->key_type);
        json_bool(j, "is_valid", c->is_judged && c->judgement.n_faults == 0);
        json_bool(j, "stapled", c->has_staple);
        json_array(j, "faults");
        for (size_t k = 0; k < c->judgement.n_faults; k++) {
            json_object(j, NULL);
            json_str(j, "id", x509_fault_id(c->judgement.faults[k].kind));
            json_i64(j, "certificate", c->judgement.faults[k].culprit);
            json_str(j, "detail", c->judgement.faults[k].detail);
            json_end_object(j);
        }
        json_end_array(j);
        json_array(j, "chain");
        for (size_t k = 0; k < x509_chain_n(c->chain); k++) {
            put_certificate(j, x509_chain_facts(c->chain, k));
        }
        json_end_array(j);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_names(struct json *j, const struct survey_facts *f)
{
    json_object(j, "server_names");
    for (unsigned n = 0; n < SURVEY_N_NAMES; n++) {
        const struct survey_sni *sni = &f->sni[n];
        json_object(j, survey_name_id((enum survey_name)n));
        json_str(j, "accepted", survey_answer_id(sni->answer));
        if (sni->chain >= 0) {
            json_i64(j, "certificate", sni->chain);
        } else {
            json_null(j, "certificate");
        }
        json_str(j, "alert", sni->has_alert ? tls_alert_name(sni->alert) : NULL);
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_sessions(struct json *j, const struct survey_facts *f)
{
    json_object(j, "sessions");
    json_str(j, "tickets_tls12", survey_answer_id(f->resumes_ticket12));
    json_str(j, "ids_tls12", survey_answer_id(f->resumes_id12));
    json_str(j, "tickets_tls13", survey_answer_id(f->resumes13));
    json_str(j, "early_data", survey_answer_id(f->early_data));
    json_u64(j, "ticket_lifetime_tls12", f->ticket_lifetime12_s);
    json_u64(j, "ticket_lifetime_tls13", f->ticket_lifetime13_s);
    json_end_object(j);
}

static void put_features(struct json *j, const struct survey_facts *f)
{
    json_object(j, "features");
    json_str(j, "ocsp_stapling", survey_answer_id(f->staples));
    json_str(j, "extended_master_secret", survey_answer_id(f->ems));
    json_str(j, "encrypt_then_mac", survey_answer_id(f->encrypt_then_mac));
    json_str(j, "secure_renegotiation", survey_answer_id(f->renegotiation_info));
    json_str(j, "fallback_scsv", survey_answer_id(f->fallback_scsv));
    json_str(j, "compression", survey_answer_id(f->compression));
    json_u64(j, "dh_bits", f->dh_bits);
    json_end_object(j);
    json_object(j, "tolerance");
    for (unsigned t = 0; t < SURVEY_N_TOLERANCES; t++) {
        json_str(j, survey_tolerance_id((enum survey_tolerance)t),
                 survey_answer_id(f->tolerance[t]));
    }
    json_end_object(j);
}

static void put_client_certificate(struct json *j, const struct survey_facts *f)
{
    json_object(j, "client_certificate");
    json_str(j, "asked", survey_answer_id(f->asks_certificate));
    json_str(j, "required", survey_answer_id(f->requires_certificate));
    json_str(j, "own_accepted", survey_answer_id(f->certificate_accepted));
    json_array(j, "authorities");
    for (size_t i = 0; i < f->n_authorities; i++) {
        json_str(j, NULL, f->authorities[i]);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_findings(struct json *j, const struct survey_facts *f)
{
    json_array(j, "findings");
    for (size_t i = 0; i < f->n_findings; i++) {
        const struct survey_finding *x = &f->findings[i];
        json_object(j, NULL);
        json_str(j, "id", x->id);
        json_str(j, "cause", x->cause);
        json_str(j, "severity", survey_severity_id(x->severity));
        json_str(j, "sentence", x->sentence);
        json_str(j, "source", x->source);
        json_str(j, "fix", x->fix);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_verdict(struct json *j, const struct survey_facts *f)
{
    json_object(j, "usual_client");
    bool failed = f->has_verdict && f->verdict.outcome == OUTCOME_FAILED;
    json_str(j, "outcome", !f->has_verdict ? NULL : failed ? "failed" : "works");
    json_str(j, "cause", failed ? cause_id(f->verdict.cause) : NULL);
    json_str(j, "sentence", failed ? f->verdict.sentence : NULL);
    const struct transcript *t = f->normal;
    bool agreed = t != NULL && t->server_hello != NULL;
    json_str(j, "version", agreed ? tls_version_name(t->version) : NULL);
    json_str(j, "cipher_suite", agreed ? tls_cipher_suite_name(t->cipher_suite) : NULL);
    json_str(j, "group", agreed && t->group != 0 ? tls_group_name(t->group) : NULL);
    json_end_object(j);
}

void survey_json(struct json *j, const struct survey_facts *f)
{
    struct text address = { 0 };
    endpoint_put(&address, &f->address);
    json_str(j, "type", "probe");
    json_str(j, "host", f->target->host);
    json_u64(j, "port", f->target->port);
    json_str(j, "address", text_str(&address));
    json_str(j, "server_name", f->server_name);
    json_str(j, "starttls",
             f->target->starttls == DIAL_NO_STARTTLS ? NULL
                                                     : dial_starttls_name(f->target->starttls));
    text_deinit(&address);
    json_bool(j, "reached", f->is_reached);
    json_bool(j, "speaks_tls", f->speaks_tls);
    json_bool(j, "complete", !f->is_given_up);
    json_str(j, "why", f->why);
    put_verdict(j, f);
    put_versions(j, f);
    put_list(j, "groups_tls13", &f->groups13, tls_group_name);
    put_list(j, "groups_tls12", &f->groups12, tls_group_name);
    put_list(j, "signature_algorithms_tls13", &f->signatures13, tls_signature_algorithm_name);
    put_list(j, "signature_algorithms_tls12", &f->signatures12, tls_signature_algorithm_name);
    put_list(j, "alpn", &f->alpn, survey_alpn_name);
    put_names(j, f);
    put_chains(j, f);
    put_client_certificate(j, f);
    put_sessions(j, f);
    put_features(j, f);
    put_findings(j, f);
    json_u64(j, "connections", f->lane.n_connections);
    json_bool(j, "gentle", f->lane.is_gentle);
    json_fixed(j, "took_ms", f->took_ns / 1000, 3);
}
