#include "store/virtual_host.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/host_name.h"
#include "store/virtual_host_properties.h"

#define AT(member) offsetof(struct virtual_host, member)

static const struct field propagate_rows[] = {
    { .json = "connectionProperties",
      .xml = "ConnectionProperties",
      .kind = FIELD_CHOICE,
      .at = 0 },
    { .json = "clientProperties",
      .xml = "ClientProperties",
      .kind = FIELD_CHOICE,
      .at = AT(propagate.client) - AT(propagate.connection) },
};
static const struct field_table propagate = { "PropagateTLSInformation", propagate_rows,
                                              ARRAY_LEN(propagate_rows) };

/* clang-format off: a table reads by columns */
static const struct field rows[] = {
    { .json = "name", .xml = "Name", .kind = FIELD_TEXT, .at = AT(name) },
    { .json = "hostAliases",
      .xml = "HostAliases",
      .item = "HostAlias",
      .kind = FIELD_TEXTS,
      .at = AT(host_aliases) },
    { .json = "port",
      .xml = "Port",
      .kind = FIELD_NUMBER,
      .at = AT(port),
      .least = 1,
      .most = 65535 },
    { .json = "interfaces",
      .xml = "Interfaces",
      .item = "Interface",
      .kind = FIELD_TEXTS,
      .at = AT(interfaces) },
    { .json = "listenOptions",
      .xml = "ListenOptions",
      .item = "ListenOption",
      .kind = FIELD_TEXTS,
      .at = AT(listen_options) },
    { .json = "retryOptions",
      .xml = "RetryOptions",
      .item = "RetryOption",
      .kind = FIELD_TEXTS,
      .at = AT(retry_options) },
    { .json = "baseUrl", .xml = "BaseUrl", .kind = FIELD_TEXT, .at = AT(base_url) },
    { .json = "oCSPStapling",
      .xml = "OCSPStapling",
      .kind = FIELD_ON_OFF,
      .at = AT(ocsp_stapling) },
    { .json = "sSLInfo",
      .xml = "SSLInfo",
      .kind = FIELD_OBJECT,
      .at = AT(ssl),
      .object = &ssl_info_fields,
      .given_at = AT(has_ssl_info) },
    { .json = "propagateTLSInformation",
      .xml = "PropagateTLSInformation",
      .kind = FIELD_OBJECT,
      .at = AT(propagate),
      .object = &propagate,
      .given_at = AT(has_propagate) },
    { .json = "properties",
      .xml = "Properties",
      .item = "Property",
      .kind = FIELD_SETTINGS,
      .at = AT(properties) },
    { .json = "useBuiltInFreeTrialCert",
      .xml = "UseBuiltInFreeTrialCert",
      .kind = FIELD_CHOICE,
      .at = AT(use_built_in_free_trial_cert) },
};
static const char *const retry_words[] = {
    "off",      "error",    "timeout",  "invalid_header", "http_403", "http_404",       "http_429",
    "http_500", "http_502", "http_503", "http_504",       "http_599", "non_idempotent",
};
/* clang-format on */

static const struct field_table table = { "VirtualHost", rows, ARRAY_LEN(rows) };
static const char CODE[] = "configuration.InvalidField";
static const struct place NOWHERE = { 0 };

bool virtual_host_alias_name(const char *alias, char out[256])
{
    size_t len = strcspn(alias, ":");
    if (!bytes_copy(out, 255, bytes_of(alias, len))) {
        return false;
    }
    out[len] = '\0';
    return true;
}

static void check_alias(const struct virtual_host *v, const char *alias, struct remarks *remarks)
{
    char name[256];
    const char *port = strchr(alias, ':');
    if (!virtual_host_alias_name(alias, name) ||
        (!host_name_is_valid(name, true) && !host_is_address(name))) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "hostAliases: \"%s\" is not a host name; * may stand as the whole first label",
                    alias);
        return;
    }
    bool is_same =
        port == NULL || (name_is_valid(port + 1, "", 5) &&
                         strtoul(port + 1, NULL, 10) == v->port.value); /* NOLINT: digits only */
    if (!is_same) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "hostAliases: the port of \"%s\" is not the virtual host's, %u", alias,
                    v->port.value);
    }
}

static void check_interfaces(const struct virtual_host *v, struct remarks *remarks)
{
    for (size_t i = 0; i < v->interfaces.n; i++) {
        const char *s = v->interfaces.list[i];
        if (!host_is_address(s) && !name_is_valid(s, "-_.:", 15)) {
            remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                        "interfaces: \"%s\" is neither an address nor the name of an interface", s);
        }
    }
}

static bool is_retry_word(const char *word)
{
    size_t i = 0;
    while (i < ARRAY_LEN(retry_words) && strcmp(retry_words[i], word) != 0) {
        i++;
    }
    return i < ARRAY_LEN(retry_words);
}

static void check_options(const struct virtual_host *v, struct remarks *remarks)
{
    for (size_t i = 0; i < v->listen_options.n; i++) {
        if (strcmp(v->listen_options.list[i], "proxy_protocol") != 0) {
            remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                        "listenOptions: proxy_protocol is all there is, not \"%s\"",
                        v->listen_options.list[i]);
        }
    }
    for (size_t i = 0; i < v->retry_options.n; i++) {
        if (!is_retry_word(v->retry_options.list[i])) {
            remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                        "retryOptions: there is no \"%s\"; known are off, error, timeout, "
                        "invalid_header, http_403, http_404, http_429, http_500, http_502, "
                        "http_503, http_504 and http_599",
                        v->retry_options.list[i]);
        }
    }
}

static void check(struct virtual_host *v, struct remarks *remarks)
{
    if (v->name == NULL || !name_is_valid(v->name, "._-$%", VIRTUAL_HOST_NAME_MAX)) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "name: a virtual host needs a name of letters, digits and . _ - $ %%");
    }
    if (!v->port.is_given) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "port: a virtual host needs a port from 1 to 65535");
    }
    if (v->host_aliases.n == 0) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "hostAliases: a virtual host needs the host names that clients ask for");
    }
    for (size_t i = 0; i < v->host_aliases.n; i++) {
        check_alias(v, v->host_aliases.list[i], remarks);
    }
    check_interfaces(v, remarks);
    check_options(v, remarks);
    virtual_host_read_properties(v, remarks);
    if (v->use_built_in_free_trial_cert == CHOICE_YES) {
        remarks_add(remarks, REMARK_ERROR, CODE, NOWHERE,
                    "useBuiltInFreeTrialCert: there is no built-in certificate here; put one into "
                    "a keystore and name it in sSLInfo");
    }
    if (v->has_ssl_info) {
        ssl_info_check(&v->ssl, SSL_INFO_VIRTUAL_HOST, NOWHERE, "sSLInfo.", remarks);
    }
}

enum status virtual_host_from_json(const json_t *json, struct remarks *remarks,
                                   struct virtual_host *out, struct err *err)
{
    *out = (struct virtual_host){ 0 };
    TRY(fields_from_json(&table, json, out, remarks, err));
    check(out, remarks);
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for a virtual host") : ST_OK;
}

static enum status from_tree(const struct xml *xml, struct remarks *remarks,
                             struct virtual_host *out, struct err *err)
{
    if (xml->doc == NULL) {
        return ST_OK; /* remarked on */
    }
    TRY(fields_from_xml(&table, xml, xml_root(xml), out, remarks, err));
    check(out, remarks);
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for a virtual host") : ST_OK;
}

enum status virtual_host_from_xml(struct bytes text, struct remarks *remarks,
                                  struct virtual_host *out, struct err *err)
{
    struct xml xml = { 0 };
    *out = (struct virtual_host){ 0 };
    enum status st = xml_read(text, NULL, remarks, &xml, err);
    if (st == ST_OK) {
        st = from_tree(&xml, remarks, out, err);
    }
    xml_deinit(&xml);
    return st;
}

bool virtual_host_is_tls(const struct virtual_host *v)
{
    return v->has_ssl_info && ssl_info_is_on(&v->ssl, false);
}

bool virtual_host_clash(const struct virtual_host *a, const struct virtual_host *b,
                        const char **alias)
{
    char ours[256];
    char theirs[256];
    if (a->port.value != b->port.value) {
        return false;
    }
    for (size_t i = 0; i < a->host_aliases.n * b->host_aliases.n; i++) {
        *alias = a->host_aliases.list[i / b->host_aliases.n];
        if (virtual_host_alias_name(*alias, ours) &&
            virtual_host_alias_name(b->host_aliases.list[i % b->host_aliases.n], theirs) &&
            strcasecmp(ours, theirs) == 0) {
            return true;
        }
    }
    return false;
}
