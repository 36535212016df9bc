#include "probe/flight.h"

#include <stdlib.h>

#include "tls/names.h"

enum { ALERT_WARNING = 1, ALERT_FATAL = 2, SSLV2_SERVER_HELLO = 4, SSLV2_HEADER_BYTES = 2 };

struct hello_catcher {
    struct probe_flight *f;
};

static void ignore_record(void *arg, uint8_t type, uint16_t version, uint32_t len,
                          struct bytes body, bool is_whole)
{
    (void)arg;
    (void)type;
    (void)version;
    (void)len;
    (void)body;
    (void)is_whole;
}

static void ignore_alert(void *arg, uint8_t level, uint8_t description)
{
    (void)arg;
    (void)level;
    (void)description;
}

static void ignore_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    (void)arg;
    (void)fault;
    (void)seen;
}

/* A handshake message with its header, in the flight's arena; p == NULL where it does not fit. */
static struct bytes with_header(struct probe_flight *f, uint8_t type, struct bytes body)
{
    uint8_t *room = arena_alloc(&f->arena, body.len + 4);
    if (room == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    room[0] = type;
    room[1] = (uint8_t)(body.len >> 16);
    room[2] = (uint8_t)(body.len >> 8);
    room[3] = (uint8_t)body.len;
    (void)bytes_copy(room + 4, body.len, body);
    return bytes_of(room, body.len + 4);
}

static void on_our_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct probe_flight *f = arg;
    if (is_sslv2) {
        f->asked_sslv2 = body.len >= 3 && load_be16(body.p + 1) == 0x0002;
    } else if (type == TLS_HANDSHAKE_CLIENT_HELLO && f->client_hello.p == NULL) {
        f->client_hello = with_header(f, type, body);
    }
}

void flight_start(struct probe_flight *f, struct bytes wire, const struct tls_key_share *shares,
                  size_t n_shares)
{
    *f = (struct probe_flight){ .arena = { .limit_bytes = FLIGHT_ARENA_BYTES },
                                .shares = shares,
                                .n_shares = n_shares };
    if (n_shares == 0 && (wire.len == 0 || wire.p[0] == TLS_HANDSHAKE)) {
        return; /* nothing of the hello is needed */
    }
    struct tls_record_stream ours = { 0 };
    struct tls_record_sink sink = { f,   ignore_record, on_our_message, ignore_alert, ignore_fault,
                                    NULL };
    (void)tls_record_push(&ours, wire, &sink);
    tls_record_finish(&ours, &sink);
    tls_record_deinit(&ours);
}

static const struct tls_key_share *chosen_share(const struct probe_flight *f, uint16_t group)
{
    for (size_t i = 0; i < f->n_shares; i++) {
        if (f->shares[i].group == group) {
            return &f->shares[i];
        }
    }
    return NULL;
}

static void put_secret(struct text *log, const char *label, struct bytes random,
                       struct bytes secret)
{
    text_printf(log, "%s ", label);
    text_put_hex(log, random);
    text_putc(log, ' ');
    text_put_hex(log, secret);
    text_putc(log, '\n');
}

static bool log_secrets(struct probe_flight *f, const struct tls13_secrets *secrets)
{
    struct text log = { 0 };
    struct bytes random = bytes_head(bytes_skip(f->client_hello, 4 + 2), 32);
    put_secret(&log, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", random,
               bytes_of(secrets->client, secrets->len));
    put_secret(&log, "SERVER_HANDSHAKE_TRAFFIC_SECRET", random,
               bytes_of(secrets->server, secrets->len));
    bool ok = !log.failed && keylog_new(&f->keylog, NULL) == ST_OK &&
              keylog_add(f->keylog, bytes_of(log.p, log.len), NULL) == ST_OK;
    text_deinit(&log);
    return ok;
}

/* TLS 1.3: the secrets of the handshake, from our share and the server's (RFC 8446 section 7.1). */
static void ready_keys(struct probe_flight *f)
{
    struct bytes share = f->hello.ext.key_share;
    const struct tls_cipher_suite *suite = tls_cipher_suite(f->hello.cipher_suite);
    const struct tls_key_share *ours = share.len < 4 ? NULL : chosen_share(f, load_be16(share.p));
    if (ours == NULL || suite == NULL || f->client_hello.p == NULL ||
        f->server_hello_message.p == NULL) {
        return;
    }
    struct text messages = { 0 };
    struct tls13_secrets secrets;
    text_put(&messages, (const char *)f->client_hello.p, f->client_hello.len);
    text_put(&messages, (const char *)f->server_hello_message.p, f->server_hello_message.len);
    bool ok = !messages.failed &&
              tls13_secrets_derive(ours, bytes_skip(share, 4),
                                   suite->hash == TLS_HASH_SHA384 ? "SHA384" : "SHA256",
                                   bytes_of(messages.p, messages.len), &secrets) &&
              log_secrets(f, &secrets);
    text_deinit(&messages);
    struct decrypt_params params = { .version = 0x0304,
                                     .cipher_suite = f->hello.cipher_suite,
                                     .client_random =
                                         bytes_head(bytes_skip(f->client_hello, 4 + 2), 32),
                                     .server_random = f->hello.random };
    if (ok && decryptor_new(&params, f->keylog, &f->decryptor) == ST_OK && f->decryptor != NULL) {
        decryptor_set_phase(f->decryptor, SIDE_SERVER, DECRYPT_HANDSHAKE);
    }
}

static void on_server_hello(struct probe_flight *f, struct bytes body)
{
    if (f->has_hello) {
        return;
    }
    struct bytes kept = with_header(f, TLS_HANDSHAKE_SERVER_HELLO, body);
    if (kept.p == NULL) {
        return;
    }
    f->server_hello_message = kept;
    bool ok = tls_server_hello_parse(bytes_skip(kept, 4), &f->hello, &f->hello_fault);
    f->has_hello = true;
    f->is_malformed |= !ok;
    f->version = f->hello.version;
    if (ok && tls_is_tls13(f->version) && !f->hello.is_retry) {
        f->stream.encrypted = true;
        ready_keys(f);
    }
}

/* The first of its kind is kept. */
static void keep(struct probe_flight *f, struct bytes *where, struct bytes body)
{
    if (where->p == NULL && body.len > 0) {
        *where = arena_copy(&f->arena, body);
    }
}

/* RFC 8879: as if it had come plain. */
static void on_compressed_certificate(struct probe_flight *f, struct bytes body)
{
    keep(f, &f->certificate, body);
}

static void take_message(struct probe_flight *f, uint8_t type, struct bytes body)
{
    switch (type) {
    case TLS_HANDSHAKE_SERVER_HELLO:
        on_server_hello(f, body);
        break;
    case TLS_HANDSHAKE_CERTIFICATE:
        keep(f, &f->certificate, body);
        break;
    case TLS_HANDSHAKE_COMPRESSED_CERTIFICATE:
        on_compressed_certificate(f, body);
        break;
    case TLS_HANDSHAKE_CERTIFICATE_STATUS:
        keep(f, &f->certificate_status, body);
        break;
    case TLS_HANDSHAKE_SERVER_KEY_EXCHANGE:
        keep(f, &f->server_key_exchange, body);
        break;
    case TLS_HANDSHAKE_CERTIFICATE_REQUEST:
        keep(f, &f->certificate_request, body);
        break;
    case TLS_HANDSHAKE_CERTIFICATE_VERIFY:
        keep(f, &f->certificate_verify, body);
        break;
    case TLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
        keep(f, &f->encrypted_extensions, body);
        break;
    case TLS_HANDSHAKE_SERVER_HELLO_DONE:
    case TLS_HANDSHAKE_FINISHED:
        f->hello_done = true;
        break;
    default: /* a message that says nothing here, or that no registry has */
        break;
    }
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    (void)is_sslv2;
    take_message(arg, type, body);
}

static void note_alert(struct probe_flight *f, uint8_t level, uint8_t description)
{
    if (level == ALERT_WARNING && description != TLS_ALERT_CLOSE_NOTIFY && !f->has_alert) {
        return; /* unrecognized_name as a warning, and the like: the handshake goes on */
    }
    if (!f->has_alert) {
        f->has_alert = true;
        f->alert_level = level;
        f->alert = description;
    }
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    note_alert(arg, level, description);
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    struct probe_flight *f = arg;
    (void)seen;
    if (fault == TLS_RECORD_NOT_TLS) {
        f->is_not_tls = true;
    } else {
        f->is_malformed = true;
    }
}

static bool on_want_body(void *arg, uint8_t type, uint32_t len)
{
    const struct probe_flight *f = arg;
    (void)type;
    (void)len;
    return f->decryptor != NULL && !f->hello_done;
}

/* Whole messages at the start of the decrypted bytes. */
static void take_sealed_messages(struct probe_flight *f)
{
    size_t at = 0;
    while (f->sealed.len - at >= 4) {
        const uint8_t *head = (const uint8_t *)f->sealed.p + at;
        size_t len = load_be24(head + 1);
        if (len > FLIGHT_SEALED_MAX) {
            f->is_malformed = true;
            break;
        }
        if (len > f->sealed.len - at - 4) {
            break;
        }
        take_message(f, head[0], bytes_of(head + 4, len));
        at += 4 + len;
    }
    if (at > 0) {
        memmove(f->sealed.p, f->sealed.p + at, f->sealed.len - at);
        f->sealed.len -= at;
    }
}

static void open_record(struct probe_flight *f, uint8_t type, uint16_t version, struct bytes body)
{
    uint8_t *room = malloc(body.len + 1);
    size_t len = 0;
    uint8_t inner = 0;
    if (room != NULL &&
        decryptor_open(f->decryptor, SIDE_SERVER, type, version, body, room, &len, &inner)) {
        f->is_opened = true;
        if (inner == TLS_HANDSHAKE && f->sealed.len <= FLIGHT_SEALED_MAX) {
            text_put(&f->sealed, (const char *)room, len);
            take_sealed_messages(f);
        } else if (inner == TLS_ALERT && len == 2) {
            note_alert(f, ALERT_FATAL, room[1]);
        }
    }
    free(room);
}

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct probe_flight *f = arg;
    (void)len;
    if (!is_whole || type != TLS_APPLICATION_DATA) {
        return;
    }
    f->n_sealed++;
    if (f->decryptor != NULL && body.p != NULL && !f->hello_done) {
        open_record(f, type, version, body);
    }
}

/* draft-hickman-netscape-ssl section 2.6: a 2-byte header, then type 4. False: it is no such thing.
 */
static bool push_sslv2(struct probe_flight *f, struct bytes data)
{
    text_put(&f->start, (const char *)data.p, data.len);
    const uint8_t *p = (const uint8_t *)f->start.p;
    if (f->start.len < 3) {
        return true;
    }
    size_t len = (size_t)(p[0] & 0x7f) << 8 | p[1];
    if ((p[0] & 0x80) == 0 || (p[2] != SSLV2_SERVER_HELLO && p[2] != 0)) {
        return false;
    }
    if (f->start.len - SSLV2_HEADER_BYTES < len) {
        return true;
    }
    struct bytes body = bytes_head(bytes_of(p + SSLV2_HEADER_BYTES, f->start.len), len);
    if (p[2] == 0) { /* an ERROR: type, code */
        note_alert(f, ALERT_FATAL, TLS_ALERT_HANDSHAKE_FAILURE);
        return true;
    }
    keep(f, &f->sslv2_hello, body);
    f->version = 0x0002;
    f->hello_done = true;
    return true;
}

void flight_push(struct probe_flight *f, struct bytes data)
{
    struct tls_record_sink sink = { f, on_record, on_message, on_alert, on_fault, on_want_body };
    f->n_bytes += data.len;
    if (f->asked_sslv2) {
        if (push_sslv2(f, data)) {
            return;
        }
        f->asked_sslv2 = false;
        (void)tls_record_push(&f->stream, bytes_of(f->start.p, f->start.len), &sink);
        return;
    }
    (void)tls_record_push(&f->stream, data, &sink);
}

void flight_finish(struct probe_flight *f)
{
    struct tls_record_sink sink = { f, on_record, on_message, on_alert, on_fault, on_want_body };
    tls_record_finish(&f->stream, &sink);
}

void flight_deinit(struct probe_flight *f)
{
    tls_record_deinit(&f->stream);
    decryptor_free(f->decryptor);
    keylog_free(f->keylog);
    text_deinit(&f->sealed);
    text_deinit(&f->start);
    arena_deinit(&f->arena);
}
