#include "x509/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

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

void x509_pem_each(const char *pem, void (*each)(void *arg, struct bytes der), void *arg)
{
    char *name = NULL;
    char *header = NULL;
    uint8_t *der = NULL;
    long len = 0;
    BIO *in = BIO_new_mem_buf(pem, -1);
    ERR_set_mark(); /* the end of the text is an error there */
    while (in != NULL && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
        if (strcmp(name, PEM_STRING_X509) == 0) {
            each(arg, bytes_of(der, (size_t)len));
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        name = header = NULL;
        der = NULL;
    }
    ERR_pop_to_mark();
    BIO_free(in);
}
