#include "gateway/note_desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gateway/flood.h"
#include "gateway/known_hosts.h"
#include "gateway/known_names.h"
#include "gateway/verdict_event.h"
#include "tls/hello.h"

enum { SERVED_SLOTS = 1024, NAME_ROOM = 256, CLIENT_HELLO = 1 };

/* A backend's certificate is written down again after that time. */
#define SERVED_AGAIN_NS (60 * NS_PER_S)
#define COMPLAIN_NS     (60 * NS_PER_S)

struct served_slot {
    uint64_t mark;
    int64_t at_ns;
};

struct note_desk {
    bool keeps_all;
    struct events *events;
    struct judging *judging;
    struct known_certificates *known;
    struct known_hosts *hosts;
    struct verdict_texts texts;
    uint64_t n_lost_said; /* of events_n_lost(), counted in the file */
    int64_t complained_ns;
    struct flood flood;
    struct served_slot served[SERVED_SLOTS];
};

static enum status start(struct note_desk *d, const struct places *p, struct err *err)
{
    flood_init(&d->flood);
    TRY(judging_new(&d->judging, err));
    TRY(known_certificates_new(p->store, &d->known, err));
    TRY(known_hosts_new(p->store, &d->hosts, err));
    return events_open(p->events, true, &d->events, err);
}

enum status note_desk_new(const struct places *places, bool keeps_all, struct note_desk **out,
                          struct err *err)
{
    struct note_desk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    d->keeps_all = keeps_all;
    enum status st = start(d, places, err);
    if (st != ST_OK) {
        note_desk_free(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

void note_desk_free(struct note_desk *d)
{
    if (d == NULL) {
        return;
    }
    events_close(d->events);
    judging_free(d->judging);
    known_certificates_free(d->known);
    known_hosts_free(d->hosts);
    verdict_texts_deinit(&d->texts);
    free(d);
}

/* --- complaints --- */

/* At most once a minute: a full disk would otherwise fill itself with this. */
static void complain(struct note_desk *d, const struct err *err)
{
    int64_t now = clock_monotonic_ns();
    if (d->complained_ns == 0 || now - d->complained_ns > COMPLAIN_NS) {
        d->complained_ns = now;
        fprintf(stderr, "collector: %s; %llu events are lost so far\n", err->text,
                (unsigned long long)events_n_lost(d->events));
    }
}

static void tell(struct note_desk *d)
{
    const char *said = events_said(d->events);
    if (said != NULL) {
        fprintf(stderr, "collector: %s\n", said);
    }
}

/* --- counting --- */

static void count(struct note_desk *d, const struct event_count *c)
{
    struct err err = { 0 };
    if (events_count(d->events, c, &err) != ST_OK) {
        complain(d, &err);
    }
}

void note_desk_count_lost(struct note_desk *d, const char *where, uint64_t n)
{
    if (n > 0) {
        count(d, &(struct event_count){ .outcome = "lost", .cause = where, .n = (int64_t)n });
    }
}

static const char *label_of(const struct story *s, enum note_fact fact)
{
    const char *label = story_annotation(s, fact);
    return label == NULL ? "" : label;
}

static void count_handshake(struct note_desk *d, const struct story *s,
                            const struct flood_kept *what)
{
    enum direction direction = verdict_direction(s);
    const char *cause = cause_id(what->cause);
    struct event_count c = {
        .org = label_of(s, FACT_ORG),
        .env = label_of(s, FACT_ENV),
        .direction = direction_id(direction),
        .virtual_host = label_of(s, FACT_VHOST),
        .target = direction == DIRECTION_SOUTHBOUND ? label_of(s, FACT_TARGET) : "",
        .outcome = outcome_id(what->outcome),
        .cause = cause == NULL ? "" : cause,
        .is_resumed = what->is_resumed,
        .n = 1,
    };
    count(d, &c);
}

/* --- whose it is --- */

/* The server name of the first ClientHello; "" where there is none. */
static void name_asked_for(struct bytes entries, char out[NAME_ROOM])
{
    struct story_entry e;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    out[0] = '\0';
    while (story_next(&entries, &e)) {
        if (e.head.kind != NOTE_MESSAGE || e.head.type != CLIENT_HELLO) {
            continue;
        }
        tls_client_hello_parse(e.body, false, &hello, &fault);
        struct bytes name = hello.ext.server_name;
        if (name.len < NAME_ROOM && bytes_copy(out, NAME_ROOM - 1, name)) {
            out[name.len] = '\0';
        }
        return;
    }
}

/* A client that failed before the Router knew which virtual host it meant. */
static void find_host(const struct note_desk *d, struct story *s)
{
    struct known_host host;
    char name[NAME_ROOM];
    if (s->local.side != SIDE_SERVER || story_annotation(s, FACT_ORG) != NULL) {
        return;
    }
    name_asked_for(s->entries, name);
    if (!known_hosts_find(d->hosts, s->ends[SIDE_SERVER].port, name, &host)) {
        return;
    }
    s->annotations[FACT_ORG - FACT_ID] = host.org;
    s->annotations[FACT_ENV - FACT_ID] = host.env;
    if (host.is_named) {
        s->annotations[FACT_VHOST - FACT_ID] = host.name;
    }
}

/* Notes that found no room in the socket before this one. */
static void count_unsent(struct note_desk *d, struct bytes entries)
{
    struct story_entry e;
    while (story_next(&entries, &e)) {
        if (e.head.kind == NOTE_FACT && e.head.type == FACT_LOST && e.body.len == 8) {
            note_desk_count_lost(d, "module", load_be64(e.body.p) & UINT32_MAX);
        }
    }
}

/* --- keeping --- */

static bool is_written_lately(struct note_desk *d, uint64_t mark)
{
    struct served_slot *slot = &d->served[mark % SERVED_SLOTS];
    int64_t now = clock_monotonic_ns();
    bool is_lately = slot->mark == mark && now - slot->at_ns < SERVED_AGAIN_NS;
    if (!is_lately) {
        *slot = (struct served_slot){ mark, now };
    }
    return is_lately;
}

static uint64_t mark_of(const struct note_desk *d, const char *const *texts, size_t n)
{
    uint64_t both[2] = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        both[1] = hash_bytes(&d->flood.key, bytes_of_str(texts[i]));
        both[0] = hash_bytes(&d->flood.key, bytes_of(both, sizeof both));
    }
    return both[0] | 1;
}

/* What a backend served: for the list of what expires. */
static void keep_served(struct note_desk *d, const struct judged *j)
{
    const struct story *s = &j->story;
    const struct x509_chain *chain = j->t->side[SIDE_SERVER].chain;
    if (s->local.side != SIDE_CLIENT || chain == NULL || x509_chain_n(chain) == 0 ||
        !x509_chain_facts(chain, 0)->is_parsed) {
        return;
    }
    const struct x509_facts *leaf = x509_chain_facts(chain, 0);
    struct text server = { 0 };
    endpoint_put(&server, &j->t->server);
    struct event_served row = {
        .org = label_of(s, FACT_ORG),
        .env = label_of(s, FACT_ENV),
        .target = label_of(s, FACT_TARGET),
        .server = text_str(&server),
        .server_name = j->t->server_name == NULL ? "" : j->t->server_name,
        .sha256_hex = leaf->sha256_hex,
        .subject = leaf->subject,
        .not_after_s = leaf->not_after_s,
        .seen_ms = s->first_ns / NS_PER_MS,
    };
    const char *const parts[] = { row.org,    row.env,         row.target,
                                  row.server, row.server_name, row.sha256_hex };
    struct err err = { 0 };
    if (!is_written_lately(d, mark_of(d, parts, ARRAY_LEN(parts))) &&
        events_put_served(d->events, &row, &err) != ST_OK) {
        complain(d, &err);
    }
    text_deinit(&server);
}

static int64_t keep_event(struct note_desk *d, struct judged *j)
{
    struct kept_event event;
    struct err err = { 0 };
    bool is_good =
        j->verdict.outcome == OUTCOME_COMPLETED && j->verdict.detail == NULL && !d->keeps_all;
    if (is_good || j->verdict.outcome == OUTCOME_NONE) {
        return 0;
    }
    if (!verdict_event(j, d->known, &d->texts, &event)) {
        note_desk_count_lost(d, "memory", 1);
        return 0;
    }
    if (events_add(d->events, &event, &err) != ST_OK) {
        complain(d, &err);
    }
    return event.number;
}

static void repeat(struct note_desk *d, const struct story *s, const struct flood_kept *of)
{
    struct err err = { 0 };
    if (events_repeat(d->events, of->number, label_of(s, FACT_ID), s->first_ns / NS_PER_MS, &err) !=
        ST_OK) {
        complain(d, &err);
    }
    count_handshake(d, s, of);
}

static const char *trust_name(struct note_desk *d, const struct story *s)
{
    bool is_target = s->local.side == SIDE_CLIENT;
    const char *word = story_label(s, "truststore");
    if (story_label(s, "endpoint") != NULL || story_label(s, "route") != NULL) { /* of a bundle */
        return word == NULL ? NULL
                            : known_hosts_truststore_called(d->hosts, label_of(s, FACT_ORG),
                                                            label_of(s, FACT_ENV), word);
    }
    return known_hosts_truststore(d->hosts, is_target, label_of(s, FACT_ORG), label_of(s, FACT_ENV),
                                  label_of(s, is_target ? FACT_TARGET : FACT_VHOST));
}

static void judge_note(struct note_desk *d, struct judged *j, uint64_t mark, int64_t now)
{
    struct known_names names;
    struct known_issuers issuers = { d->known, label_of(&j->story, FACT_ORG),
                                     label_of(&j->story, FACT_ENV) };
    j->trust_name = trust_name(d, &j->story);
    j->find_issuer = known_certificates_issuer;
    j->issuer_arg = &issuers;
    known_names_find(known_hosts_store(d->hosts), &j->story, NULL, &names);
    if (!judging_reach(d->judging, j)) {
        note_desk_count_lost(d, "memory", 1);
        return;
    }
    struct flood_kept kept = { .outcome = j->verdict.outcome,
                               .cause = j->verdict.cause,
                               .is_resumed = j->t->is_resumed };
    if (kept.outcome == OUTCOME_NONE) {
        return;
    }
    kept.number = keep_event(d, j);
    flood_keep(&d->flood, mark, &kept, now);
    count_handshake(d, &j->story, &kept);
    keep_served(d, j);
}

void note_desk_take(struct note_desk *d, struct bytes note)
{
    static const uint8_t no_key[NOTE_KEY_BYTES];
    struct judged j = { 0 };
    if (!judging_open(d->judging, note, no_key, &j) || j.story.unseen != NULL) {
        return;
    }
    count_unsent(d, j.story.entries);
    find_host(d, &j.story);
    int64_t now = clock_monotonic_ns();
    uint64_t mark = flood_mark(&d->flood, j.story.entries);
    const struct flood_kept *of = flood_repeats(&d->flood, mark, now);
    if (of != NULL) {
        repeat(d, &j.story, of);
    } else {
        judge_note(d, &j, mark, now);
    }
    tell(d);
}

void note_desk_flush(struct note_desk *d)
{
    struct err err = { 0 };
    uint64_t n_lost = events_n_lost(d->events);
    if (n_lost > d->n_lost_said) {
        note_desk_count_lost(d, "disk", n_lost - d->n_lost_said);
    }
    if (events_flush(d->events, &err) != ST_OK) {
        complain(d, &err);
    } else {
        d->n_lost_said = n_lost;
    }
    tell(d);
}

bool note_desk_is_flushed(const struct note_desk *d)
{
    return events_is_flushed(d->events);
}

void note_desk_look_round(struct note_desk *d)
{
    known_certificates_refresh(d->known);
    known_hosts_refresh(d->hosts);
    if (events_n_lost(d->events) > d->n_lost_said) {
        note_desk_flush(d); /* is there room again? */
    }
}
