/*
 * enumerate: which of many things a server accepts, and which it likes best, from questions that
 * each name a set and are answered with one of it.
 *
 * Pure: no I/O. A server answers an offer with the member it likes best, or with none. Asked one
 * after the other (offer all, drop the chosen one, offer the rest) that takes as many round trips
 * as there are answers. Here the order is guessed: for a guess a, b, c, d the offers {a b c d}, {b
 * c d}, {c d}, {d} are made at once, and every answer that fits the guess is settled. What does not
 * fit corrects the guess for the next wave. Groups of candidates that usually stand or fall
 * together are offered first, so that most of what a server does not have is settled by few offers.
 */
#ifndef HANDFAST_PROBE_ENUMERATE_H
#define HANDFAST_PROBE_ENUMERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENUM_ITEMS_MAX = 512,
    ENUM_GROUPS_MAX = 32,
    ENUM_OPEN_MAX = 160, /* offers that wait for an answer */
    ENUM_WORDS = ENUM_ITEMS_MAX / 64
};

struct enum_set {
    uint64_t words[ENUM_WORDS];
};

enum enum_state { ENUM_UNKNOWN, ENUM_ACCEPTED, ENUM_REJECTED, ENUM_UNCERTAIN };

enum enum_policy {
    ENUM_POLICY_UNKNOWN, /* one accepted, or none */
    ENUM_POLICY_SERVER,  /* the server's own order decides */
    ENUM_POLICY_CLIENT,  /* the first of the offer that the server has */
    ENUM_POLICY_MIXED    /* neither: what decides is something else in the offer */
};

struct enum_offer {
    struct enum_set set;
    bool is_reversed; /* the guess's last one stands first */
    bool is_of_doubt; /* of those that probably are not there */
    bool is_open;
    int16_t target; /* the item that the answer is about first; -1: none */
};

struct enumerator {
    size_t n;
    uint16_t value[ENUM_ITEMS_MAX];  /* in the order guessed */
    uint8_t state[ENUM_ITEMS_MAX];   /* enum enum_state */
    uint32_t groups[ENUM_ITEMS_MAX]; /* bit set of the groups an item is in */
    size_t n_groups;
    size_t n_likely; /* the items from here on are offered in few large offers */
    size_t large;    /* of so many; 0: 96 */
    bool is_eager;   /* the groups are offered before the first answer is there */
    bool is_hinted;  /* by enumerator_doubt(): no groups, and the first wave waits for nothing */
    bool is_patient; /* one offer after the other: fewest connections */
    unsigned budget; /* offers that may still be made; counts down */

    /* its own */
    bool is_doubtful[ENUM_ITEMS_MAX]; /* the answer was another one's where it should have been its
                                       */
    bool is_passed_over[ENUM_ITEMS_MAX];   /* a server that follows the client chose a later one */
    struct enum_set beats[ENUM_ITEMS_MAX]; /* what was on offer when the item was chosen */
    struct enum_offer open[ENUM_OPEN_MAX];
    unsigned n_open, n_made, n_waves;
    uint8_t stage;
    size_t cursor;                     /* within the stage's offers */
    int first_choice, reversed_choice; /* -1: none, -2: not known */
    enum enum_policy policy;
    unsigned n_idle;              /* waves in a row that taught nothing */
    unsigned n_wave, n_fitting;   /* of the last wave: offers, and those answered as guessed */
    size_t order[ENUM_ITEMS_MAX]; /* the guess of this wave: indices of live items */
    size_t n_order;
    bool in_wave;
    size_t n_known; /* what the last wave began with; see knowledge() */
    bool poor;      /* the last guess was */
    bool is_over;
    bool is_short; /* the budget ended it: some items stay unknown */
};

/* All-zero but for values, groups, n, n_likely and budget is ready after this. */
void enumerator_start(struct enumerator *e);
/* Before the first offer: probably these are not there, and probably the others are. */
void enumerator_doubt(struct enumerator *e, const uint16_t *values, size_t n);
/* Nothing of it is accepted (the version itself is not): the rest need not be asked. */
void enumerator_reject_all(struct enumerator *e);
/* The next offer: its number, and the values in the order in which they are to stand. False: none
 * now; none at all once is_over. */
bool enumerator_next(struct enumerator *e, unsigned *out_offer, uint16_t *out, size_t *out_n);
/* Does an open offer hold this value? */
bool enumerator_offered(const struct enumerator *e, unsigned offer, uint16_t value);
/* `chosen`: one of the offer's values; -1: none of them; -2: nobody knows. A value that was not
 * offered counts as -2. */
void enumerator_answer(struct enumerator *e, unsigned offer, int32_t chosen);
/* Indices of the accepted items, best liked first. */
size_t enumerator_accepted(const struct enumerator *e, size_t *out);

#endif
