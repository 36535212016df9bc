#include "tls/hello_write.h"

#include "tls/names.h"

enum { FRAGMENT_MAX = 1 << 14, HANDSHAKE_HEADER_BYTES = 4, EXTENSION_HEADER_BYTES = 4 };

static void put_u8(struct text *out, size_t v)
{
    text_putc(out, (char)(v & 0xff));
}

static void put_u16(struct text *out, size_t v)
{
    put_u8(out, v >> 8);
    put_u8(out, v);
}

static void put_u24(struct text *out, size_t v)
{
    put_u8(out, v >> 16);
    put_u16(out, v);
}

static void put_bytes(struct text *out, struct bytes b)
{
    text_put(out, (const char *)b.p, b.len);
}

static void put_list(struct text *out, struct tls_u16_list list)
{
    for (size_t i = 0; i < list.n; i++) {
        put_u16(out, list.p[i]);
    }
}

static void begin(struct tls_hello_draft *d, uint16_t type, size_t len)
{
    d->has_extensions = true;
    put_u16(&d->extensions, type);
    put_u16(&d->extensions, len);
}

void tls_draft_extension(struct tls_hello_draft *d, uint16_t type, struct bytes body)
{
    begin(d, type, body.len);
    put_bytes(&d->extensions, body);
}

/* RFC 6066 section 3: a list of one host_name. */
void tls_draft_server_name(struct tls_hello_draft *d, struct bytes name)
{
    begin(d, TLS_EXT_SERVER_NAME, name.len + 5);
    put_u16(&d->extensions, name.len + 3);
    put_u8(&d->extensions, 0);
    put_u16(&d->extensions, name.len);
    put_bytes(&d->extensions, name);
}

void tls_draft_versions(struct tls_hello_draft *d, struct tls_u16_list versions)
{
    begin(d, TLS_EXT_SUPPORTED_VERSIONS, 2 * versions.n + 1);
    put_u8(&d->extensions, 2 * versions.n);
    put_list(&d->extensions, versions);
}

static void put_list16(struct tls_hello_draft *d, uint16_t type, struct tls_u16_list list)
{
    begin(d, type, 2 * list.n + 2);
    put_u16(&d->extensions, 2 * list.n);
    put_list(&d->extensions, list);
}

void tls_draft_groups(struct tls_hello_draft *d, struct tls_u16_list groups)
{
    put_list16(d, TLS_EXT_SUPPORTED_GROUPS, groups);
}

void tls_draft_signature_algorithms(struct tls_hello_draft *d, struct tls_u16_list algorithms)
{
    put_list16(d, TLS_EXT_SIGNATURE_ALGORITHMS, algorithms);
}

/* RFC 8422 section 5.1.2; RFC 4492's compressed forms for servers that ask for them. */
void tls_draft_point_formats(struct tls_hello_draft *d)
{
    tls_draft_extension(d, TLS_EXT_EC_POINT_FORMATS, BYTES("\x03\x00\x01\x02"));
}

void tls_draft_alpn(struct tls_hello_draft *d, const struct bytes *names, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += 1 + names[i].len;
    }
    begin(d, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION, len + 2);
    put_u16(&d->extensions, len);
    for (size_t i = 0; i < n; i++) {
        put_u8(&d->extensions, names[i].len);
        put_bytes(&d->extensions, names[i]);
    }
}

void tls_draft_key_shares(struct tls_hello_draft *d, const struct tls_key_share_entry *shares,
                          size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += 4 + shares[i].key_exchange.len;
    }
    begin(d, TLS_EXT_KEY_SHARE, len + 2);
    put_u16(&d->extensions, len);
    for (size_t i = 0; i < n; i++) {
        put_u16(&d->extensions, shares[i].group);
        put_u16(&d->extensions, shares[i].key_exchange.len);
        put_bytes(&d->extensions, shares[i].key_exchange);
    }
}

void tls_draft_psk_modes(struct tls_hello_draft *d)
{
    tls_draft_extension(d, TLS_EXT_PSK_KEY_EXCHANGE_MODES, BYTES("\x01\x01"));
}

void tls_draft_status_request(struct tls_hello_draft *d)
{
    tls_draft_extension(d, TLS_EXT_STATUS_REQUEST, BYTES("\x01\x00\x00\x00\x00"));
}

void tls_draft_renegotiation_info(struct tls_hello_draft *d)
{
    tls_draft_extension(d, TLS_EXT_RENEGOTIATION_INFO, BYTES("\x00"));
}

static size_t body_len(const struct tls_hello_draft *d)
{
    size_t compression = d->compression_methods.len == 0 ? 1 : d->compression_methods.len;
    return 2 + 32 + 1 + d->session_id.len + 2 + 2 * d->cipher_suites.n + 1 + compression +
           (d->has_extensions ? 2 + d->extensions.len : 0);
}

void tls_draft_pad_to(struct tls_hello_draft *d, size_t len)
{
    d->has_extensions = true;
    size_t now = body_len(d) + HANDSHAKE_HEADER_BYTES + EXTENSION_HEADER_BYTES;
    size_t zeroes = len > now ? len - now : 0;
    begin(d, TLS_EXT_PADDING, zeroes);
    for (size_t i = 0; i < zeroes; i++) {
        put_u8(&d->extensions, 0);
    }
}

void tls_draft_deinit(struct tls_hello_draft *d)
{
    text_deinit(&d->extensions);
}

void tls_hello_write_body(const struct tls_hello_draft *d, struct text *out)
{
    put_u16(out, d->legacy_version);
    put_bytes(out, bytes_of(d->random, sizeof d->random));
    put_u8(out, d->session_id.len);
    put_bytes(out, d->session_id);
    put_u16(out, 2 * d->cipher_suites.n);
    put_list(out, d->cipher_suites);
    if (d->compression_methods.len == 0) {
        put_u16(out, 0x0100);
    } else {
        put_u8(out, d->compression_methods.len);
        put_bytes(out, d->compression_methods);
    }
    if (d->has_extensions) {
        put_u16(out, d->extensions.len);
        put_bytes(out, bytes_of(d->extensions.p, d->extensions.len));
    }
    out->failed |= d->extensions.failed;
}

void tls_hello_write_records(struct bytes body, uint16_t record_version, size_t fragment,
                             struct text *out)
{
    struct text message = { 0 };
    put_u8(&message, TLS_HANDSHAKE_CLIENT_HELLO);
    put_u24(&message, body.len);
    put_bytes(&message, body);
    fragment = fragment == 0 || fragment > FRAGMENT_MAX ? FRAGMENT_MAX : fragment;
    struct bytes left = bytes_of(message.p, message.len);
    while (left.len > 0) {
        struct bytes part = bytes_head(left, fragment);
        put_u8(out, 22);
        put_u16(out, record_version);
        put_u16(out, part.len);
        put_bytes(out, part);
        left = bytes_skip(left, part.len);
    }
    out->failed |= message.failed;
    text_deinit(&message);
}

void tls_hello_write_sslv2(uint16_t version, const uint32_t *kinds, size_t n,
                           struct bytes challenge, struct text *out)
{
    put_u16(out, 0x8000 | (9 + 3 * n + challenge.len));
    put_u8(out, 1);
    put_u16(out, version);
    put_u16(out, 3 * n);
    put_u16(out, 0);
    put_u16(out, challenge.len);
    for (size_t i = 0; i < n; i++) {
        put_u24(out, kinds[i]);
    }
    put_bytes(out, challenge);
}
