/* kinds: the kinds of documents by the words that stand in the file. */
#ifndef HANDFAST_STORE_KINDS_H
#define HANDFAST_STORE_KINDS_H

#include "store/store.h"

/* Never NULL, lives for ever. */
const char *store_kind_id(enum store_kind kind);
/* The kind that a document's `parent` names; STORE_N_KINDS: it has none. */
enum store_kind store_kind_parent(enum store_kind kind);

#endif
