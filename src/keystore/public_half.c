#include "keystore/public_half.h"

#include "keystore/der.h"

#define RSA_ENCRYPTION BYTES("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define RSASSA_PSS     BYTES("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")
#define EC_PUBLIC_KEY  BYTES("\x2a\x86\x48\xce\x3d\x02\x01")

enum { RSA_INTEGERS = 8, UNCOMPRESSED = 4 };

static void put_bytes(struct text *out, struct bytes b)
{
    text_put(out, (const char *)b.p, b.len);
}

/* X.690 section 10.1: lengths take as few bytes as they can. */
static void put_header(struct text *out, uint8_t tag, size_t len)
{
    text_putc(out, (char)tag);
    if (len >= 0x10000) {
        text_putc(out, (char)0x83);
        text_putc(out, (char)(len >> 16));
    } else if (len >= 0x100) {
        text_putc(out, (char)0x82);
    } else if (len >= 0x80) {
        text_putc(out, (char)0x81);
    }
    if (len >= 0x100) {
        text_putc(out, (char)(len >> 8));
    }
    text_putc(out, (char)len);
}

static size_t header_len(size_t len)
{
    return len >= 0x10000 ? 5 : (len >= 0x100 ? 4 : (len >= 0x80 ? 3 : 2));
}

/* The next value, of this tag. */
static bool take(struct bytes *left, uint8_t tag, struct der_value *out)
{
    return der_next(left, out) && out->tag == tag;
}

/* All of `der`, a SEQUENCE. */
static bool open_sequence(struct bytes der, struct bytes *out)
{
    struct der_value v;
    bool is_one = take(&der, DER_SEQUENCE, &v) && der.len == 0;
    *out = is_one ? v.content : bytes_of(NULL, 0);
    return is_one && v.content.len < 0xffff;
}

/* RSAPrivateKey of two primes: version 0, n, e, and six more. */
static bool put_rsa(struct bytes key, struct bytes algorithm, struct text *out)
{
    struct bytes left;
    struct der_value v;
    struct der_value n = { 0 };
    struct der_value e = { 0 };
    if (!open_sequence(key, &left) || !take(&left, DER_INTEGER, &v) ||
        !bytes_equal(v.content, BYTES("\0"))) {
        return false;
    }
    for (size_t i = 0; i < RSA_INTEGERS; i++) {
        if (!take(&left, DER_INTEGER, &v) || v.content.len == 0) {
            return false;
        }
        n = i == 0 ? v : n;
        e = i == 1 ? v : e;
    }
    if (left.len > 0) {
        return false;
    }
    size_t numbers = n.whole.len + e.whole.len;
    size_t bits = 1 + header_len(numbers) + numbers;
    put_header(out, DER_SEQUENCE, algorithm.len + header_len(bits) + bits);
    put_bytes(out, algorithm);
    put_header(out, DER_BIT_STRING, bits);
    text_putc(out, '\0'); /* no unused bits */
    put_header(out, DER_SEQUENCE, numbers);
    put_bytes(out, n.whole);
    put_bytes(out, e.whole);
    return true;
}

/* ECPrivateKey: version 1, the key, [0] the curve, [1] the point. */
struct ec_key {
    struct bytes curve; /* the OID, tag and all; empty: not given */
    struct bytes point; /* the BIT STRING, tag and all */
};

static bool parse_ec(struct bytes key, struct ec_key *out)
{
    struct bytes left;
    struct der_value v;
    *out = (struct ec_key){ 0 };
    if (!open_sequence(key, &left) || !take(&left, DER_INTEGER, &v) ||
        !bytes_equal(v.content, BYTES("\1")) || !take(&left, DER_OCTET_STRING, &v) ||
        v.content.len == 0 || !der_next(&left, &v)) {
        return false;
    }
    if (v.tag == 0xa0) {
        out->curve = v.content;
        if (!der_next(&left, &v)) {
            return false;
        }
    }
    struct der_value point;
    struct bytes inside = v.content;
    bool is_point = v.tag == 0xa1 && left.len == 0 && take(&inside, DER_BIT_STRING, &point) &&
                    inside.len == 0 && point.content.len > 2 && point.content.p[0] == 0 &&
                    point.content.p[1] == UNCOMPRESSED;
    out->point = is_point ? v.content : bytes_of(NULL, 0);
    return is_point;
}

static bool is_oid(struct bytes b)
{
    struct der_value v;
    return take(&b, DER_OID, &v) && b.len == 0;
}

static void put_ec(struct bytes algorithm, struct bytes point, struct text *out)
{
    put_header(out, DER_SEQUENCE, algorithm.len + point.len);
    put_bytes(out, algorithm);
    put_bytes(out, point);
}

static bool put_by_algorithm(struct bytes algorithm, struct bytes key, struct text *out)
{
    struct bytes parts;
    struct der_value oid;
    struct ec_key ec;
    if (!open_sequence(algorithm, &parts) || !take(&parts, DER_OID, &oid)) {
        return false;
    }
    if (bytes_equal(oid.content, RSA_ENCRYPTION) || bytes_equal(oid.content, RSASSA_PSS)) {
        return put_rsa(key, algorithm, out);
    }
    if (!bytes_equal(oid.content, EC_PUBLIC_KEY) || !is_oid(parts) || !parse_ec(key, &ec) ||
        (ec.curve.len > 0 && !bytes_equal(ec.curve, parts))) {
        return false;
    }
    put_ec(algorithm, ec.point, out);
    return true;
}

bool public_half_of_pkcs8(struct bytes der, struct text *out)
{
    struct bytes left;
    struct der_value version;
    struct der_value algorithm;
    struct der_value key;
    return open_sequence(der, &left) && take(&left, DER_INTEGER, &version) &&
           bytes_equal(version.content, BYTES("\0")) && take(&left, DER_SEQUENCE, &algorithm) &&
           take(&left, DER_OCTET_STRING, &key) &&
           put_by_algorithm(algorithm.whole, key.content, out);
}

bool public_half_of_traditional(struct bytes der, struct text *out)
{
    static const char rsa[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    struct ec_key ec;
    if (put_rsa(der, bytes_of(rsa, sizeof rsa - 1), out)) {
        return true;
    }
    if (!parse_ec(der, &ec) || !is_oid(ec.curve) || ec.curve.len > 32) {
        return false;
    }
    struct text algorithm = { 0 };
    struct bytes oid = EC_PUBLIC_KEY;
    put_header(&algorithm, DER_SEQUENCE, 2 + oid.len + ec.curve.len);
    put_header(&algorithm, DER_OID, oid.len);
    put_bytes(&algorithm, oid);
    put_bytes(&algorithm, ec.curve);
    put_ec(bytes_of(algorithm.p, algorithm.len), ec.point, out);
    out->failed = out->failed || algorithm.failed;
    text_deinit(&algorithm);
    return true;
}
