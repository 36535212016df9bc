#include "probe/mutate_diff.h"

#include "base/status.h"
#include "tls/names.h"

enum { SET_BYTES = 65536 / 8 };

static void add(struct hello_changes *out, struct hello_change change)
{
    if (out->n < HELLO_CHANGES_MAX) {
        out->list[out->n++] = change;
    }
    out->n_total++;
}

static void add_value(struct hello_changes *out, enum hello_part part, bool is_added,
                      uint16_t value)
{
    add(out, (struct hello_change){ .part = (uint8_t)part, .is_added = is_added, .value = value });
}

/* --- lists of 16-bit values --- */

/* A set of all 16-bit values, so that a list of any length costs its length. */
static bool set_has(const uint8_t *set, uint16_t v)
{
    return (set[v >> 3] & (1U << (v & 7))) != 0;
}

static void set_add(uint8_t *set, uint16_t v)
{
    set[v >> 3] = (uint8_t)(set[v >> 3] | (1U << (v & 7)));
}

static bool add_those_missing(struct bytes of, struct bytes in, enum hello_part part, bool is_added,
                              struct arena *arena, struct hello_changes *out)
{
    uint8_t *set = arena_alloc(arena, SET_BYTES);
    if (set == NULL) {
        return false;
    }
    for (size_t i = 0; i < tls_u16_count(in); i++) {
        set_add(set, tls_u16_at(in, i));
    }
    for (size_t i = 0; i < tls_u16_count(of); i++) {
        uint16_t v = tls_u16_at(of, i);
        if (!set_has(set, v)) {
            add_value(out, part, is_added, v);
            set_add(set, v); /* once, however often it stands there */
        }
    }
    return true;
}

static bool diff_u16(struct bytes from, struct bytes to, enum hello_part part, struct arena *arena,
                     struct hello_changes *out)
{
    if (bytes_equal(from, to)) {
        return true;
    }
    size_t before = out->n_total;
    if (!add_those_missing(from, to, part, false, arena, out) ||
        !add_those_missing(to, from, part, true, arena, out)) {
        return false;
    }
    if (out->n_total == before && from.len > 0 && to.len > 0) {
        add_value(out, PART_ORDER, true, (uint16_t)part);
    }
    return true;
}

/* --- lists with names or shares --- */

static bool alpn_has(struct bytes list, struct bytes name)
{
    struct bytes here;
    while (tls_alpn_next(&list, &here)) {
        if (bytes_equal(here, name)) {
            return true;
        }
    }
    return false;
}

static void diff_alpn_one_way(struct bytes of, struct bytes in, bool is_added,
                              struct hello_changes *out)
{
    struct bytes name;
    while (tls_alpn_next(&of, &name) && out->n < HELLO_CHANGES_MAX) {
        if (!alpn_has(in, name)) {
            add(out,
                (struct hello_change){ .part = PART_ALPN, .is_added = is_added, .name = name });
        }
    }
}

static bool share_find(struct bytes list, uint16_t group, struct bytes *out)
{
    uint16_t here;
    while (tls_key_share_next(&list, &here, out)) {
        if (here == group) {
            return true;
        }
    }
    return false;
}

static void diff_share_one_way(struct bytes of, struct bytes in, bool is_added,
                               struct hello_changes *out)
{
    uint16_t group;
    struct bytes key;
    struct bytes other;
    while (tls_key_share_next(&of, &group, &key) && out->n < HELLO_CHANGES_MAX) {
        if (!share_find(in, group, &other) || !bytes_equal(key, other)) {
            add_value(out, PART_SHARE, is_added, group);
        }
    }
}

static void diff_name(struct bytes from, struct bytes to, struct hello_changes *out)
{
    if (bytes_equal(from, to)) {
        return;
    }
    if (from.len > 0) {
        add(out, (struct hello_change){ .part = PART_NAME, .is_added = false, .name = from });
    }
    if (to.len > 0) {
        add(out, (struct hello_change){ .part = PART_NAME, .is_added = true, .name = to });
    }
}

/* --- extensions --- */

static bool part_of_list(uint16_t type, enum hello_part *out)
{
    static const struct {
        uint16_t type;
        enum hello_part part;
    } lists[] = {
        { TLS_EXT_SUPPORTED_GROUPS, PART_GROUP },
        { TLS_EXT_SIGNATURE_ALGORITHMS, PART_SIGNATURE },
        { TLS_EXT_SIGNATURE_ALGORITHMS_CERT, PART_SIGNATURE_CERT },
        { TLS_EXT_SUPPORTED_VERSIONS, PART_VERSION },
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i].type == type) {
            *out = lists[i].part;
            return true;
        }
    }
    return false;
}

/* Both bodies were read as what the type holds, or are absent. False without room. */
static bool diff_items(const struct hello_form *from, const struct hello_form *to, uint16_t type,
                       struct arena *arena, struct hello_changes *out)
{
    enum hello_part part;
    if (part_of_list(type, &part)) {
        return diff_u16(hello_form_u16_list(from, type), hello_form_u16_list(to, type), part, arena,
                        out);
    }
    struct bytes a = hello_form_vec16(from, type);
    struct bytes b = hello_form_vec16(to, type);
    if (type == TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION) {
        diff_alpn_one_way(a, b, false, out);
        diff_alpn_one_way(b, a, true, out);
    } else if (type == TLS_EXT_KEY_SHARE) {
        diff_share_one_way(a, b, false, out);
        diff_share_one_way(b, a, true, out);
    } else if (type == TLS_EXT_SERVER_NAME) {
        diff_name(hello_form_server_name(from), hello_form_server_name(to), out);
    }
    return true;
}

static bool diff_extension(const struct hello_form *from, const struct hello_form *to,
                           uint16_t type, struct arena *arena, struct hello_changes *out)
{
    const struct tls_extension *a = hello_form_find(from, type);
    const struct tls_extension *b = hello_form_find(to, type);
    if (a != NULL && b != NULL && bytes_equal(a->body, b->body)) {
        return true;
    }
    size_t before = out->n_total;
    if ((a == NULL) != (b == NULL)) {
        add_value(out, PART_EXTENSION, a == NULL, type);
    }
    if (!diff_items(from, to, type, arena, out)) {
        return false;
    }
    if (out->n_total == before) { /* another body, and no item says what is other */
        add_value(out, PART_EXTENSION, false, type);
        add_value(out, PART_EXTENSION, true, type);
    }
    return true;
}

static bool is_first_of_type(const struct hello_form *form, size_t i)
{
    return hello_form_find(form, form->list[i].type) == &form->list[i];
}

/* The order of the types that both have. */
static bool same_order(const struct hello_form *from, const struct hello_form *to)
{
    size_t j = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (!hello_form_has(to, from->list[i].type)) {
            continue;
        }
        while (j < to->n && !hello_form_has(from, to->list[j].type)) {
            j++;
        }
        if (j == to->n || to->list[j].type != from->list[i].type) {
            return false;
        }
        j++;
    }
    return true;
}

static bool diff_extensions(const struct hello_form *from, const struct hello_form *to,
                            struct arena *arena, struct hello_changes *out)
{
    if (from->has_extensions != to->has_extensions) {
        add_value(out, PART_BLOCK, to->has_extensions, 0);
    }
    for (size_t i = 0; i < from->n; i++) {
        if (is_first_of_type(from, i) &&
            !diff_extension(from, to, from->list[i].type, arena, out)) {
            return false;
        }
    }
    for (size_t i = 0; i < to->n; i++) {
        bool is_new = is_first_of_type(to, i) && !hello_form_has(from, to->list[i].type);
        if (is_new && !diff_extension(from, to, to->list[i].type, arena, out)) {
            return false;
        }
    }
    if (!same_order(from, to)) {
        add_value(out, PART_ORDER, true, PART_EXTENSION);
    }
    return true;
}

/* --- all of it --- */

static void diff_opaque(struct bytes from, struct bytes to, enum hello_part part,
                        struct hello_changes *out)
{
    if (!bytes_equal(from, to)) {
        add_value(out, part, to.len > 0, (uint16_t)to.len);
    }
}

bool hello_changes_between(const struct hello_form *from, const struct hello_form *to,
                           struct arena *arena, struct hello_changes *out)
{
    out->n = 0;
    out->n_total = 0;
    if (from->legacy_version != to->legacy_version) {
        add_value(out, PART_LEGACY_VERSION, true, to->legacy_version);
    }
    diff_opaque(from->random, to->random, PART_RANDOM, out);
    diff_opaque(from->session_id, to->session_id, PART_SESSION_ID, out);
    diff_opaque(from->compression_methods, to->compression_methods, PART_COMPRESSION, out);
    return diff_u16(from->cipher_suites, to->cipher_suites, PART_SUITE, arena, out) &&
           diff_extensions(from, to, arena, out);
}

static bool change_equal(const struct hello_change *a, const struct hello_change *b)
{
    return a->part == b->part && a->is_added == b->is_added && a->value == b->value &&
           bytes_equal(a->name, b->name);
}

bool hello_changes_within(const struct hello_changes *small, const struct hello_changes *large)
{
    if (small->n_total > small->n || large->n_total > large->n) {
        return false;
    }
    for (size_t i = 0; i < small->n; i++) {
        bool found = false;
        for (size_t j = 0; j < large->n && !found; j++) {
            found = change_equal(&small->list[i], &large->list[j]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* --- names --- */

const char *hello_part_name(enum hello_part part)
{
    static const char *const names[PART_N] = {
        [PART_LEGACY_VERSION] = "legacy_version",
        [PART_RANDOM] = "random",
        [PART_SESSION_ID] = "session_id",
        [PART_SUITE] = "cipher_suite",
        [PART_COMPRESSION] = "compression_methods",
        [PART_BLOCK] = "extensions",
        [PART_EXTENSION] = "extension",
        [PART_VERSION] = "version",
        [PART_GROUP] = "group",
        [PART_SIGNATURE] = "signature_algorithm",
        [PART_SIGNATURE_CERT] = "signature_algorithm_cert",
        [PART_SHARE] = "key_share",
        [PART_ALPN] = "alpn",
        [PART_NAME] = "server_name",
        [PART_ORDER] = "order",
    };
    return names[part];
}

static const char *registry_name(const struct hello_change *change)
{
    switch ((enum hello_part)change->part) {
    case PART_LEGACY_VERSION:
    case PART_VERSION:
        return tls_is_grease(change->value) ? "GREASE" : tls_version_name(change->value);
    case PART_SUITE:
        return tls_cipher_suite_name(change->value);
    case PART_EXTENSION:
        return tls_extension_name(change->value);
    case PART_GROUP:
    case PART_SHARE:
        return tls_group_name(change->value);
    case PART_SIGNATURE:
    case PART_SIGNATURE_CERT:
        return tls_signature_algorithm_name(change->value);
    case PART_ORDER:
        return change->value < PART_N ? hello_part_name((enum hello_part)change->value) : NULL;
    case PART_RANDOM:
    case PART_SESSION_ID:
    case PART_COMPRESSION:
    case PART_BLOCK:
        return hello_part_name((enum hello_part)change->part);
    case PART_ALPN:
    case PART_NAME:
    case PART_N:
        return NULL;
    }
    return NULL;
}

void hello_change_put_item(const struct hello_change *change, struct text *out)
{
    const char *name = registry_name(change);
    if (change->part == PART_ALPN || change->part == PART_NAME) {
        text_put_safe(out, change->name);
    } else if (name != NULL) {
        text_puts(out, name);
    } else {
        text_printf(out, "0x%04x", change->value);
    }
}

static void put_item(const struct hello_change *c, bool is_first, struct text *out)
{
    const char *verb = c->is_added ? "adds " : "removes ";
    text_puts(out, is_first ? verb : ", ");
    text_puts(out, c->part == PART_SHARE ? "a key share of " : "");
    hello_change_put_item(c, out);
}

static void put_side(const struct hello_changes *changes, bool is_added, size_t max,
                     struct text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < changes->n; i++) {
        const struct hello_change *c = &changes->list[i];
        if (c->is_added == is_added && n++ < max) {
            put_item(c, n == 1, out);
        }
    }
    if (n > max) {
        text_printf(out, " and %zu more", n - max);
    }
}

void hello_changes_put(const struct hello_changes *changes, size_t max, struct text *out)
{
    size_t before = out->len;
    put_side(changes, false, max, out);
    bool removes = out->len > before;
    struct text added = { 0 };
    put_side(changes, true, max, &added);
    if (added.len > 0) {
        text_puts(out, removes ? "; " : "");
        text_put(out, added.p, added.len);
    }
    text_deinit(&added);
}
