/*
 * foreign: what a file is that holds neither certificates nor keys, for the message.
 */
#ifndef HANDFAST_KEYSTORE_FOREIGN_H
#define HANDFAST_KEYSTORE_FOREIGN_H

#include "base/bytes.h"

/* A literal that follows "it is"; never NULL. */
const char *foreign_what(struct bytes content);

#endif
