#include "nginx/own_note.h"

#include "base/clock.h"
#include "nginx/outbox.h"
#include "nginx/verdict.h"
#include "nginx/zone.h"

enum { PORT_BYTES = 2 };

void hf_note_put(struct note *n, struct note_entry e, struct bytes body)
{
    e.at_ns = e.at_ns != 0 ? e.at_ns : clock_now_ns();
    note_put(n, &e, body, bytes_of(NULL, 0));
}

void hf_note_fact(struct note *n, enum note_fact fact, struct bytes body)
{
    hf_note_put(n, (struct note_entry){ .kind = NOTE_FACT, .type = (uint8_t)fact }, body);
}

size_t hf_address(const struct sockaddr *sa, uint8_t out[HF_ADDRESS_BYTES])
{
    bool is_v6 = sa != NULL && sa->sa_family == AF_INET6;
    if (sa == NULL || (sa->sa_family != AF_INET && !is_v6)) {
        return 0;
    }
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    struct bytes ip = is_v6 ? bytes_of(&v6->sin6_addr, 16) : bytes_of(&v4->sin_addr, 4);
    struct bytes port = bytes_of(is_v6 ? &v6->sin6_port : &v4->sin_port, PORT_BYTES);
    if (is_v6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        ip = bytes_skip(ip, 12);
    }
    out[0] = ip.len == 16 ? 6 : 4;
    bool is_whole = bytes_copy(out + 1, PORT_BYTES, port) &&
                    bytes_copy(out + 1 + PORT_BYTES, HF_ADDRESS_BYTES - 1 - PORT_BYTES, ip);
    return is_whole ? 1 + PORT_BYTES + ip.len : 0;
}

void hf_note_address(struct note *n, enum note_fact fact, const struct sockaddr *sa)
{
    uint8_t body[HF_ADDRESS_BYTES];
    size_t len = hf_address(sa, body);
    if (len > 0) {
        hf_note_fact(n, fact, bytes_of(body, len));
    }
}

static void put_labels(struct note *n, const struct hf_whose *w)
{
    size_t n_labels = w->conf->labels == NULL ? 0 : w->conf->labels->nelts;
    struct hf_label *labels = n_labels == 0 ? NULL : w->conf->labels->elts;
    for (size_t i = 0; i < n_labels; i++) {
        ngx_str_t text = hf_label_text(w, &labels[i]);
        struct bytes value = bytes_of(text.data, text.len);
        if (text.len == 0) {
            continue;
        }
        if (labels[i].fact != FACT_LABEL) {
            hf_note_fact(n, labels[i].fact, value);
            continue;
        }
        struct note_entry e = { .kind = NOTE_FACT, .type = FACT_LABEL, .at_ns = clock_now_ns() };
        size_t len = labels[i].name.len + 1;
        u_char *head = ngx_pnalloc(w->r->pool, len);
        if (head != NULL) {
            ngx_snprintf(head, len, "%V=", &labels[i].name);
            note_put(n, &e, bytes_of(head, len), value);
        }
    }
}

void hf_note_place(struct note *n, const struct hf_whose *w)
{
    ngx_str_t id;
    hf_note_fact(n, FACT_PROGRAM, bytes_of_str("nginx"));
    if (hf_handshake_id(w, w->r->pool, &id)) {
        hf_note_fact(n, FACT_ID, bytes_of(id.data, id.len));
    }
    hf_note_fact(n, FACT_DIRECTION, bytes_of_str(direction_id(w->direction)));
    put_labels(n, w);
}

static void send_on(const struct hf_main_conf *all, struct bytes note)
{
    struct hf_counts *counts = hf_zone_counts(all->zone);
    if (all->collector.len > 0) {
        bool is_sent = hf_outbox_send(&all->collector, note);
        ngx_atomic_fetch_add(is_sent ? &counts->notes_sent : &counts->notes_lost, 1);
    }
}

static const uint8_t no_key[NOTE_KEY_BYTES];

void hf_note_send(struct note *n, const struct hf_whose *w, bool is_server)
{
    const struct hf_main_conf *all = ngx_http_get_module_main_conf(w->r, ngx_http_handfast_module);
    if (note_seal(n, no_key, (uint32_t)ngx_pid, is_server)) {
        hf_verdict_reach(all, w, NULL, bytes_of(n->p, n->len));
        send_on(all, bytes_of(n->p, n->len));
    }
    note_deinit(n);
}

void hf_note_send_on(struct note *n, const struct hf_whose *w)
{
    const struct hf_main_conf *all = ngx_http_get_module_main_conf(w->r, ngx_http_handfast_module);
    if (note_seal(n, no_key, (uint32_t)ngx_pid, false)) {
        send_on(all, bytes_of(n->p, n->len));
    }
    note_deinit(n);
}
