/* A host name of any bytes: its form in certificates is ASCII in lower case, and final. */
#include <stdlib.h>
#include <string.h>

#include "x509/idn.h"

enum { HOST_MAX = 600, ASCII_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_idn(struct bytes host)
{
    char once[ASCII_MAX];
    char twice[ASCII_MAX];
    if (!idn_to_ascii(host, once, sizeof once)) {
        return;
    }
    size_t len = strlen(once);
    must(len < sizeof once);
    for (size_t i = 0; i < len; i++) {
        must((unsigned char)once[i] < 0x80 && (once[i] < 'A' || once[i] > 'Z'));
    }
    must(idn_to_ascii(bytes_of((const uint8_t *)once, len), twice, sizeof twice));
    must(strcmp(once, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > HOST_MAX) {
        return 0;
    }
    check_idn(bytes_of(data, size));
    return 0;
}
