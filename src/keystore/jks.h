/*
 * jks: Java's keystores JKS and JCEKS. Not for other areas.
 *
 * Sources: sun.security.provider.JavaKeyStore, sun.security.provider.KeyProtector,
 * com.sun.crypto.provider.JceKeyStore and com.sun.crypto.provider.KeyProtector of JDK 17. All
 * numbers are big-endian, strings are modified UTF-8.
 */
#ifndef HANDFAST_KEYSTORE_JKS_H
#define HANDFAST_KEYSTORE_JKS_H

#include <openssl/evp.h>

#include "keystore/reading.h"

/* By the first four bytes. */
bool jks_is_in(struct bytes content);
bool jks_is_jceks(struct bytes content);
enum status read_jks(struct reading *r) NODISCARD;

/* jks_key.c. The digest that seals a store: of its password and of all bytes before the digest. */
bool jks_digest(struct reading *r, struct bytes content, uint8_t out[20]);
/* Opens the private key of entry `e`, an EncryptedPrivateKeyInfo, with the store's password. */
enum status jks_open_key(struct reading *r, struct keystore_entry *e,
                         struct bytes sealed) NODISCARD;

#endif
