#include "tls/fingerprint.h"

#include <openssl/evp.h>

#include "base/status.h"
#include "tls/names.h"

/* Characters on their way into a hash or a text, in pieces, so that nothing is allocated for
 * them. */
struct pen {
    EVP_MD_CTX *hash; /* NULL: into the text */
    struct text *text;
    size_t len;
    char piece[256];
    bool is_first; /* of a list: no separator yet */
};

enum {
    PEN_ROOM = 16,
    HASH_CHARS = 12,
    VALUES_MAX = 1024, /* cipher suites; the registry has about 400 */
};

static void flush(struct pen *pen)
{
    if (pen->hash != NULL) {
        EVP_DigestUpdate(pen->hash, pen->piece, pen->len);
    } else {
        text_put(pen->text, pen->piece, pen->len);
    }
    pen->len = 0;
}

static void put_char(struct pen *pen, char c)
{
    if (pen->len == sizeof pen->piece) {
        flush(pen);
    }
    pen->piece[pen->len++] = c;
}

static void put_separator(struct pen *pen, char separator)
{
    if (!pen->is_first) {
        put_char(pen, separator);
    }
    pen->is_first = false;
}

static char hex_digit(unsigned value)
{
    return "0123456789abcdef"[value & 15];
}

static void put_decimal(struct pen *pen, unsigned value)
{
    char digits[PEN_ROOM];
    size_t at = sizeof digits;
    do {
        digits[--at] = hex_digit(value % 10);
        value /= 10;
    } while (value > 0);
    while (at < sizeof digits) {
        put_char(pen, digits[at++]);
    }
}

static void put_hex(struct pen *pen, uint16_t value)
{
    for (int shift = 12; shift >= 0; shift -= 4) {
        put_char(pen, hex_digit((unsigned)value >> shift));
    }
}

static void put_decimal_list(struct pen *pen, struct bytes list)
{
    put_char(pen, ',');
    pen->is_first = true;
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        if (!tls_is_grease(tls_u16_at(list, i))) {
            put_separator(pen, '-');
            put_decimal(pen, tls_u16_at(list, i));
        }
    }
}

static void put_decimal_extensions(struct pen *pen, const struct tls_extensions *ext)
{
    put_char(pen, ',');
    pen->is_first = true;
    for (size_t i = 0; i < ext->n; i++) {
        if (!tls_is_grease(ext->list[i].type)) {
            put_separator(pen, '-');
            put_decimal(pen, ext->list[i].type);
        }
    }
}

static void write_ja3(struct pen *pen, const struct tls_client_hello *hello)
{
    put_decimal(pen, hello->legacy_version);
    put_decimal_list(pen, hello->cipher_suites);
    put_decimal_extensions(pen, &hello->ext);
    put_decimal_list(pen, hello->ext.supported_groups);
    put_char(pen, ',');
    pen->is_first = true;
    for (size_t i = 0; i < hello->ext.ec_point_formats.len; i++) {
        put_separator(pen, '-');
        put_decimal(pen, hello->ext.ec_point_formats.p[i]);
    }
}

static void write_ja3s(struct pen *pen, const struct tls_server_hello *hello)
{
    put_decimal(pen, hello->legacy_version);
    put_char(pen, ',');
    put_decimal(pen, hello->cipher_suite);
    put_decimal_extensions(pen, &hello->ext);
}

void tls_ja3_put(const struct tls_client_hello *hello, struct text *out)
{
    struct pen pen = { .text = out };
    write_ja3(&pen, hello);
    flush(&pen);
}

void tls_ja3s_put(const struct tls_server_hello *hello, struct text *out)
{
    struct pen pen = { .text = out };
    write_ja3s(&pen, hello);
    flush(&pen);
}

static bool open_hash(struct pen *pen, const EVP_MD *kind)
{
    pen->hash = EVP_MD_CTX_new();
    return pen->hash != NULL && EVP_DigestInit_ex(pen->hash, kind, NULL) == 1;
}

/* Writes the first n_chars of the hash in hexadecimal. */
static bool close_hash(struct pen *pen, bool is_open, char *out, size_t n_chars)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool done = false;
    if (is_open) {
        flush(pen);
        done = EVP_DigestFinal_ex(pen->hash, digest, NULL) == 1;
    }
    for (size_t i = 0; done && i < n_chars; i++) {
        out[i] = hex_digit(i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2]);
    }
    EVP_MD_CTX_free(pen->hash);
    return done;
}

static bool is_complete(const struct tls_extensions *ext)
{
    return ext->n == ext->n_total;
}

static bool end_ja3(struct pen *pen, bool is_open, char out[TLS_JA3_BYTES])
{
    bool done = close_hash(pen, is_open, out, TLS_JA3_BYTES - 1);
    out[done ? TLS_JA3_BYTES - 1 : 0] = '\0';
    return done;
}

bool tls_ja3(const struct tls_client_hello *hello, char out[TLS_JA3_BYTES])
{
    struct pen pen = { 0 };
    out[0] = '\0';
    if (hello->is_sslv2 || !is_complete(&hello->ext)) {
        return false;
    }
    bool is_open = open_hash(&pen, EVP_md5());
    if (is_open) {
        write_ja3(&pen, hello);
    }
    return end_ja3(&pen, is_open, out);
}

bool tls_ja3s(const struct tls_server_hello *hello, char out[TLS_JA3_BYTES])
{
    struct pen pen = { 0 };
    out[0] = '\0';
    if (hello->is_sslv2 || !is_complete(&hello->ext)) {
        return false;
    }
    bool is_open = open_hash(&pen, EVP_md5());
    if (is_open) {
        write_ja3s(&pen, hello);
    }
    return end_ja3(&pen, is_open, out);
}

/* JA4.md, "TLS and DTLS Version": drafts are unknown. */
static const char *version_code(uint16_t version)
{
    static const struct {
        uint16_t version;
        char code[3];
    } codes[] = {
        { 0x0304, "13" }, { 0x0303, "12" }, { 0x0302, "11" }, { 0x0301, "10" }, { 0x0300, "s3" },
        { 0x0002, "s2" }, { 0xfeff, "d1" }, { 0xfefd, "d2" }, { 0xfefc, "d3" },
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].version == version) {
            return codes[i].code;
        }
    }
    return "00";
}

/* "The highest value in the extension", GREASE ignored. */
static uint16_t highest_version(const struct tls_client_hello *hello)
{
    uint16_t highest = 0;
    struct bytes list = hello->ext.supported_versions;
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        uint16_t version = tls_u16_at(list, i);
        if (!tls_is_grease(version) && version > highest) {
            highest = version;
        }
    }
    return highest > 0 ? highest : hello->legacy_version;
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* JA4.md, "ALPN Extension Value": the first and last characters of the first name, of its
 * hexadecimal form where one of them is no letter or digit. */
static void write_alpn(struct bytes list, char out[2])
{
    struct bytes name;
    out[0] = '0';
    out[1] = '0';
    if (!tls_alpn_next(&list, &name) || name.len == 0) {
        return;
    }
    uint8_t first = name.p[0];
    uint8_t last = name.p[name.len - 1];
    if (is_alphanumeric(first) && is_alphanumeric(last)) {
        out[0] = (char)first;
        out[1] = (char)last;
    } else {
        out[0] = hex_digit((unsigned)first >> 4);
        out[1] = hex_digit(last);
    }
}

static void write_count(size_t n, char out[2])
{
    size_t shown = n > 99 ? 99 : n;
    out[0] = hex_digit((unsigned)shown / 10);
    out[1] = hex_digit((unsigned)shown % 10);
}

static void write_nothing(char out[HASH_CHARS])
{
    for (size_t i = 0; i < HASH_CHARS; i++) {
        out[i] = '0';
    }
}

/* Values of a 16-bit registry on their way to being sorted. */
struct values {
    size_t n;
    uint16_t list[VALUES_MAX];
};

/* One pass of Shell's sort. */
static void sort_with_gap(struct values *v, size_t gap)
{
    for (size_t i = gap; i < v->n; i++) {
        uint16_t value = v->list[i];
        size_t at = i;
        while (at >= gap && v->list[at - gap] > value) {
            v->list[at] = v->list[at - gap];
            at -= gap;
        }
        v->list[at] = value;
    }
}

static void sort(struct values *v)
{
    static const size_t gaps[] = { 701, 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < ARRAY_LEN(gaps); g++) {
        sort_with_gap(v, gaps[g]);
    }
}

static void put_values(struct pen *pen, const struct values *v)
{
    pen->is_first = true;
    for (size_t i = 0; i < v->n; i++) {
        put_separator(pen, ',');
        put_hex(pen, v->list[i]);
    }
}

static bool gather_ciphers(const struct tls_client_hello *hello, struct values *out)
{
    out->n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        uint16_t suite = tls_u16_at(hello->cipher_suites, i);
        if (tls_is_grease(suite)) {
            continue;
        }
        if (out->n == VALUES_MAX) {
            return false;
        }
        out->list[out->n++] = suite;
    }
    return true;
}

/* server_name and the protocols are in the first part already; *out_total counts them too. */
static void gather_extensions(const struct tls_extensions *ext, struct values *out,
                              size_t *out_total)
{
    out->n = 0;
    *out_total = 0;
    for (size_t i = 0; i < ext->n; i++) {
        uint16_t type = ext->list[i].type;
        if (tls_is_grease(type)) {
            continue;
        }
        (*out_total)++;
        if (type != TLS_EXT_SERVER_NAME && type != TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION) {
            out->list[out->n++] = type;
        }
    }
}

static void put_signature_algorithms(struct pen *pen, struct bytes list)
{
    pen->is_first = true;
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        uint16_t algorithm = tls_u16_at(list, i);
        if (tls_is_grease(algorithm)) {
            continue;
        }
        put_char(pen, pen->is_first ? '_' : ',');
        pen->is_first = false;
        put_hex(pen, algorithm);
    }
}

static bool hash_ciphers(struct values *ciphers, char out[HASH_CHARS])
{
    struct pen pen = { 0 };
    if (ciphers->n == 0) {
        write_nothing(out);
        return true;
    }
    bool is_open = open_hash(&pen, EVP_sha256());
    if (is_open) {
        sort(ciphers);
        put_values(&pen, ciphers);
    }
    return close_hash(&pen, is_open, out, HASH_CHARS);
}

static bool hash_extensions(struct values *types, struct bytes signature_algorithms,
                            char out[HASH_CHARS])
{
    struct pen pen = { 0 };
    if (types->n == 0) {
        write_nothing(out);
        return true;
    }
    bool is_open = open_hash(&pen, EVP_sha256());
    if (is_open) {
        sort(types);
        put_values(&pen, types);
        put_signature_algorithms(&pen, signature_algorithms);
    }
    return close_hash(&pen, is_open, out, HASH_CHARS);
}

bool tls_ja4(const struct tls_client_hello *hello, enum tls_transport transport,
             char out[TLS_JA4_BYTES])
{
    struct values values;
    size_t n_extensions;
    out[0] = '\0';
    if (hello->is_sslv2 || !is_complete(&hello->ext) || !gather_ciphers(hello, &values)) {
        return false;
    }
    const char *version = version_code(highest_version(hello));
    char ja4[TLS_JA4_BYTES] = "t00i000000_............_............";
    ja4[0] = (char)transport;
    ja4[1] = version[0];
    ja4[2] = version[1];
    ja4[3] = tls_has(&hello->ext, TLS_EXT_SERVER_NAME) ? 'd' : 'i';
    write_count(values.n, ja4 + 4);
    write_alpn(hello->ext.alpn, ja4 + 8);
    if (!hash_ciphers(&values, ja4 + 11)) {
        return false;
    }
    gather_extensions(&hello->ext, &values, &n_extensions);
    write_count(n_extensions, ja4 + 6);
    if (!hash_extensions(&values, hello->ext.signature_algorithms, ja4 + 24)) {
        return false;
    }
    return bytes_copy(out, TLS_JA4_BYTES, bytes_of(ja4, sizeof ja4));
}

/* JA4S.md: the extensions in their order, server_name and the protocols included. */
static bool hash_in_order(const struct tls_extensions *ext, char out[HASH_CHARS])
{
    struct pen pen = { .is_first = true };
    if (ext->n == 0) {
        write_nothing(out);
        return true;
    }
    bool is_open = open_hash(&pen, EVP_sha256());
    for (size_t i = 0; is_open && i < ext->n; i++) {
        put_separator(&pen, ',');
        put_hex(&pen, ext->list[i].type);
    }
    return close_hash(&pen, is_open, out, HASH_CHARS);
}

bool tls_ja4s(const struct tls_server_hello *hello, enum tls_transport transport,
              char out[TLS_JA4S_BYTES])
{
    out[0] = '\0';
    if (hello->is_sslv2 || !is_complete(&hello->ext)) {
        return false;
    }
    const char *version = version_code(hello->version);
    char ja4s[TLS_JA4S_BYTES] = "t000000_...._............";
    ja4s[0] = (char)transport;
    ja4s[1] = version[0];
    ja4s[2] = version[1];
    write_count(hello->ext.n, ja4s + 3);
    write_alpn(hello->ext.alpn, ja4s + 5);
    for (int i = 0; i < 4; i++) {
        ja4s[8 + i] = hex_digit((unsigned)hello->cipher_suite >> (12 - 4 * i));
    }
    if (!hash_in_order(&hello->ext, ja4s + 13)) {
        return false;
    }
    return bytes_copy(out, TLS_JA4S_BYTES, bytes_of(ja4s, sizeof ja4s));
}
