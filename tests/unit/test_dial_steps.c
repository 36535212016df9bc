#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dial/dial_steps.h"

/* A whole dialogue: all that the server says, in one go or byte by byte, and how it ends. */
struct row {
    const char *name;
    struct dial_target target;
    const char *server;
    size_t server_len;
    enum dial_progress end;
    const char *says; /* in what we sent */
    const char *why;  /* in the reason */
};

#define SAYS(literal) (literal), sizeof(literal) - 1
#define AT            .host = "h.test", .port = 25

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "nothing to say", { AT }, SAYS(""), DIAL_READY, "", NULL },
    { "smtp",
      { AT, .starttls = DIAL_SMTP },
      SAYS("220-a\r\n220 b\r\n250-h\r\n250-STARTTLS\r\n250 OK\r\n220 go\r\n"),
      DIAL_READY,
      "STARTTLS\r\n",
      NULL },
    { "smtp refuses",
      { AT, .starttls = DIAL_SMTP },
      SAYS("220 b\r\n250 h\r\n454 not now\r\n"),
      DIAL_REFUSED,
      NULL,
      "454 not now" },
    { "smtp offers none",
      { AT, .starttls = DIAL_SMTP },
      SAYS("220 b\r\n250 h\r\n502 no\r\n"),
      DIAL_REFUSED,
      NULL,
      "offers no STARTTLS" },
    { "smtp is full",
      { AT, .starttls = DIAL_SMTP },
      SAYS("421 full\r\n"),
      DIAL_REFUSED,
      NULL,
      "421 full" },
    { "smtp, unfinished",
      { AT, .starttls = DIAL_SMTP },
      SAYS("220 b\r\n250-h\r\n250"),
      DIAL_MORE,
      "EHLO",
      NULL },
    { "smtp is something else",
      { AT, .starttls = DIAL_SMTP },
      SAYS("SSH-2.0-x\r\n"),
      DIAL_REFUSED,
      NULL,
      "SSH-2.0-x" },
    { "lmtp",
      { AT, .starttls = DIAL_LMTP },
      SAYS("220 b\r\n250 StartTls\r\n220 go\r\n"),
      DIAL_READY,
      "LHLO",
      NULL },
    { "imap",
      { AT, .starttls = DIAL_IMAP },
      SAYS("* OK hello\r\n* CAPABILITY X\r\na1 OK begin\r\n"),
      DIAL_READY,
      "a1 STARTTLS\r\n",
      NULL },
    { "imap refuses",
      { AT, .starttls = DIAL_IMAP },
      SAYS("* OK hello\r\na1 BAD what\r\n"),
      DIAL_REFUSED,
      NULL,
      "BAD what" },
    { "imap leaves", { AT, .starttls = DIAL_IMAP }, SAYS("* BYE\r\n"), DIAL_REFUSED, NULL, "BYE" },
    { "pop3",
      { AT, .starttls = DIAL_POP3 },
      SAYS("+OK a\r\n+OK b\r\n"),
      DIAL_READY,
      "STLS\r\n",
      NULL },
    { "pop3 refuses",
      { AT, .starttls = DIAL_POP3 },
      SAYS("+OK a\r\n-ERR no\r\n"),
      DIAL_REFUSED,
      NULL,
      "-ERR no" },
    { "ftp",
      { AT, .starttls = DIAL_FTP },
      SAYS("220 a\r\n234 b\r\n"),
      DIAL_READY,
      "AUTH TLS\r\n",
      NULL },
    { "nntp",
      { AT, .starttls = DIAL_NNTP },
      SAYS("201 a\r\n382 b\r\n"),
      DIAL_READY,
      "STARTTLS\r\n",
      NULL },
    { "nntp refuses",
      { AT, .starttls = DIAL_NNTP },
      SAYS("200 a\r\n580 b\r\n"),
      DIAL_REFUSED,
      NULL,
      "580" },
    { "sieve",
      { AT, .starttls = DIAL_SIEVE },
      SAYS("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\nOK go\r\n"),
      DIAL_READY,
      "STARTTLS\r\n",
      NULL },
    { "sieve refuses",
      { AT, .starttls = DIAL_SIEVE },
      SAYS("OK\r\nNO \"why\"\r\n"),
      DIAL_REFUSED,
      NULL,
      "offers no STARTTLS" },
    { "xmpp",
      { AT, .starttls = DIAL_XMPP_CLIENT },
      SAYS("<stream:stream id='1'><stream:features><starttls "
           "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
           "</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
      DIAL_READY,
      "jabber:client",
      NULL },
    { "xmpp between servers",
      { AT, .starttls = DIAL_XMPP_SERVER },
      SAYS("<stream:features></stream:features><proceed x='y'></proceed>"),
      DIAL_READY,
      "jabber:server",
      NULL },
    { "xmpp refuses",
      { AT, .starttls = DIAL_XMPP_CLIENT },
      SAYS("<stream:features></stream:features><failure/>"),
      DIAL_REFUSED,
      NULL,
      "offers no STARTTLS" },
    { "ldap",
      { AT, .starttls = DIAL_LDAP },
      SAYS("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
      DIAL_READY,
      "1466.20037",
      NULL },
    { "ldap refuses",
      { AT, .starttls = DIAL_LDAP },
      SAYS("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"),
      DIAL_REFUSED,
      NULL,
      "result 2" },
    { "ldap of endless length",
      { AT, .starttls = DIAL_LDAP },
      SAYS("\x30\x84\x7f\xff\xff\xff\x02"),
      DIAL_REFUSED,
      NULL,
      "refused" },
    { "postgresql", { AT, .starttls = DIAL_POSTGRES }, SAYS("S"), DIAL_READY, NULL, NULL },
    { "postgresql refuses",
      { AT, .starttls = DIAL_POSTGRES },
      SAYS("N"),
      DIAL_REFUSED,
      NULL,
      "TLS is off" },
    { "mysql",
      { AT, .starttls = DIAL_MYSQL },
      SAYS("\x17\x00\x00\x00\x0a"
           "8\0\x01\x00\x00\x00"
           "12345678\0\xff\xff\x21\x02\x00\xff\xff"),
      DIAL_READY,
      NULL,
      NULL },
    { "mysql without TLS",
      { AT, .starttls = DIAL_MYSQL },
      SAYS("\x17\x00\x00\x00\x0a"
           "8\0\x01\x00\x00\x00"
           "12345678\0\xff\xf7\x21\x02\x00\xff\xff"),
      DIAL_REFUSED,
      NULL,
      "does not offer TLS" },
    { "mysql with an error",
      { AT, .starttls = DIAL_MYSQL },
      SAYS("\x04\x00\x00\x00\xff\x15\x04#"),
      DIAL_REFUSED,
      NULL,
      "error" },
    { "mssql",
      { AT, .starttls = DIAL_MSSQL },
      SAYS("\x04\x01\x00\x14\x00\x00\x01\x00\x01\x00\x06\x00\x01\xff\x01\x00\x00\x00\x00\x00"),
      DIAL_READY,
      NULL,
      NULL },
    { "mssql without TLS",
      { AT, .starttls = DIAL_MSSQL },
      SAYS("\x04\x01\x00\x0f\x00\x00\x01\x00\x01\x00\x06\x00\x01\xff\x02"),
      DIAL_REFUSED,
      NULL,
      "encryption" },
    { "rdp",
      { AT, .starttls = DIAL_RDP },
      SAYS("\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x01\x00\x00\x00"),
      DIAL_READY,
      NULL,
      NULL },
    { "rdp refuses",
      { AT, .starttls = DIAL_RDP },
      SAYS("\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x02\x00\x00\x00"),
      DIAL_REFUSED,
      NULL,
      "failure" },
    { "irc",
      { AT, .starttls = DIAL_IRC },
      SAYS(":s NOTICE * :hi\r\n:s 670 * :go\r\n"),
      DIAL_READY,
      "STARTTLS",
      NULL },
    { "irc refuses",
      { AT, .starttls = DIAL_IRC },
      SAYS(":s 691 * :no\r\n"),
      DIAL_REFUSED,
      NULL,
      "691" },
    { "http proxy",
      { AT, .proxy = "http://p:1" },
      SAYS("HTTP/1.1 200 yes\r\nA: b\r\n\r\n"),
      DIAL_READY,
      "CONNECT h.test:25 HTTP/1.1\r\n",
      NULL },
    { "http proxy with a password",
      { AT, .proxy = "http://u:p@p:1" },
      SAYS("HTTP/1.0 200\r\n\r\n"),
      DIAL_READY,
      "Basic dTpw\r\n",
      NULL },
    { "http proxy refuses",
      { AT, .proxy = "http://p:1" },
      SAYS("HTTP/1.1 403 no\r\n\r\n"),
      DIAL_REFUSED,
      NULL,
      "403 no" },
    { "socks",
      { AT, .proxy = "socks5://p" },
      SAYS("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"),
      DIAL_READY,
      "h.test",
      NULL },
    { "socks with a password",
      { AT, .proxy = "socks5://u:w@p" },
      SAYS("\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"),
      DIAL_READY,
      NULL,
      NULL },
    { "socks wants a password",
      { AT, .proxy = "socks5://p" },
      SAYS("\x05\xff"),
      DIAL_REFUSED,
      NULL,
      "credentials" },
    { "socks refuses",
      { AT, .proxy = "socks5://p" },
      SAYS("\x05\x00\x05\x05\x00\x01"),
      DIAL_REFUSED,
      NULL,
      "connection refused" },
    { "proxy, header, smtp",
      { AT, .proxy = "http://p:1", .proxy_protocol = 1, .starttls = DIAL_SMTP },
      SAYS("HTTP/1.1 200 yes\r\n\r\n220 b\r\n250 STARTTLS\r\n220 go\r\n"),
      DIAL_READY,
      "PROXY TCP4 192.0.2.7 192.0.2.9 4242 25\r\n",
      NULL },
    { "header of version 2",
      { AT, .proxy_protocol = 2 },
      SAYS(""),
      DIAL_READY,
      "QUIT\n\x21\x11",
      NULL },
};
/* clang-format on */

static const struct endpoint local = { .ip = { 192, 0, 2, 7 }, .port = 4242, .family = 4 };
static const struct endpoint remote = { .ip = { 192, 0, 2, 9 }, .port = 25, .family = 4 };

static void run_row(const struct row *row, size_t piece)
{
    struct dial_steps s;
    struct bytes left = bytes_of(row->server, row->server_len);
    struct text said = { 0 };
    dial_steps_start(&s, &row->target, &local, &remote);
    text_put(&said, s.out.p, s.out.len);
    while (left.len > 0 && s.progress == DIAL_MORE) {
        struct bytes now = bytes_head(left, piece);
        text_clear(&s.out);
        (void)dial_steps_push(&s, now);
        left = bytes_skip(left, now.len);
        text_put(&said, s.out.p, s.out.len);
    }
    assert_int_equal(s.progress, row->end);
    if (row->says != NULL && row->says[0] != '\0') {
        assert_non_null(memmem(said.p, said.len, row->says, strlen(row->says)));
    }
    if (row->why != NULL) {
        assert_non_null(strstr(s.why.text, row->why));
    }
    assert_true(row->end != DIAL_READY || dial_steps_rest(&s).len == 0);
    dial_steps_deinit(&s);
    text_deinit(&said);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    run_row(row, SIZE_MAX);
    run_row(row, 1);
}

static void an_answer_without_end_is_refused(void **state)
{
    const struct dial_target target = { AT, .starttls = DIAL_SMTP };
    struct dial_steps s;
    (void)state;
    dial_steps_start(&s, &target, &local, &remote);
    for (size_t i = 0; i < 2 * (size_t)DIAL_IN_MAX && s.progress == DIAL_MORE; i++) {
        (void)dial_steps_push(&s, BYTES("220-x\r\n"));
    }
    assert_int_equal(s.progress, DIAL_REFUSED);
    assert_true(s.in.len < 2 * (size_t)DIAL_IN_MAX);
    dial_steps_deinit(&s);
}

static void what_follows_the_answer_is_kept(void **state)
{
    const struct dial_target target = { AT, .starttls = DIAL_POSTGRES };
    struct dial_steps s;
    (void)state;
    dial_steps_start(&s, &target, &local, &remote);
    assert_int_equal(dial_steps_push(&s, BYTES("S\x16\x03")), DIAL_READY);
    assert_true(bytes_equal(dial_steps_rest(&s), BYTES("\x16\x03")));
    dial_steps_deinit(&s);
}

static void silence_says_what_was_awaited(void **state)
{
    const struct dial_target target = { AT, .starttls = DIAL_IMAP };
    struct dial_steps s;
    (void)state;
    dial_steps_start(&s, &target, &local, &remote);
    dial_steps_fail(&s, "nothing came");
    assert_int_equal(s.progress, DIAL_REFUSED);
    assert_string_equal(s.why.text, "nothing came while the greeting was awaited");
    dial_steps_deinit(&s);
}

static void tds_packets_are_put_on_and_taken_off(void **state)
{
    struct text wrapped = { 0 };
    struct text back = { 0 };
    struct dial_tds tds = { 0 };
    static uint8_t tls[10000];
    (void)state;
    for (size_t i = 0; i < sizeof tls; i++) {
        tls[i] = (uint8_t)(i * 7);
    }
    dial_tds_wrap(&wrapped, bytes_of(tls, sizeof tls));
    for (size_t i = 0; i < wrapped.len; i += 3) {
        dial_tds_unwrap(&tds, bytes_head(bytes_skip(bytes_of(wrapped.p, wrapped.len), i), 3),
                        &back);
    }
    assert_true(bytes_equal(bytes_of(back.p, back.len), bytes_of(tls, sizeof tls)));
    dial_tds_unwrap(&tds, BYTES("HTTP/1.1"), &back);
    assert_true(tds.is_broken);
    text_deinit(&wrapped);
    text_deinit(&back);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 4] = {
        cmocka_unit_test(an_answer_without_end_is_refused),
        cmocka_unit_test(what_follows_the_answer_is_kept),
        cmocka_unit_test(silence_says_what_was_awaited),
        cmocka_unit_test(tds_packets_are_put_on_and_taken_off),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i + 4] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("dial_steps", tests, NULL, NULL);
}
