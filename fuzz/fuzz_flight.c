/*
 * What a server sends in answer to a hello: how it was cut into pieces does not change what is
 * read, and memory stays bounded. The first byte says where it is cut, the second whether SSL 2.0
 * was asked for.
 */
#include <stdlib.h>

#include "probe/flight.h"
#include "tls/hello_write.h"

static void put_hello(bool is_sslv2, struct text *wire)
{
    static const uint16_t suites[] = { 0x1301, 0xc02f, 0x002f };
    static const uint32_t kinds[] = { 0x010080 };
    if (is_sslv2) {
        tls_hello_write_sslv2(0x0002, kinds, 1, BYTES("0123456789abcdef"), wire);
        return;
    }
    struct tls_hello_draft d = { .legacy_version = 0x0303, .cipher_suites = { suites, 3 } };
    struct text body = { 0 };
    tls_hello_write_body(&d, &body);
    tls_hello_write_records(bytes_of(body.p, body.len), 0x0301, 0, wire);
    text_deinit(&body);
}

static void read_flight(struct probe_flight *f, bool is_sslv2, struct bytes in, size_t cut)
{
    struct text wire = { 0 };
    put_hello(is_sslv2, &wire);
    flight_start(f, bytes_of(wire.p, wire.len), NULL, 0);
    flight_push(f, bytes_head(in, cut));
    flight_push(f, bytes_skip(in, cut));
    flight_finish(f);
    text_deinit(&wire);
}

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe_flight whole;
    struct probe_flight cut;
    if (size < 2) {
        return 0;
    }
    bool is_sslv2 = (data[1] & 1) != 0;
    struct bytes in = bytes_of(data + 2, size - 2);
    read_flight(&whole, is_sslv2, in, in.len);
    read_flight(&cut, is_sslv2, in, in.len == 0 ? 0 : data[0] % in.len);
    must(whole.has_hello == cut.has_hello && whole.version == cut.version);
    must(whole.hello.cipher_suite == cut.hello.cipher_suite);
    must(whole.has_alert == cut.has_alert && whole.alert == cut.alert);
    must(whole.hello_done == cut.hello_done && whole.n_sealed == cut.n_sealed);
    must(bytes_equal(whole.certificate, cut.certificate));
    must(bytes_equal(whole.server_key_exchange, cut.server_key_exchange));
    must(whole.arena.used <= FLIGHT_ARENA_BYTES);
    flight_deinit(&whole);
    flight_deinit(&cut);
    return 0;
}
