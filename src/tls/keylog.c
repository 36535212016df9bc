#include "tls/keylog.h"

#include "base/hash.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLIENT_RANDOM_BYTES = 32,
    SECRET_BYTES_MAX = 64, /* 48 for a master secret, one hash for a traffic secret */
    N_ENTRIES_MAX = 4 * 1000 * 1000,
    /* The longest line that can be a secret is far below this. */
    LINE_BYTES_MAX = 1024,
    FILE_CHUNK_BYTES = 1 << 16,
    FIRST_ENTRIES = 64,
};

struct entry {
    uint8_t client_random[CLIENT_RANDOM_BYTES];
    uint8_t secret[SECRET_BYTES_MAX];
    uint8_t secret_len;
    uint8_t label;
};

/* Entries in the order they came; `slots` is an open-addressed table of 1-based indices into
 * them, twice as large as the array, so it is never more than half full. */
struct keylog {
    struct hash_key key;
    struct entry *entries;
    size_t n_entries, cap_entries;
    uint32_t *slots;
    size_t n_bad_lines, n_dropped;
};

struct label_row {
    struct bytes name;
    bool is_kept;
    enum keylog_label label;
    size_t secret_min, secret_max;
};

#define NAME(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
/* clang-format off */
static const struct label_row label_rows[] = {
    { NAME("CLIENT_RANDOM"),                   true,  KEYLOG_CLIENT_RANDOM,    48, 48 },
    { NAME("CLIENT_EARLY_TRAFFIC_SECRET"),     true,  KEYLOG_CLIENT_EARLY,     32, SECRET_BYTES_MAX },
    { NAME("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), true,  KEYLOG_CLIENT_HANDSHAKE, 32, SECRET_BYTES_MAX },
    { NAME("SERVER_HANDSHAKE_TRAFFIC_SECRET"), true,  KEYLOG_SERVER_HANDSHAKE, 32, SECRET_BYTES_MAX },
    { NAME("CLIENT_TRAFFIC_SECRET_0"),         true,  KEYLOG_CLIENT_TRAFFIC_0, 32, SECRET_BYTES_MAX },
    { NAME("SERVER_TRAFFIC_SECRET_0"),         true,  KEYLOG_SERVER_TRAFFIC_0, 32, SECRET_BYTES_MAX },
    /* Known, and of no use here. */
    { NAME("EXPORTER_SECRET"),                 false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("EARLY_EXPORTER_SECRET"),           false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("EARLY_EXPORTER_MASTER_SECRET"),    false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("ECH_SECRET"),                      false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("ECH_CONFIG"),                      false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("RSA"),                             false, KEYLOG_N_LABELS,         0,  0 },
    { NAME("PMS_CLIENT_RANDOM"),               false, KEYLOG_N_LABELS,         0,  0 },
};
/* clang-format on */

enum status keylog_new(struct keylog **out, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return err_set(err, ST_NOMEM, "key log: no memory");
    }
    (*out)->key = hash_key_random();
    return ST_OK;
}

static void free_entries(struct keylog *k)
{
    if (k->entries != NULL) {
        OPENSSL_cleanse(k->entries, k->n_entries * sizeof k->entries[0]);
        free(k->entries);
    }
    free(k->slots);
}

void keylog_free(struct keylog *k)
{
    if (k != NULL) {
        free_entries(k);
        free(k);
    }
}

/* The slot of (random, label), or the empty one where it belongs. */
static uint32_t *find_slot(const struct keylog *k, struct bytes random, enum keylog_label label)
{
    size_t mask = 2 * k->cap_entries - 1;
    size_t at = (size_t)(hash_bytes(&k->key, random) + label) & mask;
    while (k->slots[at] != 0) {
        const struct entry *e = &k->entries[k->slots[at] - 1];
        if (e->label == label &&
            bytes_equal(bytes_of(e->client_random, CLIENT_RANDOM_BYTES), random)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return &k->slots[at];
}

/* Doubles the room. The old memory is wiped, which realloc() would not do. */
static enum status grow(struct keylog *k, struct err *err)
{
    struct keylog bigger = *k;
    bigger.cap_entries = k->cap_entries == 0 ? FIRST_ENTRIES : 2 * k->cap_entries;
    bigger.entries = calloc(bigger.cap_entries, sizeof bigger.entries[0]);
    bigger.slots = calloc(2 * bigger.cap_entries, sizeof bigger.slots[0]);
    if (bigger.entries == NULL || bigger.slots == NULL) {
        free(bigger.entries);
        free(bigger.slots);
        return err_set(err, ST_NOMEM, "key log: no memory for %zu secrets", bigger.cap_entries);
    }
    for (size_t i = 0; i < k->n_entries; i++) {
        struct entry *e = &bigger.entries[i];
        *e = k->entries[i];
        struct bytes random = bytes_of(e->client_random, CLIENT_RANDOM_BYTES);
        *find_slot(&bigger, random, (enum keylog_label)e->label) = (uint32_t)(i + 1);
    }
    free_entries(k);
    *k = bigger;
    return ST_OK;
}

static enum status make_room(struct keylog *k, struct err *err)
{
    return k->n_entries < k->cap_entries ? ST_OK : grow(k, err);
}

/* A secret given twice: the later line wins. */
static enum status store(struct keylog *k, const struct entry *e, struct err *err)
{
    TRY(make_room(k, err));
    struct bytes random = bytes_of(e->client_random, CLIENT_RANDOM_BYTES);
    uint32_t *slot = find_slot(k, random, (enum keylog_label)e->label);
    if (*slot != 0) {
        k->entries[*slot - 1] = *e;
    } else if (k->n_entries == N_ENTRIES_MAX) {
        k->n_dropped++;
    } else {
        k->entries[k->n_entries++] = *e;
        *slot = (uint32_t)k->n_entries;
    }
    return ST_OK;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False unless all of `hex` is hexadecimal and gives at most `room` bytes. */
static bool unhex(struct bytes hex, uint8_t *out, size_t room, size_t *out_len)
{
    if (hex.len == 0 || hex.len % 2 != 0 || hex.len / 2 > room) {
        return false;
    }
    for (size_t i = 0; i < hex.len / 2; i++) {
        int hi = hex_digit(hex.p[2 * i]);
        int lo = hex_digit(hex.p[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    *out_len = hex.len / 2;
    return true;
}

static const struct label_row *find_label(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(label_rows); i++) {
        if (bytes_equal(label_rows[i].name, name)) {
            return &label_rows[i];
        }
    }
    return NULL;
}

/* The rest of a line whose label is one that is kept. */
static bool parse_secret(const struct label_row *row, struct bytes rest, struct entry *out)
{
    size_t random_len = 0;
    size_t secret_len = 0;
    if (!unhex(bytes_next_word(&rest), out->client_random, CLIENT_RANDOM_BYTES, &random_len) ||
        random_len != CLIENT_RANDOM_BYTES ||
        !unhex(bytes_next_word(&rest), out->secret, SECRET_BYTES_MAX, &secret_len) ||
        secret_len < row->secret_min || secret_len > row->secret_max) {
        return false;
    }
    out->secret_len = (uint8_t)secret_len;
    out->label = (uint8_t)row->label;
    return bytes_next_word(&rest).len == 0;
}

static enum status add_line(struct keylog *k, struct bytes line, struct err *err)
{
    if (line.len > 0 && line.p[line.len - 1] == '\r') {
        line.len--;
    }
    struct bytes rest = line;
    struct bytes name = bytes_next_word(&rest);
    if (name.len == 0 || name.p[0] == '#') {
        return ST_OK;
    }
    const struct label_row *row = find_label(name);
    if (row != NULL && !row->is_kept) {
        return ST_OK;
    }
    struct entry e = { 0 };
    if (row == NULL || line.len > LINE_BYTES_MAX || !parse_secret(row, rest, &e)) {
        k->n_bad_lines++;
        return ST_OK;
    }
    enum status st = store(k, &e, err);
    OPENSSL_cleanse(&e, sizeof e);
    return st;
}

enum status keylog_add(struct keylog *k, struct bytes text, struct err *err)
{
    enum status st = ST_OK;
    while (st == ST_OK && text.len > 0) {
        const uint8_t *newline = memchr(text.p, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.p) : text.len;
        st = add_line(k, bytes_head(text, len), err);
        text = bytes_skip(text, newline != NULL ? len + 1 : len);
    }
    return st;
}

/* Adds the whole lines of buffer[0..len) and moves the unfinished one to the front, where it
 * stays up to LINE_BYTES_MAX + 1 bytes: a longer one is bad however it ends. */
static enum status add_chunk(struct keylog *k, uint8_t *buffer, size_t *len, struct err *err)
{
    size_t whole = *len;
    while (whole > 0 && buffer[whole - 1] != '\n') {
        whole--;
    }
    TRY(keylog_add(k, bytes_of(buffer, whole), err));
    size_t rest = *len - whole;
    memmove(buffer, buffer + whole, rest);
    *len = rest <= LINE_BYTES_MAX ? rest : LINE_BYTES_MAX + 1;
    return ST_OK;
}

static enum status read_file(struct keylog *k, FILE *f, uint8_t *buffer, struct err *err)
{
    size_t len = 0;
    size_t n = 0;
    enum status st = ST_OK;
    do {
        n = fread(buffer + len, 1, FILE_CHUNK_BYTES - len, f);
        len += n;
        st = add_chunk(k, buffer, &len, err);
    } while (st == ST_OK && n > 0);
    TRY(st);
    return keylog_add(k, bytes_of(buffer, len), err);
}

enum status keylog_add_file(struct keylog *k, const char *path, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return err_sys(err, "%s", path);
    }
    uint8_t *buffer = malloc(FILE_CHUNK_BYTES);
    enum status st = buffer != NULL ? read_file(k, f, buffer, err)
                                    : err_set(err, ST_NOMEM, "%s: no memory", path);
    if (st == ST_OK && ferror(f)) {
        st = err_sys(err, "%s", path); /* a directory, a failing disk */
    }
    if (buffer != NULL) {
        OPENSSL_cleanse(buffer, FILE_CHUNK_BYTES);
        free(buffer);
    }
    fclose(f);
    return st;
}

struct bytes keylog_find(const struct keylog *k, struct bytes client_random,
                         enum keylog_label label)
{
    if (k == NULL || k->n_entries == 0 || client_random.len != CLIENT_RANDOM_BYTES) {
        return (struct bytes){ NULL, 0 };
    }
    uint32_t slot = *find_slot(k, client_random, label);
    if (slot == 0) {
        return (struct bytes){ NULL, 0 };
    }
    return bytes_of(k->entries[slot - 1].secret, k->entries[slot - 1].secret_len);
}

bool keylog_has(const struct keylog *k, struct bytes client_random)
{
    for (int label = 0; label < KEYLOG_N_LABELS; label++) {
        if (keylog_find(k, client_random, (enum keylog_label)label).len > 0) {
            return true;
        }
    }
    return false;
}

size_t keylog_n_entries(const struct keylog *k)
{
    return k->n_entries;
}

size_t keylog_n_bad_lines(const struct keylog *k)
{
    return k->n_bad_lines;
}

size_t keylog_n_dropped(const struct keylog *k)
{
    return k->n_dropped;
}
