#include "observe/kept.h"

#include <stdbool.h>
#include <stdlib.h>

static bool take_flag(struct kept *k)
{
    return !atomic_flag_test_and_set_explicit(&k->is_taken, memory_order_acquire);
}

static void give_flag(struct kept *k)
{
    atomic_flag_clear_explicit(&k->is_taken, memory_order_release);
}

void *kept_take(struct kept *k, size_t size)
{
    void *p = NULL;
    if (take_flag(k)) {
        p = k->n > 0 ? k->p[--k->n] : NULL;
        give_flag(k);
    }
    return p != NULL ? p : malloc(size);
}

void kept_give(struct kept *k, void *p)
{
    if (p != NULL && take_flag(k)) {
        if (k->n < KEPT_MAX) {
            k->p[k->n++] = p;
            p = NULL;
        }
        give_flag(k);
    }
    free(p);
}
