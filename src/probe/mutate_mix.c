/* The captured hello with parts of it exchanged for an offer that nearly every server answers. */
#include "probe/mutate_internal.h"

#include "base/status.h"
#include "tls/names.h"

enum { TLS_1_2 = 0x0303 };

static const struct bytes nothing = { NULL, 0 };

static bool mix_name(struct hello_form *to, const struct mutation_hints *hints, struct arena *arena)
{
    if (hints->host.len > 0) {
        return hello_form_set_server_name(to, hints->host, arena);
    }
    hello_form_remove(to, TLS_EXT_SERVER_NAME);
    return true;
}

static bool mix_suites(struct hello_form *to, struct arena *arena)
{
    static const uint16_t old[] = { 0xc012, 0x0016, 0x000a, 0x0005, 0x0004 };
    uint16_t values[SUITES_ROOM];
    size_t n = suites_of_class(0, ~0U, true, values);
    struct bytes modern = u16_list_with(nothing, values, n, arena);
    struct bytes all = u16_list_with(modern, old, ARRAY_LEN(old), arena);
    to->cipher_suites = all;
    return all.len > 0;
}

static bool mix_groups(struct hello_form *to, struct arena *arena)
{
    hello_form_remove(to, TLS_EXT_SUPPORTED_GROUPS);
    return form_add_u16(to, TLS_EXT_SUPPORTED_GROUPS, common_groups, u16_count(common_groups),
                        arena);
}

static bool mix_signatures(struct hello_form *to, struct arena *arena)
{
    hello_form_remove(to, TLS_EXT_SIGNATURE_ALGORITHMS);
    hello_form_remove(to, TLS_EXT_SIGNATURE_ALGORITHMS_CERT);
    return form_add_u16(to, TLS_EXT_SIGNATURE_ALGORITHMS, common_signatures,
                        u16_count(common_signatures), arena);
}

static bool mix_versions(struct hello_form *to, struct arena *arena)
{
    static const uint16_t versions[] = { 0x0304, 0x0303, 0x0302, 0x0301 };
    hello_form_remove(to, TLS_EXT_SUPPORTED_VERSIONS);
    to->legacy_version = TLS_1_2;
    return form_add_u16(to, TLS_EXT_SUPPORTED_VERSIONS, versions, ARRAY_LEN(versions), arena);
}

/* RFC 8446 section 4.2.8: shares only of groups that are offered. */
static bool mix_shares(struct hello_form *to, struct arena *arena)
{
    static const uint16_t groups[] = { 0x001d, 0x0017 };
    hello_form_remove(to, TLS_EXT_KEY_SHARE);
    if (!hello_form_offers_tls13(to)) {
        return true;
    }
    if (hello_form_u16_list(to, TLS_EXT_SUPPORTED_GROUPS).len == 0) {
        hello_form_remove(to, TLS_EXT_SUPPORTED_GROUPS);
        form_add_u16(to, TLS_EXT_SUPPORTED_GROUPS, groups, ARRAY_LEN(groups), arena);
    }
    /* None can be made for some groups: an empty list asks for a HelloRetryRequest. */
    return form_add_shares(to, 2, arena) ||
           hello_form_set_vec16(to, TLS_EXT_KEY_SHARE, nothing, arena);
}

static void mix_session(struct hello_form *to)
{
    to->session_id = nothing;
    hello_form_remove(to, TLS_EXT_PRE_SHARED_KEY);
    hello_form_remove(to, TLS_EXT_EARLY_DATA);
    hello_form_remove(to, TLS_EXT_SESSION_TICKET);
}

/* What has a share of its own stays; so do the two that every server knows. */
static void mix_extensions(struct hello_form *to)
{
    static const uint16_t stay[] = {
        TLS_EXT_SERVER_NAME,
        TLS_EXT_SUPPORTED_VERSIONS,
        TLS_EXT_KEY_SHARE,
        TLS_EXT_SUPPORTED_GROUPS,
        TLS_EXT_SIGNATURE_ALGORITHMS,
        TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        TLS_EXT_PRE_SHARED_KEY,
        TLS_EXT_EARLY_DATA,
        TLS_EXT_SESSION_TICKET,
        TLS_EXT_EXTENDED_MASTER_SECRET,
        TLS_EXT_RENEGOTIATION_INFO,
    };
    size_t kept = 0;
    for (size_t i = 0; i < to->n; i++) {
        bool stays = false;
        for (size_t k = 0; k < ARRAY_LEN(stay); k++) {
            stays = stays || to->list[i].type == stay[k];
        }
        if (stays) {
            to->list[kept++] = to->list[i];
        }
    }
    to->n = kept;
    hello_form_set(to, TLS_EXT_EXTENDED_MASTER_SECRET, nothing);
}

static bool mix(struct hello_form *to, const struct mutation_hints *hints, unsigned shares,
                struct arena *arena)
{
    static const uint8_t null_compression[] = { 0 };
    if ((shares & SHARE_COMPRESSION) != 0) {
        to->compression_methods = bytes_of(null_compression, 1);
    }
    if ((shares & SHARE_SESSION) != 0) {
        mix_session(to);
    }
    if ((shares & SHARE_EXTENSIONS) != 0) {
        mix_extensions(to);
    }
    if ((shares & SHARE_ALPN) != 0) {
        hello_form_remove(to, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION);
    }
    if (((shares & SHARE_NAME) != 0 && !mix_name(to, hints, arena)) ||
        ((shares & SHARE_SUITES) != 0 && !mix_suites(to, arena)) ||
        ((shares & SHARE_GROUPS) != 0 && !mix_groups(to, arena)) ||
        ((shares & SHARE_SIGNATURES) != 0 && !mix_signatures(to, arena)) ||
        ((shares & SHARE_VERSIONS) != 0 && !mix_versions(to, arena))) {
        return false;
    }
    return (shares & (SHARE_GROUPS | SHARE_VERSIONS)) == 0 || mix_shares(to, arena);
}

static const char *words_of(unsigned shares, struct arena *arena)
{
    static const char *const names[] = {
        "the server name",          "the versions", "the cipher suites", "the groups",
        "the signature algorithms", "ALPN",         "the session",       "the other extensions",
        "the compression"
    };
    struct text words = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((shares & (1U << i)) != 0) {
            bool is_last = shares >> (i + 1) == 0;
            text_puts(&words, words.len == 0 ? "" : is_last ? " and " : ", ");
            text_puts(&words, names[i]);
        }
    }
    char *copy = arena_printf(arena, "%s exchanged", text_str(&words));
    text_deinit(&words);
    return copy;
}

bool mutant_mix(const struct mutable_hello *from, const struct mutation_hints *hints,
                unsigned shares, struct arena *arena, struct mutant *out)
{
    struct hello_form to = from->form;
    struct hello_changes *diff = arena_alloc(arena, sizeof *diff);
    *out = (struct mutant){ .carriage = from->carriage };
    out->carriage.is_sslv2 = false;
    if (diff == NULL || !mix(&to, hints, shares, arena) ||
        !hello_changes_between(&from->form, &to, arena, diff)) {
        return false;
    }
    out->body = hello_form_put(&to, arena);
    out->changes = diff;
    out->what = words_of(shares, arena);
    return out->body.p != NULL && out->what != NULL;
}
