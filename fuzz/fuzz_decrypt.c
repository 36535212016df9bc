#include "tls/decrypt.h"

#include <stdlib.h>

/*
 * Records nobody sealed do not open, and nothing is written beyond the room given. An input is the
 * version, the suite, a byte of flags, and then records: a byte for side and action, a length in
 * two bytes, the body.
 */

enum { HEADER_BYTES = 5, RECORD_HEADER_BYTES = 3, SIDE_BIT = 0x80, ACTION_MASK = 0x07 };

static const char secrets[] =
    "CLIENT_RANDOM 0000000000000000000000000000000000000000000000000000000000000000 "
    "0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101"
    "01"
    "\n"
    "CLIENT_EARLY_TRAFFIC_SECRET 0000000000000000000000000000000000000000000000000000000000000000 "
    "0202020202020202020202020202020202020202020202020202020202020202\n"
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET "
    "0000000000000000000000000000000000000000000000000000000000000000 "
    "0303030303030303030303030303030303030303030303030303030303030303\n"
    "SERVER_HANDSHAKE_TRAFFIC_SECRET "
    "0000000000000000000000000000000000000000000000000000000000000000 "
    "0404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404"
    "04"
    "\n"
    "CLIENT_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0505050505050505050505050505050505050505050505050505050505050505\n"
    "SERVER_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 "
    "0505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505"
    "05"
    "\n";

static void open_one(struct decryptor *d, enum side side, uint16_t version, struct bytes body)
{
    size_t len = 0;
    uint8_t type = 0;
    uint8_t *room =
        malloc(body.len > 0 ? body.len : 1); /* exact, so that the sanitizer sees one too far */
    if (room == NULL) {
        return;
    }
    uint8_t record_type = body.len > 0 ? (uint8_t)(20 + body.p[0] % 5) : 23;
    if (decryptor_open(d, side, record_type, version, body, room, &len, &type)) {
        abort(); /* only a forger could, and a MAC is at least 8 bytes */
    }
    if (len != 0) {
        abort();
    }
    free(room);
}

static void run(struct decryptor *d, uint16_t version, struct bytes in)
{
    while (in.len >= RECORD_HEADER_BYTES) {
        enum side side = (in.p[0] & SIDE_BIT) != 0 ? SIDE_SERVER : SIDE_CLIENT;
        unsigned action = in.p[0] & ACTION_MASK;
        struct bytes body = bytes_head(bytes_skip(in, RECORD_HEADER_BYTES), load_be16(in.p + 1));
        in = bytes_skip(in, RECORD_HEADER_BYTES + body.len);
        if (action <= DECRYPT_APPLICATION) {
            decryptor_set_phase(d, side, (enum decrypt_phase)action);
        } else if (action == DECRYPT_APPLICATION + 1) {
            decryptor_update_key(d, side);
        }
        open_one(d, side, version, body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keylog *keylog;
    static const uint8_t zeros[32];
    struct decryptor *d = NULL;
    if (keylog == NULL && (keylog_new(&keylog, NULL) != ST_OK ||
                           keylog_add(keylog, bytes_of_str(secrets), NULL) != ST_OK)) {
        abort();
    }
    if (size < HEADER_BYTES) {
        return 0;
    }
    struct decrypt_params params = { .version = (uint16_t)(0x0300 + data[0] % 6),
                                     .cipher_suite = load_be16(data + 2),
                                     .client_random = bytes_of(zeros, sizeof zeros),
                                     .server_random = bytes_of(zeros, sizeof zeros),
                                     .encrypt_then_mac = (data[4] & 1) != 0 };
    if (decryptor_new(&params, keylog, &d) != ST_OK || d == NULL) {
        return 0;
    }
    run(d, params.version, bytes_of(data + HEADER_BYTES, size - HEADER_BYTES));
    decryptor_free(d);
    return 0;
}
