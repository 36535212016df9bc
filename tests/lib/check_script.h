/*
 * check_script: handfast check on certificates made on the spot, each list of them a PEM file.
 *
 * Aborts on failure, as make_cert does.
 */
#ifndef HANDFAST_TESTS_CHECK_SCRIPT_H
#define HANDFAST_TESTS_CHECK_SCRIPT_H

#include "check/check.h"
#include "make_cert.h"

enum { SCRIPT_FILES_MAX = 4, SCRIPT_CERTS_MAX = 8 };

struct script_file {
    const struct made_cert *certs[SCRIPT_CERTS_MAX]; /* in this order, NULL ends */
    const struct made_cert *key_of;                  /* its private key after them; NULL: none */
};

struct check_script {
    struct script_file files[SCRIPT_FILES_MAX]; /* an empty one ends */
    const struct made_cert *trust[SCRIPT_CERTS_MAX];
    const struct made_cert *against[SCRIPT_CERTS_MAX]; /* a file of these; empty: none */
    struct check_request rq; /* inputs and trust are filled in; at_s 0: MAKE_CERT_NOW */
};

/* To be freed with check_result_free(); the files are gone. */
struct check_result *check_script_run(const struct check_script *script);
/* Does the chain have the finding? */
bool check_script_has(const struct check_item *item, enum check_finding_kind kind);

#endif
