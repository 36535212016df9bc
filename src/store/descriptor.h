/*
 * descriptor: META-INF/descriptor.properties of a JAR with a certificate and its key.
 *
 * Java's form of properties: "key=value", "key: value" or "key value" on a line, comments after "#"
 * or "!", "\" before a line end goes on on the next line, and before another character stands for
 * that character. The last of two values for one key counts. Source: java.util.Properties.load().
 */
#ifndef HANDFAST_STORE_DESCRIPTOR_H
#define HANDFAST_STORE_DESCRIPTOR_H

#include "base/bytes.h"

enum { DESCRIPTOR_VALUE_MAX = 255 };

struct descriptor {
    char cert_file[DESCRIPTOR_VALUE_MAX + 1]; /* "" where it does not say; without "./" or "/" */
    char key_file[DESCRIPTOR_VALUE_MAX + 1];
};

/* NULL: read; else why not, a clause. */
const char *descriptor_read(struct bytes text, struct descriptor *out);

#endif
