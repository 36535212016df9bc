/* META-INF/descriptor.properties: how its lines end does not change what it says. */
#include <stdlib.h>

#include "store/descriptor.h"

enum { INPUT_MAX = 4096 };

/* With CR LF for every LF; the input has no CR. */
static struct bytes with_crlf(struct bytes text, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\n') {
            out[n++] = '\r';
        }
        out[n++] = text.p[i];
    }
    return bytes_of(out, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[2 * INPUT_MAX];
    struct bytes text = bytes_of(data, size);
    struct descriptor d;
    const char *fault = descriptor_read(text, &d);
    if (memchr(d.cert_file, '\0', sizeof d.cert_file) == NULL ||
        memchr(d.key_file, '\0', sizeof d.key_file) == NULL || d.cert_file[0] == '/') {
        abort();
    }
    if (size > INPUT_MAX || (size > 0 && memchr(data, '\r', size) != NULL)) {
        return 0;
    }
    struct descriptor other;
    const char *other_fault = descriptor_read(with_crlf(text, room), &other);
    if (fault != other_fault || strcmp(d.cert_file, other.cert_file) != 0 ||
        strcmp(d.key_file, other.key_file) != 0) {
        abort();
    }
    return 0;
}
