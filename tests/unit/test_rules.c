/*
 * Each rule of diagnose/rules.c: a connection that it explains, and one a single fact away that it
 * does not. A rule without a row fails the last test.
 */
#include "diagnose/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

/* Server flights of TLS 1.2 and 1.3, and handshakes that went through. */
#define OLD_HELLO    "c.hello(v=-,shares=-) "
#define OLD_FLIGHT   "s.serverhello(v=0303,ri) s.cert s.ske s.done "
#define EMS          "c.hello(v=-,shares=-,ext=0017) "
#define OLD          OLD_HELLO OLD_FLIGHT
#define OLD_FINISH   "c.cke c.ccs c.sealed=40 "
#define OLD_OVER     OLD OLD_FINISH "s.ccs s.sealed=40 "
#define ASKED_OF(ca) OLD_HELLO "s.serverhello(v=0303,ri) s.cert s.ske s.creq(ca=" ca ") s.done "
#define ASKED        OLD_HELLO "s.serverhello(v=0303,ri) s.cert s.ske s.creq s.done "
#define NEW          "c.hello s.serverhello s.app=100 "
#define NEW_OVER     NEW "c.app=53 "
#define WORKS_OLD    OLD_OVER "c.app=40 s.app=40 "
#define WORKS_NEW    NEW_OVER "c.app=90 s.app=90 "
#define SYNS         "c.syn c.syn c.syn c.syn c.syn c.syn "
#define SMTP         "s.prelude(kind=4,step=0)'220 hi' c.prelude(kind=4,step=2)'STARTTLS' "

struct row {
    const char *rule;
    const char *before; /* other connections to the same server, or NULL */
    const char *script;
    const char *want;
    const char *near; /* a single fact away: not this rule */
    const char *near_want;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "tcp/refused", NULL, "c.syn s.rst", "failed connection-refused by server certain tcp/refused",
      "c.syn s.synack s.rst", "none" },
    { "tcp/refused", NULL, /* by the network */
      "c.syn c.icmp", "failed connection-refused by network probable tcp/refused",
      "c.syn +1000 c.syn", "failed connection-timeout by network probable tcp/unanswered" },
    { "tcp/unanswered", NULL, "c.syn +1000 c.syn",
      "failed connection-timeout by network probable tcp/unanswered", "c.syn", "unfinished" },
    { "tcp/unanswered", NULL, SYNS, "failed connection-timeout by network certain tcp/unanswered",
      SYNS "port=80", "none" },
    { "tcp/unanswered", NULL, /* the capture lost frames: an answer too, perhaps */
      SYNS "dropped", "failed connection-timeout by network probable tcp/unanswered", SYNS "s.rst",
      "failed connection-refused by server certain tcp/refused" },
    { "prelude/refused", NULL, SMTP "s.prelude(kind=4,step=4)'454 no' s.fin",
      "failed starttls-refused by server certain prelude/refused",
      SMTP "s.prelude(kind=4,step=3)'220 go' s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "prelude/refused", NULL, /* never offered */
      "s.prelude(kind=4,step=0)'220 hi' c.prelude(kind=4,step=5)'QUIT' c.fin",
      "failed starttls-refused by client probable prelude/refused",
      "s.prelude(kind=4,step=0)'220 hi' c.prelude(kind=4,step=1)'QUIT' c.fin", "none" },
    { "plaintext/client", NULL, "c.plain'GET / HTTP/1.1' s.alert=10",
      "failed plaintext-client by server certain plaintext/client", "c.hello s.alert=10",
      "failed protocol-violation by server probable peer/alert" },
    { "plaintext/client", NULL, /* the SYN was not captured: so were other bytes, perhaps */
      "middle c.plain'abc' s.alert=10",
      "failed plaintext-client by server probable plaintext/client",
      "middle c.plain'abc' s.app=19 s.fin", "unfinished" },
    { "plaintext/client", NULL, /* a PROXY header that nobody expected, perhaps */
      "c.prelude(kind=1,step=0)'192.0.2.7' c.hello s.fin",
      "failed plaintext-client by server possible plaintext/client",
      "c.prelude(kind=1,step=0)'192.0.2.7' c.hello s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
    { "plaintext/client", NULL, /* told so in HTTP */
      "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 400 Bad: plain HTTP request was sent to HTTPS "
      "port' s.fin",
      "failed plaintext-client by server probable plaintext/client",
      "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 200 OK' s.fin", "none" },
    { "plaintext/server", NULL, "c.hello s.plain'HTTP/1.1 400 Bad Request' s.fin",
      "failed plaintext-server by server certain plaintext/server", "c.hello s.alert=40",
      "failed undetermined by server possible hello/refused" },
    { "version/fallback", NULL, "c.hello(v=0303,shares=-,suites=c02f+5600) s.alert=86",
      "failed fallback-refused by server certain version/fallback",
      "c.hello(v=0303,shares=-,suites=c02f+5600) s.alert=70",
      "failed protocol-mismatch by server certain version/alert" },
    { "version/fallback", NULL, /* refused as one although it did not say so */
      "c.hello(v=0303,shares=-) s.alert=86",
      "failed fallback-refused by server probable version/fallback",
      "c.hello(v=0303,shares=-) s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
    { "version/alert", NULL, "c.hello(v=0304) s.alert=70",
      "failed protocol-mismatch by server certain version/alert", "c.hello(v=0304) s.alert=47",
      "failed protocol-violation by server possible peer/alert" },
    { "version/alert", NULL, /* what nearly every server takes */
      "c.hello s.alert=70", "failed protocol-mismatch by server probable version/alert",
      "c.hello s.serverhello s.alert=70",
      "failed protocol-mismatch by server probable peer/alert" },
    { "version/answer", NULL, OLD_HELLO "s.serverhello(v=0301) c.alert=70",
      "failed protocol-mismatch by client certain version/answer",
      OLD_HELLO "s.serverhello(v=0304) c.alert=70",
      "failed protocol-violation by client possible peer/violation" },
    { "alpn/alert", NULL, "c.hello(alpn=h2) s.alert=120",
      "failed alpn-mismatch by server certain alpn/alert", "c.hello(alpn=h2) s.alert=40",
      "failed undetermined by server possible hello/refused" },
    { "alpn/alert", NULL, /* nothing was offered: odd */
      "c.hello s.alert=120", "failed alpn-mismatch by server probable alpn/alert",
      "c.hello s.alert=110", "failed protocol-violation by server probable peer/alert" },
    { "alpn/alert", NULL, /* encrypted, where EncryptedExtensions would be */
      "c.hello(alpn=h2) s.serverhello s.app=19 s.fin",
      "failed alpn-mismatch by server probable alpn/alert", "c.hello s.serverhello s.app=19 s.fin",
      "failed undetermined by server possible unknown" },
    { "psk/identity", NULL, "c.hello(psk,modes) s.alert=115",
      "failed psk-unknown by server certain psk/identity",
      "c.hello(psk,modes) s.serverhello(psk) s.app=100 s.alert=115",
      "failed psk-unknown by server certain psk/identity" },
    { "psk/identity", NULL, /* the binder */
      "c.hello(psk,modes) s.alert=51", "failed psk-unknown by server probable psk/identity",
      "c.hello(modes) s.alert=51", "failed integrity-failure by server probable peer/integrity" },
    { "psk/identity", NULL, /* nothing but PSK suites */
      "c.hello(v=-,shares=-,suites=00a8+00ff) s.alert=40",
      "failed psk-unknown by server possible psk/identity",
      "c.hello(v=-,shares=-,suites=00a8+c02f) s.alert=40", NULL },
    { "sni/name", NULL, "c.hello s.alert=112", "failed sni-unrecognized by server certain sni/name",
      "c.hello s.warn=112 s.fin", "failed connection-closed by server probable transport/closed" },
    { "sni/name", NULL, /* what was asked for was not captured */
      "c.gap=517 s.alert=112", "failed sni-unrecognized by server possible sni/name",
      "c.gap=517 s.alert=40", NULL },
    { "sni/name", NULL, "c.hello(sni=-) s.alert=109",
      "failed sni-missing by server probable sni/name", "c.hello s.alert=109",
      "failed protocol-violation by server probable peer/alert" },
    { "sni/name", "c.hello(sni=other.example) s.serverhello s.app=100 c.app=53 c.app=90 s.app=90",
      "c.hello(sni=-) s.alert=40", "failed sni-missing by server probable sni/name",
      "c.hello(sni=other.example) s.alert=40",
      "failed undetermined by server possible hello/refused" },
    { "session/renegotiation", NULL, OLD_OVER "c.sealed=200 s.sealedalert=26",
      "failed renegotiation-refused by server probable session/renegotiation",
      OLD_OVER "c.app=200 s.sealedalert=26", "completed" },
    { "session/renegotiation", NULL, OLD_OVER "s.helloreq! c.alert=100!",
      "failed renegotiation-refused by client certain session/renegotiation",
      OLD_OVER "s.helloreq!", "completed" },
    { "ech/required", NULL, "c.hello(ext=fe0d) s.serverhello s.app=100 c.alert=121",
      "failed sni-unrecognized/ech-refused by client probable ech/required",
      "c.hello(ext=fe0d) s.serverhello s.app=100 s.alert=121",
      "failed undetermined by server possible unknown" },
    { "certificate/missing", NULL, ASKED "c.cert(empty) " OLD_FINISH "s.alert=40",
      "failed client-certificate-missing of client by server certain certificate/missing",
      ASKED "c.cert c.verify " OLD_FINISH "s.alert=40", NULL },
    { "certificate/missing", NULL, /* closed without a word */
      ASKED "c.cert(empty) " OLD_FINISH "s.fin",
      "failed client-certificate-missing of client by server probable certificate/missing",
      ASKED "c.cert(empty) " OLD_FINISH "c.fin",
      "failed connection-closed by client probable transport/closed" },
    { "certificate/missing", NULL, /* by the sizes */
      NEW "c.app=25 c.app=53 s.app=19 s.fin",
      "failed client-certificate-missing of client by server probable certificate/missing",
      NEW "c.app=53 s.app=250 s.app=19 s.fin", "completed" },
    { "certificate/missing", NULL, /* one record, and closed without a word */
      NEW "c.app=61 s.fin",
      "failed client-certificate-missing of client by server probable certificate/missing",
      NEW "c.app=61 s.app=200 s.fin", "completed" },
    { "certificate/missing", NULL, NEW_OVER "s.alert=116",
      "failed client-certificate-missing of client by server certain certificate/missing",
      NEW_OVER "s.alert=113", NULL },
    { "peer/violation", NULL, "c.hello(dup) s.alert=47",
      "failed protocol-violation by server probable peer/violation", "c.hello s.alert=47",
      "failed protocol-violation by server possible peer/alert" },
    { "peer/violation", NULL, /* noticed, and not what the alert says */
      "c.hello(dup) s.alert=112", "failed sni-unrecognized by server certain sni/name",
      "c.hello(dup) c.alert=90", NULL },
    { "psk/key", NULL,
      "c.hello(v=-,shares=-,suites=00a8+00ff) s.serverhello(v=0303,suite=00a8,ri) "
      "s.done " OLD_FINISH "s.alert=20",
      "failed psk-unknown by server probable psk/key", OLD OLD_FINISH "s.alert=20",
      "failed integrity-failure by server probable peer/integrity" },
    { "session/no-secure-renegotiation", NULL,
      OLD_HELLO "s.serverhello(v=0303) s.cert s.ske s.done c.alert=40",
      "failed renegotiation-refused/insecure-renegotiation by client probable "
      "session/no-secure-renegotiation",
      OLD "c.alert=40", "failed undetermined by client possible unknown" },
    { "session/no-secure-renegotiation", NULL, /* the other way */
      "c.hello(v=-,shares=-,suites=c02f+c030) s.alert=40",
      "failed renegotiation-refused/insecure-renegotiation by server possible "
      "session/no-secure-renegotiation",
      "c.hello(v=-,shares=-,suites=c02f+c030+00ff) s.alert=40", NULL },
    { "session/no-secure-renegotiation", NULL, /* and nothing else is odd about it */
      "c.hello(v=-,shares=-,suites=c02f+c030) s.alert=40", NULL,
      "c.hello(v=-,shares=-,suites=c02f+c030,sigs=0403) s.alert=40",
      "failed signature-mismatch by server probable hello/refused" },
    { "answer/retry-without-group", NULL, "c.hello(v=0304) s.retry(group=-) c.alert=47",
      "failed group-mismatch by client probable answer/retry-without-group",
      "c.hello(v=0304) s.retry(group=-,ext=002c) c.alert=47", NULL },
    { "answer/no-key-exchange", NULL,
      "c.hello(v=-,shares=-,sigs=0202) s.serverhello(v=0303,ri) s.cert s.alert=40",
      "failed signature-mismatch by server probable answer/no-key-exchange",
      "c.hello(v=-,shares=-,sigs=0202) s.serverhello(v=0303,ri) s.cert s.ske s.alert=40", NULL },
    { "answer/no-key-exchange", NULL, /* the group, where that is odd */
      "c.hello(v=-,shares=-,groups=0019) s.serverhello(v=0303,ri) s.cert s.alert=40",
      "failed group-mismatch by server probable answer/no-key-exchange",
      "c.hello(v=-,shares=-,groups=0019) s.serverhello(v=0303,ri) s.cert s.gap=300 s.alert=40",
      NULL },
    { "answer/weak-dh", NULL,
      "c.hello(v=-,shares=-,suites=009e+00ff) s.serverhello(v=0303,suite=009e,ri) s.cert "
      "s.ske(dh=1024) s.done c.alert=40",
      "failed weak-crypto-refused/dh-key-too-small by client probable answer/weak-dh",
      "c.hello(v=-,shares=-,suites=009e+00ff) s.serverhello(v=0303,suite=009e,ri) s.cert "
      "s.ske(dh=2048) s.done c.alert=40",
      "failed undetermined by client possible unknown" },
    { "answer/signature", NULL,
      OLD_HELLO "s.serverhello(v=0303,ri) s.cert s.ske(sig=0201) s.done c.alert=47",
      "failed signature-mismatch by client probable answer/signature",
      OLD_HELLO "s.serverhello(v=0303,ri) s.cert s.ske(sig=0804) s.done c.alert=47",
      "failed protocol-violation by client possible peer/alert" },
    { "answer/signature", NULL, /* encrypted, where the certificate would be */
      "c.hello(sigs=0403) s.serverhello s.app=65 s.app=19 s.fin",
      "failed signature-mismatch by server probable answer/signature",
      "c.hello s.serverhello s.app=65 s.app=19 s.fin",
      "failed undetermined by server possible unknown" },
    { "answer/signature", NULL, /* where its signature would be; a fourth record is its signature */
      "c.hello(sigs=0403) s.serverhello s.app=27 s.app=1197 s.app=19 s.fin",
      "failed signature-mismatch by server probable answer/signature",
      "c.hello(sigs=0403) s.serverhello s.app=27 s.app=1197 s.app=281 s.app=53 s.app=19 s.fin",
      "failed undetermined by server possible unknown" },
    { "certificate/client", NULL,
      ASKED "c.cert c.cke c.verify c.ccs c.sealed=40 s.alert=45 fault=c:expired",
      "failed certificate-expired of client by server certain certificate/client",
      ASKED "c.cert c.cke c.verify c.ccs c.sealed=40 s.alert=70 fault=c:expired",
      "failed protocol-mismatch by server probable peer/alert" },
    { "certificate/client", NULL, /* Node: no alert; of none of the CAs that it named */
      ASKED_OF("other.ca") "c.cert c.cke c.verify c.ccs c.sealed=40 s.fin fault=c:self-signed",
      "failed certificate-self-signed of client by server probable certificate/client",
      ASKED_OF("app.example") "c.cert c.cke c.verify c.ccs c.sealed=40 s.fin fault=c:self-signed",
      "failed connection-closed by server probable transport/closed" },
    { "certificate/client", NULL, /* in the dark: large enough, and the server left at once */
      NEW "c.app=600 c.app=100 c.app=53 s.app=19 s.fin",
      "failed certificate-rejected of client by server possible certificate/client",
      NEW "c.app=600 c.app=100 c.app=53 s.app=20 s.fin", "completed" },
    { "certificate/server", NULL, /* decode_error, and all that was sent is well-formed */
      OLD "c.alert=50 fault=s:hostname-mismatch",
      "failed certificate-hostname-mismatch of server by client probable certificate/server",
      OLD "c.alert=50 ok=s", "failed protocol-violation by client probable peer/alert" },
    { "certificate/server", NULL, /* a key too small, as Mbed TLS says it */
      OLD "c.alert=43 fault=s:weak-crypto-refused", NULL,
      OLD "c.alert=10 fault=s:weak-crypto-refused", NULL },
    { "certificate/server",
      NULL, /* the server's packets were not captured: the alert tells whose */
      "silent=s c.hello c.alert=48",
      "failed certificate-untrusted-ca of server by client probable certificate/server",
      "silent=s c.hello c.alert=50", "failed protocol-violation by client possible peer/alert" },
    { "certificate/client", NULL, /* the client's were not */
      "silent=c s.serverhello(v=0303,ri) s.cert s.creq s.done s.alert=45",
      "failed certificate-expired of client by server probable certificate/client",
      "silent=c s.serverhello(v=0303,ri) s.cert s.creq s.done s.alert=40", NULL },
    { "certificate/server", NULL, OLD "c.alert=45 fault=s:expired",
      "failed certificate-expired of server by client certain certificate/server",
      OLD "c.alert=80 ok=s", "failed peer-internal-error by client probable peer/alert" },
    { "certificate/server", NULL, /* without a word, as a fault stands */
      OLD "c.rst fault=s:expired",
      "failed certificate-expired of server by client probable certificate/server",
      OLD "c.rst ok=s", "failed connection-reset by client probable transport/reset" },
    { "certificate/server", NULL, /* and at once: later it is something else */
      OLD "c.fin fault=s:expired",
      "failed certificate-expired of server by client probable certificate/server",
      OLD "+6000 c.fin fault=s:expired",
      "failed handshake-timeout by client probable transport/stalled" },
    { "certificate/server", NULL, /* trust counts where the user said whose it is */
      OLD "c.rst trust fault=s:untrusted-ca",
      "failed certificate-untrusted-ca of server by client probable certificate/server",
      OLD "c.rst fault=s:untrusted-ca",
      "failed connection-reset by client probable transport/reset" },
    { "certificate/server",
      WORKS_OLD " fault=s:self-signed", /* its certificate is known from another connection */
      NEW "c.alert=48",
      "failed certificate-self-signed of server by client probable certificate/server",
      NEW "c.alert=80", "failed peer-internal-error by client probable peer/alert" },
    { "certificate/sealed", NULL, NEW "c.app=19 c.fin",
      "failed certificate-rejected of server by client possible certificate/sealed",
      NEW "c.app=20 c.fin", "failed connection-closed by client probable transport/closed" },
    { "certificate/sealed", NULL, /* no certificate was sent */
      NEW "c.app=19 c.fin",
      "failed certificate-rejected of server by client possible certificate/sealed",
      "c.hello(psk,modes) s.serverhello(psk) s.app=100 c.app=19 c.fin",
      "failed undetermined by client possible unknown" },
    { "certificate/asked", NULL, ASKED "c.fin ok=s",
      "failed client-certificate-missing of client by client possible certificate/asked",
      OLD "c.fin ok=s", "failed connection-closed by client probable transport/closed" },
    { "certificate/asked", NULL, /* a fault of the server's is reason enough */
      ASKED "c.fin",
      "failed client-certificate-missing of client by client possible certificate/asked",
      ASKED "c.fin fault=s:expired",
      "failed certificate-expired of server by client probable certificate/server" },
    { "answer/no-extended-master-secret", NULL, EMS OLD_FLIGHT "c.alert=71",
      "failed weak-crypto-refused/no-extended-master-secret by client probable "
      "answer/no-extended-master-secret",
      EMS "s.serverhello(v=0303,ri,ems) s.cert s.ske s.done c.alert=71",
      "failed weak-crypto-refused by client probable peer/alert" },
    { "answer/no-extended-master-secret", NULL, /* an alert that may stand for anything */
      EMS OLD_FLIGHT "c.alert=40",
      "failed undetermined by client possible answer/no-extended-master-secret",
      EMS OLD_FLIGHT "c.cke c.alert=40", /* the client went on before it minded */
      "failed undetermined by client possible unknown" },
    { "peer/integrity", NULL, OLD OLD_FINISH "s.alert=51",
      "failed integrity-failure by server probable peer/integrity", OLD OLD_FINISH "s.alert=50",
      "failed protocol-violation by server probable peer/alert" },
    { "hello/intolerance", WORKS_OLD, "c.hello(pad=1500) c.again +3000 c.again +6000",
      "failed hello-intolerance/large-hello-dropped by network probable hello/intolerance",
      "c.hello(v=-,shares=-) c.again +3000 c.again +6000",
      "failed handshake-timeout by network probable transport/stalled" },
    { "hello/intolerance", WORKS_OLD, /* the other one was of another client */
      "c.hello(pad=1500) +3000 s.rst",
      "failed hello-intolerance/large-hello-dropped by server probable hello/intolerance",
      "c.hello(pad=1500) +3000 s.rst client=192.0.2.99:40000",
      "failed connection-reset by server probable transport/reset" },
    { "version/silent", NULL, "c.hello(legacy=0301,v=-,shares=-) s.alert=80",
      "failed protocol-mismatch by server probable version/silent",
      "c.hello(legacy=0303,v=-,shares=-) s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
    { "version/silent", WORKS_NEW, /* the server is known to take TLS 1.3 */
      "c.hello(legacy=0301,v=-,shares=-) s.fin",
      "failed protocol-mismatch by server probable version/silent", "c.hello s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "version/silent", NULL, /* closed at once, without the alert */
      "c.hello(legacy=0302,v=-,shares=-) s.fin",
      "failed protocol-mismatch by server possible version/silent",
      "c.hello(legacy=0302,v=-,shares=-) +2000 s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "version/silent", NULL, /* its suites are what servers of that time took */
      "c.hello(legacy=0302,v=-,shares=-,suites=c013+002f+00ff) s.alert=40",
      "failed protocol-mismatch by server probable version/silent",
      "c.hello(legacy=0302,v=-,shares=-,suites=0004+00ff) s.alert=40",
      "failed cipher-mismatch by server probable hello/refused" },
    { "version/silent", NULL, "c.sslv s.alert=40",
      "failed protocol-mismatch by server probable version/silent", "c.sslv s.alert=90",
      "failed connection-closed by server possible peer/alert" },
    { "hello/refused", NULL, "c.hello(suites=0004+00ff) s.alert=40",
      "failed cipher-mismatch by server probable hello/refused",
      "c.hello(suites=0004+00ff) s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
    { "hello/refused", NULL, "c.hello(groups=0019,shares=-) s.alert=40", NULL,
      "c.hello(groups=0019,shares=-) s.serverhello s.alert=40", NULL },
    { "hello/refused", NULL, "c.hello(sigs=0403) s.alert=40",
      "failed signature-mismatch by server probable hello/refused", "c.hello(sigs=0403) s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
    { "hello/refused", NULL, /* closed at once, without the alert */
      "c.hello(sigs=0403) s.fin", "failed signature-mismatch by server possible hello/refused",
      "c.hello(sigs=0403) +2000 s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "hello/refused", NULL, /* a hello is no unexpected message: no group is common */
      "c.hello(v=0304,groups=0100,shares=0100) s.alert=10",
      "failed group-mismatch by server possible hello/refused", "c.hello(v=0304) s.alert=10",
      "failed protocol-violation by server probable peer/alert" },
    { "peer/alert", NULL, NEW "s.alert=80",
      "failed peer-internal-error by server probable peer/alert", NEW "s.alert=120",
      "failed alpn-mismatch by server probable alpn/alert" },
    { "transport/stalled", NULL, "c.hello +6000 s.fin",
      "failed handshake-timeout by server probable transport/stalled", "c.hello +4000 s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "transport/stalled", NULL, /* the client gave up on a silent server */
      "c.hello +2000 c.fin", "failed handshake-timeout by client probable transport/stalled",
      "c.hello +1000 c.fin",
      "failed connection-closed/client-cancelled by client probable transport/closed" },
    { "transport/stalled", NULL, /* never acknowledged */
      "c.hello c.again +3000", "failed handshake-timeout by network probable transport/stalled",
      "c.hello +3000", "unfinished" },
    { "transport/stalled", NULL, /* a packet seen twice is none sent twice */
      "c.hello c.again +250 s.rst", "failed handshake-timeout by server probable transport/stalled",
      "c.hello c.again s.rst", "failed connection-reset by server probable transport/reset" },
    { "transport/closed", NULL, /* an alert may be what is missing */
      "c.hello s.gap=7 s.fin", "failed connection-closed by server possible transport/closed",
      "c.hello s.serverhello s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "transport/reset", NULL, "c.hello s.serverhello s.rst",
      "failed connection-reset by server probable transport/reset", "c.hello s.serverhello s.fin",
      "failed connection-closed by server probable transport/closed" },
    { "transport/closed", NULL, "c.hello s.fin",
      "failed connection-closed by server probable transport/closed", "c.hello", "unfinished" },
    { "transport/closed", NULL, /* close_notify before the end */
      "c.hello s.warn=0", "failed connection-closed by server probable transport/closed",
      "c.hello s.warn=90", "unfinished" },
    { "unknown", NULL, "c.hello s.serverhello s.sealedalert=30",
      "failed undetermined by server possible unknown", "c.hello s.serverhello s.alert=80",
      "failed peer-internal-error by server probable peer/alert" },
};

/* Two rules fit: which one speaks. */
static const struct {
    const char *name, *before, *script, *want;
} both[] = {
    { "a refusal before plain text after it", NULL,
      SMTP "s.prelude(kind=4,step=4)'454 no' c.plain'QUIT' s.fin",
      "failed starttls-refused by server certain prelude/refused" },
    { "a violation before a suite that no one takes", NULL,
      "c.hello(dup,suites=0004+00ff) s.alert=40",
      "failed protocol-violation by server possible peer/violation" },
    { "an unknown name before a violation", NULL, "c.hello(dup) s.alert=112",
      "failed sni-unrecognized by server certain sni/name" },
    { "a missing client certificate before the server's own fault", NULL,
      ASKED "c.cert(empty) " OLD_FINISH "s.alert=40 fault=s:expired",
      "failed client-certificate-missing of client by server certain certificate/missing" },
    { "the client's certificate before the server's", NULL,
      ASKED "c.cert c.cke c.verify c.ccs c.sealed=40 s.alert=42 fault=s:expired "
            "fault=c:hostname-mismatch",
      "failed certificate-hostname-mismatch of client by server probable certificate/client" },
    { "a small DH group before the certificate", NULL,
      "c.hello(v=-,shares=-,suites=009e+00ff) s.serverhello(v=0303,suite=009e,ri) s.cert "
      "s.ske(dh=1024) s.done c.alert=47 fault=s:weak-crypto-refused",
      "failed weak-crypto-refused/dh-key-too-small by client probable answer/weak-dh" },
    { "no secure renegotiation before an expired certificate", NULL,
      OLD_HELLO "s.serverhello(v=0303) s.cert s.ske s.done c.alert=40 fault=s:expired",
      "failed renegotiation-refused/insecure-renegotiation by client probable "
      "session/no-secure-renegotiation" },
    { "an expired certificate before the reset", NULL, OLD "c.rst fault=s:expired",
      "failed certificate-expired of server by client probable certificate/server" },
    { "the fault that the alert names before the first in a verifier's order", NULL,
      OLD "c.alert=45 trust fault=s:untrusted-ca fault=s:expired",
      "failed certificate-expired of server by client certain certificate/server" },
    { "what needs no guess about trust before what does", NULL,
      OLD "c.alert=42 fault=s:untrusted-ca fault=s:hostname-mismatch",
      "failed certificate-hostname-mismatch of server by client probable certificate/server" },
    { "the order of a verifier where the user said what is trusted", NULL,
      OLD "c.alert=42 trust fault=s:untrusted-ca fault=s:hostname-mismatch",
      "failed certificate-untrusted-ca of server by client probable certificate/server" },
    { "an alert that says one thing before a chain that shows another", NULL,
      OLD "c.alert=48 fault=s:expired",
      "failed certificate-untrusted-ca of server by client probable certificate/server" },
    { "a signature that did not verify is nobody's certificate", NULL,
      OLD "c.alert=51 fault=s:chain-invalid",
      "failed integrity-failure by client probable certificate/server" },
    { "intolerance before a stall", WORKS_OLD, "c.hello(pad=1500) c.again +3000 c.again +6000",
      "failed hello-intolerance/large-hello-dropped by network probable hello/intolerance" },
    { "a version before the suites", NULL,
      "c.hello(legacy=0301,v=-,shares=-,suites=0004) s.alert=80",
      "failed protocol-mismatch by server probable version/silent" },
    { "a stall before the end", NULL, "c.hello s.serverhello +6000 c.rst",
      "failed handshake-timeout by client probable transport/stalled" },
    { "dates decide nothing where the clock is doubtful", WORKS_OLD " fault=s:not-yet-valid",
      OLD "c.rst fault=s:expired", "failed connection-reset by client probable transport/reset" },
};
/* clang-format on */

static void check(const char *before, const char *script, const char *want)
{
    char *got = flow_verdict(before, script);
    if (want != NULL && strcmp(got, want) != 0) {
        fail_msg("%s: got \"%s\", want \"%s\"", script, got, want);
    }
    free(got);
}

static bool names_rule(const char *before, const char *script, const char *rule)
{
    char *got = flow_verdict(before, script);
    const char *last = strrchr(got, ' ');
    bool is_it = last != NULL && strcmp(last + 1, rule) == 0;
    free(got);
    return is_it;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    check(row->before, row->script, row->want);
    check(row->before, row->near, row->near_want);
    if (row->want == NULL && !names_rule(row->before, row->script, row->rule)) {
        fail_msg("%s: not explained by %s", row->script, row->rule);
    }
    if (row->near_want == NULL && names_rule(row->before, row->near, row->rule)) {
        fail_msg("%s: explained by %s", row->near, row->rule);
    }
}

static void check_both(void **state)
{
    size_t i = *(const size_t *)*state;
    check(both[i].before, both[i].script, both[i].want);
}

/* Rules on what a program's own library says have rows in test_rules_local.c. */
static bool has_row(const char *rule)
{
    if (strncmp(rule, "local/", strlen("local/")) == 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].rule, rule) == 0) {
            return true;
        }
    }
    return false;
}

static void every_rule_has_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_rules; i++) {
        if (!has_row(rules[i].id)) {
            fail_msg("no row for %s", rules[i].id);
        }
        assert_non_null(rules[i].source);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(both) + 1];
    static size_t numbers[ARRAY_LEN(both)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].script, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        numbers[i] = i;
        tests[n++] = (struct CMUnitTest){ both[i].name, check_both, NULL, NULL, &numbers[i] };
    }
    tests[n++] =
        (struct CMUnitTest){ "every rule has a row", every_rule_has_a_row, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
