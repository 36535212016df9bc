#include "transcript/unseal.h"

#include "tls/names.h"
#include "tls/record.h"
#include "transcript/builder_internal.h"

enum { MESSAGE_HEADER = 4 };

void unseal_init(struct unseal *u, struct builder *builder, const struct keylog *keylog)
{
    *u = (struct unseal){ .builder = builder, .keylog = keylog };
}

void unseal_deinit(struct unseal *u)
{
    decryptor_free(u->decryptor);
}

static bool is_tls13(const struct transcript *t)
{
    return t->version == 0x0304;
}

/* Both hellos are there: the secrets of this connection can be looked up. */
static void make_decryptor(struct unseal *u)
{
    const struct transcript *t = u->builder->t;
    if (u->tried || u->keylog == NULL || t->hello == NULL || t->server_hello == NULL) {
        return;
    }
    u->tried = true;
    struct decrypt_params params = {
        .version = t->version,
        .cipher_suite = t->cipher_suite,
        .client_random = t->hello->random,
        .server_random = t->server_hello->random,
        .encrypt_then_mac = tls_has(&t->server_hello->ext, TLS_EXT_ENCRYPT_THEN_MAC),
    };
    if (decryptor_new(&params, u->keylog, &u->decryptor) != ST_OK || u->decryptor == NULL) {
        return;
    }
    if (is_tls13(t)) {
        bool early = t->early_data_offered && t->hello_retry == NULL &&
                     decryptor_has(u->decryptor, SIDE_CLIENT, DECRYPT_EARLY);
        decryptor_set_phase(u->decryptor, SIDE_SERVER, DECRYPT_HANDSHAKE);
        decryptor_set_phase(u->decryptor, SIDE_CLIENT, early ? DECRYPT_EARLY : DECRYPT_HANDSHAKE);
    } else { /* one set of keys a side, from ChangeCipherSpec on */
        decryptor_set_phase(u->decryptor, SIDE_SERVER, DECRYPT_APPLICATION);
        decryptor_set_phase(u->decryptor, SIDE_CLIENT, DECRYPT_APPLICATION);
    }
}

static struct event opened(const struct event *outer, enum event_kind kind)
{
    return (struct event){ .kind = (uint8_t)kind,
                           .side = outer->side,
                           .flags = EVENT_ENCRYPTED,
                           .version = outer->version,
                           .count = 1,
                           .when = outer->when,
                           .last = outer->last };
}

/* Which keys come next follows from the messages (RFC 8446 section 7.3). */
static void follow_keys(struct unseal *u, enum side side, uint8_t type)
{
    if (!is_tls13(u->builder->t)) {
        return;
    }
    if (type == HS_END_OF_EARLY_DATA) {
        decryptor_set_phase(u->decryptor, side, DECRYPT_HANDSHAKE);
    } else if (type == HS_FINISHED) {
        decryptor_set_phase(u->decryptor, side, DECRYPT_APPLICATION);
    } else if (type == HS_KEY_UPDATE) {
        decryptor_update_key(u->decryptor, side);
    }
}

static void emit_message(struct unseal *u, const struct event *outer, struct bytes message)
{
    struct event e = opened(outer, EVENT_HANDSHAKE);
    e.type = message.p[0];
    e.body = bytes_skip(message, MESSAGE_HEADER);
    e.len = (uint32_t)e.body.len;
    builder_event(u->builder, &e);
    follow_keys(u, (enum side)outer->side, e.type);
}

/* Keeps what is left of a fragment until the next record brings the rest. */
static void keep_partial(struct unseal *u, enum side side, struct bytes rest)
{
    size_t need = MESSAGE_HEADER;
    if (rest.len >= MESSAGE_HEADER) {
        need += load_be24(rest.p + 1);
    }
    u->partial[side].len = 0;
    if (need > TLS_MESSAGE_LIMIT_BYTES) {
        return;
    }
    uint8_t *p = arena_alloc(u->builder->arena, need < 512 ? 512 : need);
    if (p != NULL && bytes_copy(p, need < 512 ? 512 : need, rest)) {
        u->partial[side].p = p;
        u->partial[side].len = rest.len;
        u->partial[side].need = need;
    }
}

/* The waiting start of a message and this fragment as one; the fragment alone where none waits. */
static struct bytes joined(struct unseal *u, enum side side, struct bytes fragment)
{
    size_t waiting = u->partial[side].len;
    if (waiting == 0) {
        return fragment;
    }
    u->partial[side].len = 0;
    uint8_t *p = arena_alloc(u->builder->arena, waiting + fragment.len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    bytes_copy(p, waiting, bytes_of(u->partial[side].p, waiting));
    bytes_copy(p + waiting, fragment.len, fragment);
    return bytes_of(p, waiting + fragment.len);
}

static void emit_handshake(struct unseal *u, const struct event *outer, struct bytes fragment)
{
    enum side side = (enum side)outer->side;
    struct bytes left = joined(u, side, fragment);
    while (left.len >= MESSAGE_HEADER) {
        size_t len = MESSAGE_HEADER + load_be24(left.p + 1);
        if (len > left.len) {
            break;
        }
        emit_message(u, outer, bytes_head(left, len));
        left = bytes_skip(left, len);
    }
    if (left.len > 0) {
        keep_partial(u, side, left);
    }
}

static void emit_plain(struct unseal *u, const struct event *outer, uint8_t type,
                       struct bytes plain)
{
    if (type == TLS_HANDSHAKE) {
        emit_handshake(u, outer, plain);
    } else if (type == TLS_ALERT && plain.len >= 2) {
        struct event e = opened(outer, EVENT_ALERT);
        e.level = plain.p[0];
        e.type = plain.p[1];
        e.len = outer->len;
        builder_event(u->builder, &e);
    } else {
        struct event e =
            opened(outer, type == TLS_HEARTBEAT ? EVENT_HEARTBEAT : EVENT_APPLICATION_DATA);
        e.len = (uint32_t)plain.len;
        builder_event(u->builder, &e);
    }
}

static uint8_t outer_type(const struct event *e)
{
    if (e->kind == EVENT_APPLICATION_DATA) {
        return TLS_APPLICATION_DATA;
    }
    return e->kind == EVENT_SEALED_ALERT ? TLS_ALERT : TLS_HANDSHAKE;
}

static bool open_record(struct unseal *u, const struct event *e, uint8_t *room, size_t *len,
                        uint8_t *type)
{
    uint16_t version = e->version != 0 ? e->version : 0x0303;
    if (!is_tls13(u->builder->t) && e->version == 0) {
        version = u->builder->t->version;
    }
    return decryptor_open(u->decryptor, (enum side)e->side, outer_type(e), version, e->body, room,
                          len, type);
}

static void emit_unopened(struct unseal *u, const struct event *e)
{
    builder_event(u->builder, e);
    if (u->failed[e->side]) {
        return;
    }
    u->failed[e->side] = true;
    struct event note = opened(e, EVENT_UNOPENED);
    note.len = e->len;
    builder_event(u->builder, &note);
}

void unseal_event(struct unseal *u, const struct event *e)
{
    bool is_sealed = e->kind == EVENT_APPLICATION_DATA || e->kind == EVENT_SEALED_ALERT ||
                     e->kind == EVENT_SEALED_HANDSHAKE;
    if (is_sealed) {
        make_decryptor(u);
    }
    if (!is_sealed || u->decryptor == NULL || e->body.len == 0) {
        builder_event(u->builder, e);
        return;
    }
    uint8_t *room = arena_alloc(u->builder->arena, e->body.len);
    size_t len = 0;
    uint8_t type = 0;
    if (room == NULL || !open_record(u, e, room, &len, &type)) {
        emit_unopened(u, e);
        return;
    }
    emit_plain(u, e, type, bytes_of(room, len));
}
