#include "tls/extensions.h"

/* SHA-256 of "HelloRetryRequest", RFC 8446 section 4.1.3. */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static void clear(struct tls_server_hello *out)
{
    memset(out, 0, offsetof(struct tls_server_hello, ext));
    tls_extensions_clear(&out->ext);
}

/* Up to draft 21 legacy_version held the draft's number and the message had a form of its own. */
static bool is_old_draft(uint16_t legacy_version)
{
    return legacy_version >> 8 == 0x7f;
}

static void note_version(struct tls_server_hello *out)
{
    out->version = out->legacy_version;
    if (out->ext.supported_versions.len == 2) {
        out->version = load_be16(out->ext.supported_versions.p);
    }
}

static void note_random(struct tls_server_hello *out)
{
    if (out->random.len != sizeof retry_random) {
        return;
    }
    out->is_retry = bytes_equal(out->random, bytes_of(retry_random, sizeof retry_random));
    struct bytes end = bytes_skip(out->random, 24);
    out->downgrade_to_12 = bytes_equal(end, BYTES("DOWNGRD\x01"));
    out->downgrade_to_11 = bytes_equal(end, BYTES("DOWNGRD\x00"));
}

/* RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3. */
bool tls_server_hello_parse(struct bytes body, struct tls_server_hello *out, struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    clear(out);

    out->legacy_version = rd_u16(&r, "legacy_version");
    out->random = rd_bytes(&r, 32, "random");
    note_random(out);
    bool is_old = is_old_draft(out->legacy_version);
    if (!is_old) {
        out->session_id = rd_vec8(&r, 0, 32, "legacy_session_id_echo");
    }
    out->cipher_suite = rd_u16(&r, "cipher_suite");
    if (!is_old) {
        out->compression_method = rd_u8(&r, "legacy_compression_method");
    }
    if (rd_left(&r) > 0) { /* absent up to TLS 1.2 */
        tls_extensions_read(&r, out->is_retry ? TLS_IN_HELLO_RETRY_REQUEST : TLS_IN_SERVER_HELLO,
                            &out->ext);
    }
    note_version(out);
    rd_end(&r, "ServerHello");
    return fault->kind == FAULT_NONE;
}

/* draft-ietf-tls-tls13-18 section 4.1.4; draft 19 added the cipher suite. */
bool tls_hello_retry_request_parse(struct bytes body, struct tls_server_hello *out,
                                   struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    clear(out);
    out->is_retry = true;

    out->legacy_version = rd_u16(&r, "server_version");
    if (out->legacy_version >= 0x7f13) {
        out->cipher_suite = rd_u16(&r, "cipher_suite");
    }
    tls_extensions_read(&r, TLS_IN_HELLO_RETRY_REQUEST, &out->ext);
    note_version(out);
    rd_end(&r, "HelloRetryRequest");
    return fault->kind == FAULT_NONE;
}

/* RFC 8446 section 4.3.1. */
bool tls_encrypted_extensions_parse(struct bytes body, struct tls_extensions *out,
                                    struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    tls_extensions_clear(out);
    tls_extensions_read(&r, TLS_IN_ENCRYPTED_EXTENSIONS, out);
    rd_end(&r, "EncryptedExtensions");
    return fault->kind == FAULT_NONE;
}

bool tls_hello_verify_request_parse(struct bytes body, uint16_t *server_version,
                                    struct bytes *cookie, struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    *server_version = rd_u16(&r, "server_version");
    *cookie = rd_vec8(&r, 0, 255, "cookie");
    rd_end(&r, "HelloVerifyRequest");
    return fault->kind == FAULT_NONE;
}
