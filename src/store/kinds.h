/* kinds: the kinds of documents by the words that stand in the file. */
#ifndef HANDFAST_STORE_KINDS_H
#define HANDFAST_STORE_KINDS_H

#include "store/store.h"

/* Never NULL, lives for ever. */
const char *store_kind_id(enum store_kind kind);

#endif
