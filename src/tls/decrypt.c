#include "tls/decrypt.h"

#include "tls/key_schedule.h"
#include "tls/record.h"
#include "tls/record_cipher.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    SECRET_MAX = 48,
    N_PHASES = 3,
    N_SECRETS = 2 * N_PHASES,
    NO_PHASE = -1,
    KEY_BLOCK_MAX = 2 * (CIPHER_MAC_MAX + CIPHER_KEY_MAX + CIPHER_IV_MAX),
    VERSION_TLS10 = 0x0301,
    VERSION_TLS12 = 0x0303,
    VERSION_TLS13 = 0x0304,
};

struct secret {
    uint8_t bytes[SECRET_MAX];
    size_t len; /* 0: not known */
};

/* TLS 1.3 keeps one traffic secret for each phase; before, the keys of the key block stand ready
 * in `initial`. */
struct decryptor {
    uint16_t version;
    struct record_cipher cipher;
    struct secret secrets[2][N_PHASES];
    struct record_key initial[2];
    struct record_key keys[2];
    int phase[2];           /* enum decrypt_phase or NO_PHASE */
    uint64_t n_unopened[2]; /* while a client's early data may stand in the way */
};

static const enum keylog_label labels[2][N_PHASES] = {
    [SIDE_CLIENT] = { KEYLOG_CLIENT_EARLY, KEYLOG_CLIENT_HANDSHAKE, KEYLOG_CLIENT_TRAFFIC_0 },
    [SIDE_SERVER] = { KEYLOG_N_LABELS, KEYLOG_SERVER_HANDSHAKE, KEYLOG_SERVER_TRAFFIC_0 },
};

/* ---- TLS 1.3 ---- */

static size_t digest_len(const struct record_cipher *c)
{
    return c->suite->hash == TLS_HASH_SHA384 ? 48 : 32;
}

static bool take_secrets13(struct decryptor *d, const struct decrypt_params *params,
                           const struct keylog *keylog)
{
    bool any = false;
    for (size_t i = 0; i < N_SECRETS; i++) {
        struct secret *s = &d->secrets[i / N_PHASES][i % N_PHASES];
        enum keylog_label label = labels[i / N_PHASES][i % N_PHASES];
        struct bytes found = keylog_find(keylog, params->client_random, label);
        if (found.len == digest_len(&d->cipher) && bytes_copy(s->bytes, SECRET_MAX, found)) {
            s->len = found.len;
            any = true;
        }
    }
    return any;
}

/* RFC 8446 section 7.3. */
static bool derive_key13(struct decryptor *d, enum side side)
{
    struct record_key *k = &d->keys[side];
    const struct secret *s = &d->secrets[side][d->phase[side]];
    struct bytes secret = bytes_of(s->bytes, s->len);
    return tls13_expand_label(d->cipher.digest, secret, "key", k->key, d->cipher.key_len) &&
           tls13_expand_label(d->cipher.digest, secret, "iv", k->iv, d->cipher.iv_len) &&
           record_key_start(k, &d->cipher);
}

/* ---- TLS 1.0 to 1.2 ---- */

static const char *prf_digest(const struct decryptor *d)
{
    if (d->version < VERSION_TLS12) {
        return "MD5-SHA1";
    }
    return d->cipher.suite->hash == TLS_HASH_SHA384 ? "SHA384" : "SHA256";
}

/* Cuts the next piece of the key block off for a key. */
static size_t take_piece(const uint8_t *block, size_t at, uint8_t *out, size_t len)
{
    (void)bytes_copy(out, len, bytes_of(block + at, len));
    return at + len;
}

/* RFC 5246 section 6.3: MAC keys, keys and IVs, each of the client and then of the server. */
static bool take_secrets12(struct decryptor *d, const struct decrypt_params *params,
                           const struct keylog *keylog)
{
    const struct record_cipher *c = &d->cipher;
    uint8_t block[KEY_BLOCK_MAX];
    size_t len = 2 * (c->mac_len + c->key_len + c->iv_len);
    struct tls12_key_seed seed = { prf_digest(d),
                                   keylog_find(keylog, params->client_random, KEYLOG_CLIENT_RANDOM),
                                   params->client_random, params->server_random };
    if (seed.master_secret.len == 0 || !tls12_key_block(&seed, block, len)) {
        return false;
    }
    struct record_key *keys = d->initial;
    size_t at = take_piece(block, 0, keys[SIDE_CLIENT].mac_key, c->mac_len);
    at = take_piece(block, at, keys[SIDE_SERVER].mac_key, c->mac_len);
    at = take_piece(block, at, keys[SIDE_CLIENT].key, c->key_len);
    at = take_piece(block, at, keys[SIDE_SERVER].key, c->key_len);
    at = take_piece(block, at, keys[SIDE_CLIENT].iv, c->iv_len);
    (void)take_piece(block, at, keys[SIDE_SERVER].iv, c->iv_len);
    OPENSSL_cleanse(block, sizeof block);
    return true;
}

static bool start_key12(struct decryptor *d, enum side side)
{
    record_key_deinit(&d->keys[side]);
    d->keys[side] = d->initial[side];
    return record_key_start(&d->keys[side], &d->cipher);
}

/* ---- the decryptor ---- */

static bool ready(struct decryptor *d, const struct decrypt_params *params,
                  const struct keylog *keylog)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(params->cipher_suite);
    bool is_13 = params->version == VERSION_TLS13;
    if (suite == NULL || params->version < VERSION_TLS10 || params->version > VERSION_TLS13 ||
        is_13 != (suite->kx == TLS_KX_TLS13) ||
        !record_cipher_init(&d->cipher, suite, params->version)) {
        return false;
    }
    d->version = params->version;
    d->cipher.encrypt_then_mac = params->encrypt_then_mac && suite->mode == TLS_MODE_CBC;
    return is_13 ? take_secrets13(d, params, keylog) : take_secrets12(d, params, keylog);
}

enum status decryptor_new(const struct decrypt_params *params, const struct keylog *keylog,
                          struct decryptor **out)
{
    *out = NULL;
    if (!keylog_has(keylog, params->client_random)) {
        return ST_OK;
    }
    struct decryptor *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return ST_NOMEM;
    }
    d->phase[SIDE_CLIENT] = NO_PHASE;
    d->phase[SIDE_SERVER] = NO_PHASE;
    ERR_set_mark(); /* what cannot be undone is no error of ours */
    bool is_ready = ready(d, params, keylog);
    ERR_pop_to_mark();
    if (!is_ready) {
        decryptor_free(d);
        return ST_OK;
    }
    *out = d;
    return ST_OK;
}

void decryptor_free(struct decryptor *d)
{
    if (d == NULL) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        record_key_deinit(&d->keys[side]);
    }
    record_cipher_deinit(&d->cipher);
    OPENSSL_cleanse(d, sizeof *d);
    free(d);
}

bool decryptor_has(const struct decryptor *d, enum side side, enum decrypt_phase phase)
{
    if (d->version == VERSION_TLS13) {
        return d->secrets[side][phase].len > 0;
    }
    return phase == DECRYPT_APPLICATION;
}

void decryptor_set_phase(struct decryptor *d, enum side side, enum decrypt_phase phase)
{
    d->phase[side] = NO_PHASE;
    d->n_unopened[side] = 0;
    if (!decryptor_has(d, side, phase)) {
        return;
    }
    d->phase[side] = (int)phase;
    ERR_set_mark();
    if (!(d->version == VERSION_TLS13 ? derive_key13(d, side) : start_key12(d, side))) {
        d->phase[side] = NO_PHASE;
    }
    ERR_pop_to_mark();
}

/* RFC 8446 section 7.2. */
void decryptor_update_key(struct decryptor *d, enum side side)
{
    if (d->version != VERSION_TLS13 || d->phase[side] != DECRYPT_APPLICATION) {
        return;
    }
    struct secret *s = &d->secrets[side][DECRYPT_APPLICATION];
    struct secret next = { .len = s->len };
    ERR_set_mark();
    bool ok = tls13_expand_label(d->cipher.digest, bytes_of(s->bytes, s->len), "traffic upd",
                                 next.bytes, next.len);
    if (ok) {
        *s = next;
    }
    if (!ok || !derive_key13(d, side)) {
        d->phase[side] = NO_PHASE;
    }
    ERR_pop_to_mark();
    OPENSSL_cleanse(&next, sizeof next);
}

/* TLSInnerPlaintext: content, type, zeros (RFC 8446 section 5.4). */
static bool take_inner_type(const uint8_t *room, size_t *len, uint8_t *out_type)
{
    while (*len > 0 && room[*len - 1] == 0) {
        (*len)--;
    }
    if (*len == 0) {
        return false;
    }
    *out_type = room[--*len];
    return true;
}

/* Until a record of the client's handshake key opens, records may be early data that the server
 * refused (RFC 8446 section 4.2.10), which do not count, or altered ones, which do. */
static bool open_handshake13(struct decryptor *d, const struct record_view *record, uint8_t *room,
                             size_t *out_len)
{
    struct record_key *k = &d->keys[SIDE_CLIENT];
    uint64_t *n_unopened = &d->n_unopened[SIDE_CLIENT];
    bool ok = record_open13(&d->cipher, k, record, room, out_len);
    if (!ok && *n_unopened > 0) {
        k->sequence = *n_unopened;
        ok = record_open13(&d->cipher, k, record, room, out_len);
    }
    if (ok) {
        k->sequence++;
    } else {
        k->sequence = 0;
        (*n_unopened)++;
    }
    return ok;
}

/* A client whose early data were refused sends no EndOfEarlyData: its handshake key follows
 * without notice. */
static bool open_early13(struct decryptor *d, const struct record_view *record, uint8_t *room,
                         size_t *out_len)
{
    struct record_key *early = &d->keys[SIDE_CLIENT];
    if (record_open13(&d->cipher, early, record, room, out_len)) {
        early->sequence++;
        return true;
    }
    uint64_t sequence = early->sequence;
    decryptor_set_phase(d, SIDE_CLIENT, DECRYPT_HANDSHAKE);
    if (open_handshake13(d, record, room, out_len)) {
        return true;
    }
    decryptor_set_phase(d, SIDE_CLIENT, DECRYPT_EARLY);
    early->sequence = sequence;
    return false;
}

static bool open13(struct decryptor *d, enum side side, const struct record_view *record,
                   uint8_t *room, size_t *out_len)
{
    struct record_key *k = &d->keys[side];
    bool is_client = side == SIDE_CLIENT;
    if (is_client && d->phase[side] == DECRYPT_EARLY) {
        return open_early13(d, record, room, out_len);
    }
    if (is_client && d->phase[side] == DECRYPT_HANDSHAKE && k->sequence == 0) {
        return open_handshake13(d, record, room, out_len);
    }
    bool ok = record_open13(&d->cipher, k, record, room, out_len);
    k->sequence++;
    return ok;
}

/* NOLINTNEXTLINE(readability-function-size): the fields of a record, and what comes out of it */
bool decryptor_open(struct decryptor *d, enum side side, uint8_t type, uint16_t record_version,
                    struct bytes body, uint8_t *room, size_t *out_len, uint8_t *out_type)
{
    struct record_view record = { type, record_version, body };
    bool is_13 = d->version == VERSION_TLS13;
    *out_len = 0;
    *out_type = type;
    if (d->phase[side] == NO_PHASE || (is_13 && type != TLS_APPLICATION_DATA)) {
        return false;
    }
    size_t len = 0;
    ERR_set_mark();
    bool ok = false;
    if (is_13) {
        ok = open13(d, side, &record, room, &len) && take_inner_type(room, &len, out_type);
    } else {
        ok = record_open12(&d->cipher, &d->keys[side], &record, room, &len);
        d->keys[side].sequence++;
    }
    ERR_pop_to_mark();
    *out_len = ok ? len : 0;
    return ok;
}
