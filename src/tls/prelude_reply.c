#include "tls/prelude_protocol.h"

/* The servers' replies of the protocols of lines, each in its own form: see prelude_line.c. */

static enum answer first_answer(const struct line_state *l)
{
    return l->n_queue > 0 ? (enum answer)l->queue[0] : ANSWER_ANY;
}

static void pop_answer(struct line_state *l)
{
    if (l->n_queue > 0) {
        l->n_queue--;
        memmove(l->queue, l->queue + 1, l->n_queue);
    }
}

static bool line_offers_tls(const struct prelude *p, struct bytes line)
{
    struct bytes rest = prelude_reply_code(line) != 0 ? bytes_skip(line, 4) : line;
    struct bytes all = rest;
    struct bytes word = bytes_next_word(&rest);
    switch ((enum prelude_kind)p->kind) {
    case PRELUDE_FTP:
        return prelude_has_word(all, "AUTH") &&
               (prelude_has_word(all, "TLS") || prelude_has_word(all, "SSL"));
    case PRELUDE_POP3:
        return prelude_same_word(word, "STLS");
    case PRELUDE_IMAP:
        return prelude_has_word(all, "STARTTLS");
    case PRELUDE_SIEVE:
        return prelude_same_word(word, "\"STARTTLS\"");
    case PRELUDE_IRC:
        return prelude_has_word(all, "TLS");
    default:
        return prelude_same_word(word, "STARTTLS");
    }
}

static void tell_capabilities(struct prelude_turn *turn, bool offers_tls, struct bytes line)
{
    struct prelude_event event = prelude_event(turn, PRELUDE_CAPABILITIES, line);
    event.offers_tls = offers_tls;
    turn->p->u.line.capabilities_seen = true;
    turn->p->u.line.offers_tls = offers_tls;
    prelude_send(turn, &event);
}

/* A whole reply. EHLO that is refused lists nothing; elsewhere a refusal to list proves nothing. */
static void conclude(struct prelude_turn *turn, bool is_ok, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    enum answer answer = first_answer(l);
    pop_answer(l);
    bool is_mail = turn->p->kind == PRELUDE_SMTP || turn->p->kind == PRELUDE_LMTP;
    switch (answer) {
    case ANSWER_GREETING:
        l->greeted = true;
        l->server_left = !is_ok;
        if (turn->p->kind == PRELUDE_SIEVE && is_ok) {
            tell_capabilities(turn, l->offers_tls, line);
        }
        break;
    case ANSWER_CAPABILITIES:
        if (is_ok || is_mail) {
            tell_capabilities(turn, is_ok && l->offers_tls, line);
        }
        break;
    case ANSWER_TLS:
        if (is_ok) {
            prelude_accepted(turn, line);
        } else {
            prelude_refused(turn, line);
        }
        break;
    case ANSWER_ANY:
        break;
    }
}

/* The first line of a reply: of the greeting it is shown, of a list it starts the search. */
static void reply_starts(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    if (first_answer(l) == ANSWER_GREETING) {
        prelude_emit(turn, PRELUDE_GREETING, line);
    }
    if (first_answer(l) == ANSWER_GREETING || first_answer(l) == ANSWER_CAPABILITIES) {
        l->offers_tls = false;
    }
}

/* "250-..." lines up to "250 ...", with anything between in FTP. */
static bool code_reply_ends(struct line_state *l, uint16_t code, struct bytes line)
{
    bool goes_on = line.len > 3 && line.p[3] == '-';
    if (l->multi_code == 0) {
        l->multi_code = code;
    }
    return code == l->multi_code && !goes_on;
}

/* NNTP's 101 and POP3's answer to CAPA are lists that end with a dot. */
static void list_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    if (prelude_same_word(line, ".")) {
        l->multi_code = 0;
        conclude(turn, true, line);
        return;
    }
    l->offers_tls = l->offers_tls || line_offers_tls(turn->p, line);
}

static bool in_list(const struct prelude *p)
{
    uint16_t code = p->u.line.multi_code;
    return (p->kind == PRELUDE_NNTP && code == 101) || (p->kind == PRELUDE_POP3 && code != 0);
}

static void code_reply(struct prelude_turn *turn, uint16_t code, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    bool starts = l->multi_code == 0;
    if (starts && code == 0) {
        return; /* not a reply: nothing to learn from it */
    }
    if (starts) {
        reply_starts(turn, line);
        l->server_left = l->server_left || code == 421;
    }
    bool is_ok = (starts ? code : l->multi_code) < 400;
    if (first_answer(l) == ANSWER_CAPABILITIES && is_ok) {
        l->offers_tls = l->offers_tls || line_offers_tls(turn->p, line);
        if (starts && (turn->p->kind == PRELUDE_POP3 || code == 101)) {
            l->multi_code = code;
            return;
        }
    }
    if (code_reply_ends(l, code, line)) {
        l->multi_code = 0;
        conclude(turn, is_ok, line);
    }
}

static void pop3_reply(struct prelude_turn *turn, struct bytes line)
{
    struct bytes rest = line;
    struct bytes word = bytes_next_word(&rest);
    if (prelude_same_word(word, "+OK")) {
        code_reply(turn, 200, line);
    } else if (prelude_same_word(word, "-ERR")) {
        code_reply(turn, 500, line);
    }
}

static void imap_untagged(struct prelude_turn *turn, struct bytes word, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    if (first_answer(l) == ANSWER_GREETING) {
        prelude_emit(turn, PRELUDE_GREETING, line);
        pop_answer(l);
        l->greeted = true;
    }
    if (prelude_same_word(word, "BYE")) {
        l->server_left = true;
    } else if (prelude_same_word(word, "CAPABILITY") || prelude_contains(line, "[CAPABILITY ")) {
        tell_capabilities(turn, line_offers_tls(turn->p, line), line);
    }
}

/* Answers come by tag, so the queue only keeps the greeting's place. */
static void imap_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    struct bytes rest = line;
    struct bytes tag = bytes_next_word(&rest);
    struct bytes word = bytes_next_word(&rest);
    if (prelude_same_word(tag, "*")) {
        imap_untagged(turn, word, line);
        return;
    }
    l->n_queue = 0;
    if (!turn->p->request_pending || !bytes_equal(tag, bytes_of(l->tag, l->tag_len))) {
        return;
    }
    if (prelude_same_word(word, "OK")) {
        prelude_accepted(turn, line);
    } else {
        prelude_refused(turn, line);
    }
}

static void sieve_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    struct bytes rest = line;
    struct bytes word = bytes_next_word(&rest);
    bool is_ok = prelude_same_word(word, "OK");
    bool is_end = is_ok || prelude_same_word(word, "NO") || prelude_same_word(word, "BYE");
    if (l->multi_code == 0) {
        reply_starts(turn, line);
    }
    l->multi_code = is_end ? 0 : 1;
    if (is_end) {
        l->server_left = l->server_left || prelude_same_word(word, "BYE");
        conclude(turn, is_ok, line);
    } else if (first_answer(l) != ANSWER_TLS) {
        l->offers_tls = l->offers_tls || line_offers_tls(turn->p, line);
    }
}

/* A reply to STARTTLS: 670 yes, 691 no; 421 (unknown command) and 451 (not registered) too. */
static void irc_numeric(struct prelude_turn *turn, uint16_t code, struct bytes line)
{
    if (code == 1) {
        prelude_clear(turn, line); /* RPL_WELCOME: registered in clear */
    } else if (turn->p->request_pending && code == 670) {
        prelude_accepted(turn, line);
    } else if (turn->p->request_pending && (code == 691 || code == 451 ||
                                            (code == 421 && prelude_contains(line, "STARTTLS")))) {
        prelude_refused(turn, line);
    }
}

/* Answers name what they answer; the queue is of no use. */
static void irc_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    struct bytes rest = line;
    struct bytes word = bytes_next_word(&rest);
    if (word.len > 0 && word.p[0] == ':') {
        word = bytes_next_word(&rest);
    }
    l->n_queue = 0;
    if (prelude_same_word(word, "NOTICE") && l->multi_code == 0) {
        l->multi_code = 1; /* the first of them is as good as a greeting */
        prelude_emit(turn, PRELUDE_GREETING, line);
    } else if (prelude_same_word(word, "CAP") && prelude_has_word(rest, "LS")) {
        tell_capabilities(turn, l->offers_tls || line_offers_tls(turn->p, rest), line);
    } else if (prelude_same_word(word, "ERROR")) {
        l->server_left = true;
    } else if (word.len == 3) {
        irc_numeric(turn, prelude_reply_code(word), line);
    }
}

void prelude_reply(struct prelude_turn *turn, struct bytes line)
{
    if (in_list(turn->p)) {
        list_reply(turn, line);
        return;
    }
    switch ((enum prelude_kind)turn->p->kind) {
    case PRELUDE_IMAP:
        imap_reply(turn, line);
        break;
    case PRELUDE_POP3:
        pop3_reply(turn, line);
        break;
    case PRELUDE_SIEVE:
        sieve_reply(turn, line);
        break;
    case PRELUDE_IRC:
        irc_reply(turn, line);
        break;
    default:
        code_reply(turn, prelude_reply_code(line), line);
        break;
    }
}
