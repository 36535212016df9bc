/* What a survey found that ought to be changed, or known. Each row names what makes it true. */
#include "probe/survey_internal.h"

#include <stdlib.h>

enum {
    DH_BROKEN_BITS = 1024,
    DH_LEAST_BITS = 2048,
    DAY_S = 86400,
    WEEK_S = 7 * DAY_S,
    SOON_DAYS = 30,
    NAMED_MAX = 3
};

/* The row matches where it puts a sentence. */
struct row {
    const char *id;
    enum survey_severity severity;
    void (*match)(const struct survey *s, struct text *out);
    const char *source, *fix, *nginx, *apache, *haproxy, *java;
};

static const struct survey_version *version(const struct survey *s, uint16_t v)
{
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        if (s->facts.versions[i].version == v) {
            return &s->facts.versions[i];
        }
    }
    return &s->facts.versions[0];
}

static bool accepts(const struct survey *s, uint16_t v)
{
    return version(s, v)->answer == SURVEY_YES;
}

static void say_accepted(const struct survey *s, uint16_t v, struct text *out)
{
    if (accepts(s, v)) {
        text_printf(out, "%s is accepted", tls_version_name(v));
    }
}

static void ssl20(const struct survey *s, struct text *out)
{
    say_accepted(s, 0x0002, out);
}
static void ssl30(const struct survey *s, struct text *out)
{
    say_accepted(s, 0x0300, out);
}
static void tls10(const struct survey *s, struct text *out)
{
    say_accepted(s, 0x0301, out);
}
static void tls11(const struct survey *s, struct text *out)
{
    say_accepted(s, 0x0302, out);
}

static void no_modern_version(const struct survey *s, struct text *out)
{
    if (s->facts.speaks_tls && version(s, 0x0303)->answer == SURVEY_NO &&
        version(s, 0x0304)->answer == SURVEY_NO) {
        text_puts(out, "neither TLS 1.2 nor TLS 1.3 is accepted: clients of today cannot connect");
    }
}

static void no_tls13(const struct survey *s, struct text *out)
{
    if (accepts(s, 0x0303) && version(s, 0x0304)->answer == SURVEY_NO) {
        text_puts(out, "TLS 1.3 is not accepted");
    }
}

static bool same_suite(const uint16_t *seen, size_t n, uint16_t suite)
{
    for (size_t i = 0; i < n; i++) {
        if (seen[i] == suite) {
            return true;
        }
    }
    return false;
}

/* Names the accepted suites that a test picks out, each once. */
static void pick_suites(const struct survey *s, bool (*is)(const struct tls_cipher_suite *suite),
                        const char *what, struct text *out)
{
    uint16_t seen[SURVEY_LIST_MAX];
    struct text names = { 0 };
    size_t n = 0;
    for (size_t v = 0; v < SURVEY_VERSIONS; v++) {
        const struct survey_list *list = &s->facts.versions[v].suites;
        for (size_t i = 0; i < list->n_accepted && n < SURVEY_LIST_MAX; i++) {
            const struct tls_cipher_suite *suite = tls_cipher_suite(list->accepted[i]);
            if (suite == NULL || !is(suite) || same_suite(seen, n, suite->value)) {
                continue;
            }
            seen[n++] = suite->value;
            if (n <= NAMED_MAX) {
                text_printf(&names, "%s%s", n == 1 ? "" : ", ", suite->name);
            }
        }
    }
    if (n > NAMED_MAX) {
        text_printf(&names, " and %zu more", n - NAMED_MAX);
    }
    if (n > 0) {
        text_printf(out, "%s: %s", what, text_str(&names));
    }
    text_deinit(&names);
}

static bool is_null(const struct tls_cipher_suite *suite)
{
    return suite->mode == TLS_MODE_NULL;
}
static bool is_anonymous(const struct tls_cipher_suite *suite)
{
    return suite->auth == TLS_AUTH_ANON;
}
static bool is_export(const struct tls_cipher_suite *suite)
{
    return suite->is_export;
}
static bool is_rc4(const struct tls_cipher_suite *suite)
{
    return suite->mode == TLS_MODE_STREAM && strstr(suite->name, "RC4") != NULL;
}
static bool is_short_block(const struct tls_cipher_suite *suite)
{
    return suite->mode == TLS_MODE_CBC && !suite->is_export &&
           (strstr(suite->name, "DES") != NULL || strstr(suite->name, "IDEA") != NULL ||
            strstr(suite->name, "RC2") != NULL);
}
static bool is_static(const struct tls_cipher_suite *suite)
{
    return suite->kx == TLS_KX_RSA || suite->kx == TLS_KX_DH || suite->kx == TLS_KX_ECDH;
}

static void null_suites(const struct survey *s, struct text *out)
{
    pick_suites(s, is_null, "suites without encryption are accepted", out);
}
static void anonymous_suites(const struct survey *s, struct text *out)
{
    pick_suites(s, is_anonymous, "suites without authentication are accepted", out);
}
static void export_suites(const struct survey *s, struct text *out)
{
    pick_suites(s, is_export, "export suites are accepted", out);
}
static void rc4_suites(const struct survey *s, struct text *out)
{
    pick_suites(s, is_rc4, "RC4 is accepted", out);
}
static void short_blocks(const struct survey *s, struct text *out)
{
    pick_suites(s, is_short_block, "ciphers with blocks of 64 bits are accepted", out);
}
static void static_keys(const struct survey *s, struct text *out)
{
    pick_suites(s, is_static, "key exchanges without forward secrecy are accepted", out);
}

static void client_order(const struct survey *s, struct text *out)
{
    const struct survey_version *v = version(s, 0x0303);
    bool has_old = accepts(s, 0x0300) || accepts(s, 0x0301) || accepts(s, 0x0302);
    if (v->suites.order == SURVEY_ORDER_CLIENT && has_old) {
        text_puts(out, "the client's order of cipher suites decides, beside old versions");
    }
}

static void dh_broken(const struct survey *s, struct text *out)
{
    if (s->facts.dh_bits > 0 && s->facts.dh_bits <= DH_BROKEN_BITS) {
        text_printf(out, "the Diffie-Hellman group has %u bits", s->facts.dh_bits);
    }
}
static void dh_short(const struct survey *s, struct text *out)
{
    if (s->facts.dh_bits > DH_BROKEN_BITS && s->facts.dh_bits < DH_LEAST_BITS) {
        text_printf(out, "the Diffie-Hellman group has %u bits", s->facts.dh_bits);
    }
}

static bool is_hybrid(uint16_t group)
{
    return (group >= 0x11eb && group <= 0x11ee) || (group >= 0x0200 && group <= 0x0202);
}

static void no_hybrid(const struct survey *s, struct text *out)
{
    const struct survey_list *list = &s->facts.groups13;
    if (list->n_accepted == 0) {
        return;
    }
    for (size_t i = 0; i < list->n_accepted; i++) {
        if (is_hybrid(list->accepted[i])) {
            return;
        }
    }
    text_puts(out, "no post-quantum key exchange is accepted");
}

static void sha1_signatures(const struct survey *s, struct text *out)
{
    const struct survey_list *list = &s->facts.signatures12;
    for (size_t i = 0; i < list->n_accepted; i++) {
        if (list->accepted[i] >> 8 <= 2) { /* MD5 or SHA-1 */
            text_printf(out, "handshakes are signed with %s",
                        tls_signature_algorithm_name(list->accepted[i]));
            return;
        }
    }
}

/* The chains that the right name brings; where there is no name, all. */
/* A chain that is shown for this host, and not acceptable. */
static bool is_at_fault(const struct survey_facts *f, const struct survey_chain *c)
{
    bool is_other =
        f->server_name[0] != '\0' && c->seen_with != 0 && (c->seen_with & 1U << NAME_RIGHT) == 0;
    return !is_other && c->is_judged && c->judgement.n_faults > 0;
}

static void certificate(const struct survey *s, struct text *out)
{
    const struct survey_facts *f = &s->facts;
    for (size_t i = 0; i < f->n_chains; i++) {
        const struct survey_chain *c = &f->chains[i];
        if (!is_at_fault(f, c)) {
            continue;
        }
        const struct x509_fault *fault = &c->judgement.faults[0];
        text_printf(out, "%s%s: the %s certificate: %s", out->len > 0 ? "; " : "",
                    x509_fault_id(fault->kind), c->key_type, fault->detail);
    }
}

static void expires_soon(const struct survey *s, struct text *out)
{
    const struct survey_facts *f = &s->facts;
    for (size_t i = 0; i < f->n_chains && out->len == 0; i++) {
        const struct survey_chain *c = &f->chains[i];
        int64_t left_s = c->judgement.valid_until_s - s->options.now_s;
        if (c->is_judged && c->judgement.n_faults == 0 && left_s < SOON_DAYS * (int64_t)DAY_S) {
            text_printf(out, "the %s certificate expires in %d days", c->key_type,
                        (int)(left_s / DAY_S));
        }
    }
}

static bool name_refused(const struct survey *s, enum survey_name n)
{
    return s->facts.sni[NAME_RIGHT].answer == SURVEY_YES && s->facts.sni[n].answer == SURVEY_NO;
}

static void needs_name(const struct survey *s, struct text *out)
{
    const struct survey_sni *none = &s->facts.sni[NAME_NONE];
    const struct survey_sni *right = &s->facts.sni[NAME_RIGHT];
    if (name_refused(s, NAME_NONE)) {
        text_puts(out, "without a server name (SNI) the handshake is refused");
    } else if (none->chain >= 0 && right->chain >= 0 &&
               !bytes_equal(x509_chain_der(s->facts.chains[none->chain].chain, 0),
                            x509_chain_der(s->facts.chains[right->chain].chain, 0))) {
        text_puts(out, "without a server name (SNI) another certificate comes");
    }
}
static void dot_refused(const struct survey *s, struct text *out)
{
    if (name_refused(s, NAME_DOT)) {
        text_puts(out, "a name with a trailing dot is refused");
    }
}
static void case_refused(const struct survey *s, struct text *out)
{
    if (name_refused(s, NAME_CASE)) {
        text_puts(out, "the name in other letters' case is refused");
    }
}

static void compression(const struct survey *s, struct text *out)
{
    if (s->facts.compression == SURVEY_YES) {
        text_puts(out, "TLS compression is accepted");
    }
}
static void no_secure_renegotiation(const struct survey *s, struct text *out)
{
    if (s->facts.renegotiation_info == SURVEY_NO) {
        text_puts(out, "secure renegotiation is not supported");
    }
}
static void no_ems(const struct survey *s, struct text *out)
{
    if (s->facts.ems == SURVEY_NO) {
        text_puts(out, "the extended master secret is not supported");
    }
}
static void no_fallback_scsv(const struct survey *s, struct text *out)
{
    if (s->facts.fallback_scsv == SURVEY_NO) {
        text_puts(out, "a fallback to an older version is not noticed (TLS_FALLBACK_SCSV)");
    }
}
static void long_tickets(const struct survey *s, struct text *out)
{
    uint32_t most = s->facts.ticket_lifetime12_s > s->facts.ticket_lifetime13_s
                        ? s->facts.ticket_lifetime12_s
                        : s->facts.ticket_lifetime13_s;
    if (most > WEEK_S) {
        text_printf(out, "session tickets live %u hours", most / 3600);
    }
}
static void early_data(const struct survey *s, struct text *out)
{
    if (s->facts.early_data == SURVEY_YES) {
        text_puts(out, "0-RTT data are accepted: what they ask for can be replayed");
    }
}
static void requires_certificate(const struct survey *s, struct text *out)
{
    if (s->facts.requires_certificate == SURVEY_YES) {
        text_puts(out, "a client certificate is required");
    }
}

static void intolerance(const struct survey *s, struct text *out)
{
    bool works = s->facts.speaks_tls;
    for (unsigned i = 0; works && i < SURVEY_N_TOLERANCES; i++) {
        if (s->facts.tolerance[i] == SURVEY_NO && i != TOLERATES_NO_EXTENSIONS &&
            i != TOLERATES_MIDDLE_SIZE) {
            text_printf(out, "%s%s", out->len == 0 ? "refused: " : ", ",
                        survey_tolerance_summary((enum survey_tolerance)i));
        }
    }
}

static void handshake_fails(const struct survey *s, struct text *out)
{
    const struct survey_facts *f = &s->facts;
    if (f->has_verdict && f->verdict.outcome == OUTCOME_FAILED) {
        text_printf(out, "a usual client's handshake fails: %s",
                    f->verdict.sentence == NULL ? "" : f->verdict.sentence);
    }
}

static size_t n_uncertain(const struct survey_facts *f)
{
    size_t n = f->groups12.n_uncertain + f->groups13.n_uncertain + f->signatures12.n_uncertain +
               f->signatures13.n_uncertain + f->alpn.n_uncertain;
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        n += f->versions[i].suites.n_uncertain;
    }
    return n;
}

static void uncertain(const struct survey *s, struct text *out)
{
    size_t n = n_uncertain(&s->facts);
    if (n > 0) {
        text_printf(out,
                    "%zu answers are uncertain: the server did not answer in time, or not "
                    "twice the same",
                    n);
    }
}

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "handshake-fails", SEVERITY_HIGH, handshake_fails, "the verdict's own rule", NULL, NULL, NULL,
      NULL, NULL },
    { "certificate-fault", SEVERITY_HIGH, certificate, "RFC 5280 section 6, RFC 9525", NULL, NULL,
      NULL, NULL, NULL },
    { "ssl2-accepted", SEVERITY_HIGH, ssl20, "RFC 6176", "switch SSL 2.0 off",
      "ssl_protocols TLSv1.2 TLSv1.3;", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      "ssl-default-bind-options ssl-min-ver TLSv1.2", NULL },
    { "ssl3-accepted", SEVERITY_HIGH, ssl30, "RFC 7568", "switch SSL 3.0 off",
      "ssl_protocols TLSv1.2 TLSv1.3;", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      "ssl-default-bind-options ssl-min-ver TLSv1.2", "jdk.tls.disabledAlgorithms: add SSLv3" },
    { "tls10-accepted", SEVERITY_MEDIUM, tls10, "RFC 8996", "switch TLS 1.0 off",
      "ssl_protocols TLSv1.2 TLSv1.3;", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      "ssl-default-bind-options ssl-min-ver TLSv1.2", "jdk.tls.disabledAlgorithms: add TLSv1" },
    { "tls11-accepted", SEVERITY_MEDIUM, tls11, "RFC 8996", "switch TLS 1.1 off",
      "ssl_protocols TLSv1.2 TLSv1.3;", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      "ssl-default-bind-options ssl-min-ver TLSv1.2", "jdk.tls.disabledAlgorithms: add TLSv1.1" },
    { "no-modern-version", SEVERITY_HIGH, no_modern_version, "RFC 9325 section 3.1.1",
      "switch TLS 1.2 and TLS 1.3 on", "ssl_protocols TLSv1.2 TLSv1.3;",
      "SSLProtocol -all +TLSv1.2 +TLSv1.3", "ssl-default-bind-options ssl-min-ver TLSv1.2", NULL },
    { "no-tls13", SEVERITY_LOW, no_tls13, "RFC 9325 section 3.1.1", "switch TLS 1.3 on",
      "ssl_protocols TLSv1.2 TLSv1.3;", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      "ssl-default-bind-options ssl-max-ver TLSv1.3", NULL },
    { "null-suites", SEVERITY_HIGH, null_suites, "RFC 9325 section 4.1",
      "take them out of the list of ciphers", "ssl_ciphers ...:!eNULL;",
      "SSLCipherSuite ...:!eNULL", "ssl-default-bind-ciphers ...:!eNULL", NULL },
    { "anonymous-suites", SEVERITY_HIGH, anonymous_suites, "RFC 9325 section 4.1",
      "take them out of the list of ciphers", "ssl_ciphers ...:!aNULL;",
      "SSLCipherSuite ...:!aNULL", "ssl-default-bind-ciphers ...:!aNULL", NULL },
    { "export-suites", SEVERITY_HIGH, export_suites, "RFC 9325 section 4.1",
      "take them out of the list of ciphers", "ssl_ciphers ...:!EXPORT;",
      "SSLCipherSuite ...:!EXPORT", "ssl-default-bind-ciphers ...:!EXPORT", NULL },
    { "rc4-accepted", SEVERITY_HIGH, rc4_suites, "RFC 7465", "take RC4 out of the list of ciphers",
      "ssl_ciphers ...:!RC4;", "SSLCipherSuite ...:!RC4", "ssl-default-bind-ciphers ...:!RC4",
      "jdk.tls.disabledAlgorithms: add RC4" },
    { "short-block-ciphers", SEVERITY_MEDIUM, short_blocks, "RFC 9325 section 4.1; Sweet32",
      "take 3DES, DES, IDEA and RC2 out of the list of ciphers",
      "ssl_ciphers ...:!3DES:!DES:!IDEA:!RC2;", "SSLCipherSuite ...:!3DES:!DES:!IDEA:!RC2",
      "ssl-default-bind-ciphers ...:!3DES:!DES", "jdk.tls.disabledAlgorithms: add 3DES_EDE_CBC" },
    { "no-forward-secrecy", SEVERITY_LOW, static_keys, "RFC 9325 section 4.1",
      "accept ECDHE suites only", "ssl_ciphers ...:!kRSA;", "SSLCipherSuite ...:!kRSA",
      "ssl-default-bind-ciphers ...:!kRSA", "jdk.tls.disabledAlgorithms: add TLS_RSA_*" },
    { "client-order", SEVERITY_LOW, client_order, "RFC 9325 section 4.2",
      "let the server's order decide", "ssl_prefer_server_ciphers on;", "SSLHonorCipherOrder on",
      "(default)", "setUseCipherSuitesOrder(true)" },
    { "dh-broken", SEVERITY_HIGH, dh_broken, "RFC 9325 section 4.1; Logjam",
      "use a group of 2048 bits, or no DHE suites", "ssl_dhparam with 2048 bits",
      "SSLOpenSSLConfCmd DHParameters with 2048 bits", "tune.ssl.default-dh-param 2048",
      "jdk.tls.ephemeralDHKeySize=2048" },
    { "dh-short", SEVERITY_MEDIUM, dh_short, "RFC 9325 section 4.1",
      "use a group of 2048 bits, or no DHE suites", "ssl_dhparam with 2048 bits",
      "SSLOpenSSLConfCmd DHParameters with 2048 bits", "tune.ssl.default-dh-param 2048",
      "jdk.tls.ephemeralDHKeySize=2048" },
    { "sha1-signatures", SEVERITY_LOW, sha1_signatures, "RFC 9155", "sign with SHA-256 or better",
      "ssl_ciphers ...@SECLEVEL=2;", "SSLCipherSuite ...@SECLEVEL=2",
      "ssl-default-bind-sigalgs without SHA1", "jdk.tls.disabledAlgorithms: add SHA1" },
    { "compression-accepted", SEVERITY_HIGH, compression, "RFC 9325 section 3.3; CRIME",
      "switch TLS compression off", NULL, "SSLCompression off", NULL, NULL },
    { "no-secure-renegotiation", SEVERITY_MEDIUM, no_secure_renegotiation, "RFC 5746",
      "update the server's TLS library", NULL, NULL, NULL, NULL },
    { "no-extended-master-secret", SEVERITY_LOW, no_ems, "RFC 7627",
      "update the server's TLS library", NULL, NULL, NULL, NULL },
    { "no-fallback-scsv", SEVERITY_LOW, no_fallback_scsv, "RFC 7507",
      "update the server's TLS library, or accept one version only", NULL, NULL, NULL, NULL },
    { "name-needed", SEVERITY_INFO, needs_name, "RFC 6066 section 3",
      "clients must send the server name, gateways must pass it on", NULL, NULL, NULL, NULL },
    { "trailing-dot-refused", SEVERITY_LOW, dot_refused, "RFC 6066 section 3: no trailing dot",
      NULL, NULL, NULL, NULL, NULL },
    { "name-case-sensitive", SEVERITY_MEDIUM, case_refused,
      "RFC 6066 section 3: names match without case", "match server names without regard to case",
      NULL, NULL, NULL, NULL },
    { "hello-intolerance", SEVERITY_MEDIUM, intolerance,
      "RFC 8446 sections 4.1.2, 4.2.1 and 9.3, RFC 8701",
      "update the server, or the middlebox before it", NULL, NULL, NULL, NULL },
    { "tickets-live-long", SEVERITY_LOW, long_tickets, "RFC 8446 section 4.6.1",
      "let tickets live a week at most", "ssl_session_timeout 1d;", "SSLSessionCacheTimeout 86400",
      "tune.ssl.lifetime 86400", NULL },
    { "early-data", SEVERITY_LOW, early_data, "RFC 8446 section 8",
      "switch 0-RTT off where requests change something", "ssl_early_data off;", NULL,
      "no-allow-0rtt", NULL },
    { "certificate-expires-soon", SEVERITY_LOW, expires_soon, "RFC 5280 section 4.1.2.5",
      "renew the certificate", NULL, NULL, NULL, NULL },
    { "certificate-required", SEVERITY_INFO, requires_certificate, "RFC 8446 section 4.3.2", NULL,
      NULL, NULL, NULL, NULL },
    { "no-post-quantum", SEVERITY_INFO, no_hybrid, "draft-ietf-tls-ecdhe-mlkem",
      "accept X25519MLKEM768 (OpenSSL 3.5 and later)", NULL, NULL, NULL, NULL },
    { "uncertain", SEVERITY_INFO, uncertain, "answers in time, twice the same",
      "ask again with --polite", NULL, NULL, NULL, NULL },
};
/* clang-format on */

static int by_severity(const void *a, const void *b)
{
    const struct survey_finding *x = a;
    const struct survey_finding *y = b;
    return (int)y->severity - (int)x->severity;
}

/* The first fault of a chain that counts for this host; NULL: none. */
static const char *cause_of_chain(const struct survey_facts *f)
{
    for (size_t i = 0; i < f->n_chains; i++) {
        if (is_at_fault(f, &f->chains[i])) {
            return x509_fault_id(f->chains[i].judgement.faults[0].kind);
        }
    }
    return NULL;
}

static const char *how_to_look(struct survey *s)
{
    const struct dial_target *t = s->facts.target;
    const char *name = s->facts.server_name;
    bool is_other = name[0] != '\0' && strcmp(name, t->host) != 0;
    const char *upgrade = t->starttls == DIAL_NO_STARTTLS ? NULL : dial_starttls_name(t->starttls);
    bool is_v6 = strchr(t->host, ':') != NULL;
    return arena_printf(&s->arena, "`handfast check %s%s%s%s%s%s%s%s%s:%u` says what mends it%s",
                        is_other ? "--host " : "", is_other ? name : "", is_other ? " " : "",
                        upgrade == NULL ? "" : "--starttls ", upgrade == NULL ? "" : upgrade,
                        upgrade == NULL ? "" : " ", is_v6 ? "[" : "", t->host, is_v6 ? "]" : "",
                        t->port, s->options.trust_is_given ? " (with the same --trust)" : "");
}

/* Where the name is all that the server minds, the rest is found with another. */
static const char *how_to_name(struct survey *s)
{
    const struct dial_target *t = s->facts.target;
    bool is_v6 = strchr(t->host, ':') != NULL;
    enum cause cause = s->facts.verdict.cause;
    if (cause != CAUSE_SNI_MISSING && cause != CAUSE_SNI_UNRECOGNIZED) {
        return NULL;
    }
    return arena_printf(&s->arena,
                        "ask with a name that it knows, for all the rest: "
                        "`handfast probe --sni NAME %s%s%s:%u`",
                        is_v6 ? "[" : "", t->host, is_v6 ? "]" : "", t->port);
}

static void put_finding(struct survey *s, const struct row *row, const char *sentence)
{
    struct survey_facts *f = &s->facts;
    bool is_chain = row->match == certificate;
    f->findings[f->n_findings++] = (struct survey_finding){
        .id = row->id,
        .cause = is_chain                        ? cause_of_chain(f)
                 : row->match == handshake_fails ? cause_id(f->verdict.cause)
                                                 : NULL,
        .severity = row->severity,
        .sentence = sentence,
        .source = row->source,
        .fix = is_chain                        ? how_to_look(s)
               : row->match == handshake_fails ? how_to_name(s)
                                               : row->fix,
        .nginx = row->nginx,
        .apache = row->apache,
        .haproxy = row->haproxy,
        .java = row->java,
    };
}

void survey_find(struct survey *s)
{
    struct survey_facts *f = &s->facts;
    struct text sentence = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(rows) && f->n_findings < SURVEY_FINDINGS_MAX; i++) {
        const struct row *row = &rows[i];
        text_clear(&sentence);
        row->match(s, &sentence);
        char *kept =
            sentence.len == 0 ? NULL : arena_strndup(&s->arena, text_str(&sentence), sentence.len);
        if (kept != NULL) {
            put_finding(s, row, kept);
        }
    }
    text_deinit(&sentence);
    qsort(f->findings, f->n_findings, sizeof f->findings[0], by_severity);
}
