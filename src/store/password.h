/*
 * password: scrypt hashes of passwords as text: "scrypt$LOG2N$R$P$SALT$HASH", in hexadecimal.
 *
 * The parameters stand in the text, so that they can be raised later. Sources: RFC 7914, OWASP's
 * password storage cheat sheet (N 2^15, r 8, p 3: 32 MiB).
 */
#ifndef HANDFAST_STORE_PASSWORD_H
#define HANDFAST_STORE_PASSWORD_H

#include "base/status.h"
#include "base/text.h"

/* With a new salt. */
enum status password_hash(const char *password, struct text *out, struct err *err) NODISCARD;
/* Compares in constant time. An empty or broken hash is nobody's password, at the same cost. */
enum status password_check(const char *password, struct bytes hash, bool *out,
                           struct err *err) NODISCARD;
/* Letters and figures that are not taken for one another, of random; `size` counts the NUL. */
enum status password_make(char *out, size_t size, struct err *err) NODISCARD;

#endif
