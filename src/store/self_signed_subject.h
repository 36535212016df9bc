/* self_signed_subject: the fields of a subject, in the order in which they stand in the name. */
#ifndef HANDFAST_STORE_SELF_SIGNED_SUBJECT_H
#define HANDFAST_STORE_SELF_SIGNED_SUBJECT_H

#include "store/self_signed.h"

struct self_signed_field {
    const char *id, *older;
    int nid;
    size_t least, most; /* characters: those of RFC 5280 appendix A.1, or the guide's */
    const char *says;
};

extern const struct self_signed_field self_signed_subject[SELF_SIGNED_FIELDS];

/* SELF_SIGNED_FIELDS: it is none. */
size_t self_signed_subject_find(const char *key);

#endif
