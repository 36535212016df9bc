#include "transcript/infer.h"

#include "tls/names.h"

enum {
    INNER_TYPE = 1,
    HANDSHAKE_HEADER = 4,
    DTLS_HANDSHAKE_HEADER = 12,
    ALERT_BODY = 2,
    JSSE_PADDING = 16, /* SunJSSE pads every TLS 1.3 record by so much (RFC 8446 5.4 allows any) */
};

struct sealed_sizes sealed_sizes_of(uint16_t cipher_suite, bool is_dtls, uint32_t padding)
{
    uint32_t header = is_dtls ? DTLS_HANDSHAKE_HEADER : HANDSHAKE_HEADER;
    const struct tls_cipher_suite *suite = tls_cipher_suite(cipher_suite);
    uint32_t tag = suite != NULL && suite->mode == TLS_MODE_CCM_8 ? 8 : 16;
    uint32_t hash = suite != NULL && suite->hash == TLS_HASH_SHA384 ? 48 : 32;
    uint32_t extra = INNER_TYPE + tag + padding;
    return (struct sealed_sizes){
        .alert = ALERT_BODY + extra,
        .finished = header + hash + extra,
        .empty_certificate = header + 1 + 3 + extra,
        .end_of_early_data = header + extra,
        .overhead = extra,
    };
}

/* What the client's encrypted records of TLS 1.3 amount to. */
struct client_flight {
    struct event *finished;
    uint32_t n_before; /* records after the server's flight began and before Finished */
    bool has_empty_certificate;
};

static bool is_sealed(const struct event *e, enum side side)
{
    return e->kind == EVENT_APPLICATION_DATA && e->side == side &&
           (e->flags & EVENT_ENCRYPTED) == 0;
}

/* A Finished of its own, or after an empty Certificate, or at the end of one record with all
 * of a client's flight in it: longer than an alert and than Finished (RFC 8446 4.4, 5.1). */
static bool may_hold_finished(const struct transcript *t, const struct event *e,
                              const struct sealed_sizes *sizes)
{
    (void)t;
    return e->len >= sizes->finished;
}

/* Bytes behind a gap are read when it is given up, later than what came after them. */
static bool is_before(const struct event *a, const struct event *b)
{
    return a->when.frame != b->when.frame ? a->when.frame < b->when.frame : a < b;
}

static const struct event *server_flight(const struct transcript *t)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (is_sealed(&t->events[i], SIDE_SERVER)) {
            return &t->events[i];
        }
    }
    return NULL;
}

/* Is the client done with 0-RTT at this record? Early data may go on until EndOfEarlyData; a server
 * that did not accept it gets Finished without one. */
static bool is_early_data(const struct transcript *t, const struct event *e, size_t i,
                          const struct sealed_sizes *sizes)
{
    if (!t->early_data_offered || t->hello_retry != NULL) {
        return false;
    }
    if (t->server_hello_event == NULL || e < t->server_hello_event) {
        return true;
    }
    for (size_t k = i; k < t->n_events; k++) {
        if (is_sealed(&t->events[k], SIDE_CLIENT) && t->events[k].len == sizes->end_of_early_data) {
            return true;
        }
    }
    return false;
}

static struct client_flight find_client_flight(struct transcript *t,
                                               const struct sealed_sizes *sizes)
{
    struct client_flight flight = { 0 };
    const struct event *server = server_flight(t);
    for (size_t i = 0; i < t->n_events && flight.finished == NULL; i++) {
        struct event *e = &t->events[i];
        bool counts =
            is_sealed(e, SIDE_CLIENT) &&
            (t->side[SIDE_SERVER].is_silent || (server != NULL && is_before(server, e))) &&
            !is_early_data(t, e, i, sizes);
        if (!counts) {
            continue;
        }
        /* BoringSSL writes the two as one record (RFC 8446 5.1). */
        bool is_both = e->len == sizes->finished + sizes->empty_certificate - sizes->overhead;
        flight.has_empty_certificate =
            flight.has_empty_certificate || is_both || e->len == sizes->empty_certificate;
        if (is_both || e->len == sizes->finished) {
            flight.finished = e;
        }
        flight.n_before++;
    }
    return flight;
}

/* No record had a Finished's size: one flight in one record, or padding. The client's first record
 * that is larger than Finished holds it, if the client sent more after the server went on. */
static struct event *find_combined(struct transcript *t, const struct sealed_sizes *sizes)
{
    const struct event *server = server_flight(t);
    struct event *largest = NULL;
    for (size_t i = 0; i < t->n_events; i++) {
        struct event *e = &t->events[i];
        if (is_sealed(e, SIDE_CLIENT) && server != NULL && is_before(server, e) &&
            !is_early_data(t, e, i, sizes) && may_hold_finished(t, e, sizes)) {
            largest = e;
            break;
        }
    }
    return largest;
}

static void infer_client_certificate(struct transcript *t, const struct client_flight *flight)
{
    struct side_facts *client = &t->side[SIDE_CLIENT];
    if (client->has_certificate) {
        return;
    }
    if (flight->has_empty_certificate) {
        client->has_certificate = client->certificate_is_empty = true;
        client->certificate_event = flight->finished;
    } else if (flight->n_before > 2) { /* Certificate, CertificateVerify, Finished */
        client->has_certificate = true;
        client->certificate_unreadable = true;
        client->certificate_event = flight->finished;
    }
}

/* The last record of a side before its FIN or RST that has an alert's size. A side that never
 * finished has no data to send: of several such records at its end the first is the alert, as
 * wolfSSL sends two. */
static struct event *find_alert(struct transcript *t, enum side side, const struct event *after,
                                const struct sealed_sizes *sizes)
{
    struct event *last = NULL;
    for (size_t i = 0; i < t->n_events; i++) {
        struct event *e = &t->events[i];
        if (is_sealed(e, side) && (after == NULL || e > after)) {
            bool goes_on = last != NULL && last->len == sizes->alert && e->len == sizes->alert &&
                           side == SIDE_CLIENT && after == NULL;
            last = goes_on ? last : e;
        }
    }
    return last != NULL && last->len == sizes->alert ? last : NULL;
}

static void infer_alert(struct transcript *t, enum side side, const struct event *after,
                        const struct sealed_sizes *sizes)
{
    struct event *e = find_alert(t, side, after, sizes);
    if (e == NULL || t->side[side].sealed_alert != NULL) {
        return;
    }
    e->kind = EVENT_SEALED_ALERT;
    e->flags |= EVENT_INFERRED;
    t->side[side].sealed_alert = e;
    t->side[side].n_application_records -= 1;
}

/* After both Finished: has a side sent application data of its own? A server's records before the
 * client said anything may be tickets; a client's alert is no data. */
static void infer_data(struct transcript *t, const struct event *finished,
                       const struct sealed_sizes *sizes, const struct sealed_sizes *server_sizes)
{
    /* OpenSSL, Go, Java and others send one or two tickets, few send up to four. */
    enum { TICKETS_MAX = 4 };
    struct side_facts *server = &t->side[SIDE_SERVER];
    bool client_spoke = false;
    unsigned server_records = 0;
    for (const struct event *e = finished + 1; e < t->events + t->n_events; e++) {
        if (is_sealed(e, SIDE_CLIENT) && e->len != sizes->alert) {
            client_spoke = true;
            t->side[SIDE_CLIENT].sent_application_data = true;
        } else if (is_sealed(e, SIDE_SERVER) && e->len != server_sizes->alert) {
            server_records += e->count;
            t->has_ticket = true;
            server->sent_application_data =
                server->sent_application_data || client_spoke || server_records > TICKETS_MAX;
        }
    }
}

static bool has_record(const struct transcript *t, enum side side, uint32_t len)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (is_sealed(&t->events[i], side) && t->events[i].len == len) {
            return true;
        }
    }
    return false;
}

/* A side pads all its records alike or none: its Finished tells, or an alert in its place. */
static struct sealed_sizes sizes_of_side(const struct transcript *t, enum side side)
{
    struct sealed_sizes plain = sealed_sizes_of(t->cipher_suite, t->is_dtls, 0);
    struct sealed_sizes padded = sealed_sizes_of(t->cipher_suite, t->is_dtls, JSSE_PADDING);
    if (has_record(t, side, plain.finished) || has_record(t, side, plain.alert)) {
        return plain;
    }
    bool is_padded = has_record(t, side, padded.finished) || has_record(t, side, padded.alert);
    return is_padded ? padded : plain;
}

static void infer_tls13(struct transcript *t)
{
    struct sealed_sizes sizes = sizes_of_side(t, SIDE_CLIENT);
    struct sealed_sizes server_sizes = sizes_of_side(t, SIDE_SERVER);
    struct client_flight flight = find_client_flight(t, &sizes);
    struct event *finished = flight.finished != NULL ? flight.finished : find_combined(t, &sizes);
    if (finished != NULL) {
        t->side[SIDE_CLIENT].finished = t->side[SIDE_CLIENT].finished_is_inferred = true;
        t->side[SIDE_SERVER].finished = t->side[SIDE_SERVER].finished_is_inferred = true;
        if (flight.finished == NULL) {
            flight.n_before = 3; /* more than Finished was in that record: a client certificate */
            flight.finished = finished;
        }
        infer_client_certificate(t, &flight);
        infer_data(t, finished, &sizes, &server_sizes);
    }
    infer_alert(t, SIDE_CLIENT, finished, &sizes);
    /* The server's first record may be one too: EncryptedExtensions, which else comes there, is
     * longer than an alert (RFC 8446 4.3.1). */
    infer_alert(t, SIDE_SERVER, NULL, &server_sizes);
}

/* TLS 1.2 and before, and whatever keys opened: application_data after Finished is just that. */
static void infer_plain(struct transcript *t)
{
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        bool opened = (e->flags & EVENT_ENCRYPTED) != 0;
        if (e->kind == EVENT_APPLICATION_DATA && (opened || !transcript_is_tls13(t))) {
            t->side[e->side].sent_application_data = true;
        }
        /* Some protocols leave TLS after the handshake and go on in clear. */
        if (e->kind == EVENT_RECORD_FAULT && t->side[0].finished && t->side[1].finished) {
            t->side[e->side].sent_application_data = true;
        }
    }
}

/* close_notify is the usual last alert of a handshake that completed (RFC 8446 6.1). */
static void infer_close_notify(struct transcript *t)
{
    for (int s = 0; s < 2; s++) {
        struct side_facts *side = &t->side[s];
        if (side->sealed_alert != NULL && side->sent_application_data) {
            side->close_notify = true;
        }
    }
}

static void infer_ends(struct transcript *t)
{
    t->side[SIDE_CLIENT].is_silent =
        t->side[SIDE_CLIENT].tcp.packets == 0 && t->source == SOURCE_CAPTURE;
    t->side[SIDE_SERVER].is_silent =
        t->side[SIDE_SERVER].tcp.packets == 0 && t->source == SOURCE_CAPTURE;
}

void infer(struct transcript *t)
{
    infer_ends(t);
    if (transcript_is_tls13(t) && t->server_hello != NULL && !t->is_decrypted) {
        infer_tls13(t);
    }
    infer_plain(t);
    infer_close_notify(t);
}
