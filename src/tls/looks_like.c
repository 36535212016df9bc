#include "tls/names.h"
#include "tls/record.h"

enum {
    RECORD_HEADER_BYTES = 5,
    SSLV2_START_BYTES = 11,
    SEALED_BYTES_MIN = 16, /* of an encrypted record: no MAC or tag with its padding is shorter */
};

/* The fields that an SSL 2.0 CLIENT-HELLO begins with (draft-hickman-netscape-ssl section 2.5). */
static int looks_like_sslv2(struct bytes start)
{
    if (start.len >= 3 && start.p[2] != 1) {
        return -1;
    }
    if (start.len < 5) {
        return 0;
    }
    uint16_t version = load_be16(start.p + 3);
    if (version != 0x0002 && (version < 0x0300 || version > 0x0304)) {
        return -1;
    }
    if (start.len < SSLV2_START_BYTES) {
        return 0;
    }
    unsigned ciphers = load_be16(start.p + 5);
    unsigned session_id = load_be16(start.p + 7);
    unsigned challenge = load_be16(start.p + 9);
    bool fits = ciphers > 0 && ciphers % 3 == 0 && (session_id == 0 || session_id == 16) &&
                challenge >= 16 && challenge <= 32 &&
                9 + ciphers + session_id + challenge == (load_be16(start.p) & 0x7fffU);
    return fits ? 1 : -1;
}

/* Can a record of this type have this length as the first of a direction? `first` is the first
 * byte of the body, -1 where it is not there yet. */
static int fits_as_first(uint8_t type, unsigned len, int first)
{
    if (len > TLS_RECORD_LIMIT_BYTES) {
        return -1;
    }
    if (len >= SEALED_BYTES_MIN && type != TLS_CHANGE_CIPHER_SPEC) {
        return 1;
    }
    bool needs_first = (type == TLS_HANDSHAKE && len > 0) || (type == TLS_ALERT && len == 2) ||
                       (type == TLS_CHANGE_CIPHER_SPEC && len == 1);
    if (!needs_first) {
        return -1;
    }
    if (first < 0) {
        return 0;
    }
    if (type == TLS_HANDSHAKE) {
        return tls_handshake_type_name((uint8_t)first) != NULL ? 1 : -1;
    }
    return first == 1 || (type == TLS_ALERT && first == 2) ? 1 : -1;
}

int tls_looks_like(struct bytes start)
{
    if (start.len == 0) {
        return 0;
    }
    if ((start.p[0] & 0x80) != 0) {
        return looks_like_sslv2(start);
    }
    if (start.p[0] < TLS_CHANGE_CIPHER_SPEC || start.p[0] > TLS_APPLICATION_DATA) {
        return -1;
    }
    if ((start.len > 1 && start.p[1] != 3) || (start.len > 2 && start.p[2] > 4)) {
        return -1;
    }
    if (start.len < RECORD_HEADER_BYTES) {
        return 0;
    }
    return fits_as_first(start.p[0], load_be16(start.p + 3), start.len > 5 ? start.p[5] : -1);
}
