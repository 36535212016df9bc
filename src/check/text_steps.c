/* What to do, numbered: one step for each thing missing or wrong, the commands with their names in.
 */
#include "base/clock.h"
#include "check/engine.h"
#include "check/page.h"
#include "report/wrap.h"

struct steps {
    struct sheet *s;
    const struct check_item *item;
    size_t n;
};

/* A name from outside stands in a command only where no shell could read it otherwise. */
static bool is_plain(const char *word)
{
    for (const char *p = word; *p != '\0'; p++) {
        bool is_fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                       (*p >= '0' && *p <= '9') || strchr("._/-:", *p) != NULL;
        if (!is_fine) {
            return false;
        }
    }
    return word[0] != '\0' && word[0] != '-';
}

static void put(struct steps *t)
{
    if (t->n++ == 0) {
        sheet_heading(t->s, "To fix");
    }
    text_printf(t->s->out, "    %zu. ", t->n);
    struct wrap w = wrap_start(t->s->out, 7, 7, t->s->width);
    w.at_start = true;
    wrap_words(&w, bytes_of(text_str(&t->s->words), t->s->words.len));
    wrap_end(&w);
    text_clear(&t->s->words);
}

static const char *side(const struct check_item *item)
{
    return item->purpose == X509_FOR_CLIENT ? "client" : "server";
}

/* The same question, and a repair: what was named and `more`. */
static void put_repair(struct steps *t, const char *more, const char *effect)
{
    const struct check_result *r = t->s->r;
    if (t->item->source == CHECK_FILE && t->item->detail->fixed == NULL) {
        text_printf(&t->s->words, "`handfast check --fix repaired %s%s%s` %s", r->again_options,
                    r->again_inputs, more, effect);
        put(t);
    }
}

static void put_missing(struct steps *t, const struct check_missing *m)
{
    struct text *w = &t->s->words;
    const char *subject = m->subject[0] == '\0' ? "the issuer" : m->subject;
    if (m->belongs_to_trust) {
        text_printf(w, "Put the root \"%.200s\" into the trust store of whoever verifies", subject);
    } else {
        text_printf(w, "On the %s, send \"%.200s\" too, after the certificate that it issued",
                    side(t->item), subject);
    }
    if (m->found_in != NULL) {
        text_printf(w, "; it is in %.200s (SHA-256 %.16s...)", m->found_in, m->sha256_hex);
    } else if (m->url != NULL && !m->belongs_to_trust) {
        text_printf(w, "; the CA offers it at %.300s", m->url);
    } else if (m->key_id[0] != '\0') {
        text_printf(w, "; its key identifier is %.64s", m->key_id);
    }
    if (m->belongs_to_trust && t->item->detail->judgement.unseen_issuer != NULL) {
        text_printf(w, ". If it is an intermediate CA, send its certificate instead");
    }
    text_putc(w, '.');
    if (m->belongs_to_trust && m->found_in == NULL && m->sha256_hex[0] != '\0') {
        text_puts(w, " Make sure first that it is the right one, by its fingerprint.");
    }
    put(t);
    bool has_command = m->url != NULL && is_plain(m->url) && m->found_in == NULL &&
                       !m->belongs_to_trust && strncmp(m->url, "http", 4) == 0;
    if (has_command) {
        text_printf(w,
                    "`curl -sS %s | openssl x509 -inform DER >issuer.pem` fetches it (it may be "
                    "PKCS#7: `openssl pkcs7 -inform DER -print_certs`).",
                    m->url);
        put(t);
        put_repair(t, " issuer.pem", "puts it where it belongs, in a file of its own.");
    }
}

static void put_order(struct steps *t)
{
    const struct check_detail *d = t->item->detail;
    bool has_one = false, is_lacking = false;
    for (size_t i = 0; i < d->n_findings; i++) {
        enum check_finding_kind kind = d->findings[i].kind;
        has_one = has_one || kind == CHECK_FINDING_WRONG_ORDER || kind == CHECK_FINDING_UNRELATED ||
                  kind == CHECK_FINDING_DUPLICATE;
    }
    for (size_t i = 0; i < d->n_missing; i++) {
        bool is_found = d->missing[i].found_in != NULL;
        has_one = has_one || (is_found && !d->missing[i].belongs_to_trust);
        is_lacking = is_lacking || (!is_found && !d->missing[i].belongs_to_trust);
    }
    if (has_one && !is_lacking) {
        put_repair(t, "", "writes the chain as it should be.");
    }
}

static void put_dates(struct steps *t, const struct x509_fault *f)
{
    struct text *w = &t->s->words;
    bool has_expired = f->kind == X509_FAULT_EXPIRED;
    if (f->culprit == X509_CULPRIT_TRUST) {
        text_puts(w, has_expired ? "Replace the expired certificate in the trust store by its "
                                   "successor, and see that the chain leads there."
                                 : "Check the clock, and the trust store: one of its certificates "
                                   "is not valid yet.");
    } else if (has_expired && f->culprit == 0) {
        text_printf(w,
                    "Renew the certificate, install it on the %s with its intermediates, and "
                    "reload.",
                    side(t->item));
    } else if (has_expired) {
        text_puts(w, "Get the current intermediate from the CA and send it in place of the expired "
                     "one; where only that changed the leaf stays.");
    } else {
        text_puts(w, "Check the clock of whoever verifies (`timedatectl`): by that clock the "
                     "certificate is not valid yet. Otherwise wait, or install the one before.");
    }
    put(t);
}

static const char *name_to_connect_by(const struct x509_facts *leaf)
{
    for (size_t i = 0; i < leaf->n_names; i++) {
        if (strchr(leaf->names[i], '*') == NULL) {
            return leaf->names[i];
        }
    }
    return NULL;
}

static void put_names(struct steps *t)
{
    const struct check_detail *d = t->item->detail;
    struct text *w = &t->s->words;
    text_puts(w, "Have a certificate issued that names ");
    text_put_safe(w, bytes_head(bytes_of_str(t->item->host), 255));
    text_puts(w, " as subjectAltName");
    const char *held = name_to_connect_by(x509_chain_facts(d->certs, 0));
    if (held != NULL) {
        text_printf(w, ", or connect by a name that it holds (%.255s)", held);
    }
    text_puts(w, ".");
    put(t);
}

static const char *advice_for(enum x509_fault_kind kind)
{
    switch (kind) {
    case X509_FAULT_MALFORMED:
        return "Copy it again, whole, from where it came: it is cut short, damaged, or does not "
               "follow the rules of X.509 (RFC 5280). In the last case the CA has to issue it "
               "again.";
    case X509_FAULT_CHAIN_INVALID:
        return "Put the certificates that belong to the leaf in the place of the ones at fault: "
               "each has to be issued, by name, key and signature, by a CA certificate that may.";
    case X509_FAULT_CONSTRAINT:
        return "Have it issued by a CA whose constraints (names, policies, path length) allow it, "
               "or "
               "have the CA's certificate issued with others.";
    case X509_FAULT_REVOKED:
        return "Replace it: the CA has revoked it, usually because its key was lost or it was "
               "issued wrongly. Make a new key for the new one.";
    case X509_FAULT_REVOCATION_UNKNOWN:
        return "Get a current CRL or OCSP response for every certificate of the chain "
               "(`openssl ocsp`, or the CRL address in the certificate) and name it with --crl "
               "or --ocsp.";
    case X509_FAULT_WRONG_PURPOSE:
        return "Have one issued for this use (extendedKeyUsage serverAuth for servers, clientAuth "
               "for clients, and a fitting keyUsage); where it is a client's, ask with "
               "`--purpose client`.";
    case X509_FAULT_WEAK:
        return "Have it issued again with RSA of 2048 bits or more, or P-256, signed with SHA-256.";
    case X509_FAULT_CHAIN_INCOMPLETE:
    case X509_FAULT_SELF_SIGNED:
    case X509_FAULT_UNTRUSTED_CA:
    case X509_FAULT_EXPIRED:
    case X509_FAULT_NOT_YET_VALID:
    case X509_FAULT_HOSTNAME_MISMATCH:
    case X509_N_FAULTS:
        return NULL;
    }
    return NULL;
}

static void put_fault(struct steps *t, const struct x509_fault *f)
{
    if (f->kind == X509_FAULT_EXPIRED || f->kind == X509_FAULT_NOT_YET_VALID) {
        put_dates(t, f);
    } else if (f->kind == X509_FAULT_HOSTNAME_MISMATCH && t->item->host != NULL) {
        put_names(t);
    } else if (advice_for(f->kind) != NULL) {
        text_puts(&t->s->words, advice_for(f->kind));
        put(t);
    }
}

static void put_check_again(struct steps *t)
{
    const struct check_item *item = t->item;
    const struct check_fixed *fixed = item->detail->fixed;
    struct text *w = &t->s->words;
    bool is_wire = item->source == CHECK_CAPTURE;
    bool is_repaired = fixed != NULL && fixed->path != NULL && fixed->is_valid;
    if (t->n == 0) {
        return;
    }
    text_printf(w, "Then check %s: `handfast check %s", is_wire ? "what is served" : "it again",
                t->s->r->again_options);
    if (is_wire && item->host != NULL && strstr(t->s->r->again_options, "--host ") == NULL &&
        is_plain(item->host)) {
        text_printf(w, "--host %s ", item->host);
    }
    again_put_word(w, is_wire ? "HOST:PORT" : is_repaired ? fixed->path : item->input, "FILE");
    text_putc(w, '`');
    put(t);
}

void text_steps(struct sheet *s, const struct check_item *item)
{
    struct steps t = { .s = s, .item = item };
    const struct check_detail *d = item->detail;
    unsigned said = 0; /* one step for each kind of fault */
    for (size_t i = 0; i < d->n_missing; i++) {
        put_missing(&t, &d->missing[i]);
    }
    for (size_t i = 0; i < d->judgement.n_faults; i++) {
        unsigned bit = 1U << d->judgement.faults[i].kind;
        bool is_again = (said & bit) != 0;
        said |= bit;
        if (!is_again) {
            put_fault(&t, &d->judgement.faults[i]);
        }
    }
    put_order(&t);
    put_check_again(&t);
}
