#include "gateway/flood.h"

#include "base/clock.h"
#include "tls/hello.h"

enum { HEAD_BYTES = 4, ADDRESS_AT = 3 };

enum message_type {
#define HANDSHAKE(symbol, number, name) MESSAGE_##symbol = (number),
#include "tls/handshake_types.def"
};

struct marking {
    const struct hash_key *key;
    uint64_t mark;
};

static void mix(struct marking *m, struct bytes more)
{
    uint64_t both[2] = { m->mark, hash_bytes(m->key, more) };
    m->mark = hash_bytes(m->key, bytes_of(both, sizeof both));
}

static void mix_number(struct marking *m, uint64_t number)
{
    mix(m, bytes_of(&number, sizeof number));
}

static void mix_extension_types(struct marking *m, const struct tls_extensions *ext)
{
    for (size_t i = 0; i < ext->n; i++) {
        if (!tls_is_grease(ext->list[i].type)) {
            mix_number(m, ext->list[i].type);
        }
    }
}

static void mix_list(struct marking *m, struct bytes list)
{
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        uint16_t value = tls_u16_at(list, i);
        if (!tls_is_grease(value)) {
            mix_number(m, value);
        }
    }
}

static void mix_client_hello(struct marking *m, struct bytes body)
{
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    if (!tls_client_hello_parse(body, false, &hello, &fault)) {
        mix(m, body);
        return;
    }
    mix_number(m, hello.legacy_version);
    mix_list(m, hello.cipher_suites);
    mix_extension_types(m, &hello.ext);
    mix_list(m, hello.ext.supported_versions);
    mix_list(m, hello.ext.supported_groups);
    mix_list(m, hello.ext.signature_algorithms);
    mix(m, hello.ext.server_name);
    mix(m, hello.ext.alpn);
}

static void mix_server_hello(struct marking *m, struct bytes body)
{
    struct tls_server_hello hello;
    struct fault fault = { 0 };
    if (!tls_server_hello_parse(body, &hello, &fault)) {
        mix(m, body);
        return;
    }
    mix_number(m, hello.version);
    mix_number(m, hello.cipher_suite);
    mix_extension_types(m, &hello.ext);
}

static void mix_message(struct marking *m, uint8_t type, struct bytes body)
{
    if (type == MESSAGE_CLIENT_HELLO) {
        mix_client_hello(m, body);
    } else if (type == MESSAGE_SERVER_HELLO) {
        mix_server_hello(m, body);
    } else if (type == MESSAGE_CERTIFICATE || type == MESSAGE_CERTIFICATE_REQUEST ||
               type == MESSAGE_ENCRYPTED_EXTENSIONS || type == MESSAGE_COMPRESSED_CERTIFICATE) {
        mix(m, body);
    } /* else keys, signatures and tickets: that they came is enough */
}

/* True where it differs by chance. */
static bool is_chance(uint8_t fact)
{
    return fact == FACT_ID || fact == FACT_LOST;
}

static void mix_entry(struct marking *m, const struct story_entry *e)
{
    const uint8_t head[HEAD_BYTES] = { e->head.kind, e->head.from_peer, e->head.type,
                                       e->head.level };
    bool is_fact = e->head.kind == NOTE_FACT;
    if (is_fact && is_chance(e->head.type)) {
        return;
    }
    mix(m, bytes_of(head, sizeof head));
    if (e->head.kind == NOTE_MESSAGE) {
        mix_message(m, e->head.type, e->body);
    } else if (is_fact && (e->head.type == FACT_PEER || e->head.type == FACT_LOCAL)) {
        mix(m, bytes_skip(e->body, ADDRESS_AT));
    } else if (e->head.kind != NOTE_KEY && e->head.kind != NOTE_WIRE) {
        mix(m, e->body);
    }
}

void flood_init(struct flood *f)
{
    *f = (struct flood){ .key = hash_key_random() };
}

uint64_t flood_mark(const struct flood *f, struct bytes entries)
{
    struct marking m = { .key = &f->key };
    struct story_entry e;
    while (story_next(&entries, &e)) {
        mix_entry(&m, &e);
    }
    return m.mark;
}

static const struct flood_slot *slot_of(const struct flood *f, uint64_t mark)
{
    return &f->slots[mark % FLOOD_SLOTS];
}

const struct flood_kept *flood_repeats(const struct flood *f, uint64_t mark, int64_t now_ns)
{
    const struct flood_slot *s = slot_of(f, mark);
    bool is_lately = s->mark == mark && now_ns - s->since_ns < NS_PER_S;
    return is_lately && s->n_kept >= FLOOD_KEPT && s->last.number > 0 ? &s->last : NULL;
}

void flood_keep(struct flood *f, uint64_t mark, const struct flood_kept *kept, int64_t now_ns)
{
    struct flood_slot *s = &f->slots[mark % FLOOD_SLOTS];
    if (s->mark != mark || now_ns - s->since_ns >= NS_PER_S) {
        *s = (struct flood_slot){ .mark = mark, .since_ns = now_ns };
    }
    s->last = *kept;
    s->n_kept++;
}
