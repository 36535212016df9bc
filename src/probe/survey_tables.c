/* What is asked for: the candidates of every list, in the order in which servers usually like them.
 */
#include "base/status.h"
#include "probe/survey_internal.h"
#include "tls/names.h"

static const uint16_t likely[] = {
#define LIKELY(value) value,
#include "probe/likely_suites.def"
};

static const uint16_t suites13[] = { 0x1302, 0x1303, 0x1301, 0x1304, 0x1305, 0x1306,
                                     0x1307, 0x00c6, 0x00c7, 0xc0b4, 0xc0b5 };
enum { LIKELY_SUITES13 = 5 };

static const uint16_t all_values[] = {
#define SUITE(value, name, openssl, kx, auth, mode, bytes, hash, weak, needs12, needs13) value,
#include "tls/cipher_suites.def"
};

static const uint16_t groups13[] = {
    0x11ec, 0x11eb, 0x11ed, 0x001d, 0x0017, 0x001e, 0x0019, 0x0018, 0x0100, 0x0101,
    0x0102, 0x0103, 0x0104, 0x001f, 0x0020, 0x0021, 0x0201, 0x0202, 0x0200, 0x6399,
    0x0029, 0x11ee, 0x0022, 0x0023, 0x0024, 0x0025, 0x0026, 0x0027, 0x0028,
};
enum { LIKELY_GROUPS13 = 13 };

static const uint16_t groups12[] = {
    0x001d, 0x0017, 0x001e, 0x0019, 0x0018, 0x001c, 0x001b, 0x001a, 0x0016, 0x000e,
    0x000d, 0x000c, 0x000b, 0x000a, 0x0009, 0x0008, 0x0007, 0x0006, 0x0005, 0x0004,
    0x0003, 0x0002, 0x0001, 0x0015, 0x0014, 0x0013, 0x0012, 0x0011, 0x0010, 0x000f,
};
enum { LIKELY_GROUPS12 = 5 };

static const uint16_t rsa12[] = { 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
                                  0x0301, 0x0201, 0x0809, 0x080a, 0x080b, 0x0101 };
enum { LIKELY_RSA12 = 8 };
static const uint16_t ecdsa12[] = {
    0x0403, 0x0503, 0x0603, 0x0303, 0x0203, 0x0807, 0x0808, 0x0103
};
enum { LIKELY_ECDSA12 = 5 };
static const uint16_t signatures13[] = { 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804,
                                         0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x081a,
                                         0x081b, 0x081c, 0x0904, 0x0905, 0x0906, 0x0708 };
enum { LIKELY_SIGNATURES13 = 8 };

/* IANA, TLS ALPN Protocol IDs; those of HTTP first. */
static const char *const alpn_names[] = {
    "h2",
    "http/1.1",
    "http/1.0",
    "http/0.9",
    "spdy/3.1",
    "spdy/3",
    "spdy/2",
    "grpc-exp",
    "acme-tls/1",
    "stun.turn",
    "stun.nat-discovery",
    "webrtc",
    "c-webrtc",
    "ftp",
    "imap",
    "pop3",
    "managesieve",
    "smtp",
    "nntp",
    "nnsp",
    "dot",
    "coap",
    "xmpp-client",
    "xmpp-server",
    "mqtt",
    "amqp",
    "ntske/1",
    "postgresql",
    "tds/8.0",
    "sip/2",
    "irc",
    "sunrpc",
    "smb",
    "radius/1.0",
    "h2c",
    "doq",
    "h3",
};
enum { LIKELY_ALPN = 4 };

size_t survey_n_alpn(void)
{
    return ARRAY_LEN(alpn_names);
}

const char *survey_alpn_name(uint16_t index)
{
    return index < ARRAY_LEN(alpn_names) ? alpn_names[index] : NULL;
}

uint16_t survey_list_version(enum list_topic t)
{
    switch (t) {
    case LIST_SSL30:
        return 0x0300;
    case LIST_TLS10:
        return 0x0301;
    case LIST_TLS11:
        return 0x0302;
    case LIST_TLS12:
        return 0x0303;
    case LIST_TLS13:
        return 0x0304;
    case LIST_GROUPS13:
    case LIST_GROUPS12:
    case LIST_RSA12:
    case LIST_ECDSA12:
    case LIST_SIGNATURES13:
    case LIST_ALPN:
    case N_LISTS:
        return 0;
    }
    return 0;
}

static bool fits(uint16_t value, uint16_t version)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(value);
    return suite != NULL && !tls_cipher_suite_is_scsv(value) && value != 0 &&
           suite->needs_tls13 == (version == 0x0304) && (!suite->needs_tls12 || version >= 0x0303);
}

static bool is_likely(uint16_t value)
{
    for (size_t i = 0; i < ARRAY_LEN(likely); i++) {
        if (likely[i] == value) {
            return true;
        }
    }
    return false;
}

/* Groups of suites that a server has or has not for one reason: bits 0 to 7 how keys are exchanged,
 * from 8 on with which cipher. */
static uint32_t groups_of(uint16_t value)
{
    const struct tls_cipher_suite *s = tls_cipher_suite(value);
    unsigned exchange = s->auth == TLS_AUTH_ANON    ? 0
                        : s->auth == TLS_AUTH_ECDSA ? 1
                        : s->kx == TLS_KX_ECDHE     ? 2
                        : s->auth == TLS_AUTH_DSS   ? 3
                        : s->kx == TLS_KX_DHE       ? 4
                                                    : 5;
    unsigned cipher = strstr(s->name, "ARIA") != NULL                                  ? 0
                      : strstr(s->name, "CAMELLIA") != NULL                            ? 1
                      : strstr(s->name, "AES") == NULL && s->mode != TLS_MODE_POLY1305 ? 2
                      : s->mode == TLS_MODE_CCM || s->mode == TLS_MODE_CCM_8           ? 3
                      : s->mode == TLS_MODE_POLY1305                                   ? 4
                      : s->mode == TLS_MODE_GCM                                        ? 5
                      : s->hash == TLS_HASH_SHA1                                       ? 6
                                                                                       : 7;
    return 1U << exchange | 1U << (8 + cipher);
}
enum { N_SUITE_GROUPS = 16 };

static void put_candidate(struct enumerator *e, uint16_t value, uint32_t groups)
{
    if (e->n < ENUM_ITEMS_MAX) {
        e->groups[e->n] = groups;
        e->value[e->n++] = value;
    }
}

static void suites_of(struct enumerator *e, uint16_t version)
{
    for (size_t i = 0; i < ARRAY_LEN(likely); i++) {
        if (fits(likely[i], version)) {
            put_candidate(e, likely[i], groups_of(likely[i]));
        }
    }
    e->n_likely = e->n;
    e->n_groups = N_SUITE_GROUPS;
    for (size_t i = 0; i < ARRAY_LEN(all_values); i++) {
        if (fits(all_values[i], version) && !is_likely(all_values[i])) {
            put_candidate(e, all_values[i], 0);
        }
    }
}

static void values_of(struct enumerator *e, const uint16_t *values, size_t n, size_t n_likely)
{
    for (size_t i = 0; i < n; i++) {
        put_candidate(e, values[i], 0);
    }
    e->n_likely = n_likely;
}

/* Puts what usually stands or falls together into groups of so many, in the order of the values. */
static void group_by(struct enumerator *e, const uint8_t *sizes, size_t n)
{
    size_t at = 0;
    for (size_t g = 0; g < n; g++) {
        for (unsigned i = 0; i < sizes[g] && at < e->n; i++) {
            e->groups[at++] = 1U << g;
        }
    }
    e->n_groups = n;
}

static void candidates(struct enumerator *e, enum list_topic t)
{
    switch (t) {
    case LIST_SSL30:
    case LIST_TLS10:
    case LIST_TLS11:
    case LIST_TLS12:
        suites_of(e, survey_list_version(t));
        break;
    case LIST_TLS13:
        values_of(e, suites13, ARRAY_LEN(suites13), LIKELY_SUITES13);
        break;
    case LIST_GROUPS13:
        values_of(e, groups13, ARRAY_LEN(groups13), LIKELY_GROUPS13);
        group_by(e, (const uint8_t[]){ 3, 5, 5 }, 3); /* hybrids, curves, finite fields */
        break;
    case LIST_GROUPS12:
        values_of(e, groups12, ARRAY_LEN(groups12), LIKELY_GROUPS12);
        break;
    case LIST_RSA12:
        values_of(e, rsa12, ARRAY_LEN(rsa12), LIKELY_RSA12);
        break;
    case LIST_ECDSA12:
        values_of(e, ecdsa12, ARRAY_LEN(ecdsa12), LIKELY_ECDSA12);
        break;
    case LIST_SIGNATURES13:
        values_of(e, signatures13, ARRAY_LEN(signatures13), LIKELY_SIGNATURES13);
        group_by(e, (const uint8_t[]){ 1, 2, 2, 3 }, 4); /* ECDSA, larger curves, EdDSA, RSA */
        break;
    case LIST_ALPN:
        for (uint16_t i = 0; i < ARRAY_LEN(alpn_names); i++) {
            put_candidate(e, i, 0);
        }
        e->n_likely = LIKELY_ALPN;
        group_by(e, (const uint8_t[]){ 1, 1, 1, 1 }, LIKELY_ALPN);
        break;
    case N_LISTS:
        break;
    }
}

void survey_candidates_again(struct survey *s, enum list_topic t)
{
    struct enumerator *e = &s->lists[t];
    unsigned n_made = e->n_made;
    *e = (struct enumerator){ .n_made = n_made };
    candidates(e, t);
    e->is_patient = s->options.polite;
    e->budget = s->budget;
    enumerator_start(e);
}

void survey_candidates(struct survey *s)
{
    for (unsigned t = 0; t < N_LISTS; t++) {
        survey_candidates_again(s, (enum list_topic)t);
    }
}

struct tls_u16_list survey_all_suites(uint16_t *room)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(all_values) && n < SUITES_MAX; i++) {
        if (fits(all_values[i], 0x0303)) {
            room[n++] = all_values[i];
        }
    }
    return (struct tls_u16_list){ room, n };
}

struct tls_u16_list survey_suites_by_auth(enum tls_auth auth, bool with13, uint16_t *room)
{
    size_t n = 0;
    for (size_t i = 0; with13 && i < LIKELY_SUITES13; i++) {
        room[n++] = suites13[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(likely); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(likely[i]);
        if (s != NULL && (auth == TLS_AUTH_NONE ? s->auth != TLS_AUTH_ANON : s->auth == auth)) {
            room[n++] = likely[i];
        }
    }
    return (struct tls_u16_list){ room, n };
}

struct tls_u16_list survey_dhe_suites(uint16_t *room)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(likely); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(likely[i]);
        if (s != NULL && s->kx == TLS_KX_DHE) {
            room[n++] = likely[i];
        }
    }
    return (struct tls_u16_list){ room, n };
}

struct tls_u16_list survey_all_groups(void)
{
    static const uint16_t groups[] = { 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100,
                                       0x0101, 0x0102, 0x001c, 0x001b, 0x001a, 0x0016,
                                       0x000e, 0x000d, 0x000c, 0x000b, 0x000a, 0x0009 };
    return (struct tls_u16_list){ groups, ARRAY_LEN(groups) };
}

struct tls_u16_list survey_all_signatures(void)
{
    static const uint16_t all[] = { 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805,
                                    0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
                                    0x0303, 0x0301, 0x0203, 0x0201, 0x0202, 0x0402, 0x0101 };
    return (struct tls_u16_list){ all, ARRAY_LEN(all) };
}
