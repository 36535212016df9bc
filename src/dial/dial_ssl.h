/*
 * dial_ssl: what every TLS client of ours shares that OpenSSL speaks for.
 */
#ifndef HANDFAST_DIAL_DIAL_SSL_H
#define HANDFAST_DIAL_DIAL_SSL_H

#include <openssl/ssl.h>

#include "base/status.h"

/* "WHAT: the reason of OpenSSL's latest error"; the error queue is empty afterwards. */
enum status dial_ssl_error(enum status status, const char *what, struct err *err);
/* For SSL_CTX_set_verify(): what a server presents is looked at, never refused. */
int dial_ssl_take_anything(int ok, X509_STORE_CTX *context);

#endif
