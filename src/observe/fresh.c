/* When the note of a connection that is up is made small. */
#if __has_include(<sys/single_threaded.h>) /* glibc 2.32 */
#include <sys/single_threaded.h>
#define HAS_SINGLE_THREADED
#endif

#include "observe/watched.h"

enum { FRESH_MAX = 16 };

/* Those whose handshake was over last, while the program has one thread. Most have their first
 * request soon, and their note goes: it is made small only where as many others come before. */
static struct watched *fresh[FRESH_MAX];
static size_t n_fresh; /* ever */

/* What glibc says of the process; true can only turn false by what this thread does. After fork()
 * it may be true again. */
static bool has_one_thread(void)
{
#ifdef HAS_SINGLE_THREADED
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

/* What a parent was at when it forked may be half done. */
static void rest_for_long(struct watched *w, int pid)
{
    w->fresh_at = 0;
    if (w->pid == pid) {
        note_compact(&w->note);
    }
}

void watched_rest(struct watched *w)
{
    if (w->fresh_at > 0) {
        return;
    }
    if (w->note.is_compact || !has_one_thread()) {
        note_compact(&w->note);
        return;
    }
    size_t i = n_fresh++ % FRESH_MAX;
    if (fresh[i] != NULL) {
        rest_for_long(fresh[i], w->pid);
    }
    fresh[i] = w;
    w->fresh_at = (uint8_t)(i + 1);
}

/* By whichever thread: a place belongs to who is in it. */
void watched_forget(struct watched *w)
{
    if (w->fresh_at > 0) {
        fresh[w->fresh_at - 1] = NULL;
        w->fresh_at = 0;
    }
    note_deinit(&w->note);
}
