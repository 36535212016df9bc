#include "store/kinds.h"

static const char *const ids[] = {
#define STORE_KIND(symbol, id) id,
#include "store/kinds.def"
};

const char *store_kind_id(enum store_kind kind)
{
    return ids[kind];
}
