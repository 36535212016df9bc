#include "tls/prelude.h"

#include "base/status.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * A conversation and what the prelude makes of it, as words in the order they came:
 * "SMTP:greeting", "SMTP:capabilities+" (with TLS) or "-" (without), "request", "accepted",
 * "refused", "not-offered", "clear"; "tls:client" and "other:server" at the first such bytes.
 * The same again with the bytes one by one.
 */

enum { N_SAYS_MAX = 9 };

struct say {
    char side; /* 'C' or 'S'; 0 ends the list */
    const char *bytes;
    size_t len;
};

struct row {
    const char *name;
    uint16_t port;
    struct say says[N_SAYS_MAX];
    const char *expected;
};

#define C(literal)                                                                                 \
    {                                                                                              \
        'C', (literal), sizeof(literal) - 1                                                        \
    }
#define S(literal)                                                                                 \
    {                                                                                              \
        'S', (literal), sizeof(literal) - 1                                                        \
    }
/* The starts of a ClientHello's and a ServerHello's record. */
#define CH   "\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03"
#define SH   "\x16\x03\x03\x00\x40\x02\x00\x00\x3c\x03\x03"
#define EHLO C("EHLO c\r\n")
#define SMTP S("220 mx.example ESMTP\r\n")
#define MYSQL(low)                                                                                 \
    S("\x2d\x00\x00\x00\x0a"                                                                       \
      "8.0\x00\x01\x00\x00\x00"                                                                    \
      "abcdefgh\x00\xff" low "\x21\x02\x00\xff\xc1\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"    \
      "123456789")
#define MYSQL_TAIL                                                                                 \
    "\xff\xff\xff\x00\x21"                                                                         \
    "01234567890123456789012"
#define LDAP_STARTTLS                                                                              \
    "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"                                                         \
    "1.3.6.1.4.1.1466.20037"
#define RDP_ASK(protocols)                                                                         \
    "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00" protocols "\x00\x00\x00"
#define RDP_SAY(type, value)                                                                       \
    "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00" type "\x00\x08\x00" value "\x00\x00\x00"
#define TDS(type, encryption)                                                                      \
    type "\x01\x00\x1a\x00\x00\x00\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x00"    \
         "\x00\x00\x00" encryption
#define TDS_IN(type) type "\x01\x00\x13\x00\x00\x00\x00"
#define XMPP_OPEN    "<?xml version='1.0'?><stream:stream to='x>y' xmlns='jabber:client'>"
#define XMPP_FEATURES(inside)                                                                      \
    "<?xml version='1.0'?><stream:stream from='x'><stream:features>" inside "</stream:features>"

/* clang-format off */
static const struct row rows[] = {
    /* TLS and what is none */
    { "TLS at once",                      443,  { C(CH), S(SH) }, "tls:client tls:server" },
    { "TLS in small pieces",              443,  { C("\x16"), C("\x03\x01\x00\x40\x01"), S(SH) }, "tls:client tls:server" },
    { "SSL 2.0 hello",                    443,  { C("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" "0123"), S(SH) }, "tls:client tls:server" },
    { "server in plaintext",              443,  { C(CH), S("HTTP/1.1 400 Bad Request\r\n") }, "tls:client other:server" },
    { "Modbus is no TLS",                 502,  { C(CH), S("\x16\x03\x01\x00\x00\x03\x00\x80\x01") }, "tls:client other:server" },
    { "client in plaintext",              443,  { C("GET / HTTP/1.1\r\n\r\n"), S("\x15\x03\x03\x00\x02\x02\x0a") }, "other:client tls:server" },
    { "SMTP to a TLS server",             443,  { C("EHLO x\r\n"), S("\x15\x03\x03\x00\x02\x02\x0a") }, "tls:server other:client" },
    { "SMTP to a silent server",          443,  { C("EHLO x\r\n") }, "other:client" },
    { "SMTP to an HTTP server",           443,  { C("EHLO x\r\n"), S("HTTP/1.1 400 Bad Request\r\n") }, "other:server other:client" },
    { "zeros",                            443,  { C("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") }, "other:client" },
    { "both something else",              22,   { S("SSH-2.0-x\r\n"), C("SSH-2.0-y\r\n") }, "other:server other:client" },
    { "one byte",                         443,  { C("\x16") }, "other:client" },
    { "nothing",                          443,  { { 0 } }, "" },

    /* SMTP, LMTP */
    { "SMTP",                             25,   { SMTP, EHLO, S("250-mx\r\n250-STARTTLS\r\n250 8BITMIME\r\n"), C("STARTTLS\r\n"), S("220 go\r\n"), C(CH), S(SH) }, "SMTP:greeting SMTP:capabilities+ SMTP:request SMTP:accepted tls:client tls:server" },
    { "SMTP on any port",                 9999, { S("220-mx.example\r\n220 hi\r\n"), EHLO, S("250 STARTTLS\r\n"), C("starttls\r\n"), S("220 go\r\n"), C(CH) }, "SMTP:greeting SMTP:capabilities+ SMTP:request SMTP:accepted tls:client" },
    { "SMTP 454",                         25,   { SMTP, EHLO, S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("454 no\r\n"), C("QUIT\r\n") }, "SMTP:greeting SMTP:capabilities+ SMTP:request SMTP:refused" },
    { "SMTP 454, then mail",              25,   { SMTP, EHLO, S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("454 no\r\n"), C("MAIL FROM:<>\r\n"), S("250 ok\r\n") }, "SMTP:greeting SMTP:capabilities+ SMTP:request SMTP:refused SMTP:clear" },
    { "SMTP 502, then TLS",               25,   { SMTP, EHLO, S("250 mx\r\n"), C("STARTTLS\r\n"), S("502 no\r\n"), C(CH), S("500 what\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:request SMTP:refused tls:client other:server" },
    { "SMTP not offered, quits",          25,   { SMTP, EHLO, S("250-mx\r\n250 SIZE\r\n"), C("QUIT\r\n"), S("221 bye\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:not-offered" },
    { "SMTP not offered, closes",         25,   { SMTP, EHLO, S("250 SIZE\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:not-offered" },
    { "SMTP not offered, mail",           25,   { SMTP, EHLO, S("250 SIZE\r\n"), C("MAIL FROM:<>\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:clear" },
    { "SMTP offered, quits",              25,   { SMTP, EHLO, S("250 STARTTLS\r\n"), C("QUIT\r\n") }, "SMTP:greeting SMTP:capabilities+" },
    { "SMTP, server leaves",              25,   { SMTP, EHLO, S("250 SIZE\r\n421 timeout\r\n") }, "SMTP:greeting SMTP:capabilities-" },
    { "SMTP, only greeted",               25,   { SMTP, C("QUIT\r\n") }, "SMTP:greeting" },
    { "SMTP, EHLO refused",               25,   { SMTP, EHLO, S("502 no\r\n"), C("HELO c\r\n"), S("250 mx\r\n"), C("MAIL FROM:<>\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:clear" },
    { "SMTP, host named starttls",        25,   { SMTP, EHLO, S("250-starttls.example.com\r\n250 SIZE\r\n") }, "SMTP:greeting SMTP:capabilities- SMTP:not-offered" },
    { "SMTP greeting, then TLS",          465,  { SMTP, C(CH) }, "SMTP:greeting tls:client other:server" },
    { "SMTP greeting, TLS on both sides", 465,  { SMTP, C(CH), S(SH) }, "SMTP:greeting tls:client tls:server" },
    { "SMTP, all pipelined",              25,   { SMTP, C("EHLO c\r\nSTARTTLS\r\n" CH), S("250 STARTTLS\r\n220 go\r\n" SH) }, "SMTP:greeting SMTP:request tls:client SMTP:capabilities+ SMTP:accepted tls:server" },
    { "SMTP, capture began later",        25,   { C("STARTTLS\r\n"), S("220 2.0.0 Ready to start TLS\r\n"), C(CH), S(SH) }, "SMTP:request SMTP:accepted tls:client tls:server" },
    { "SMTP, client too early",           25,   { EHLO, SMTP, S("250 STARTTLS\r\n") }, "SMTP:greeting SMTP:capabilities+" },
    { "SMTP, garbage",                    25,   { SMTP, C("\x01\x02\x03\r\n"), S("500 what\r\n") }, "SMTP:greeting other:client other:server" },
    { "LMTP",                             24,   { S("220 mx LMTP\r\n"), C("LHLO c\r\n"), S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("220 go\r\n"), C(CH) }, "LMTP:greeting LMTP:capabilities+ LMTP:request LMTP:accepted tls:client" },

    /* IMAP */
    { "IMAP",                             143,  { S("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"), C("a1 STARTTLS\r\n"), S("a1 OK go\r\n"), C(CH), S(SH) }, "IMAP:greeting IMAP:capabilities+ IMAP:request IMAP:accepted tls:client tls:server" },
    { "IMAP BAD",                         143,  { S("* OK hi\r\n"), C(". CAPABILITY\r\n"), S("* CAPABILITY IMAP4rev1\r\n. OK\r\n"), C(". STARTTLS\r\n"), S(". BAD what\r\n"), C(CH), S("* BAD\r\n") }, "IMAP:greeting IMAP:capabilities- IMAP:request IMAP:refused tls:client other:server" },
    { "IMAP not offered",                 143,  { S("* OK hi\r\n"), C("a CAPABILITY\r\n"), S("* CAPABILITY IMAP4rev1 XSTARTTLS\r\na OK\r\n") }, "IMAP:greeting IMAP:capabilities- IMAP:not-offered" },
    { "IMAP, health check",               143,  { S("* OK [CAPABILITY IMAP4rev1] hi\r\n"), C("a LOGOUT\r\n"), S("* BYE\r\na OK\r\n") }, "IMAP:greeting IMAP:capabilities-" },
    { "IMAP logs in",                     143,  { S("* OK hi\r\n"), C("a LOGIN u p\r\n"), S("a OK\r\n") }, "IMAP:greeting IMAP:clear" },
    { "IMAP, another tag",                143,  { S("* OK hi\r\n"), C("a NOOP\r\nb STARTTLS\r\n"), S("a OK\r\nb NO\r\n") }, "IMAP:greeting IMAP:request IMAP:refused" },

    /* POP3, FTP, NNTP, ManageSieve, IRC */
    { "POP3",                             110,  { S("+OK hi\r\n"), C("CAPA\r\n"), S("+OK\r\nTOP\r\nSTLS\r\n.\r\n"), C("STLS\r\n"), S("+OK\r\n"), C(CH) }, "POP3:greeting POP3:capabilities+ POP3:request POP3:accepted tls:client" },
    { "POP3 -ERR",                        110,  { S("+OK hi\r\n"), C("STLS\r\n"), S("-ERR no\r\n") }, "POP3:greeting POP3:request POP3:refused" },
    { "POP3 not offered",                 110,  { S("+OK hi\r\n"), C("CAPA\r\n"), S("+OK\r\nUSER\r\n.\r\n") }, "POP3:greeting POP3:capabilities- POP3:not-offered" },
    { "POP3 cannot list",                 110,  { S("+OK hi\r\n"), C("CAPA\r\n"), S("-ERR\r\n"), C("QUIT\r\n") }, "POP3:greeting" },
    { "FTP",                              21,   { S("220 hi\r\n"), C("FEAT\r\n"), S("211-Features\r\n AUTH TLS\r\n211 End\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n"), C(CH) }, "FTP:greeting FTP:capabilities+ FTP:request FTP:accepted tls:client" },
    { "FTP, second try",                  21,   { S("220 FTP\r\n"), C("AUTH SSL\r\n"), S("504 no\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n"), C(CH) }, "FTP:greeting FTP:request FTP:refused FTP:request FTP:accepted tls:client" },
    { "FTP 534",                          21,   { S("220 FTP\r\n"), C("AUTH TLS\r\n"), S("534 no\r\n"), C("USER u\r\nPASS p\r\n") }, "FTP:greeting FTP:request FTP:refused FTP:clear" },
    { "FTP by its commands",              9999, { S("220 ready.now\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n") }, "SMTP:greeting FTP:request FTP:accepted" },
    { "NNTP",                             119,  { S("200 hi\r\n"), C("CAPABILITIES\r\n"), S("101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"), C("STARTTLS\r\n"), S("382 go\r\n"), C(CH) }, "NNTP:greeting NNTP:capabilities+ NNTP:request NNTP:accepted tls:client" },
    { "NNTP 580",                         119,  { S("201 hi\r\n"), C("STARTTLS\r\n"), S("580 no\r\n") }, "NNTP:greeting NNTP:request NNTP:refused" },
    { "ManageSieve",                      4190, { S("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n"), C("STARTTLS\r\n"), S("OK\r\n"), C(CH) }, "ManageSieve:greeting ManageSieve:capabilities+ ManageSieve:request ManageSieve:accepted " "tls:client" },
    { "ManageSieve NO",                   4190, { S("\"IMPLEMENTATION\" \"x\"\r\nOK\r\n"), C("STARTTLS\r\n"), S("NO \"x\"\r\n") }, "ManageSieve:greeting ManageSieve:capabilities- ManageSieve:request ManageSieve:refused" },
    { "ManageSieve not offered",          4190, { S("\"SASL\" \"PLAIN\"\r\nOK\r\n"), C("LOGOUT\r\n") }, "ManageSieve:greeting ManageSieve:capabilities- ManageSieve:not-offered" },
    { "IRC",                              6667, { C("STARTTLS\r\n"), S(":s 670 x :go\r\n"), C(CH), S(SH) }, "IRC:request IRC:accepted tls:client tls:server" },
    { "IRC, greeted",                     6667, { S(":s NOTICE * :hi\r\n"), C("CAP LS\r\n"), S(":s CAP * LS :sasl tls\r\n"), C("STARTTLS\r\n"), S(":s 691 x :no\r\n") }, "IRC:greeting IRC:capabilities+ IRC:request IRC:refused" },
    { "IRC in clear",                     6667, { C("NICK n\r\nUSER u 0 * :u\r\n"), S(":s NOTICE * :hi\r\n:s 001 n :Welcome\r\n") }, "IRC:greeting IRC:clear" },

    /* XMPP, LDAP */
    { "XMPP",                             5222, { C(XMPP_OPEN), S(XMPP_FEATURES("<starttls xmlns='u'><required/></starttls>")), C("<starttls xmlns='u'/>"), S("<proceed xmlns='u'/>"), C(CH), S(SH) }, "XMPP:greeting XMPP:capabilities+ XMPP:request XMPP:accepted tls:client tls:server" },
    { "XMPP failure",                     5222, { C(XMPP_OPEN), S(XMPP_FEATURES("<starttls/>")), C("<starttls/>"), S("<failure/></stream:stream>") }, "XMPP:greeting XMPP:capabilities+ XMPP:request XMPP:refused" },
    { "XMPP not offered",                 5222, { C(XMPP_OPEN), S(XMPP_FEATURES("<mechanisms/>")), C("</stream:stream>") }, "XMPP:greeting XMPP:capabilities- XMPP:not-offered" },
    { "XMPP in clear",                    5222, { C(XMPP_OPEN), S(XMPP_FEATURES("<mechanisms/>")), C("<auth mechanism='PLAIN'>x</auth>") }, "XMPP:greeting XMPP:capabilities- XMPP:clear" },
    { "other XML",                        5222, { C("<?xml version='1.0'?><soap/>") }, "other:client" },
    { "LDAP",                             389,  { C(LDAP_STARTTLS), S("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), C(CH), S(SH) }, "LDAP:request LDAP:accepted tls:client tls:server" },
    { "LDAP refused",                     389,  { C(LDAP_STARTTLS), S("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00") }, "LDAP:request LDAP:refused" },
    { "LDAP bind",                        389,  { C("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00") }, "LDAP:clear" },
    { "LDAP search first",                389,  { C("\x30\x07\x02\x01\x01\x63\x02\x04\x00" LDAP_STARTTLS), S("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00") }, "LDAP:request" },

    /* databases and RDP */
    { "PostgreSQL",                       5432, { C("\0\0\0\x08\x04\xd2\x16\x2f"), S("S"), C(CH), S(SH) }, "PostgreSQL:request PostgreSQL:accepted tls:client tls:server" },
    { "PostgreSQL N",                     5432, { C("\0\0\0\x08\x04\xd2\x16\x2f"), S("N"), C("\0\0\0\x09\0\x03\0\0\0") }, "PostgreSQL:request PostgreSQL:refused PostgreSQL:clear" },
    { "PostgreSQL N, then TLS",           5432, { C("\0\0\0\x08\x04\xd2\x16\x2f"), S("N"), C(CH) }, "PostgreSQL:request PostgreSQL:refused tls:client" },
    { "PostgreSQL E",                     5432, { C("\0\0\0\x08\x04\xd2\x16\x2f"), S("E\0\0\0\x10") }, "PostgreSQL:request PostgreSQL:refused" },
    { "PostgreSQL, GSS first",            5432, { C("\0\0\0\x08\x04\xd2\x16\x30"), S("N"), C("\0\0\0\x08\x04\xd2\x16\x2f"), S("S"), C(CH) }, "PostgreSQL:request PostgreSQL:accepted tls:client" },
    { "PostgreSQL in clear",              5432, { C("\0\0\0\x09\0\x03\0\0\0") }, "PostgreSQL:clear" },
    { "PostgreSQL to a TLS server",       443,  { C("\0\0\0\x08\x04\xd2\x16\x2f"), S("\x15\x03\x03\x00\x02\x02\x0a") }, "PostgreSQL:request tls:server other:client" },
    { "MySQL",                            3306, { MYSQL("\xff"), C("\x20\0\0\x01\x85\xae" MYSQL_TAIL "12"), C(CH), S(SH) }, "MySQL:greeting MySQL:capabilities+ MySQL:request MySQL:accepted tls:client tls:server" },
    { "MySQL in clear",                   3306, { MYSQL("\xff"), C("\x20\0\0\x01\x85\xa6" MYSQL_TAIL "12") }, "MySQL:greeting MySQL:capabilities+ MySQL:clear" },
    { "MySQL without TLS",                3306, { MYSQL("\xf7") }, "MySQL:greeting MySQL:capabilities-" },
    { "RDP",                              3389, { C(RDP_ASK("\x0b")), S(RDP_SAY("\x02", "\x08")), C(CH), S(SH) }, "RDP:request RDP:accepted tls:client tls:server" },
    { "RDP refused",                      3389, { C(RDP_ASK("\x01")), S(RDP_SAY("\x03", "\x02")) }, "RDP:request RDP:refused" },
    { "RDP, standard security",           3389, { C(RDP_ASK("\x01")), S(RDP_SAY("\x02", "\x00")) }, "RDP:request RDP:refused" },
    { "RDP, not asked",                   3389, { C(RDP_ASK("\x00")), S(RDP_SAY("\x02", "\x00")) }, "RDP:clear" },
    { "RDP to a Modbus server",           3389, { C(RDP_ASK("\x01")), S("\x03\x00\x00\x2b\x00\x03\x00\x80\x01") }, "RDP:request other:server" },
    { "S7 is no RDP",                     102,  { C("\x03\x00\x00\x16\x11\xe0\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02") }, "other:client" },
    { "TDS",                              1433, { C(TDS("\x12", "\x01")), S(TDS("\x04", "\x01")), C(TDS_IN("\x12") CH), S(TDS_IN("\x12") SH) }, "TDS:request TDS:accepted tls:client tls:server" },
    { "TDS, only the login",              1433, { C(TDS("\x12", "\x00")), S(TDS("\x04", "\x00")), C(TDS_IN("\x12") CH) }, "TDS:request TDS:accepted tls:client" },
    { "TDS refused",                      1433, { C(TDS("\x12", "\x01")), S(TDS("\x04", "\x02")) }, "TDS:request TDS:refused" },
    { "TDS in clear",                     1433, { C(TDS("\x12", "\x02")), S(TDS("\x04", "\x02")) }, "TDS:clear" },

    /* proxies */
    { "CONNECT",                          3128, { C("CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n"), S("HTTP/1.1 200 ok\r\nVia: x\r\n\r\n"), C(CH), S(SH) }, "HTTP CONNECT:request[a.example]443 HTTP CONNECT:accepted tls:client tls:server" },
    { "CONNECT to an address",            3128, { C("CONNECT [2001:db8::1]:8443 HTTP/1.0\r\n\r\n"), S("HTTP/1.0 200 ok\r\n\r\n") }, "HTTP CONNECT:request[2001:db8::1]8443 HTTP CONNECT:accepted" },
    { "CONNECT 403",                      3128, { C("CONNECT a.example:443 HTTP/1.1\r\n\r\n"), S("HTTP/1.1 403 no\r\nContent-Length: 3\r\n\r\n" CH) }, "HTTP CONNECT:request[a.example]443 HTTP CONNECT:refused!" },
    { "CONNECT 407, then 200",            3128, { C("CONNECT a:1 HTTP/1.1\r\n\r\n"), S("HTTP/1.1 407 no\r\n\r\nbody"), C("CONNECT a:1 HTTP/1.1\r\n\r\n"), S("HTTP/1.1 200 ok\r\n\r\n"), C(CH) }, "HTTP CONNECT:request[a]1 HTTP CONNECT:refused! HTTP CONNECT:request[a]1 HTTP " "CONNECT:accepted tls:client" },
    { "CONNECT to something else",        3128, { C("CONNECT a:1 HTTP/1.1\r\n\r\n"), S("\x01\x02\x03") }, "HTTP CONNECT:request[a]1 other:server" },
    { "CONNECT, 100 first",               3128, { C("CONNECT a:1 HTTP/1.1\r\n\r\n" CH), S("HTTP/1.1 100 go on\r\n\r\nHTTP/1.1 200 ok\r\n\r\n" SH) }, "HTTP CONNECT:request[a]1 tls:client HTTP CONNECT:accepted tls:server" },
    { "CONNECT, then SMTP",               3128, { C("CONNECT a:25 HTTP/1.1\r\n\r\n"), S("HTTP/1.1 200 ok\r\n\r\n220 mx ESMTP\r\n"), C("STARTTLS\r\n"), S("454 no\r\n") }, "HTTP CONNECT:request[a]25 HTTP CONNECT:accepted SMTP:greeting SMTP:request SMTP:refused" },
    { "SOCKS 4",                          1080, { C("\x04\x01\x01\xbb\xc0\x00\x02\x01u\0"), S("\0\x5a\0\0\0\0\0\0"), C(CH), S(SH) }, "SOCKS:request[192.0.2.1]443 SOCKS:accepted tls:client tls:server" },
    { "SOCKS 4a",                         1080, { C("\x04\x01\x01\xbb\0\0\0\x01u\0a.example\0"), S("\0\x5b\0\0\0\0\0\0") }, "SOCKS:request[a.example]443 SOCKS:refused!" },
    { "SOCKS 5",                          1080, { C("\x05\x01\x00"), S("\x05\x00"), C("\x05\x01\x00\x03\x09" "a.example\x01\xbb"), S("\x05\0\0\x01\0\0\0\0\0\0"), C(CH) }, "SOCKS:request[a.example]443 SOCKS:accepted tls:client" },
    { "SOCKS 5 with a login",             1080, { C("\x05\x02\x00\x02"), S("\x05\x02"), C("\x01\x01u\x01p"), S("\x01\x00"), C("\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"), S("\x05\x02\0\x01\0\0\0\0\0\0") }, "SOCKS:request[192.0.2.1]443 SOCKS:refused!" },
    { "SOCKS 5, login refused",           1080, { C("\x05\x01\x02"), S("\x05\x02"), C("\x01\x01u\x01p"), S("\x01\x01") }, "SOCKS:refused!" },
    { "SOCKS 5, no method",               1080, { C("\x05\x01\x00"), S("\x05\xff") }, "SOCKS:refused!" },
    { "SOCKS 5, no answer",               1080, { C("\x05\x01\x00") }, "other:client" },
    { "not SOCKS",                        1080, { C("\x05\x01\x00"), S("HTTP/1.1 400 x\r\n") }, "other:server other:client" },
    { "PROXY v1",                         443,  { C("PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n" CH), S(SH) }, "PROXY protocol:greeting<192.0.2.1:4711>198.51.100.2:443 tls:client tls:server" },
    { "PROXY v1 unknown",                 443,  { C("PROXY UNKNOWN\r\n" CH) }, "PROXY protocol:greeting tls:client" },
    { "PROXY v2",                         443,  { C("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x67\x01\xbb\x04\0" "\x01\0" CH), S(SH) }, "PROXY protocol:greeting<192.0.2.1:4711>198.51.100.2:443 tls:client tls:server" },
    { "PROXY v2 local",                   443,  { C("\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0" CH) }, "PROXY protocol:greeting tls:client" },
    { "PROXY, then SMTP",                 25,   { C("PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n"), SMTP, EHLO, S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("220 go\r\n"), C(CH) }, "PROXY protocol:greeting<[2001:db8::1]:1>[2001:db8::2]:25 SMTP:greeting SMTP:capabilities+ " "SMTP:request SMTP:accepted tls:client" },
};
/* clang-format on */

static const char *const step_names[] = {
    [PRELUDE_GREETING] = "greeting", [PRELUDE_CAPABILITIES] = "capabilities",
    [PRELUDE_REQUEST] = "request",   [PRELUDE_ACCEPTED] = "accepted",
    [PRELUDE_REFUSED] = "refused",   [PRELUDE_NOT_OFFERED] = "not-offered",
    [PRELUDE_CLEAR] = "clear",
};

struct outcome {
    struct text words;
    struct text tls[2];
    bool seen[2][2];
};

static void on_event(void *arg, const struct prelude_event *e)
{
    struct outcome *o = arg;
    const char *mark = "";
    if (e->step == PRELUDE_CAPABILITIES) {
        mark = e->offers_tls ? "+" : "-";
    } else if (e->is_proxy_refusal) {
        mark = "!";
    }
    text_printf(&o->words, "%s%s:%s%s", o->words.len > 0 ? " " : "", prelude_kind_name(e->kind),
                step_names[e->step], mark);
    if (e->host.len > 0) {
        text_putc(&o->words, '[');
        text_put_safe(&o->words, e->host);
        text_printf(&o->words, "]%u", e->port);
    }
    if (e->proxied_client.family != 0) {
        text_putc(&o->words, '<');
        endpoint_put(&o->words, &e->proxied_client);
        text_putc(&o->words, '>');
        endpoint_put(&o->words, &e->proxied_server);
    }
}

static void note(struct outcome *o, bool is_tls, enum side side)
{
    if (!o->seen[is_tls][side]) {
        o->seen[is_tls][side] = true;
        text_printf(&o->words, "%s%s:%s", o->words.len > 0 ? " " : "", is_tls ? "tls" : "other",
                    side_name(side));
    }
}

static void on_tls(void *arg, enum side side, struct bytes b)
{
    struct outcome *o = arg;
    note(o, true, side);
    text_put_hex(&o->tls[side], b);
}

static void on_other(void *arg, enum side side, struct bytes b)
{
    (void)b;
    note(arg, false, side);
}

static struct prelude *talk(const struct row *row, size_t step, struct outcome *out)
{
    struct prelude_sink sink = { out, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(row->port);
    assert_non_null(p);
    for (const struct say *say = row->says; say->side != 0; say++) {
        enum side side = say->side == 'C' ? SIDE_CLIENT : SIDE_SERVER;
        for (struct bytes b = bytes_of(say->bytes, say->len); b.len > 0; b = bytes_skip(b, step)) {
            (void)prelude_push(p, side, bytes_head(b, step), &sink);
        }
    }
    prelude_finish(p, &sink);
    return p;
}

static void outcome_deinit(struct outcome *o)
{
    text_deinit(&o->words);
    text_deinit(&o->tls[0]);
    text_deinit(&o->tls[1]);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    for (size_t step = 1; step <= 4096; step += 4095) {
        struct outcome o = { 0 };
        struct prelude *p = talk(row, step, &o);
        assert_string_equal(text_str(&o.words), row->expected);
        prelude_free(p);
        outcome_deinit(&o);
    }
}

/* ---- what a word cannot say ---- */

static void tds_is_unwrapped(void **state)
{
    (void)state;
    static const struct row row = { "tds",
                                    1433,
                                    { C(TDS("\x12", "\x01")), S(TDS("\x04", "\x01")),
                                      C(TDS_IN("\x12") CH), C("\x17\x03\x03\x00\x02zz"),
                                      C("\x01\x01\x00\x09\x00\x00\x00\x00q") },
                                    NULL };
    struct outcome o = { 0 };
    struct prelude *p = talk(&row, SIZE_MAX, &o);
    assert_string_equal(text_str(&o.tls[SIDE_CLIENT]), "16030100400100003c030317030300027a7a");
    assert_false(prelude_is_transparent(p));
    prelude_free(p);
    outcome_deinit(&o);
}

static void transparent_once_both_speak_tls(void **state)
{
    (void)state;
    struct outcome o = { 0 };
    struct prelude_sink sink = { &o, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(443);
    assert_int_equal(prelude_push(p, SIDE_CLIENT, BYTES(CH), &sink), PRELUDE_TLS);
    assert_false(prelude_is_transparent(p));
    assert_int_equal(prelude_push(p, SIDE_SERVER, BYTES("\x16"), &sink), PRELUDE_WAITING);
    assert_int_equal(prelude_push(p, SIDE_SERVER, BYTES("\x03\x03\x00\x40\x02"), &sink),
                     PRELUDE_TLS);
    assert_true(prelude_is_transparent(p));
    prelude_free(p);
    outcome_deinit(&o);
}

static void over_after_clear(void **state)
{
    (void)state;
    struct outcome o = { 0 };
    struct prelude_sink sink = { &o, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(25);
    (void)prelude_push(p, SIDE_SERVER, BYTES("220 mx ESMTP\r\n"), &sink);
    assert_int_equal(prelude_push(p, SIDE_CLIENT, BYTES("MAIL FROM:<>\r\n"), &sink), PRELUDE_OVER);
    assert_int_equal(prelude_push(p, SIDE_SERVER, BYTES("250 ok\r\n"), &sink), PRELUDE_OVER);
    prelude_free(p);
    outcome_deinit(&o);
}

/* A line or a list without end is something else, and costs no more than its buffer. */
static void endless_line(void **state)
{
    (void)state;
    struct outcome o = { 0 };
    struct prelude_sink sink = { &o, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(25);
    char filler[1000];
    memset(filler, 'a', sizeof filler);
    (void)prelude_push(p, SIDE_SERVER, BYTES("220 mx ESMTP"), &sink);
    for (int i = 0; i < 10; i++) {
        (void)prelude_push(p, SIDE_SERVER, bytes_of(filler, sizeof filler), &sink);
    }
    assert_int_equal(prelude_push(p, SIDE_SERVER, BYTES("\r\n"), &sink), PRELUDE_NOT_TLS);
    assert_string_equal(text_str(&o.words), "other:server");
    prelude_free(p);
    outcome_deinit(&o);
}

static void endless_commands(void **state)
{
    (void)state;
    struct outcome o = { 0 };
    struct prelude_sink sink = { &o, on_event, on_tls, on_other };
    struct prelude *p = prelude_new(25);
    enum prelude_state last = PRELUDE_WAITING;
    (void)prelude_push(p, SIDE_SERVER, BYTES("220 mx ESMTP\r\n"), &sink);
    for (int i = 0; i < 1000; i++) {
        last = prelude_push(p, SIDE_CLIENT, BYTES("NOOP\r\n"), &sink);
        (void)prelude_push(p, SIDE_SERVER, BYTES("250 ok\r\n"), &sink);
    }
    assert_int_equal(last, PRELUDE_OVER);
    prelude_free(p);
    outcome_deinit(&o);
}

static void plaintext_names(void **state)
{
    (void)state;
    assert_string_equal(prelude_name_plaintext(BYTES("GET / HTTP/1.1\r\n")), "HTTP request");
    assert_string_equal(prelude_name_plaintext(BYTES("HTTP/1.1 400 x")), "HTTP response");
    assert_string_equal(prelude_name_plaintext(BYTES("HTTP/")), "HTTP response");
    assert_string_equal(prelude_name_plaintext(BYTES("RTSP/")), "RTSP response");
    assert_string_equal(prelude_name_plaintext(BYTES("SIP/2")), "SIP response");
    assert_string_equal(prelude_name_plaintext(BYTES("220 mx ESMTP\r\n")), "SMTP greeting");
    assert_string_equal(prelude_name_plaintext(BYTES("220 FTP ready\r\n")), "FTP greeting");
    assert_string_equal(prelude_name_plaintext(BYTES("500 what\r\n")), "SMTP or FTP reply");
    assert_string_equal(prelude_name_plaintext(BYTES("SSH-2.0-x\r\n")), "SSH banner");
    assert_string_equal(prelude_name_plaintext(BYTES("\0\0\0\0\0\0\0\0")), "zero bytes");
    assert_string_equal(prelude_name_plaintext(BYTES("\x16\x03\x01\x00\x00\x03\x00\x80\x01")),
                        "Modbus message");
    assert_null(prelude_name_plaintext(BYTES("\x99\x98\x97\x96\x95")));
    assert_null(prelude_name_plaintext(BYTES("22")));
    assert_null(prelude_name_plaintext(BYTES("HTTP")));
    assert_null(prelude_name_plaintext((struct bytes){ NULL, 0 }));
}

static void kind_names(void **state)
{
    (void)state;
    for (int kind = 0; kind < PRELUDE_N_KINDS; kind++) {
        assert_non_null(prelude_kind_name((enum prelude_kind)kind));
    }
    assert_string_equal(prelude_kind_name(PRELUDE_TDS), "TDS");
    prelude_free(NULL);
}

int main(void)
{
    enum { N = ARRAY_LEN(rows) };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(tds_is_unwrapped), cmocka_unit_test(transparent_once_both_speak_tls),
        cmocka_unit_test(over_after_clear), cmocka_unit_test(endless_line),
        cmocka_unit_test(endless_commands), cmocka_unit_test(plaintext_names),
        cmocka_unit_test(kind_names),
    };
    struct CMUnitTest tests[N + ARRAY_LEN(others)];
    for (size_t i = 0; i < N; i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[N + i] = others[i];
    }
    return cmocka_run_group_tests_name("prelude", tests, NULL, NULL);
}
