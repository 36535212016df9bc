#include "probe/mutate_internal.h"

#include "base/status.h"
#include "tls/names.h"

#define BIT(part) (1U << PART_##part)
#define EXT(name) TLS_EXT_##name
#define ALL_OF_EXTENSIONS                                                                          \
    (BIT(EXTENSION) | BIT(BLOCK) | BIT(NAME) | BIT(ALPN) | BIT(VERSION) | BIT(GROUP) |             \
     BIT(SHARE) | BIT(SIGNATURE) | BIT(SIGNATURE_CERT))

const struct mutation mutations[] = {
#define MUTATION(symbol, id_, apply, arg, kind_, cause_, detail_, side_, parts_, what_)            \
    { .id = (id_),                                                                                 \
      .kind = MUTATION_##kind_,                                                                    \
      .cause = CAUSE_##cause_,                                                                     \
      .detail = (detail_),                                                                         \
      .side = ACTOR_##side_,                                                                       \
      .parts = (parts_),                                                                           \
      .what = (what_) },
#include "probe/replay.def"
};
const size_t n_mutations = ARRAY_LEN(mutations);

/* What a row does; apart from the row, whose readers need not know. */
static const struct {
    change_hello *apply;
    uint32_t arg;
} changes[] = {
#define MUTATION(symbol, id, apply_, arg_, kind, cause, detail, side, parts, what)                 \
    { (apply_), (arg_) },
#include "probe/replay.def"
};

bool mutable_hello_take(struct bytes body, const struct hello_carriage *carriage,
                        struct arena *arena, struct mutable_hello *out)
{
    out->body = body;
    out->carriage = *carriage;
    return hello_form_take(body, carriage->is_sslv2, arena, &out->form);
}

/* --- one mutant --- */

static const char *words_of(const struct mutation *row, uint16_t value, change_hello *apply,
                            struct arena *arena)
{
    if (apply != change_ext_nth) {
        return row->what;
    }
    const char *name = tls_extension_name(value);
    char *words = name != NULL ? arena_printf(arena, "the extension %s removed", name)
                               : arena_printf(arena, "the extension 0x%04x removed", value);
    return words != NULL ? words : row->what;
}

/* The changed form as a mutant; false without room, or where nothing came of the change. */
static bool finish(const struct mutable_hello *from, const struct hello_form *to,
                   struct arena *arena, struct mutant *out)
{
    struct hello_changes *diff = arena_alloc(arena, sizeof *diff);
    if (diff == NULL || !hello_changes_between(&from->form, to, arena, diff)) {
        return false;
    }
    /* What stayed the same is sent as it was captured. */
    bool is_same = diff->n_total == 0 && !from->carriage.is_sslv2;
    out->body = is_same ? from->body : hello_form_put(to, arena);
    out->changes = diff;
    return out->body.p != NULL;
}

static bool make(const struct mutable_hello *from, const struct mutation_hints *hints, size_t row,
                 size_t nth, struct arena *arena, struct mutant *out)
{
    struct hello_form to = from->form;
    *out = (struct mutant){ .row = &mutations[row], .carriage = from->carriage };
    struct mutating m = {
        .from = from,
        .hints = hints,
        .arena = arena,
        .arg = changes[row].arg,
        .nth = nth,
        .to = &to,
        .carriage = &out->carriage,
    };
    if (!changes[row].apply(&m) || !finish(from, &to, arena, out)) {
        return false;
    }
    bool is_framing = mutations[row].kind == MUTATION_FRAMING;
    out->value = m.value;
    out->what = words_of(&mutations[row], m.value, changes[row].apply, arena);
    return is_framing || out->changes->n_total > 0;
}

size_t mutants_make(const struct mutable_hello *from, const struct mutation_hints *hints,
                    struct arena *arena, struct mutant out[MUTANTS_MAX])
{
    size_t n = 0;
    for (size_t row = 0; row < n_mutations; row++) {
        size_t n_variants = changes[row].apply == change_ext_nth ? from->form.n : 1;
        for (size_t nth = 0; nth < n_variants && n < MUTANTS_MAX; nth++) {
            n += make(from, hints, row, nth, arena, &out[n]) ? 1 : 0;
        }
    }
    return n;
}

/* --- what must go first --- */

bool mutant_needs_strip(const struct mutable_hello *from)
{
    return from->carriage.is_sslv2 || hello_form_has(&from->form, TLS_EXT_PRE_SHARED_KEY);
}

bool mutant_strip(const struct mutable_hello *from, struct arena *arena, struct mutable_hello *out,
                  struct mutant *out_mutant)
{
    static const struct mutation psk = {
        "psk-removed",
        MUTATION_SESSION,
        CAUSE_PSK_UNKNOWN,
        NULL,
        ACTOR_CLIENT,
        BIT(EXTENSION),
        "no pre-shared key and no early data offered",
    };
    static const struct mutation framing = {
        "no-sslv2-framing",
        MUTATION_TAKES,
        CAUSE_HELLO_INTOLERANCE,
        NULL,
        ACTOR_CLIENT,
        BIT(SUITE),
        "the same offer in a ClientHello of SSL 3.0 and later",
    };
    if (!mutant_needs_strip(from)) {
        return false;
    }
    bool is_sslv2 = from->carriage.is_sslv2;
    *out = *from;
    out->carriage.is_sslv2 = false;
    hello_form_remove(&out->form, TLS_EXT_PRE_SHARED_KEY);
    hello_form_remove(&out->form, TLS_EXT_EARLY_DATA);
    *out_mutant = (struct mutant){ .row = is_sslv2 ? &framing : &psk, .carriage = out->carriage };
    out_mutant->what = out_mutant->row->what;
    if (!finish(from, &out->form, arena, out_mutant)) {
        return false;
    }
    out->body = out_mutant->body;
    return true;
}

/* --- smaller, larger, mixed --- */

static bool add_one(struct hello_form *form, const struct hello_change *item, struct arena *arena)
{
    switch ((enum hello_part)item->part) {
    case PART_SUITE:
        return form_add_suites(form, &item->value, 1, arena);
    case PART_GROUP:
        return form_add_u16(form, TLS_EXT_SUPPORTED_GROUPS, &item->value, 1, arena);
    case PART_SIGNATURE:
        return form_add_u16(form, TLS_EXT_SIGNATURE_ALGORITHMS, &item->value, 1, arena);
    case PART_SIGNATURE_CERT:
        return form_add_u16(form, TLS_EXT_SIGNATURE_ALGORITHMS_CERT, &item->value, 1, arena);
    case PART_ALPN:
        return form_add_alpn(form, item->name, arena);
    case PART_LEGACY_VERSION:
    case PART_RANDOM:
    case PART_SESSION_ID:
    case PART_COMPRESSION:
    case PART_BLOCK:
    case PART_EXTENSION:
    case PART_VERSION:
    case PART_SHARE:
    case PART_NAME:
    case PART_ORDER:
    case PART_N:
        return false;
    }
    return false;
}

bool mutant_single(const struct mutable_hello *from, const struct mutant *whole,
                   const struct hello_change *item, struct arena *arena, struct mutant *out)
{
    struct hello_form to = from->form;
    *out = (struct mutant){ .row = whole->row, .value = item->value, .carriage = from->carriage };
    if (!item->is_added || !add_one(&to, item, arena) || !finish(from, &to, arena, out)) {
        return false;
    }
    struct text words = { 0 };
    hello_change_put_item(item, &words);
    out->what = arena_printf(arena, "%s offered too", text_str(&words));
    text_deinit(&words);
    return out->what != NULL && out->changes->n_total > 0;
}

bool mutant_pad(const struct mutable_hello *from, struct bytes body, size_t len,
                struct arena *arena, struct mutant *out)
{
    struct hello_form to;
    struct mutable_hello whole = { .body = body, .carriage = from->carriage };
    whole.carriage.is_sslv2 = false;
    if (!hello_form_take(body, false, arena, &whole.form) || !whole.form.has_extensions) {
        return false;
    }
    to = whole.form;
    const struct tls_extension *present = hello_form_find(&to, TLS_EXT_PADDING);
    size_t now = body.len - (present != NULL ? present->body.len : 0) + (present != NULL ? 0 : 4);
    if (len < now) {
        return false;
    }
    const uint8_t *zeroes = arena_alloc(arena, len - now + 1);
    if (zeroes == NULL || !hello_form_set(&to, TLS_EXT_PADDING, bytes_of(zeroes, len - now))) {
        return false;
    }
    *out = (struct mutant){ .carriage = whole.carriage };
    out->what = "the same, padded (RFC 7685)";
    return finish(&whole, &to, arena, out);
}
