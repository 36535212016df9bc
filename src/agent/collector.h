/*
 * collector: takes the notes of guests, and turns each into a verdict.
 *
 * It listens on a Unix socket (SOCK_SEQPACKET), by path or in the abstract name space, and knows
 * its guests by a key that they have from their environment; what others send is thrown away. A
 * note is judged by the trust store that the program had where it is known, else by the system's.
 */
#ifndef HANDFAST_AGENT_COLLECTOR_H
#define HANDFAST_AGENT_COLLECTOR_H

#include <poll.h>

#include "base/status.h"
#include "base/text.h"
#include "observe/story.h"
#include "report/report.h"

enum { COLLECTOR_POLLS_MAX = 65 };

enum collector_form {
    COLLECTOR_TEXT,
    COLLECTOR_JSON,
    COLLECTOR_LINE, /* a verdict in one line of text */
};

struct collector_options {
    const char *socket; /* a path, or "@name"; NULL: a name and a key of its own */
    bool wants_all;     /* completed handshakes too */
    enum collector_form form;
    struct report_style style;
    void *arg;
    /* One verdict, as text or a line of JSON. */
    void (*verdict)(void *arg, const struct text *report);
    /* A program that cannot be observed. */
    void (*unseen)(void *arg, const char *program, const char *library);
    /* Every note, before it is judged: for key logs and captures. NULL: nobody wants them. */
    void (*note)(void *arg, const struct story *story);
};

struct collector;

enum status collector_new(const struct collector_options *options, struct collector **out,
                          struct err *err) NODISCARD;
void collector_free(struct collector *c); /* NULL is fine */
/* For HANDFAST_SOCKET and HANDFAST_KEY; the key is empty where the socket was named. */
const char *collector_socket(const struct collector *c);
const char *collector_key(const struct collector *c);
/* What to wait for; at most COLLECTOR_POLLS_MAX. */
size_t collector_polls(const struct collector *c, struct pollfd *out);
/* Takes what is there, without waiting. True where there was anything. */
bool collector_take(struct collector *c);
uint64_t collector_n_notes(const struct collector *c);

#endif
