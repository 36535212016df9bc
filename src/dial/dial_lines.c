/* The dialogues of lines: SMTP, LMTP, IMAP, POP3, FTP, NNTP, ManageSieve, IRC, XMPP. */
#include "dial/dial_steps.h"

#include <strings.h>

/* One line without its end; false where no end is there yet. `*at` moves behind it. */
static bool next_line(struct bytes in, size_t *at, struct bytes *line)
{
    size_t end = *at;
    while (end < in.len && in.p[end] != '\n') {
        end++;
    }
    if (end >= in.len) {
        return false;
    }
    size_t len = end - *at;
    *line = bytes_of(in.p + *at, len > 0 && in.p[end - 1] == '\r' ? len - 1 : len);
    *at = end + 1;
    return true;
}

static bool starts_with_word(struct bytes line, const char *word)
{
    size_t len = strlen(word);
    return line.len >= len && strncasecmp((const char *)line.p, word, len) == 0;
}

static bool contains(struct bytes in, const char *word)
{
    return in.len > 0 && memmem(in.p, in.len, word, strlen(word)) != NULL;
}

/* The keywords of EHLO and FEAT ignore case (RFC 5321 section 2.4, RFC 2389 section 3.2). */
static bool offers_starttls(struct bytes line)
{
    static const char word[] = "STARTTLS";
    for (; line.len >= sizeof word - 1; line = bytes_skip(line, 1)) {
        if (strncasecmp((const char *)line.p, word, sizeof word - 1) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned code_of(struct bytes line)
{
    unsigned code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (line.len <= i || line.p[i] < '0' || line.p[i] > '9') {
            return 0;
        }
        code = code * 10 + (unsigned)(line.p[i] - '0');
    }
    return code;
}

/* What follows is a line of the same reply: "250-", or a line without a code. */
static bool is_continued(struct bytes line)
{
    return code_of(line) == 0 || (line.len > 3 && line.p[3] == '-');
}

/* RFC 5321 section 4.2.1 and RFC 959 section 4.2: "250-first", ..., "250 last". A code below 10 in
 * the table asks for the first digit only. */
enum dial_take dial_take_reply(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct bytes line;
    size_t at = 0;
    while (next_line(in, &at, &line)) {
        unsigned code = code_of(line);
        if (offers_starttls(line)) {
            s->offers_tls = true;
        }
        bool is_first = at == line.len + 2;
        if (code == 0 && s->row->code == 220 && is_first && line.len > 0) {
            return TAKE_NO; /* a greeting of something else */
        }
        if (is_continued(line)) {
            continue;
        }
        s->lists_capabilities |= s->row->code == 250;
        *used = at;
        unsigned wanted = s->row->code;
        return code == wanted || (wanted < 10 && code / 100 == wanted) ? TAKE_NEXT : TAKE_NO;
    }
    return TAKE_MORE;
}

/* RFC 9051 section 7.1: "* OK" as a greeting; then the line with our tag. */
enum dial_take dial_take_imap(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct bytes line;
    size_t at = 0;
    bool awaits_tag = s->row->code == 1;
    while (next_line(in, &at, &line)) {
        if (!awaits_tag) {
            *used = at;
            return starts_with_word(line, "* OK") || starts_with_word(line, "* PREAUTH") ? TAKE_NEXT
                                                                                         : TAKE_NO;
        }
        if (starts_with_word(line, "a1 ")) {
            *used = at;
            return starts_with_word(line, "a1 OK") ? TAKE_NEXT : TAKE_NO;
        }
        if (starts_with_word(line, "* BYE")) {
            return TAKE_NO;
        }
    }
    return TAKE_MORE;
}

enum dial_take dial_take_pop3(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct bytes line;
    size_t at = 0;
    (void)s;
    if (!next_line(in, &at, &line)) {
        return TAKE_MORE;
    }
    *used = at;
    return starts_with_word(line, "+OK") ? TAKE_NEXT : TAKE_NO;
}

/* RFC 5804 section 1.7: capabilities, then OK, NO or BYE. */
enum dial_take dial_take_sieve(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct bytes line;
    size_t at = 0;
    while (next_line(in, &at, &line)) {
        if (starts_with_word(line, "\"STARTTLS\"")) {
            s->offers_tls = true;
        }
        if (starts_with_word(line, "OK")) {
            s->lists_capabilities = true;
            *used = at;
            return TAKE_NEXT;
        }
        if (starts_with_word(line, "NO") || starts_with_word(line, "BYE")) {
            return TAKE_NO;
        }
    }
    return TAKE_MORE;
}

/* ":server 670 * :STARTTLS successful"; notices before it are passed over. */
enum dial_take dial_take_irc(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct bytes line;
    size_t at = 0;
    while (next_line(in, &at, &line)) {
        struct bytes word = bytes_next_word(&line);
        if (word.len > 0 && word.p[0] == ':') {
            word = bytes_next_word(&line);
        }
        unsigned code = code_of(word);
        if (code == s->row->code) {
            *used = at;
            return TAKE_NEXT;
        }
        if (code == 691 || code == 421 || code == 451 || starts_with_word(word, "ERROR")) {
            return TAKE_NO;
        }
    }
    return TAKE_MORE;
}

bool dial_put_xmpp(struct dial_steps *s)
{
    const char *to = dial_server_name(s->target);
    if (to[0] == '\0') {
        to = s->target->host;
    }
    if (strpbrk(to, "'<>&") != NULL) {
        err_set(&s->why, ST_USAGE, "'%.80s' is no name to ask an XMPP server for", to);
        return false;
    }
    text_printf(&s->out,
                "<?xml version='1.0'?><stream:stream to='%s' xmlns='%s' "
                "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
                to, s->target->starttls == DIAL_XMPP_SERVER ? "jabber:server" : "jabber:client");
    return true;
}

/* Where the words stand first; in.len where they do not. */
static size_t find(struct bytes in, const char *words)
{
    const uint8_t *at = memmem(in.p, in.len, words, strlen(words));
    return at == NULL ? in.len : (size_t)(at - in.p);
}

/* RFC 6120 section 5.4: the features end with their closing tag. */
enum dial_take dial_take_features(struct dial_steps *s, struct bytes in, size_t *used)
{
    static const char end[] = "</stream:features>";
    static const char none[] = "<stream:features/>";
    size_t at = find(in, end) < find(in, none) ? find(in, end) : find(in, none);
    if (find(in, "<stream:error") < at || find(in, "</stream:stream>") < at) {
        return TAKE_NO;
    }
    if (at == in.len) {
        return TAKE_MORE;
    }
    s->lists_capabilities = true;
    s->offers_tls = contains(bytes_head(in, at), "urn:ietf:params:xml:ns:xmpp-tls");
    *used = at + sizeof end - 1;
    return TAKE_NEXT;
}

enum dial_take dial_take_proceed(struct dial_steps *s, struct bytes in, size_t *used)
{
    (void)s;
    const uint8_t *at = memmem(in.p, in.len, "<proceed", 8);
    size_t proceeds = find(in, "<proceed");
    if (find(in, "<failure") < proceeds || find(in, "<stream:error") < proceeds) {
        return TAKE_NO;
    }
    if (at == NULL) {
        return TAKE_MORE;
    }
    const uint8_t *end = memchr(at, '>', in.len - (size_t)(at - in.p));
    if (end == NULL) {
        return TAKE_MORE;
    }
    *used = (size_t)(end - in.p) + 1;
    if (end[-1] == '/') {
        return TAKE_NEXT;
    }
    const char close[] = "</proceed>";
    const uint8_t *last = memmem(end, in.len - (size_t)(end - in.p), close, sizeof close - 1);
    if (last == NULL) {
        return TAKE_MORE;
    }
    *used = (size_t)(last - in.p) + sizeof close - 1;
    return TAKE_NEXT;
}
