#include "check/verifiers.h"

#include <stdlib.h>

#include "check/verifier_lens.h"
#include "check/verifier_public.h"

enum search { SEARCH_ALL, SEARCH_FIRST, SEARCH_FIRST_TIMELY };

static const struct verifier_row {
    const char *id, *what;
    enum lens_kind lens;
    enum search search;
} verifiers[N_VERIFIERS] = {
#define VERIFIER(symbol, id, anchors, search, what) { id, what, LENS_##anchors, SEARCH_##search },
#include "check/verifiers.def"
};

/* The order in which a verifier meets what is wrong; what no step names comes last, in the order of
 * faults.def. */
struct step {
    unsigned kinds, places;
};

#define K(symbol)  (1U << X509_FAULT_##symbol)
#define BUILDING   (K(CHAIN_INCOMPLETE) | K(SELF_SIGNED) | K(UNTRUSTED_CA))
#define DATES      (K(EXPIRED) | K(NOT_YET_VALID))
#define LINKS      (K(CHAIN_INVALID) | K(CONSTRAINT))
#define EVERYWHERE (AT_LEAF | AT_INTER | AT_ROOT)

enum { STEPS_MAX = 6 };

static const struct step steps[N_VERIFIERS][STEPS_MAX] = {
/* X509_verify_cert(): the chain, its extensions, strength, the name, then signatures and dates */
#define OPENSSL_STEPS                                                                              \
    {                                                                                              \
        { BUILDING, EVERYWHERE },                                                                  \
            { K(MALFORMED) | K(WRONG_PURPOSE) | K(CHAIN_INVALID), EVERYWHERE },                    \
            { K(WEAK), EVERYWHERE }, { K(HOSTNAME_MISMATCH), EVERYWHERE }, { DATES, EVERYWHERE },  \
    }
    [VERIFIER_OPENSSL] = OPENSSL_STEPS,
    [VERIFIER_PYTHON] = OPENSSL_STEPS,
    [VERIFIER_PYTHON_STRICT] = OPENSSL_STEPS,
    /* goes on after each error, tells the last one, and looks at the name when there was none */
    [VERIFIER_NODE] = { { DATES, EVERYWHERE },
                        { K(WEAK), EVERYWHERE },
                        { LINKS | K(MALFORMED) | K(WRONG_PURPOSE), EVERYWHERE },
                        { BUILDING, EVERYWHERE } },
    /* Certificate.Verify(): the leaf's form and dates, its name, then the chain, then its uses */
    [VERIFIER_GO] = { { K(MALFORMED) | DATES, AT_LEAF },
                      { K(HOSTNAME_MISMATCH), EVERYWHERE },
                      { K(MALFORMED) | BUILDING | LINKS | K(WEAK) | DATES, EVERYWHERE },
                      { K(WRONG_PURPOSE), EVERYWHERE } },
    /* CERT_VerifyCert(): the leaf's dates and uses before its chain */
    [VERIFIER_NSS] = { { DATES, AT_LEAF },
                       { K(WRONG_PURPOSE), AT_LEAF },
                       { ~K(HOSTNAME_MISMATCH), EVERYWHERE } },
    /* the path, then what the leaf may be used for, then its name */
    [VERIFIER_JAVA] = { { K(MALFORMED) | BUILDING, EVERYWHERE },
                        { LINKS | DATES | K(WEAK), EVERYWHERE },
                        { K(WRONG_PURPOSE), EVERYWHERE } },
    [VERIFIER_GNUTLS] = { { K(MALFORMED) | BUILDING, EVERYWHERE },
                          { ~K(HOSTNAME_MISMATCH), EVERYWHERE } },
};

struct verifiers {
    struct x509_store *store;
    struct public_web web;
    unsigned set;
    struct lens lenses[N_LENSES];
};

/* What one verifier is asked about. */
struct look {
    enum verifier who;
    const struct lens *lens;
    size_t path;
    const struct x509_judgement *usual; /* the judgement of x509_judge() */
    struct arena *texts;
};

static unsigned bit_of(enum verifier who)
{
    return 1U << (unsigned)who;
}

static bool is_rule_refused(enum verifier who, enum verifier_rule rule)
{
    return rule == N_VERIFIER_RULES || (verifier_rules[rule].row.refused_by & bit_of(who)) != 0;
}

static bool passes(enum verifier who, const struct view_findings *found)
{
    for (size_t i = 0; i < found->n; i++) {
        if (is_rule_refused(who, found->list[i].rule)) {
            return false;
        }
    }
    return true;
}

static bool find_passing(enum verifier who, const struct lens *lens, size_t *out)
{
    for (size_t i = 0; i < lens->n; i++) {
        if (passes(who, &lens->found[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static unsigned rank_of(const struct look *look, const struct view_finding *f)
{
    unsigned place = look->lens->views[look->path].links[f->link].place;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        const struct step *s = &steps[look->who][i];
        if ((s->kinds & (1U << f->kind)) != 0 && (s->places & place) != 0) {
            return i;
        }
    }
    return STEPS_MAX + (unsigned)f->kind;
}

/* The certificate's own short name. */
static const char *say(const struct look *look, const struct view_finding *f)
{
    const struct x509_link *link = look->lens->views[look->path].links[f->link].from;
    const struct x509_facts *facts = link->facts;
    if (f->detail != NULL) {
        return f->detail;
    }
    if (f->culprit >= 0 && f->culprit != link->index && f->link > 0) {
        facts = x509_chain_facts(look->lens->views[look->path].chain, (size_t)f->culprit);
    }
    const char *name = facts->common_name[0] != '\0' ? facts->common_name : facts->subject;
    const char *what = f->rule == N_VERIFIER_RULES ? x509_fault_summary(f->kind)
                                                   : verifier_rules[f->rule].row.what;
    const char *text = NULL;
    if (f->culprit == 0) {
        text = arena_printf(look->texts, "the leaf certificate (%.160s) %s", name, what);
    } else if (f->culprit > 0) {
        text = arena_printf(look->texts, "certificate %d sent after the leaf (%.160s) %s",
                            f->culprit, name, what);
    } else {
        text = arena_printf(look->texts, "the trusted certificate (%.160s) %s", name, what);
    }
    return text == NULL ? what : text;
}

static void tell(const struct look *look, const struct view_finding *f,
                 struct verifier_judgement *out)
{
    out->cause = f->kind;
    out->culprit = f->culprit;
    out->sentence = say(look, f);
    if (f->rule != N_VERIFIER_RULES) {
        out->rule = verifier_rules[f->rule].row.id;
        out->source = verifier_rules[f->rule].row.source;
    }
}

/* A name that the verifier takes; else the rule in the way of the nearest one. */
static bool is_named(enum verifier who, const struct name_ways *ways, struct view_finding *out)
{
    *out = (struct view_finding){ .rule = N_VERIFIER_RULES, .kind = X509_FAULT_HOSTNAME_MISMATCH };
    for (size_t i = 0; i < ways->n; i++) {
        const struct name_way *way = &ways->list[i];
        bool is_taken = true;
        for (size_t k = 0; k < way->n; k++) {
            if (is_rule_refused(who, way->needs[k])) {
                is_taken = false;
                out->rule = out->rule == N_VERIFIER_RULES ? way->needs[k] : out->rule;
            }
        }
        if (is_taken) {
            out->rule = way->n == 0 ? N_VERIFIER_RULES : way->needs[0];
            return true;
        }
    }
    return false;
}

/* The first of what the verifier refuses in the path chosen; false: nothing. */
static bool find_first(const struct look *look, const struct view_findings *found,
                       struct view_finding *out, size_t *n_refused)
{
    unsigned best = 0;
    *n_refused = 0;
    for (size_t i = 0; i < found->n; i++) {
        const struct view_finding *f = &found->list[i];
        if (!is_rule_refused(look->who, f->rule)) {
            continue;
        }
        if (*n_refused == 0 || rank_of(look, f) < best) {
            best = rank_of(look, f);
            *out = *f;
        }
        ++*n_refused;
    }
    return *n_refused > 0;
}

static void add_notes(const struct look *look, struct verifier_judgement *out)
{
    const struct view_findings *found = &look->lens->found[look->path];
    for (size_t i = 0; i < found->n; i++) {
        const struct view_finding *f = &found->list[i];
        if (f->rule == RULE_FETCH && !is_rule_refused(look->who, f->rule) &&
            out->answer == VERIFIER_ACCEPTS) {
            out->answer = VERIFIER_MAY_ACCEPT;
            tell(look, f, out);
            out->note = "it fetches the missing certificate from its AIA address where it can, or "
                        "has it from earlier connections";
        } else if (f->rule != N_VERIFIER_RULES && out->answer == VERIFIER_ACCEPTS &&
                   (verifier_rules[f->rule].row.later & bit_of(look->who)) != 0) {
            tell(look, f, out);
            out->note = "later releases refuse it";
        }
    }
    if (out->answer == VERIFIER_REFUSES && out->cause == X509_FAULT_CHAIN_INCOMPLETE &&
        look->who == VERIFIER_NSS) {
        out->note = "it accepts where it has seen the missing certificate before";
    }
}

/* Which rule lets pass what the usual judgement refuses. */
static void explain_acceptance(const struct look *look, const struct view_finding *name,
                               struct verifier_judgement *out)
{
    const struct view_findings *found = &look->lens->found[look->path];
    enum x509_fault_kind kind = look->usual->faults[0].kind;
    if (look->usual->is_valid) {
        return;
    }
    if (kind == X509_FAULT_HOSTNAME_MISMATCH && name->rule != N_VERIFIER_RULES) {
        tell(look, name, out);
        return;
    }
    for (size_t i = 0; i < found->n; i++) {
        if (found->list[i].kind == kind && !is_rule_refused(look->who, found->list[i].rule)) {
            tell(look, &found->list[i], out);
            return;
        }
    }
}

static void refuse(const struct look *look, const struct view_finding *f, size_t n_refused,
                   struct verifier_judgement *out)
{
    const struct lens *lens = look->lens;
    size_t other;
    out->answer = VERIFIER_REFUSES;
    tell(look, f, out);
    out->n_also = n_refused - 1;
    if (f->kind == X509_FAULT_HOSTNAME_MISMATCH && f->rule == N_VERIFIER_RULES) {
        out->sentence = "the leaf certificate does not name the host";
    }
    if (f->kind != X509_FAULT_HOSTNAME_MISMATCH && f->rule != RULE_NAMESAKE &&
        lens->views[look->path].path->reaches_anchor && find_passing(look->who, lens, &other)) {
        out->rule = verifier_rules[RULE_NO_SECOND_TRY].row.id;
        out->source = verifier_rules[RULE_NO_SECOND_TRY].row.source;
    }
}

/* Names and other findings, by what is met first. */
static void decide(const struct look *look, const struct view_finding *namesake,
                   struct verifier_judgement *out)
{
    struct view_finding first = { .rule = N_VERIFIER_RULES };
    struct view_finding name = { .rule = N_VERIFIER_RULES };
    struct view_findings all = look->lens->found[look->path];
    size_t n_refused = 0;
    if (namesake != NULL) {
        view_put(&all, *namesake);
    }
    if (look->lens->has_host && !is_named(look->who, &look->lens->names, &name)) {
        view_put(&all, name);
    }
    if (find_first(look, &all, &first, &n_refused)) {
        refuse(look, &first, n_refused, out);
    } else {
        explain_acceptance(look, &name, out);
    }
    add_notes(look, out);
    out->differs = (out->answer == VERIFIER_ACCEPTS) != look->usual->is_valid;
}

static void look_without_second_try(struct look *look, struct verifier_judgement *out)
{
    struct search_choice choice;
    search_first(look->lens->views, look->lens->n,
                 verifiers[look->who].search == SEARCH_FIRST_TIMELY, &choice);
    struct view_finding namesake = { .rule = RULE_NAMESAKE,
                                     .kind = X509_FAULT_CHAIN_INVALID,
                                     .link = choice.below + 1,
                                     .culprit = choice.namesake };
    look->path = choice.path;
    decide(look, choice.has_namesake ? &namesake : NULL, out);
}

/* The leaf does not decode: nobody goes on. */
static void judge_nothing(const struct look *look, struct verifier_judgement *out)
{
    const struct x509_fault *fault = &look->usual->faults[0];
    out->answer = VERIFIER_REFUSES;
    out->cause = fault->kind;
    out->culprit = fault->culprit;
    out->sentence = fault->detail;
}

static void judge_one(struct look *look, struct verifier_judgement *out)
{
    *out = (struct verifier_judgement){ .who = look->who };
    if (look->lens->n == 0) {
        judge_nothing(look, out);
        return;
    }
    if (verifiers[look->who].search == SEARCH_ALL) {
        look->path = 0;
        (void)find_passing(look->who, look->lens, &look->path);
        decide(look, NULL, out);
    } else {
        look_without_second_try(look, out);
    }
}

enum status verifiers_new(struct x509_store *store, unsigned set, const char *public_roots,
                          struct verifiers **out, struct err *err)
{
    struct verifiers *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return err_set(err, ST_NOMEM, "judging by the eyes of others: no memory");
    }
    v->store = store;
    v->set = set;
    v->web.path = public_roots;
    *out = v;
    return ST_OK;
}

void verifiers_free(struct verifiers *v)
{
    if (v == NULL) {
        return;
    }
    public_web_deinit(&v->web);
    free(v);
}

static bool is_lens_needed(const struct verifiers *v, enum lens_kind kind)
{
    for (size_t i = 0; i < N_VERIFIERS; i++) {
        bool is_asked = (v->set & bit_of((enum verifier)i)) != 0;
        if (is_asked &&
            (verifiers[i].lens == kind || (kind == LENS_ANY && verifiers[i].lens == LENS_ROOTS))) {
            return true;
        }
    }
    return false;
}

static enum status open_lenses(struct verifiers *v, const struct x509_chain *chain,
                               const struct x509_question *q, struct err *err)
{
    bool is_asked = false; /* whether the root is a public one makes a difference */
    bool is_public = true;
    for (size_t k = 0; k < N_LENSES; k++) {
        if (is_lens_needed(v, (enum lens_kind)k)) {
            TRY(lens_open(&v->lenses[k], (enum lens_kind)k, v->store, chain, q, err));
            lens_examine(&v->lenses[k], true);
            is_asked = is_asked || lens_has_public_rules(&v->lenses[k]);
        }
    }
    if (is_asked) {
        TRY(public_web_trusts(&v->web, chain, &is_public, err));
    }
    for (size_t k = 0; k < N_LENSES && !is_public; k++) {
        lens_examine(&v->lenses[k], false);
    }
    return ST_OK;
}

/* A path that ends at a trusted certificate that is no root says more than none. */
static const struct lens *lens_of(const struct verifiers *v, enum verifier who)
{
    enum lens_kind kind = verifiers[who].lens;
    bool is_better = kind == LENS_ROOTS && !lens_reaches_anchor(&v->lenses[LENS_ROOTS]) &&
                     lens_reaches_anchor(&v->lenses[LENS_ANY]);
    return &v->lenses[is_better ? LENS_ANY : kind];
}

static enum status judge_all(struct verifiers *v, const struct x509_chain *chain,
                             const struct x509_question *q, struct arena *texts,
                             struct verifier_judgements *out, struct err *err)
{
    struct x509_judgement usual;
    TRY(x509_judge(v->store, chain, q, &usual, err));
    TRY(open_lenses(v, chain, q, err));
    for (size_t i = 0; i < N_VERIFIERS; i++) {
        enum verifier who = (enum verifier)i;
        if ((v->set & bit_of(who)) != 0) {
            struct look look = {
                .who = who, .lens = lens_of(v, who), .usual = &usual, .texts = texts
            };
            judge_one(&look, &out->list[out->n++]);
        }
    }
    return ST_OK;
}

enum status verifiers_judge(struct verifiers *v, const struct x509_chain *chain,
                            const struct x509_question *q, struct arena *texts,
                            struct verifier_judgements *out, struct err *err)
{
    out->n = 0;
    enum status st = judge_all(v, chain, q, texts, out, err);
    for (size_t k = 0; k < N_LENSES; k++) {
        lens_close(&v->lenses[k]);
    }
    return st;
}

static enum status no_such(struct bytes word, struct err *err)
{
    struct text ids = { 0 };
    for (size_t i = 0; i < N_VERIFIERS; i++) {
        text_printf(&ids, "%s%s", i == 0 ? "" : ", ", verifiers[i].id);
    }
    enum status st =
        err_set(err, ST_USAGE, "no verifier is called '%.*s'; there are %s, and all",
                (int)(word.len < 40 ? word.len : 40), (const char *)word.p, text_str(&ids));
    text_deinit(&ids);
    return st;
}

static unsigned bits_of_word(struct bytes word)
{
    if (bytes_equal(word, BYTES("all"))) {
        return (1U << N_VERIFIERS) - 1;
    }
    for (size_t i = 0; i < N_VERIFIERS; i++) {
        if (bytes_equal(word, bytes_of_str(verifiers[i].id))) {
            return 1U << i;
        }
    }
    return 0;
}

enum status verifiers_parse(const char *list, unsigned *out_set, struct err *err)
{
    struct bytes rest = bytes_of_str(list);
    bool is_last = false;
    *out_set = 0;
    while (!is_last) {
        const uint8_t *comma = rest.len == 0 ? NULL : memchr(rest.p, ',', rest.len);
        size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.p);
        unsigned bits = bits_of_word(bytes_head(rest, len));
        if (bits == 0) {
            return no_such(len == 0 ? BYTES("") : bytes_head(rest, len), err);
        }
        *out_set |= bits;
        is_last = comma == NULL;
        rest = bytes_skip(rest, len + 1);
    }
    return ST_OK;
}

const char *verifier_id(enum verifier who)
{
    return verifiers[who].id;
}

const char *verifier_what(enum verifier who)
{
    return verifiers[who].what;
}

const char *verifier_answer_id(enum verifier_answer answer)
{
    switch (answer) {
    case VERIFIER_ACCEPTS:
        return "accepts";
    case VERIFIER_REFUSES:
        return "refuses";
    case VERIFIER_MAY_ACCEPT:
        return "may-accept";
    }
    return "";
}
