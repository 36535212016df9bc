#include "probe/clients_judge.h"

#include "base/status.h"
#include "tls/names.h"

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304, LARGE_BYTES = 1000 };

static const char *or_number(const char *name, uint16_t value, struct arena *arena)
{
    return name != NULL ? name : arena_printf(arena, "0x%04x", value);
}

static const char *suite_name(uint16_t v, struct arena *arena)
{
    return or_number(tls_cipher_suite_name(v), v, arena);
}

static const char *version_name(uint16_t v, struct arena *arena)
{
    return or_number(tls_version_name(v), v, arena);
}

static bool fails(const struct client_case *k, enum cause cause, const char *detail,
                  const char *why)
{
    k->result->succeeds = false;
    k->result->cause = cause;
    k->result->detail = detail;
    k->result->why = why != NULL ? why : "";
    return true;
}

static void change(const struct client_case *k, const char *client, const char *server)
{
    k->result->client_change = client;
    k->result->server_change = server;
}

/* --- the server answered --- */

static bool refuses_version(const struct client_case *k)
{
    uint16_t version = k->result->version;
    if (version >= k->client->min_version && tls_offers_version(k->hello, version)) {
        return false;
    }
    change(k, arena_printf(k->arena, "let it accept %s", version_name(version, k->arena)),
           arena_printf(k->arena, "accept %s or later",
                        version_name(k->client->min_version, k->arena)));
    return fails(k, CAUSE_PROTOCOL_MISMATCH, NULL,
                 arena_printf(k->arena, "the server chooses %s, which this client refuses",
                              version_name(version, k->arena)));
}

static bool refuses_dh(const struct client_case *k)
{
    const struct probe_flight *f = k->outcome->flight;
    struct tls_server_key_exchange kx;
    struct fault fault = { 0 };
    if (f->server_key_exchange.p == NULL ||
        !tls_server_key_exchange_parse(f->server_key_exchange, f->version, f->hello.cipher_suite,
                                       &kx, &fault)) {
        return false;
    }
    k->result->group = kx.group;
    k->result->signature = kx.signature_algorithm;
    bool is_small = kx.dh_bits > 0 && kx.dh_bits < k->client->dh_min_bits;
    bool is_large = k->client->dh_max_bits > 0 && kx.dh_bits > k->client->dh_max_bits;
    if (!is_small && !is_large) {
        return false;
    }
    change(k, "leave the DHE suites out of its offer",
           is_small ? arena_printf(k->arena, "use a DH group of %u bits, or ECDHE",
                                   k->client->dh_min_bits < 2048 ? 2048 : k->client->dh_min_bits)
                    : "prefer ECDHE suites to DHE");
    return fails(k, CAUSE_WEAK_CRYPTO_REFUSED, is_small ? "dh-key-too-small" : NULL,
                 arena_printf(k->arena,
                              "the server's DH group has %u bits, and this client takes %s %u",
                              kx.dh_bits, is_small ? "at least" : "at most",
                              is_small ? k->client->dh_min_bits : k->client->dh_max_bits));
}

static bool refuses_key(const struct client_case *k, const struct x509_facts *leaf)
{
    bool is_rsa = leaf->key_type != NULL && strncmp(leaf->key_type, "RSA", 3) == 0;
    if (is_rsa && leaf->key_bits < k->client->rsa_min_bits) {
        change(k, "lower its floor for RSA keys",
               arena_printf(k->arena, "use a certificate with an RSA key of %u bits or more",
                            k->client->rsa_min_bits));
        return fails(k, CAUSE_WEAK_CRYPTO_REFUSED, "certificate-key-too-small",
                     arena_printf(k->arena,
                                  "the certificate's RSA key has %u bits, and this client "
                                  "takes at least %u",
                                  leaf->key_bits, k->client->rsa_min_bits));
    }
    if (leaf->signature_is_weak && !k->client->takes_sha1 && !leaf->is_self_signed) {
        change(k, NULL, "use a certificate signed with SHA-256");
        return fails(
            k, CAUSE_WEAK_CRYPTO_REFUSED, "signature-digest-too-weak",
            arena_printf(k->arena, "the certificate is signed with %s", leaf->signature_algorithm));
    }
    return false;
}

/* Without a server name the server shows its default certificate. */
static bool refuses_name(const struct client_case *k, const struct x509_chain *chain)
{
    const char *sent = dial_server_name(k->request->target); /* --sni counts, as in the survey */
    const char *host = sent != NULL && sent[0] != '\0' ? sent : k->request->target->host;
    if (host == NULL || host[0] == '\0' || x509_names_host(chain, host)) {
        return false;
    }
    bool sends_name = client_sends_name(k->client);
    change(k, sends_name ? NULL : "send the server name (SNI)",
           sends_name ? "use a certificate that names the host"
                      : "show this host's certificate to clients without SNI too");
    return fails(k, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, NULL,
                 sends_name ? "the certificate does not name the host"
                            : "without SNI the server shows a certificate that does not name the "
                              "host");
}

static bool refuses_certificate(const struct client_case *k)
{
    const struct probe_flight *f = k->outcome->flight;
    struct tls_certificate message;
    struct fault fault = { 0 };
    if (f->certificate.p == NULL || k->request->store == NULL ||
        !tls_certificate_parse(f->certificate, f->version, &message, &fault) || message.n == 0) {
        return false;
    }
    const struct x509_chain *chain = x509_store_chain(k->request->store, message.list, message.n);
    const struct x509_facts *leaf = chain == NULL ? NULL : x509_chain_facts(chain, 0);
    bool refused = false;
    if (leaf != NULL && leaf->is_parsed) {
        k->result->key_type = arena_printf(k->arena, "%s", leaf->key_type);
        refused = refuses_key(k, leaf) || refuses_name(k, chain);
    }
    x509_chain_unref(chain);
    return refused;
}

static bool refuses_suite(const struct client_case *k)
{
    if (tls_u16_has(k->hello->cipher_suites, k->result->cipher_suite)) {
        return false;
    }
    return fails(k, CAUSE_PROTOCOL_VIOLATION, NULL,
                 "the server chooses a cipher suite that was not offered");
}

void client_judge_answer(const struct client_case *k)
{
    const struct probe_flight *f = k->outcome->flight;
    struct bytes share = f->hello.ext.key_share;
    k->result->version = f->version != 0 ? f->version : f->hello.version;
    k->result->cipher_suite = f->hello.cipher_suite;
    k->result->group = share.len >= 2 ? load_be16(share.p) : 0;
    k->result->succeeds = true;
    if (refuses_version(k) || refuses_suite(k) || refuses_dh(k)) {
        return;
    }
    refuses_certificate(k);
}

/* --- the server refused --- */

static bool list_has(const struct survey_list *list, uint16_t v)
{
    for (size_t i = 0; i < list->n_accepted; i++) {
        if (list->accepted[i] == v) {
            return true;
        }
    }
    return false;
}

/* The first of the client's list that the server takes; false where none. */
static bool in_common(struct bytes offered, const struct survey_list *list, uint16_t *out)
{
    for (size_t i = 0; i < tls_u16_count(offered); i++) {
        *out = tls_u16_at(offered, i);
        if (list_has(list, *out)) {
            return true;
        }
    }
    return false;
}

static const struct survey_version *best_common(const struct client_case *k)
{
    const struct survey_version *best = NULL;
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        const struct survey_version *v = &k->request->facts->versions[i];
        bool is_common = v->answer == SURVEY_YES && tls_offers_version(k->hello, v->version);
        if (is_common && (best == NULL || v->version > best->version)) {
            best = v;
        }
    }
    return best;
}

static bool lacks_version(const struct client_case *k)
{
    uint16_t highest = 0;
    uint16_t min = 0;
    uint16_t max = 0;
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        const struct survey_version *v = &k->request->facts->versions[i];
        highest = v->answer == SURVEY_YES && v->version > highest ? v->version : highest;
    }
    if (highest == 0 || !tls_offered_versions(k->hello, &min, &max)) {
        return false;
    }
    change(k, arena_printf(k->arena, "offer %s", version_name(highest, k->arena)),
           arena_printf(k->arena, "accept %s%s", version_name(max, k->arena),
                        max < TLS_1_2 ? " (obsolete: RFC 8996)" : ""));
    return fails(k, CAUSE_PROTOCOL_MISMATCH, NULL,
                 arena_printf(k->arena,
                              "it offers at most %s, and the server takes none of its "
                              "versions",
                              version_name(max, k->arena)));
}

static unsigned auths_of_list(const struct survey_list *list)
{
    unsigned auths = 0;
    for (size_t i = 0; i < list->n_accepted; i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(list->accepted[i]);
        auths |= s != NULL ? 1U << s->auth : 0;
    }
    return auths;
}

/* Do any of the client's suites take the kind of certificate that the server's suites need? */
static bool shares_key_type(const struct client_case *k, const struct survey_list *list)
{
    unsigned ours = 0;
    for (size_t i = 0; i < tls_u16_count(k->hello->cipher_suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(k->hello->cipher_suites, i));
        ours |= s != NULL ? 1U << s->auth : 0;
    }
    return (ours & auths_of_list(list)) != 0;
}

/* The first of the client's suites that the server could take with the keys it has; 0: none. The
 * ChaCha20 suites of before RFC 7905 are no advice. */
static uint16_t best_suite(const struct client_case *k, const struct survey_version *v)
{
    unsigned auths = auths_of_list(&v->suites);
    for (size_t i = 0; i < tls_u16_count(k->hello->cipher_suites); i++) {
        uint16_t value = tls_u16_at(k->hello->cipher_suites, i);
        const struct tls_cipher_suite *s = tls_cipher_suite(value);
        bool fits = s != NULL && (auths & (1U << s->auth)) != 0 &&
                    s->needs_tls13 == (v->version == TLS_1_3) &&
                    (!s->needs_tls12 || v->version >= TLS_1_2);
        bool is_draft = value >= 0xcc13 && value <= 0xcc15;
        if (fits && !is_draft && !tls_cipher_suite_is_weak(value)) {
            return value;
        }
    }
    return 0;
}

static bool lacks_suite(const struct client_case *k, const struct survey_version *v)
{
    uint16_t common = 0;
    if (v->suites.n_accepted == 0 || in_common(k->hello->cipher_suites, &v->suites, &common)) {
        return false;
    }
    uint16_t ours = best_suite(k, v);
    bool is_key = v->version < TLS_1_3 && !shares_key_type(k, &v->suites);
    change(k, arena_printf(k->arena, "offer %s", suite_name(v->suites.accepted[0], k->arena)),
           is_key      ? "add a certificate with a key of the kind it takes"
           : ours != 0 ? arena_printf(k->arena, "accept %s", suite_name(ours, k->arena))
                       : NULL);
    return fails(k, is_key ? CAUSE_SIGNATURE_MISMATCH : CAUSE_CIPHER_MISMATCH,
                 is_key ? "no-certificate-for-key-type" : NULL,
                 arena_printf(k->arena, "none of its cipher suites is accepted in %s",
                              version_name(v->version, k->arena)));
}

static bool only_ecdhe(const struct client_case *k, const struct survey_version *v)
{
    for (size_t i = 0; i < v->suites.n_accepted; i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(v->suites.accepted[i]);
        bool is_common = tls_u16_has(k->hello->cipher_suites, v->suites.accepted[i]);
        if (is_common && s != NULL && s->kx != TLS_KX_ECDHE && s->kx != TLS_KX_TLS13) {
            return false;
        }
    }
    return true;
}

/* The client's favourite, GREASE aside. */
static uint16_t first_real(struct bytes list)
{
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        if (!tls_is_grease(tls_u16_at(list, i))) {
            return tls_u16_at(list, i);
        }
    }
    return 0;
}

static const char *group_name(uint16_t v, struct arena *arena)
{
    return or_number(tls_group_name(v), v, arena);
}

static bool lacks_group(const struct client_case *k, const struct survey_version *v)
{
    const struct survey_list *list =
        v->version == TLS_1_3 ? &k->request->facts->groups13 : &k->request->facts->groups12;
    struct bytes offered = k->hello->ext.supported_groups;
    uint16_t common = 0;
    if (offered.len == 0 || list->n_accepted == 0 || !only_ecdhe(k, v) ||
        in_common(offered, list, &common)) {
        return false;
    }
    change(
        k, arena_printf(k->arena, "offer the group %s", group_name(list->accepted[0], k->arena)),
        arena_printf(k->arena, "accept the group %s", group_name(first_real(offered), k->arena)));
    return fails(k, CAUSE_GROUP_MISMATCH, NULL, "the server takes none of its groups");
}

static bool lacks_signature(const struct client_case *k, const struct survey_version *v)
{
    const struct survey_list *list =
        v->version == TLS_1_3 ? &k->request->facts->signatures13 : &k->request->facts->signatures12;
    struct bytes offered = k->hello->ext.signature_algorithms;
    uint16_t common = 0;
    if (v->version < TLS_1_2 || offered.len == 0 || list->n_accepted == 0 ||
        in_common(offered, list, &common)) {
        return false;
    }
    uint16_t theirs = list->accepted[0];
    change(k,
           arena_printf(k->arena, "offer the signature algorithm %s",
                        or_number(tls_signature_algorithm_name(theirs), theirs, k->arena)),
           "add a certificate, or allow a signature algorithm, that it takes");
    return fails(k, CAUSE_SIGNATURE_MISMATCH, NULL,
                 "the server signs with none of its signature algorithms");
}

static bool lacks_name(const struct client_case *k)
{
    const struct survey_sni *sni = k->request->facts->sni;
    if (client_sends_name(k->client) || sni[NAME_NONE].answer != SURVEY_NO ||
        sni[NAME_RIGHT].answer != SURVEY_YES) {
        return false;
    }
    change(k, "send the server name (SNI)",
           "answer clients without SNI with a default certificate");
    return fails(k, CAUSE_SNI_MISSING, NULL, "it sends no server name, and the server needs one");
}

static bool has_grease(const struct tls_client_hello *hello)
{
    for (size_t i = 0; i < hello->ext.n; i++) {
        if (tls_is_grease(hello->ext.list[i].type)) {
            return true;
        }
    }
    return false;
}

static bool is_not_stood(const struct client_case *k)
{
    const enum survey_answer *stands = k->request->facts->tolerance;
    bool is_large = k->hello->ext.key_share.len > LARGE_BYTES;
    if (is_large && stands[TOLERATES_POST_QUANTUM] == SURVEY_NO) {
        change(k, "leave out the post-quantum key share",
               "let large ClientHellos through (the server, or what stands before it)");
        return fails(k, CAUSE_HELLO_INTOLERANCE, "large-hello-dropped",
                     "its ClientHello is large, and the server does not answer large ones");
    }
    if (has_grease(k->hello) && stands[TOLERATES_GREASE] == SURVEY_NO) {
        change(k, "leave out GREASE", "ignore values that it does not know (RFC 8701)");
        return fails(k, CAUSE_HELLO_INTOLERANCE, NULL,
                     "its ClientHello holds GREASE, which the server does not stand");
    }
    return false;
}

bool client_explain_refusal(const struct client_case *k)
{
    if (k->request->facts == NULL) {
        return false;
    }
    if (lacks_name(k)) {
        return true;
    }
    const struct survey_version *v = best_common(k);
    if (v == NULL) {
        return lacks_version(k);
    }
    return lacks_suite(k, v) || lacks_group(k, v) || lacks_signature(k, v) || is_not_stood(k);
}
