#include "tls/prelude_protocol.h"

/*
 * Protocols of text lines: the client sends a command, the server answers with a code or a word.
 * RFC 5321 and 3207 (SMTP), 2033 (LMTP), 9051 (IMAP), 1939, 2449 and 2595 (POP3), 959, 2389 and
 * 4217 (FTP), 3977 and 4642 (NNTP), 5804 (ManageSieve), IRCv3 "tls".
 */

enum command {
    COMMAND_WORK = 0, /* logs in, sends mail: goes on in clear */
    COMMAND_CAPABILITIES,
    COMMAND_STARTTLS,
    COMMAND_HARMLESS, /* says nothing about what the client wants */
    COMMAND_QUIT,
};

/* What the next reply answers. */
enum answer { ANSWER_ANY = 0, ANSWER_GREETING, ANSWER_CAPABILITIES, ANSWER_TLS };

struct command_row {
    uint32_t kinds; /* bits of enum prelude_kind */
    const char *verb;
    const char *argument; /* NULL: any; "": none */
    enum command meaning;
};

#define K(kind) (UINT32_C(1) << PRELUDE_##kind)
#define K_MAIL  (K(SMTP) | K(LMTP))

/* clang-format off: a table reads by columns */
static const struct command_row command_rows[] = {
    { K(SMTP), "EHLO", NULL, COMMAND_CAPABILITIES },
    { K(LMTP), "LHLO", NULL, COMMAND_CAPABILITIES },
    { K_MAIL | K(NNTP) | K(IMAP) | K(SIEVE) | K(IRC), "STARTTLS", NULL, COMMAND_STARTTLS },
    { K_MAIL, "HELO", NULL, COMMAND_HARMLESS },
    { K_MAIL, "RSET", NULL, COMMAND_HARMLESS },
    { K_MAIL, "XCLIENT", NULL, COMMAND_HARMLESS },
    { K_MAIL, "XFORWARD", NULL, COMMAND_HARMLESS },
    { K(FTP), "FEAT", NULL, COMMAND_CAPABILITIES },
    { K(FTP), "AUTH", "TLS", COMMAND_STARTTLS },
    { K(FTP), "AUTH", "SSL", COMMAND_STARTTLS },
    { K(FTP), "AUTH", "TLS-C", COMMAND_STARTTLS },
    { K(FTP), "AUTH", "TLS-P", COMMAND_STARTTLS },
    { K(FTP), "AUTH", NULL, COMMAND_HARMLESS },
    { K(FTP), "OPTS", NULL, COMMAND_HARMLESS },
    { K(FTP), "SYST", NULL, COMMAND_HARMLESS },
    { K(FTP), "HOST", NULL, COMMAND_HARMLESS },
    { K(FTP), "CLNT", NULL, COMMAND_HARMLESS },
    { K(FTP), "PBSZ", NULL, COMMAND_HARMLESS },
    { K(FTP), "PROT", NULL, COMMAND_HARMLESS },
    { K(FTP) | K(POP3) | K(IRC), "USER", NULL, COMMAND_HARMLESS },
    { K(POP3), "CAPA", NULL, COMMAND_CAPABILITIES },
    { K(POP3), "STLS", NULL, COMMAND_STARTTLS },
    { K(POP3), "AUTH", "", COMMAND_HARMLESS },
    { K(POP3), "UTF8", NULL, COMMAND_HARMLESS },
    { K(POP3), "LANG", NULL, COMMAND_HARMLESS },
    { K(NNTP), "CAPABILITIES", NULL, COMMAND_CAPABILITIES },
    { K(NNTP), "MODE", NULL, COMMAND_HARMLESS },
    { K(NNTP), "DATE", NULL, COMMAND_HARMLESS },
    { K(IMAP) | K(SIEVE), "CAPABILITY", NULL, COMMAND_CAPABILITIES },
    { K(IMAP), "ID", NULL, COMMAND_HARMLESS },
    { K(IMAP), "ENABLE", NULL, COMMAND_HARMLESS },
    { K(IMAP) | K(SIEVE), "LOGOUT", NULL, COMMAND_QUIT },
    { K(IRC), "CAP", "LS", COMMAND_CAPABILITIES },
    { K(IRC), "CAP", NULL, COMMAND_HARMLESS },
    { K(IRC), "NICK", NULL, COMMAND_HARMLESS },
    { K(IRC), "PASS", NULL, COMMAND_HARMLESS },
    { K(IRC), "PING", NULL, COMMAND_HARMLESS },
    { K(IRC), "PONG", NULL, COMMAND_HARMLESS },
    { K_MAIL | K(FTP) | K(POP3) | K(NNTP) | K(IMAP) | K(SIEVE), "NOOP", NULL, COMMAND_HARMLESS },
    { K_MAIL | K(FTP) | K(NNTP), "HELP", NULL, COMMAND_HARMLESS },
    { K_MAIL | K(FTP) | K(POP3) | K(NNTP) | K(IRC), "QUIT", NULL, COMMAND_QUIT },
};
/* clang-format on */

static const struct command_row *find_command(uint32_t kinds, struct bytes verb,
                                              struct bytes argument)
{
    for (size_t i = 0; i < ARRAY_LEN(command_rows); i++) {
        const struct command_row *row = &command_rows[i];
        if ((row->kinds & kinds) != 0 && prelude_same_word(verb, row->verb) &&
            (row->argument == NULL || prelude_same_word(argument, row->argument))) {
            return row;
        }
    }
    return NULL;
}

/* A command line as words: "STARTTLS", or "a1 STARTTLS" with IMAP's tag. */
struct command_line {
    struct bytes tag, verb, argument;
    const struct command_row *row; /* NULL: not one of the table */
};

static struct command_line parse_command(uint32_t kinds, struct bytes line)
{
    struct command_line c = { 0 };
    c.verb = prelude_next_word(&line);
    c.argument = prelude_next_word(&line);
    c.row = find_command(kinds & ~K(IMAP), c.verb, c.argument);
    if (c.row == NULL && (kinds & K(IMAP)) != 0) {
        const struct command_row *row = find_command(K(IMAP), c.argument, prelude_next_word(&line));
        if (row != NULL) {
            c.row = row;
            c.tag = c.verb;
            c.verb = c.argument;
        }
    }
    return c;
}

/* Three digits and then the end, a space or a hyphen; 0 where it is none. */
static uint16_t reply_code(struct bytes line)
{
    if (line.len < 3 || (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-')) {
        return 0;
    }
    uint16_t code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (line.p[i] < '0' || line.p[i] > '9') {
            return 0;
        }
        code = (uint16_t)(code * 10 + (line.p[i] - '0'));
    }
    return code;
}

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The word stands in the line, with no letter or digit beside it. */
static bool has_word(struct bytes line, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= line.len; i++) {
        bool starts = i == 0 || !is_alnum(line.p[i - 1]);
        bool ends = i + len == line.len || !is_alnum(line.p[i + len]);
        if (starts && ends && prelude_same_word(bytes_head(bytes_skip(line, i), len), word)) {
            return true;
        }
    }
    return false;
}

static bool contains(struct bytes line, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= line.len; i++) {
        if (prelude_same_word(bytes_head(bytes_skip(line, i), len), text)) {
            return true;
        }
    }
    return false;
}

/* ---- which protocol ---- */

/* "220 ..." greets in SMTP, LMTP and FTP. RFC 5321 section 4.2: the server's domain comes first. */
static enum prelude_kind guess_220(const struct prelude *p, struct bytes line)
{
    if (contains(line, "LMTP") || p->server_port == 24) {
        return PRELUDE_LMTP;
    }
    if (contains(line, "SMTP")) {
        return PRELUDE_SMTP;
    }
    if (contains(line, "FTP") || p->server_port == 21) {
        return PRELUDE_FTP;
    }
    if (p->server_port == 25 || p->server_port == 465 || p->server_port == 587 ||
        p->server_port == 2525) {
        return PRELUDE_SMTP;
    }
    struct bytes rest = bytes_skip(line, 4);
    struct bytes domain = prelude_next_word(&rest);
    bool has_dot = domain.len > 0 && memchr(domain.p, '.', domain.len) != NULL;
    return has_dot && is_alnum(domain.p[0]) ? PRELUDE_SMTP : PRELUDE_FTP;
}

static enum prelude_kind first_kind(uint32_t kinds)
{
    for (int kind = 1; kind < PRELUDE_N_KINDS; kind++) {
        if ((kinds >> kind & 1) != 0) {
            return (enum prelude_kind)kind;
        }
    }
    return PRELUDE_NONE;
}

static enum prelude_kind kind_by_code(const struct prelude *p, uint16_t code, struct bytes line,
                                      const struct command_row *asked)
{
    if (asked != NULL && (asked->kinds & (K_MAIL | K(FTP) | K(NNTP))) != 0 && code != 220) {
        return code == 382 || code == 580 ? PRELUDE_NNTP : first_kind(asked->kinds);
    }
    switch (code) {
    case 220:
    case 421:
    case 554:
        return guess_220(p, line);
    case 120:
        return PRELUDE_FTP;
    case 200:
    case 201:
        return PRELUDE_NNTP;
    default:
        return PRELUDE_NONE;
    }
}

/* IMAP: "* OK", and the answers to a tag. */
static bool is_imap(struct bytes first, struct bytes second, struct bytes tag)
{
    static const char *const untagged[] = { "OK", "PREAUTH", "BYE", "CAPABILITY" };
    static const char *const tagged[] = { "OK", "NO", "BAD" };
    if (prelude_same_word(first, "*")) {
        for (size_t i = 0; i < ARRAY_LEN(untagged); i++) {
            if (prelude_same_word(second, untagged[i])) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(tagged) && tag.len > 0; i++) {
        if (bytes_equal(first, tag) && prelude_same_word(second, tagged[i])) {
            return true;
        }
    }
    return false;
}

/* RFC 5804 section 1.7: a capability is a quoted word in upper case. */
static bool is_sieve(struct bytes line)
{
    static const char *const names[] = { "\"IMPLEMENTATION\"", "\"SASL\"",     "\"SIEVE\"",
                                         "\"STARTTLS\"",       "\"VERSION\"",  "\"NOTIFY\"",
                                         "\"MAXREDIRECTS\"",   "\"LANGUAGE\"", "\"OWNER\"" };
    struct bytes word = prelude_next_word(&line);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (prelude_same_word(word, names[i])) {
            return true;
        }
    }
    return false;
}

/* ":prefix" and then a command or three digits, or a command alone. */
static bool is_irc(struct bytes first, struct bytes second)
{
    if (first.len > 1 && first.p[0] == ':') {
        return reply_code(second) != 0 || prelude_same_word(second, "NOTICE") ||
               prelude_same_word(second, "CAP");
    }
    return prelude_same_word(first, "NOTICE") && second.len > 0;
}

/* What the server's first line says, together with a command that came before it. */
static enum prelude_kind kind_of(const struct prelude *p, struct bytes line, struct bytes client)
{
    struct bytes command_line = { NULL, 0 };
    size_t used = 0;
    (void)prelude_take_line(client, &command_line, &used);
    struct command_line command = parse_command(UINT32_MAX, command_line);
    uint16_t code = reply_code(line);
    struct bytes rest = line;
    struct bytes first = prelude_next_word(&rest);
    struct bytes second = prelude_next_word(&rest);
    if (code != 0) {
        return kind_by_code(p, code, line, command.row);
    }
    if (prelude_same_word(first, "+OK") || prelude_same_word(first, "-ERR")) {
        return PRELUDE_POP3;
    }
    if (is_imap(first, second, command.tag)) {
        return PRELUDE_IMAP;
    }
    bool asked_sieve = command.row != NULL && (command.row->kinds & K(SIEVE)) != 0;
    if (is_sieve(line) ||
        (asked_sieve && (prelude_same_word(first, "OK") || prelude_same_word(first, "NO")))) {
        return PRELUDE_SIEVE;
    }
    return is_irc(first, second) ? PRELUDE_IRC : PRELUDE_NONE;
}

static enum prelude_match identify_line(const struct prelude *p, enum side side, struct bytes own,
                                        struct bytes other)
{
    struct bytes line;
    size_t used = 0;
    if (!prelude_take_line(own, &line, &used)) {
        return prelude_is_text(own) ? MATCH_MAYBE : MATCH_NO;
    }
    if (!prelude_is_text(line)) {
        return MATCH_NO;
    }
    if (side == SIDE_SERVER) {
        return kind_of(p, line, other) != PRELUDE_NONE ? MATCH_YES : MATCH_NO;
    }
    return parse_command(UINT32_MAX, line).row != NULL ? MATCH_MAYBE : MATCH_NO;
}

/* The server's first line is its greeting, unless a command that is never sent before one shows
 * that the capture began later. */
static bool is_greeting(const struct prelude *p, struct bytes line, struct bytes client)
{
    struct bytes command_line = { NULL, 0 };
    size_t used = 0;
    if (!prelude_take_line(client, &command_line, &used) || p->kind == PRELUDE_SIEVE) {
        return true;
    }
    struct command_line command =
        parse_command(K(IMAP) << 0 | UINT32_C(1) << p->kind, command_line);
    enum command meaning = command.row != NULL ? command.row->meaning : COMMAND_WORK;
    uint16_t code = reply_code(line);
    switch ((enum prelude_kind)p->kind) {
    case PRELUDE_IMAP:
        return prelude_prefix(line, BYTES("* OK")) == MATCH_YES ||
               prelude_prefix(line, BYTES("* PREAUTH")) == MATCH_YES;
    case PRELUDE_POP3:
        return meaning != COMMAND_STARTTLS && meaning != COMMAND_CAPABILITIES;
    case PRELUDE_NNTP:
        return (code == 200 || code == 201) && meaning != COMMAND_STARTTLS;
    default:
        return (code == 220 || code == 120) && meaning != COMMAND_STARTTLS;
    }
}

static void start_line(struct prelude *p)
{
    struct bytes server = bytes_of(p->dir[SIDE_SERVER].buffer, p->dir[SIDE_SERVER].len);
    struct bytes client = bytes_of(p->dir[SIDE_CLIENT].buffer, p->dir[SIDE_CLIENT].len);
    struct line_state *l = &p->u.line;
    struct bytes line;
    size_t used = 0;
    if (!prelude_take_line(server, &line, &used)) {
        return;
    }
    p->kind = (uint8_t)kind_of(p, line, client);
    l->greeted = p->kind == PRELUDE_IRC || !is_greeting(p, line, client);
    if (!l->greeted) {
        l->queue[l->n_queue++] = ANSWER_GREETING;
    }
}

/* ---- the client's commands ---- */

/* The first commands tell apart what a greeting left open. */
static void refine_kind(struct prelude *p, struct bytes line)
{
    struct command_line c = parse_command(K(FTP), line);
    struct bytes rest = line;
    struct bytes verb = prelude_next_word(&rest);
    if (prelude_same_word(verb, "LHLO")) {
        p->kind = PRELUDE_LMTP;
    } else if (prelude_same_word(verb, "EHLO") || prelude_same_word(verb, "HELO")) {
        p->kind = PRELUDE_SMTP;
    } else if (c.row != NULL && c.row->kinds == K(FTP) &&
               (c.row->meaning != COMMAND_HARMLESS || !prelude_same_word(verb, "AUTH"))) {
        p->kind = PRELUDE_FTP;
    }
}

/* The list lacks TLS, and the client leaves without having asked for it or worked: it wanted it. */
static void client_leaves(struct prelude_turn *turn, struct bytes line)
{
    const struct line_state *l = &turn->p->u.line;
    if (l->capabilities_seen && !l->offers_tls && !turn->p->was_requested && !l->server_left) {
        prelude_emit(turn, PRELUDE_NOT_OFFERED, line);
    }
    prelude_over(turn->p);
}

static void expect(struct prelude_turn *turn, enum answer answer)
{
    struct line_state *l = &turn->p->u.line;
    if (l->n_queue == PRELUDE_QUEUE_MAX) {
        prelude_over(turn->p); /* nobody sends so many commands before TLS */
        return;
    }
    l->queue[l->n_queue++] = (uint8_t)answer;
}

static void ask_tls(struct prelude_turn *turn, struct bytes tag, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    l->tag_len = bytes_copy(l->tag, sizeof l->tag, tag) ? (uint8_t)tag.len : 0;
    expect(turn, ANSWER_TLS);
    prelude_requested(turn, line);
}

static void client_line(struct prelude_turn *turn, struct bytes line)
{
    struct prelude *p = turn->p;
    if (p->kind == PRELUDE_SMTP || p->kind == PRELUDE_LMTP || p->kind == PRELUDE_FTP) {
        refine_kind(p, line);
    }
    struct command_line c = parse_command(UINT32_C(1) << p->kind, line);
    switch (c.row != NULL ? c.row->meaning : COMMAND_WORK) {
    case COMMAND_CAPABILITIES:
        p->u.line.asked = true;
        expect(turn, ANSWER_CAPABILITIES);
        break;
    case COMMAND_STARTTLS:
        ask_tls(turn, c.tag, line);
        break;
    case COMMAND_HARMLESS:
        expect(turn, ANSWER_ANY);
        break;
    case COMMAND_QUIT:
        client_leaves(turn, line);
        break;
    case COMMAND_WORK:
        prelude_clear(turn, line);
        break;
    }
}

/* ---- the server's replies ---- */

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
    struct bytes rest = reply_code(line) != 0 ? bytes_skip(line, 4) : line;
    struct bytes all = rest;
    struct bytes word = prelude_next_word(&rest);
    switch ((enum prelude_kind)p->kind) {
    case PRELUDE_FTP:
        return has_word(all, "AUTH") && (has_word(all, "TLS") || has_word(all, "SSL"));
    case PRELUDE_POP3:
        return prelude_same_word(word, "STLS");
    case PRELUDE_IMAP:
        return has_word(all, "STARTTLS");
    case PRELUDE_SIEVE:
        return prelude_same_word(word, "\"STARTTLS\"");
    case PRELUDE_IRC:
        return has_word(all, "TLS");
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
    struct bytes word = prelude_next_word(&rest);
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
    } else if (prelude_same_word(word, "CAPABILITY") || contains(line, "[CAPABILITY ")) {
        tell_capabilities(turn, line_offers_tls(turn->p, line), line);
    }
}

/* Answers come by tag, so the queue only keeps the greeting's place. */
static void imap_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    struct bytes rest = line;
    struct bytes tag = prelude_next_word(&rest);
    struct bytes word = prelude_next_word(&rest);
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
    struct bytes word = prelude_next_word(&rest);
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
    } else if (turn->p->request_pending &&
               (code == 691 || code == 451 || (code == 421 && contains(line, "STARTTLS")))) {
        prelude_refused(turn, line);
    }
}

/* Answers name what they answer; the queue is of no use. */
static void irc_reply(struct prelude_turn *turn, struct bytes line)
{
    struct line_state *l = &turn->p->u.line;
    struct bytes rest = line;
    struct bytes word = prelude_next_word(&rest);
    if (word.len > 0 && word.p[0] == ':') {
        word = prelude_next_word(&rest);
    }
    l->n_queue = 0;
    if (prelude_same_word(word, "NOTICE") && l->multi_code == 0) {
        l->multi_code = 1; /* the first of them is as good as a greeting */
        prelude_emit(turn, PRELUDE_GREETING, line);
    } else if (prelude_same_word(word, "CAP") && has_word(rest, "LS")) {
        tell_capabilities(turn, l->offers_tls || line_offers_tls(turn->p, rest), line);
    } else if (prelude_same_word(word, "ERROR")) {
        l->server_left = true;
    } else if (word.len == 3) {
        irc_numeric(turn, reply_code(word), line);
    }
}

static void server_line(struct prelude_turn *turn, struct bytes line)
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
        code_reply(turn, reply_code(line), line);
        break;
    }
}

static enum prelude_progress step_line(struct prelude_turn *turn)
{
    struct bytes line;
    if (turn->side == SIDE_CLIENT && !turn->p->u.line.greeted) {
        return STEP_MORE;
    }
    if (!prelude_take_line(turn->in, &line, &turn->used)) {
        return STEP_MORE;
    }
    if (!prelude_is_text(line)) {
        return STEP_FOREIGN;
    }
    if (line.len == 0) {
        return STEP_USED;
    }
    if (turn->side == SIDE_CLIENT) {
        client_line(turn, line);
    } else {
        server_line(turn, line);
    }
    return STEP_USED;
}

static void finish_line(struct prelude_turn *turn)
{
    if (turn->p->u.line.asked) {
        client_leaves(turn, (struct bytes){ NULL, 0 });
    }
}

const struct prelude_protocol prelude_line = { identify_line, start_line, step_line, finish_line };
