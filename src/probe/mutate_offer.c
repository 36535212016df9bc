/* Cipher suites, groups, key shares and signature algorithms: more of them, or less. */
#include "probe/mutate_internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/status.h"
#include "tls/names.h"

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304, PUBLIC_KEY_MAX_BYTES = 160 };

/* Ended by 0. Groups of RFC 8446 section 4.2.7 and RFC 8422, RFC 7027, RFC 8734. */
const uint16_t common_groups[] = { 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100, 0x0101, 0x0102,
                                   0x001a, 0x001b, 0x001c, 0x001f, 0x0020, 0x0021, 0 };
static const uint16_t pq_groups[] = { 0x11ec, 0x11eb, 0x11ed, 0x0201, 0x0202, 0x0200, 0x6399, 0 };
static const uint16_t old_groups[] = { 0x0016, 0x0015, 0x0014, 0x0013, 0x0012, 0x0103, 0x0104,
                                       0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007,
                                       0x0008, 0x0009, 0x000a, 0x000b, 0x000c, 0x000d, 0x000e,
                                       0x000f, 0x0010, 0x0011, 0x0022, 0x0023, 0x0024, 0x0025,
                                       0x0026, 0x0027, 0x0028, 0x0029, 0 };
/* RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1, RFC 8734, ML-DSA. */
const uint16_t common_signatures[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806,
                                       0x0601, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b,
                                       0x0301, 0x0303, 0x0203, 0x0201, 0x0402, 0x0502, 0x0602,
                                       0x0302, 0x0202, 0x081a, 0x081b, 0x081c, 0x0101, 0x0904,
                                       0x0905, 0x0906, 0 };

size_t u16_count(const uint16_t *list)
{
    size_t n = 0;
    while (list[n] != 0) {
        n++;
    }
    return n;
}

bool form_add_u16(struct hello_form *form, uint16_t type, const uint16_t *values, size_t n,
                  struct arena *arena)
{
    struct bytes list = hello_form_u16_list(form, type);
    struct bytes more = u16_list_with(list, values, n, arena);
    return more.len > list.len && hello_form_set_u16_list(form, type, more, arena);
}

bool form_add_suites(struct hello_form *form, const uint16_t *values, size_t n, struct arena *arena)
{
    struct bytes more = u16_list_with(form->cipher_suites, values, n, arena);
    if (more.len <= form->cipher_suites.len) {
        return false;
    }
    form->cipher_suites = more;
    return true;
}

/* --- groups --- */

bool group_is_post_quantum(uint16_t group)
{
    return (group >= 0x0200 && group <= 0x0202) || (group >= 0x11eb && group <= 0x11ee) ||
           group == 0x4138 || group == 0x6399 || group == 0x639a || group == 0xfe30 ||
           group == 0xfe31;
}

bool change_groups(struct mutating *m)
{
    static const uint16_t *const classes[] = { common_groups, pq_groups, old_groups };
    const uint16_t *values = classes[m->arg];
    /* Without the extension any group will do (RFC 8422 section 4), and 1.3 is not offered. */
    return hello_form_u16_list(m->to, TLS_EXT_SUPPORTED_GROUPS).len > 0 &&
           (m->arg != 1 || hello_form_offers_tls13(m->to)) &&
           form_add_u16(m->to, TLS_EXT_SUPPORTED_GROUPS, values, u16_count(values), m->arena);
}

/* --- key shares --- */

static EVP_PKEY *fresh_key(uint16_t group)
{
    static const struct {
        uint16_t group;
        const char *type, *curve;
    } kinds[] = {
        { 0x001d, "X25519", NULL }, { 0x0017, "EC", "P-256" }, { 0x0018, "EC", "P-384" },
        { 0x0019, "EC", "P-521" },  { 0x001e, "X448", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].group == group) {
            return kinds[i].curve == NULL
                       ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type)
                       : EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type, kinds[i].curve);
        }
    }
    return NULL;
}

/* A public key of the group in the form of RFC 8446 section 4.2.8.2; 0 where none can be made. */
static size_t fresh_share(uint16_t group, uint8_t out[PUBLIC_KEY_MAX_BYTES])
{
    size_t len = 0;
    EVP_PKEY *key = fresh_key(group);
    if (key == NULL || EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out,
                                                       PUBLIC_KEY_MAX_BYTES, &len) != 1) {
        len = 0;
    }
    EVP_PKEY_free(key);
    return len;
}

static bool has_share(struct bytes list, uint16_t group)
{
    uint16_t here;
    struct bytes key;
    while (tls_key_share_next(&list, &here, &key)) {
        if (here == group) {
            return true;
        }
    }
    return false;
}

/* `list` with one more entry; p == NULL where none can be made. */
static struct bytes with_share(struct bytes list, uint16_t group, struct arena *arena)
{
    uint8_t key[PUBLIC_KEY_MAX_BYTES];
    size_t len = fresh_share(group, key);
    uint8_t *p = len == 0 ? NULL : arena_alloc(arena, list.len + 4 + len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    bytes_copy(p, list.len, list);
    uint8_t *entry = p + list.len;
    entry[0] = (uint8_t)(group >> 8);
    entry[1] = (uint8_t)group;
    entry[2] = (uint8_t)(len >> 8);
    entry[3] = (uint8_t)len;
    bytes_copy(entry + 4, len, bytes_of(key, len));
    return bytes_of(p, list.len + 4 + len);
}

/* Entries to the last byte: behind anything else nothing can be added that a server would read. */
static bool is_whole(struct bytes list)
{
    struct bytes here = list;
    struct bytes key;
    uint16_t group;
    while (tls_key_share_next(&list, &group, &key)) {
        here = bytes_skip(here, 4 + key.len);
    }
    return here.len == 0;
}

bool form_add_shares(struct hello_form *form, size_t max, struct arena *arena)
{
    struct bytes groups = hello_form_u16_list(form, TLS_EXT_SUPPORTED_GROUPS);
    struct bytes list = hello_form_vec16(form, TLS_EXT_KEY_SHARE);
    size_t n = 0;
    bool is_broken = list.len == 0 && hello_form_has(form, TLS_EXT_KEY_SHARE) &&
                     hello_form_find(form, TLS_EXT_KEY_SHARE)->body.len != 2;
    if (is_broken || !is_whole(list)) {
        return false;
    }
    for (size_t i = 0; i < tls_u16_count(groups) && n < max; i++) {
        uint16_t group = tls_u16_at(groups, i);
        struct bytes more =
            has_share(list, group) ? (struct bytes){ NULL, 0 } : with_share(list, group, arena);
        if (more.p != NULL) {
            list = more;
            n++;
        }
    }
    return n > 0 && hello_form_set_vec16(form, TLS_EXT_KEY_SHARE, list, arena);
}

bool change_shares(struct mutating *m)
{
    return hello_form_offers_tls13(m->to) && hello_form_has(m->to, TLS_EXT_KEY_SHARE) &&
           form_add_shares(m->to, 8, m->arena);
}

/* Drops entries of key_share; false where it holds anything else. */
static bool filter_shares(struct hello_form *form, bool (*drops)(uint16_t group),
                          struct arena *arena)
{
    struct bytes list = hello_form_vec16(form, TLS_EXT_KEY_SHARE);
    uint8_t *p = arena_alloc(arena, list.len);
    struct bytes here = list;
    struct bytes key;
    size_t at = 0;
    uint16_t group;
    while (p != NULL && tls_key_share_next(&list, &group, &key)) {
        size_t len = 4 + key.len;
        if (!drops(group) && bytes_copy(p + at, here.len, bytes_head(here, len))) {
            at += len;
        }
        here = bytes_skip(here, len);
    }
    return p != NULL && here.len == 0 &&
           hello_form_set_vec16(form, TLS_EXT_KEY_SHARE, bytes_of(p, at), arena);
}

bool change_pq(struct mutating *m)
{
    struct bytes groups = hello_form_u16_list(m->to, TLS_EXT_SUPPORTED_GROUPS);
    struct bytes left = u16_list_without(groups, group_is_post_quantum, m->arena);
    if (left.p == NULL || left.len == groups.len ||
        !hello_form_set_u16_list(m->to, TLS_EXT_SUPPORTED_GROUPS, left, m->arena)) {
        return false;
    }
    if (!hello_form_has(m->to, TLS_EXT_KEY_SHARE)) {
        return true;
    }
    if (!filter_shares(m->to, group_is_post_quantum, m->arena)) {
        return false;
    }
    if (hello_form_vec16(m->to, TLS_EXT_KEY_SHARE).len == 0) {
        form_add_shares(m->to, 1, m->arena); /* an empty list is legal, and rare */
    }
    return true;
}

bool change_one_share(struct mutating *m)
{
    struct bytes list = hello_form_vec16(m->to, TLS_EXT_KEY_SHARE);
    struct bytes here = list;
    struct bytes smallest = { NULL, 0 };
    struct bytes key;
    size_t n = 0;
    uint16_t group;
    while (tls_key_share_next(&list, &group, &key)) {
        struct bytes entry = bytes_head(here, 4 + key.len);
        bool is_real = !tls_is_grease(group);
        if (is_real && (smallest.p == NULL || entry.len < smallest.len)) {
            smallest = entry;
        }
        here = bytes_skip(here, entry.len);
        n++;
    }
    return n > 1 && smallest.p != NULL && here.len == 0 &&
           hello_form_set_vec16(m->to, TLS_EXT_KEY_SHARE, smallest, m->arena);
}

/* --- signature algorithms --- */

enum key_kind { KEY_RSA = 1, KEY_ECDSA = 2, KEY_DSA = 4, KEY_EDWARDS = 8, KEY_OTHER = 16 };

static enum key_kind key_kind_of(uint16_t algorithm)
{
    unsigned hash = algorithm >> 8;
    unsigned kind = algorithm & 0xff;
    if (hash >= 1 && hash <= 6 && kind >= 1 && kind <= 3) { /* RFC 5246's pairs */
        return kind == 1 ? KEY_RSA : kind == 2 ? KEY_DSA : KEY_ECDSA;
    }
    if (algorithm >= 0x0804 && algorithm <= 0x0806) {
        return KEY_RSA;
    }
    if (algorithm >= 0x081a && algorithm <= 0x081c) {
        return KEY_ECDSA;
    }
    return algorithm == 0x0807 || algorithm == 0x0808 ? KEY_EDWARDS : KEY_OTHER;
}

static unsigned key_kinds_of(struct bytes list)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        kinds |= (unsigned)key_kind_of(tls_u16_at(list, i));
    }
    /* RFC 5246 section 7.4.1.4.1: without the extension, SHA-1 with each kind. */
    return list.len == 0 ? KEY_RSA | KEY_ECDSA | KEY_DSA : kinds;
}

/* arg 0: for the kinds of key that are taken now; 1: for all; 2: of certificates. */
bool change_signatures(struct mutating *m)
{
    uint16_t type = m->arg == 2 ? TLS_EXT_SIGNATURE_ALGORITHMS_CERT : TLS_EXT_SIGNATURE_ALGORITHMS;
    struct bytes list = hello_form_u16_list(m->to, type);
    bool is_broken = list.len == 0 && hello_form_has(m->to, type);
    if (is_broken || (list.len == 0 && m->arg != 0) || hello_form_max_version(m->to) < TLS_1_2) {
        return false;
    }
    unsigned kinds = m->arg == 0 ? key_kinds_of(list) : ~0U;
    uint16_t values[64];
    size_t n = 0;
    for (size_t i = 0; common_signatures[i] != 0 && n < ARRAY_LEN(values); i++) {
        if ((kinds & (unsigned)key_kind_of(common_signatures[i])) != 0) {
            values[n++] = common_signatures[i];
        }
    }
    bool covers_all = m->arg == 1 && key_kinds_of(list) == ~0U;
    return !covers_all && form_add_u16(m->to, type, values, n, m->arena);
}

/* --- cipher suites --- */

static const uint16_t registry[] = {
#define SUITE(value, ...) value,
#include "tls/cipher_suites.def"
};

static bool takes_certificate(const struct tls_cipher_suite *s)
{
    bool kx = s->kx == TLS_KX_RSA || s->kx == TLS_KX_DHE || s->kx == TLS_KX_ECDHE;
    return kx && (s->auth == TLS_AUTH_RSA || s->auth == TLS_AUTH_ECDSA || s->auth == TLS_AUTH_DSS);
}

static unsigned class_of(const struct tls_cipher_suite *s)
{
    bool is_13 = s->kx == TLS_KX_TLS13;
    bool is_anonymous = s->auth == TLS_AUTH_ANON || s->kx == TLS_KX_DH || s->kx == TLS_KX_ECDH;
    if (!is_13 && !takes_certificate(s) && !is_anonymous) {
        return 2;
    }
    bool is_old = tls_cipher_suite_is_weak(s->value) || is_anonymous || s->auth == TLS_AUTH_DSS;
    return is_old ? 1 : 0;
}

size_t suites_of_class(unsigned suite_class, unsigned auths, bool tls13, uint16_t out[SUITES_ROOM])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(registry) && n < SUITES_ROOM; i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(registry[i]);
        if (s == NULL || s->kx == TLS_KX_NONE || class_of(s) != suite_class) {
            continue;
        }
        bool is_13 = s->kx == TLS_KX_TLS13;
        if (is_13 ? tls13 : (auths & (1U << s->auth)) != 0) {
            out[n++] = s->value;
        }
    }
    return n;
}

/* The kinds of certificate key that the offered suites take. */
static unsigned auths_of(struct bytes suites)
{
    unsigned auths = 0;
    for (size_t i = 0; i < tls_u16_count(suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(suites, i));
        bool counts = s != NULL && takes_certificate(s);
        auths |= counts ? 1U << s->auth : 0;
    }
    return auths;
}

bool change_suites(struct mutating *m)
{
    uint16_t values[SUITES_ROOM];
    unsigned auths = m->arg == 0 ? auths_of(m->to->cipher_suites) : ~0U;
    size_t n = suites_of_class(m->arg, auths, hello_form_offers_tls13(m->to), values);
    return form_add_suites(m->to, values, n, m->arena);
}

/* A certificate's key decides over the suite up to TLS 1.2, and over the signature algorithm. */
bool change_suites_key(struct mutating *m)
{
    uint16_t values[SUITES_ROOM];
    unsigned all = 1U << TLS_AUTH_RSA | 1U << TLS_AUTH_ECDSA | 1U << TLS_AUTH_DSS;
    unsigned auths = auths_of(m->to->cipher_suites);
    bool lacks_one = (auths & (1U << TLS_AUTH_RSA)) == 0 || (auths & (1U << TLS_AUTH_ECDSA)) == 0;
    bool only_13 = hello_form_offers_tls13(m->to) && !hello_form_offers_version(m->to, TLS_1_2);
    size_t n = suites_of_class(0, all, false, values);
    if (!lacks_one || only_13 || !form_add_suites(m->to, values, n, m->arena)) {
        return false;
    }
    if (hello_form_u16_list(m->to, TLS_EXT_SIGNATURE_ALGORITHMS).len > 0) {
        form_add_u16(m->to, TLS_EXT_SIGNATURE_ALGORITHMS, common_signatures,
                     u16_count(common_signatures), m->arena);
    }
    return true;
}

bool change_suites_few(struct mutating *m)
{
    bool is_long = m->to->cipher_suites.len > (size_t)2 * m->arg;
    m->to->cipher_suites = bytes_head(m->to->cipher_suites, (size_t)2 * m->arg);
    return is_long;
}
