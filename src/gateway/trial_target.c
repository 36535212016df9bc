#include "gateway/trial_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/properties.h"
#include "store/alias.h"
#include "store/host_name.h"
#include "store/references.h"

struct reading {
    struct store *s;
    const char *org, *env;
    const struct target_server *target;
    struct arena *arena;
    struct trial_of_target *out;
};

static enum status problem(struct err *err, const struct store_problem *p)
{
    return err_set(err, p->kind == PROBLEM_FAILED ? ST_IO : ST_USAGE, "%s", p->message);
}

/* The keystore behind a name or a reference. */
static enum status resolve(const struct reading *r, const struct store_name_or_reference *word,
                           char out[KEYSTORE_NAME_MAX + 1], struct err *err)
{
    struct store_problem p = { 0 };
    const char *text =
        word->is_reference ? arena_printf(r->arena, "ref://%s", word->name) : word->name;
    if (text == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    return references_resolve(r->s, r->org, r->env, text, out, &p) == ST_OK ? ST_OK
                                                                            : problem(err, &p);
}

static enum status read_trust(const struct reading *r, struct err *err)
{
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem p = { 0 };
    struct text pem = { 0 };
    size_t n = 0;
    if (r->target->ssl.trust_store.name == NULL) {
        return ST_OK;
    }
    TRY(resolve(r, &r->target->ssl.trust_store, keystore, err));
    struct keystore_name name = { r->org, r->env, keystore };
    enum status st = keystores_trusted_pem(r->s, &name, &pem, &n, &p);
    if (st == ST_OK) {
        r->out->settings.trusted_pem = arena_strndup(r->arena, text_str(&pem), pem.len);
    }
    text_deinit(&pem);
    if (st != ST_OK) {
        return problem(err, &p);
    }
    if (n == 0) {
        return err_set(err, ST_USAGE, "the truststore %s is empty: no backend could be trusted",
                       keystore);
    }
    return r->out->settings.trusted_pem != NULL ? ST_OK : err_set(err, ST_NOMEM, "no memory");
}

static enum status take_alias(const struct reading *r, struct alias *a, struct err *err)
{
    r->out->settings.chain_pem =
        a->pem == NULL ? NULL : arena_strndup(r->arena, a->pem, strlen(a->pem));
    if (r->out->settings.chain_pem == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    r->out->key = a->key; /* taken over */
    r->out->settings.key_pem = a->key;
    a->key = (struct bytes){ NULL, 0 };
    return ST_OK;
}

static enum status read_own(const struct reading *r, struct err *err)
{
    const struct ssl_info *ssl = &r->target->ssl;
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem p = { 0 };
    struct alias a = { 0 };
    if (ssl->client_auth_enabled != CHOICE_YES) {
        return ST_OK;
    }
    if (ssl->key_store.name == NULL || ssl->key_alias == NULL) {
        return err_set(err, ST_USAGE, "clientAuthEnabled needs keyStore and keyAlias");
    }
    TRY(resolve(r, &ssl->key_store, keystore, err));
    struct alias_name name = { r->org, r->env, keystore, ssl->key_alias };
    enum status st = alias_load(r->s, &name, true, &a, &p);
    if (st != ST_OK) {
        st = problem(err, &p);
    } else if (!a.has_key) {
        st = err_set(err, ST_USAGE, "the alias %s in keystore %s has no private key",
                     ssl->key_alias, keystore);
    } else {
        st = take_alias(r, &a, err);
    }
    alias_deinit(&a);
    return st;
}

static unsigned protocols_of(const struct properties *all)
{
    unsigned bits = property_protocols(all, PROPERTY_PROCESSOR_PROTOCOLS);
    return bits != 0 ? bits : TLS_PROTOCOL_1_2 | TLS_PROTOCOL_1_3;
}

/* The suites of the properties file, by Java's names. */
static void put_suites(const char *words, struct text *older, struct text *newer)
{
    char word[128];
    while (*words != '\0') {
        size_t len = strcspn(words, ", :");
        bool fits = bytes_copy(word, sizeof word - 1, bytes_of(words, len));
        word[fits ? len : 0] = '\0';
        struct tls_cipher_name found = tls_cipher_find(word);
        if (len > 0 && found.kind == TLS_NAME_KNOWN) {
            struct text *list = found.is_tls13 ? newer : older;
            text_printf(list, "%s%s", list->len > 0 ? ":" : "", found.openssl);
        }
        words += len;
        words += strspn(words, ", :");
    }
}

static const char *keep(const struct reading *r, struct text *t)
{
    const char *copy = t->len == 0 ? NULL : arena_strndup(r->arena, text_str(t), t->len);
    text_deinit(t);
    return copy;
}

static void read_usual_suites(const struct reading *r, const struct properties *all)
{
    struct text older = { 0 };
    struct text newer = { 0 };
    put_suites(property_text(all, PROPERTY_PROCESSOR_CIPHERS), &older, &newer);
    r->out->settings.ciphers = keep(r, &older);
    r->out->settings.suites = keep(r, &newer);
}

/* Suites of one generation alone mean that the other's protocols are not meant. */
static unsigned narrowed(unsigned bits, const struct ssl_settings *said)
{
    unsigned less = bits;
    if (said->suites != NULL && said->ciphers == NULL) {
        less = bits & TLS_PROTOCOL_1_3;
    } else if (said->ciphers != NULL && said->suites == NULL) {
        less = bits & ~(unsigned)TLS_PROTOCOL_1_3;
    }
    return less != 0 ? less : bits;
}

static enum status read_policy(const struct reading *r, const struct properties *all,
                               struct err *err)
{
    struct ssl_settings said = { 0 };
    struct trial_settings *s = &r->out->settings;
    TRY(ssl_info_settle(&r->target->ssl, r->arena, &said, err));
    unsigned bits = said.protocols != 0 ? said.protocols : protocols_of(all);
    s->protocols = narrowed(bits, &said);
    s->ciphers = said.ciphers;
    s->suites = said.suites;
    if (said.ciphers == NULL && said.suites == NULL) {
        read_usual_suites(r, all);
    }
    s->sends_name = property_bool(all, PROPERTY_PROCESSOR_SNI) && !host_is_address(s->host);
    return ST_OK;
}

static enum trial_verify verify_of(const struct ssl_info *ssl)
{
    if (ssl->enforce == CHOICE_YES) {
        return TRIAL_VERIFY_FULL;
    }
    if (ssl->ignore_validation_errors == CHOICE_YES) {
        return TRIAL_VERIFY_OFF;
    }
    return ssl->trust_store.name != NULL ? TRIAL_VERIFY_FULL : TRIAL_VERIFY_NAME;
}

static enum status read_all(const struct reading *r, struct properties *all,
                            const struct places *places, struct err *err)
{
    struct text warnings = { 0 };
    struct trial_settings *s = &r->out->settings;
    properties_default(all);
    enum status st = properties_read(all, places, &warnings, err);
    text_deinit(&warnings);
    TRY(st);
    *s = (struct trial_settings){ .host = r->target->host,
                                  .port = r->target->port.value,
                                  .verify = verify_of(&r->target->ssl),
                                  .is_pattern = r->target->ssl.common_name.value != NULL,
                                  .is_wildcard = r->target->ssl.common_name.is_wildcard,
                                  .name = r->target->ssl.common_name.value != NULL
                                              ? r->target->ssl.common_name.value
                                              : r->target->host,
                                  .direction = "southbound",
                                  .org = r->org,
                                  .env = r->env,
                                  .target = r->target->name };
    TRY(read_policy(r, all, err));
    TRY(read_trust(r, err));
    return read_own(r, err);
}

/* As writer_module.c labels what stands in a bundle. */
static enum status label(const struct trial_request *q, struct trial_settings *s, struct err *err)
{
    const struct ssl_info *ssl = &q->target->ssl;
    const struct {
        const char *name, *word;
        bool is_reference;
    } rows[TRIAL_LABELS_MAX] = {
        { "endpoint", q->endpoint, false },
        { "truststore", ssl->trust_store.name, ssl->trust_store.is_reference },
        { "keystore", ssl->key_store.name, ssl->key_store.is_reference },
        { "keyalias", ssl->key_alias, false },
    };
    s->api = q->api;
    s->revision = q->revision;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_said = rows[i].word != NULL;
        s->labels[i] = is_said ? arena_printf(q->arena, "%s=%s%s", rows[i].name,
                                              rows[i].is_reference ? "ref://" : "", rows[i].word)
                               : NULL;
        if (is_said && s->labels[i] == NULL) {
            return err_set(err, ST_NOMEM, "no memory");
        }
    }
    return ST_OK;
}

enum status trial_of_target(const struct trial_request *request, struct trial_of_target *out,
                            struct err *err)
{
    struct reading r = { request->store,  request->org,   request->env,
                         request->target, request->arena, out };
    struct properties *all = calloc(1, sizeof *all);
    *out = (struct trial_of_target){ 0 };
    if (all == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = read_all(&r, all, request->places, err);
    free(all);
    return st == ST_OK && request->endpoint != NULL ? label(request, &out->settings, err) : st;
}

void trial_of_target_deinit(struct trial_of_target *t)
{
    store_bytes_free(t->key);
    *t = (struct trial_of_target){ 0 };
}
