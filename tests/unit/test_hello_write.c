#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/status.h"
#include "tls/hello.h"
#include "tls/hello_write.h"
#include "tls/names.h"
#include "tls/record.h"

static const uint16_t suites[] = { 0x1301, 0xc02f, 0x0a0a, 0x00ff };
static const uint16_t versions[] = { 0x0304, 0x0303, 0x7a7a };
static const uint16_t groups[] = { 0x001d, 0x0017 };
static const uint16_t algorithms[] = { 0x0403, 0x0804 };

#define LIST(array) ((struct tls_u16_list){ (array), ARRAY_LEN(array) })

static struct tls_hello_draft draft(void)
{
    struct tls_hello_draft d = { .legacy_version = 0x0303,
                                 .session_id = BYTES("0123456789abcdef"),
                                 .cipher_suites = LIST(suites) };
    for (size_t i = 0; i < sizeof d.random; i++) {
        d.random[i] = (uint8_t)i;
    }
    return d;
}

/* Writes the draft and reads it back; the text holds the bytes. */
static struct tls_client_hello read_back(struct tls_hello_draft *d, struct text *body)
{
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    tls_hello_write_body(d, body);
    assert_false(body->failed);
    assert_true(tls_client_hello_parse(bytes_of(body->p, body->len), false, &hello, &fault));
    assert_int_equal(hello.ext.fault.kind, FAULT_NONE);
    return hello;
}

static bool same_list(struct bytes read, struct tls_u16_list written)
{
    if (tls_u16_count(read) != written.n) {
        return false;
    }
    for (size_t i = 0; i < written.n; i++) {
        if (tls_u16_at(read, i) != written.p[i]) {
            return false;
        }
    }
    return true;
}

static void a_bare_hello_has_no_extensions(void **state)
{
    struct tls_hello_draft d = draft();
    struct text body = { 0 };
    (void)state;
    struct tls_client_hello hello = read_back(&d, &body);
    assert_false(hello.ext.is_present);
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_true(bytes_equal(hello.random, bytes_of(d.random, sizeof d.random)));
    assert_true(bytes_equal(hello.session_id, d.session_id));
    assert_true(same_list(hello.cipher_suites, d.cipher_suites));
    assert_true(bytes_equal(hello.compression_methods, BYTES("\0")));
    text_deinit(&body);
}

static void every_extension_reads_back(void **state)
{
    struct tls_hello_draft d = draft();
    struct text body = { 0 };
    const struct bytes names[] = { BYTES("h2"), BYTES("http/1.1") };
    const struct tls_key_share_entry shares[] = { { 0x001d, BYTES("abcdefgh") },
                                                  { 0x11ec, BYTES("x") } };
    (void)state;
    d.compression_methods = BYTES("\x01\x00");
    tls_draft_extension(&d, 0x2a2a, BYTES("\x01"));
    tls_draft_server_name(&d, BYTES("a.test"));
    tls_draft_versions(&d, LIST(versions));
    tls_draft_groups(&d, LIST(groups));
    tls_draft_signature_algorithms(&d, LIST(algorithms));
    tls_draft_point_formats(&d);
    tls_draft_alpn(&d, names, ARRAY_LEN(names));
    tls_draft_key_shares(&d, shares, ARRAY_LEN(shares));
    tls_draft_psk_modes(&d);
    tls_draft_status_request(&d);
    tls_draft_renegotiation_info(&d);
    struct tls_client_hello hello = read_back(&d, &body);
    assert_int_equal(hello.ext.n, 11);
    assert_int_equal(hello.ext.list[0].type, 0x2a2a);
    assert_true(bytes_equal(hello.ext.server_name, BYTES("a.test")));
    assert_true(same_list(hello.ext.supported_versions, LIST(versions)));
    assert_true(same_list(hello.ext.supported_groups, LIST(groups)));
    assert_true(same_list(hello.ext.signature_algorithms, LIST(algorithms)));
    assert_true(bytes_equal(hello.ext.alpn, BYTES("\x02h2\x08http/1.1")));
    assert_true(bytes_equal(hello.compression_methods, BYTES("\x01\x00")));
    struct bytes list = hello.ext.key_share;
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        uint16_t group = 0;
        struct bytes key = { NULL, 0 };
        assert_true(tls_key_share_next(&list, &group, &key));
        assert_int_equal(group, shares[i].group);
        assert_true(bytes_equal(key, shares[i].key_exchange));
    }
    assert_true(tls_has(&hello.ext, TLS_EXT_STATUS_REQUEST));
    assert_true(tls_has(&hello.ext, TLS_EXT_RENEGOTIATION_INFO));
    text_deinit(&body);
    tls_draft_deinit(&d);
}

static void no_key_share_is_an_empty_list(void **state)
{
    struct tls_hello_draft d = draft();
    struct text body = { 0 };
    (void)state;
    tls_draft_key_shares(&d, NULL, 0);
    struct tls_client_hello hello = read_back(&d, &body);
    assert_true(tls_has(&hello.ext, TLS_EXT_KEY_SHARE));
    assert_int_equal(hello.ext.key_share.len, 0);
    text_deinit(&body);
    tls_draft_deinit(&d);
}

static void padding_gives_the_length_asked_for(void **state)
{
    static const size_t lengths[] = { 200, 255, 256, 511, 512, 1500, 16000 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct tls_hello_draft d = draft();
        struct text body = { 0 };
        tls_draft_server_name(&d, BYTES("a.test"));
        tls_draft_pad_to(&d, lengths[i]);
        struct tls_client_hello hello = read_back(&d, &body);
        assert_int_equal(body.len + 4, lengths[i]);
        assert_true(hello.ext.padding_len > 0);
        text_deinit(&body);
        tls_draft_deinit(&d);
    }
}

struct heard {
    size_t n_messages;
    uint8_t type;
    struct text body;
    bool is_sslv2;
    size_t n_records;
};

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct heard *h = arg;
    (void)type;
    (void)version;
    (void)len;
    (void)body;
    (void)is_whole;
    h->n_records++;
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct heard *h = arg;
    h->n_messages++;
    h->type = type;
    h->is_sslv2 = is_sslv2;
    text_put(&h->body, (const char *)body.p, body.len);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    (void)arg;
    (void)level;
    (void)description;
    fail();
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    (void)arg;
    (void)fault;
    (void)seen;
    fail();
}

static void hear(struct bytes wire, struct heard *h)
{
    struct tls_record_stream stream = { 0 };
    struct tls_record_sink sink = { h, on_record, on_message, on_alert, on_fault, NULL };
    assert_true(tls_record_push(&stream, wire, &sink));
    tls_record_finish(&stream, &sink);
    tls_record_deinit(&stream);
}

static void records_hold_the_message(void **state)
{
    static const size_t fragments[] = { 0, 1, 3, 64, 70000 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fragments); i++) {
        struct tls_hello_draft d = draft();
        struct text body = { 0 };
        struct text wire = { 0 };
        struct heard h = { 0 };
        tls_hello_write_body(&d, &body);
        struct bytes message = bytes_of(body.p, body.len);
        tls_hello_write_records(message, 0x0301, fragments[i], &wire);
        hear(bytes_of(wire.p, wire.len), &h);
        size_t limit = fragments[i] == 0 || fragments[i] > 16384 ? 16384 : fragments[i];
        assert_int_equal(h.n_messages, 1);
        assert_int_equal(h.type, TLS_HANDSHAKE_CLIENT_HELLO);
        assert_int_equal(h.n_records, (body.len + 4 + limit - 1) / limit);
        assert_true(bytes_equal(bytes_of(h.body.p, h.body.len), message));
        text_deinit(&h.body);
        text_deinit(&wire);
        text_deinit(&body);
    }
}

static void an_ssl2_hello_reads_back(void **state)
{
    static const uint32_t kinds[] = { 0x010080, 0x0700c0 };
    struct text wire = { 0 };
    struct heard h = { 0 };
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    (void)state;
    tls_hello_write_sslv2(0x0002, kinds, ARRAY_LEN(kinds), BYTES("0123456789abcdef"), &wire);
    hear(bytes_of(wire.p, wire.len), &h);
    assert_int_equal(h.n_messages, 1);
    assert_true(h.is_sslv2);
    assert_true(tls_client_hello_parse_sslv2(bytes_of(h.body.p, h.body.len), &hello, &fault));
    assert_int_equal(hello.legacy_version, 0x0002);
    assert_true(bytes_equal(hello.cipher_suites, BYTES("\x01\x00\x80\x07\x00\xc0")));
    assert_true(bytes_equal(hello.random, BYTES("0123456789abcdef")));
    text_deinit(&h.body);
    text_deinit(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_hello_has_no_extensions),
        cmocka_unit_test(every_extension_reads_back),
        cmocka_unit_test(no_key_share_is_an_empty_list),
        cmocka_unit_test(padding_gives_the_length_asked_for),
        cmocka_unit_test(records_hold_the_message),
        cmocka_unit_test(an_ssl2_hello_reads_back),
    };
    return cmocka_run_group_tests_name("hello_write", tests, NULL, NULL);
}
