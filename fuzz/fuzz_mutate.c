/*
 * Promises: a ClientHello taken apart and put together is the same byte for byte; every change of
 * it parses, changes only what its row says, and nothing where only the carriage changes. Input: a
 * byte of flags (1: SSL 2.0; 2: no name is known), then the message.
 */
#include <stdlib.h>

#include "probe/mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool promise)
{
    if (!promise) {
        abort();
    }
}

static bool parses(struct bytes body)
{
    static struct tls_client_hello hello;
    struct fault fault = { 0 };
    return tls_client_hello_parse(body, false, &hello, &fault);
}

static void check_parts(const struct mutant *m)
{
    for (size_t i = 0; i < m->changes->n; i++) {
        must((m->row->parts & (1U << m->changes->list[i].part)) != 0);
    }
}

static void check_mutants(const struct mutable_hello *from, const struct mutation_hints *hints,
                          struct arena *arena)
{
    static struct mutant mutants[MUTANTS_MAX];
    size_t n = mutants_make(from, hints, arena, mutants);
    must(n <= MUTANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct mutant *m = &mutants[i];
        must(parses(m->body) && m->what != NULL);
        check_parts(m);
        if (m->row->kind == MUTATION_FRAMING) {
            must(bytes_equal(m->body, from->body));
        } else {
            must(!bytes_equal(m->body, from->body));
        }
        must(hello_wire(m->body, &m->carriage, arena).p != NULL || m->body.len > 1 << 16 ||
             arena->limit_bytes - arena->used < m->body.len * 4);
    }
    struct mutant mixed;
    for (unsigned bit = 0; bit < 9; bit++) {
        must(!mutant_mix(from, hints, 1U << bit, arena, &mixed) || parses(mixed.body));
    }
    must(!mutant_mix(from, hints, SHARE_ALL, arena, &mixed) || parses(mixed.body));
    struct mutant padded;
    if (mutant_pad(from, from->body, from->body.len + 100, arena, &padded)) {
        must(padded.body.len == from->body.len + 100 && parses(padded.body));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mutable_hello hello;
    static struct mutable_hello stripped;
    if (size == 0) {
        return 0;
    }
    struct arena arena = { .limit_bytes = 64 << 20 };
    struct mutation_hints hints = { .host = BYTES("www.example.com") };
    struct hello_carriage carriage = { .record_version = 0x0301, .is_sslv2 = (data[0] & 1) != 0 };
    if ((data[0] & 2) != 0) {
        hints.host = bytes_of(NULL, 0);
    }
    if (mutable_hello_take(bytes_of(data + 1, size - 1), &carriage, &arena, &hello)) {
        struct mutant strip;
        struct bytes again = hello_form_put(&hello.form, &arena);
        must(carriage.is_sslv2 || bytes_equal(again, hello.body));
        if (!mutant_needs_strip(&hello)) {
            check_mutants(&hello, &hints, &arena);
        } else if (mutant_strip(&hello, &arena, &stripped, &strip)) {
            must(parses(strip.body));
            check_mutants(&stripped, &hints, &arena);
        }
    }
    arena_deinit(&arena);
    return 0;
}
