/* Error messages and log lines as programs write them, and the rules of the table. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>

#include "diagnose/message_checks.h"
#include "diagnose/messages.h"

struct row {
    const char *name;
    const char *line;
    const char *causes;              /* the first ones, in order */
    const char *rejected_by, *party; /* NULL: none */
};

/* clang-format off */
static const struct row rows[] = {
    { "curl issuer", "curl: (60) SSL certificate problem: unable to get local issuer certificate",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "curl expired", "curl: (60) SSL certificate problem: certificate has expired",
      "certificate-expired", "client", "server" },
    { "curl self-signed", "curl: (60) SSL certificate problem: self-signed certificate",
      "certificate-self-signed", "client", "server" },
    { "curl self-signed root",
      "curl: (60) SSL certificate problem: self-signed certificate in certificate chain",
      "certificate-untrusted-ca", "client", "server" },
    { "curl name",
      "curl: (60) SSL: no alternative certificate subject name matches target host name "
      "'b.example'",
      "certificate-hostname-mismatch", "client", "server" },
    { "curl alert", "curl: (35) error:0A000410:SSL routines::sslv3 alert handshake failure",
      "cipher-mismatch client-certificate-missing protocol-mismatch", "server", NULL },
    { "curl alert, OpenSSL 3.2",
      "curl: (35) TLS connect error: error:0A000410:SSL routines::ssl/tls alert handshake failure",
      "cipher-mismatch client-certificate-missing", "server", NULL },
    { "curl plaintext", "curl: (35) error:0A00010B:SSL routines::wrong version number",
      "plaintext-server protocol-mismatch", "client", NULL },
    { "curl reset", "curl: (35) Recv failure: Connection reset by peer", "connection-reset",
      "unknown", NULL },
    { "curl reset in handshake",
      "curl: (35) OpenSSL SSL_connect: Connection reset by peer in connection to a.example:443",
      "connection-reset", "unknown", NULL },
    { "curl refused",
      "curl: (7) Failed to connect to a.example port 443 after 1 ms: Connection refused",
      "connection-refused", "unknown", NULL },
    { "curl no certificate",
      "curl: (56) OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate "
      "required, errno 0",
      "client-certificate-missing", "server", "client" },
    { "curl pin", "curl: (90) SSL: public key does not match pinned public key",
      "certificate-rejected", "client", "server" },
    { "OpenSSL 1.1 strings",
      "140:error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert handshake "
      "failure:../ssl/record/rec_layer_s3.c:1544:SSL alert number 40",
      "cipher-mismatch", "unknown", NULL },
    { "OpenSSL without strings", "error:14094418:lib(20):func(148):reason(1048)",
      "certificate-untrusted-ca", "unknown", "unknown" },
    { "s_server no cipher",
      "error:0A0000C1:SSL routines:tls_post_process_client_hello:no shared "
      "cipher:../ssl/statem/statem_srvr.c:2220:",
      "cipher-mismatch signature-mismatch group-mismatch", "server", NULL },
    { "OpenSSL version", "error:0A000102:SSL routines::unsupported protocol", "protocol-mismatch",
      "unknown", NULL },
    { "OpenSSL http", "error:0A00009C:SSL routines::http request", "plaintext-client", "server",
      NULL },
    { "http in other words is nothing", "upstream http request failed with status 503", NULL, NULL,
      NULL },
    { "OpenSSL local", "error:0A0000BF:SSL routines::no protocols available", "protocol-mismatch",
      "client", NULL },
    { "OpenSSL dh", "error:0A00018A:SSL routines::dh key too small", "weak-crypto-refused",
      "client", NULL },
    { "OpenSSL legacy renegotiation",
      "error:0A000152:SSL routines::unsafe legacy renegotiation disabled", "renegotiation-refused",
      "client", NULL },
    { "OpenSSL critical extension", "error 34 at 0 depth lookup: unhandled critical extension",
      "certificate-malformed", "unknown", "unknown" },
    { "OpenSSL crl", "error 3 at 0 depth lookup: unable to get certificate CRL",
      "certificate-revocation-unknown", "unknown", "unknown" },
    { "s_client purpose", "verify error:num=26:unsuitable certificate purpose",
      "certificate-wrong-purpose", "unknown", "unknown" },
    { "Java alert", "javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure",
      "cipher-mismatch client-certificate-missing protocol-mismatch", "unknown", NULL },
    { "Java path",
      "javax.net.ssl.SSLHandshakeException: PKIX path building failed: "
      "sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid "
      "certification path to requested target",
      "certificate-untrusted-ca certificate-chain-incomplete", "unknown", "unknown" },
    { "Java expired",
      "PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check "
      "failed",
      "certificate-expired certificate-not-yet-valid", "unknown", "unknown" },
    { "Java not yet",
      "PKIX path validation failed: validity check failed; Caused by: "
      "java.security.cert.CertificateNotYetValidException: NotBefore: Sat Jan 02 00:00:00 UTC 2038",
      "certificate-not-yet-valid", "unknown", "unknown" },
    { "Java name",
      "java.security.cert.CertificateException: No subject alternative DNS name matching b.example "
      "found.",
      "certificate-hostname-mismatch", "client", "server" },
    { "Java protocol",
      "javax.net.ssl.SSLHandshakeException: No appropriate protocol (protocol is disabled or "
      "cipher suites are inappropriate)",
      "protocol-mismatch cipher-mismatch", "unknown", NULL },
    { "Java closed", "javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake",
      "connection-closed", "unknown", NULL },
    { "Java plaintext", "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message",
      "plaintext-server", "unknown", NULL },
    { "Java constraints",
      "java.security.cert.CertPathValidatorException: Algorithm constraints check failed on "
      "keysize limits: RSA 1024 bit key used",
      "weak-crypto-refused", "unknown", NULL },
    { "Android anchor",
      "java.security.cert.CertPathValidatorException: Trust anchor for certification path not "
      "found.",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "Netty not TLS",
      "io.netty.handler.ssl.NotSslRecordException: not an SSL/TLS record: 474554202f",
      "plaintext-client", "unknown", NULL },
    { "Kafka TLS to plaintext",
      "org.apache.kafka.common.network.InvalidReceiveException: Invalid receive (size = 369295616 "
      "larger than 104857600)",
      "plaintext-server", "server", NULL },
    { "Go unknown authority",
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "certificate-untrusted-ca certificate-chain-incomplete", "unknown", "unknown" },
    { "Go expired",
      "x509: certificate has expired or is not yet valid: current time 2026-03-01T10:00:00Z is "
      "after 2026-02-01T00:00:00Z",
      "certificate-expired", "unknown", "unknown" },
    { "Go not yet",
      "x509: certificate has expired or is not yet valid: current time 2026-03-01T10:00:00Z is "
      "before 2026-04-01T00:00:00Z",
      "certificate-not-yet-valid", "unknown", "unknown" },
    { "Go name", "x509: certificate is valid for a.example, not b.example",
      "certificate-hostname-mismatch", "client", "server" },
    { "Go server log",
      "http: TLS handshake error from 10.0.0.2:51234: remote error: tls: bad certificate",
      "certificate-untrusted-ca certificate-chain-incomplete certificate-hostname-mismatch",
      "client", "server" },
    { "Go server log, client certificate",
      "http: TLS handshake error from 10.0.0.2:51234: tls: client didn't provide a certificate",
      "client-certificate-missing", "server", "client" },
    { "Go server log, plaintext",
      "http: TLS handshake error from 10.0.0.2:51234: tls: first record does not look like a TLS "
      "handshake",
      "plaintext-client", "server", NULL },
    { "Go required", "remote error: tls: certificate required", "client-certificate-missing",
      "server", "client" },
    { "gRPC ALPN",
      "transport: authentication handshake failed: credentials: cannot check peer: missing "
      "selected ALPN property",
      "alpn-mismatch", "client", NULL },
    { "Docker plaintext",
      "Error response from daemon: Get \"https://registry.example:5000/v2/\": http: server gave "
      "HTTP response to HTTPS client",
      "plaintext-server", "client", NULL },
    { "kubectl other CA",
      "Unable to connect to the server: x509: certificate signed by unknown authority (possibly "
      "because of \"crypto/rsa: verification error\" while trying to verify candidate authority "
      "certificate \"kubernetes\")",
      "certificate-untrusted-ca certificate-chain-invalid", "client", "server" },
    { "kubelet",
      "Error from server: Get \"https://10.0.0.5:10250/containerLogs/default/web/web\": remote "
      "error: tls: internal error",
      "peer-internal-error", "server", NULL },
    { "webhook",
      "failed calling webhook \"v.example.io\": Post \"https://v.default.svc:443/v?timeout=10s\": "
      "x509: certificate signed by unknown authority",
      "certificate-untrusted-ca", "client", "server" },
    { "Node leaf",
      "Error: unable to verify the first certificate { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "Node name",
      "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: "
      "Host: b. is not in the cert's altnames: DNS:a",
      "certificate-hostname-mismatch", "client", "server" },
    { "Node plaintext",
      "Error: write EPROTO 4017F1:error:0A00010B:SSL routines:ssl3_get_record:wrong version "
      "number:../deps/openssl/ssl/record/ssl3_record.c:354:",
      "plaintext-server", "client", NULL },
    { "Node alert", "code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'",
      "client-certificate-missing", "server", "client" },
    { "Python issuer",
      "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
      "unable to get local issuer certificate (_ssl.c:1006)",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "Python name",
      "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate "
      "is not valid for 'b.example'. (_ssl.c:1006)",
      "certificate-hostname-mismatch", "client", "server" },
    { "Python version",
      "ssl.SSLError: [SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version "
      "(_ssl.c:1006)",
      "protocol-mismatch", "server", NULL },
    { "Python name in capitals",
      "ssl.SSLError: [SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1006)", "cipher-mismatch",
      "server", NULL },
    { "rustls issuer", "invalid peer certificate: UnknownIssuer", "certificate-untrusted-ca",
      "unknown", "unknown" },
    { "rustls alert", "received fatal alert: HandshakeFailure", "cipher-mismatch", "unknown",
      NULL },
    { "nginx upstream",
      "2026/01/01 10:00:00 [error] 12#12: *1 SSL_do_handshake() failed (SSL: error:0A000410:SSL "
      "routines::sslv3 alert handshake failure:SSL alert number 40) while SSL handshaking to "
      "upstream, client: 10.0.0.1, server: a.example, request: \"GET / HTTP/1.1\", upstream: "
      "\"https://10.1.1.9:8443/\", host: \"a.example\"",
      "sni-missing client-certificate-missing", "server", NULL },
    { "nginx upstream plaintext",
      "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while "
      "SSL handshaking to upstream, client: 10.0.0.1",
      "plaintext-server", "client", NULL },
    { "nginx client refuses",
      "SSL_do_handshake() failed (SSL: error:0A000416:SSL routines::sslv3 alert certificate "
      "unknown:SSL alert number 46) while SSL handshaking, client: 10.0.0.1, server: 0.0.0.0:443",
      "certificate-untrusted-ca certificate-chain-incomplete", "client", "server" },
    { "nginx client http",
      "SSL_do_handshake() failed (SSL: error:0A00009C:SSL routines::http request) while SSL "
      "handshaking, client: 10.0.0.1, server: 0.0.0.0:443",
      "plaintext-client", "server", NULL },
    { "nginx client certificate",
      "client SSL certificate verify error: (10:certificate has expired) while reading client "
      "request headers",
      "certificate-expired", "server", "client" },
    { "nginx upstream certificate",
      "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while "
      "SSL handshaking to upstream",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "nginx upstream name",
      "upstream SSL certificate does not match \"b.example\" while SSL handshaking to upstream",
      "certificate-hostname-mismatch", "client", "server" },
    { "nginx reset",
      "peer closed connection in SSL handshake (104: Connection reset by peer) while SSL "
      "handshaking to upstream",
      "connection-reset", "unknown", NULL },
    { "nginx no certificate",
      "client sent no required SSL certificate while reading client request headers, client: "
      "10.0.0.1",
      "client-certificate-missing", "server", "client" },
    { "nginx TLS to plaintext",
      "10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"\\x16\\x03\\x01\\x02\\x00\\x01\\x00\" 400 157 "
      "\"-\" \"-\"",
      "plaintext-server", "server", NULL },
    { "HAProxy",
      "10.0.0.1:50000 [01/Jan/2026:10:00:00.000] fe/1: SSL handshake failure (error:0A0000C1:SSL "
      "routines::no shared cipher)",
      "cipher-mismatch", "server", NULL },
    { "HAProxy CA", "fe/1: SSL client CA chain cannot be verified", "certificate-untrusted-ca",
      "server", "client" },
    { "HAProxy check",
      "Health check for server be/s1 failed, reason: Layer6 invalid response, info: \"SSL "
      "handshake failure (Connection reset by peer)\"",
      "connection-reset", "unknown", NULL },
    { "Envoy plaintext",
      "upstream connect error or disconnect/reset before headers. reset reason: remote connection "
      "failure, transport failure reason: TLS_error:|268435703:SSL "
      "routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
      "plaintext-server", "client", NULL },
    { "Envoy verify",
      "upstream connect error or disconnect/reset before headers. reset reason: remote connection "
      "failure, transport failure reason: TLS_error:|268435581:SSL "
      "routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: SAN "
      "matcher:TLS_error_end",
      "certificate-hostname-mismatch", "client", "server" },
    { "Envoy alert",
      "TLS error: 268436502:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_UNKNOWN",
      "certificate-untrusted-ca", "unknown", "unknown" },
    { "Chrome version",
      "This site can't provide a secure connection: ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
      "protocol-mismatch cipher-mismatch", "client", NULL },
    { "Chrome authority", "net::ERR_CERT_AUTHORITY_INVALID", "certificate-untrusted-ca", "client",
      "server" },
    { "Chrome net_error",
      "ssl_client_socket_impl.cc(878)] handshake failed; returned -1, SSL error code 1, net_error "
      "-202",
      "certificate-untrusted-ca", "client", "server" },
    { "Firefox issuer", "Error code: SEC_ERROR_UNKNOWN_ISSUER",
      "certificate-chain-incomplete certificate-untrusted-ca", "client", "server" },
    { "Firefox long", "Error code: SSL_ERROR_RX_RECORD_TOO_LONG", "plaintext-server", "client",
      NULL },
    { "Schannel root",
      "schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued by an "
      "authority that is not trusted.",
      "certificate-untrusted-ca", "unknown", "unknown" },
    { "Schannel event",
      "Schannel Event ID 36874: An TLS 1.2 connection request was received from a remote client "
      "application, but none of the cipher suites",
      "cipher-mismatch", "server", NULL },
    { ".NET name",
      "The remote certificate is invalid according to the validation procedure: "
      "RemoteCertificateNameMismatch",
      "certificate-hostname-mismatch", "client", "server" },
    { ".NET frame",
      "System.IO.IOException: Cannot determine the frame size or a corrupted frame was received.",
      "plaintext-server", "unknown", NULL },
    { "GnuTLS", "gnutls_handshake() failed: An unexpected TLS packet was received.",
      "plaintext-server", "client", NULL },
    { "Postgres no TLS",
      "psql: error: connection to server at \"db\" (10.0.0.3), port 5432 failed: server does not "
      "support SSL, but SSL was required",
      "starttls-refused", "server", NULL },
    { "Postgres server", "LOG:  could not accept SSL connection: tlsv1 alert unknown ca",
      "certificate-untrusted-ca", "client", "server" },
    { "Postgres name", "server certificate for \"db1\" does not match host name \"db.example\"",
      "certificate-hostname-mismatch", "client", "server" },
    { "MySQL",
      "ERROR 2026 (HY000): SSL connection error: error:0A000102:SSL routines::unsupported protocol",
      "protocol-mismatch", "client", NULL },
    { "MongoDB",
      "SSLHandshakeFailed: SSL peer certificate validation failed: self-signed certificate in "
      "certificate chain",
      "certificate-untrusted-ca", "unknown", "unknown" },
    { "RabbitMQ", "TLS server: In state connection received CLIENT ALERT: Fatal - Unknown CA",
      "certificate-untrusted-ca", "client", "server" },
    { "Postfix", "SSL_accept error from mail.example[192.0.2.1]: lost connection",
      "connection-closed", "unknown", NULL },
    { "Apache",
      "[ssl:info] [client 10.0.0.1:50000] AH01996: SSL handshake failed: HTTP spoken on HTTPS "
      "port; trying to send HTML error page",
      "plaintext-client", "server", NULL },
    { "Ruby",
      "SSL_connect returned=1 errno=0 peeraddr=10.0.0.1:443 state=error: certificate verify failed "
      "(self-signed certificate in certificate chain)",
      "certificate-untrusted-ca", "client", "server" },
    { "gateway fault",
      "{\"fault\":{\"faultstring\":\"SSL Handshake "
      "failed\",\"detail\":{\"errorcode\":\"messaging.adaptors.http.flow.SslHandshakeFailed\"}}}",
      "cipher-mismatch", "unknown", NULL },
    { "two things",
      "curl: (60) SSL certificate problem: certificate has expired; then: Connection refused",
      "certificate-expired connection-refused", "client", "server" },
    { "nothing", "the quick brown fox", NULL, NULL, NULL },
    { "empty", "", NULL, NULL, NULL },
};
/* clang-format on */

static struct message_table *table;

static int start(void **state)
{
    (void)state;
    struct err err;
    return message_table_new(&table, &err) == ST_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    message_table_free(table);
    return 0;
}

static bool row_names(const struct message_row *row, enum cause cause)
{
    for (size_t i = 0; i < MESSAGE_ROW_CAUSES_MAX && row->causes[i] != CAUSE_NONE; i++) {
        if (row->causes[i] == cause) {
            return true;
        }
    }
    return false;
}

static void check_causes(const struct message_reading *r, const char *causes)
{
    struct text got = { 0 };
    size_t n_wanted = 1;
    for (const char *c = causes; *c != '\0'; c++) {
        n_wanted += *c == ' ' ? 1 : 0;
    }
    for (size_t i = 0; i < r->n_causes && i < n_wanted; i++) {
        text_printf(&got, "%s%s", i == 0 ? "" : " ", cause_id(r->causes[i].cause));
    }
    assert_string_equal(text_str(&got), causes);
    text_deinit(&got);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct message_reading r;
    assert_int_equal(message_read(table, bytes_of_str(row->line), &r), row->causes != NULL);
    if (row->causes == NULL) {
        assert_int_equal(r.n_rows, 0);
        return;
    }
    check_causes(&r, row->causes);
    assert_string_equal(actor_id(r.rejected_by), row->rejected_by);
    if (row->party == NULL) {
        assert_int_equal(r.party, ACTOR_NONE);
    } else {
        assert_string_equal(actor_id(r.party), row->party);
    }
    for (size_t i = 0; i < r.n_causes; i++) {
        assert_true(row_names(r.causes[i].row, r.causes[i].cause));
    }
}

/* Every pattern keeps the rules of message_match.h and compiles. */
static void check_patterns(void **state)
{
    (void)state;
    size_t n = 0;
    const struct message_row *all = message_rows(&n);
    const char **patterns = calloc(n, sizeof *patterns);
    assert_non_null(patterns);
    for (size_t i = 0; i < n; i++) {
        patterns[i] = all[i].pattern;
    }
    struct message_matcher *m = NULL;
    struct err err = { 0 };
    assert_int_equal(message_matcher_new(patterns, n, &m, &err), ST_OK);
    if (message_matcher_compile_all(m, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    message_matcher_free(m);
    free(patterns);
}

static void check_example(const struct message_row *row)
{
    struct message_reading r;
    if (!message_read(table, bytes_of_str(row->example), &r)) {
        fail_msg("'%s' does not match '%s'", row->pattern, row->example);
    }
    if (row->voice != VOICE_WRAPS && r.causes[0].cause != row->causes[0]) {
        fail_msg("'%s': %s leads with %s", row->example, r.causes[0].row->pattern,
                 cause_id(r.causes[0].cause));
    }
}

/* Every row recognizes its example; one that names a reason leads its own example. */
static void check_examples(void **state)
{
    (void)state;
    size_t n = 0;
    const struct message_row *all = message_rows(&n);
    for (size_t i = 0; i < n; i++) {
        check_example(&all[i]);
    }
}

static void check_is_only_one(const struct message_row *all, size_t i)
{
    bool is_only_one = true;
    for (size_t k = 0; k < i; k++) {
        is_only_one = is_only_one && strcmp(all[k].pattern, all[i].pattern) != 0;
    }
    if (!is_only_one) {
        fail_msg("twice: '%s'", all[i].pattern);
    }
}

static void check_table(void **state)
{
    (void)state;
    size_t n = 0;
    const struct message_row *all = message_rows(&n);
    for (size_t i = 0; i < n; i++) {
        assert_true(all[i].causes[0] != CAUSE_NONE);
        assert_true(strlen(all[i].meaning) > 0 && strlen(all[i].stack) > 0);
        check_is_only_one(all, i);
    }
}

static void check_every_cause_has_a_check(void **state)
{
    (void)state;
    for (int c = CAUSE_NONE + 1; c < N_CAUSES; c++) {
        assert_true(message_check_exists((enum cause)c, ACTOR_SERVER));
    }
}

static const struct {
    const char *line, *host;
    uint16_t port;
} hosts[] = {
    { "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to a.example:8443",
      "a.example", 8443 },
    { "certificate has expired while SSL handshaking to upstream, upstream: "
      "\"https://10.1.1.9:8443/x\"",
      "10.1.1.9", 8443 },
    { "Get \"https://[2001:db8::1]:6443/api\": net/http: TLS handshake timeout", "2001:db8::1",
      6443 },
    { "fatal: unable to access 'https://git.example/x/': certificate has expired", "git.example",
      0 },
    { "HTTPSConnectionPool(host='a.example', port=444): Max retries exceeded with url: / (Caused "
      "by SSLError",
      "a.example", 444 },
    { "https://$(reboot)/ certificate has expired", NULL, 0 },
    { "https://-oProxy.example/ certificate has expired", NULL, 0 },
    { "certificate has expired", NULL, 0 },
};

static void check_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct message_reading r;
        assert_true(message_read(table, bytes_of_str(hosts[i].line), &r));
        assert_int_equal(r.port, hosts[i].port);
        struct bytes host = hosts[i].host == NULL ? bytes_of(NULL, 0) : bytes_of_str(hosts[i].host);
        assert_true(bytes_equal(r.host, host));
    }
}

static void check_commands(void **state)
{
    (void)state;
    struct message_reading r;
    struct arena arena = { .limit_bytes = 65536 };
    struct message_check checks[4];
    assert_true(message_read(
        table, bytes_of_str("upstream: \"https://10.1.1.9:8443/\" certificate has expired"), &r));
    assert_int_equal(message_checks(&r, &arena, checks, ARRAY_LEN(checks)), 2);
    assert_string_equal(checks[0].command,
                        "openssl s_client -connect 10.1.1.9:8443 -noservername </dev/null | "
                        "openssl x509 -noout -subject -dates");
    assert_string_equal(checks[1].command,
                        "tcpdump -i any -s 0 -w handshake.pcap host 10.1.1.9 and port 8443; "
                        "handfast explain handshake.pcap");
    arena_deinit(&arena);
}

/* A hostile line: the same words over and over, longer than what is looked at. */
static void check_long_line(void **state)
{
    (void)state;
    struct text line = { 0 };
    while (line.len < (size_t)4 * MESSAGE_LINE_MAX) {
        text_puts(&line,
                  "x509: certificate is valid for CERTIFICATE_VERIFY_FAILED EPROTO curl: (28) ");
    }
    struct message_reading r;
    for (int i = 0; i < 20; i++) {
        assert_true(message_read(table, bytes_of(line.p, line.len), &r));
    }
    text_deinit(&line);
}

static void check_words_beyond_the_limit(void **state)
{
    (void)state;
    struct text line = { 0 };
    while (line.len < MESSAGE_LINE_MAX) {
        text_putc(&line, ' ');
    }
    text_puts(&line, "certificate has expired");
    struct message_reading r;
    assert_false(message_read(table, bytes_of(line.p, line.len), &r));
    text_deinit(&line);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(check_patterns),  cmocka_unit_test(check_examples),
    cmocka_unit_test(check_table),     cmocka_unit_test(check_every_cause_has_a_check),
    cmocka_unit_test(check_hosts),     cmocka_unit_test(check_commands),
    cmocka_unit_test(check_long_line), cmocka_unit_test(check_words_beyond_the_limit),
};

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[ARRAY_LEN(rows) + i] = others[i];
    }
    return cmocka_run_group_tests_name("messages", tests, start, stop);
}
