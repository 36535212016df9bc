/*
 * check: are these certificates acceptable to this trust store, for this name, purpose and time?
 * If not: which certificate is at fault, why, and which file or certificate mends it.
 *
 * A request goes in, a result comes out; nothing is printed. Text (check_text.h), JSON
 * (check_json.h), the command line, the probe and the management API all read the same result.
 * OpenSSL builds and verifies (x509.h); here inputs become chains, faults are joined by findings,
 * and what is missing is looked for in everything that was named.
 *
 * Times are seconds since the epoch. Text in a result is safe for terminals and lives as long as
 * the result; so does everything else in it. An input that cannot be read is in `errors` and the
 * rest is judged. Only our own failures (no memory, a trust store that cannot be read) are a
 * status.
 */
#ifndef HANDFAST_CHECK_CHECK_H
#define HANDFAST_CHECK_CHECK_H

#include "base/arena.h"
#include "base/status.h"
#include "check/verifiers.h"
#include "dial/dial.h"
#include "x509/x509.h"

enum {
    CHECK_WARN_DAYS = 30,
    CHECK_DETAILED_MAX = 200, /* chains kept in full; of later ones only the verdict and its line */
    CHECK_MISSING_MAX = 16,
    CHECK_FINDINGS_MAX = 64, /* of one chain; those beyond are counted */
    CHECK_ERRORS_MAX = 64,
    CHECK_ADVICE_MAX = 64
};

struct check_words {
    const char *const *p;
    size_t n;
};

struct check_request {
    struct check_words inputs; /* files, directories, host:port, capture[:stream], "-" */
    bool trust_system;
    struct check_words trust; /* further anchors; with neither: nothing is known of trust */
    bool trust_is_given;      /* by the user, not by default */
    struct check_words crls, ocsp, keylogs;
    const char *host; /* NULL: the one that was asked for, of a server or capture */
    enum x509_purpose purpose;
    bool purpose_is_given; /* else of a capture: by the side that sent it */
    int64_t at_s;
    bool at_is_given; /* by the user, not this machine's clock */
    bool at_capture;  /* captures are judged by their own time */
    unsigned warn_days;
    bool partial_chain;  /* any entry of the trust store is an anchor */
    unsigned floor_bits; /* as in x509_question */
    enum x509_profile profile;
    unsigned as; /* verifiers by whose eyes chains are judged too (verifiers_parse()); 0: none */
    struct x509_password password; /* of stores and keys */
    enum dial_starttls starttls;
    unsigned timeout_ms;
    const char *connect_to; /* of servers; NULL: their own address */
    const char *against;    /* host:port, capture or store to compare with; NULL: none */
    const char *fix_dir;    /* NULL: nothing is written */
    void (*progress)(void *arg, size_t n_files); /* NULL: none */
    void *arg;
};

enum check_finding_kind {
#define CHECK_FINDING(symbol, id, is_warning, summary) CHECK_FINDING_##symbol,
#include "check/findings.def"
    CHECK_N_FINDINGS
};

struct check_finding {
    enum check_finding_kind kind;
    int at;           /* index of the certificate it is about, -1: none */
    const char *text; /* a sentence */
};

/* A certificate that has to be added for the chain to verify. */
struct check_missing {
    const char *subject;   /* as the certificate below names it */
    const char *key_id;    /* hex, as the certificate below names it; "" where it does not */
    int below;             /* index of the certificate that it issued, -1: the missing one before */
    bool belongs_to_trust; /* to be put into the trust store, not into the chain */
    const char *url;       /* where the CA offers it (AIA); NULL: not said */
    const char *found_in;  /* "issuing.pem, line 3", "the trust store"; NULL: in nothing named */
    const char *sha256_hex; /* of what was found, else "" */
    struct bytes der;       /* likewise, else empty */
};

/* A path that verifies where another fails, or the reverse. */
struct check_path {
    bool is_valid;
    const char *text; /* "leaf, Issuing CA, Root X1 (trusted)" */
    const char *why;  /* NULL where it is valid */
};

struct check_fixed {
    const char *path;    /* of the file written; NULL: none was */
    const char *text;    /* what was done, or why nothing was */
    bool is_valid;       /* the repaired chain is acceptable: it was judged again */
    const char *remains; /* what is still wrong with it; NULL: nothing */
};

/* What is known of one chain beyond its verdict. */
struct check_detail {
    struct arena arena;
    const struct x509_chain *certs; /* leaf first */
    const size_t *positions;        /* of each in its input, 0 the first */
    struct x509_judgement judgement;
    struct x509_host_check *names; /* NULL unless the host is not among the names */
    size_t n_findings, n_findings_left_out;
    struct check_finding findings[CHECK_FINDINGS_MAX];
    size_t n_missing;
    struct check_missing missing[CHECK_MISSING_MAX];
    struct x509_path *path; /* the path judged, NULL where there is none */
    size_t n_paths;         /* alternatives, the one judged first; 0: there are none */
    struct check_path *paths;
    size_t n_remaining; /* what is wrong still once the cause is mended: sentences */
    const char *remaining[X509_FAULTS_MAX];
    struct verifier_judgements *as; /* NULL: not asked for */
    struct check_fixed *fixed;      /* NULL: not asked for */
    bool has_key;                   /* its private key is in an input */
};

/* Whose clock says at what time a chain was judged. */
enum check_clock { CHECK_CLOCK_HERE, CHECK_CLOCK_CAPTURE, CHECK_CLOCK_GIVEN };

enum check_source { CHECK_FILE, CHECK_SERVER, CHECK_CAPTURE };

struct check_anchor {          /* one entry of a trust store */
    const char *label, *alias; /* alias: NULL where none */
    const char *sha256_hex;
    int64_t not_before_s, not_after_s;
    const struct x509_chain *cert; /* NULL where not kept: beyond CHECK_DETAILED_MAX */
    bool is_usable;
};

struct check_anchors {
    struct arena arena;
    size_t n;
    struct check_anchor *list;
    size_t n_findings, n_findings_left_out;
    struct check_finding *findings; /* `at` is an index into list */
};

enum check_role {
    CHECK_CHAIN,     /* a leaf and what is sent with it: judged */
    CHECK_TRUSTSTORE /* CA certificates to be trusted: each is examined */
};

struct check_item {
    enum check_role role;
    enum check_source source;
    const char *input;  /* as named; of a directory the file in it */
    const char *format; /* "PEM", "JKS", "TLS 1.3" ... */
    const char *alias;  /* NULL where none */
    const char *label;  /* whom the leaf is for */
    enum x509_purpose purpose;
    const char *host; /* NULL: no name was matched */
    int64_t at_s;
    enum check_clock clock;
    bool is_acceptable;
    bool has_warnings;
    enum x509_fault_kind cause; /* where not acceptable */
    int culprit;                /* as in x509_fault */
    const char *sentence;       /* the verdict in words */
    int64_t until_s;            /* the leaf's notAfter */
    size_t n_certs;
    struct check_detail *detail;   /* of a chain; NULL: dropped, there were too many */
    struct check_anchors *anchors; /* of a truststore */
};

/* One side of --against, what it lacks, and what to do. */
struct check_advice {
    bool is_fault;                    /* false: worth knowing */
    const char *id;                   /* "root-not-trusted", "leaf-differs" ... */
    const char *text;                 /* a sentence */
    const char *action;               /* what to put where; NULL: nothing */
    const char *subject, *sha256_hex; /* the certificate to upload; NULL: none */
    const char *found_in;             /* "issuing.pem, line 3"; NULL: in nothing named */
    struct bytes der;
};

struct check_comparison {
    const char *ours, *theirs;         /* the two sides, as named */
    const char *our_role, *their_role; /* "trust store", "key store", "server" ... */
    bool fits;                         /* no advice is a fault */
    size_t n, n_left_out;
    struct check_advice advice[CHECK_ADVICE_MAX];
};

struct check_result {
    size_t n_items;
    struct check_item **items;
    size_t n_not_acceptable, n_warnings;
    size_t n_errors, n_errors_left_out;
    const char *errors[CHECK_ERRORS_MAX]; /* "FILE: reason": inputs that could not be read */
    size_t n_notes;
    const char *notes[CHECK_ERRORS_MAX]; /* of inputs as a whole: integrity, keys without a home */
    enum x509_trust_source trust;
    size_t n_anchors;
    bool partial_chain;
    const char *again_options, *again_inputs; /* for a command that asks the same again */
    bool is_acceptable;                       /* every item, and the comparison */
    struct check_comparison *comparison;      /* NULL: not asked for */
};

enum status check_run(const struct check_request *request, struct check_result **out,
                      struct err *err) NODISCARD;
void check_result_free(struct check_result *r); /* NULL is fine */
const char *check_finding_id(enum check_finding_kind kind);
const char *check_finding_summary(enum check_finding_kind kind);
bool check_finding_is_warning(enum check_finding_kind kind);

#endif
