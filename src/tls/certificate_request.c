#include "tls/extensions.h"
#include "tls/message.h"
#include "tls/names.h"

static void walk_authorities(struct reader list)
{
    while (rd_left(&list) > 0) {
        rd_vec16(&list, 1, 65535, "DistinguishedName");
    }
}

static struct bytes read_authorities(struct reader *r, size_t min)
{
    struct reader list = *r;
    struct bytes authorities = rd_vec16(r, min, 65535, "certificate_authorities");
    walk_authorities(rd_sub16(&list, "certificate_authorities"));
    return authorities;
}

/* RFC 5246 section 7.4.4; before TLS 1.2 without the algorithms, RFC 4346 section 7.4.4. */
static void read_until_12(struct reader *r, uint16_t version, struct tls_certificate_request *out)
{
    out->certificate_types = rd_vec8(r, 1, 255, "certificate_types");
    if (version == 0x0303) {
        out->signature_algorithms = tls_rd_u16_list16(r, "supported_signature_algorithms");
    }
    out->authorities = read_authorities(r, 0);
}

/* RFC 8446 section 4.3.2: what it asks for is in extensions. */
static void read_13(struct reader *r, struct bytes message, struct tls_certificate_request *out)
{
    struct tls_extensions ext;
    tls_extensions_clear(&ext);
    out->request_context = rd_vec8(r, 0, 255, "certificate_request_context");
    tls_extensions_read(r, TLS_IN_CERTIFICATE_REQUEST, &ext);
    out->signature_algorithms = ext.signature_algorithms;
    out->signature_algorithms_cert = ext.signature_algorithms_cert;
    if (r->fault->kind == FAULT_NONE) {
        *r->fault = ext.fault;
    }
    struct bytes body = tls_extension_body(&ext, TLS_EXT_CERTIFICATE_AUTHORITIES);
    if (body.len > 0) {
        struct reader names = rd_whole(body, r->fault);
        names.at = (size_t)(body.p - message.p);
        out->authorities = read_authorities(&names, 3);
    }
}

bool tls_certificate_request_parse(struct bytes body, uint16_t version,
                                   struct tls_certificate_request *out, struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    uint16_t format = tls_format_version(version);
    *out = (struct tls_certificate_request){ 0 };
    if (format == 0x0304) {
        read_13(&r, body, out);
    } else {
        read_until_12(&r, format, out);
    }
    rd_end(&r, "CertificateRequest");
    return fault->kind == FAULT_NONE;
}

bool tls_authority_next(struct bytes *list, struct bytes *name_der)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(*list, &fault);
    *name_der = rd_vec16(&r, 0, 65535, "DistinguishedName");
    bool found = fault.kind == FAULT_NONE;
    *list = found ? bytes_of(r.p, r.left) : (struct bytes){ NULL, 0 };
    return found;
}
