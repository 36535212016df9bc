/*
 * flow_messages: handshake messages from a name and options, for flow_script.
 */
#ifndef HANDFAST_TESTS_FLOW_MESSAGES_H
#define HANDFAST_TESTS_FLOW_MESSAGES_H

#include "make_cert.h"
#include "transcript/transcript.h"

/* The value of `key` in "key=value,key"; "" where it has none; false where it is not there. */
bool flow_option(const char *options, const char *key, char *value, size_t room);
/* The type and body of the message, in the form of the version that `t` negotiated; false where
 * the name is not known. The caller ends the text. */
bool flow_message(const char *name, const char *options, const struct transcript *t,
                  uint8_t *out_type, struct text *out);

#endif
