/* The questions of a survey that stand alone. */
#include "diagnose/judge.h"
#include "probe/survey_internal.h"
#include "probe/trace.h"
#include "tls/message.h"

enum { MIDDLE_BYTES = 384, SMALL_FRAGMENT = 64, SEGMENT_AT = 40, SEGMENT_GAP_MS = 3 };

static const uint32_t sslv2_kinds[] = { 0x010080, 0x020080, 0x030080, 0x040080, 0x050080,
                                        0x060040, 0x0700c0, 0x080080, 0x060140, 0x0701c0 };

/* What clients of today offer: a mix of OpenSSL 3, Firefox and curl. */
static const uint16_t usual_suites[] = { 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c,
                                         0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0xc009,
                                         0xc00a, 0x009c, 0x009d, 0x002f, 0x0035 };
static const uint16_t usual_groups[] = { 0x001d, 0x0017, 0x0018, 0x0019 };
static const uint16_t large_groups[] = { 0x11ec, 0x001d, 0x0017, 0x0018, 0x0019, 0x001e };
static const uint16_t usual_signatures[] = { 0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805,
                                             0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201 };
static const uint16_t rsa_signatures[] = { 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b,
                                           0x0401, 0x0501, 0x0601, 0x0301, 0x0201 };
static const uint16_t ecdsa_signatures[] = { 0x0403, 0x0503, 0x0603, 0x0303, 0x0203 };
static const uint16_t eddsa_signatures[] = { 0x0807, 0x0808 };
static const uint16_t dss_signatures[] = { 0x0402, 0x0302, 0x0202 };
static const char *const usual_alpn[] = { "h2", "http/1.1" };

#define LIST(array) ((struct tls_u16_list){ (array), ARRAY_LEN(array) })

static bool is_alive(const struct survey *s, enum list_topic t)
{
    return s->lists[t].first_choice >= 0;
}

static bool is_refused(const struct survey *s, enum list_topic t)
{
    return s->lists[t].is_over && s->lists[t].first_choice == -1;
}

static bool has_up_to_12(const struct survey *s)
{
    return is_alive(s, LIST_TLS12) || is_alive(s, LIST_TLS11) || is_alive(s, LIST_TLS10);
}

static bool no_up_to_12(const struct survey *s)
{
    return is_refused(s, LIST_TLS12) && is_refused(s, LIST_TLS11) && is_refused(s, LIST_TLS10);
}

/* --- handshakes by OpenSSL --- */

static bool is_finish(enum single_topic t)
{
    return t >= SINGLE_FINISH13 && t <= SINGLE_RESUME12_ID;
}

static bool is_resumption(enum single_topic t)
{
    return t >= SINGLE_RESUME13 && t <= SINGLE_RESUME12_ID;
}

static void shape_finish(struct survey *s, enum single_topic t, struct probe_question *q)
{
    unsigned i = t - SINGLE_FINISH13;
    unsigned kind = i % (FINISHES / 2); /* 1.3, 1.2 by ticket, 1.2 by id */
    s->finish[i] = (struct probe_finish){
        .min_version = kind == 0 ? 0x0304 : 0x0301,
        .max_version = kind == 0 ? 0x0304 : 0x0303,
        .server_name = s->facts.server_name,
        .cert_path = s->options.cert_path,
        .key_path = s->options.key_path,
        .no_tickets = kind == 2,
        .session = is_resumption(t) ? s->session[kind] : NULL,
        .early_data = t == SINGLE_RESUME13,
    };
    q->finish = &s->finish[i];
}

/* Is the question worth asking, later (`*wait`) or never? */
static bool is_wanted(const struct survey *s, enum single_topic t, bool *wait)
{
    unsigned kind = is_finish(t) ? (t - SINGLE_FINISH13) % (FINISHES / 2) : 0;
    *wait = false;
    if (is_resumption(t)) {
        *wait = !s->singles[SINGLE_FINISH13 + kind].is_done;
        return s->session[kind] != NULL;
    }
    if (t == SINGLE_FINISH13) {
        return !is_refused(s, LIST_TLS13);
    }
    if ((t == SINGLE_FINISH12 || t == SINGLE_FINISH12_ID) && !s->options.polite) {
        return !no_up_to_12(s); /* resumption waits for these: at once */
    }
    if (t == SINGLE_FINISH12 || t == SINGLE_FINISH12_ID || t == SINGLE_DHE ||
        t == SINGLE_EXTRAS12 || t == SINGLE_COMPRESSION || t == SINGLE_CERT_DSS ||
        t == SINGLE_TOLERANCE_FIRST + TOLERATES_LATER_VERSION ||
        t == SINGLE_TOLERANCE_FIRST + TOLERATES_MIDDLE_SIZE ||
        t == SINGLE_TOLERANCE_FIRST + TOLERATES_NO_EXTENSIONS) {
        *wait = !has_up_to_12(s) && !no_up_to_12(s);
        return has_up_to_12(s);
    }
    if (t == SINGLE_FALLBACK) {
        *wait = !(is_alive(s, LIST_TLS13) || is_alive(s, LIST_TLS12) ||
                  (is_refused(s, LIST_TLS13) && is_refused(s, LIST_TLS12)));
        return is_alive(s, LIST_TLS12) || is_alive(s, LIST_TLS13);
    }
    if (t >= SINGLE_NAME_FIRST && t < SINGLE_NAME_FIRST + SURVEY_N_NAMES) {
        enum survey_name name = (enum survey_name)(t - SINGLE_NAME_FIRST);
        return s->facts.server_name[0] != '\0' || name == NAME_NONE || name == NAME_ADDRESS ||
               name == NAME_WRONG;
    }
    return true;
}

static const char *name_of(struct survey *s, enum survey_name n)
{
    switch (n) {
    case NAME_RIGHT:
        return s->facts.server_name;
    case NAME_NONE:
        return "";
    case NAME_WRONG:
        return "handfast-other-name.invalid";
    case NAME_ADDRESS:
        return s->address_text;
    case NAME_DOT:
        return s->dot_name;
    case NAME_CASE:
        return s->case_name;
    case SURVEY_N_NAMES:
        break;
    }
    return "";
}

static void shape_tolerance(enum survey_tolerance t, struct hello_spec *spec, uint16_t *room,
                            struct probe_question *q)
{
    switch (t) {
    case TOLERATES_GREASE:
        spec->has_grease = true;
        break;
    case TOLERATES_POST_QUANTUM:
        spec->has_large_share = true;
        spec->groups = LIST(large_groups);
        break;
    case TOLERATES_MIDDLE_SIZE:
        spec->version = 0x0303;
        spec->suites = (struct tls_u16_list){ usual_suites + 3, ARRAY_LEN(usual_suites) - 3 };
        spec->pad_to = MIDDLE_BYTES;
        break;
    case TOLERATES_MANY_SUITES: {
        struct tls_u16_list all = survey_all_suites(room + 8);
        size_t n = 0;
        for (; n < 3; n++) {
            room[n] = usual_suites[n];
        }
        for (size_t i = 0; i < all.n; i++) {
            room[n++] = all.p[i];
        }
        spec->suites = (struct tls_u16_list){ room, n };
        break;
    }
    case TOLERATES_SEGMENTS:
        q->segment_at = SEGMENT_AT;
        q->gap_ms = SEGMENT_GAP_MS;
        break;
    case TOLERATES_RECORDS:
        spec->fragment = SMALL_FRAGMENT;
        break;
    case TOLERATES_LATER_VERSION:
        spec->version = 0x0303;
        spec->legacy_version = 0x0305;
        break;
    case TOLERATES_UNKNOWN_VERSION:
        spec->has_unknown_version = true;
        break;
    case TOLERATES_UNKNOWN_EXTENSION:
        spec->has_unknown_extension = true;
        break;
    case TOLERATES_NO_EXTENSIONS:
        spec->version = 0x0303;
        spec->is_bare = true;
        break;
    case TOLERATES_RECORD_VERSION:
        spec->record_version = 0x0303;
        break;
    case SURVEY_N_TOLERANCES:
        break;
    }
}

static void shape_certificate(enum single_topic t, struct hello_spec *spec, uint16_t *room)
{
    spec->wants_staple = true;
    if (t == SINGLE_CERT_RSA) {
        spec->suites = survey_suites_by_auth(TLS_AUTH_RSA, true, room);
        spec->signatures = LIST(rsa_signatures);
    } else if (t == SINGLE_CERT_ECDSA) {
        spec->suites = survey_suites_by_auth(TLS_AUTH_ECDSA, true, room);
        spec->signatures = LIST(ecdsa_signatures);
    } else if (t == SINGLE_CERT_EDDSA) {
        spec->suites = survey_suites_by_auth(TLS_AUTH_ECDSA, true, room);
        spec->signatures = LIST(eddsa_signatures);
    } else {
        spec->version = 0x0303;
        spec->suites = survey_suites_by_auth(TLS_AUTH_DSS, false, room);
        spec->signatures = LIST(dss_signatures);
    }
}

static void shape(struct survey *s, enum single_topic t, struct hello_spec *spec, uint16_t *room,
                  struct probe_question *q)
{
    if (t == SINGLE_NORMAL) {
        bool own = s->options.alpn != NULL;
        spec->alpn_words = own ? s->options.alpn : usual_alpn;
        spec->n_alpn = own ? s->options.n_alpn : ARRAY_LEN(usual_alpn);
        spec->wants_staple = true;
        spec->signatures = LIST(usual_signatures);
        spec->groups = LIST(usual_groups);
    } else if (t < SINGLE_CERT_RSA) {
        spec->name = name_of(s, (enum survey_name)(t - SINGLE_NAME_FIRST));
        spec->suites = survey_suites_by_auth(TLS_AUTH_NONE, true, room);
        spec->wants_staple = t == SINGLE_NAME_FIRST + (int)NAME_RIGHT;
    } else if (t <= SINGLE_CERT_DSS) {
        shape_certificate(t, spec, room);
    } else if (t == SINGLE_DHE) {
        spec->version = 0x0303;
        spec->suites = survey_dhe_suites(room);
        spec->groups = (struct tls_u16_list){ usual_groups, 3 }; /* no ffdhe: the server's own */
    } else if (t >= SINGLE_TOLERANCE_FIRST) {
        shape_tolerance((enum survey_tolerance)(t - SINGLE_TOLERANCE_FIRST), spec, room, q);
    } else {
        spec->version = t == SINGLE_FALLBACK ? 0x0302 : 0x0303;
        spec->suites = survey_suites_by_auth(TLS_AUTH_NONE, false, room);
        spec->offers_scsv = t == SINGLE_FALLBACK;
        spec->offers_compression = t == SINGLE_COMPRESSION;
        spec->wants_staple = t == SINGLE_EXTRAS12;
    }
}

static bool needs_flight(enum single_topic t)
{
    return t == SINGLE_NORMAL || t <= SINGLE_EXTRAS12;
}

bool survey_next_single(struct survey *s, enum single_topic t, struct probe_question *q)
{
    struct single_state *state = &s->singles[t];
    uint16_t room[2 * SUITES_MAX];
    bool wait = false;
    if (state->is_asked || state->is_done) {
        return false;
    }
    if (!is_wanted(s, t, &wait)) {
        state->is_done = !wait;
        return false;
    }
    state->is_asked = state->is_open = true;
    q->id = (uint64_t)(N_LISTS + t) << 32;
    s->budget--;
    if (is_finish(t)) {
        shape_finish(s, t, q);
        return true;
    }
    if (t == SINGLE_SSL20) {
        tls_hello_write_sslv2(0x0002, sslv2_kinds, ARRAY_LEN(sslv2_kinds), bytes_of(s->random, 16),
                              &q->wire);
        return true;
    }
    struct hello_spec spec = { .version = 0x0304,
                               .suites = LIST(usual_suites),
                               .groups = survey_all_groups(),
                               .signatures = survey_all_signatures(),
                               .name = s->facts.server_name };
    shape(s, t, &spec, room, q);
    survey_write(s, &spec, &q->wire);
    q->until = needs_flight(t) ? PROBE_UNTIL_FLIGHT : PROBE_UNTIL_HELLO;
    q->shares = s->shares;
    q->n_shares = s->n_shares;
    return true;
}

/* --- answers --- */

static bool shook(const struct probe_outcome *o)
{
    return o->end == PROBE_ANSWERED || o->end == PROBE_RETRY;
}

/* YES, NO where the server said so or ended it, else UNCERTAIN. */
static enum survey_answer answer_of(const struct probe_outcome *o)
{
    switch (o->end) {
    case PROBE_ANSWERED:
    case PROBE_RETRY:
        return SURVEY_YES;
    case PROBE_ALERT:
        return SURVEY_NO;
    case PROBE_CLOSED:
    case PROBE_RESET:
    case PROBE_SILENT:
        return o->is_uncertain ? SURVEY_UNCERTAIN : SURVEY_NO;
    case PROBE_NOT_TLS:
    case PROBE_TOO_MUCH:
    case PROBE_NO_DIALOGUE:
    case PROBE_NOT_REACHED:
    case PROBE_BROKEN:
        return SURVEY_UNCERTAIN;
    }
    return SURVEY_UNCERTAIN;
}

static void take_normal(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    const struct x509_chain *taken[2] = { NULL, NULL };
    const struct transcript *t = trace_transcript(o->trace, probe_engine_epoch_ns(s->engine),
                                                  &s->arena, s->options.store, taken);
    for (int i = 0; i < 2; i++) {
        if (taken[i] != NULL) {
            s->taken[s->n_taken++] = taken[i];
        }
    }
    struct judgements *judged = arena_alloc(&s->arena, sizeof *judged);
    if (t == NULL || judged == NULL || judge(s->options.store, t, judged, NULL) != ST_OK) {
        return;
    }
    struct diagnose_context context = { .trust_is_given = s->options.trust_is_given };
    for (int side = 0; side < 2; side++) {
        context.judgement[side] = judged->is_judged[side] ? &judged->of[side] : NULL;
    }
    diagnose(t, &context, &s->arena, &f->verdict);
    f->normal = t;
    f->has_verdict = true;
}

static void take_finish(struct survey *s, enum single_topic t, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    struct probe_finish *p = &s->finish[t - SINGLE_FINISH13];
    unsigned kind = (t - SINGLE_FINISH13) % (FINISHES / 2);
    enum survey_answer resumed = !shook(o)       ? SURVEY_UNCERTAIN
                                 : p->is_resumed ? SURVEY_YES
                                                 : SURVEY_NO;
    enum survey_answer *const resumes[] = { &f->resumes13, &f->resumes_ticket12, &f->resumes_id12 };
    if (is_resumption(t)) {
        *resumes[kind] = resumed;
        if (t == SINGLE_RESUME13 && p->early_data_written) {
            /* A ticket is good once: asked again, a refusal tells nothing (RFC 8446 section 8.1).
             */
            f->early_data = p->early_data_accepted             ? SURVEY_YES
                            : o->n_tries > 1 || !p->is_resumed ? SURVEY_UNCERTAIN
                                                               : SURVEY_NO;
        }
        return;
    }
    if (p->is_asked || f->asks_certificate == SURVEY_YES) {
        /* Some close without an alert; where OpenSSL gave up by itself, `why` says so. */
        bool refused = p->has_alert || (!p->is_done && (!shook(o) || p->why[0] == '\0'));
        enum survey_answer required = refused           ? SURVEY_YES
                                      : p->is_confirmed ? SURVEY_NO
                                                        : SURVEY_UNCERTAIN;
        if (s->options.cert_path != NULL) {
            f->certificate_accepted = refused ? SURVEY_NO : SURVEY_YES;
        } else if (f->requires_certificate != SURVEY_YES &&
                   (required != SURVEY_UNCERTAIN || f->requires_certificate == SURVEY_NOT_ASKED)) {
            f->requires_certificate = required;
        }
    }
    if (!p->is_done) {
        return;
    }
    bool has_session = p->new_session != NULL && (kind != 1 || p->has_ticket);
    *resumes[kind] = has_session ? SURVEY_UNCERTAIN : SURVEY_NO; /* until it was tried */
    if (kind == 0 && p->n_tickets > 0) {
        f->ticket_lifetime13_s = p->ticket_lifetime_s;
        f->early_data = p->max_early_data > 0 ? SURVEY_UNCERTAIN : SURVEY_NO;
    } else if (kind == 1) {
        f->ticket_lifetime12_s = p->has_ticket ? p->ticket_lifetime_s : 0;
    }
    if (has_session && (kind != 2 || p->has_session_id)) {
        s->session[kind] = p->new_session;
        p->new_session = NULL;
    }
}

static void take_name(struct survey *s, enum survey_name n, const struct probe_outcome *o)
{
    struct survey_sni *sni = &s->facts.sni[n];
    *sni = (struct survey_sni){ .answer = answer_of(o),
                                .chain = survey_note_chain(s, o),
                                .alert = o->flight->alert,
                                .has_alert = o->flight->has_alert,
                                .end = o->end };
    if (sni->chain >= 0) {
        s->facts.chains[sni->chain].seen_with |= 1U << n;
    }
}

static void take_dhe(struct survey *s, const struct probe_outcome *o)
{
    struct tls_server_key_exchange ske = { 0 };
    struct fault fault = { 0 };
    if (o->flight->server_key_exchange.p != NULL) {
        (void)tls_server_key_exchange_parse(o->flight->server_key_exchange, o->flight->version,
                                            o->flight->hello.cipher_suite, &ske, &fault);
        s->facts.dh_bits = ske.dh_bits;
        s->facts.dh_group = ske.group;
    }
}

static enum survey_answer echoed(const struct probe_outcome *o, uint16_t extension)
{
    return !shook(o)                                   ? SURVEY_UNCERTAIN
           : tls_has(&o->flight->hello.ext, extension) ? SURVEY_YES
                                                       : SURVEY_NO;
}

static void take_extras(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    const struct tls_cipher_suite *suite = tls_cipher_suite(o->flight->hello.cipher_suite);
    f->ems = echoed(o, TLS_EXT_EXTENDED_MASTER_SECRET);
    f->renegotiation_info = echoed(o, TLS_EXT_RENEGOTIATION_INFO);
    f->tickets12 = echoed(o, TLS_EXT_SESSION_TICKET);
    if (suite != NULL &&
        suite->mode == TLS_MODE_CBC) { /* RFC 7366 section 2: of no use elsewhere */
        f->encrypt_then_mac = echoed(o, TLS_EXT_ENCRYPT_THEN_MAC);
    }
}

static void take_sslv2(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    struct survey_version *v = survey_version_of(f, 0x0002);
    v->answer = o->flight->sslv2_hello.p != NULL   ? SURVEY_YES
                : answer_of(o) == SURVEY_UNCERTAIN ? SURVEY_UNCERTAIN
                                                   : SURVEY_NO;
    if (v->answer != SURVEY_YES) {
        return;
    }
    /* msg_type, session_id_hit, certificate_type, server_version, three lengths */
    struct fault fault = { 0 };
    struct reader r = rd_whole(o->flight->sslv2_hello, &fault);
    rd_bytes(&r, 5, "SERVER-HELLO");
    uint16_t certificate_len = rd_u16(&r, "certificate_length");
    uint16_t kinds_len = rd_u16(&r, "cipher_specs_length");
    rd_u16(&r, "connection_id_length");
    rd_bytes(&r, certificate_len, "certificate");
    for (unsigned i = 0; i + 3 <= kinds_len && f->n_sslv2_kinds < ARRAY_LEN(f->sslv2_kinds);
         i += 3) {
        uint32_t kind = rd_u24(&r, "cipher_specs");
        if (fault.kind == FAULT_NONE) {
            f->sslv2_kinds[f->n_sslv2_kinds++] = kind;
        }
    }
}

/* A HelloRetryRequest for a group without a share of ours: make one and ask once more. */
static bool asks_again(struct survey *s, enum single_topic t, const struct probe_outcome *o)
{
    struct single_state *state = &s->singles[t];
    struct bytes wanted = o->flight->hello.ext.key_share;
    if (o->end != PROBE_RETRY || !needs_flight(t) || state->was_retried || wanted.len != 2) {
        return false;
    }
    uint16_t group = load_be16(wanted.p);
    bool has = false;
    for (size_t i = 0; i < s->n_shares; i++) {
        has |= s->shares[i].group == group;
    }
    if (!has &&
        (s->n_shares == SHARES_MAX || !tls_key_share_init(&s->shares[s->n_shares], group))) {
        return false;
    }
    s->n_shares += has ? 0 : 1;
    state->was_retried = true;
    state->is_asked = false;
    return true;
}

void survey_answer_of_single(struct survey *s, enum single_topic t, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    struct single_state *state = &s->singles[t];
    state->is_open = false;
    if (asks_again(s, t, o)) {
        return;
    }
    state->is_done = true;
    survey_note_request(s, o);
    if (is_finish(t)) {
        take_finish(s, t, o);
    } else if (t == SINGLE_NORMAL) {
        take_normal(s, o);
        (void)survey_note_chain(s, o);
    } else if (t == SINGLE_SSL20) {
        take_sslv2(s, o);
    } else if (t < SINGLE_CERT_RSA) {
        take_name(s, (enum survey_name)(t - SINGLE_NAME_FIRST), o);
    } else if (t <= SINGLE_CERT_DSS) {
        (void)survey_note_chain(s, o);
    } else if (t == SINGLE_DHE) {
        take_dhe(s, o);
    } else if (t == SINGLE_EXTRAS12) {
        take_extras(s, o);
    } else if (t == SINGLE_FALLBACK) {
        bool said = o->end == PROBE_ALERT && o->flight->alert == TLS_ALERT_INAPPROPRIATE_FALLBACK;
        f->fallback_scsv = said ? SURVEY_YES : shook(o) ? SURVEY_NO : SURVEY_NOT_ASKED;
    } else if (t == SINGLE_COMPRESSION) {
        f->compression = !shook(o)                                  ? SURVEY_UNCERTAIN
                         : o->flight->hello.compression_method != 0 ? SURVEY_YES
                                                                    : SURVEY_NO;
    } else {
        f->tolerance[t - SINGLE_TOLERANCE_FIRST] = answer_of(o);
    }
}
