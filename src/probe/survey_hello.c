/* The ClientHellos of a survey. */
#include "probe/survey_internal.h"
#include "tls/names.h"

enum { VERSIONS_MAX = 8, ALPN_MAX = 64, GREASE = 0x3a3a };

static const char *const session_id = "handfast probe: no session here";

/* The versions offered, the highest first, down to TLS 1.0. */
static size_t versions_of(const struct hello_spec *spec, uint16_t *out)
{
    size_t n = 0;
    if (spec->has_grease) {
        out[n++] = GREASE;
    }
    if (spec->has_unknown_version) {
        out[n++] = 0x0305;
    }
    out[n++] = spec->version;
    for (uint16_t v = spec->version; !spec->only_version && v > 0x0301;) {
        out[n++] = --v;
    }
    return n;
}

static void put_alpn(const struct hello_spec *spec, struct tls_hello_draft *d)
{
    struct bytes names[ALPN_MAX];
    size_t n = 0;
    for (; n < spec->n_alpn && n < ALPN_MAX; n++) {
        names[n] = bytes_of_str(spec->alpn_words != NULL ? spec->alpn_words[n]
                                                         : survey_alpn_name(spec->alpn[n]));
    }
    if (n > 0) {
        tls_draft_alpn(d, names, n);
    }
}

static void put_shares(const struct survey *s, const struct hello_spec *spec,
                       struct tls_hello_draft *d)
{
    struct tls_key_share_entry entries[SHARES_MAX + 1];
    size_t n = 0;
    if (spec->has_large_share) {
        entries[n++] = (struct tls_key_share_entry){
            s->large_share.group, bytes_of(s->large_share.public_key, s->large_share.public_len)
        };
    }
    for (size_t i = 0; !spec->no_shares && i < s->n_shares; i++) {
        entries[n++] =
            (struct tls_key_share_entry){ s->shares[i].group, bytes_of(s->shares[i].public_key,
                                                                       s->shares[i].public_len) };
    }
    tls_draft_key_shares(d, entries, n);
    tls_draft_psk_modes(d);
}

static void put_extensions(const struct survey *s, const struct hello_spec *spec,
                           struct tls_hello_draft *d)
{
    uint16_t versions[VERSIONS_MAX];
    if (spec->has_grease) {
        tls_draft_extension(d, GREASE, bytes_of(NULL, 0));
    }
    if (spec->name != NULL && spec->name[0] != '\0') {
        tls_draft_server_name(d, bytes_of_str(spec->name));
    }
    if (spec->version >= 0x0301) {
        tls_draft_groups(d, spec->groups);
        tls_draft_point_formats(d);
    }
    if (spec->version >= 0x0303) {
        tls_draft_signature_algorithms(d, spec->signatures);
    }
    put_alpn(spec, d);
    if (spec->wants_staple) {
        tls_draft_status_request(d);
    }
    if (!spec->is_plain) {
        tls_draft_extension(d, TLS_EXT_ENCRYPT_THEN_MAC, bytes_of(NULL, 0));
        tls_draft_extension(d, TLS_EXT_EXTENDED_MASTER_SECRET, bytes_of(NULL, 0));
        tls_draft_extension(d, TLS_EXT_SESSION_TICKET, bytes_of(NULL, 0));
    }
    tls_draft_renegotiation_info(d);
    if (spec->has_unknown_extension) {
        tls_draft_extension(d, 0x7f77, BYTES("handfast"));
    }
    if (spec->version >= 0x0304) {
        size_t n = versions_of(spec, versions);
        /* Chains may be signed with what this list does not test (RFC 8446 section 4.2.3). */
        struct tls_u16_list all = survey_all_signatures();
        tls_draft_versions(d, (struct tls_u16_list){ versions, n });
        uint8_t body[2 + 2 * 64];
        size_t len = 2;
        for (size_t i = 0; i < all.n && len + 2 <= sizeof body; i++) {
            body[len++] = (uint8_t)(all.p[i] >> 8);
            body[len++] = (uint8_t)all.p[i];
        }
        body[0] = (uint8_t)((len - 2) >> 8);
        body[1] = (uint8_t)(len - 2);
        tls_draft_extension(d, TLS_EXT_SIGNATURE_ALGORITHMS_CERT, bytes_of(body, len));
        put_shares(s, spec, d);
    }
    if (spec->pad_to > 0) {
        tls_draft_pad_to(d, spec->pad_to);
    }
}

void survey_write(const struct survey *s, const struct hello_spec *spec, struct text *wire)
{
    struct text body = { 0 };
    uint16_t suites[SUITES_MAX + 2];
    size_t n = 0;
    if (spec->has_grease) {
        suites[n++] = GREASE;
    }
    for (size_t i = 0; i < spec->suites.n && i < SUITES_MAX; i++) {
        suites[n++] = spec->suites.p[i];
    }
    if (spec->offers_scsv) {
        suites[n++] = TLS_FALLBACK_SCSV;
    }
    uint16_t legacy = spec->version > 0x0303 ? 0x0303 : spec->version;
    struct tls_hello_draft d = {
        .legacy_version = spec->legacy_version != 0 ? spec->legacy_version : legacy,
        .cipher_suites = { suites, n },
    };
    (void)bytes_copy(d.random, sizeof d.random, bytes_of(s->random, sizeof s->random));
    if (spec->version >= 0x0304) {
        d.session_id = bytes_head(bytes_of(session_id, 32), 32);
    }
    if (spec->offers_compression) {
        d.compression_methods = BYTES("\x01\x40\x00"); /* DEFLATE, LZS, null */
    }
    if (!spec->is_bare && spec->version > 0x0300) {
        put_extensions(s, spec, &d);
    }
    uint16_t record = spec->version > 0x0301 ? 0x0301 : spec->version;
    tls_hello_write_body(&d, &body);
    tls_hello_write_records(bytes_of(body.p, body.len),
                            spec->record_version != 0 ? spec->record_version : record,
                            spec->fragment, wire);
    wire->failed |= body.failed;
    text_deinit(&body);
    tls_draft_deinit(&d);
}
