/* What names a program asks of a peer's certificate after the handshake, and is told. */
#include <errno.h>
#include <stdatomic.h>

#include "observe/watched.h"

enum { NAMES_MAX = 8, NAME_BYTES_MAX = 256 };

/* Nearly always the name is there, and nobody need look whose certificate it was. */
static atomic_bool one_was_refused;

void observer_note_name(struct observer *o, const X509 *certificate, struct bytes name,
                        bool is_named)
{
    if (is_named && !atomic_load_explicit(&one_was_refused, memory_order_relaxed)) {
        return;
    }
    int saved = errno;
    o->calls.ERR_set_mark();
    struct watched *w = watched_of_peer(o, certificate);
    if (w != NULL && w->n_names < NAMES_MAX && name.len <= NAME_BYTES_MAX) {
        w->n_names++;
        hooks_put(w, (struct note_entry){ .kind = NOTE_NAME, .type = is_named }, name,
                  (struct bytes){ NULL, 0 });
        atomic_store_explicit(&one_was_refused, true, memory_order_relaxed);
    }
    o->calls.ERR_pop_to_mark();
    errno = saved;
}
