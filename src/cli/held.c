#include "cli/held.h"

#include <stdlib.h>

static bool grow(struct held *h)
{
    size_t cap = h->cap == 0 ? 64 : h->cap * 2;
    struct kept_connection **ring = calloc(cap, sizeof(struct kept_connection *));
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < h->n; i++) {
        ring[i] = h->ring[(h->head + i) % h->cap];
    }
    free(h->ring);
    h->ring = ring;
    h->cap = cap;
    h->head = 0;
    return true;
}

bool held_push(struct held *h, struct kept_connection *kept)
{
    if (h->n == h->cap && !grow(h)) {
        return false;
    }
    h->ring[(h->head + h->n) % h->cap] = kept;
    h->n++;
    h->bytes += kept_connection_bytes(kept);
    return true;
}

struct kept_connection *held_pop(struct held *h)
{
    if (h->n == 0) {
        return NULL;
    }
    struct kept_connection *kept = h->ring[h->head];
    h->head = (h->head + 1) % h->cap;
    h->n--;
    h->bytes -= kept_connection_bytes(kept);
    return kept;
}

void held_deinit(struct held *h)
{
    for (struct kept_connection *kept = held_pop(h); kept != NULL; kept = held_pop(h)) {
        kept_connection_free(kept);
    }
    free(h->ring);
    *h = (struct held){ 0 };
}
