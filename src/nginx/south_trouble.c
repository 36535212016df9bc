/* Requests that came to nothing although a connection stood: over TLS the handshake went well. And
 * those that the Router could not hand to its Message Processor. No observer sees either as a
 * failure: the note is written here. */
#include "base/clock.h"
#include "nginx/own_note.h"
#include "nginx/south.h"
#include "transcript/transcript.h"

static void put_number(uint8_t *out, unsigned value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* That there was a handshake, and what it came to. */
static void put_handshake(struct note *n)
{
    static const uint8_t good[4];
    hf_note_put(n, (struct note_entry){ .kind = NOTE_DONE }, bytes_of(good, sizeof good));
    hf_note_put(n, (struct note_entry){ .kind = NOTE_DATA }, bytes_of(NULL, 0));
}

static void put_trouble(struct note *n, const struct hf_attempt *a, enum answer_error why)
{
    uint8_t body[8] = { [3] = (uint8_t)why };
    if (a != NULL && a->version != 0) {
        put_number(body + 4, a->version);
        put_number(body + 6, a->suite);
        put_handshake(n);
    }
    struct note_entry end = { .kind = NOTE_END,
                              .type = NOTE_END_ANSWER,
                              .from_peer = why == ANSWER_CLOSED };
    hf_note_put(n, end, bytes_of(body, sizeof body));
}

static void put_no_processor(struct note *n)
{
    static const uint8_t why[4] = { [3] = CONNECT_NO_PROCESSOR };
    hf_note_put(n, (struct note_entry){ .kind = NOTE_END, .type = NOTE_END_CONNECT },
                bytes_of(why, sizeof why));
}

static struct note begin(const ngx_http_request_t *r)
{
    const ngx_http_upstream_t *u = r->upstream;
    struct note n = { 0 };
    struct note_entry first = { .kind = NOTE_FACT, .type = FACT_SERVER_NAME };
    first.at_ns = clock_now_ns() - (int64_t)(ngx_current_msec - u->start_time) * NS_PER_MS;
    hf_note_put(&n, first, bytes_of(u->ssl_name.data, u->ssl_name.len));
    return n;
}

/* The handshake looked good here, and the server has refused it: the observer has told. */
static bool was_refused(const struct hf_whose *w)
{
    const struct hf_request *own = hf_request_of(w->r);
    ngx_str_t id;
    return own != NULL && own->told != NULL && hf_handshake_id(w, w->r->pool, &id) &&
           id.len == own->told->id.len && ngx_memcmp(id.data, own->told->id.data, id.len) == 0;
}

/* Its id is that of the request's last handshake, or of the request: it is no handshake of its own.
 */
void hf_south_tell_trouble(ngx_http_request_t *r, enum answer_error why)
{
    struct hf_loc_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_handfast_module);
    bool is_ours = why == ANSWER_PROCESSOR_LATE;
    struct hf_whose w = { is_ours ? DIRECTION_NORTHBOUND : DIRECTION_SOUTHBOUND, r->connection,
                          NULL, r, conf };
    const struct hf_attempt *a = hf_attempt_of(r, false);
    if (conf->is_on != 1 || hf_request_of(r) == NULL ||
        (why == ANSWER_CLOSED && a != NULL && a->version != 0 && was_refused(&w))) {
        return;
    }
    struct note n = begin(r);
    put_trouble(&n, a, why);
    if (a != NULL && a->address_len > 0) {
        hf_note_fact(&n, FACT_PEER, bytes_of(a->address, a->address_len));
    }
    hf_note_place(&n, &w);
    hf_note_send_on(&n, &w);
}

void hf_south_tell_no_processor(ngx_http_request_t *r)
{
    struct hf_loc_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_handfast_module);
    struct hf_whose w = { DIRECTION_NORTHBOUND, r->connection, NULL, r, conf };
    if (conf->is_on != 1 || hf_request_of(r) == NULL) {
        return;
    }
    struct note n = begin(r);
    put_no_processor(&n);
    hf_note_place(&n, &w);
    hf_note_send(&n, &w, false);
}
