/*
 * flow_script: what happened on a connection as a line of text, given to the builder event by
 * event, and what diagnose() says of it as another, so that a test is two strings.
 *
 * A script is words separated by blanks. An event is a side (c, s), '.', a name, then in any order
 * options in parentheses, "=N" (its len; of alert and warn the description), "*N" (its count),
 * 'text' (its body) and "!" (it was encrypted and is read). Names:
 *   syn synack fin rst gap again icmp big ccs app sealed sealedalert alert warn plain heartbeat
 *   fault (=N: enum tls_record_fault) partial malformed unopened limit
 *   prelude (kind=N,step=N: prelude.h)
 *   hello     legacy=0303 v=0304+0303 suites=.. groups=.. sigs=.. shares=001d alpn=h2 sni=name
 *             ri (renegotiation_info) psk (last: the last extension) modes early ext=NNNN+..
 *             (empty ones) comp=00 id=N pad=N random=N dup broken; a list that is '-' is not sent
 *   sslv      an SSL 2.0 ClientHello; v=0002
 *   retry serverhello   v=0304 (or 0303 ..) suite=1301 group=001d id=N comp=00 ext=NNNN+.. alpn=..
 *             psk ri ems dup broken
 *   cert      empty broken small (RSA of 1024 bits) leaf=N (one of two)
 *   creq      ca=name (of the one CA that the server names)
 *   ske(dh=N,group=N,sig=N) done cke verify(sig=N) finished ee(ext=..,alpn=..) ticket helloreq
 *   msg       type=N
 * Each event is a frame of its own, a millisecond after the one before; "+ms" lets time pass.
 * Words about the connection: middle dropped snap dtls inside (from an agent) guess silent=c|s
 * port=N client=ADDR server=ADDR stream=N. About what diagnose() is told: trust (given by the
 * user), ok=c|s (that chain is judged and has no fault), fault=c:id or s:id (x509/faults.def
 * without "certificate-"), unseen=c|s (the issuer of what is untrusted is but a name),
 * anchored=c|s, until=s:days (the path ends then), gateway=ADDR.
 */
#ifndef HANDFAST_TESTS_FLOW_SCRIPT_H
#define HANDFAST_TESTS_FLOW_SCRIPT_H

#include "diagnose/diagnose.h"
#include "transcript/builder.h"

enum { FLOW_GATEWAYS_MAX = 4, FLOW_STREAMS_MAX = 8 };

struct flow {
    struct arena arena;
    struct x509_store *store;
    struct builder builder;
    struct transcript *t;
    struct diagnose_context context;
    struct x509_judgement judgement[2];
    struct gateway gateways[FLOW_GATEWAYS_MAX];
    struct verdict v; /* after flow_diagnose() */
    struct when now;
};

/* Aborts the test on a script that makes no sense. */
struct flow *flow_new(const char *script);
void flow_free(struct flow *f);
/* Fills f->v. `peers` may be NULL. */
void flow_diagnose(struct flow *f, const struct peers *peers);
/* "failed certificate-expired/slug of server by client certain certificate/server"; parts that
 * there are none of are left out. To be released with free(). */
char *flow_words(const struct verdict *v);
/* What diagnose() says of the script after it has learnt of the connections in `before` (scripts
 * separated by '|', or NULL). To be released with free(). */
char *flow_verdict(const char *before, const char *script);

#endif
