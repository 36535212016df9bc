/* Between the observer (src/observe) and nginx: which handshakes are watched, what is added to
 * their notes, where the notes go. */
#include "nginx/module.h"
#include "observe/calls.h"

static struct observer *observer;

/* The connection, where its configuration wants it watched: it outlives the SSL. */
static void *on_start(SSL *ssl)
{
    struct hf_whose w = hf_whose_of(ssl);
    return w.direction != HF_NONE && w.conf->is_on ? w.c : NULL;
}

static void on_note(void *whose, SSL *ssl, struct bytes note)
{
    ngx_connection_t *c = whose;
    (void)ssl;
    ngx_log_error(NGX_LOG_INFO, c->log, 0, "handfast: %uz bytes seen of a handshake", note.len);
}

void hf_observe_start(ngx_cycle_t *cycle)
{
    struct calls calls;
    static const struct observer_options options = {
        .program = "nginx",
        .at_start = on_start,
        .sink = on_note,
    };
    if (!calls_find_own(&calls)) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "handfast: this OpenSSL cannot be observed");
        return;
    }
    observer = observer_attach(&calls, &options);
    if (observer == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "handfast: no memory to observe");
    }
}
