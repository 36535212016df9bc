/* Files of an upload: a JAR, PKCS#12, PEM with its key. What is taken is whole, and the second time
 * as the first. The first byte says which. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "store/material.h"

static struct alias_upload upload_of(uint8_t kind, struct bytes content)
{
    struct alias_upload u = { .password = "secret", .ignore_newline = (kind & 4) != 0 };
    switch (kind & 3) {
    case 0:
        u.format = ALIAS_KEY_CERT_JAR;
        u.file = content;
        break;
    case 1:
        u.format = ALIAS_PKCS12;
        u.file = content;
        break;
    case 2: /* the first half is one part, the second the other */
        u.format = ALIAS_KEY_CERT_FILE;
        u.cert_file = content.len > 0 ? bytes_head(content, content.len / 2) : content;
        u.key_file = bytes_skip(content, content.len / 2);
        break;
    case 3:
        u.format = ALIAS_TRUST_CERT;
        u.cert_file = content;
        break;
    }
    return u;
}

static enum status read_once(const struct alias_upload *u, size_t *n, size_t *spki_len)
{
    struct material m;
    struct store_problem problem = { 0 };
    enum status st = material_read(u, &m, &problem);
    if (st == ST_OK) {
        bool wants_key = u->format == ALIAS_KEY_CERT_JAR || u->format == ALIAS_PKCS12;
        if (m.n == 0 || m.n > ALIAS_CERTS_MAX || (wants_key && m.key == NULL) ||
            (m.key != NULL) != (m.spki.len > 0)) {
            abort();
        }
    } else if (st == ST_USAGE && (problem.kind != PROBLEM_INVALID || problem.message[0] == '\0')) {
        abort();
    }
    *n = m.n;
    *spki_len = m.spki.len;
    material_deinit(&m);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct alias_upload u = upload_of(data[0], bytes_of(data + 1, size - 1));
    size_t n[2];
    size_t spki_len[2];
    enum status first = read_once(&u, &n[0], &spki_len[0]);
    if (first != read_once(&u, &n[1], &spki_len[1]) || n[0] != n[1] || spki_len[0] != spki_len[1]) {
        abort();
    }
    return 0;
}
