#include "store/ssl_info.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define AT(member) offsetof(struct ssl_info, member)

static const char NOT_HERE[] = "not to be had here; keys and certificates come from keyStore, "
                               "keyAlias and trustStore";

/* clang-format off: a table reads by columns */
static const struct field rows[] = {
    { .json = "enabled", .xml = "Enabled", .kind = FIELD_CHOICE, .at = AT(enabled) },
    { .json = "clientAuthEnabled",
      .xml = "ClientAuthEnabled",
      .kind = FIELD_CHOICE,
      .at = AT(client_auth_enabled) },
    { .json = "ignoreValidationErrors",
      .xml = "IgnoreValidationErrors",
      .kind = FIELD_CHOICE,
      .at = AT(ignore_validation_errors) },
    { .json = "enforce", .xml = "Enforce", .kind = FIELD_CHOICE, .at = AT(enforce) },
    { .json = "keyStore", .xml = "KeyStore", .kind = FIELD_REFERENCE, .at = AT(key_store) },
    { .json = "trustStore", .xml = "TrustStore", .kind = FIELD_REFERENCE, .at = AT(trust_store) },
    { .json = "keyAlias", .xml = "KeyAlias", .kind = FIELD_TEXT, .at = AT(key_alias) },
    { .json = "ciphers",
      .xml = "Ciphers",
      .item = "Cipher",
      .kind = FIELD_TEXTS,
      .at = AT(ciphers) },
    { .json = "protocols",
      .xml = "Protocols",
      .item = "Protocol",
      .kind = FIELD_TEXTS,
      .at = AT(protocols) },
    { .json = "commonName", .xml = "CommonName", .kind = FIELD_NAMED_MATCH, .at = AT(common_name) },
    { .json = "cRLStore", .xml = "CRLStore", .kind = FIELD_REFUSED, .instead = NOT_HERE },
    { .json = "certAlias", .xml = "CertAlias", .kind = FIELD_REFUSED, .instead = NOT_HERE },
    { .json = "keyHsm", .xml = "KeyHsm", .kind = FIELD_REFUSED, .instead = NOT_HERE },
};
/* clang-format on */

const struct field_table ssl_info_fields = { "SSLInfo", rows, ARRAY_LEN(rows) };

/* One check of one block. */
struct checking {
    const struct ssl_info *info;
    struct place at;
    const char *path;
    struct remarks *remarks;
};

static void complain(const struct checking *c, const char *code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void complain(const struct checking *c, const char *code, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    remarks_add(c->remarks, REMARK_ERROR, code, c->at, "%s%s", c->path, text);
}

static void check_protocols(const struct checking *c)
{
    for (size_t i = 0; i < c->info->protocols.n; i++) {
        const char *name = c->info->protocols.list[i];
        enum tls_protocol protocol;
        switch (tls_protocol_find(name, &protocol)) {
        case TLS_NAME_KNOWN:
            break;
        case TLS_NAME_UNKNOWN:
            complain(c, "configuration.UnknownProtocol",
                     "protocols: there is no protocol %s; known are TLSv1, TLSv1.1, TLSv1.2 and "
                     "TLSv1.3",
                     name);
            break;
        case TLS_NAME_UNSUPPORTED:
            complain(c, "configuration.UnsupportedProtocol",
                     "protocols: %s is broken (RFC 7568, RFC 6176) and not to be had here", name);
            break;
        }
    }
}

static void check_ciphers(const struct checking *c)
{
    for (size_t i = 0; i < c->info->ciphers.n; i++) {
        const char *name = c->info->ciphers.list[i];
        switch (tls_cipher_find(name).kind) {
        case TLS_NAME_KNOWN:
            break;
        case TLS_NAME_UNKNOWN:
            complain(c, "configuration.UnknownCipher", "ciphers: there is no cipher suite %s",
                     name);
            break;
        case TLS_NAME_UNSUPPORTED:
            complain(c, "configuration.UnsupportedCipher",
                     "ciphers: %s is a cipher suite that OpenSSL on this machine does not have",
                     name);
            break;
        }
    }
}

static void check_virtual_host(const struct checking *c)
{
    const struct ssl_info *info = c->info;
    if (info->key_store.name == NULL) {
        complain(c, "messaging.config.beans.KeyStoreNotSpecified",
                 "keyStore: Keystore or KeyStoreReference must be specified");
    } else if (info->key_alias == NULL || info->key_alias[0] == '\0') {
        complain(c, "messaging.config.beans.KeyAliasNotSpecified",
                 "keyAlias: The KeyAlias to be used in Keystore %s must be specified",
                 info->key_store.name);
    }
    if (info->client_auth_enabled == CHOICE_YES && info->trust_store.name == NULL) {
        complain(c, "messaging.config.beans.TrustStoreNotSpecified",
                 "trustStore: clientAuthEnabled asks clients for a certificate; the trustStore "
                 "that it is checked against must be specified");
    }
    if (info->enforce == CHOICE_YES || info->common_name.value != NULL) {
        complain(c, "configuration.InvalidField",
                 "%s: of a target only; a virtual host checks no server",
                 info->enforce == CHOICE_YES ? "enforce" : "commonName");
    }
}

static void check_target(const struct checking *c)
{
    const struct ssl_info *info = c->info;
    if (info->client_auth_enabled != CHOICE_YES) {
        return;
    }
    if (info->key_store.name == NULL) {
        complain(c, "messaging.config.beans.KeyStoreNotSpecified",
                 "keyStore: Keystore or KeyStoreReference must be specified: clientAuthEnabled "
                 "presents a certificate to the target");
    } else if (info->key_alias == NULL || info->key_alias[0] == '\0') {
        complain(c, "messaging.config.beans.KeyAliasNotSpecified",
                 "keyAlias: The KeyAlias to be used in Keystore %s must be specified",
                 info->key_store.name);
    }
}

void ssl_info_check(const struct ssl_info *info, enum ssl_info_use use, struct place at,
                    const char *path, struct remarks *remarks)
{
    struct checking c = { .info = info, .at = at, .path = path, .remarks = remarks };
    check_protocols(&c);
    check_ciphers(&c);
    if (info->key_alias != NULL && strncmp(info->key_alias, "ref://", 6) == 0) {
        complain(&c, "configuration.InvalidField",
                 "keyAlias: an alias can never be a reference; name the alias itself");
    }
    if (info->enabled == CHOICE_NO) {
        return; /* the block is kept, and not in force */
    }
    switch (use) {
    case SSL_INFO_VIRTUAL_HOST:
        if (info->enabled == CHOICE_YES) {
            check_virtual_host(&c);
        }
        return;
    case SSL_INFO_TARGET:
        check_target(&c);
        return;
    }
}

bool ssl_info_is_on(const struct ssl_info *info, bool by_default)
{
    return info->enabled == CHOICE_NONE ? by_default : info->enabled == CHOICE_YES;
}

static void append(struct text *list, const char *name)
{
    text_printf(list, "%s%s", list->len == 0 ? "" : ":", name);
}

static void sort_ciphers(const struct ssl_info *info, struct text *ciphers, struct text *suites)
{
    for (size_t i = 0; i < info->ciphers.n; i++) {
        struct tls_cipher_name cipher = tls_cipher_find(info->ciphers.list[i]);
        if (cipher.kind == TLS_NAME_KNOWN) {
            append(cipher.is_tls13 ? suites : ciphers, cipher.openssl);
        }
    }
}

static enum status keep(struct text *from, struct arena *arena, const char **out, struct err *err)
{
    if (from->len > 0) {
        *out = arena_strndup(arena, text_str(from), from->len);
    }
    return from->failed || (from->len > 0 && *out == NULL)
               ? err_set(err, ST_NOMEM, "no memory for a list of ciphers")
               : ST_OK;
}

enum status ssl_info_settle(const struct ssl_info *info, struct arena *arena,
                            struct ssl_settings *out, struct err *err)
{
    struct text ciphers = { 0 };
    struct text suites = { 0 };
    *out = (struct ssl_settings){ 0 };
    for (size_t i = 0; i < info->protocols.n; i++) {
        enum tls_protocol protocol;
        if (tls_protocol_find(info->protocols.list[i], &protocol) == TLS_NAME_KNOWN) {
            out->protocols |= (unsigned)protocol;
        }
    }
    sort_ciphers(info, &ciphers, &suites);
    enum status st = keep(&ciphers, arena, &out->ciphers, err);
    st = st == ST_OK ? keep(&suites, arena, &out->suites, err) : st;
    text_deinit(&ciphers);
    text_deinit(&suites);
    return st;
}

static const char *choice_text(enum choice c)
{
    return c == CHOICE_YES ? "true" : "false";
}

static json_t *reference_json(const struct store_name_or_reference *r)
{
    return json_sprintf("%s%s", r->is_reference ? "ref://" : "", r->name);
}

/* Strings "true" beside a bare boolean: so the real one prints it. */
static int put_all(json_t *o, const struct ssl_info *info)
{
    int wrong = 0;
    wrong |= json_object_set_new(o, "ciphers", fields_texts_json(&info->ciphers));
    wrong |= json_object_set_new(o, "clientAuthEnabled",
                                 json_string(choice_text(info->client_auth_enabled)));
    if (info->common_name.value != NULL) {
        wrong |=
            json_object_set_new(o, "commonName",
                                json_pack("{s:s,s:b}", "value", info->common_name.value,
                                          "wildcardMatch", (int)info->common_name.is_wildcard));
    }
    wrong |= json_object_set_new(o, "enabled", json_string(choice_text(info->enabled)));
    if (info->enforce != CHOICE_NONE) {
        wrong |= json_object_set_new(o, "enforce", json_boolean(info->enforce == CHOICE_YES));
    }
    wrong |= json_object_set_new(o, "ignoreValidationErrors",
                                 json_boolean(info->ignore_validation_errors == CHOICE_YES));
    if (info->key_alias != NULL) {
        wrong |= json_object_set_new(o, "keyAlias", json_string(info->key_alias));
    }
    if (info->key_store.name != NULL) {
        wrong |= json_object_set_new(o, "keyStore", reference_json(&info->key_store));
    }
    wrong |= json_object_set_new(o, "protocols", fields_texts_json(&info->protocols));
    if (info->trust_store.name != NULL) {
        wrong |= json_object_set_new(o, "trustStore", reference_json(&info->trust_store));
    }
    return wrong;
}

json_t *ssl_info_json(const struct ssl_info *info)
{
    json_t *o = json_object();
    if (o != NULL && put_all(o, info) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}
