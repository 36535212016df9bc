/* Requests that failed at their upstream without a handshake: TCP was in the way, or one side
 * speaks TLS and the other does not. No SSL, no observer: the note is written here. */
#include "base/clock.h"
#include "nginx/own_note.h"
#include "nginx/south.h"
#include "transcript/transcript.h"

/* --- what a backend says --- */

/* What nginx, Apache, Go, Tomcat and lighttpd answer to HTTP on a port for TLS. */
static const char *const wants_tls[] = { "sent to HTTPS port", "SSL-enabled server port",
                                         "HTTP request to an HTTPS server", "requires TLS",
                                         "HTTPS server" };

/* The answer's beginning, as nginx read it with the header. */
static const char *words_of(const ngx_http_request_t *r)
{
    const ngx_buf_t *b = &r->upstream->buffer;
    for (size_t i = 0; b->start != NULL && i < sizeof wants_tls / sizeof wants_tls[0]; i++) {
        size_t len = ngx_strlen(wants_tls[i]);
        if (b->last > b->start &&
            memmem(b->start, (size_t)(b->last - b->start), wants_tls[i], len) != NULL) {
            return wants_tls[i];
        }
    }
    return NULL;
}

bool hf_south_wants_tls(const ngx_http_request_t *r)
{
    return r->headers_out.status == NGX_HTTP_BAD_REQUEST && r->upstream->ssl == 0 &&
           words_of(r) != NULL;
}

/* --- the note --- */

static enum connect_error why_not_connected(ngx_http_request_t *r)
{
    const ngx_http_upstream_state_t *state = r->upstream->state;
    const struct hf_attempt *a = hf_attempt_of(r, false);
    if (a != NULL && a->is_nobody) {
        return CONNECT_NO_ADDRESS;
    }
    if (state != NULL && state->status == NGX_HTTP_GATEWAY_TIME_OUT) {
        return CONNECT_TIMEOUT;
    }
    return a != NULL && a->is_unanswered ? CONNECT_UNREACHABLE : CONNECT_REFUSED;
}

/* `why`: an errno, or enum connect_error */
static void put_end(struct note *n, enum note_end end, unsigned why)
{
    const uint8_t number[4] = { [3] = (uint8_t)why };
    hf_note_put(n,
                (struct note_entry){
                    .kind = NOTE_END, .type = (uint8_t)end, .from_peer = end == NOTE_END_EOF },
                bytes_of(number, sizeof number));
}

/* Enough to tell the protocol by, and no more than a first line: RFC 5321 and 9110 put nothing
 * secret there. */
enum { WORDS_MAX = 64, BINARY_MAX = 8, RECORD_HEADER = 5, ALERT_RECORD = 7, CONTENT_ALERT = 21 };

static struct bytes beginning_of(struct bytes said)
{
    size_t n = 0;
    while (n < said.len && n < WORDS_MAX && said.p[n] >= ' ' && said.p[n] <= '~') {
        n++;
    }
    bool is_line = n == said.len || n == WORDS_MAX || said.p[n] == '\r' || said.p[n] == '\n';
    return bytes_head(said, is_line && n > 0 ? n : BINARY_MAX);
}

bool hf_is_alert(struct bytes said)
{
    return said.len >= ALERT_RECORD && said.p[0] == CONTENT_ALERT && said.p[1] == 3 &&
           load_be16(said.p + 3) == ALERT_RECORD - RECORD_HEADER;
}

static void put_said(struct note *n, struct bytes said)
{
    if (hf_is_alert(said)) {
        hf_note_put(n,
                    (struct note_entry){ .kind = NOTE_ALERT,
                                         .from_peer = 1,
                                         .level = said.p[RECORD_HEADER],
                                         .type = said.p[RECORD_HEADER + 1] },
                    bytes_of(NULL, 0));
        return;
    }
    hf_note_put(n, (struct note_entry){ .kind = NOTE_NOT_TLS, .from_peer = 1 }, beginning_of(said));
}

/* No byte of the request but its method: it may be secret. */
static void put_request(struct note *n, const ngx_http_request_t *r)
{
    u_char text[64];
    u_char *end = ngx_snprintf(text, sizeof text, "%V / HTTP/1.1", &r->method_name);
    hf_note_put(n, (struct note_entry){ .kind = NOTE_NOT_TLS },
                bytes_of(text, (size_t)(end - text)));
}

static void put_answer(struct note *n, const ngx_http_request_t *r)
{
    u_char text[128];
    const char *words = words_of(r);
    u_char *end =
        ngx_snprintf(text, sizeof text, "HTTP/1.1 400 Bad Request: %s", words == NULL ? "" : words);
    hf_note_put(n, (struct note_entry){ .kind = NOTE_NOT_TLS, .from_peer = 1 },
                bytes_of(text, (size_t)(end - text)));
}

static void put_close(struct note *n, ngx_http_request_t *r)
{
    const struct hf_attempt *a = hf_attempt_of(r, false);
    bool is_eof = a == NULL || a->is_eof || !a->was_reset;
    put_end(n, is_eof ? NOTE_END_EOF : NOTE_END_SYSTEM, is_eof ? 0U : ECONNRESET);
}

/* The name for which a resolver found no address. */
static void put_sought(struct note *n, const ngx_http_upstream_t *u)
{
    struct note_entry e = { .kind = NOTE_FACT, .type = FACT_LABEL, .at_ns = clock_now_ns() };
    if (u->resolved != NULL && u->resolved->host.len > 0) {
        note_put(n, &e, bytes_of_str("host="),
                 bytes_of(u->resolved->host.data, u->resolved->host.len));
    }
}

static void put_what_happened(struct note *n, ngx_http_request_t *r, enum hf_untold what,
                              struct bytes said)
{
    switch (what) {
    case HF_NO_SERVER:
        put_end(n, NOTE_END_CONNECT, CONNECT_NONE_LEFT);
        break;
    case HF_NO_ADDRESS:
        put_sought(n, r->upstream);
        put_end(n, NOTE_END_CONNECT, CONNECT_NO_ADDRESS);
        break;
    case HF_NOT_CONNECTED:
        put_end(n, NOTE_END_CONNECT, why_not_connected(r));
        break;
    case HF_CLOSED:
        put_close(n, r);
        break;
    case HF_SPOKE_FIRST:
        put_said(n, said);
        put_end(n, NOTE_END_ERROR, 0);
        break;
    case HF_NO_ANSWER:
        put_request(n, r);
        put_end(n, NOTE_END_EOF, CONNECT_FINE);
        break;
    case HF_WANTS_TLS:
        put_request(n, r);
        if (said.len > 0) {
            put_said(n, said);
        } else {
            put_answer(n, r);
        }
        put_end(n, NOTE_END_EOF, CONNECT_FINE);
        break;
    }
}

void hf_south_tell(ngx_http_request_t *r, enum hf_untold what, struct bytes said)
{
    struct hf_loc_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_handfast_module);
    struct hf_request *own = conf->is_on == 1 ? hf_request_of(r) : NULL;
    struct hf_whose w = { DIRECTION_SOUTHBOUND, r->connection, NULL, r, conf };
    const ngx_http_upstream_t *u = r->upstream;
    const struct hf_attempt *a = hf_attempt_of(r, false);
    struct note n = { 0 };
    if (own == NULL) {
        return;
    }
    own->n_attempts++;
    struct note_entry first = { .kind = NOTE_FACT, .type = FACT_SERVER_NAME };
    first.at_ns = clock_now_ns() - (int64_t)(ngx_current_msec - u->start_time) * NS_PER_MS;
    hf_note_put(&n, first, bytes_of(u->ssl_name.data, u->ssl_name.len));
    put_what_happened(&n, r, what, said);
    if (what == HF_WANTS_TLS || what == HF_SPOKE_FIRST) { /* still there */
        hf_note_address(&n, FACT_PEER, u->peer.sockaddr);
    } else if (what != HF_NO_SERVER && a != NULL && a->address_len > 0) {
        hf_note_fact(&n, FACT_PEER, bytes_of(a->address, a->address_len));
    }
    hf_note_place(&n, &w);
    hf_note_send(&n, &w, false);
}
