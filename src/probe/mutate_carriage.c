/* The message stays as it is; how it is carried changes. */
#include "probe/mutate_internal.h"

#include "tls/names.h"
#include "tls/record.h"

enum {
    FRAGMENT_MAX = 1 << 14, /* RFC 8446 section 5.1 */
    GAP_MS = 120,           /* long enough that no stack joins the two */
    RECORD_HEADER_BYTES = 5,
    MESSAGE_HEADER_BYTES = 4,
};

bool change_record(struct mutating *m)
{
    if (m->carriage->is_sslv2 || m->carriage->record_version == m->arg) {
        return false;
    }
    m->carriage->record_version = (uint16_t)m->arg;
    return true;
}

bool change_segments(struct mutating *m)
{
    m->carriage->segment_at = (m->from->body.len + RECORD_HEADER_BYTES) / 2;
    m->carriage->gap_ms = GAP_MS;
    return m->from->carriage.segment_at == 0;
}

bool change_records(struct mutating *m)
{
    uint16_t *half = arena_alloc(m->arena, sizeof *half);
    size_t len = (m->from->body.len + MESSAGE_HEADER_BYTES) / 2;
    if (half == NULL || m->carriage->is_sslv2 || m->from->carriage.n_fragments > 0 ||
        len > FRAGMENT_MAX) {
        return false;
    }
    *half = (uint16_t)len;
    m->carriage->fragments = half;
    m->carriage->n_fragments = 1;
    return true;
}

bool change_one_record(struct mutating *m)
{
    m->carriage->fragments = NULL;
    m->carriage->n_fragments = 0;
    return m->from->carriage.n_fragments > 0;
}

bool change_one_segment(struct mutating *m)
{
    m->carriage->segment_at = 0;
    m->carriage->gap_ms = 0;
    return m->from->carriage.segment_at > 0;
}

bool change_delay(struct mutating *m)
{
    m->carriage->delay_ms = m->arg;
    return m->from->carriage.delay_ms < m->arg;
}

static struct bytes wire_sslv2(struct bytes body, struct arena *arena)
{
    uint8_t *p = body.len > 0x7fff ? NULL : arena_alloc(arena, 2 + body.len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    p[0] = (uint8_t)(0x80 | (body.len >> 8));
    p[1] = (uint8_t)body.len;
    bytes_copy(p + 2, body.len, body);
    return bytes_of(p, 2 + body.len);
}

struct bytes hello_message(struct bytes body, struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, MESSAGE_HEADER_BYTES + body.len);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    p[0] = TLS_HANDSHAKE_CLIENT_HELLO;
    p[1] = (uint8_t)(body.len >> 16);
    p[2] = (uint8_t)(body.len >> 8);
    p[3] = (uint8_t)body.len;
    bytes_copy(p + MESSAGE_HEADER_BYTES, body.len, body);
    return bytes_of(p, MESSAGE_HEADER_BYTES + body.len);
}

struct bytes hello_wire(struct bytes body, const struct hello_carriage *carriage,
                        struct arena *arena)
{
    if (carriage->is_sslv2) {
        return wire_sslv2(body, arena);
    }
    struct bytes left = hello_message(body, arena);
    size_t records = 2 + carriage->n_fragments + left.len / FRAGMENT_MAX;
    size_t room = left.len + records * RECORD_HEADER_BYTES;
    uint8_t *p = left.p == NULL ? NULL : arena_alloc(arena, room);
    if (p == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    size_t at = 0;
    for (size_t i = 0; left.len > 0; i++) {
        size_t fragment = i < carriage->n_fragments ? carriage->fragments[i] : FRAGMENT_MAX;
        struct bytes part =
            bytes_head(left, fragment > 0 && fragment < FRAGMENT_MAX ? fragment : FRAGMENT_MAX);
        p[at] = TLS_HANDSHAKE;
        p[at + 1] = (uint8_t)(carriage->record_version >> 8);
        p[at + 2] = (uint8_t)carriage->record_version;
        p[at + 3] = (uint8_t)(part.len >> 8);
        p[at + 4] = (uint8_t)part.len;
        at += RECORD_HEADER_BYTES;
        bytes_copy(p + at, room - at, part);
        at += part.len;
        left = bytes_skip(left, part.len);
    }
    return bytes_of(p, at);
}
