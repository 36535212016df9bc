/*
 * story: a note as a transcript.
 *
 * A note comes through a socket that others may reach: nothing in it is trusted, and what is broken
 * is left out. Everything lives in the arena, except certificate chains, which belong to the store.
 */
#ifndef HANDFAST_OBSERVE_STORY_H
#define HANDFAST_OBSERVE_STORY_H

#include "observe/note.h"
#include "transcript/builder.h"

enum {
    STORY_ANCHORS_MAX = 32,
    STORY_CHAINS_MAX = 2 + LOCAL_FAULTS_MAX,
    STORY_LABELS_MAX = 16,
};

/* What a note says before anything is judged. Views borrow from the note. */
struct story {
    struct bytes entries;
    const char *program; /* NULL where not known */
    const char *unseen;  /* the library that cannot be observed, NULL: a handshake was */
    struct local_facts local;
    struct endpoint ends[2]; /* by enum side; family 0 where not known */
    unsigned tcp_state;      /* TCP_ESTABLISHED ... at the end; 0 where not known */
    bool is_dtls;
    uint16_t again_version; /* of a connection that was up before; 0: its first handshake */
    int64_t first_ns, last_ns;
    size_t n_anchors; /* the trust store, where it came along whole */
    struct bytes anchors[STORY_ANCHORS_MAX];
    const char *annotations[FACT_LABEL - FACT_ID]; /* story_annotation() */
    size_t n_labels;
    const char *labels[STORY_LABELS_MAX]; /* "NAME=VALUE"; NULL without memory */
};

/* False where it is no note, or not for this key. */
bool story_open(struct bytes note, const uint8_t key[NOTE_KEY_BYTES], struct arena *arena,
                struct story *out);
/* The trust store is here in full: its certificates are `anchors`. */
bool story_has_anchors(const struct story *s);
/* What the host of the observer said: FACT_ID to FACT_REVISION; NULL where it said nothing. */
const char *story_annotation(const struct story *s, enum note_fact fact);
/* The value of the label "name=VALUE"; NULL: there is none. */
const char *story_label(const struct story *s, const char *name);

struct story_told {
    const struct transcript *t;
    size_t n_chains; /* references to give back with x509_chain_unref() */
    const struct x509_chain *chains[STORY_CHAINS_MAX];
};

/* False at the arena's limit. */
bool story_tell(struct story *s, struct arena *arena, struct x509_store *store,
                struct story_told *out);

/* Entries one by one, for those who want what is not in a transcript: keys and wire. */
struct story_entry {
    struct note_entry head;
    struct bytes body;
};
bool story_next(struct bytes *entries, struct story_entry *out);

#endif
