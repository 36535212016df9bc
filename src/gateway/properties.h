/*
 * properties: what an operator sets in router.properties, message-processor.properties and
 * management-server.properties below the gateway's directory.
 *
 * A file that is not there sets nothing. Lines are "token=value" (':' too), '#' and '!' begin
 * comments, a backslash joins lines, as java.util.Properties has it. An unknown token, or a value
 * that cannot be, is a warning, and what stood before stays: a slip of the pen stops nothing.
 * Source: docs.apigee.com, "Setting the TLS protocol for the Router and Message Processor".
 */
#ifndef HANDFAST_GATEWAY_PROPERTIES_H
#define HANDFAST_GATEWAY_PROPERTIES_H

#include <stdbool.h>

#include "base/text.h"
#include "gateway/places.h"

enum { PROPERTY_VALUE_MAX = 1024, PROPERTIES_FILE_MAX = 256 * 1024 };

enum property {
#define PROPERTY(symbol, file, token, kind, otherwise) PROPERTY_##symbol,
#include "gateway/properties.def"
    N_PROPERTIES
};

struct properties {
    char value[N_PROPERTIES][PROPERTY_VALUE_MAX];
};

void properties_default(struct properties *p);
/* All three files. `warnings` gets a line for each thing that was not taken. */
enum status properties_read(struct properties *p, const struct places *places,
                            struct text *warnings, struct err *err) NODISCARD;
/* One file's text; `name` is that of the file. Exposed for tests and fuzzing. */
void properties_parse(struct properties *p, const char *name, struct bytes content,
                      struct text *warnings);

bool property_bool(const struct properties *p, enum property which);
unsigned property_number(const struct properties *p, enum property which);
const char *property_text(const struct properties *p, enum property which);
/* Bits of enum tls_protocol; 0: it names none. */
unsigned property_protocols(const struct properties *p, enum property which);

#endif
