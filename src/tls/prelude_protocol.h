/*
 * prelude_protocol: what the files of prelude share: the state of one prelude, and the protocols.
 *
 * A protocol is a row of functions. `identify` looks at the first bytes of one side and may not
 * change its mind when more of them come, nor may two protocols claim the same bytes: so what is
 * found does not depend on how TCP cut them. `step` eats one whole unit (a line, a packet) of
 * one side; the driver never calls it with an empty view, and asks for TLS at each boundary.
 */
#ifndef HANDFAST_TLS_PRELUDE_PROTOCOL_H
#define HANDFAST_TLS_PRELUDE_PROTOCOL_H

#include "base/status.h"
#include "tls/prelude.h"

enum {
    PRELUDE_BUFFER_MAX = 2048, /* of one side; a longer line or packet is something else */
    PRELUDE_SEEN_MAX = 256,
    PRELUDE_FIRST_MAX = 256, /* first bytes kept, should they prove to be no prelude */
    PRELUDE_QUEUE_MAX = 16,  /* commands sent ahead of their replies */
    PRELUDE_TAG_MAX = 32,
};

enum prelude_match { MATCH_NO = -1, MATCH_MAYBE = 0, MATCH_YES = 1 };
enum prelude_progress {
    STEP_MORE,   /* the unit is not whole, or it is the other side's turn */
    STEP_USED,   /* turn->used bytes were eaten */
    STEP_FOREIGN /* these bytes are not of this protocol */
};

struct prelude_turn {
    struct prelude *p;
    const struct prelude_sink *sink;
    enum side side;
    struct bytes in; /* all bytes of this side that wait */
    size_t used;     /* may reach beyond `in`: the rest is skipped when it comes */
    bool is_filler;  /* only a part of a unit was eaten, or what lies between two */
};

struct prelude_protocol {
    enum prelude_match (*identify)(const struct prelude *p, enum side side, struct bytes own,
                                   struct bytes other);
    void (*start)(struct prelude *p); /* after identify said yes; NULL: nothing to set up */
    enum prelude_progress (*step)(struct prelude_turn *turn);
    void (*finish)(struct prelude_turn *turn); /* the connection ended; NULL: nothing to say */
};

extern const struct prelude_protocol prelude_proxy_header, prelude_connect, prelude_socks;
extern const struct prelude_protocol prelude_line, prelude_xmpp, prelude_ldap;
extern const struct prelude_protocol prelude_postgresql, prelude_mysql, prelude_rdp, prelude_tds;

enum prelude_phase {
    PHASE_START = 0, /* which protocol? */
    PHASE_PROTOCOL,
    PHASE_DECIDED, /* no more prelude: each side's next bytes tell whether it speaks TLS */
    PHASE_OVER,
};

enum direction_state {
    DIRECTION_OPEN = 0, /* bytes are kept until their meaning is known */
    DIRECTION_TLS,
    DIRECTION_TDS, /* TLS inside TDS packets */
    DIRECTION_OTHER,
    DIRECTION_IGNORED,
};

/* TDS: packets of type 0x12 around TLS records, or bare records; the header being collected. */
struct tds_frame {
    uint32_t left; /* of the packet's or record's content */
    uint8_t header[8];
    uint8_t header_len;
};

struct direction {
    uint8_t *buffer;
    uint8_t *first; /* the first PRELUDE_FIRST_MAX bytes that were eaten */
    uint32_t len, cap, first_len;
    uint32_t skip; /* bytes to come that say nothing */
    uint32_t n_other;
    uint8_t state;    /* enum direction_state */
    bool owes_first;  /* the first bytes are to be shown as plaintext unless TLS follows */
    bool inside_unit; /* a unit was eaten in part: here no TLS can start */
    struct tds_frame tds;
};

/* Protocols of lines: what the next reply answers. */
enum answer { ANSWER_ANY = 0, ANSWER_GREETING, ANSWER_CAPABILITIES, ANSWER_TLS };

struct line_state {
    uint8_t queue[PRELUDE_QUEUE_MAX]; /* enum answer */
    uint8_t n_queue;
    uint8_t tag[PRELUDE_TAG_MAX]; /* IMAP: of STARTTLS */
    uint8_t tag_len;
    uint16_t multi_code; /* inside a reply of several lines: its code */
    bool greeted, asked, capabilities_seen, offers_tls, server_left;
};

struct http_state {
    uint32_t header_bytes[2];
    uint16_t code;
    uint8_t at[2]; /* enum of prelude_proxy.c, for each side */
    bool line_empty[2];
};

struct prelude {
    struct direction dir[2];
    const struct prelude_protocol *protocol;
    uint8_t phase; /* enum prelude_phase */
    uint8_t kind;  /* enum prelude_kind */
    uint8_t n_preludes;
    uint16_t server_port;
    uint16_t n_steps;
    bool request_pending; /* the client asked for TLS and the server has not answered */
    bool was_requested;
    union {
        struct line_state line;
        struct http_state http;
        uint8_t socks; /* enum of prelude_proxy.c */
        struct {
            uint32_t message_id;
            bool wants_tls, answered;
            uint8_t encryption, request;
        } db;
        struct {
            bool offers_tls, in_features, asked, requested;
        } xmpp;
    } u;
};

/* TDS after its PRELOGIN: gives the TLS inside to the sink; false at bytes that are neither. */
bool prelude_tds_unwrap(struct tds_frame *f, enum side side, struct bytes data,
                        const struct prelude_sink *sink);
bool prelude_tds_starts_tls(struct bytes in);

/* An event of the running prelude; the caller may fill in more, then prelude_send() it. */
struct prelude_event prelude_event(const struct prelude_turn *turn, enum prelude_step step,
                                   struct bytes seen);
void prelude_send(const struct prelude_turn *turn, const struct prelude_event *event);
void prelude_emit(const struct prelude_turn *turn, enum prelude_step step, struct bytes seen);
/* The step, and what it means: */
void prelude_requested(const struct prelude_turn *turn, struct bytes seen);
void prelude_accepted(const struct prelude_turn *turn, struct bytes seen); /* TLS is next */
void prelude_refused(const struct prelude_turn *turn, struct bytes seen);  /* and goes on */
void prelude_clear(const struct prelude_turn *turn, struct bytes seen);    /* and is over */
void prelude_over(struct prelude *p);
/* This prelude is done and anything may follow: TLS or another prelude. */
void prelude_restart(struct prelude *p);

/* MATCH_YES when b starts with the prefix, MATCH_MAYBE while it is too short to tell. */
enum prelude_match prelude_prefix(struct bytes b, struct bytes prefix);
/* The first line of b without its end; false where there is no newline yet. `used` counts it. */
bool prelude_take_line(struct bytes b, struct bytes *line, size_t *used);
/* No control characters but tabs. */
bool prelude_is_text(struct bytes b);
/* ASCII letters compare without case. */
bool prelude_same_word(struct bytes a, const char *word);
/* Three digits and then the end, a space or a hyphen; 0 where it is none. */
uint16_t prelude_reply_code(struct bytes line);
bool prelude_is_alnum(uint8_t c);
/* The word stands in the line, with no letter or digit beside it. */
bool prelude_has_word(struct bytes line, const char *word);
bool prelude_contains(struct bytes line, const char *text);
/* One line of the server, in a protocol of lines. */
void prelude_reply(struct prelude_turn *turn, struct bytes line);
/* Decimal, 0 to 65535. */
bool prelude_parse_port(struct bytes word, uint16_t *out);
/* An address as text. */
bool prelude_parse_host(struct bytes word, struct endpoint *out);
/* ip_len bytes of address (4 or 16) and two of port, in network order. */
struct endpoint prelude_endpoint(const uint8_t *ip, size_t ip_len, const uint8_t *port);

#endif
