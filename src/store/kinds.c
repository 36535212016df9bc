#include "store/kinds.h"

enum { STORE_NONE = STORE_N_KINDS };

static const struct {
    const char *id;
    enum store_kind parent;
} kinds[] = {
#define STORE_KIND(symbol, id, parent) { id, (enum store_kind)STORE_##parent },
#include "store/kinds.def"
};

const char *store_kind_id(enum store_kind kind)
{
    return kinds[kind].id;
}

enum store_kind store_kind_parent(enum store_kind kind)
{
    return kinds[kind].parent;
}
