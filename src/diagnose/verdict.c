#include "diagnose/verdict.h"

static const struct {
    const char *id, *summary;
    enum category category;
} causes[N_CAUSES] = {
    [CAUSE_NONE] = { NULL, NULL, CATEGORY_NONE },
#define CAUSE(symbol, id, category, summary)                                                       \
    [CAUSE_##symbol] = { id, summary, CATEGORY_##category },
#include "diagnose/causes.def"
};

const char *cause_id(enum cause c)
{
    return causes[c].id;
}

const char *cause_summary(enum cause c)
{
    return causes[c].summary;
}

enum category cause_category(enum cause c)
{
    return causes[c].category;
}

bool cause_from_id(struct bytes id, enum cause *out)
{
    for (size_t i = 1; i < N_CAUSES; i++) {
        if (bytes_equal(id, bytes_of_str(causes[i].id))) {
            *out = (enum cause)i;
            return true;
        }
    }
    return false;
}

const char *category_id(enum category c)
{
    static const char *const ids[] = {
        [CATEGORY_PROTOCOL] = "protocol",       [CATEGORY_CIPHER] = "cipher",
        [CATEGORY_CERTIFICATE] = "certificate", [CATEGORY_SNI] = "sni",
        [CATEGORY_SESSION] = "session",         [CATEGORY_PEER] = "peer",
        [CATEGORY_TRANSPORT] = "transport",     [CATEGORY_UNKNOWN] = "unknown",
    };
    return ids[c];
}

const char *outcome_id(enum outcome o)
{
    static const char *const ids[] = {
        [OUTCOME_COMPLETED] = "completed",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_UNFINISHED] = "unfinished",
    };
    return ids[o];
}

const char *actor_id(enum actor a)
{
    static const char *const ids[] = {
        [ACTOR_CLIENT] = "client",
        [ACTOR_SERVER] = "server",
        [ACTOR_NETWORK] = "network",
        [ACTOR_UNKNOWN] = "unknown",
    };
    return ids[a];
}

const char *confidence_id(enum confidence c)
{
    static const char *const ids[] = {
        [CONFIDENCE_POSSIBLE] = "possible",
        [CONFIDENCE_PROBABLE] = "probable",
        [CONFIDENCE_CERTAIN] = "certain",
    };
    return ids[c];
}

const char *direction_id(enum direction d)
{
    static const char *const ids[] = {
        [DIRECTION_NORTHBOUND] = "northbound",
        [DIRECTION_SOUTHBOUND] = "southbound",
    };
    return ids[d];
}
