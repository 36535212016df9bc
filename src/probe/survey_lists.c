/* The lists of a survey: suites, groups, signature algorithms, ALPN: from offers to answers. */
#include "probe/survey_internal.h"
#include "tls/message.h"
#include "tls/names.h"

/* Of few connections each list has its share first; what is left goes to them in turn. */
static const uint8_t polite_share[N_LISTS] = {
    [LIST_SSL30] = 1,   [LIST_TLS10] = 2,        [LIST_TLS11] = 2,    [LIST_TLS12] = 11,
    [LIST_TLS13] = 5,   [LIST_GROUPS13] = 6,     [LIST_GROUPS12] = 2, [LIST_RSA12] = 1,
    [LIST_ECDSA12] = 1, [LIST_SIGNATURES13] = 2, [LIST_ALPN] = 3,
};
enum { NEAR_NS = 4000000 }; /* where round trips are cheap nothing is asked on suspicion */
enum { NO_CHOICE = -1, NOT_KNOWN = -2, ALERT_LEVEL_FATAL = 2 };

/* A hello with everything in it but what the list is about. */
static struct hello_spec usual(const struct survey *s, uint16_t version)
{
    return (struct hello_spec){ .version = version,
                                .groups = survey_all_groups(),
                                .signatures = survey_all_signatures(),
                                .name = s->facts.server_name };
}

/* With an ECDSA certificate nothing but its own curve is agreed on unless that stands in the offer
 * too (RFC 8422 section 5.1): it does, last. */
static struct tls_u16_list beside_curve(const struct survey *s, struct tls_u16_list groups,
                                        uint16_t *room)
{
    size_t n = 0;
    for (; n < groups.n && n < SUITES_MAX - 1; n++) {
        room[n] = groups.p[n];
        if (room[n] == s->curve12) {
            return groups;
        }
    }
    if (s->curve12 != 0) {
        room[n++] = s->curve12;
    }
    return (struct tls_u16_list){ room, n };
}

static enum probe_until ask(const struct survey *s, enum list_topic t, struct tls_u16_list values,
                            struct text *wire)
{
    uint16_t room[SUITES_MAX];
    uint16_t beside[SUITES_MAX];
    struct hello_spec spec = usual(s, 0x0303);
    enum probe_until until = PROBE_UNTIL_FLIGHT;
    switch (t) {
    case LIST_SSL30:
    case LIST_TLS10:
    case LIST_TLS11:
    case LIST_TLS12:
        spec.version = survey_list_version(t);
        spec.suites = values;
        until = PROBE_UNTIL_HELLO;
        break;
    case LIST_TLS13:
        spec.version = 0x0304;
        spec.only_version = true;
        spec.suites = values;
        until = PROBE_UNTIL_HELLO;
        break;
    case LIST_GROUPS13:
        spec.version = 0x0304;
        spec.only_version = true;
        spec.suites = survey_suites_by_auth(TLS_AUTH_TLS13, true, room);
        spec.groups = values;
        spec.no_shares = true;
        until = PROBE_UNTIL_HELLO;
        break;
    case LIST_GROUPS12:
        spec.suites = survey_suites_by_auth(TLS_AUTH_NONE, false, room);
        spec.groups = beside_curve(s, values, beside);
        break;
    case LIST_RSA12:
        spec.suites = survey_suites_by_auth(TLS_AUTH_RSA, false, room);
        spec.signatures = values;
        break;
    case LIST_ECDSA12:
        spec.suites = survey_suites_by_auth(TLS_AUTH_ECDSA, false, room);
        spec.signatures = values;
        break;
    case LIST_SIGNATURES13:
        spec.version = 0x0304;
        spec.only_version = true;
        spec.suites = survey_suites_by_auth(TLS_AUTH_TLS13, true, room);
        spec.signatures = values;
        break;
    case LIST_ALPN:
        spec.version = 0x0304;
        spec.suites = survey_suites_by_auth(TLS_AUTH_NONE, true, room);
        spec.alpn = values.p;
        spec.n_alpn = values.n;
        break;
    case N_LISTS:
        break;
    }
    survey_write(s, &spec, wire);
    return until;
}

static bool is_refused(const struct survey *s, enum list_topic t)
{
    return s->lists[t].is_over && s->lists[t].first_choice == NO_CHOICE;
}

/* TLS 1.2 has shown roughly what there is: older versions need not find it out again. */
static bool is_sorted_out(const struct survey *s)
{
    const struct enumerator *e = &s->lists[LIST_TLS12];
    return e->is_over || e->n_waves > 0;
}

/* What TLS 1.2 does not accept older versions hardly do. */
static void take_hint(struct survey *s, enum list_topic t)
{
    const struct enumerator *known = &s->lists[LIST_TLS12];
    uint16_t missing[ENUM_ITEMS_MAX];
    size_t n = 0;
    bool has_hint = (t == LIST_TLS10 || t == LIST_TLS11) && known->first_choice >= 0;
    if (!has_hint || s->options.polite || s->lists[t].n_made > 0) {
        return;
    }
    for (size_t i = 0; i < known->n; i++) {
        if (known->state[i] == ENUM_REJECTED) {
            missing[n++] = known->value[i];
        }
    }
    enumerator_doubt(&s->lists[t], missing, n);
}

/* Is the list worth asking for: is what it rests on there? */
static bool is_wanted(const struct survey *s, enum list_topic t, bool *never)
{
    bool no13 = is_refused(s, LIST_TLS13);
    bool no12 = is_refused(s, LIST_TLS12) && is_refused(s, LIST_TLS11) && is_refused(s, LIST_TLS10);
    bool no12_itself = is_refused(s, LIST_TLS12);
    *never = ((t == LIST_GROUPS13 || t == LIST_SIGNATURES13) && no13) ||
             (t == LIST_GROUPS12 && no12) ||
             ((t == LIST_RSA12 || t == LIST_ECDSA12) && no12_itself);
    if ((t == LIST_TLS10 || t == LIST_TLS11) && !s->options.polite && !is_sorted_out(s)) {
        return false;
    }
    return !*never &&
           !(s->options.polite && !s->is_generous && s->lists[t].n_made >= polite_share[t]);
}

/* The curve of the ECDSA certificates, where the server has no others; 0: it has, or none is known.
 */
static uint16_t only_curve(const struct survey_facts *f)
{
    static const struct {
        const char *key;
        uint16_t group;
    } curves[] = { { "EC P-256", 0x0017 }, { "EC P-384", 0x0018 }, { "EC P-521", 0x0019 } };
    uint16_t found = 0;
    for (size_t i = 0; i < f->n_chains; i++) {
        uint16_t group = 0;
        for (size_t k = 0; k < ARRAY_LEN(curves); k++) {
            group = strcmp(f->chains[i].key_type, curves[k].key) == 0 ? curves[k].group : group;
        }
        if (group == 0 || (found != 0 && found != group)) {
            return 0;
        }
        found = group;
    }
    return found;
}

/* The groups of TLS 1.2 were asked for before it was known that a curve must stand beside them. */
static void reconsider_groups12(struct survey *s)
{
    const struct enumerator *e = &s->lists[LIST_GROUPS12];
    bool is_known = s->singles[SINGLE_CERT_RSA].is_done && s->singles[SINGLE_CERT_ECDSA].is_done;
    if (s->curve12 != 0 || !e->is_over || e->n_made == 0 || !is_known) {
        return;
    }
    s->curve12 = only_curve(&s->facts);
    if (s->curve12 != 0) {
        survey_candidates_again(s, LIST_GROUPS12);
    }
}

bool survey_next_of_list(struct survey *s, enum list_topic t, struct probe_question *q)
{
    struct enumerator *e = &s->lists[t];
    if (t == LIST_GROUPS12) {
        reconsider_groups12(s);
    }
    uint16_t values[ENUM_ITEMS_MAX];
    unsigned offer = 0;
    size_t n = 0;
    bool never = false;
    e->budget = s->budget;
    int64_t trip_ns = s->lane == NULL ? 0 : probe_lane_facts(s->lane)->connect_ns;
    e->is_eager = !s->options.polite && t != LIST_SSL30 && (trip_ns == 0 || trip_ns > NEAR_NS);
    if (e->is_over || !is_wanted(s, t, &never)) {
        if (never && !e->is_over && e->n_open == 0) {
            enumerator_reject_all(e);
        }
        return false;
    }
    take_hint(s, t);
    if (!enumerator_next(e, &offer, values, &n)) {
        return false;
    }
    s->budget--;
    q->until = ask(s, t, (struct tls_u16_list){ values, n }, &q->wire);
    if (t == LIST_SIGNATURES13 || t == LIST_ALPN) {
        q->shares = s->shares;
        q->n_shares = s->n_shares;
    }
    q->id = (uint64_t)t << 32 | offer;
    return true;
}

/* --- answers --- */

static int32_t chosen_suite(const struct probe_flight *f, uint16_t version)
{
    uint16_t got = f->hello.is_retry ? 0x0304 : tls_is_tls13(f->version) ? 0x0304 : f->version;
    return got == version ? f->hello.cipher_suite : NO_CHOICE;
}

static int32_t chosen_group12(const struct probe_flight *f)
{
    struct tls_server_key_exchange ske = { 0 };
    struct fault fault = { 0 };
    if (f->server_key_exchange.p == NULL) {
        return NO_CHOICE; /* a suite without an exchange on a curve */
    }
    (void)tls_server_key_exchange_parse(f->server_key_exchange, f->version, f->hello.cipher_suite,
                                        &ske, &fault);
    return ske.group != 0 ? ske.group : NO_CHOICE;
}

static int32_t chosen_signature12(const struct probe_flight *f)
{
    struct tls_server_key_exchange ske = { 0 };
    struct fault fault = { 0 };
    if (f->version != 0x0303 || f->server_key_exchange.p == NULL) {
        return NO_CHOICE;
    }
    (void)tls_server_key_exchange_parse(f->server_key_exchange, f->version, f->hello.cipher_suite,
                                        &ske, &fault);
    return ske.signature_algorithm != 0 ? ske.signature_algorithm : NO_CHOICE;
}

static int32_t chosen_signature13(const struct probe_flight *f)
{
    struct tls_certificate_verify verify = { 0 };
    struct fault fault = { 0 };
    if (f->certificate_verify.p == NULL ||
        !tls_certificate_verify_parse(f->certificate_verify, 0x0304, &verify, &fault)) {
        return NOT_KNOWN;
    }
    return verify.signature_algorithm;
}

static int32_t chosen_alpn(const struct probe_flight *f)
{
    struct tls_extensions encrypted;
    struct fault fault = { 0 };
    struct bytes list = f->hello.ext.alpn;
    struct bytes name;
    if (f->encrypted_extensions.p != NULL &&
        tls_encrypted_extensions_parse(f->encrypted_extensions, &encrypted, &fault)) {
        list = encrypted.alpn;
    } else if (tls_is_tls13(f->version)) {
        return NOT_KNOWN;
    }
    if (!tls_alpn_next(&list, &name)) {
        return NO_CHOICE;
    }
    for (uint16_t i = 0; i < survey_n_alpn(); i++) {
        if (bytes_equal(name, bytes_of_str(survey_alpn_name(i)))) {
            return i;
        }
    }
    return NOT_KNOWN;
}

static int32_t chosen(enum list_topic t, const struct probe_flight *f)
{
    switch (t) {
    case LIST_SSL30:
    case LIST_TLS10:
    case LIST_TLS11:
    case LIST_TLS12:
    case LIST_TLS13:
        return chosen_suite(f, survey_list_version(t));
    case LIST_GROUPS13:
        return f->hello.is_retry && f->hello.ext.key_share.len == 2
                   ? load_be16(f->hello.ext.key_share.p)
                   : NO_CHOICE;
    case LIST_GROUPS12:
        return chosen_group12(f);
    case LIST_RSA12:
    case LIST_ECDSA12:
        return chosen_signature12(f);
    case LIST_SIGNATURES13:
        return chosen_signature13(f);
    case LIST_ALPN:
        return chosen_alpn(f);
    case N_LISTS:
        break;
    }
    return NOT_KNOWN;
}

static int32_t what_was_chosen(enum list_topic t, const struct probe_outcome *o)
{
    switch (o->end) {
    case PROBE_ANSWERED:
    case PROBE_RETRY:
        return o->flight->hello_fault.kind != FAULT_NONE ? NOT_KNOWN : chosen(t, o->flight);
    case PROBE_ALERT:
        return o->flight->has_hello ? chosen(t, o->flight) : NO_CHOICE;
    case PROBE_CLOSED:
    case PROBE_RESET:
        return o->is_uncertain ? NOT_KNOWN : NO_CHOICE;
    case PROBE_SILENT:
    case PROBE_NOT_TLS:
    case PROBE_TOO_MUCH:
    case PROBE_NO_DIALOGUE:
    case PROBE_NOT_REACHED:
    case PROBE_BROKEN:
        return NOT_KNOWN;
    }
    return NOT_KNOWN;
}

/* The version itself is refused, or another one was chosen. */
static bool is_other_version(enum list_topic t, const struct probe_outcome *o)
{
    uint16_t version = survey_list_version(t);
    const struct probe_flight *f = o->flight;
    if (version == 0) {
        return false;
    }
    if (o->end == PROBE_ALERT && !f->has_hello) {
        return f->alert == TLS_ALERT_PROTOCOL_VERSION;
    }
    return (o->end == PROBE_ANSWERED || o->end == PROBE_RETRY) && chosen_suite(f, version) < 0;
}

/* RFC 7366 section 2: to be seen with block ciphers only. */
static void note_encrypt_then_mac(struct survey *s, const struct probe_flight *f)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(f->hello.cipher_suite);
    if (suite != NULL && suite->mode == TLS_MODE_CBC && f->version > 0x0300) {
        s->facts.encrypt_then_mac =
            tls_has(&f->hello.ext, TLS_EXT_ENCRYPT_THEN_MAC) ? SURVEY_YES : SURVEY_NO;
    }
}

void survey_answer_of_list(struct survey *s, enum list_topic t, unsigned offer,
                           const struct probe_outcome *o)
{
    struct enumerator *e = &s->lists[t];
    int32_t choice = what_was_chosen(t, o);
    if (t == LIST_GROUPS12 && choice > 0 && choice == s->curve12 &&
        !enumerator_offered(e, offer, s->curve12)) {
        choice = NO_CHOICE; /* the curve beside them: of those asked for none is ever chosen */
    }
    if (choice >= 0 && survey_list_version(t) != 0 && survey_list_version(t) < 0x0304) {
        note_encrypt_then_mac(s, o->flight);
    }
    enumerator_answer(e, offer, choice);
    if (choice == NO_CHOICE && is_other_version(t, o) && e->first_choice < 0) {
        e->first_choice = NO_CHOICE;
        enumerator_reject_all(e);
    }
}

static void collect(const struct enumerator *e, struct survey_list *out)
{
    size_t found[ENUM_ITEMS_MAX];
    size_t n = enumerator_accepted(e, found);
    *out =
        (struct survey_list){ .n_candidates = e->n, .n_offers = e->n_made, .n_waves = e->n_waves };
    for (size_t i = 0; i < n && i < SURVEY_LIST_MAX; i++) {
        out->accepted[out->n_accepted++] = e->value[found[i]];
    }
    for (size_t i = 0; i < e->n && i < SURVEY_LIST_MAX; i++) {
        if (e->state[i] == ENUM_UNCERTAIN) {
            out->uncertain[out->n_uncertain++] = e->value[i];
        } else if (e->state[i] == ENUM_UNKNOWN) {
            out->not_asked[out->n_not_asked++] = e->value[i];
        }
    }
    out->order = e->policy == ENUM_POLICY_SERVER   ? SURVEY_ORDER_SERVER
                 : e->policy == ENUM_POLICY_CLIENT ? SURVEY_ORDER_CLIENT
                                                   : SURVEY_ORDER_UNKNOWN;
    if (out->n_accepted < 2) {
        out->order = SURVEY_ORDER_UNKNOWN;
    }
}

void survey_collect_lists(struct survey *s)
{
    struct survey_facts *f = &s->facts;
    for (unsigned t = LIST_SSL30; t <= LIST_TLS13; t++) {
        struct survey_version *v = survey_version_of(f, survey_list_version((enum list_topic)t));
        collect(&s->lists[t], &v->suites);
        v->answer = v->suites.n_accepted > 0                 ? SURVEY_YES
                    : v->suites.n_uncertain > 0              ? SURVEY_UNCERTAIN
                    : v->suites.n_not_asked == s->lists[t].n ? SURVEY_NOT_ASKED
                                                             : SURVEY_NO;
    }
    collect(&s->lists[LIST_GROUPS13], &f->groups13);
    collect(&s->lists[LIST_GROUPS12], &f->groups12);
    collect(&s->lists[LIST_SIGNATURES13], &f->signatures13);
    collect(&s->lists[LIST_ALPN], &f->alpn);
    collect(&s->lists[LIST_RSA12], &f->signatures12);
    struct survey_list ecdsa;
    collect(&s->lists[LIST_ECDSA12], &ecdsa);
    for (size_t i = 0; i < ecdsa.n_accepted; i++) {
        f->signatures12.accepted[f->signatures12.n_accepted++] = ecdsa.accepted[i];
    }
}
