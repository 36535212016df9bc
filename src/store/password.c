#include "store/password.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum {
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    LOG2_N = 15,
    LOG2_N_MAX = 20,
    BLOCK = 8,
    BLOCK_MAX = 32,
    PARALLEL = 3,
    PARALLEL_MAX = 16,
    N_FIELDS = 6
};

static const uint64_t MEMORY_MAX = UINT64_C(1200) << 20; /* what the largest parameters take */

struct scrypt {
    unsigned log2_n, r, p;
    uint8_t salt[SALT_BYTES];
    uint8_t hash[HASH_BYTES];
};

static enum status run(const char *password, const struct scrypt *how, uint8_t out[HASH_BYTES],
                       struct err *err)
{
    if (EVP_PBE_scrypt(password, strlen(password), how->salt, sizeof how->salt,
                       UINT64_C(1) << how->log2_n, how->r, how->p, MEMORY_MAX, out,
                       HASH_BYTES) != 1) {
        ERR_clear_error();
        return err_set(err, ST_NOMEM, "scrypt: no memory");
    }
    return ST_OK;
}

static enum status fill_random(void *out, size_t n, struct err *err)
{
    if (RAND_bytes(out, (int)n) != 1) {
        ERR_clear_error();
        return err_set(err, ST_IO, "the random source of OpenSSL fails");
    }
    return ST_OK;
}

enum status password_hash(const char *password, struct text *out, struct err *err)
{
    struct scrypt how = { .log2_n = LOG2_N, .r = BLOCK, .p = PARALLEL };
    TRY(fill_random(how.salt, sizeof how.salt, err));
    TRY(run(password, &how, how.hash, err));
    text_printf(out, "scrypt$%u$%u$%u$", how.log2_n, how.r, how.p);
    text_put_hex(out, bytes_of(how.salt, sizeof how.salt));
    text_putc(out, '$');
    text_put_hex(out, bytes_of(how.hash, sizeof how.hash));
    OPENSSL_cleanse(&how, sizeof how);
    return out->failed ? err_set(err, ST_NOMEM, "scrypt: no memory") : ST_OK;
}

/* --- reading a hash --- */

static struct bytes next_field(struct bytes *left)
{
    size_t n = 0;
    while (n < left->len && left->p[n] != '$') {
        n++;
    }
    struct bytes field = bytes_head(*left, n);
    *left = bytes_skip(*left, n + 1);
    return field;
}

static bool read_number(struct bytes field, unsigned most, unsigned *out)
{
    unsigned value = 0;
    for (size_t i = 0; i < field.len; i++) {
        if (field.p[i] < '0' || field.p[i] > '9' || value > most) {
            return false;
        }
        value = value * 10 + (unsigned)(field.p[i] - '0');
    }
    *out = value;
    return field.len > 0 && value > 0 && value <= most;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct bytes field, uint8_t *out, size_t n)
{
    if (field.len != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int high = digit(field.p[2 * i]);
        int low = digit(field.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_hash(struct bytes text, struct scrypt *out)
{
    struct bytes fields[N_FIELDS];
    for (size_t i = 0; i < N_FIELDS; i++) {
        fields[i] = next_field(&text);
    }
    return text.len == 0 && bytes_equal(fields[0], BYTES("scrypt")) &&
           read_number(fields[1], LOG2_N_MAX, &out->log2_n) &&
           read_number(fields[2], BLOCK_MAX, &out->r) &&
           read_number(fields[3], PARALLEL_MAX, &out->p) &&
           read_hex(fields[4], out->salt, sizeof out->salt) &&
           read_hex(fields[5], out->hash, sizeof out->hash);
}

enum status password_check(const char *password, struct bytes hash, bool *out, struct err *err)
{
    struct scrypt how = { 0 };
    uint8_t found[HASH_BYTES];
    *out = false;
    bool is_known = read_hash(hash, &how);
    if (!is_known) {
        how = (struct scrypt){ .log2_n = LOG2_N, .r = BLOCK, .p = PARALLEL };
    }
    TRY(run(password, &how, found, err));
    bool is_equal = CRYPTO_memcmp(found, how.hash, sizeof found) == 0;
    *out = is_known && is_equal;
    OPENSSL_cleanse(found, sizeof found);
    OPENSSL_cleanse(&how, sizeof how);
    return ST_OK;
}

enum status password_make(char *out, size_t size, struct err *err)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    const unsigned n_letters = sizeof letters - 1;
    size_t at = 0;
    while (at + 1 < size) {
        uint8_t random = 0;
        TRY(fill_random(&random, 1, err));
        if (random < 256 / n_letters * n_letters) { /* else some letters would be likelier */
            out[at++] = letters[random % n_letters];
        }
    }
    out[at] = '\0';
    return ST_OK;
}
