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

struct command_row {
    uint32_t kinds; /* bits of enum prelude_kind */
    enum command meaning;
    const char *verb;
    const char *argument; /* NULL: any; "": none */
};

#define K(kind) (UINT32_C(1) << PRELUDE_##kind)
#define K_MAIL  (K(SMTP) | K(LMTP))

/* clang-format off */
static const struct command_row command_rows[] = {
    { K(SMTP),                                                  COMMAND_CAPABILITIES, "EHLO",         NULL },
    { K(LMTP),                                                  COMMAND_CAPABILITIES, "LHLO",         NULL },
    { K_MAIL | K(NNTP) | K(IMAP) | K(SIEVE) | K(IRC),           COMMAND_STARTTLS,     "STARTTLS",     NULL },
    { K_MAIL,                                                   COMMAND_HARMLESS,     "HELO",         NULL },
    { K_MAIL,                                                   COMMAND_HARMLESS,     "RSET",         NULL },
    { K_MAIL,                                                   COMMAND_HARMLESS,     "XCLIENT",      NULL },
    { K_MAIL,                                                   COMMAND_HARMLESS,     "XFORWARD",     NULL },
    { K(FTP),                                                   COMMAND_CAPABILITIES, "FEAT",         NULL },
    { K(FTP),                                                   COMMAND_STARTTLS,     "AUTH",         "TLS" },
    { K(FTP),                                                   COMMAND_STARTTLS,     "AUTH",         "SSL" },
    { K(FTP),                                                   COMMAND_STARTTLS,     "AUTH",         "TLS-C" },
    { K(FTP),                                                   COMMAND_STARTTLS,     "AUTH",         "TLS-P" },
    { K(FTP),                                                   COMMAND_HARMLESS,     "AUTH",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "OPTS",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "SYST",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "HOST",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "CLNT",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "PBSZ",         NULL },
    { K(FTP),                                                   COMMAND_HARMLESS,     "PROT",         NULL },
    { K(FTP) | K(POP3) | K(IRC),                                COMMAND_HARMLESS,     "USER",         NULL },
    { K(POP3),                                                  COMMAND_CAPABILITIES, "CAPA",         NULL },
    { K(POP3),                                                  COMMAND_STARTTLS,     "STLS",         NULL },
    { K(POP3),                                                  COMMAND_HARMLESS,     "AUTH",         "" },
    { K(POP3),                                                  COMMAND_HARMLESS,     "UTF8",         NULL },
    { K(POP3),                                                  COMMAND_HARMLESS,     "LANG",         NULL },
    { K(NNTP),                                                  COMMAND_CAPABILITIES, "CAPABILITIES", NULL },
    { K(NNTP),                                                  COMMAND_HARMLESS,     "MODE",         NULL },
    { K(NNTP),                                                  COMMAND_HARMLESS,     "DATE",         NULL },
    { K(IMAP) | K(SIEVE),                                       COMMAND_CAPABILITIES, "CAPABILITY",   NULL },
    { K(IMAP),                                                  COMMAND_HARMLESS,     "ID",           NULL },
    { K(IMAP),                                                  COMMAND_HARMLESS,     "ENABLE",       NULL },
    { K(IMAP) | K(SIEVE),                                       COMMAND_QUIT,         "LOGOUT",       NULL },
    { K(IRC),                                                   COMMAND_CAPABILITIES, "CAP",          "LS" },
    { K(IRC),                                                   COMMAND_HARMLESS,     "CAP",          NULL },
    { K(IRC),                                                   COMMAND_HARMLESS,     "NICK",         NULL },
    { K(IRC),                                                   COMMAND_HARMLESS,     "PASS",         NULL },
    { K(IRC),                                                   COMMAND_HARMLESS,     "PING",         NULL },
    { K(IRC),                                                   COMMAND_HARMLESS,     "PONG",         NULL },
    { K_MAIL | K(FTP) | K(POP3) | K(NNTP) | K(IMAP) | K(SIEVE), COMMAND_HARMLESS,     "NOOP",         NULL },
    { K_MAIL | K(FTP) | K(NNTP),                                COMMAND_HARMLESS,     "HELP",         NULL },
    { K_MAIL | K(FTP) | K(POP3) | K(NNTP) | K(IRC),             COMMAND_QUIT,         "QUIT",         NULL },
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
    c.verb = bytes_next_word(&line);
    c.argument = bytes_next_word(&line);
    c.row = find_command(kinds & ~K(IMAP), c.verb, c.argument);
    if (c.row == NULL && (kinds & K(IMAP)) != 0) {
        const struct command_row *row = find_command(K(IMAP), c.argument, bytes_next_word(&line));
        if (row != NULL) {
            c.row = row;
            c.tag = c.verb;
            c.verb = c.argument;
        }
    }
    return c;
}

/* ---- which protocol ---- */

/* "220 ..." greets in SMTP, LMTP and FTP. RFC 5321 section 4.2: the server's domain comes first. */
static enum prelude_kind guess_220(const struct prelude *p, struct bytes line)
{
    if (prelude_contains(line, "LMTP") || p->server_port == 24) {
        return PRELUDE_LMTP;
    }
    if (prelude_contains(line, "SMTP")) {
        return PRELUDE_SMTP;
    }
    if (prelude_contains(line, "FTP") || p->server_port == 21) {
        return PRELUDE_FTP;
    }
    if (p->server_port == 25 || p->server_port == 465 || p->server_port == 587 ||
        p->server_port == 2525) {
        return PRELUDE_SMTP;
    }
    struct bytes rest = bytes_skip(line, 4);
    struct bytes domain = bytes_next_word(&rest);
    bool has_dot = domain.len > 0 && memchr(domain.p, '.', domain.len) != NULL;
    return has_dot && prelude_is_alnum(domain.p[0]) ? PRELUDE_SMTP : PRELUDE_FTP;
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

static bool is_one_of(struct bytes word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (prelude_same_word(word, words[i])) {
            return true;
        }
    }
    return false;
}

/* IMAP: "* OK", and the answers to a tag. */
static bool is_imap(struct bytes first, struct bytes second, struct bytes tag)
{
    static const char *const untagged[] = { "OK", "PREAUTH", "BYE", "CAPABILITY" };
    static const char *const tagged[] = { "OK", "NO", "BAD" };
    if (prelude_same_word(first, "*")) {
        return is_one_of(second, untagged, ARRAY_LEN(untagged));
    }
    return tag.len > 0 && bytes_equal(first, tag) && is_one_of(second, tagged, ARRAY_LEN(tagged));
}

/* RFC 5804 section 1.7: a capability is a quoted word in upper case. */
static bool is_sieve(struct bytes line)
{
    static const char *const names[] = { "\"IMPLEMENTATION\"", "\"SASL\"",     "\"SIEVE\"",
                                         "\"STARTTLS\"",       "\"VERSION\"",  "\"NOTIFY\"",
                                         "\"MAXREDIRECTS\"",   "\"LANGUAGE\"", "\"OWNER\"" };
    return is_one_of(bytes_next_word(&line), names, ARRAY_LEN(names));
}

/* ":prefix" and then a command or three digits, or a command alone. */
static bool is_irc(struct bytes first, struct bytes second)
{
    if (first.len > 1 && first.p[0] == ':') {
        return prelude_reply_code(second) != 0 || prelude_same_word(second, "NOTICE") ||
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
    uint16_t code = prelude_reply_code(line);
    struct bytes rest = line;
    struct bytes first = bytes_next_word(&rest);
    struct bytes second = bytes_next_word(&rest);
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
    struct command_line command = parse_command(UINT32_C(1) << p->kind, command_line);
    enum command meaning = command.row != NULL ? command.row->meaning : COMMAND_WORK;
    uint16_t code = prelude_reply_code(line);
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
    struct bytes verb = bytes_next_word(&rest);
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
    bool is_listed = l->capabilities_seen && (l->asked || turn->p->kind == PRELUDE_SIEVE);
    if (is_listed && !l->offers_tls && !turn->p->was_requested && !l->server_left) {
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
        prelude_reply(turn, line);
    }
    return STEP_USED;
}

static void finish_line(struct prelude_turn *turn)
{
    if (turn->p->u.line.asked) { /* who said nothing at all wanted nothing */
        client_leaves(turn, (struct bytes){ NULL, 0 });
    }
}

const struct prelude_protocol prelude_line = { identify_line, start_line, step_line, finish_line };
