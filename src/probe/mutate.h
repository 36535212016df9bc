/*
 * mutate: a captured ClientHello with exactly one thing changed, everything else kept byte for
 * byte.
 *
 * The rows of replay.def say which changes there are, what each proves and in which order they are
 * tried. Lengths are put right; the order of extensions and values is kept, what is added goes last
 * (pre_shared_key stays the last extension). A PSK's binder covers the whole hello (RFC 8446
 * section 4.2.11.2), so a hello with one is first stripped of it and of early_data: mutant_strip().
 * Everything made lives in the arena given. The hello is hostile: what does not parse cannot be
 * mutated, and a change that does not fit its length field does not apply.
 * Sources: RFC 8446, 5246, 7685 (padding), 8701 (GREASE), 7507 (fallback), 5746, 7627, 7301.
 */
#ifndef HANDFAST_PROBE_MUTATE_H
#define HANDFAST_PROBE_MUTATE_H

#include "diagnose/verdict.h"
#include "probe/mutate_diff.h"

enum mutation_kind {
    MUTATION_FRAMING,
    MUTATION_NAME,
    MUTATION_SESSION,
    MUTATION_ADDS,
    MUTATION_TAKES
};

enum { HELLO_FRAGMENTS_MAX = 512 };

/* How a message is carried. All-zero but for the version: one record, at once. */
struct hello_carriage {
    uint16_t record_version;
    bool is_sslv2; /* the body is an SSL 2.0 CLIENT-HELLO, with its 2-byte header on the wire */
    /* How long the records are that come before the last one; none: one record. Borrowed. */
    const uint16_t *fragments;
    size_t n_fragments;
    size_t segment_at; /* bytes in the first TCP segment; 0: all at once */
    unsigned gap_ms;   /* between the segments */
    unsigned delay_ms; /* before the first byte */
};

/* A hello that can be changed: the captured one, or a change of it to begin from. */
struct mutable_hello {
    struct hello_form form; /* first taken apart, then borrowed by every mutant */
    struct bytes body;
    struct hello_carriage carriage;
};

/* What the captured bytes do not tell. */
struct mutation_hints {
    struct bytes host;  /* the name of the server as the user gives it; empty where an address */
    struct bytes named; /* a name that the server's certificate bears; empty where not known */
};

struct mutation {
    const char *id;
    enum mutation_kind kind;
    enum cause cause;
    const char *detail;
    enum actor side; /* who is to change */
    uint32_t parts;  /* 1 << enum hello_part */
    const char *what;
};

extern const struct mutation mutations[];
extern const size_t n_mutations;

struct mutant {
    const struct mutation *row; /* NULL: made by mutant_mix() */
    uint16_t value;             /* the extension removed, the one item added; else 0 */
    struct bytes body;
    struct hello_carriage carriage;
    const struct hello_changes *changes; /* against the hello it was made from */
    const char *what;                    /* as the row's, with the item's name */
};

enum { MUTANTS_MAX = 160 };

/* The captured hello. False where it does not parse. */
bool mutable_hello_take(struct bytes body, const struct hello_carriage *carriage,
                        struct arena *arena, struct mutable_hello *out);
/* All changes that apply, in the order of the table; returns how many were put into `out`. */
size_t mutants_make(const struct mutable_hello *from, const struct mutation_hints *hints,
                    struct arena *arena, struct mutant out[MUTANTS_MAX]);
/* Must it be stripped before anything else is changed: a PSK with its binder, SSL 2.0 framing? */
bool mutant_needs_strip(const struct mutable_hello *from);
/* Without them; false where that does not apply. */
bool mutant_strip(const struct mutable_hello *from, struct arena *arena, struct mutable_hello *out,
                  struct mutant *out_mutant);
/* As `whole`, with nothing added but this one item: the smallest form of a change that helped. */
bool mutant_single(const struct mutable_hello *from, const struct mutant *whole,
                   const struct hello_change *item, struct arena *arena, struct mutant *out);
/* The message of `from`, or of a mutant, made `len` bytes long by the padding extension. */
bool mutant_pad(const struct mutable_hello *from, struct bytes body, size_t len,
                struct arena *arena, struct mutant *out);

/* The parts of a hello that a mixture takes from a hello that everything answers. */
enum hello_share {
    SHARE_NAME = 1,
    SHARE_VERSIONS = 2, /* legacy_version, supported_versions and, for 1.3, the key shares */
    SHARE_SUITES = 4,
    SHARE_GROUPS = 8,
    SHARE_SIGNATURES = 16,
    SHARE_ALPN = 32,
    SHARE_SESSION = 64,
    SHARE_EXTENSIONS = 128, /* every other extension */
    SHARE_COMPRESSION = 256,
    SHARE_ALL = 511
};
/* The captured hello with those parts exchanged for the widest offer. */
bool mutant_mix(const struct mutable_hello *from, const struct mutation_hints *hints,
                unsigned shares, struct arena *arena, struct mutant *out);

/* The body with the header of its message. p == NULL without room. */
struct bytes hello_message(struct bytes body, struct arena *arena);
/* The bytes on the wire: records with their headers. p == NULL without room. */
struct bytes hello_wire(struct bytes body, const struct hello_carriage *carriage,
                        struct arena *arena);

#endif
