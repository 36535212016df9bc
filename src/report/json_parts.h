/*
 * json_parts: the TLS parts of a line of report_json: hello, fingerprints, certificates.
 *
 * A short line (a completed handshake without findings) carries less: see report_json.c.
 */
#ifndef HANDFAST_REPORT_JSON_PARTS_H
#define HANDFAST_REPORT_JSON_PARTS_H

#include "base/json.h"
#include "diagnose/verdict.h"

/* versions_offered, version, cipher_suite, group, alpn_offered, alpn_selected, resumed */
void json_negotiation(struct json *j, const struct transcript *t);
/* client_hello: suites, groups, signature algorithms and extensions by name; null without one. */
void json_client_hello(struct json *j, const struct transcript *t, bool is_short);
/* ja3, ja3s, ja4, ja4s; a short line has ja4 only: each hash costs as much as half the line. */
void json_fingerprints(struct json *j, const struct transcript *t);
/* certificates and chain_faults, by side */
void json_certificates(struct json *j, const struct transcript *t, const struct verdict *v,
                       bool is_short);
/* inside: of a transcript with local facts. */
void json_inside(struct json *j, const struct transcript *t);
/* The name, or "0x1234" where the registry has none. */
void json_code(struct json *j, const char *key, const char *name, uint16_t value);
/* Milliseconds with three decimals, of nanoseconds; quicker than printf. */
void json_ms(struct json *j, const char *key, int64_t ns);

#endif
