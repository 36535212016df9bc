/*
 * engine: one run of check, and what its steps share. Internal to check.
 *
 * gather -> pool -> leaves -> judge_item -> findings, missing, mend -> the result.
 */
#ifndef HANDFAST_CHECK_ENGINE_H
#define HANDFAST_CHECK_ENGINE_H

#include "check/pool.h"

enum { ENGINE_SENT_MAX = X509_CHAIN_MAX, ENGINE_TEXT_MAX = 256 << 20, DETAIL_TEXT_MAX = 1 << 20 };

struct fetched_list {
    struct dial_fetched *p;
    size_t n, cap;
};

struct check {
    struct check_result result; /* first: the result is the whole run */
    const struct check_request *rq;
    struct arena arena; /* of the result's own texts */
    struct x509_store *store;
    struct verifiers *eyes;        /* of --as; NULL: none */
    struct x509_store *peer_store; /* of --against: the trust store that is compared */
    struct keystore *stores;       /* all files named, and --trust files */
    struct pool pool;
    struct bytes *ocsp; /* of --ocsp */
    size_t n_ocsp;
    struct fetched_list fetched;
    const struct x509_chain **held; /* chains of captures, given back at the end */
    size_t n_held, cap_held;
    size_t cap_items;
    size_t n_detailed;
};

/* The certificates of one leaf: indices into the pool, the leaf first. */
struct candidate_chain {
    size_t input;
    size_t n; /* at most ENGINE_SENT_MAX are looked at; n may say more */
    size_t certs[ENGINE_SENT_MAX];
    bool leaf_was_moved; /* it was not the first in its input */
    const char *alias;
};

/* check.c */
enum status check_no_memory(struct err *err);
void check_error(struct check *c, const char *text);
void check_note(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct check_item *check_new_item(struct check *c);
/* A copy in the result's arena; "" without memory. */
const char *check_say(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* gather.c: reads what was named into the pool. */
enum status gather_all(struct check *c, struct err *err) NODISCARD;
/* One more input: what --against names. Its inputs are the ones from *out_first on. */
enum status gather_one(struct check *c, const char *name, struct err *err) NODISCARD;
/* gather_capture.c. stream: -1 for all. */
enum status gather_capture(struct check *c, const char *path, int64_t stream,
                           struct err *err) NODISCARD;
bool gather_is_capture(const char *path);
/* The capture that "capture.pcap:3" names and its stream; false where it is none. The caller frees
 * *out_path. */
bool gather_split_stream(const char *name, char **out_path, int64_t *out_stream);

/* leaf.c: what each input holds, as items. */
enum status leaf_judge_input(struct check *c, size_t input, struct err *err) NODISCARD;

/* again.c: the options of the question, each with a space after it, and the inputs, as words of a
 * command line. */
const char *again_options(struct check *c);
const char *again_inputs(struct check *c);
/* One word of a command line, or the placeholder where it cannot be written safely. */
void again_put_word(struct text *t, const char *word, const char *placeholder);

/* judge_item.c */
enum status judge_chain(struct check *c, const struct candidate_chain *chain,
                        struct err *err) NODISCARD;
struct x509_question judge_question(const struct check *c, const struct pool_input *in,
                                    const struct check_item *item);
/* truststore.c */
enum status judge_truststore(struct check *c, size_t input, const size_t *certs, size_t n,
                             struct err *err) NODISCARD;

/* findings.c */
void finding_put(struct check_detail *d, enum check_finding_kind kind, int at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void findings_of_chain(struct check *c, struct check_item *item,
                       const struct candidate_chain *chain);

/* missing.c: the path judged, and others; what would complete the chain, and what is wrong after
 * that. */
enum status paths_look(struct check *c, struct check_item *item, const struct x509_question *q,
                       struct err *err) NODISCARD;
enum status missing_find(struct check *c, struct check_item *item, const struct x509_question *q,
                         struct err *err) NODISCARD;

/* mend.c: --fix. */
enum status mend_chain(struct check *c, struct check_item *item, const struct x509_question *q,
                       struct err *err) NODISCARD;

/* against.c */
enum status against_compare(struct check *c, size_t n_inputs, struct err *err) NODISCARD;

#endif
