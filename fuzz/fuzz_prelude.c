#include "tls/prelude.h"

#include "base/text.h"

#include <stdlib.h>

/*
 * How TCP cut the bytes changes neither the events nor which bytes are TLS. An input is a port
 * byte and then chunks: the side and a length in two bytes, and so many bytes.
 */

enum { CHUNK_HEADER_BYTES = 2 };

struct outcome {
    struct text events;
    struct text bytes[2][2]; /* by side: TLS and other */
};

static void on_event(void *arg, const struct prelude_event *e)
{
    struct outcome *o = arg;
    text_printf(&o->events, "%d %d %d %d %d %u ", (int)e->kind, (int)e->step, (int)e->side,
                e->offers_tls, e->is_proxy_refusal, e->port);
    text_put_hex(&o->events, e->seen);
    text_putc(&o->events, ' ');
    text_put_hex(&o->events, e->host);
    endpoint_put(&o->events, &e->proxied_client);
    endpoint_put(&o->events, &e->proxied_server);
    text_putc(&o->events, '\n');
    if (e->seen.len > 256 || (size_t)e->kind >= PRELUDE_N_KINDS) {
        abort();
    }
}

static void on_tls(void *arg, enum side side, struct bytes b)
{
    struct outcome *o = arg;
    text_put_hex(&o->bytes[side][0], b);
}

static void on_other(void *arg, enum side side, struct bytes b)
{
    struct outcome *o = arg;
    text_put_hex(&o->bytes[side][1], b);
    (void)prelude_name_plaintext(b);
}

static void run(struct bytes in, size_t step, struct outcome *out)
{
    struct prelude_sink sink = { out, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(in.p[0]);
    if (p == NULL) {
        return;
    }
    in = bytes_skip(in, 1);
    while (in.len > CHUNK_HEADER_BYTES) {
        enum side side = (in.p[0] & 0x80) != 0 ? SIDE_SERVER : SIDE_CLIENT;
        struct bytes chunk =
            bytes_head(bytes_skip(in, CHUNK_HEADER_BYTES), load_be16(in.p) & 0x7fff);
        in = bytes_skip(in, CHUNK_HEADER_BYTES + chunk.len);
        while (chunk.len > 0) {
            struct bytes part = bytes_head(chunk, step);
            (void)prelude_push(p, side, part, &sink);
            chunk = bytes_skip(chunk, part.len);
        }
    }
    prelude_finish(p, &sink);
    prelude_free(p);
}

static void expect_same(struct text *a, struct text *b)
{
    if (strcmp(text_str(a), text_str(b)) != 0) {
        abort();
    }
    text_deinit(a);
    text_deinit(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = { 0 };
    struct outcome cut = { 0 };
    if (size < 1) {
        return 0;
    }
    run(bytes_of(data, size), SIZE_MAX, &whole);
    run(bytes_of(data, size), 1 + data[0] % 5, &cut);
    expect_same(&whole.events, &cut.events);
    for (int side = 0; side < 2; side++) {
        expect_same(&whole.bytes[side][0], &cut.bytes[side][0]);
        expect_same(&whole.bytes[side][1], &cut.bytes[side][1]);
    }
    return 0;
}
