#include "base/clock.h"
#include "report/blank_values.h"

static enum side certificate_side(const struct verdict *v)
{
    return v->party == ACTOR_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
}

static const struct x509_facts *certificate_at(const struct about *a, size_t i)
{
    const struct x509_chain *chain = a->t->side[certificate_side(a->v)].chain;
    if (chain == NULL || i >= x509_chain_n(chain)) {
        return NULL;
    }
    const struct x509_facts *facts = x509_chain_facts(chain, i);
    return facts->is_parsed ? facts : NULL;
}

/* The certificate that the cause is about: the culprit of the fault of that name, else the leaf. */
static const struct x509_facts *culprit(const struct about *a)
{
    enum side side = certificate_side(a->v);
    const char *cause = cause_id(a->v->cause);
    const struct x509_judgement *judgement = &a->v->chain[side].judgement;
    size_t n = a->v->chain[side].is_judged ? judgement->n_faults : 0;
    for (size_t i = 0; i < n && i < X509_FAULTS_MAX && cause != NULL; i++) {
        const char *id = x509_fault_id(judgement->faults[i].kind);
        if (judgement->faults[i].culprit >= 0 && id != NULL && strcmp(id, cause) == 0) {
            return certificate_at(a, (size_t)judgement->faults[i].culprit);
        }
    }
    return certificate_at(a, 0);
}

bool blank_subject(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && blank_put_text(out, c->subject);
}

bool blank_issuer(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && blank_put_text(out, c->issuer);
}

bool blank_root(struct text *out, const struct about *a)
{
    const struct x509_chain *chain = a->t->side[certificate_side(a->v)].chain;
    const struct x509_facts *c = chain == NULL || x509_chain_n(chain) == 0
                                     ? NULL
                                     : certificate_at(a, x509_chain_n(chain) - 1);
    return c != NULL && blank_put_text(out, c->issuer);
}

bool blank_key(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL || !blank_put_text(out, c->key_type)) {
        return false;
    }
    if (strcmp(c->key_type, "RSA") == 0 || strcmp(c->key_type, "DSA") == 0) {
        text_putc(out, ' ');
        text_put_u64(out, c->key_bits);
    }
    return true;
}

bool blank_signature(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && blank_put_text(out, c->signature_algorithm);
}

bool blank_serial(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && blank_put_text(out, c->serial_hex);
}

bool blank_not_after(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL) {
        return false;
    }
    clock_put_date(out, c->not_after_s);
    return true;
}

bool blank_not_before(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL) {
        return false;
    }
    clock_put_date(out, c->not_before_s);
    return true;
}

bool blank_names(struct text *out, const struct about *a)
{
    const struct x509_facts *c = certificate_at(a, 0);
    size_t n = c == NULL ? 0 : c->n_names;
    for (size_t i = 0; i < n && i < BLANK_LIST_MAX; i++) {
        text_puts(out, i > 0 ? ", " : "");
        text_puts(out, c->names[i]);
    }
    if (n > BLANK_LIST_MAX) {
        text_puts(out, " ...");
    }
    return n > 0;
}

bool blank_common_name(struct text *out, const struct about *a)
{
    const struct x509_facts *c = certificate_at(a, 0);
    const char *name = c == NULL || c->n_names == 0 ? NULL : c->names[0];
    text_puts(out, name != NULL && name[0] == '*' ? "<CommonName wildcardMatch=\"true\">"
                                                  : "<CommonName>");
    bool is_put = blank_put_pasteable(out, name);
    text_puts(out, "</CommonName>");
    return is_put;
}

static const struct x509_judgement *judgement_of(const struct about *a)
{
    enum side side = certificate_side(a->v);
    return a->v->chain[side].is_judged ? &a->v->chain[side].judgement : NULL;
}

bool blank_missing_issuer(struct text *out, const struct about *a)
{
    const struct x509_judgement *j = judgement_of(a);
    return j != NULL && blank_put_text(out, j->missing_issuer);
}

bool blank_unseen_issuer(struct text *out, const struct about *a)
{
    const struct x509_judgement *j = judgement_of(a);
    return j != NULL && blank_put_text(out, j->unseen_issuer);
}

bool blank_missing_issuer_url(struct text *out, const struct about *a)
{
    const struct x509_judgement *j = judgement_of(a);
    return j != NULL && blank_put_pasteable(out, j->missing_issuer_url);
}
