/*
 * pem_block: text as PEM blocks, one after the other (RFC 7468 section 2, RFC 1421 section 4.6).
 *
 * A block begins with a line that starts with "-----BEGIN " and ends with the END line of the same
 * label; what stands between blocks is passed over. A block that is broken is given with its fault:
 * reading goes on after it. Views borrow from the text.
 */
#ifndef HANDFAST_KEYSTORE_PEM_BLOCK_H
#define HANDFAST_KEYSTORE_PEM_BLOCK_H

#include "base/bytes.h"

struct pem_text {
    struct bytes left;
    size_t at;     /* offset of `left` */
    uint32_t line; /* its first line */
};

struct pem_block {
    struct bytes label;   /* "CERTIFICATE" */
    struct bytes headers; /* "Proc-Type: ..." and so on; mostly empty */
    struct bytes body;    /* base64 */
    size_t at, body_at;   /* offsets */
    uint32_t line, body_line;
    const char *fault; /* NULL: framed well; else a clause about its BEGIN line */
};

struct pem_text pem_text_of(struct bytes content); /* a byte order mark is passed over */
/* False where no further block begins. */
bool pem_next(struct pem_text *t, struct pem_block *out);

#endif
