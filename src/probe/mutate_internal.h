/*
 * mutate_internal: what the changes of replay.def are given. Internal to mutate*.c.
 */
#ifndef HANDFAST_PROBE_MUTATE_INTERNAL_H
#define HANDFAST_PROBE_MUTATE_INTERNAL_H

#include "probe/mutate.h"

struct mutating {
    const struct mutable_hello *from;
    const struct mutation_hints *hints;
    struct arena *arena;
    uint32_t arg; /* of the row */
    size_t nth;   /* which extension, where a row stands for several changes */
    /* The copy to change. */
    struct hello_form *to;
    struct hello_carriage *carriage;
    uint16_t value; /* out: see struct mutant */
};

/* False where the change does not apply to this hello, or there is no room. */
typedef bool change_hello(struct mutating *m);

/* mutate_carriage.c */
change_hello change_record, change_segments, change_records, change_delay, change_one_record,
    change_one_segment;
/* mutate_extension.c */
change_hello change_name_plain, change_name_add, change_name_host, change_ext_gone, change_ext_nth,
    change_ext_empty, change_reneg, change_fallback, change_legacy_cap, change_compression,
    change_alpn_more, change_alpn_add, change_session_id, change_ticket, change_padding,
    change_no_block;
/* mutate_grease.c */
change_hello change_grease;
/* mutate_offer.c */
change_hello change_groups, change_shares, change_pq, change_one_share, change_signatures,
    change_suites, change_suites_key, change_suites_few;
/* mutate_version.c */
change_hello change_version, change_version_whole, change_tls13, change_no_tls13, change_legacy_max;

/* Helpers that more than one of them needs. */
bool group_is_post_quantum(uint16_t group);
/* Appends to the u16 list of the extension, or sets it where absent; false where nothing new came
 * of it. */
bool form_add_u16(struct hello_form *form, uint16_t type, const uint16_t *values, size_t n,
                  struct arena *arena);
bool form_add_suites(struct hello_form *form, const uint16_t *values, size_t n,
                     struct arena *arena);
/* Appends the name to ALPN, which is added where absent; false where it stands there. */
bool form_add_alpn(struct hello_form *form, struct bytes name, struct arena *arena);
/* Fresh key shares for the first `max` groups of supported_groups for which one can be made and
 * that have none. */
bool form_add_shares(struct hello_form *form, size_t max, struct arena *arena);

/* What common servers take: for the widest offer. Ended by 0. */
extern const uint16_t common_groups[], common_signatures[];
size_t u16_count(const uint16_t *list);
/* All suites with a certificate's key, none below today's floor (class 0); the weak ones (1); the
 * rest of the registry (2). `auths`: 1 << enum tls_auth. Returns how many were put into `out`. */
enum { SUITES_ROOM = 400 };
size_t suites_of_class(unsigned suite_class, unsigned auths, bool tls13, uint16_t out[SUITES_ROOM]);

#endif
