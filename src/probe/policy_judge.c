/* A survey compared with a policy, and the outcome as text and JSON. */
#include <stdlib.h>

#include "probe/policy_internal.h"
#include "report/wrap.h"
#include "tls/names.h"

enum { DAY_S = 86400, INDENT = 2, WIDTH = 100 };

struct comparing {
    const struct policy *p;
    const struct survey_facts *f;
    struct arena *arena;
    struct policy_result *out;
};

static void violated(const struct comparing *c, enum policy_key key, const char *item,
                     const char *sentence)
{
    const char *rule = policy_key_name(key);
    for (size_t i = 0; i < c->out->n; i++) {
        const struct policy_violation *v = &c->out->list[i];
        if (strcmp(v->rule, rule) == 0 && strcmp(v->item, item) == 0) {
            return; /* a suite in two versions is one violation */
        }
    }
    c->out->n_total++;
    if (c->out->n < POLICY_VIOLATIONS_MAX && item != NULL && sentence != NULL) {
        c->out->list[c->out->n++] = (struct policy_violation){ rule, item, sentence };
    }
}

static const char *name_of(const struct comparing *c, const char *(*names)(uint16_t), uint16_t v)
{
    const char *name = names(v);
    const char *made = name != NULL ? name : arena_printf(c->arena, "0x%04x", v);
    return made != NULL ? made : "?";
}

static bool allows(const struct policy_list *list, uint16_t v)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->values[i] == v) {
            return true;
        }
    }
    return false;
}

static bool accepts(const struct survey_list *list, uint16_t v)
{
    for (size_t i = 0; i < list->n_accepted; i++) {
        if (list->accepted[i] == v) {
            return true;
        }
    }
    return false;
}

static bool is_unsettled(const struct survey_list *list, uint16_t v)
{
    for (size_t i = 0; i < list->n_uncertain; i++) {
        if (list->uncertain[i] == v) {
            return true;
        }
    }
    for (size_t i = 0; i < list->n_not_asked; i++) {
        if (list->not_asked[i] == v) {
            return true;
        }
    }
    return false;
}

/* --- versions and lists --- */

static void check_versions(const struct comparing *c)
{
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        const struct survey_version *v = &c->f->versions[i];
        const char *name = name_of(c, tls_version_name, v->version);
        bool is_required = allows(&c->p->lists[POLICY_REQUIRED_VERSIONS], v->version);
        if (v->answer == SURVEY_UNCERTAIN) {
            c->out->n_uncertain++;
        }
        if (c->p->is_set[POLICY_VERSIONS] && v->answer == SURVEY_YES &&
            !allows(&c->p->lists[POLICY_VERSIONS], v->version)) {
            violated(c, POLICY_VERSIONS, name,
                     arena_printf(c->arena, "%s is accepted and must not be", name));
        }
        if (is_required && v->answer == SURVEY_NO) {
            violated(c, POLICY_REQUIRED_VERSIONS, name,
                     arena_printf(c->arena, "%s is not accepted and must be", name));
        }
    }
}

/* None but those of the policy. */
static void check_list(const struct comparing *c, enum policy_key key,
                       const struct survey_list *list, const char *(*names)(uint16_t))
{
    c->out->n_uncertain += list->n_uncertain;
    for (size_t i = 0; c->p->is_set[key] && i < list->n_accepted; i++) {
        if (!allows(&c->p->lists[key], list->accepted[i])) {
            const char *name = name_of(c, names, list->accepted[i]);
            violated(c, key, name, arena_printf(c->arena, "%s is accepted and must not be", name));
        }
    }
}

static void require(const struct comparing *c, enum policy_key key, uint16_t v, bool is_accepted,
                    bool is_uncertain, const char *(*names)(uint16_t))
{
    if (is_accepted) {
        return;
    }
    if (is_uncertain) {
        c->out->n_uncertain++;
        return;
    }
    const char *name = name_of(c, names, v);
    violated(c, key, name, arena_printf(c->arena, "%s is not accepted and must be", name));
}

static void check_required_suites(const struct comparing *c)
{
    const struct policy_list *list = &c->p->lists[POLICY_REQUIRED_SUITES];
    for (size_t i = 0; i < list->n; i++) {
        bool accepted = false;
        bool unsettled = false;
        for (size_t k = 0; k < SURVEY_VERSIONS; k++) {
            accepted = accepted || accepts(&c->f->versions[k].suites, list->values[i]);
            unsettled = unsettled || is_unsettled(&c->f->versions[k].suites, list->values[i]);
        }
        require(c, POLICY_REQUIRED_SUITES, list->values[i], accepted, unsettled,
                tls_cipher_suite_name);
    }
}

static void check_required_groups(const struct comparing *c)
{
    const struct policy_list *list = &c->p->lists[POLICY_REQUIRED_GROUPS];
    for (size_t i = 0; i < list->n; i++) {
        uint16_t v = list->values[i];
        require(c, POLICY_REQUIRED_GROUPS, v,
                accepts(&c->f->groups12, v) || accepts(&c->f->groups13, v),
                is_unsettled(&c->f->groups12, v) || is_unsettled(&c->f->groups13, v),
                tls_group_name);
    }
}

static void check_lists(const struct comparing *c)
{
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        check_list(c, POLICY_SUITES, &c->f->versions[i].suites, tls_cipher_suite_name);
    }
    check_list(c, POLICY_GROUPS, &c->f->groups13, tls_group_name);
    check_list(c, POLICY_GROUPS, &c->f->groups12, tls_group_name);
    check_list(c, POLICY_SIGNATURES, &c->f->signatures13, tls_signature_algorithm_name);
    check_list(c, POLICY_SIGNATURES, &c->f->signatures12, tls_signature_algorithm_name);
    check_required_suites(c);
    check_required_groups(c);
}

/* --- certificates --- */

/* "RSA 2048": the kind, and the least bits; "EC P-256": the kind alone. */
static bool key_fits(const char *rule, const struct x509_facts *leaf)
{
    const char *space = strrchr(rule, ' ');
    bool has_bits = space != NULL && space[1] >= '0' && space[1] <= '9';
    size_t len = has_bits ? (size_t)(space - rule) : strlen(rule);
    if (strncmp(leaf->key_type, rule, len) != 0 || (!has_bits && leaf->key_type[len] != '\0')) {
        return false;
    }
    return !has_bits || leaf->key_bits >= strtoul(space + 1, NULL, 10);
}

static void check_key(const struct comparing *c, const struct x509_facts *leaf)
{
    const struct policy_words *rules = &c->p->certificate_keys;
    for (size_t i = 0; i < rules->n; i++) {
        if (key_fits(rules->list[i], leaf)) {
            return;
        }
    }
    const char *key = arena_printf(c->arena, "%s %u", leaf->key_type, leaf->key_bits);
    if (c->p->is_set[POLICY_CERTIFICATE_KEYS] && key != NULL) {
        violated(c, POLICY_CERTIFICATE_KEYS, key,
                 arena_printf(c->arena, "a certificate has a key of %s (%u bits)", leaf->key_type,
                              leaf->key_bits));
    }
}

static void check_signature(const struct comparing *c, const struct x509_facts *leaf)
{
    const struct policy_words *rules = &c->p->certificate_signatures;
    const char *name = leaf->signature_algorithm != NULL ? leaf->signature_algorithm : "?";
    for (size_t i = 0; i < rules->n; i++) {
        if (strcmp(rules->list[i], name) == 0) {
            return;
        }
    }
    if (c->p->is_set[POLICY_CERTIFICATE_SIGNATURES]) {
        violated(c, POLICY_CERTIFICATE_SIGNATURES, name,
                 arena_printf(c->arena, "a certificate is signed with %s", name));
    }
}

static void check_life(const struct comparing *c, const struct x509_facts *leaf)
{
    int64_t days = (leaf->not_after_s - leaf->not_before_s + DAY_S - 1) / DAY_S;
    if (c->p->certificate_days > 0 && days > (int64_t)c->p->certificate_days) {
        const char *item = arena_printf(c->arena, "%lld days", (long long)days);
        violated(c, POLICY_CERTIFICATE_DAYS, item != NULL ? item : "",
                 arena_printf(c->arena, "a certificate lives %lld days, at most %u are allowed",
                              (long long)days, c->p->certificate_days));
    }
}

static void check_certificates(const struct comparing *c)
{
    for (size_t i = 0; i < c->f->n_chains; i++) {
        const struct x509_chain *chain = c->f->chains[i].chain;
        const struct x509_facts *leaf = chain == NULL ? NULL : x509_chain_facts(chain, 0);
        if (leaf != NULL && leaf->is_parsed) {
            check_key(c, leaf);
            check_signature(c, leaf);
            check_life(c, leaf);
        }
    }
}

/* --- the rest --- */

static void check_dh(const struct comparing *c)
{
    if (c->p->dh_bits > 0 && c->f->dh_bits > 0 && c->f->dh_bits < c->p->dh_bits) {
        const char *item = arena_printf(c->arena, "%u bits", c->f->dh_bits);
        violated(c, POLICY_DH_BITS, item != NULL ? item : "",
                 arena_printf(c->arena, "the DH group has %u bits, %u are the least", c->f->dh_bits,
                              c->p->dh_bits));
    }
}

static void check_order(const struct comparing *c)
{
    for (size_t i = 0; c->p->is_set[POLICY_ORDER] && i < SURVEY_VERSIONS; i++) {
        const struct survey_list *list = &c->f->versions[i].suites;
        bool is_other = list->order != SURVEY_ORDER_UNKNOWN && list->order != c->p->order;
        if (list->n_accepted > 1 && is_other) {
            const char *name = name_of(c, tls_version_name, c->f->versions[i].version);
            violated(c, POLICY_ORDER, name,
                     arena_printf(c->arena, "in %s the %s's order of cipher suites counts", name,
                                  list->order == SURVEY_ORDER_SERVER ? "server" : "client"));
        }
    }
}

/* Stapling is asked of certificates that name an OCSP responder: without one there is no answer. */
static enum survey_answer stapling(const struct survey_facts *f)
{
    for (size_t i = 0; i < f->n_chains; i++) {
        const struct x509_chain *chain = f->chains[i].chain;
        const struct x509_facts *leaf = chain == NULL ? NULL : x509_chain_facts(chain, 0);
        if (leaf != NULL && leaf->ocsp_url != NULL) {
            return f->staples;
        }
    }
    return f->staples == SURVEY_YES ? SURVEY_YES : SURVEY_NOT_ASKED;
}

static enum survey_answer feature_of(const struct survey_facts *f, enum policy_feature feature)
{
    switch (feature) {
    case FEATURE_STAPLING:
        return stapling(f);
    case FEATURE_EMS:
        return f->ems;
    case FEATURE_RENEGOTIATION:
        return f->renegotiation_info;
    case FEATURE_COMPRESSION:
        return f->compression;
    case FEATURE_EARLY_DATA:
        return f->early_data;
    case FEATURE_TICKETS:
        return f->tickets12;
    case FEATURE_FALLBACK:
        return f->fallback_scsv;
    case FEATURE_DEFAULT_CERTIFICATE:
        return f->sni[NAME_NONE].answer;
    case POLICY_N_FEATURES:
        return SURVEY_NOT_ASKED;
    }
    return SURVEY_NOT_ASKED;
}

static void check_features(const struct comparing *c)
{
    for (size_t i = 0; i < POLICY_N_FEATURES; i++) {
        enum survey_answer answer = feature_of(c->f, (enum policy_feature)i);
        const char *name = policy_feature_name((enum policy_feature)i);
        bool counts = c->p->requires[i] || c->p->forbids[i];
        c->out->n_uncertain += counts && answer == SURVEY_UNCERTAIN ? 1 : 0;
        if (c->p->requires[i] && answer == SURVEY_NO) {
            violated(c, POLICY_REQUIRE, name, arena_printf(c->arena, "%s is missing", name));
        }
        if (c->p->forbids[i] && answer == SURVEY_YES) {
            violated(c, POLICY_FORBID, name, arena_printf(c->arena, "%s is there", name));
        }
    }
}

void policy_judge(const struct policy *p, const struct survey_facts *f, struct arena *arena,
                  struct policy_result *out)
{
    struct comparing c = { .p = p, .f = f, .arena = arena, .out = out };
    *out = (struct policy_result){ .name = p->name };
    check_versions(&c);
    check_lists(&c);
    check_certificates(&c);
    check_dh(&c);
    check_order(&c);
    check_features(&c);
}

/* --- output --- */

static void put_line(struct text *out, unsigned width, const char *words)
{
    struct wrap w = wrap_start(out, INDENT, (size_t)2 * INDENT, width == 0 ? WIDTH : width);
    wrap_spaces(out, INDENT);
    w.at_start = true;
    wrap_words(&w, bytes_of_str(words));
    wrap_end(&w);
}

void policy_text(struct text *out, const struct policy_result *r, unsigned width)
{
    struct text line = { 0 };
    text_puts(out, "\nPolicy ");
    text_put_safe(out, bytes_of_str(r->name));
    text_puts(out, r->n_total == 0 ? ": kept\n" : ": broken\n");
    for (size_t i = 0; i < r->n; i++) {
        text_clear(&line);
        text_printf(&line, "%s: %s", r->list[i].rule, r->list[i].sentence);
        put_line(out, width, text_str(&line));
    }
    text_clear(&line);
    if (r->n_total > r->n) {
        text_printf(&line, "and %zu more", r->n_total - r->n);
        put_line(out, width, text_str(&line));
    }
    text_clear(&line);
    if (r->n_uncertain > 0) {
        text_printf(&line, "%zu answers are uncertain and count as neither", r->n_uncertain);
        put_line(out, width, text_str(&line));
    }
    text_deinit(&line);
}

void policy_json(struct json *j, const struct policy_result *r)
{
    json_object(j, "policy");
    json_str(j, "name", r->name);
    json_bool(j, "kept", r->n_total == 0);
    json_u64(j, "uncertain", r->n_uncertain);
    json_array(j, "violations");
    for (size_t i = 0; i < r->n; i++) {
        json_object(j, NULL);
        json_str(j, "rule", r->list[i].rule);
        json_str(j, "item", r->list[i].item);
        json_str(j, "sentence", r->list[i].sentence);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}
