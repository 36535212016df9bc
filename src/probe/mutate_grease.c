/* RFC 8701: reserved values among those offered, which a server must ignore. */
#include "probe/mutate_internal.h"

#include "tls/names.h"

static bool drop_from_list(struct mutating *m, uint16_t type)
{
    struct bytes list = hello_form_u16_list(m->to, type);
    struct bytes left = u16_list_without(list, tls_is_grease, m->arena);
    return left.p != NULL && left.len < list.len &&
           hello_form_set_u16_list(m->to, type, left, m->arena);
}

static bool drop_suites(struct mutating *m)
{
    struct bytes left = u16_list_without(m->to->cipher_suites, tls_is_grease, m->arena);
    bool found = left.p != NULL && left.len < m->to->cipher_suites.len;
    if (found) {
        m->to->cipher_suites = left;
    }
    return found;
}

/* Copies the entries of a list with 16-bit group and key, without those of GREASE. */
static bool drop_shares(struct mutating *m)
{
    struct bytes list = hello_form_vec16(m->to, TLS_EXT_KEY_SHARE);
    uint8_t *p = arena_alloc(m->arena, list.len);
    size_t at = 0;
    struct bytes here = list;
    struct bytes key;
    uint16_t group;
    while (p != NULL && tls_key_share_next(&list, &group, &key)) {
        size_t len = 4 + key.len;
        if (!tls_is_grease(group) && bytes_copy(p + at, here.len, bytes_head(here, len))) {
            at += len;
        }
        here = bytes_skip(here, len);
    }
    size_t before = hello_form_vec16(m->to, TLS_EXT_KEY_SHARE).len;
    /* What is no entry at the end would go too: then it is not only GREASE that is dropped. */
    return p != NULL && here.len == 0 && at < before &&
           hello_form_set_vec16(m->to, TLS_EXT_KEY_SHARE, bytes_of(p, at), m->arena);
}

static bool alpn_is_grease(struct bytes name)
{
    return name.len == 2 && tls_is_grease(load_be16(name.p));
}

static bool drop_alpn(struct mutating *m)
{
    enum { ALPN = TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION };
    struct bytes list = hello_form_vec16(m->to, ALPN);
    uint8_t *p = arena_alloc(m->arena, list.len);
    size_t before = list.len;
    size_t at = 0;
    struct bytes here = list;
    struct bytes name;
    while (p != NULL && tls_alpn_next(&list, &name)) {
        size_t len = 1 + name.len;
        if (!alpn_is_grease(name) && bytes_copy(p + at, here.len, bytes_head(here, len))) {
            at += len;
        }
        here = bytes_skip(here, len);
    }
    return at > 0 && here.len == 0 && at < before &&
           hello_form_set_vec16(m->to, ALPN, bytes_of(p, at), m->arena);
}

static bool drop_extensions(struct mutating *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->to->n; i++) {
        if (!tls_is_grease(m->to->list[i].type)) {
            m->to->list[kept++] = m->to->list[i];
        }
    }
    bool found = kept < m->to->n;
    m->to->n = kept;
    return found;
}

bool change_grease(struct mutating *m)
{
    static const struct {
        enum hello_part part;
        uint16_t type; /* 0: `drop` does it */
        change_hello *drop;
    } places[] = {
        { PART_SUITE, 0, drop_suites },
        { PART_GROUP, TLS_EXT_SUPPORTED_GROUPS, NULL },
        { PART_SHARE, 0, drop_shares },
        { PART_VERSION, TLS_EXT_SUPPORTED_VERSIONS, NULL },
        { PART_SIGNATURE, TLS_EXT_SIGNATURE_ALGORITHMS, NULL },
        { PART_ALPN, 0, drop_alpn },
        { PART_EXTENSION, 0, drop_extensions },
    };
    bool found = false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if ((m->arg & (1U << places[i].part)) != 0) {
            bool here =
                places[i].drop != NULL ? places[i].drop(m) : drop_from_list(m, places[i].type);
            found = found || here;
        }
    }
    return found;
}
