/* Names, signals, ALPN and whole extensions: added, removed, changed. */
#include "probe/mutate_internal.h"

#include "base/status.h"
#include "tls/names.h"

enum {
    TLS_1_2 = 0x0303,
    ALPN = TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    PADDING_FLOOR = 256, /* RFC 7685 section 4: 256 to 511 bytes hang some old servers */
    EXTENSION_HEADER_BYTES = 4,
    MESSAGE_HEADER_BYTES = 4,
};

/* --- server name --- */

/* RFC 6066 section 3: no trailing dot; RFC 4343: case means nothing, yet some servers compare. */
bool change_name_plain(struct mutating *m)
{
    struct bytes name = hello_form_server_name(m->to);
    uint8_t *p = arena_alloc(m->arena, name.len);
    if (name.len == 0 || p == NULL) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        bool is_upper = name.p[i] >= 'A' && name.p[i] <= 'Z';
        p[i] = (uint8_t)(is_upper ? name.p[i] + 'a' - 'A' : name.p[i]);
    }
    size_t len = name.len > 1 && p[name.len - 1] == '.' ? name.len - 1 : name.len;
    struct bytes plain = bytes_of(p, len);
    return !bytes_equal(plain, name) && hello_form_set_server_name(m->to, plain, m->arena);
}

bool change_name_add(struct mutating *m)
{
    return m->hints->host.len > 0 && !hello_form_has(m->to, TLS_EXT_SERVER_NAME) &&
           hello_form_set_server_name(m->to, m->hints->host, m->arena);
}

static bool set_other_name(struct mutating *m, struct bytes name)
{
    return name.len > 0 && hello_form_server_name(m->to).len > 0 &&
           !bytes_equal(name, hello_form_server_name(m->to)) &&
           hello_form_set_server_name(m->to, name, m->arena);
}

bool change_name_host(struct mutating *m)
{
    return set_other_name(m, m->hints->host) || set_other_name(m, m->hints->named);
}

/* --- whole extensions --- */

bool change_ext_gone(struct mutating *m)
{
    m->value = (uint16_t)m->arg;
    return hello_form_remove(m->to, m->value);
}

/* Those that have rows of their own, and those that a hello of TLS 1.3 may not lack (RFC 8446
 * section 9.2). */
static bool is_removable(const struct hello_form *form, uint16_t type)
{
    static const uint16_t own_rows[] = { TLS_EXT_SERVER_NAME, ALPN, TLS_EXT_SUPPORTED_VERSIONS,
                                         TLS_EXT_PRE_SHARED_KEY, TLS_EXT_EARLY_DATA };
    static const uint16_t needed[] = { TLS_EXT_KEY_SHARE, TLS_EXT_SUPPORTED_GROUPS,
                                       TLS_EXT_SIGNATURE_ALGORITHMS };
    for (size_t i = 0; i < ARRAY_LEN(own_rows); i++) {
        if (type == own_rows[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(needed) && hello_form_offers_tls13(form); i++) {
        if (type == needed[i]) {
            return false;
        }
    }
    return !tls_is_grease(type);
}

bool change_ext_nth(struct mutating *m)
{
    if (m->nth >= m->from->form.n) {
        return false;
    }
    uint16_t type = m->from->form.list[m->nth].type;
    bool is_first = hello_form_find(&m->from->form, type) == &m->from->form.list[m->nth];
    m->value = type;
    return is_first && is_removable(&m->from->form, type) && hello_form_remove(m->to, type);
}

bool change_ext_empty(struct mutating *m)
{
    static const struct bytes nothing = { NULL, 0 };
    bool is_of_use =
        hello_form_offers_version(m->to, TLS_1_2) || hello_form_max_version(m->to) < TLS_1_2;
    m->value = (uint16_t)m->arg;
    return is_of_use && !hello_form_has(m->to, m->value) &&
           hello_form_set(m->to, m->value, nothing);
}

bool change_no_block(struct mutating *m)
{
    bool found = m->to->n > 0;
    m->to->n = 0;
    m->to->has_extensions = false;
    return found;
}

/* RFC 7685; nothing to do for a hello outside of the range that hangs. */
bool change_padding(struct mutating *m)
{
    size_t len = m->from->body.len + MESSAGE_HEADER_BYTES;
    if (len < PADDING_FLOOR || len + EXTENSION_HEADER_BYTES > m->arg ||
        hello_form_has(m->to, TLS_EXT_PADDING) || !m->to->has_extensions) {
        return false;
    }
    size_t zeroes = m->arg - len - EXTENSION_HEADER_BYTES;
    const uint8_t *p = arena_alloc(m->arena, zeroes + 1);
    return p != NULL && hello_form_set(m->to, TLS_EXT_PADDING, bytes_of(p, zeroes));
}

/* --- signals --- */

static bool is_fallback(uint16_t suite)
{
    return suite == TLS_FALLBACK_SCSV;
}

bool change_fallback(struct mutating *m)
{
    struct bytes left = u16_list_without(m->to->cipher_suites, is_fallback, m->arena);
    if (left.p == NULL || left.len == m->to->cipher_suites.len) {
        return false;
    }
    m->to->cipher_suites = left;
    return true;
}

bool change_reneg(struct mutating *m)
{
    static const uint16_t signal = TLS_EMPTY_RENEGOTIATION_INFO_SCSV;
    bool only_13 = hello_form_offers_tls13(m->to) && !hello_form_offers_version(m->to, TLS_1_2);
    return !only_13 && !hello_form_has(m->to, TLS_EXT_RENEGOTIATION_INFO) &&
           form_add_suites(m->to, &signal, 1, m->arena);
}

bool change_legacy_cap(struct mutating *m)
{
    bool is_above = m->to->legacy_version > m->arg;
    m->to->legacy_version = is_above ? (uint16_t)m->arg : m->to->legacy_version;
    return is_above;
}

bool change_compression(struct mutating *m)
{
    static const uint8_t null_only[] = { 0 };
    bool offers_more = !bytes_equal(m->to->compression_methods, bytes_of(null_only, 1));
    m->to->compression_methods = bytes_of(null_only, 1);
    return offers_more;
}

/* --- sessions --- */

/* arg 0: an id to resume by, up to TLS 1.2; 1: the id of TLS 1.3's compatibility mode. */
bool change_session_id(struct mutating *m)
{
    bool applies = m->to->session_id.len > 0 && hello_form_offers_tls13(m->to) == (m->arg == 1);
    m->to->session_id = (struct bytes){ NULL, 0 };
    return applies;
}

bool change_ticket(struct mutating *m)
{
    static const struct bytes nothing = { NULL, 0 };
    const struct tls_extension *e = hello_form_find(m->to, TLS_EXT_SESSION_TICKET);
    m->value = TLS_EXT_SESSION_TICKET;
    return e != NULL && e->body.len > 0 && hello_form_set(m->to, m->value, nothing);
}

/* --- ALPN --- */

/* IANA "TLS Application-Layer Protocol Negotiation (ALPN) Protocol IDs". */
static const struct bytes known_names[] = {
    { (const uint8_t *)"http/1.1", 8 },     { (const uint8_t *)"h2", 2 },
    { (const uint8_t *)"http/1.0", 8 },     { (const uint8_t *)"postgresql", 10 },
    { (const uint8_t *)"mqtt", 4 },         { (const uint8_t *)"dot", 3 },
    { (const uint8_t *)"imap", 4 },         { (const uint8_t *)"pop3", 4 },
    { (const uint8_t *)"smtp", 4 },         { (const uint8_t *)"managesieve", 11 },
    { (const uint8_t *)"ftp", 3 },          { (const uint8_t *)"irc", 3 },
    { (const uint8_t *)"xmpp-client", 11 }, { (const uint8_t *)"xmpp-server", 11 },
    { (const uint8_t *)"tds/8.0", 7 },      { (const uint8_t *)"ntske/1", 7 },
    { (const uint8_t *)"acme-tls/1", 10 },  { (const uint8_t *)"spdy/3", 6 },
    { (const uint8_t *)"stun.turn", 9 },    { (const uint8_t *)"coap", 4 },
    { (const uint8_t *)"sunrpc", 6 },       { (const uint8_t *)"nntp", 4 },
    { (const uint8_t *)"sip/2", 5 },        { (const uint8_t *)"radius/1.1", 10 },
};

static bool has_name(struct bytes list, struct bytes name)
{
    struct bytes here;
    while (tls_alpn_next(&list, &here)) {
        if (bytes_equal(here, name)) {
            return true;
        }
    }
    return false;
}

/* Names to the last byte: behind anything else none can be added that a server would read. */
static bool is_whole(struct bytes list)
{
    struct bytes here = list;
    struct bytes name;
    while (tls_alpn_next(&list, &name)) {
        here = bytes_skip(here, 1 + name.len);
    }
    return here.len == 0;
}

/* `list` with the names known above that it lacks. */
static struct bytes with_known_names(struct bytes list, struct arena *arena)
{
    size_t room = list.len;
    for (size_t i = 0; i < ARRAY_LEN(known_names); i++) {
        room += 1 + known_names[i].len;
    }
    uint8_t *p = arena_alloc(arena, room);
    if (p == NULL || !bytes_copy(p, room, list)) {
        return (struct bytes){ NULL, 0 };
    }
    size_t at = list.len;
    for (size_t i = 0; i < ARRAY_LEN(known_names); i++) {
        if (!has_name(list, known_names[i])) {
            p[at++] = (uint8_t)known_names[i].len;
            bytes_copy(p + at, room - at, known_names[i]);
            at += known_names[i].len;
        }
    }
    return bytes_of(p, at);
}

bool form_add_alpn(struct hello_form *form, struct bytes name, struct arena *arena)
{
    struct bytes list = hello_form_vec16(form, ALPN);
    size_t room = list.len + 1 + name.len;
    uint8_t *p = arena_alloc(arena, room);
    bool is_broken = !is_whole(list) || (list.len == 0 && hello_form_has(form, ALPN));
    if (p == NULL || is_broken || name.len == 0 || name.len > 255 || has_name(list, name)) {
        return false;
    }
    bytes_copy(p, room, list);
    p[list.len] = (uint8_t)name.len;
    bytes_copy(p + list.len + 1, name.len, name);
    return hello_form_set_vec16(form, ALPN, bytes_of(p, room), arena);
}

bool change_alpn_more(struct mutating *m)
{
    struct bytes list = hello_form_vec16(m->to, ALPN);
    struct bytes more = with_known_names(list, m->arena);
    return list.len > 0 && is_whole(list) && more.len > list.len &&
           hello_form_set_vec16(m->to, ALPN, more, m->arena);
}

bool change_alpn_add(struct mutating *m)
{
    static const struct bytes nothing = { NULL, 0 };
    struct bytes list = with_known_names(nothing, m->arena);
    return !hello_form_has(m->to, ALPN) && list.len > 0 &&
           hello_form_set_vec16(m->to, ALPN, list, m->arena);
}
