#include "tls/prelude_protocol.h"

/* The first row that matches names it. Who sees only what was read for a record's header, as
 * OpenSSL shows it, has five bytes. */
struct plaintext_row {
    struct bytes start;
    const char *name;
};

#define START(literal)                                                                             \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* clang-format off */
static const struct plaintext_row rows[] = {
    { START("PRI * HTTP/2"),                     "HTTP/2 without TLS" },
    { START("GET "),                             "HTTP request" },
    { START("POST "),                            "HTTP request" },
    { START("HEAD "),                            "HTTP request" },
    { START("PUT "),                             "HTTP request" },
    { START("DELETE "),                          "HTTP request" },
    { START("OPTIONS rtsp"),                     "RTSP request" },
    { START("OPTIONS sip"),                      "SIP request" },
    { START("OPTIONS "),                         "HTTP request" },
    { START("PATCH "),                           "HTTP request" },
    { START("TRACE "),                           "HTTP request" },
    { START("PROPFIND "),                        "HTTP request" },
    { START("CONNECT "),                         "HTTP CONNECT request" },
    { START("HTTP/"),                            "HTTP response" },
    { START("<!DOCTYPE"),                        "HTML page" },
    { START("<!doctype"),                        "HTML page" },
    { START("<html"),                            "HTML page" },
    { START("<HTML"),                            "HTML page" },
    { START("<stream:"),                         "XMPP stream" },
    { START("<?xml"),                            "XML document" },
    { START("SSH-"),                             "SSH banner" },
    { START("EHLO "),                            "SMTP command" },
    { START("HELO "),                            "SMTP command" },
    { START("LHLO "),                            "LMTP command" },
    { START("STARTTLS"),                         "STARTTLS command" },
    { START("MAIL FROM"),                        "SMTP command" },
    { START("USER "),                            "login command" },
    { START("QUIT"),                             "QUIT command" },
    { START("AUTH "),                            "AUTH command" },
    { START("NICK "),                            "IRC command" },
    { START("CAP LS"),                           "IRC command" },
    { START("NOTICE "),                          "IRC message" },
    { START("* OK"),                             "IMAP greeting" },
    { START("* BYE"),                            "IMAP greeting" },
    { START("* PREAUTH"),                        "IMAP greeting" },
    { START("+OK"),                              "POP3 greeting" },
    { START("+PONG"),                            "Redis reply" },
    { START("-NOAUTH"),                          "Redis reply" },
    { START("-ERR"),                             "POP3 or Redis error" },
    { START("*1\r\n$"),                          "Redis command" },
    { START("*2\r\n$"),                          "Redis command" },
    { START("*3\r\n$"),                          "Redis command" },
    { START("RTSP/"),                            "RTSP response" },
    { START("SIP/2"),                            "SIP response" },
    { START("INVITE sip"),                       "SIP request" },
    { START("REGISTER sip"),                     "SIP request" },
    { START("RFB 00"),                           "VNC banner" },
    { START("AMQP"),                             "AMQP header" },
    { START("@RSYNCD:"),                         "rsync banner" },
    { START("PROXY "),                           "PROXY protocol header" },
    { START("\r\n\r\n\0\r\nQUIT\n"),             "PROXY protocol header" },
    { START("\x13" "BitTorrent"),                "BitTorrent handshake" },
    { START("\xff\xfb"),                         "Telnet negotiation" },
    { START("\xff\xfc"),                         "Telnet negotiation" },
    { START("\xff\xfd"),                         "Telnet negotiation" },
    { START("\xff\xfe"),                         "Telnet negotiation" },
    { START("\xac\xed\x00\x05"),                 "Java serialization" },
    { START("JRMI"),                             "Java RMI" },
    { START("\x05\x00\x0b\x03"),                 "DCE/RPC bind" },
    { START("\x03\x00\x00"),                     "RDP or another TPKT packet" },
    { START("\x04\x01"),                         "SOCKS 4 request" },
    { START("\x05\x01"),                         "SOCKS 5 greeting" },
    { START("\x05\x02"),                         "SOCKS 5 greeting" },
    { START("\x12\x01\x00"),                     "TDS packet" },
    { START("\x04\x01\x00"),                     "TDS packet" },
    { START("\x00\x00\x00\x08\x04\xd2\x16\x2f"), "PostgreSQL SSLRequest" },
    { START("stats"),                            "memcached command" },
    { START("VERSION "),                         "memcached reply" },
    { START("{\""),                              "JSON text" },
    { START("GIOP"),                             "CORBA GIOP message" },
    { START("MGLNDD_"),                          "scanner's probe" },
};
/* clang-format on */

static bool all_zero(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.p[i] != 0) {
            return false;
        }
    }
    return b.len >= 4;
}

/* "220 mail ESMTP": a reply of SMTP, FTP or NNTP. */
static const char *name_reply(struct bytes b)
{
    for (size_t i = 0; i < 3; i++) {
        if (b.p[i] < '0' || b.p[i] > '9') {
            return NULL;
        }
    }
    if (b.p[3] != ' ' && b.p[3] != '-') {
        return NULL;
    }
    bool is_greeting = b.p[0] == '2';
    for (size_t i = 4; is_greeting && i + 4 <= b.len; i++) {
        if (prelude_same_word(bytes_head(bytes_skip(b, i), 4), "SMTP")) {
            return "SMTP greeting";
        }
        if (prelude_same_word(bytes_head(bytes_skip(b, i), 3), "FTP")) {
            return "FTP greeting";
        }
    }
    return is_greeting ? "SMTP or FTP greeting" : "SMTP or FTP reply";
}

/* Formats whose marks stand behind a length. */
static const char *name_binary(struct bytes b)
{
    if (b.len >= 8 && (bytes_equal(bytes_of(b.p + 4, 4), BYTES("\xff"
                                                               "SMB")) ||
                       bytes_equal(bytes_of(b.p + 4, 4), BYTES("\xfe"
                                                               "SMB")))) {
        return "SMB packet";
    }
    if (b.len >= 8 && b.p[0] == 0x10 && (bytes_equal(bytes_of(b.p + 4, 4), BYTES("MQTT")))) {
        return "MQTT connect";
    }
    if (b.len >= 5 && b.p[1] <= 1 && b.p[2] == 0 && b.p[3] == 0 && b.p[4] == 10) {
        return "MySQL greeting";
    }
    bool is_modbus_len = b.len >= 9 && load_be16(b.p + 4) == b.len - 6;
    bool is_exception = b.len == 9 && b.p[7] >= 0x80; /* echoes what it took for a header */
    if (is_modbus_len && (load_be16(b.p + 2) == 0 || is_exception)) {
        return "Modbus message";
    }
    if (b.len >= 5 && b.p[0] == 0x30 && b.p[1] < 0x80 && b.p[2] == 2 && b.p[3] <= 4) {
        return "LDAP message";
    }
    if (b.len >= 8 && load_be16(b.p) == 0 && load_be32(b.p + 4) == 0x00030000) {
        return "PostgreSQL startup";
    }
    return all_zero(b) ? "zero bytes" : NULL;
}

const char *prelude_name_plaintext(struct bytes start)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (bytes_start_with(start, rows[i].start)) {
            return rows[i].name;
        }
    }
    if (start.len < 4) {
        return NULL;
    }
    const char *name = name_reply(start);
    return name != NULL ? name : name_binary(start);
}
