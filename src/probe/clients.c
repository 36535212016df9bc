#include "probe/clients.h"

#include <openssl/rand.h>

#include "base/status.h"
#include "tls/hello_write.h"
#include "tls/names.h"

/* --- the table --- */

const struct client clients[] = {
#define CLIENT(id_, name_, year_, record_, legacy_, session_, min_, rsa_, dh_, dh_max_, sha1_,     \
               suites_, extensions_, source_)                                                      \
    { .id = (id_),                                                                                 \
      .name = (name_),                                                                             \
      .year = (year_),                                                                             \
      .record_version = (record_),                                                                 \
      .legacy_version = (legacy_),                                                                 \
      .session_id_len = (session_),                                                                \
      .min_version = (min_),                                                                       \
      .rsa_min_bits = (rsa_),                                                                      \
      .dh_min_bits = (dh_),                                                                        \
      .dh_max_bits = (dh_max_),                                                                    \
      .takes_sha1 = (sha1_),                                                                       \
      .suites = (suites_),                                                                         \
      .extensions = (extensions_),                                                                 \
      .source = (source_) },
#include "probe/clients.def"
};
const size_t n_clients = ARRAY_LEN(clients);

const struct client *client_by_id(struct bytes id)
{
    for (size_t i = 0; i < n_clients; i++) {
        if (bytes_equal(bytes_of_str(clients[i].id), id)) {
            return &clients[i];
        }
    }
    return NULL;
}

static enum status unknown_client(struct bytes id, struct err *err)
{
    struct text known = { 0 };
    for (size_t i = 0; i < n_clients; i++) {
        text_printf(&known, "%s%s", i == 0 ? "" : ", ", clients[i].id);
    }
    err_set(err, ST_USAGE, "--as '%.*s': it is \"all\" or of %s", (int)bytes_head(id, 40).len,
            (const char *)id.p, text_str(&known));
    text_deinit(&known);
    return ST_USAGE;
}

enum status clients_parse(const char *list, const struct client *out[CLIENTS_MAX], size_t *n,
                          struct err *err)
{
    struct bytes left = bytes_of_str(list);
    *n = 0;
    if (strcmp(list, "all") == 0) {
        for (; *n < n_clients && *n < CLIENTS_MAX; (*n)++) {
            out[*n] = &clients[*n];
        }
        return ST_OK;
    }
    while (left.len > 0) {
        const uint8_t *comma = memchr(left.p, ',', left.len);
        struct bytes id = comma == NULL ? left : bytes_head(left, (size_t)(comma - left.p));
        const struct client *c = client_by_id(id);
        if (c == NULL) {
            return unknown_client(id, err);
        }
        if (*n == CLIENTS_MAX) {
            return err_set(err, ST_USAGE, "--as: at most %d clients", CLIENTS_MAX);
        }
        out[(*n)++] = c;
        left = comma == NULL ? bytes_of(NULL, 0) : bytes_skip(left, id.len + 1);
    }
    return *n > 0 ? ST_OK : err_set(err, ST_USAGE, "--as: names no client");
}

/* --- the hello --- */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex digits up to the first that is none; the cursor stands behind them. */
static void put_hex(const char **s, struct text *out)
{
    while (digit((*s)[0]) >= 0 && digit((*s)[1]) >= 0) {
        text_putc(out, (char)(digit((*s)[0]) << 4 | digit((*s)[1])));
        *s += 2;
    }
}

static uint16_t hex16(const char **s)
{
    unsigned v = 0;
    for (int i = 0; i < 4 && digit(**s) >= 0; i++, (*s)++) {
        v = v << 4 | (unsigned)digit(**s);
    }
    return (uint16_t)v;
}

static struct bytes bytes_of_text(const struct text *t)
{
    return bytes_of(t->p, t->len);
}

/* "9a9a,001d": a fresh share of each; GREASE has one byte (RFC 8701 section 3.1). */
static bool add_shares(struct tls_hello_draft *d, const char **s, struct client_hello *out)
{
    static const uint8_t grease[] = { 0 };
    struct tls_key_share_entry entries[CLIENT_SHARES_MAX + 2];
    size_t n = 0;
    while (digit(**s) >= 0 && n < ARRAY_LEN(entries)) {
        uint16_t group = hex16(s);
        *s += **s == ',' ? 1 : 0;
        if (tls_is_grease(group)) {
            entries[n++] = (struct tls_key_share_entry){ group, bytes_of(grease, 1) };
            continue;
        }
        struct tls_key_share *share = &out->shares[out->n_shares];
        if (out->n_shares == CLIENT_SHARES_MAX || !tls_key_share_init(share, group)) {
            return false;
        }
        out->n_shares++;
        entries[n++] =
            (struct tls_key_share_entry){ group, bytes_of(share->public_key, share->public_len) };
    }
    tls_draft_key_shares(d, entries, n);
    return n > 0;
}

enum { PADDED_FLOOR = 256, PADDED_TO = 512, HEADER_BYTES = 4 };

/* What Chrome and OpenSSL do against servers that hang at 256 to 511 bytes (RFC 7685). */
static void add_padding(struct tls_hello_draft *d)
{
    struct text so_far = { 0 };
    tls_hello_write_body(d, &so_far);
    size_t len = so_far.len + HEADER_BYTES;
    text_deinit(&so_far);
    if (len >= PADDED_FLOOR && len < PADDED_TO) {
        tls_draft_pad_to(d, PADDED_TO);
    }
}

/* One token of `extensions`. */
static bool add_extension(struct tls_hello_draft *d, const char **s, struct bytes name,
                          struct client_hello *out)
{
    uint16_t type = hex16(s);
    struct text body = { 0 };
    if (**s == '*') {
        (*s)++;
        return add_shares(d, s, out);
    }
    if (**s == '=') {
        (*s)++;
        put_hex(s, &body);
    }
    if (type == TLS_EXT_SERVER_NAME) {
        if (name.len > 0) {
            tls_draft_server_name(d, name);
        }
    } else if (type == TLS_EXT_PADDING) {
        add_padding(d);
    } else {
        tls_draft_extension(d, type, bytes_of_text(&body));
    }
    text_deinit(&body);
    return true;
}

static size_t read_suites(const char *s, uint16_t *out, size_t room)
{
    size_t n = 0;
    while (*s != '\0' && n < room) {
        out[n++] = hex16(&s);
        s += *s == ' ' ? 1 : 0;
    }
    return n;
}

static bool fill_draft(const struct client *c, struct bytes name, struct tls_hello_draft *d,
                       struct client_hello *out)
{
    const char *s = c->extensions;
    while (*s != '\0') {
        if (!add_extension(d, &s, name, out) || (*s != ' ' && *s != '\0')) {
            return false;
        }
        s += *s == ' ' ? 1 : 0;
    }
    tls_hello_write_body(d, &out->body);
    return !out->body.failed && !d->extensions.failed;
}

bool client_hello_make(const struct client *c, struct bytes name, struct client_hello *out)
{
    uint8_t session[32];
    uint16_t suites[256];
    struct tls_hello_draft d = { .legacy_version = c->legacy_version };
    *out = (struct client_hello){ .n_shares = 0 };
    if (RAND_bytes(d.random, sizeof d.random) != 1 || RAND_bytes(session, sizeof session) != 1) {
        return false;
    }
    d.session_id = bytes_of(session, c->session_id_len <= 32 ? c->session_id_len : 32);
    d.cipher_suites =
        (struct tls_u16_list){ suites, read_suites(c->suites, suites, ARRAY_LEN(suites)) };
    bool made = fill_draft(c, name, &d, out);
    tls_draft_deinit(&d);
    return made;
}

void client_hello_deinit(struct client_hello *h)
{
    for (size_t i = 0; i < h->n_shares; i++) {
        tls_key_share_deinit(&h->shares[i]);
    }
    h->n_shares = 0;
    text_deinit(&h->body);
}

bool client_sends_name(const struct client *c)
{
    struct bytes left = bytes_of_str(c->extensions);
    while (left.len > 0) {
        if (bytes_equal(bytes_next_word(&left), BYTES("0000"))) {
            return true;
        }
    }
    return false;
}
