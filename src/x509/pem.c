#include "x509/pem.h"

#include <openssl/evp.h>

enum { LINE_BYTES = 48, LINE_CHARS = 65 }; /* 64 characters a line, RFC 7468 section 2 */

void x509_pem_put(struct text *out, struct bytes der)
{
    unsigned char line[LINE_CHARS];
    text_puts(out, "-----BEGIN CERTIFICATE-----\n");
    for (struct bytes rest = der; rest.len > 0; rest = bytes_skip(rest, LINE_BYTES)) {
        struct bytes part = bytes_head(rest, LINE_BYTES);
        int len = EVP_EncodeBlock(line, part.p, (int)part.len);
        text_put(out, (const char *)line, len > 0 ? (size_t)len : 0);
        text_putc(out, '\n');
    }
    text_puts(out, "-----END CERTIFICATE-----\n");
}
