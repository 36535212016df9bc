#include "check/check_json.h"

#include <openssl/evp.h>

#include "base/clock.h"

enum { MS_PER_S = 1000, PEM_LINE = 64, PEM_LINE_BYTES = 48 };

static void put_time(struct json *j, const char *key, int64_t at_s)
{
    struct text t = { 0 };
    clock_put(&t, at_s * NS_PER_S, 0);
    json_str(j, key, text_str(&t));
    text_deinit(&t);
}

/* Dates of certificates may lie outside what nanoseconds can say: then as a date. */
static void put_date_time(struct json *j, const char *key, int64_t at_s)
{
    if (at_s > INT64_MAX / NS_PER_S || at_s < INT64_MIN / NS_PER_S) {
        struct text t = { 0 };
        clock_put_date(&t, at_s);
        text_puts(&t, "T00:00:00Z");
        json_str(j, key, text_str(&t));
        text_deinit(&t);
    } else {
        put_time(j, key, at_s);
    }
}

static void put_culprit(struct json *j, const char *key, int culprit)
{
    if (culprit == X509_CULPRIT_TRUST) {
        json_str(j, key, "trust");
    } else {
        json_i64(j, key, culprit);
    }
}

static const char *purpose_name(enum x509_purpose purpose)
{
    switch (purpose) {
    case X509_FOR_SERVER:
        return "server";
    case X509_FOR_CLIENT:
        return "client";
    case X509_FOR_ANY:
        return "any";
    }
    return "any";
}

/* --- certificates --- */

void check_json_cert_info(struct json *j, const char *key, const struct x509_chain *chain, size_t i,
                          int64_t at_s)
{
    const struct x509_facts *f = x509_chain_facts(chain, i);
    const struct x509_java *java = x509_chain_java(chain, i);
    bool is_valid = f->is_parsed && at_s >= f->not_before_s && at_s <= f->not_after_s;
    json_object(j, key);
    json_str(j, "basicConstraints", java->basic_constraints);
    json_i64(j, "expiryDate", f->not_after_s * MS_PER_S);
    json_str(j, "isValid", is_valid ? "Yes" : "No");
    json_str(j, "issuer", java->issuer);
    json_str(j, "publicKey", java->public_key);
    json_str(j, "serialNumber", java->serial_number);
    json_str(j, "sigAlgName", java->sig_alg_name);
    json_str(j, "subject", java->subject);
    json_array(j, "subjectAlternativeNames");
    for (size_t k = 0; k < f->n_names; k++) {
        json_str(j, NULL, f->names[k]);
    }
    json_end_array(j);
    json_i64(j, "validFrom", f->not_before_s * MS_PER_S);
    json_u64(j, "version", f->version);
    json_end_object(j);
}

static void put_facts(struct json *j, const struct x509_facts *f)
{
    json_str(j, "sha256", f->sha256_hex);
    json_str(j, "sha1", f->sha1_hex);
    json_str(j, "subject", f->subject);
    json_str(j, "issuer", f->issuer);
    json_str(j, "serial", f->serial_hex);
    put_date_time(j, "not_before", f->not_before_s);
    put_date_time(j, "not_after", f->not_after_s);
    json_str(j, "key_type", f->key_type);
    json_u64(j, "key_bits", f->key_bits);
    json_str(j, "signature_algorithm", f->signature_algorithm);
    json_bool(j, "is_ca", f->is_ca);
    json_bool(j, "is_self_signed", f->is_self_signed);
    json_array(j, "names");
    for (size_t i = 0; i < f->n_names; i++) {
        json_str(j, NULL, f->names[i]);
    }
    json_end_array(j);
    json_u64(j, "n_names", f->n_all_names);
    json_array(j, "extended_key_usage");
    for (size_t i = 0; i < f->n_eku; i++) {
        json_str(j, NULL, f->eku[i]);
    }
    json_end_array(j);
    json_str(j, "subject_key_id", f->subject_key_id);
    json_str(j, "authority_key_id", f->authority_key_id);
    json_str(j, "issuer_url", f->aia_issuer_url);
    json_str(j, "ocsp_url", f->ocsp_url);
}

static void put_certificate(struct json *j, const struct check_detail *d, size_t i, int64_t at_s)
{
    const struct x509_facts *f = x509_chain_facts(d->certs, i);
    json_object(j, NULL);
    json_u64(j, "index", i);
    json_u64(j, "position", d->positions[i]);
    json_bool(j, "is_readable", f->is_parsed);
    if (f->is_parsed) {
        put_facts(j, f);
        check_json_cert_info(j, "certInfo", d->certs, i, at_s);
    }
    json_end_object(j);
}

/* --- a chain --- */

static void put_fault(struct json *j, const struct x509_fault *f)
{
    json_object(j, NULL);
    json_str(j, "cause", x509_fault_id(f->kind));
    put_culprit(j, "culprit", f->culprit);
    json_str(j, "text", f->detail == NULL ? x509_fault_summary(f->kind) : f->detail);
    if (f->kind == X509_FAULT_EXPIRED || f->kind == X509_FAULT_NOT_YET_VALID) {
        put_date_time(j, "limit", f->limit_s);
    }
    json_end_object(j);
}

static void put_finding(struct json *j, const struct check_finding *f, const char *at_key)
{
    json_object(j, NULL);
    json_str(j, "id", check_finding_id(f->kind));
    json_bool(j, "is_warning", check_finding_is_warning(f->kind));
    if (f->at >= 0) {
        json_i64(j, at_key, f->at);
    }
    json_str(j, "text", f->text);
    json_end_object(j);
}

static void put_missing(struct json *j, const struct check_missing *m)
{
    json_object(j, NULL);
    json_str(j, "subject", m->subject);
    json_str(j, "key_id", m->key_id);
    if (m->below >= 0) {
        json_i64(j, "issuer_of", m->below);
    }
    json_str(j, "belongs_to", m->belongs_to_trust ? "trust" : "chain");
    json_str(j, "url", m->url);
    json_str(j, "found_in", m->found_in);
    json_str(j, "sha256", m->sha256_hex[0] == '\0' ? NULL : m->sha256_hex);
    json_end_object(j);
}

static void put_names(struct json *j, const struct x509_host_check *names)
{
    json_object(j, "name_check");
    json_str(j, "rule", x509_name_rule_id(names->rule));
    json_array(j, "names");
    for (size_t i = 0; i < names->n; i++) {
        json_object(j, NULL);
        json_str(j, "name", names->names[i].name);
        json_str(j, "rule", x509_name_rule_id(names->names[i].rule));
        json_str(j, "text", x509_name_rule_says(names->names[i].rule));
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static const char *origin_name(enum x509_origin origin)
{
    switch (origin) {
    case X509_SENT:
        return "sent";
    case X509_TRUSTED:
        return "trusted";
    case X509_SEEN:
        return "seen";
    }
    return "seen";
}

static void put_path(struct json *j, const struct x509_path *p)
{
    json_array(j, "path");
    for (size_t i = 0; i < p->n; i++) {
        json_object(j, NULL);
        json_str(j, "origin", origin_name(p->links[i].origin));
        if (p->links[i].index >= 0) {
            json_i64(j, "index", p->links[i].index);
        }
        json_str(j, "subject", p->links[i].facts->subject);
        json_str(j, "sha256", p->links[i].facts->sha256_hex);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_fixed(struct json *j, const struct check_fixed *f)
{
    json_object(j, "fixed");
    json_str(j, "path", f->path);
    json_bool(j, "valid", f->is_valid);
    json_str(j, "text", f->text);
    json_str(j, "remains", f->remains);
    json_end_object(j);
}

static void put_lists(struct json *j, const struct check_detail *d)
{
    json_array(j, "faults");
    for (size_t i = 0; i < d->judgement.n_faults; i++) {
        put_fault(j, &d->judgement.faults[i]);
    }
    json_end_array(j);
    json_array(j, "remaining");
    for (size_t i = 0; i < d->n_remaining; i++) {
        json_str(j, NULL, d->remaining[i]);
    }
    json_end_array(j);
    json_array(j, "missing");
    for (size_t i = 0; i < d->n_missing; i++) {
        put_missing(j, &d->missing[i]);
    }
    json_end_array(j);
    json_array(j, "findings");
    for (size_t i = 0; i < d->n_findings; i++) {
        put_finding(j, &d->findings[i], "certificate");
    }
    json_end_array(j);
}

static void put_alternatives(struct json *j, const struct check_detail *d)
{
    json_array(j, "alternatives");
    for (size_t i = 0; i < d->n_paths; i++) {
        json_object(j, NULL);
        json_bool(j, "valid", d->paths[i].is_valid);
        json_str(j, "path", d->paths[i].text);
        json_str(j, "why", d->paths[i].why);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_other(struct json *j, const struct verifier_judgement *v)
{
    json_object(j, NULL);
    json_str(j, "verifier", verifier_id(v->who));
    json_str(j, "meaning", verifier_what(v->who));
    json_str(j, "answer", verifier_answer_id(v->answer));
    json_bool(j, "differs", v->differs);
    if (v->answer != VERIFIER_ACCEPTS) {
        json_str(j, "cause", x509_fault_id(v->cause));
        put_culprit(j, "culprit", v->culprit);
    }
    json_str(j, "text", v->sentence);
    json_str(j, "rule", v->rule);
    json_str(j, "source", v->source);
    json_str(j, "note", v->note);
    json_u64(j, "n_also", v->n_also);
    json_end_object(j);
}

static void put_others(struct json *j, const struct verifier_judgements *others)
{
    json_array(j, "as");
    for (size_t i = 0; i < others->n; i++) {
        put_other(j, &others->list[i]);
    }
    json_end_array(j);
}

static void put_detail(struct json *j, const struct check_detail *d, int64_t at_s)
{
    json_bool(j, "has_key", d->has_key);
    json_str(j, "ocsp", d->judgement.staple);
    put_lists(j, d);
    if (d->names != NULL) {
        put_names(j, d->names);
    }
    if (d->path != NULL) {
        put_path(j, d->path);
    }
    put_alternatives(j, d);
    if (d->as != NULL) {
        put_others(j, d->as);
    }
    if (d->fixed != NULL) {
        put_fixed(j, d->fixed);
    }
    json_array(j, "certificates");
    for (size_t i = 0; i < x509_chain_n(d->certs); i++) {
        put_certificate(j, d, i, at_s);
    }
    json_end_array(j);
}

static void put_source(struct json *j, const struct check_item *item)
{
    static const char *const sources[] = { "file", "server", "capture" };
    json_str(j, "input", item->input);
    json_str(j, "source", sources[item->source]);
    json_str(j, "format", item->format);
    json_str(j, "alias", item->alias);
    put_time(j, "at", item->at_s);
    json_bool(j, "valid", item->is_acceptable);
    json_str(j, "cause", item->is_acceptable ? NULL : x509_fault_id(item->cause));
    if (item->is_acceptable) {
        json_null(j, "culprit");
    } else {
        put_culprit(j, "culprit", item->culprit);
    }
    json_str(j, "text", item->sentence);
}

static void put_chain(struct json *j, const struct check_item *item)
{
    json_object(j, NULL);
    put_source(j, item);
    json_str(j, "label", item->label);
    json_str(j, "purpose", purpose_name(item->purpose));
    json_str(j, "host", item->host);
    put_date_time(j, "not_after", item->until_s);
    json_u64(j, "n_certificates", item->n_certs);
    if (item->detail != NULL) {
        put_detail(j, item->detail, item->at_s);
    }
    json_end_object(j);
}

/* --- a trust store --- */

static void put_anchor(struct json *j, const struct check_anchor *a, int64_t at_s)
{
    json_object(j, NULL);
    json_str(j, "label", a->label);
    json_str(j, "alias", a->alias);
    json_str(j, "sha256", a->sha256_hex);
    json_bool(j, "is_usable", a->is_usable);
    put_date_time(j, "not_before", a->not_before_s);
    put_date_time(j, "not_after", a->not_after_s);
    if (a->cert != NULL && x509_chain_facts(a->cert, 0)->is_parsed) {
        check_json_cert_info(j, "certInfo", a->cert, 0, at_s);
    }
    json_end_object(j);
}

static void put_truststore(struct json *j, const struct check_item *item)
{
    json_object(j, NULL);
    put_source(j, item);
    json_array(j, "anchors");
    for (size_t i = 0; i < item->anchors->n; i++) {
        put_anchor(j, &item->anchors->list[i], item->at_s);
    }
    json_end_array(j);
    json_array(j, "findings");
    for (size_t i = 0; i < item->anchors->n_findings; i++) {
        put_finding(j, &item->anchors->findings[i], "anchor");
    }
    json_end_array(j);
    json_end_object(j);
}

/* --- all of it --- */

/* RFC 7468 section 3: lines of 64. null where there is no certificate. */
static void put_pem(struct json *j, const char *key, struct bytes der)
{
    unsigned char line[PEM_LINE + 1];
    struct text t = { 0 };
    if (der.len == 0) {
        json_str(j, key, NULL);
        return;
    }
    text_puts(&t, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.len; at += PEM_LINE_BYTES) {
        struct bytes part = bytes_head(bytes_skip(der, at), PEM_LINE_BYTES);
        (void)EVP_EncodeBlock(line, part.p, (int)part.len);
        text_printf(&t, "%s\n", (const char *)line);
    }
    text_puts(&t, "-----END CERTIFICATE-----\n");
    json_str(j, key, text_str(&t));
    text_deinit(&t);
}

static void put_comparison(struct json *j, const struct check_comparison *c)
{
    json_object(j, "comparison");
    json_str(j, "ours", c->ours);
    json_str(j, "our_role", c->our_role);
    json_str(j, "theirs", c->theirs);
    json_str(j, "their_role", c->their_role);
    json_bool(j, "fits", c->fits);
    json_array(j, "advice");
    for (size_t i = 0; i < c->n; i++) {
        const struct check_advice *a = &c->advice[i];
        json_object(j, NULL);
        json_str(j, "id", a->id);
        json_bool(j, "is_fault", a->is_fault);
        json_str(j, "text", a->text);
        json_str(j, "action", a->action);
        json_str(j, "subject", a->subject);
        json_str(j, "sha256", a->sha256_hex);
        json_str(j, "found_in", a->found_in);
        put_pem(j, "pem", a->der);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static const char *trust_name(enum x509_trust_source trust)
{
    switch (trust) {
    case X509_TRUST_NONE:
        return "none";
    case X509_TRUST_SYSTEM:
        return "system";
    case X509_TRUST_FILES:
        return "files";
    }
    return "none";
}

/* The verdict on all: the first that is not acceptable. */
static void put_verdict(struct json *j, const struct check_result *r)
{
    const struct check_item *bad = NULL;
    for (size_t i = 0; i < r->n_items && bad == NULL; i++) {
        bad = r->items[i]->is_acceptable ? NULL : r->items[i];
    }
    json_bool(j, "valid", r->is_acceptable && r->n_items > 0);
    json_str(j, "cause", bad == NULL ? NULL : x509_fault_id(bad->cause));
    if (bad == NULL) {
        json_null(j, "culprit");
    } else {
        put_culprit(j, "culprit", bad->culprit);
    }
}

static void put_strings(struct json *j, const char *key, const char *const *list, size_t n)
{
    json_array(j, key);
    for (size_t i = 0; i < n; i++) {
        json_str(j, NULL, list[i]);
    }
    json_end_array(j);
}

void check_json(struct text *out, const struct check_result *r)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    put_verdict(&j, r);
    json_object(&j, "trust");
    json_str(&j, "source", trust_name(r->trust));
    json_u64(&j, "n_anchors", r->n_anchors);
    json_bool(&j, "partial_chain", r->partial_chain);
    json_end_object(&j);
    json_array(&j, "chains");
    for (size_t i = 0; i < r->n_items; i++) {
        if (r->items[i]->role == CHECK_CHAIN) {
            put_chain(&j, r->items[i]);
        }
    }
    json_end_array(&j);
    json_array(&j, "truststores");
    for (size_t i = 0; i < r->n_items; i++) {
        if (r->items[i]->role == CHECK_TRUSTSTORE) {
            put_truststore(&j, r->items[i]);
        }
    }
    json_end_array(&j);
    if (r->comparison != NULL) {
        put_comparison(&j, r->comparison);
    }
    put_strings(&j, "notes", r->notes, r->n_notes);
    put_strings(&j, "errors", r->errors, r->n_errors);
    json_end_object(&j);
    text_putc(out, '\n');
}
