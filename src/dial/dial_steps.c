#include "dial/dial_steps.h"

/* clang-format off: a table reads by columns */
const struct dial_row dial_rows[] = {
    { DIAL_BY_HTTP, "answer to CONNECT", NULL, dial_put_connect, dial_take_connect, 0 },
    { DIAL_BY_SOCKS, "choice of a method", NULL, dial_put_socks_hello, dial_take_socks_hello, 0 },
    { DIAL_BY_SOCKS, "answer to the password", NULL, dial_put_socks_login, dial_take_socks_login,
      0 },
    { DIAL_BY_SOCKS, "answer to CONNECT", NULL, dial_put_socks_request, dial_take_socks_reply, 0 },
    { DIAL_BY_HEADER, "PROXY header", NULL, dial_put_header, NULL, 0 },
    { DIAL_SMTP, "greeting", NULL, NULL, dial_take_reply, 220 },
    { DIAL_SMTP, "answer to EHLO", "EHLO handfast.invalid\r\n", NULL, dial_take_reply, 250 },
    { DIAL_SMTP, "answer to STARTTLS", "STARTTLS\r\n", NULL, dial_take_reply, 220 },
    { DIAL_LMTP, "greeting", NULL, NULL, dial_take_reply, 220 },
    { DIAL_LMTP, "answer to LHLO", "LHLO handfast.invalid\r\n", NULL, dial_take_reply, 250 },
    { DIAL_LMTP, "answer to STARTTLS", "STARTTLS\r\n", NULL, dial_take_reply, 220 },
    { DIAL_IMAP, "greeting", NULL, NULL, dial_take_imap, 0 },
    { DIAL_IMAP, "answer to STARTTLS", "a1 STARTTLS\r\n", NULL, dial_take_imap, 1 },
    { DIAL_POP3, "greeting", NULL, NULL, dial_take_pop3, 0 },
    { DIAL_POP3, "answer to STLS", "STLS\r\n", NULL, dial_take_pop3, 0 },
    { DIAL_FTP, "greeting", NULL, NULL, dial_take_reply, 220 },
    { DIAL_FTP, "answer to AUTH TLS", "AUTH TLS\r\n", NULL, dial_take_reply, 234 },
    { DIAL_NNTP, "greeting", NULL, NULL, dial_take_reply, 2 },
    { DIAL_NNTP, "answer to STARTTLS", "STARTTLS\r\n", NULL, dial_take_reply, 382 },
    { DIAL_SIEVE, "greeting", NULL, NULL, dial_take_sieve, 0 },
    { DIAL_SIEVE, "answer to STARTTLS", "STARTTLS\r\n", NULL, dial_take_sieve, 0 },
    { DIAL_XMPP_CLIENT, "stream features", NULL, dial_put_xmpp, dial_take_features, 0 },
    { DIAL_XMPP_CLIENT, "answer to starttls", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
      NULL, dial_take_proceed, 0 },
    { DIAL_XMPP_SERVER, "stream features", NULL, dial_put_xmpp, dial_take_features, 0 },
    { DIAL_XMPP_SERVER, "answer to starttls", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
      NULL, dial_take_proceed, 0 },
    { DIAL_LDAP, "answer to StartTLS", NULL, dial_put_ldap, dial_take_ldap, 0 },
    { DIAL_POSTGRES, "answer to SSLRequest", NULL, dial_put_postgresql, dial_take_postgresql, 0 },
    { DIAL_MYSQL, "greeting", NULL, NULL, dial_take_mysql, 0 },
    { DIAL_MYSQL, "SSLRequest", NULL, dial_put_mysql, NULL, 0 },
    { DIAL_MSSQL, "answer to PRELOGIN", NULL, dial_put_tds, dial_take_tds, 0 },
    { DIAL_RDP, "connection confirm", NULL, dial_put_rdp, dial_take_rdp, 0 },
    { DIAL_IRC, "answer to STARTTLS", "STARTTLS\r\n", NULL, dial_take_irc, 670 },
};
/* clang-format on */
const size_t dial_n_rows = ARRAY_LEN(dial_rows);

static const struct dial_row *first_row(unsigned protocol)
{
    for (size_t i = 0; i < dial_n_rows; i++) {
        if (dial_rows[i].protocol == protocol) {
            return &dial_rows[i];
        }
    }
    return NULL;
}

/* The row after this one in the same dialogue, or NULL. */
static const struct dial_row *next_row(const struct dial_row *row)
{
    const struct dial_row *next = row + 1;
    return next < dial_rows + dial_n_rows && next->protocol == row->protocol ? next : NULL;
}

static const struct dial_row *stage_row(struct dial_steps *s)
{
    struct dial_proxy proxy;
    switch ((enum dial_stage)s->stage) {
    case STAGE_PROXY:
        if (s->target->proxy == NULL || !dial_parse_proxy(s->target->proxy, &proxy)) {
            return NULL;
        }
        return first_row(proxy.is_socks ? DIAL_BY_SOCKS : DIAL_BY_HTTP);
    case STAGE_HEADER:
        return s->target->proxy_protocol == 0 ? NULL : first_row(DIAL_BY_HEADER);
    case STAGE_STARTTLS:
        return s->target->starttls == DIAL_NO_STARTTLS ? NULL : first_row(s->target->starttls);
    case STAGE_DONE:
        return NULL;
    }
    return NULL;
}

static void refuse(struct dial_steps *s)
{
    s->progress = DIAL_REFUSED;
    s->is_proxy_refusal = s->stage == STAGE_PROXY;
}

/* Says what the rows have to say, up to one whose answer is awaited. */
static void say(struct dial_steps *s, const struct dial_row *row)
{
    while (s->progress == DIAL_MORE) {
        while (row == NULL && s->stage < STAGE_DONE) {
            s->stage++;
            row = stage_row(s);
        }
        s->row = row;
        if (row == NULL) {
            s->progress = DIAL_READY;
            return;
        }
        if (row->send != NULL) {
            text_puts(&s->out, row->send);
        }
        if (row->put != NULL && !row->put(s)) {
            refuse(s);
        }
        if (row->take != NULL) {
            return;
        }
        row = next_row(row);
    }
}

void dial_steps_start(struct dial_steps *s, const struct dial_target *target,
                      const struct endpoint *local, const struct endpoint *remote)
{
    *s = (struct dial_steps){ .target = target, .local = *local, .remote = *remote };
    const struct dial_row *row = stage_row(s);
    say(s, row);
}

/* The first words of what the server said, for a person. */
static void describe(struct dial_steps *s, struct bytes said)
{
    if (s->why.status != ST_OK) {
        return;
    }
    struct text words = { 0 };
    size_t end = 0;
    while (end < said.len && end < DIAL_SAID_MAX && said.p[end] != '\r' && said.p[end] != '\n') {
        end++;
    }
    text_put_safe(&words, bytes_head(said, end));
    err_set(&s->why, ST_IO, "%s: %s",
            s->stage == STAGE_PROXY ? "the proxy refused the connection"
            : s->lists_capabilities && !s->offers_tls
                ? "the server offers no STARTTLS and refused it"
                : "the server refused STARTTLS",
            text_str(&words));
    text_deinit(&words);
}

static void drop(struct text *t, size_t n)
{
    memmove(t->p, t->p + n, t->len - n);
    t->len -= n;
    t->p[t->len] = '\0';
}

enum dial_progress dial_steps_push(struct dial_steps *s, struct bytes in)
{
    text_put(&s->in, (const char *)in.p, in.len);
    while (s->progress == DIAL_MORE && s->row != NULL && s->in.len > 0) {
        size_t used = 0;
        struct bytes waiting = bytes_of(s->in.p, s->in.len);
        enum dial_take taken = s->row->take(s, waiting, &used);
        if (taken == TAKE_NO) {
            describe(s, waiting);
            refuse(s);
        } else if (taken == TAKE_MORE) {
            if (s->in.len > DIAL_IN_MAX || s->in.failed) {
                err_set(&s->why, ST_IO, "the %s has no end", s->row->what);
                refuse(s);
            }
            break;
        } else {
            drop(&s->in, used);
            const struct dial_row *next = next_row(s->row);
            say(s, taken == TAKE_SKIP && next != NULL ? next_row(next) : next);
        }
    }
    return (enum dial_progress)s->progress;
}

void dial_steps_fail(struct dial_steps *s, const char *how)
{
    if (s->progress == DIAL_MORE) {
        err_set(&s->why, ST_IO, "%s while the %s was awaited", how,
                s->row == NULL ? "answer" : s->row->what);
        refuse(s);
    }
}

struct bytes dial_steps_rest(const struct dial_steps *s)
{
    return bytes_of(s->in.p, s->in.len);
}

void dial_steps_deinit(struct dial_steps *s)
{
    text_deinit(&s->out);
    text_deinit(&s->in);
}
