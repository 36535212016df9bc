#include "probe/mutate_form.h"

#include "tls/names.h"

enum { SSL_3_0 = 0x0300, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304, V2_SUITE_BYTES = 3 };

/* --- taking apart --- */

static bool take_sslv2(const struct tls_client_hello *hello, struct arena *arena,
                       struct hello_form *out)
{
    size_t n = hello->cipher_suites.len / V2_SUITE_BYTES;
    uint8_t *suites = arena_alloc(arena, 2 * n);
    uint8_t *random = arena_alloc(arena, 32);
    static const uint8_t null_compression[] = { 0 };
    if (suites == NULL || random == NULL) {
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *kind = hello->cipher_suites.p + V2_SUITE_BYTES * i;
        if (kind[0] == 0) { /* the others are kinds of SSL 2.0 itself */
            suites[kept++] = kind[1];
            suites[kept++] = kind[2];
        }
    }
    /* The challenge is the random, zeroes before it where it is shorter. */
    struct bytes challenge = bytes_head(hello->random, 32);
    size_t zeroes = 32 - challenge.len;
    bytes_copy(random + zeroes, 32 - zeroes, challenge);
    *out = (struct hello_form){ .legacy_version = hello->legacy_version,
                                .random = bytes_of(random, 32),
                                .cipher_suites = bytes_of(suites, kept),
                                .compression_methods = bytes_of(null_compression, 1) };
    return kept > 0 && hello->legacy_version >= SSL_3_0;
}

bool hello_form_take(struct bytes body, bool is_sslv2, struct arena *arena, struct hello_form *out)
{
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    bool parsed = is_sslv2 ? tls_client_hello_parse_sslv2(body, &hello, &fault)
                           : tls_client_hello_parse(body, false, &hello, &fault);
    /* An extension that comes twice is against RFC 8446 section 4.2: which one counts nobody knows.
     */
    if (!parsed || hello.ext.n_total > hello.ext.n || hello.ext.has_duplicate) {
        return false;
    }
    if (is_sslv2) {
        return take_sslv2(&hello, arena, out);
    }
    *out = (struct hello_form){ .legacy_version = hello.legacy_version,
                                .random = hello.random,
                                .session_id = hello.session_id,
                                .cipher_suites = hello.cipher_suites,
                                .compression_methods = hello.compression_methods,
                                .has_extensions = hello.ext.is_present,
                                .n = hello.ext.n };
    for (size_t i = 0; i < hello.ext.n; i++) {
        out->list[i] = hello.ext.list[i];
    }
    return true;
}

/* --- putting together --- */

struct writer {
    uint8_t *p;
    size_t left;
    bool failed;
};

static void put(struct writer *w, struct bytes b)
{
    if (w->failed || !bytes_copy(w->p, w->left, b)) {
        w->failed = true;
        return;
    }
    w->p += b.len;
    w->left -= b.len;
}

/* A length that its field cannot hold fails. */
static void put_u8(struct writer *w, size_t v)
{
    uint8_t b[1] = { (uint8_t)v };
    w->failed = w->failed || v > 0xff;
    put(w, bytes_of(b, sizeof b));
}

static void put_u16(struct writer *w, size_t v)
{
    uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
    w->failed = w->failed || v > 0xffff;
    put(w, bytes_of(b, sizeof b));
}

static size_t extensions_len(const struct hello_form *form)
{
    size_t len = 0;
    for (size_t i = 0; i < form->n; i++) {
        len += 4 + form->list[i].body.len;
    }
    return len;
}

struct bytes hello_form_put(const struct hello_form *form, struct arena *arena)
{
    size_t exts = extensions_len(form);
    size_t len = 2 + form->random.len + 1 + form->session_id.len + 2 + form->cipher_suites.len + 1 +
                 form->compression_methods.len + (form->has_extensions ? 2 + exts : 0);
    uint8_t *p = arena_alloc(arena, len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    struct writer w = { .p = p, .left = len };
    put_u16(&w, form->legacy_version);
    put(&w, form->random);
    put_u8(&w, form->session_id.len);
    put(&w, form->session_id);
    put_u16(&w, form->cipher_suites.len);
    put(&w, form->cipher_suites);
    put_u8(&w, form->compression_methods.len);
    put(&w, form->compression_methods);
    if (form->has_extensions) {
        put_u16(&w, exts);
    }
    for (size_t i = 0; form->has_extensions && i < form->n; i++) {
        put_u16(&w, form->list[i].type);
        put_u16(&w, form->list[i].body.len);
        put(&w, form->list[i].body);
    }
    return w.failed ? (struct bytes){ NULL, 0 } : bytes_of(p, len);
}

/* --- extensions --- */

const struct tls_extension *hello_form_find(const struct hello_form *form, uint16_t type)
{
    for (size_t i = 0; i < form->n; i++) {
        if (form->list[i].type == type) {
            return &form->list[i];
        }
    }
    return NULL;
}

bool hello_form_has(const struct hello_form *form, uint16_t type)
{
    return hello_form_find(form, type) != NULL;
}

bool hello_form_set(struct hello_form *form, uint16_t type, struct bytes body)
{
    for (size_t i = 0; i < form->n; i++) {
        if (form->list[i].type == type) {
            form->list[i].body = body;
            return true;
        }
    }
    if (form->n == FORM_EXTENSIONS_MAX) {
        return false;
    }
    size_t at = form->n++;
    form->has_extensions = true;
    if (at > 0 && form->list[at - 1].type == TLS_EXT_PRE_SHARED_KEY) {
        form->list[at] = form->list[at - 1];
        at--;
    }
    form->list[at] = (struct tls_extension){ type, body };
    return true;
}

bool hello_form_remove(struct hello_form *form, uint16_t type)
{
    size_t kept = 0;
    for (size_t i = 0; i < form->n; i++) {
        if (form->list[i].type != type) {
            form->list[kept++] = form->list[i];
        }
    }
    bool found = kept < form->n;
    form->n = kept;
    return found;
}

static bool has_len8(uint16_t type)
{
    return type == TLS_EXT_SUPPORTED_VERSIONS;
}

struct bytes hello_form_u16_list(const struct hello_form *form, uint16_t type)
{
    const struct tls_extension *e = hello_form_find(form, type);
    struct fault fault = { 0 };
    struct reader r = rd_whole(e == NULL ? (struct bytes){ NULL, 0 } : e->body, &fault);
    struct bytes list =
        has_len8(type) ? rd_vec8(&r, 2, 254, "list") : rd_vec16(&r, 2, 65534, "list");
    rd_end(&r, "list");
    return fault.kind == FAULT_NONE && list.len % 2 == 0 ? list : (struct bytes){ NULL, 0 };
}

/* `content` with its length before it, in `arena`. */
static struct bytes with_length(struct bytes content, size_t len_bytes, struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, len_bytes + content.len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    struct writer w = { .p = p, .left = len_bytes + content.len };
    if (len_bytes == 1) {
        put_u8(&w, content.len);
    } else {
        put_u16(&w, content.len);
    }
    put(&w, content);
    return w.failed ? (struct bytes){ NULL, 0 } : bytes_of(p, len_bytes + content.len);
}

bool hello_form_set_u16_list(struct hello_form *form, uint16_t type, struct bytes list,
                             struct arena *arena)
{
    struct bytes body = with_length(list, has_len8(type) ? 1 : 2, arena);
    return list.len > 0 && body.p != NULL && hello_form_set(form, type, body);
}

struct bytes hello_form_vec16(const struct hello_form *form, uint16_t type)
{
    const struct tls_extension *e = hello_form_find(form, type);
    struct fault fault = { 0 };
    struct reader r = rd_whole(e == NULL ? (struct bytes){ NULL, 0 } : e->body, &fault);
    struct bytes content = rd_vec16(&r, 0, 65535, "vector");
    rd_end(&r, "vector");
    return fault.kind == FAULT_NONE ? content : (struct bytes){ NULL, 0 };
}

bool hello_form_set_vec16(struct hello_form *form, uint16_t type, struct bytes content,
                          struct arena *arena)
{
    struct bytes body = with_length(content, 2, arena);
    return body.p != NULL && hello_form_set(form, type, body);
}

/* RFC 6066 section 3: a list of names, each with its type; only host_name (0) is defined. */
struct bytes hello_form_server_name(const struct hello_form *form)
{
    struct bytes list = hello_form_vec16(form, TLS_EXT_SERVER_NAME);
    struct fault fault = { 0 };
    struct reader r = rd_whole(list, &fault);
    bool is_host = rd_u8(&r, "name_type") == 0;
    struct bytes name = rd_vec16(&r, 1, 65535, "host_name");
    return fault.kind == FAULT_NONE && is_host ? name : (struct bytes){ NULL, 0 };
}

bool hello_form_set_server_name(struct hello_form *form, struct bytes name, struct arena *arena)
{
    struct bytes host = with_length(name, 2, arena);
    uint8_t *entry = arena_alloc(arena, 1 + host.len); /* name_type 0: the arena gives zeroes */
    if (name.len == 0 || host.p == NULL || entry == NULL) {
        return false;
    }
    bytes_copy(entry + 1, host.len, host);
    return hello_form_set_vec16(form, TLS_EXT_SERVER_NAME, bytes_of(entry, 1 + host.len), arena);
}

/* --- lists of 16-bit values --- */

struct bytes u16_list_with(struct bytes list, const uint16_t *values, size_t n, struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, list.len + 2 * n);
    if (p == NULL || list.len % 2 != 0) {
        return (struct bytes){ NULL, 0 };
    }
    size_t signals = list.len; /* where the signals at the end begin: they stay last */
    while (signals >= 2 && tls_cipher_suite_is_scsv(load_be16(list.p + signals - 2))) {
        signals -= 2;
    }
    bytes_copy(p, list.len, bytes_head(list, signals));
    size_t at = signals;
    for (size_t i = 0; i < n; i++) {
        if (!tls_u16_has(list, values[i])) {
            p[at++] = (uint8_t)(values[i] >> 8);
            p[at++] = (uint8_t)values[i];
        }
    }
    struct bytes rest = bytes_skip(list, signals);
    bytes_copy(p + at, rest.len, rest);
    return bytes_of(p, at + rest.len);
}

struct bytes u16_list_without(struct bytes list, bool (*drops)(uint16_t value), struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, list.len);
    size_t at = 0;
    for (size_t i = 0; p != NULL && i < tls_u16_count(list); i++) {
        if (!drops(tls_u16_at(list, i))) {
            p[at++] = list.p[2 * i];
            p[at++] = list.p[2 * i + 1];
        }
    }
    return at == 0 ? (struct bytes){ NULL, 0 } : bytes_of(p, at);
}

/* --- versions --- */

bool hello_form_offers_tls13(const struct hello_form *form)
{
    struct bytes list = hello_form_u16_list(form, TLS_EXT_SUPPORTED_VERSIONS);
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        if (tls_is_tls13(tls_u16_at(list, i))) {
            return true;
        }
    }
    return false;
}

bool hello_form_offers_version(const struct hello_form *form, uint16_t version)
{
    struct bytes list = hello_form_u16_list(form, TLS_EXT_SUPPORTED_VERSIONS);
    if (list.len > 0) {
        return version == TLS_1_3 ? hello_form_offers_tls13(form) : tls_u16_has(list, version);
    }
    return version <= TLS_1_2 && version >= SSL_3_0 && version <= form->legacy_version;
}

uint16_t hello_form_max_version(const struct hello_form *form)
{
    for (uint16_t v = TLS_1_3; v >= SSL_3_0; v--) {
        if (hello_form_offers_version(form, v)) {
            return v;
        }
    }
    return 0;
}
