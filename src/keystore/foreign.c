#include "keystore/foreign.h"

#include <strings.h>

#include "base/status.h"

#define CAPTURE "a packet capture: \"handfast explain\" reads it"
#define BOUNCY_CASTLE                                                                              \
    "a keystore of Bouncy Castle (BKS); \"keytool -importkeystore\" converts it to PKCS#12"

/* clang-format off */
#define START(magic, what) { magic, sizeof(magic) - 1, what }
static const struct {
    const char *magic;
    size_t len;
    const char *what;
} starts[] = {
    START("\xd4\xc3\xb2\xa1", CAPTURE),
    START("\xa1\xb2\xc3\xd4", CAPTURE),
    START("\x4d\x3c\xb2\xa1", CAPTURE),
    START("\xa1\xb2\x3c\x4d", CAPTURE),
    START("\x0a\x0d\x0d\x0a", CAPTURE),
    START("\x1f\x8b",         "compressed with gzip"),
    START("BZh",              "compressed with bzip2"),
    START("\xfd" "7zXZ",      "compressed with xz"),
    START("\x28\xb5\x2f\xfd", "compressed with zstd"),
    START("PK\x03\x04",       "a ZIP archive (or a JAR, or an office document)"),
    START("\x7f" "ELF",       "a program"),
    START("%PDF-",            "a PDF document"),
    START("SQLite format 3",  "an SQLite database; where it is cert9.db of NSS, "
                              "\"certutil -L -a\" exports its certificates"),
    START("\x00\x00\x00\x01\x00\x00\x00\x14", BOUNCY_CASTLE),
    START("\x00\x00\x00\x02\x00\x00\x00\x14", BOUNCY_CASTLE),
    START("\xac\xed\x00\x05", "a stream of serialized Java objects"),
    START("ssh-",             "a public key of SSH, which TLS does not use"),
    START("ecdsa-sha2-",      "a public key of SSH, which TLS does not use"),
    START("PuTTY-User-Key-",  "a key of PuTTY, which TLS does not use"),
    START("{\\rtf",          "a document of a word processor"),
    START("\xff\xfe",         "text in UTF-16; saved as UTF-8 it can be read"),
    START("\xfe\xff",         "text in UTF-16; saved as UTF-8 it can be read"),
};
/* clang-format on */

static bool starts_with_word(struct bytes b, const char *word)
{
    size_t len = strlen(word);
    return b.len >= len && strncasecmp((const char *)b.p, word, len) == 0;
}

static struct bytes skip_space(struct bytes b)
{
    size_t at = bytes_start_with(b, BYTES("\xef\xbb\xbf")) ? 3 : 0;
    while (at < b.len && (b.p[at] == ' ' || (b.p[at] >= '\t' && b.p[at] <= '\r'))) {
        at++;
    }
    return bytes_skip(b, at);
}

static bool is_text(struct bytes b)
{
    for (size_t i = 0; i < b.len && i < 4096; i++) {
        if (b.p[i] < 0x20 && (b.p[i] < '\t' || b.p[i] > '\r')) {
            return false;
        }
    }
    return true;
}

static const char *what_text(struct bytes content)
{
    struct bytes b = skip_space(content);
    if (b.len == 0) {
        return "empty but for white space";
    }
    if (starts_with_word(b, "<!doctype html") || starts_with_word(b, "<html")) {
        return "an HTML page, perhaps an error page or a login page in the file's place";
    }
    if (b.p[0] == '<') {
        return "XML";
    }
    if (b.p[0] == '{' || b.p[0] == '[') {
        return "JSON or the like";
    }
    if (memmem(b.p, b.len, "-----BEGIN ", 11) != NULL) {
        return "text whose BEGIN lines do not start at the start of the line: they are indented "
               "or quoted, and programs pass over them";
    }
    if (starts_with_word(b, "MII")) {
        return "bare base64: the BEGIN and END lines of PEM are missing around it";
    }
    return "text without a BEGIN line";
}

const char *foreign_what(struct bytes content)
{
    if (content.len == 0) {
        return "empty";
    }
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        if (bytes_start_with(content, bytes_of(starts[i].magic, starts[i].len))) {
            return starts[i].what;
        }
    }
    return is_text(content) ? what_text(content) : "of no format that is known here";
}
