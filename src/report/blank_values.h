/*
 * blank_values: what the blanks of fixes.def stand for; used by blanks.c, whose table names them.
 *
 * Each appends its value; false where there is none (what was appended by then does not count).
 */
#ifndef HANDFAST_REPORT_BLANK_VALUES_H
#define HANDFAST_REPORT_BLANK_VALUES_H

#include "diagnose/verdict.h"

enum { BLANK_LIST_MAX = 4 }; /* names shown of a list */

struct about {
    const struct transcript *t;
    const struct verdict *v;
};

/* Can it be pasted into a shell and a configuration without doing anything there? */
bool blank_is_pasteable(struct bytes b);
bool blank_put_pasteable(struct text *out, const char *s);
/* False for NULL and "". */
bool blank_put_text(struct text *out, const char *s);

/* blank_offers.c: what was offered and negotiated */
bool blank_offered(struct text *out, const struct about *a);
bool blank_version(struct text *out, const struct about *a);
bool blank_jsse_elements(struct text *out,
                         const struct about *a);                  /* <Protocol>TLSv1.2</Protocol> */
bool blank_jsse_strings(struct text *out, const struct about *a); /* "TLSv1.2" */
bool blank_max_offered(struct text *out, const struct about *a);
bool blank_hello_bytes(struct text *out, const struct about *a);
bool blank_suites_openssl(struct text *out, const struct about *a);
bool blank_suites_jsse(struct text *out, const struct about *a);
bool blank_suites_tls13(struct text *out, const struct about *a);
bool blank_if_no_forward_secrecy(struct text *out, const struct about *a);
bool blank_suites_all(struct text *out, const struct about *a);
bool blank_if_only_weak(struct text *out, const struct about *a);
bool blank_suite(struct text *out, const struct about *a);
bool blank_groups(struct text *out, const struct about *a);
bool blank_groups_openssl(struct text *out, const struct about *a);
bool blank_signature_algorithms(struct text *out, const struct about *a);
bool blank_alpn(struct text *out, const struct about *a);
bool blank_dh_bits(struct text *out, const struct about *a);

/* blank_certificates.c: of the party that the cause is about */
bool blank_subject(struct text *out, const struct about *a);
bool blank_issuer(struct text *out, const struct about *a);
bool blank_root(struct text *out, const struct about *a);
bool blank_key(struct text *out, const struct about *a);
bool blank_signature(struct text *out, const struct about *a);
bool blank_serial(struct text *out, const struct about *a);
bool blank_not_after(struct text *out, const struct about *a);
bool blank_not_before(struct text *out, const struct about *a);
bool blank_names(struct text *out, const struct about *a);
bool blank_common_name(struct text *out, const struct about *a); /* <CommonName>... */
bool blank_missing_issuer(struct text *out, const struct about *a);
bool blank_unseen_issuer(struct text *out, const struct about *a);
bool blank_missing_issuer_url(struct text *out, const struct about *a);

#endif
