#include "base/clock.h"
#include "probe/survey_report.h"
#include "tls/names.h"

enum { WIDTH = 100, LABEL = 24, DAY_S = 86400, AUTHORITIES_SHOWN = 8 };

struct sheet {
    struct text *out;
    const struct survey_facts *f;
    bool use_colour;
    size_t width;
};

typedef const char *(*name_of)(uint16_t value);

static void ink(const struct sheet *p, const char *code)
{
    if (p->use_colour) {
        text_printf(p->out, "\x1b[%sm", code);
    }
}

static void inked(const struct sheet *p, const char *code, const char *words)
{
    ink(p, code);
    text_put_safe(p->out, bytes_of_str(words));
    ink(p, "0");
}

static void heading(const struct sheet *p, const char *words)
{
    text_putc(p->out, '\n');
    inked(p, "1", words);
    text_putc(p->out, '\n');
}

static void blanks(const struct sheet *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text_putc(p->out, ' ');
    }
}

/* Words wrapped at the width; the first line starts where the text stands, at column `at`, further
 * lines at `hang`. */
static void wrapped(const struct sheet *p, size_t at, size_t hang, const char *words)
{
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(words));
    struct bytes left = bytes_of(safe.p, safe.len);
    bool is_first = true;
    while (left.len > 0) {
        struct bytes word = bytes_next_word(&left);
        if (word.len == 0) {
            break;
        }
        if (!is_first && at + 1 + word.len > p->width) {
            text_putc(p->out, '\n');
            blanks(p, hang);
            at = hang;
        } else if (!is_first) {
            text_putc(p->out, ' ');
            at++;
        }
        text_put(p->out, (const char *)word.p, word.len);
        at += word.len;
        is_first = false;
    }
    text_putc(p->out, '\n');
    text_deinit(&safe);
}

static void line(const struct sheet *p, const char *label, const char *words)
{
    text_printf(p->out, "  %-*s", LABEL - 2, label);
    wrapped(p, LABEL, LABEL, words);
}

static const char *plainly(enum survey_answer a)
{
    switch (a) {
    case SURVEY_NOT_ASKED:
        return "not asked";
    case SURVEY_NO:
        return "no";
    case SURVEY_YES:
        return "yes";
    case SURVEY_UNCERTAIN:
        return "uncertain";
    }
    return "";
}

static void put_open_ends(const struct survey_list *l, struct text *words)
{
    if (l->n_uncertain > 0) {
        text_printf(words, " (%zu uncertain)", l->n_uncertain);
    }
    if (l->n_not_asked > 0) {
        text_printf(words, " (%zu not asked)", l->n_not_asked);
    }
}

static void list_line(const struct sheet *p, const char *label, const struct survey_list *l,
                      name_of name)
{
    struct text words = { 0 };
    if (l->n_candidates == 0 ||
        (l->n_accepted == 0 && l->n_uncertain == 0 && l->n_not_asked == 0)) {
        text_puts(&words, "none");
    }
    for (size_t i = 0; i < l->n_accepted; i++) {
        const char *known = name(l->accepted[i]);
        text_printf(&words, "%s%s", i == 0 ? "" : ", ", known == NULL ? "?" : known);
    }
    if (l->n_candidates > 0 && l->n_not_asked == l->n_candidates) {
        text_puts(&words, plainly(SURVEY_NOT_ASKED));
    } else {
        put_open_ends(l, &words);
    }
    line(p, label, text_str(&words));
    text_deinit(&words);
}

static void one_version(const struct sheet *p, const struct survey_version *v)
{
    struct text words = { 0 };
    const struct survey_list *l = &v->suites;
    text_puts(&words, plainly(v->answer));
    if (l->n_accepted > 0) {
        text_printf(&words, ", %zu suite%s", l->n_accepted, l->n_accepted == 1 ? "" : "s");
        text_puts(&words, l->order == SURVEY_ORDER_SERVER   ? ", the server's order"
                          : l->order == SURVEY_ORDER_CLIENT ? ", the client's order"
                                                            : "");
    }
    if (v->answer != SURVEY_NOT_ASKED) {
        put_open_ends(l, &words);
    }
    line(p, tls_version_name(v->version), text_str(&words));
    for (size_t i = 0; i < l->n_accepted; i++) {
        blanks(p, LABEL);
        bool is_weak = tls_cipher_suite_is_weak(l->accepted[i]);
        const char *name = tls_cipher_suite_name(l->accepted[i]);
        inked(p, is_weak ? "31" : "0", name == NULL ? "?" : name);
        text_puts(p->out, is_weak ? "  (weak)\n" : "\n");
    }
    text_deinit(&words);
}

static void versions(const struct sheet *p)
{
    heading(p, "Versions and cipher suites");
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        one_version(p, &p->f->versions[i]);
    }
    const struct survey_facts *f = p->f;
    heading(p, "Key exchange, signatures, ALPN");
    list_line(p, "groups, TLS 1.3", &f->groups13, tls_group_name);
    list_line(p, "groups, to TLS 1.2", &f->groups12, tls_group_name);
    if (f->dh_bits > 0) {
        struct text words = { 0 };
        text_printf(&words, "%u bits", f->dh_bits);
        line(p, "Diffie-Hellman", text_str(&words));
        text_deinit(&words);
    }
    list_line(p, "signatures, TLS 1.3", &f->signatures13, tls_signature_algorithm_name);
    list_line(p, "signatures, TLS 1.2", &f->signatures12, tls_signature_algorithm_name);
    list_line(p, "ALPN", &f->alpn, survey_alpn_name);
}

static void one_chain(const struct sheet *p, size_t i)
{
    const struct survey_chain *c = &p->f->chains[i];
    const struct x509_facts *leaf = x509_chain_facts(c->chain, 0);
    struct text words = { 0 };
    text_printf(&words, "%s, until ", leaf->subject);
    clock_put_date(&words, leaf->not_after_s);
    text_printf(&words, ", issued by %s, %zu sent%s",
                leaf->is_self_issued ? "itself" : leaf->issuer, x509_chain_n(c->chain),
                c->has_staple ? ", OCSP stapled" : "");
    char label[40];
    struct text head = { 0 };
    text_printf(&head, "%zu  %s", i + 1, c->key_type);
    (void)bytes_copy(label, sizeof label - 1, bytes_head(bytes_of(head.p, head.len), 30));
    label[head.len < 30 ? head.len : 30] = '\0';
    line(p, label, text_str(&words));
    for (size_t k = 0; c->is_judged && k < c->judgement.n_faults; k++) {
        text_clear(&words);
        text_printf(&words, "%s: %s", x509_fault_id(c->judgement.faults[k].kind),
                    c->judgement.faults[k].detail);
        blanks(p, LABEL);
        ink(p, "31");
        wrapped(p, LABEL, LABEL, text_str(&words));
        ink(p, "0");
    }
    if (c->is_judged && c->judgement.n_faults == 0) {
        blanks(p, LABEL);
        text_puts(p->out,
                  c->judgement.trust_is_known ? "valid\n" : "valid; trust was not judged\n");
    }
    text_deinit(&words);
    text_deinit(&head);
}

static void names(const struct sheet *p)
{
    static const char *const labels[] = { "the right name", "no name",        "another name",
                                          "the address",    "a trailing dot", "other case" };
    heading(p, "Server name (SNI)");
    for (size_t n = 0; n < SURVEY_N_NAMES; n++) {
        const struct survey_sni *sni = &p->f->sni[n];
        struct text words = { 0 };
        if (sni->chain >= 0) {
            text_printf(&words, "certificate %d", sni->chain + 1);
        } else if (sni->answer == SURVEY_YES) {
            text_puts(&words, "accepted");
        } else if (sni->answer == SURVEY_NO) {
            const char *alert = sni->has_alert ? tls_alert_name(sni->alert) : NULL;
            text_printf(&words, "refused: %s", alert != NULL ? alert : probe_end_name(sni->end));
        } else {
            text_puts(&words, plainly(sni->answer));
        }
        line(p, labels[n], text_str(&words));
        text_deinit(&words);
    }
}

static void certificates(const struct sheet *p)
{
    heading(p, "Certificates");
    for (size_t i = 0; i < p->f->n_chains; i++) {
        one_chain(p, i);
    }
    if (p->f->n_chains == 0) {
        line(p, "none", "");
    }
    names(p);
    const struct survey_facts *f = p->f;
    heading(p, "Client certificate");
    line(p, "asked for", plainly(f->asks_certificate));
    if (f->asks_certificate == SURVEY_YES) {
        if (f->certificate_accepted != SURVEY_NOT_ASKED) {
            line(p, "yours accepted", plainly(f->certificate_accepted));
        } else {
            line(p, "required", plainly(f->requires_certificate));
        }
        for (size_t i = 0; i < f->n_authorities && i < AUTHORITIES_SHOWN; i++) {
            line(p, i == 0 ? "CA names" : "", f->authorities[i]);
        }
        if (f->n_authorities_in_all > AUTHORITIES_SHOWN) {
            struct text words = { 0 };
            text_printf(&words, "and %zu more", f->n_authorities_in_all - AUTHORITIES_SHOWN);
            line(p, "", text_str(&words));
            text_deinit(&words);
        }
    }
}

static void with_lifetime(const struct sheet *p, const char *label, enum survey_answer a,
                          uint32_t lifetime_s)
{
    struct text words = { 0 };
    text_puts(&words, plainly(a));
    if (lifetime_s > 0) {
        text_printf(&words, ", tickets live %u s", lifetime_s);
    }
    line(p, label, text_str(&words));
    text_deinit(&words);
}

static void features(const struct sheet *p)
{
    const struct survey_facts *f = p->f;
    heading(p, "Sessions and extensions");
    with_lifetime(p, "resumes, TLS 1.3", f->resumes13, f->ticket_lifetime13_s);
    with_lifetime(p, "resumes by ticket", f->resumes_ticket12, f->ticket_lifetime12_s);
    line(p, "resumes by id", plainly(f->resumes_id12));
    line(p, "0-RTT", plainly(f->early_data));
    line(p, "OCSP stapling", plainly(f->staples));
    line(p, "extended master s.", plainly(f->ems));
    line(p, "encrypt-then-MAC", plainly(f->encrypt_then_mac));
    line(p, "secure renegotiation", plainly(f->renegotiation_info));
    line(p, "fallback SCSV", plainly(f->fallback_scsv));
    line(p, "compression", plainly(f->compression));
    heading(p, "Tolerance");
    struct text good = { 0 };
    for (unsigned t = 0; t < SURVEY_N_TOLERANCES; t++) {
        const char *what = survey_tolerance_summary((enum survey_tolerance)t);
        if (f->tolerance[t] == SURVEY_YES) {
            text_printf(&good, "%s%s", good.len == 0 ? "" : "; ", what);
        } else if (f->tolerance[t] != SURVEY_NOT_ASKED) {
            line(p, f->tolerance[t] == SURVEY_NO ? "refused" : "uncertain", what);
        }
    }
    line(p, "accepted", good.len == 0 ? "nothing" : text_str(&good));
    text_deinit(&good);
}

static void one_finding(const struct sheet *p, const struct survey_finding *x)
{
    static const char *const colours[] = { "36", "33", "33", "31" };
    const char *const settings[] = { x->nginx, x->apache, x->haproxy, x->java };
    static const char *const software[] = { "nginx", "Apache", "HAProxy", "Java" };
    text_puts(p->out, "  ");
    ink(p, colours[x->severity]);
    text_printf(p->out, "%-7s", survey_severity_id(x->severity));
    ink(p, "0");
    wrapped(p, 9, 9, x->sentence);
    if (x->fix != NULL) {
        text_puts(p->out, "         -> ");
        wrapped(p, 12, 12, x->fix);
    }
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (settings[i] != NULL) {
            text_printf(p->out, "            %-8s %s\n", software[i], settings[i]);
        }
    }
}

static void findings(const struct sheet *p)
{
    if (p->f->n_findings > 0) {
        heading(p, "Findings");
    }
    for (size_t i = 0; i < p->f->n_findings; i++) {
        one_finding(p, &p->f->findings[i]);
    }
}

static void title(const struct sheet *p)
{
    const struct survey_facts *f = p->f;
    struct text words = { 0 };
    text_printf(&words, "%s port %u, ", f->target->host, f->target->port);
    endpoint_put_host(&words, &f->address);
    if (f->target->starttls != DIAL_NO_STARTTLS) {
        text_printf(&words, ", STARTTLS in %s", dial_starttls_name(f->target->starttls));
    }
    if (f->server_name[0] != '\0' && strcmp(f->server_name, f->target->host) != 0) {
        text_printf(&words, ", as %s", f->server_name);
    }
    inked(p, "1", text_str(&words));
    text_putc(p->out, '\n');
    text_deinit(&words);
}

static void works(const struct sheet *p)
{
    const struct transcript *t = p->f->normal;
    struct text words = { 0 };
    text_puts(p->out, "  ");
    inked(p, "32", "WORKS");
    text_puts(p->out, "  ");
    text_puts(&words, "a usual client of today gets ");
    if (t != NULL && t->server_hello != NULL) {
        const char *suite = tls_cipher_suite_name(t->cipher_suite);
        text_printf(&words, "%s, %s", tls_version_name(t->version), suite == NULL ? "?" : suite);
        if (t->group != 0 && tls_group_name(t->group) != NULL) {
            text_printf(&words, ", %s", tls_group_name(t->group));
        }
    } else {
        text_puts(&words, "an answer");
    }
    wrapped(p, 9, 9, text_str(&words));
    text_deinit(&words);
}

static void outcome(const struct sheet *p, const struct report_style *style)
{
    const struct survey_facts *f = p->f;
    if (!f->is_reached) {
        text_puts(p->out, "  ");
        inked(p, "31", "NOT REACHED");
        text_puts(p->out, "  ");
        wrapped(p, 15, 15, f->why == NULL ? probe_end_name(f->first_end) : f->why);
        return;
    }
    if (f->has_verdict && (f->verdict.outcome == OUTCOME_FAILED || !f->speaks_tls)) {
        report_text(p->out, f->normal, &f->verdict, style);
        return;
    }
    if (f->speaks_tls) {
        works(p);
    } else {
        text_puts(p->out, "  ");
        inked(p, "31", "NO TLS");
        text_printf(p->out, "  %s\n", f->why == NULL ? probe_end_name(f->first_end) : f->why);
    }
}

static void effort(const struct sheet *p)
{
    const struct survey_facts *f = p->f;
    text_printf(p->out, "\n%u connections, at most %u at once, %lld ms%s%s\n",
                f->lane.n_connections, f->lane.n_most_open, (long long)(f->took_ns / NS_PER_MS),
                f->lane.is_gentle ? "; the server was treated gently: it refused or was slow" : "",
                f->is_given_up ? "; not everything could be asked" : "");
}

void survey_text(struct text *out, const struct survey_facts *f, const struct survey_style *style)
{
    struct sheet p = { .out = out,
                       .f = f,
                       .use_colour = style->report.use_colour,
                       .width = style->report.width == 0 ? WIDTH : style->report.width };
    title(&p);
    outcome(&p, &style->report);
    if (!f->speaks_tls) {
        return;
    }
    findings(&p);
    if (!style->is_brief) {
        versions(&p);
        certificates(&p);
        features(&p);
    }
    effort(&p);
}
