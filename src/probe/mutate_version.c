/* Versions offered: more, with what a version needs, or fewer. */
#include "probe/mutate_internal.h"

#include "base/status.h"
#include "tls/names.h"

enum { SSL_3_0 = 0x0300, TLS_1_0 = 0x0301, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

static bool add_version(struct hello_form *form, uint16_t version, struct arena *arena)
{
    bool by_list = hello_form_u16_list(form, TLS_EXT_SUPPORTED_VERSIONS).len > 0;
    if (hello_form_offers_version(form, version)) {
        return false;
    }
    if (by_list) {
        return form_add_u16(form, TLS_EXT_SUPPORTED_VERSIONS, &version, 1, arena);
    }
    bool is_broken = hello_form_has(form, TLS_EXT_SUPPORTED_VERSIONS);
    if (is_broken || version < form->legacy_version) {
        return false; /* below SSL 3.0, or nothing that a server reads */
    }
    form->legacy_version = version;
    return true;
}

bool change_version(struct mutating *m)
{
    return add_version(m->to, (uint16_t)m->arg, m->arena);
}

/* Signature algorithms and groups for hellos that have none or lack those of the version. */
static void add_offer_of_12(struct hello_form *form, struct arena *arena)
{
    if (!hello_form_has(form, TLS_EXT_SIGNATURE_ALGORITHMS) ||
        hello_form_u16_list(form, TLS_EXT_SIGNATURE_ALGORITHMS).len > 0) {
        form_add_u16(form, TLS_EXT_SIGNATURE_ALGORITHMS, common_signatures,
                     u16_count(common_signatures), arena);
    }
}

static void add_groups(struct hello_form *form, struct arena *arena)
{
    if (!hello_form_has(form, TLS_EXT_SUPPORTED_GROUPS) ||
        hello_form_u16_list(form, TLS_EXT_SUPPORTED_GROUPS).len > 0) {
        form_add_u16(form, TLS_EXT_SUPPORTED_GROUPS, common_groups, u16_count(common_groups),
                     arena);
    }
}

/* A client of TLS 1.3 alone, or of TLS 1.0, lacks more than the version's number. */
bool change_version_whole(struct mutating *m)
{
    uint16_t values[SUITES_ROOM];
    uint16_t version = (uint16_t)m->arg;
    if (!add_version(m->to, version, m->arena)) {
        return false;
    }
    size_t n = suites_of_class(0, ~0U, false, values);
    form_add_suites(m->to, values, n, m->arena);
    add_groups(m->to, m->arena);
    if (version == TLS_1_2) {
        add_offer_of_12(m->to, m->arena);
    }
    return true;
}

/* RFC 8446 section 4.2.1: with the extension the others must be named in it too. */
static bool set_versions_with_13(struct hello_form *form, struct arena *arena)
{
    uint16_t values[8] = { TLS_1_3 };
    size_t n = 1;
    if (hello_form_u16_list(form, TLS_EXT_SUPPORTED_VERSIONS).len == 0) {
        for (uint16_t v = TLS_1_2; v >= TLS_1_0; v--) {
            if (hello_form_offers_version(form, v)) {
                values[n++] = v;
            }
        }
    }
    return form_add_u16(form, TLS_EXT_SUPPORTED_VERSIONS, values, n, arena);
}

bool change_tls13(struct mutating *m)
{
    static const uint16_t suites[] = { 0x1301, 0x1302, 0x1303 };
    static const uint16_t groups[] = { 0x001d, 0x0017, 0x0018 };
    bool is_broken = hello_form_has(m->to, TLS_EXT_SUPPORTED_VERSIONS) &&
                     hello_form_u16_list(m->to, TLS_EXT_SUPPORTED_VERSIONS).len == 0;
    if (is_broken || hello_form_offers_tls13(m->to) || !set_versions_with_13(m->to, m->arena)) {
        return false;
    }
    m->to->legacy_version = TLS_1_2;
    form_add_suites(m->to, suites, ARRAY_LEN(suites), m->arena);
    form_add_u16(m->to, TLS_EXT_SUPPORTED_GROUPS, groups, ARRAY_LEN(groups), m->arena);
    add_offer_of_12(m->to, m->arena);
    return hello_form_has(m->to, TLS_EXT_KEY_SHARE) || form_add_shares(m->to, 2, m->arena);
}

static bool is_13_or_grease(uint16_t version)
{
    return tls_is_tls13(version) || tls_is_grease(version);
}

bool change_no_tls13(struct mutating *m)
{
    struct bytes list = hello_form_u16_list(m->to, TLS_EXT_SUPPORTED_VERSIONS);
    struct bytes real = u16_list_without(list, is_13_or_grease, m->arena);
    struct bytes left = u16_list_without(list, tls_is_tls13, m->arena);
    return hello_form_offers_tls13(m->to) && real.p != NULL && left.p != NULL &&
           hello_form_set_u16_list(m->to, TLS_EXT_SUPPORTED_VERSIONS, left, m->arena);
}

bool change_legacy_max(struct mutating *m)
{
    uint16_t highest = hello_form_max_version(&m->from->form);
    hello_form_remove(m->to, TLS_EXT_SUPPORTED_VERSIONS);
    m->to->legacy_version = (uint16_t)m->arg;
    return highest > m->arg && m->from->form.legacy_version > m->arg;
}
