#include "make_transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "tls/hello.h"

#define START_S INT64_C(1795435200) /* 2026-11-23T12:00:00Z */
#define YEAR_S  INT64_C(31536000)
enum { TEST_DER_MAX = 4096 };

struct made *made_new(void)
{
    struct made *m = calloc(1, sizeof *m);
    struct err err = { 0 };
    assert_non_null(m);
    assert_int_equal(x509_store_new(&m->store, &err), ST_OK);
    m->t.source = SOURCE_CAPTURE;
    m->t.capture = "made.pcap";
    m->t.events = m->events;
    m->t.first = (struct when){ 1, START_S * NS_PER_S };
    m->t.last = m->t.first;
    assert_true(endpoint_parse("192.0.2.10:40000", &m->t.client));
    assert_true(endpoint_parse("198.51.100.20:443", &m->t.server));
    return m;
}

void made_free(struct made *m)
{
    x509_store_free(m->store);
    free(m);
}

struct event *made_event(struct made *m, enum event_kind kind, enum side side)
{
    assert_true(m->t.n_events < MADE_EVENTS_MAX);
    struct event *e = &m->events[m->t.n_events++];
    *e = (struct event){ .kind = (uint8_t)kind, .side = (uint8_t)side, .count = 1 };
    e->when.frame = m->t.n_events;
    e->when.at_ns = m->t.first.at_ns + (int64_t)(m->t.n_events - 1) * NS_PER_MS;
    e->last = e->when;
    m->t.last = e->when;
    return e;
}

/* --- hellos --- */

static void add_bytes(struct made *m, struct bytes b)
{
    assert_true(bytes_copy(m->hello_bytes + m->hello_len, MADE_HELLO_BYTES - m->hello_len, b));
    m->hello_len += b.len;
}

static void add_u16(struct made *m, size_t v)
{
    uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };
    add_bytes(m, bytes_of(be, sizeof be));
}

static void add_server_name(struct made *m, const char *name)
{
    size_t len = strlen(name);
    add_u16(m, 0);
    add_u16(m, len + 5);
    add_u16(m, len + 3);
    add_bytes(m, BYTES("\x00"));
    add_u16(m, len);
    add_bytes(m, bytes_of(name, len));
}

#define EXTENSIONS                                                                                 \
    "\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17" /* x25519, secp256r1 */                             \
    "\x00\x0d\x00\x06\x00\x04\x04\x03\x08\x04" /* ecdsa_secp256r1_sha256, PSS */                   \
    "\x00\x2b\x00\x05\x04\x03\x04\x03\x03"     /* TLS 1.3, TLS 1.2 */                              \
    "\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"
#define SUITES "\x00\x08\x0a\x0a\x13\x01\xc0\x2f\x00\xff"

void made_hello(struct made *m, const char *server_name)
{
    size_t name_len = server_name == NULL ? 0 : strlen(server_name) + 9;
    struct fault fault = { 0 };
    m->hello_len = 0;
    add_bytes(m, BYTES("\x03\x03"
                       "0123456789abcdef0123456789abcdef"
                       "\x00" SUITES "\x01\x00"));
    add_u16(m, name_len + sizeof EXTENSIONS - 1);
    if (server_name != NULL) {
        add_server_name(m, server_name);
    }
    add_bytes(m, BYTES(EXTENSIONS));
    struct event *e = made_event(m, EVENT_HANDSHAKE, SIDE_CLIENT);
    e->type = 1;
    e->body = bytes_of(m->hello_bytes, m->hello_len);
    assert_true(tls_client_hello_parse(e->body, false, &m->hello, &fault));
    m->t.hello = &m->hello;
    m->t.hello_event = e;
    m->t.server_name = server_name;
}

void made_server_hello(struct made *m)
{
    static const char body[] = "\x03\x03"
                               "abcdefghijklmnopqrstuvwxyzABCDEF"
                               "\x00\x13\x01\x00"
                               "\x00\x06\x00\x2b\x00\x02\x03\x04";
    struct fault fault = { 0 };
    struct event *e = made_event(m, EVENT_HANDSHAKE, SIDE_SERVER);
    e->type = 2;
    e->body = BYTES(body);
    assert_true(tls_server_hello_parse(e->body, &m->server_hello, &fault));
    m->t.server_hello = &m->server_hello;
    m->t.server_hello_event = e;
    m->t.version = m->t.version_on_wire = 0x0304;
    m->t.cipher_suite = 0x1301;
    m->t.group = 29;
}

/* --- certificates --- */

static void set_name(X509_NAME *to, const char *common_name)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)common_name, -1, -1, 0),
                     1);
}

static void add_dns_name(X509 *x, const char *dns_name)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    assert_true(names != NULL && name != NULL && text != NULL);
    assert_int_equal(ASN1_STRING_set(text, dns_name, -1), 1);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
    assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT), 1);
    GENERAL_NAMES_free(names);
}

static size_t make_der(const struct made_name *name, uint8_t *out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_true(key != NULL && x != NULL);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    int64_t not_after_s = name->not_after_s != 0 ? name->not_after_s : START_S + YEAR_S;
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(START_S - 3 * YEAR_S)));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after_s));
    set_name(X509_get_subject_name(x), name->common_name);
    set_name(X509_get_issuer_name(x), name->is_other_issuer ? "Made CA" : name->common_name);
    if (name->dns_name != NULL) {
        add_dns_name(x, name->dns_name);
    }
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    int len = i2d_X509(x, NULL);
    assert_true(len > 0 && len <= TEST_DER_MAX);
    assert_int_equal(i2d_X509(x, &out), len);
    X509_free(x);
    EVP_PKEY_free(key);
    return (size_t)len;
}

void made_certificate(struct made *m, enum side side, const struct made_name *name)
{
    uint8_t der[TEST_DER_MAX];
    struct bytes one = bytes_of(der, make_der(name, der));
    struct side_facts *s = &m->t.side[side];
    struct event *e = made_event(m, EVENT_HANDSHAKE, side);
    e->type = 11;
    s->chain = x509_store_chain(m->store, &one, 1);
    assert_non_null(s->chain);
    s->has_certificate = true;
    s->certificate_event = e;
}

/* --- ends --- */

struct event *made_alert(struct made *m, enum side side, uint8_t description)
{
    struct event *e = made_event(m, EVENT_ALERT, side);
    e->level = 2;
    e->type = description;
    m->t.side[side].fatal_alert = e;
    m->t.side[side].first_alert = e;
    return e;
}

void made_complete(struct made *m)
{
    m->v.outcome = OUTCOME_COMPLETED;
    m->v.confidence = CONFIDENCE_CERTAIN;
    m->v.rule = "completed/test";
}

void made_fail(struct made *m, enum cause cause, enum actor party, enum actor rejected_by)
{
    m->v.outcome = OUTCOME_FAILED;
    m->v.cause = cause;
    m->v.party = party;
    m->v.rejected_by = rejected_by;
    m->v.confidence = CONFIDENCE_CERTAIN;
    m->v.rule = "test/rule";
    m->v.source = "RFC 8446";
    m->v.sentence = "This is what happened.";
}

void made_evidence(struct made *m, const struct event *e, const char *sentence)
{
    assert_true(m->v.n_evidence < EVIDENCE_MAX);
    m->v.evidence[m->v.n_evidence++] =
        (struct evidence){ e->when.frame, e->when.at_ns, actor_of_side((enum side)e->side),
                           event_name(e), sentence };
}

void made_finding(struct made *m, const char *id, enum cause cause)
{
    assert_true(m->v.n_findings < FINDINGS_MAX);
    m->v.findings[m->v.n_findings++] =
        (struct finding){ id, cause, ACTOR_SERVER, "It was noticed." };
}
