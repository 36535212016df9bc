#include "store/target_server.h"

#include <string.h>
#include <strings.h>

#include "store/host_name.h"

#define AT(member) offsetof(struct target_server, member)

/* clang-format off: a table reads by columns */
static const struct field rows[] = {
    { .json = "name", .xml = "Name", .kind = FIELD_TEXT, .at = AT(name) },
    { .json = "description", .xml = "Description", .kind = FIELD_TEXT, .at = AT(description) },
    { .json = "host", .xml = "Host", .kind = FIELD_TEXT, .at = AT(host) },
    { .json = "port",
      .xml = "Port",
      .kind = FIELD_NUMBER,
      .at = AT(port),
      .least = 1,
      .most = 65535 },
    { .json = "isEnabled", .xml = "IsEnabled", .kind = FIELD_CHOICE, .at = AT(is_enabled) },
    { .json = "protocol", .xml = "Protocol", .kind = FIELD_TEXT, .at = AT(protocol) },
    { .json = "sSLInfo",
      .xml = "SSLInfo",
      .kind = FIELD_OBJECT,
      .at = AT(ssl),
      .object = &ssl_info_fields,
      .given_at = AT(has_ssl_info) },
};
/* clang-format on */

static const struct field_table table = { "TargetServer", rows, ARRAY_LEN(rows) };
static const char CODE[] = "configuration.InvalidField";

static void check(struct target_server *t, struct remarks *remarks)
{
    struct place at = { 0 };
    if (t->name == NULL || !name_is_valid(t->name, "-_.$% ", 255)) {
        remarks_add(remarks, REMARK_ERROR, CODE, at,
                    "name: a target server needs a name of letters, digits and - _ . $ %%");
    }
    if (t->host == NULL || t->host[0] == '\0') {
        remarks_add(remarks, REMARK_ERROR, CODE, at, "host: a target server needs a host");
    } else if (!host_is_address(t->host) && !host_name_is_valid(t->host, false)) {
        remarks_add(remarks, REMARK_ERROR, CODE, at,
                    "host: \"%s\" is neither a host name nor an address (no blanks, no port, no "
                    "https:// here)",
                    t->host);
    }
    if (!t->port.is_given) {
        remarks_add(remarks, REMARK_ERROR, CODE, at,
                    "port: a target server needs a port from 1 to 65535");
    }
    if (t->protocol != NULL && strcasecmp(t->protocol, "HTTP") != 0) {
        remarks_add(remarks, REMARK_ERROR, CODE, at, "protocol: HTTP is all there is, not %s",
                    t->protocol);
    }
    if (t->has_ssl_info) {
        ssl_info_check(&t->ssl, SSL_INFO_TARGET, at, "sSLInfo.", remarks);
    }
}

enum status target_server_from_json(const json_t *json, struct remarks *remarks,
                                    struct target_server *out, struct err *err)
{
    *out = (struct target_server){ 0 };
    TRY(fields_from_json(&table, json, out, remarks, err));
    check(out, remarks);
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for a target server") : ST_OK;
}

static enum status from_tree(const struct xml *xml, struct remarks *remarks,
                             struct target_server *out, struct err *err)
{
    if (xml->doc == NULL) {
        return ST_OK; /* remarked on */
    }
    TRY(fields_from_xml(&table, xml, xml_root(xml), out, remarks, err));
    check(out, remarks);
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for a target server") : ST_OK;
}

enum status target_server_from_xml(struct bytes text, struct remarks *remarks,
                                   struct target_server *out, struct err *err)
{
    struct xml xml = { 0 };
    *out = (struct target_server){ 0 };
    enum status st = xml_read(text, NULL, remarks, &xml, err);
    if (st == ST_OK) {
        st = from_tree(&xml, remarks, out, err);
    }
    xml_deinit(&xml);
    return st;
}

static int put_all(json_t *o, const struct target_server *t)
{
    int wrong = 0;
    if (t->description != NULL) {
        wrong |= json_object_set_new(o, "description", json_string(t->description));
    }
    wrong |= json_object_set_new(o, "host", json_string(t->host));
    wrong |= json_object_set_new(o, "isEnabled", json_boolean(t->is_enabled != CHOICE_NO));
    wrong |= json_object_set_new(o, "name", json_string(t->name));
    wrong |= json_object_set_new(o, "port", json_integer(t->port.value));
    if (t->protocol != NULL) {
        wrong |= json_object_set_new(o, "protocol", json_string("HTTP"));
    }
    if (t->has_ssl_info) {
        wrong |= json_object_set_new(o, "sSLInfo", ssl_info_json(&t->ssl));
    }
    return wrong;
}

json_t *target_server_json(const struct target_server *t)
{
    json_t *o = json_object();
    if (o != NULL && put_all(o, t) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

bool target_server_is_tls(const struct target_server *t)
{
    return t->has_ssl_info && ssl_info_is_on(&t->ssl, false);
}
