#include <zlib.h>
#include <zstd.h>

#include "tls/message.h"
#include "tls/names.h"

#ifndef HAVE_BROTLI
#define HAVE_BROTLI 0 /* the build says 1 where the library is there */
#endif
#if HAVE_BROTLI
#include <brotli/decode.h>
#endif

enum { UNCOMPRESSED_LIMIT_BYTES = 1 << 20 };

static struct bytes read_ocsp_status(struct reader *r)
{
    if (rd_u8(r, "status_type") != 1) {
        rd_rest(r);
        return (struct bytes){ NULL, 0 };
    }
    return rd_vec24(r, 1, 0xffffff, "OCSPResponse");
}

/* RFC 8446 section 4.4.2.1. */
static void read_entry_extension(uint16_t type, struct reader *body, bool is_first,
                                 struct tls_certificate *out)
{
    if (type == TLS_EXT_SIGNED_CERTIFICATE_TIMESTAMP) {
        out->has_sct = true;
    }
    if (type == TLS_EXT_STATUS_REQUEST && is_first) {
        out->ocsp_response = read_ocsp_status(body);
    }
}

static void read_entry_extensions(struct reader *list, bool is_first, struct tls_certificate *out)
{
    struct reader extensions = rd_sub16(list, "extensions");
    while (rd_left(&extensions) > 0) {
        uint16_t type = rd_u16(&extensions, "extension_type");
        struct reader body = rd_sub16(&extensions, "extension_data");
        read_entry_extension(type, &body, is_first, out);
    }
}

static void read_entry(struct reader *list, bool is_13, struct tls_certificate *out)
{
    struct bytes certificate = rd_vec24(list, 1, 0xffffff, "cert_data");
    if (list->fault->kind != FAULT_NONE) {
        return;
    }
    if (out->n < TLS_CERTIFICATES_MAX) {
        out->list[out->n++] = certificate;
    }
    out->n_total++;
    if (is_13) {
        read_entry_extensions(list, out->n_total == 1, out);
    }
}

/* RFC 8446 section 4.4.2, RFC 5246 section 7.4.2. */
bool tls_certificate_parse(struct bytes body, uint16_t version, struct tls_certificate *out,
                           struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    bool is_13 = tls_format_version(version) == 0x0304;
    *out = (struct tls_certificate){ 0 };

    if (is_13) {
        out->request_context = rd_vec8(&r, 0, 255, "certificate_request_context");
    }
    struct reader list = rd_sub24(&r, "certificate_list");
    while (rd_left(&list) > 0) {
        read_entry(&list, is_13, out);
    }
    rd_end(&r, "Certificate");
    return fault->kind == FAULT_NONE;
}

/* RFC 8879 section 3, CertificateCompressionAlgorithm. */
enum compression { ZLIB = 1, BROTLI = 2, ZSTD = 3 };

static bool can_uncompress(uint16_t algorithm)
{
    return algorithm == ZLIB || algorithm == ZSTD || (HAVE_BROTLI && algorithm == BROTLI);
}

static bool uncompress_zlib(struct bytes from, uint8_t *to, size_t len)
{
    uLongf out_len = (uLongf)len;
    uLong in_len = (uLong)from.len;
    return uncompress2(to, &out_len, from.p, &in_len) == Z_OK && out_len == len &&
           in_len == from.len;
}

static bool uncompress_brotli(struct bytes from, uint8_t *to, size_t len)
{
#if HAVE_BROTLI
    size_t out_len = len;
    return BrotliDecoderDecompress(from.len, from.p, &out_len, to) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           out_len == len;
#else
    (void)from;
    (void)to;
    (void)len;
    return false;
#endif
}

static bool uncompress_into(uint16_t algorithm, struct bytes from, uint8_t *to, size_t len)
{
    switch (algorithm) {
    case ZLIB:
        return uncompress_zlib(from, to, len);
    case BROTLI:
        return uncompress_brotli(from, to, len);
    default:
        return ZSTD_decompress(to, len, from.p, from.len) == len;
    }
}

bool tls_compressed_certificate_parse(struct bytes body, uint16_t version, struct arena *arena,
                                      struct tls_certificate *out, bool *unsupported,
                                      struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    *out = (struct tls_certificate){ 0 };
    *unsupported = false;

    uint16_t algorithm = rd_u16(&r, "algorithm");
    uint32_t len = rd_u24(&r, "uncompressed_length");
    if (len == 0 || len > UNCOMPRESSED_LIMIT_BYTES) {
        rd_fail(&r, FAULT_MALFORMED, "uncompressed_length");
    }
    struct bytes compressed = rd_vec24(&r, 1, 0xffffff, "compressed_certificate_message");
    rd_end(&r, "CompressedCertificate");
    if (fault->kind != FAULT_NONE) {
        return false;
    }
    uint8_t *plain = can_uncompress(algorithm) ? arena_alloc(arena, len) : NULL;
    if (plain == NULL) {
        *unsupported = true;
        return true;
    }
    if (!uncompress_into(algorithm, compressed, plain, len)) {
        rd_fail(&r, FAULT_MALFORMED, "compressed_certificate_message");
        return false;
    }
    return tls_certificate_parse(bytes_of(plain, len), version, out, fault);
}

/* RFC 6961 section 2.2: the first response of the list that is there. */
static struct bytes read_ocsp_multi(struct reader *r)
{
    struct bytes first = { NULL, 0 };
    struct reader list = rd_sub24(r, "ocsp_response_list");
    while (rd_left(&list) > 0) {
        struct bytes response = rd_vec24(&list, 0, 0xffffff, "OCSPResponse");
        if (first.len == 0) {
            first = response;
        }
    }
    return first;
}

/* RFC 6066 section 8. */
bool tls_certificate_status_parse(struct bytes body, struct bytes *ocsp_response,
                                  struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    *ocsp_response = (struct bytes){ NULL, 0 };

    uint8_t type = rd_u8(&r, "status_type");
    if (type == 1) {
        *ocsp_response = rd_vec24(&r, 1, 0xffffff, "OCSPResponse");
    } else if (type == 2) {
        *ocsp_response = read_ocsp_multi(&r);
    } else {
        rd_fail(&r, FAULT_MALFORMED, "status_type");
    }
    rd_end(&r, "CertificateStatus");
    return fault->kind == FAULT_NONE;
}
