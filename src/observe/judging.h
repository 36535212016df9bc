/*
 * judging: a note in, a verdict out.
 *
 * What the collectors of the agent and of the gateway have in common: a note becomes a story, the
 * story a transcript, and that is judged by the trust that the observed program had, where it is
 * known: the certificates that came along, or the files they were loaded from; else by the
 * system's. Trust read from files is kept while they stay the same. One thread's.
 */
#ifndef HANDFAST_OBSERVE_JUDGING_H
#define HANDFAST_OBSERVE_JUDGING_H

#include "diagnose/verdict.h"
#include "observe/story.h"

struct judging;

/* One note. Lives until the next judging_open(). */
struct judged {
    struct story story;
    const struct transcript *t;
    struct verdict verdict;
    bool trust_is_given; /* judged by the program's own trust, not by the system's */
    /* Set by the caller between the two calls: what the program's trust is called, in the place of
     * the files it was read from; NULL: these. Lives as long as the verdict. */
    const char *trust_name;
    /* Set likewise: CA certificates that the caller knows of. With the issuer of a chain's last
     * certificate at hand it is told whether that is an intermediate, which was not sent, or a
     * root, which is not trusted. Gives one that may have issued `child` (DER), and moves *at, 0 at
     * first, behind it; false: there is no more. It is borrowed for the call. NULL: none. */
    bool (*find_issuer)(void *arg, struct bytes child, size_t *at, struct bytes *der);
    void *issuer_arg;
};

enum status judging_new(struct judging **out, struct err *err) NODISCARD;
void judging_free(struct judging *g); /* NULL is fine */
/* Reads the system's trust, if it is not there or its file has changed, so that no verdict has to
 * wait for it: tens of milliseconds. */
void judging_prepare(struct judging *g);

/* Ends what was open. False where the bytes are no note, or not for this key. story.unseen is not
 * NULL where there is nothing to judge. */
bool judging_open(struct judging *g, struct bytes note, const uint8_t key[NOTE_KEY_BYTES],
                  struct judged *out);
/* False without memory, or at a limit. */
bool judging_reach(struct judging *g, struct judged *j);

#endif
