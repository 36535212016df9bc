/*
 * Each check of transcript/violations.c: a connection that breaks it, named with its text, and one
 * a single fact away that breaks nothing.
 */
#include "transcript/violations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) "

struct row {
    const char *script; /* breaks the protocol */
    const char *text;   /* part of what is said of it; the side is its first letter */
    const char *near;   /* does not */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    /* records */
    { "c.hello c.fault=2'x'", "c a record longer than", "c.hello c.fault=4'x'" },
    { "c.hello s.fault=3'x'", "s an empty fragment", "c.hello s.fault=0'x'" },
    { "c.hello s.serverhello s.fault=1'x'", "s bytes that are no TLS record",
      "c.hello s.fault=1'x'" },
    { "c.hello s.malformed", "s a message contradicts its format", "c.hello s.partial" },
    /* order */
    { "c.ccs", "c ChangeCipherSpec before any ClientHello", "c.hello c.ccs" },
    { "s.serverhello", "s ServerHello from the server", "c.hello s.serverhello" },
    { "c.serverhello", "c ServerHello from the client", "silent=c s.serverhello" },
    { "c.hello s.hello", "s ClientHello from the server", "c.hello c.hello" },
    { "c.hello c.helloreq", "c HelloRequest from the client", "c.hello s.helloreq" },
    { "c.hello s.cert", "s Certificate from the server", OLD "s.cert" },
    { "c.hello c.cert", "c Certificate from the client", OLD "c.cert" },
    { "c.hello s.cert", "s Certificate from the server", "c.hello s.gap=900 s.cert" },
    { "c.hello s.ske", "s ServerKeyExchange from the server", OLD "s.ske" },
    { "c.hello s.creq", "s CertificateRequest from the server", OLD "s.creq" },
    { "c.hello s.done", "s ServerHelloDone from the server", OLD "s.done" },
    { OLD "c.done", "c ServerHelloDone from the client", OLD "s.done" },
    { "c.hello c.cke", "c ClientKeyExchange from the client", OLD "c.cke" },
    { OLD "s.cke", "s ClientKeyExchange from the server", OLD "c.cke" },
    { "c.hello c.verify", "c CertificateVerify from the client", OLD "c.verify" },
    { OLD "c.finished", "c Finished from the client", OLD "c.finished!" },
    { OLD "s.finished", "s Finished from the server", OLD "s.finished!" },
    { OLD "c.ticket", "c NewSessionTicket from the client", OLD "s.ticket" },
    { "c.hello s.ee", "s EncryptedExtensions from the server", "c.hello s.serverhello s.ee!" },
    { OLD "s.msg(type=99)", "s a handshake message of a type that does not exist",
      OLD "s.msg(type=23)" },
    { "s.cert", "s Certificate from the server", "middle s.cert" },
    { "c.ccs", "c ChangeCipherSpec before", "middle c.ccs" },
    { "s.serverhello", "s ServerHello from the server", "middle s.serverhello" },
    /* ClientHello */
    { "c.hello(cut,suites=)", "c ClientHello contradicts its format", "c.hello(cut)" },
    { "c.hello(dup)", "c the same extension twice in one ClientHello", "c.hello" },
    { "c.hello(broken)", "c an extension of the ClientHello contradicts its format",
      "c.hello(ext=0016)" },
    { "c.hello(comp=01)", "c a ClientHello without the null compression method",
      "c.hello(comp=00)" },
    { "c.hello(groups=-)", "c key_share without supported_groups",
      "c.hello(groups=-,v=-,shares=-)" },
    { "c.hello(v=0304,shares=-)", "c key_share without supported_groups, or the reverse",
      "c.hello(shares=-)" },
    { "c.hello(sigs=-)", "c no signature_algorithms and no pre_shared_key",
      "c.hello(sigs=-,psk,modes)" },
    { "c.hello(psk)", "c pre_shared_key without psk_key_exchange_modes", "c.hello(psk,modes)" },
    { "c.hello(psk,modes,late)", "c pre_shared_key is not the last extension",
      "c.hello(modes,late)" },
    { "c.hello(shares=001d:31)", "c a key share of the wrong length", "c.hello(shares=001d:32)" },
    { "c.hello(shares=0017:66)", "c a key share of the wrong length", "c.hello(shares=0017:65)" },
    { "c.hello(shares=0018)", "c a key share for a group that supported_groups does not list",
      "c.hello(shares=0018,groups=0018)" },
    { "c.hello s.retry c.hello(random=9)", "c the second ClientHello lacks the key share",
      "c.hello s.retry c.hello(shares=0017,random=9)" },
    /* ServerHello */
    { "c.hello s.serverhello(suite=1304)", "s the ServerHello chooses a cipher suite",
      "c.hello s.serverhello(suite=1303)" },
    { "c.hello s.serverhello(comp=01)", "s the ServerHello chooses a compression method",
      "c.hello s.serverhello(comp=00)" },
    { "c.hello(v=-,shares=-) s.serverhello(v=0299)",
      "s the ServerHello chooses a version that does not exist",
      "c.hello(v=-,shares=-) s.serverhello(v=0301)" },
    { "c.hello s.serverhello(id=8)", "s the ServerHello does not echo legacy_session_id",
      "c.hello(id=8) s.serverhello(id=8)" },
    { "c.hello s.serverhello(group=0017)",
      "s a key share for a group to which the client sent none",
      "c.hello(shares=0017) s.serverhello(group=0017)" },
    { "c.hello s.retry(group=001d)",
      "s HelloRetryRequest for a group whose key share was sent already",
      "c.hello s.retry(group=0017)" },
    { "c.hello s.retry(group=0019)",
      "s HelloRetryRequest for a group that the client did not offer",
      "c.hello(groups=001d+0019) s.retry(group=0019)" },
    { "c.hello s.retry c.hello(shares=0017,random=9) s.retry", "s a second HelloRetryRequest",
      "c.hello s.retry c.hello(shares=0017,random=9) s.serverhello(group=0017)" },
    { "c.hello s.serverhello(dup)", "s the same extension twice in one ServerHello",
      "c.hello(ext=0017) s.serverhello(ems)" },
    { "c.hello s.serverhello(ems)",
      "s an extension in the ServerHello that the client did not offer",
      "c.hello(ext=0017) s.serverhello(ems)" },
    { "c.hello(v=-,shares=-,suites=c02f) s.serverhello(v=0303,ri)",
      "s an extension in the ServerHello",
      "c.hello(v=-,shares=-,suites=c02f+00ff) s.serverhello(v=0303,ri)" },
    { "c.hello(v=-,shares=-,suites=c02f) s.serverhello(v=0303,ri)",
      "s an extension in the ServerHello",
      "c.hello(v=-,shares=-,suites=c02f,ri) s.serverhello(v=0303,ri)" },
    { "c.hello s.serverhello(ext=002c)", "s an extension in the ServerHello that",
      "c.hello s.retry(ext=002c)" },
    { "c.hello s.serverhello(broken)", "s ServerHello contradicts its format",
      "c.hello s.serverhello" },
    /* what follows */
    { OLD "s.cert(empty)", "s the server's Certificate message is empty",
      OLD "s.cert s.creq c.cert(empty)" },
    { OLD "s.cert(broken)", "s Certificate contradicts its format", OLD "s.cert" },
    { OLD "s.ske(broken)", "s ServerKeyExchange contradicts its format", OLD "s.ske" },
    { OLD "s.creq(broken)", "s CertificateRequest contradicts its format", OLD "s.creq" },
    { OLD "c.verify(broken)", "c CertificateVerify contradicts its format", OLD "c.verify" },
    /* the first counts, whoever comes after */
    { "c.hello(dup) s.serverhello(ems)", "c the same extension twice", "c.hello s.serverhello" },
    { "c.sslv c.ccs s.fault=3'x'", "s an empty fragment", "c.sslv s.serverhello(v=0303,ri)" },
};
/* clang-format on */

static void breaks(const struct row *row)
{
    struct flow *f = flow_new(row->script);
    enum side side = row->text[0] == 's' ? SIDE_SERVER : SIDE_CLIENT;
    if (f->t->violation == NULL || strstr(f->t->violation_text, row->text + 2) == NULL) {
        fail_msg("%s: \"%s\" instead of \"%s\"", row->script,
                 f->t->violation == NULL ? "nothing" : f->t->violation_text, row->text);
    }
    assert_int_equal(f->t->violation_side, side);
    assert_int_equal(f->t->violation->side, side);
    flow_free(f);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    breaks(row);
    struct flow *f = flow_new(row->near);
    if (f->t->violation != NULL) {
        fail_msg("%s: \"%s\"", row->near, f->t->violation_text);
    }
    flow_free(f);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].script, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("violations", tests, NULL, NULL);
}
