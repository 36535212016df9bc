/*
 * The rules on what a program's own TLS library says: a connection with that inside view that each
 * explains, and one a single fact away that it does not.
 */
#include "diagnose/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/status.h"
#include "flow_script.h"

#define NEW     "inside c.hello s.serverhello s.ee! s.cert! "
#define NEW_END NEW "s.verify! s.finished! "
#define OVER    NEW_END "c.finished! "
#define ASKED                                                                                      \
    "inside c.hello s.serverhello s.ee! s.creq! s.cert! s.verify! s.finished! c.cert(empty)! "     \
    "c.finished! "
#define SUITES "\xc0\x2b\xc0\x2f"

static const struct local_facts given_up = { .side = SIDE_CLIENT, .is_given_up = true };

/* clang-format off: a table reads by columns */
static const struct row {
    const char *name;
    const char *script;
    struct local_facts local;
    const char *want;
} rows[] = {
    { "connect: refused",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_REFUSED },
      "failed connection-refused by server certain local/connect" },
    { "connect: no route",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_UNREACHABLE },
      "failed connection-refused by network probable local/connect" },
    { "connect: no answer",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_TIMEOUT },
      "failed connection-timeout by network certain local/connect" },
    { "connect: no address",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_NO_ADDRESS },
      "failed undetermined/no-address by unknown certain local/connect" },
    { "connect: none left",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_NONE_LEFT },
      "failed undetermined/no-target-in-use by unknown certain local/connect" },
    { "cut short: the client left before its ClientHello was whole",
      "c.syn s.synack inside c.fin",
      { .side = SIDE_SERVER, .is_given_up = true, .peer_closed = true },
      "failed connection-closed by client probable transport/closed" },
    { "cut short: the client was silent, and the server gave up",
      "c.syn s.synack inside s.fin",
      { .side = SIDE_SERVER, .has_waited = true },
      "failed handshake-timeout by server certain transport/stalled" },
    { "plaintext: before the ClientHello",
      "inside s.plain'220 mx ESMTP' c.fin",
      { .is_given_up = true },
      "failed plaintext-server by client certain plaintext/server" },
    { "plaintext: of no protocol, before the ClientHello",
      "inside s.plain'\x99\x98' c.fin",
      { .is_given_up = true },
      "failed plaintext-server by client probable plaintext/server" },
    { "plaintext: to a request in clear",
      "inside c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 400 Bad' s.fin",
      { .is_given_up = true },
      "failed plaintext-client by server probable plaintext/client" },
    { "connect: no Message Processor",
      "inside",
      { .is_given_up = true, .connect_error = CONNECT_NO_PROCESSOR },
      "failed connection-refused/message-processor-down by server certain local/connect" },
    { "answer: late",
      "inside c.app=90!",
      { .is_done = true,
        .answer_error = ANSWER_LATE,
        .answer_version = 0x0304,
        .answer_suite = 0x1301 },
      "completed/answer-timeout certain" },
    { "answer: closed",
      "inside s.fin",
      { .is_done = true,
        .answer_error = ANSWER_CLOSED,
        .answer_version = 0x0303,
        .answer_suite = 0xc02f },
      "completed/closed-before-answer certain" },
    { "answer: closed in TLS 1.3, where that may be a refusal",
      "inside s.fin",
      { .is_done = true,
        .answer_error = ANSWER_CLOSED,
        .answer_version = 0x0304,
        .answer_suite = 0x1301 },
      "completed/closed-before-answer probable" },
    { "answer: closed in clear",
      "inside s.fin",
      { .answer_error = ANSWER_CLOSED },
      "completed/closed-before-answer certain" },
    { "verify: its own issuer",
      NEW "c.alert=48! trust fault=s:self-signed",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT } } },
      "failed certificate-self-signed of server by client certain local/verify" },
    { "verify: the program's words before the alert's",
      NEW "c.alert=42! trust fault=s:self-signed",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_HOSTNAME_MISMATCH } } },
      "failed certificate-hostname-mismatch of server by client certain local/verify" },
    { "verify: an accepted fault is none",
      NEW "c.alert=45! trust ok=s",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 2,
        .faults = { { .error = X509_V_ERR_CERT_REVOKED, .is_accepted = true },
                    { .error = X509_V_ERR_CERT_HAS_EXPIRED } } },
      "failed certificate-expired of server by client certain local/verify" },
    { "verify: a check of the program's own, which does not say why",
      NEW "c.alert=80! trust ok=s",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_OK } } },
      "failed certificate-rejected of server by client probable local/verify" },
    { "verify: a check of the program's own, and the name is wrong",
      NEW "c.alert=80! trust fault=s:hostname-mismatch",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_OK } } },
      "failed certificate-hostname-mismatch of server by client probable local/verify" },
    { "verify: the same of the client's",
      "inside c.hello s.serverhello s.ee! s.creq! s.cert! s.verify! s.finished! c.cert! c.verify! "
      "c.finished! s.alert=80!",
      { .side = SIDE_SERVER,
        .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_OK } } },
      "failed certificate-rejected of client by server probable local/verify" },
    { "verify: no issuer, and an intermediate was not sent",
      NEW "c.alert=48! trust fault=s:chain-incomplete",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } } },
      "failed certificate-chain-incomplete of server by client probable local/verify" },
    { "verify: no issuer, and nobody knows what the program trusts",
      NEW "c.alert=48! fault=s:untrusted-ca",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } } },
      "failed certificate-untrusted-ca of server by client probable local/verify" },
    { "verify: no issuer; the root it would be is known",
      NEW "c.alert=48! trust fault=s:untrusted-ca",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } } },
      "failed certificate-untrusted-ca of server by client certain local/verify" },
    { "verify: no issuer, and it may be an intermediate",
      NEW "c.alert=48! trust fault=s:untrusted-ca unseen=s",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } } },
      "failed certificate-untrusted-ca of server by client probable local/verify" },
    { "verify: a digest too weak",
      NEW "c.alert=42! ok=s",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_CA_MD_TOO_WEAK } } },
      "failed weak-crypto-refused/signature-digest-too-weak of server by client certain "
      "local/verify" },
    { "verify: a reason of the program's own",
      NEW "c.alert=42! ok=s",
      { .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED },
        .n_faults = 1,
        .faults = { { .error = X509_V_ERR_APPLICATION_VERIFICATION } } },
      "failed certificate-rejected of server by client certain local/verify" },
    { "late: the result was bad and the program left",
      OVER "c.fin trust fault=s:expired",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "failed certificate-expired of server by client probable local/late" },
    { "late: of a library that was told not to mind",
      OVER "c.fin trust fault=s:expired",
      { .is_done = true,
        .has_policy = true,
        .verify_mode = SSL_VERIFY_NONE,
        .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "failed certificate-expired of server by client possible local/late" },
    { "late: of one that was told to, and a callback that let it pass",
      OVER "c.fin trust fault=s:expired",
      { .is_done = true,
        .has_policy = true,
        .verify_mode = SSL_VERIFY_PEER,
        .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "failed certificate-expired of server by client probable local/late" },
    { "late: of nginx, which says who it is",
      OVER "c.fin trust fault=s:expired",
      { .called = "nginx",
        .is_done = true,
        .has_policy = true,
        .verify_mode = SSL_VERIFY_NONE,
        .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "failed certificate-expired of server by client probable local/late" },
    { "late: it wrote what was waiting, and left at once",
      OVER "c.app=90! c.fin fault=s:expired",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "failed certificate-expired of server by client probable local/late" },
    { "late: it wrote, and had no time to wait",
      OVER "c.app=90! +300 c.fin fault=s:expired",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "completed" },
    { "late: it was served",
      OVER "c.app=90! s.app=90! c.fin fault=s:expired",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "completed" },
    { "late: it wrote, and said goodbye",
      OVER "c.app=90! c.alert=0! c.fin fault=s:expired",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "completed" },
    { "late: the name, which the program looks at by itself",
      OVER "c.app=90! c.fin fault=s:hostname-mismatch",
      { .is_done = true },
      "failed certificate-hostname-mismatch of server by client probable local/late" },
    { "late: the name, and it was served",
      OVER "c.app=90! s.app=90! c.fin fault=s:hostname-mismatch",
      { .is_done = true },
      "completed" },
    { "late: the name, which the program asked its library for",
      OVER "c.fin ok=s",
      { .is_done = true, .refused_name = "orders.example" },
      "failed certificate-hostname-mismatch of server by client certain local/late" },
    { "late: one of several names is there",
      OVER "c.fin ok=s",
      { .is_done = true, .refused_name = "orders.example", .found_name = true },
      "completed" },
    { "late: the name was asked for, and it was served all the same",
      OVER "c.app=90! s.app=90! c.fin ok=s",
      { .is_done = true, .refused_name = "orders.example" },
      "completed" },
    { "late: the name, by a program that lets a bad chain pass",
      OVER "c.fin fault=s:expired",
      { .is_done = true,
        .verify_result = X509_V_ERR_CERT_HAS_EXPIRED,
        .refused_name = "orders.example" },
      "failed certificate-hostname-mismatch of server by client probable local/late" },
    { "late: the peer left",
      OVER "s.fin ok=s",
      { .is_done = true, .verify_result = X509_V_ERR_CERT_HAS_EXPIRED },
      "completed" },
    { "error: no version to offer",
      "inside c.fin",
      { .is_given_up = true, .newest = { ERR_LIB_SSL, SSL_R_NO_PROTOCOLS_AVAILABLE } },
      "failed protocol-mismatch by client certain local/error" },
    { "error: a Diffie-Hellman group",
      "inside c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert "
      "s.ske(dh=512) s.done c.alert=40",
      { .is_given_up = true, .newest = { ERR_LIB_SSL, SSL_R_DH_KEY_TOO_SMALL } },
      "failed weak-crypto-refused/dh-key-too-small by client certain local/error" },
    { "error: the same number of another library is another reason",
      "inside c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.done c.alert=40 ok=s",
      { .is_given_up = true, .newest = { ERR_LIB_X509, SSL_R_DH_KEY_TOO_SMALL } },
      "failed undetermined by client possible unknown" },
    { "error: no suite of the client's is allowed",
      "inside c.hello(v=0303,shares=-,suites=1301+c02c) "
      "s.alert=40",
      { .side = SIDE_SERVER,
        .is_given_up = true,
        .cipher_suites = { (const uint8_t *)SUITES, sizeof SUITES - 1 },
        .newest = { ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER } },
      "failed cipher-mismatch by server certain local/error" },
    { "error: TLS 1.1 at a security level that refuses its signatures",
      "inside c.hello(v=-,shares=-) s.serverhello(v=0302,ri) s.cert s.ske c.alert=47",
      { .is_given_up = true,
        .security_level = 2,
        .newest = { ERR_LIB_SSL, SSL_R_WRONG_SIGNATURE_TYPE } },
      "failed protocol-mismatch by client probable local/error" },
    { "error: the same at level 0 is about the signature",
      "inside c.hello(v=-,shares=-) s.serverhello(v=0302,ri) s.cert s.ske c.alert=47",
      { .is_given_up = true, .newest = { ERR_LIB_SSL, SSL_R_WRONG_SIGNATURE_TYPE } },
      "failed signature-mismatch by client certain local/error" },
    { "error: a server with nothing to show",
      "inside c.hello s.alert=40",
      { .side = SIDE_SERVER,
        .is_given_up = true,
        .has_no_certificate = true,
        .newest = { ERR_LIB_SSL, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM } },
      "failed signature-mismatch by server probable local/error" },
    { "error: a server with a certificate that no algorithm fits",
      "inside c.hello s.alert=40",
      { .side = SIDE_SERVER,
        .is_given_up = true,
        .newest = { ERR_LIB_SSL, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM } },
      "failed signature-mismatch by server certain local/error" },
    { "the client leaves at a chain that nobody can build",
      NEW_END "c.fin fault=s:chain-incomplete",
      { .side = SIDE_SERVER },
      "failed certificate-chain-incomplete of server by client possible certificate/server" },
    { "the client leaves at a chain of a CA that it may know",
      NEW_END "c.fin fault=s:untrusted-ca",
      { .side = SIDE_SERVER },
      "failed connection-closed by client probable transport/closed" },
    { "the client resets at a chain that nobody can build",
      NEW_END "c.rst fault=s:chain-incomplete",
      { .side = SIDE_SERVER },
      "failed connection-reset by client probable transport/reset" },
    { "the client leaves such a chain later",
      NEW_END "+2500 c.fin fault=s:self-signed",
      { .side = SIDE_SERVER },
      "failed connection-closed by client probable transport/closed" },
    { "limit: TLS 1.2 at most, and no reason",
      "inside c.hello(v=-,shares=-) s.alert=40",
      { .is_given_up = true, .has_policy = true, .max_version = 0x0303 },
      "failed protocol-mismatch by server probable hello/refused" },
    { "limit: TLS 1.3 only, and no reason",
      "inside c.hello(v=0304) s.alert=40",
      { .is_given_up = true, .has_policy = true, .min_version = 0x0304 },
      "failed protocol-mismatch by server probable hello/refused" },
    { "limit: none, and no reason",
      "inside c.hello s.alert=40",
      { .is_given_up = true, .has_policy = true, .min_version = 0x0303, .max_version = 0x0304 },
      "failed undetermined by server possible hello/refused" },
    { "refused behind the handshake, without a word",
      "inside c.hello s.serverhello s.ee! s.creq(ca=other.ca)! s.cert! s.verify! s.finished! "
      "c.cert! c.verify! c.finished! c.app=60 s.fin fault=c:untrusted-ca",
      { .is_done = true },
      "failed certificate-untrusted-ca of client by server possible certificate/client" },
    { "closed behind the handshake, of a CA that the server named",
      "inside c.hello s.serverhello s.ee! s.creq(ca=app.example)! s.cert! s.verify! s.finished! "
      "c.cert! c.verify! c.finished! c.app=60 s.fin fault=c:untrusted-ca",
      { .is_done = true },
      "completed" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct flow *f = flow_new(row->script);
    f->t->local = &row->local;
    flow_diagnose(f, NULL);
    char *got = flow_words(&f->v);
    if (strcmp(got, row->want) != 0) {
        fail_msg("got \"%s\", want \"%s\"", got, row->want);
    }
    free(got);
    flow_free(f);
}

/* What the program trusts says nothing of what its peer trusts. */
static void own_trust_is_not_the_peers(void **state)
{
    (void)state;
    struct local_facts local = { .side = SIDE_SERVER, .is_done = true };
    struct flow *f = flow_new(OVER "c.fin trust fault=s:untrusted-ca");
    f->t->local = &local;
    flow_diagnose(f, NULL);
    assert_int_equal(f->v.outcome, OUTCOME_COMPLETED);
    local.side = SIDE_CLIENT;
    flow_diagnose(f, NULL);
    assert_int_equal(f->v.outcome, OUTCOME_FAILED);
    flow_free(f);
}

static void policy_is_evidence(void **state)
{
    (void)state;
    struct local_facts local = given_up;
    local.has_policy = local.has_anchor_count = true;
    local.min_version = 0x0303;
    local.security_level = 2;
    local.verify_mode = SSL_VERIFY_PEER;
    local.n_anchors = 143;
    local.n_places = 1;
    local.places[0] = "/etc/ssl/cert.pem";
    local.newest = (struct local_error){ ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED };
    local.n_faults = 1;
    local.faults[0].error = X509_V_ERR_CERT_HAS_EXPIRED;
    struct flow *f = flow_new(NEW "c.alert=45! fault=s:expired");
    f->t->local = &local;
    flow_diagnose(f, NULL);
    bool has_policy = false;
    bool has_trust = false;
    for (size_t i = 0; i < f->v.n_evidence; i++) {
        const char *s = f->v.evidence[i].sentence;
        has_policy = has_policy || strstr(s, "TLS 1.2 to its highest, security level 2") != NULL;
        has_trust = has_trust || strstr(s, "/etc/ssl/cert.pem; 143 certificates") != NULL;
    }
    assert_true(has_policy);
    assert_true(has_trust);
    flow_free(f);
}

static const struct alternative *find_alternative(const struct flow *f, enum cause cause)
{
    for (size_t i = 0; i < f->v.n_alternatives; i++) {
        if (f->v.alternatives[i].cause == cause) {
            return &f->v.alternatives[i];
        }
    }
    return NULL;
}

/* A program that reads its socket by itself: of the two ways to leave one is named, the other said
 * to be as likely. */
static void unseen_end_is_said_to_be_a_guess(void **state)
{
    struct local_facts local = given_up;
    (void)state;
    for (int is_guess = 0; is_guess < 2; is_guess++) {
        local.end_is_guess = is_guess == 1;
        struct flow *f = flow_new("inside c.hello s.fin");
        f->t->local = &local;
        flow_diagnose(f, NULL);
        assert_int_equal(f->v.cause, CAUSE_CONNECTION_CLOSED);
        assert_int_equal(strstr(f->v.sentence, "closed or reset") != NULL, is_guess);
        assert_int_equal(find_alternative(f, CAUSE_CONNECTION_RESET) != NULL, is_guess);
        flow_free(f);
    }
}

/* A server whose library asks for a certificate and goes on without may have left for another
 * reason: one that answers nothing is no proof. */
static void asking_is_not_insisting(void **state)
{
    struct local_facts local = { .side = SIDE_SERVER, .is_done = true, .has_policy = true };
    (void)state;
    for (int insists = 0; insists < 2; insists++) {
        local.verify_mode = SSL_VERIFY_PEER | (insists == 1 ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0U);
        struct flow *f = flow_new(ASKED "s.fin");
        f->t->local = &local;
        flow_diagnose(f, NULL);
        assert_int_equal(f->v.cause, CAUSE_CLIENT_CERTIFICATE_MISSING);
        assert_int_equal(find_alternative(f, CAUSE_CONNECTION_CLOSED) != NULL, 1 - insists);
        flow_free(f);
    }
}

static void a_close_may_be_a_refusal_in_tls13(void **state)
{
    (void)state;
    struct local_facts local = { .is_done = true, .answer_error = ANSWER_CLOSED };
    for (uint16_t version = 0x0303; version <= 0x0304; version++) {
        struct flow *f = flow_new("inside s.fin");
        local.answer_version = version;
        f->t->local = &local;
        flow_diagnose(f, NULL);
        bool is_13 = version == 0x0304;
        assert_int_equal(find_alternative(f, CAUSE_CERTIFICATE_REJECTED) != NULL, is_13);
        assert_int_equal(find_alternative(f, CAUSE_CLIENT_CERTIFICATE_MISSING) != NULL, is_13);
        flow_free(f);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 5];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(own_trust_is_not_the_peers);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(policy_is_evidence);
    tests[ARRAY_LEN(rows) + 2] =
        (struct CMUnitTest)cmocka_unit_test(unseen_end_is_said_to_be_a_guess);
    tests[ARRAY_LEN(rows) + 3] = (struct CMUnitTest)cmocka_unit_test(asking_is_not_insisting);
    tests[ARRAY_LEN(rows) + 4] =
        (struct CMUnitTest)cmocka_unit_test(a_close_may_be_a_refusal_in_tls13);
    return cmocka_run_group_tests_name("rules_local", tests, NULL, NULL);
}
