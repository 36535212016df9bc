#include "gateway/known_names.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "store/references.h"

enum { BASE_MAX = 32, TRIES_MAX = 100 };

static const char REF[] = "ref://";

struct finding_names {
    struct store *store;
    const char *org, *env, *subject; /* the virtual host's or target's name */
    struct known_names *out;
};

static const char *label_of(const struct story *s, enum note_fact fact)
{
    const char *label = story_annotation(s, fact);
    return label == NULL ? "" : label;
}

static void keep(char *out, size_t size, const char *s)
{
    if (s != NULL && strlen(s) < size) {
        snprintf(out, size, "%s", s);
    }
}

/* --- what it says --- */

static void keep_words(struct known_names *out, const char *key_store, const char *key_alias,
                       const char *trust_store)
{
    keep(out->keystore_word, sizeof out->keystore_word, key_store);
    keep(out->alias, sizeof out->alias, key_alias);
    keep(out->truststore_word, sizeof out->truststore_word, trust_store);
}

static void read_document(struct known_names *out, const json_t *document)
{
    const json_t *ssl = json_object_get(document, "sSLInfo");
    keep_words(out, json_string_value(json_object_get(ssl, "keyStore")),
               json_string_value(json_object_get(ssl, "keyAlias")),
               json_string_value(json_object_get(ssl, "trustStore")));
}

static bool read_stored(const struct finding_names *f, enum store_kind kind)
{
    struct store_document d = { 0 };
    struct store_key key = { .kind = kind, .org = f->org, .env = f->env, .name = f->subject };
    bool is_there = store_get(f->store, &key, &d, NULL) == ST_OK && d.json != NULL;
    json_t *document = is_there ? json_loads(d.json, 0, NULL) : NULL;
    read_document(f->out, document);
    json_decref(document);
    store_document_deinit(&d);
    return is_there;
}

/* False: nobody knows. */
static bool read_words(const struct finding_names *f, const struct story *s, const json_t *document)
{
    bool is_bundle = story_label(s, "endpoint") != NULL || story_label(s, "route") != NULL;
    if (is_bundle) {
        keep_words(f->out, story_label(s, "keystore"), story_label(s, "keyalias"),
                   story_label(s, "truststore"));
        return true;
    }
    if (document != NULL) {
        read_document(f->out, document);
        return true;
    }
    return f->subject[0] != '\0' &&
           read_stored(f, s->local.side == SIDE_CLIENT ? STORE_TARGET_SERVER : STORE_VIRTUAL_HOST);
}

static void resolve(const struct finding_names *f, const char *word,
                    char out[KEYSTORE_NAME_MAX + 1])
{
    struct store_problem problem = { 0 };
    if (word[0] == '\0' ||
        references_resolve(f->store, f->org, f->env, word, out, &problem) != ST_OK) {
        out[0] = '\0';
    }
}

/* --- names that nobody has --- */

static bool is_taken(const struct finding_names *f, enum store_kind kind, const char *parent,
                     const char *name)
{
    struct store_document d = { 0 };
    struct store_key key = {
        .kind = kind, .org = f->org, .env = f->env, .parent = parent, .name = name
    };
    bool is_there = store_get(f->store, &key, &d, NULL) != ST_OK || d.json != NULL;
    store_document_deinit(&d);
    return is_there;
}

/* Letters and figures alone. */
static void name_keystore(const struct finding_names *f, const char *of, const char *ending,
                          char out[KNOWN_NEW_MAX + 1])
{
    char base[BASE_MAX + 1];
    size_t n = 0;
    for (; *of != '\0' && n < BASE_MAX; of++) {
        bool is_letter = (*of >= 'a' && *of <= 'z') || (*of >= 'A' && *of <= 'Z');
        if (is_letter || (*of >= '0' && *of <= '9')) {
            base[n++] = *of;
        }
    }
    base[n] = '\0';
    snprintf(out, KNOWN_NEW_MAX + 1, "%s%s", base, ending);
    bool is_free = out[0] != '\0' && !is_taken(f, STORE_KEYSTORE, NULL, out);
    for (unsigned i = 2; !is_free && i < TRIES_MAX; i++) {
        snprintf(out, KNOWN_NEW_MAX + 1, "%s%s%u", base, ending, i);
        is_free = !is_taken(f, STORE_KEYSTORE, NULL, out);
    }
}

void known_names_keystore(struct store *s, const struct keystore_name *of, const char *ending,
                          char out[KNOWN_NEW_MAX + 1])
{
    struct finding_names f = { .store = s, .org = of->org, .env = of->env };
    name_keystore(&f, of->keystore, ending, out);
}

static void name_alias(const struct finding_names *f)
{
    struct known_names *out = f->out;
    bool is_free = false;
    for (unsigned i = 1; !is_free && i < TRIES_MAX; i++) {
        snprintf(out->new_alias, sizeof out->new_alias, i == 1 ? "ca" : "ca%u", i);
        is_free = out->truststore[0] == '\0' ||
                  !is_taken(f, STORE_ALIAS, out->truststore, out->new_alias);
    }
}

/* --- all of it --- */

static const char *or_null(const char *s)
{
    return s[0] == '\0' ? NULL : s;
}

static void tell(const struct known_names *n, struct story *s)
{
    const char **names = s->local.gateway;
    bool is_reference = strncmp(n->keystore_word, REF, sizeof REF - 1) == 0;
    names[GATEWAY_NAME_KEYSTORE] = or_null(n->keystore);
    names[GATEWAY_NAME_KEYSTORE_WORD] = n->keystore[0] == '\0' ? NULL : n->keystore_word;
    names[GATEWAY_NAME_KEY_REFERENCE] =
        is_reference && n->keystore[0] != '\0' ? n->keystore_word + sizeof REF - 1 : NULL;
    names[GATEWAY_NAME_KEY_ALIAS] = n->alias[0] == '\0' ? "own" : n->alias;
    names[GATEWAY_NAME_TRUSTSTORE] = or_null(n->truststore);
    names[GATEWAY_NAME_TRUSTSTORE_WORD] = n->truststore[0] == '\0' ? NULL : n->truststore_word;
    names[GATEWAY_NAME_NEW_KEYSTORE] = or_null(n->new_keystore);
    names[GATEWAY_NAME_NEW_TRUSTSTORE] = or_null(n->new_truststore);
    names[GATEWAY_NAME_NEW_ALIAS] = or_null(n->new_alias);
}

void known_names_find(struct store *s, struct story *story, const struct json_t *document,
                      struct known_names *out)
{
    bool is_south = story->local.side == SIDE_CLIENT;
    struct finding_names f = { .store = s,
                               .org = label_of(story, FACT_ORG),
                               .env = label_of(story, FACT_ENV),
                               .subject = label_of(story, is_south ? FACT_TARGET : FACT_VHOST),
                               .out = out };
    *out = (struct known_names){ 0 };
    if (s == NULL || f.org[0] == '\0' || f.env[0] == '\0' || !read_words(&f, story, document)) {
        return;
    }
    resolve(&f, out->keystore_word, out->keystore);
    resolve(&f, out->truststore_word, out->truststore);
    bool has_keys = out->keystore[0] != '\0';
    name_keystore(&f, has_keys ? out->keystore : f.subject, has_keys ? "" : "keys",
                  out->new_keystore);
    name_keystore(&f, f.subject, "trust", out->new_truststore);
    name_alias(&f);
    tell(out, story);
}
