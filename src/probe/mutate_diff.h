/*
 * mutate_diff: what differs between two ClientHellos, item by item.
 *
 * The measure of a mutation: how small the change is, whether it changed only what it said, and
 * whether one change is part of another. An extension that one hello lacks counts as itself and
 * as each item of its list, so that "TLS 1.3 is not offered" is part of "supported_versions is
 * removed".
 */
#ifndef HANDFAST_PROBE_MUTATE_DIFF_H
#define HANDFAST_PROBE_MUTATE_DIFF_H

#include "base/text.h"
#include "probe/mutate_form.h"

enum hello_part {
    PART_LEGACY_VERSION,
    PART_RANDOM,
    PART_SESSION_ID,
    PART_SUITE,
    PART_COMPRESSION,
    PART_BLOCK,     /* the extension block itself */
    PART_EXTENSION, /* an extension as such, or a body that is no list known here */
    PART_VERSION,   /* of supported_versions, and what legacy_version implies without it */
    PART_GROUP,
    PART_SIGNATURE,
    PART_SIGNATURE_CERT,
    PART_SHARE,
    PART_ALPN,
    PART_NAME,
    PART_ORDER, /* the same items in another order; value: the part */
    PART_N
};

enum { HELLO_CHANGES_MAX = 512 };

struct hello_change {
    uint8_t part; /* enum hello_part */
    bool is_added;
    uint16_t value;    /* suite, extension type, group ... */
    struct bytes name; /* PART_ALPN, PART_NAME: borrowed from the hello */
};

struct hello_changes {
    size_t n, n_total; /* n_total counts those beyond HELLO_CHANGES_MAX, which are not kept */
    struct hello_change list[HELLO_CHANGES_MAX]; /* the last member */
};

/* What must be done to `from` to get `to`. False without room in `arena` for the sets. */
bool hello_changes_between(const struct hello_form *from, const struct hello_form *to,
                           struct arena *arena, struct hello_changes *out);
/* Is every change of `small` one of `large`? False where either has more than are kept. */
bool hello_changes_within(const struct hello_changes *small, const struct hello_changes *large);
/* "adds TLS_RSA_WITH_AES_128_CBC_SHA; removes key_share": at most `max` items by name, then how
 * many more. */
void hello_changes_put(const struct hello_changes *changes, size_t max, struct text *out);
const char *hello_part_name(enum hello_part part); /* "suite" ...: for JSON */
/* The item's own name ("x25519", "h2"), safe for a terminal. */
void hello_change_put_item(const struct hello_change *change, struct text *out);

#endif
