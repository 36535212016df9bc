#include "api/fix_call.h"

#include <string.h>

#include "api/event_json.h"
#include "api/fix_parts.h"
#include "x509/pem.h"

static void keep_peer(void *arg, struct bytes der)
{
    struct fixing *f = arg;
    const unsigned char *p = der.p;
    X509 *x = f->n_peer < FIX_PEER_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;
    if (x != NULL) {
        f->peer[f->n_peer++] = x;
    }
}

static void begin(struct fixing *f)
{
    f->hints = event_parse(f->event->hints);
    f->verdict = event_parse(f->event->json);
    x509_pem_each(f->event->chain, keep_peer, f);
}

static void end(struct fixing *f)
{
    for (size_t i = 0; i < f->n_peer; i++) {
        X509_free(f->peer[i]);
    }
    json_decref(f->hints);
    json_decref(f->verdict);
}

void fix_calls_of(struct store *s, const struct kept_event *event, const json_t *document,
                  struct arena *arena, struct fix_calls *out)
{
    struct fixing f = {
        .store = s, .event = event, .document = document, .arena = arena, .out = out
    };
    *out = (struct fix_calls){ 0 };
    if (event->org[0] == '\0' || event->env[0] == '\0') {
        return;
    }
    begin(&f);
    if (strcmp(event->direction, "southbound") == 0) {
        fix_southbound(&f);
    } else {
        fix_northbound(&f);
    }
    end(&f);
}

void fix_calls_deinit(struct fix_calls *f)
{
    json_decref(f->fix);
    json_decref(f->workaround);
    *f = (struct fix_calls){ 0 };
}
