/* What the Router's http{} has before its servers: logs, sessions, headers, ids of faults. */
#include <stdio.h>

#include "gateway/folder.h"
#include "gateway/writer.h"

static void put_log(struct writer *w)
{
    struct conf *c = &w->c;
    char path[PLACE_PATH_MAX];
    conf_line(c,
              "log_format handfast escape=json "
              "'{\"time\":\"$time_iso8601\",\"id\":\"$handfast_log_id\",\"client\":\"$remote_addr:"
              "$remote_port\",\"virtual_host\":\"$handfast_vhost\",\"host\":\"$host\",\"method\":"
              "\"$request_method\",\"uri\":\"$uri\",\"status\":$status,\"bytes\":$bytes_sent,"
              "\"seconds\":$request_time,\"tls\":\"$ssl_protocol\",\"cipher\":\"$ssl_cipher\","
              "\"reused\":\"$ssl_session_reused\",\"fault_code\":"
              "\"$upstream_http_x_apigee_fault_code\",\"fault_source\":"
              "\"$upstream_http_x_apigee_fault_source\"}'");
    if (places_join(path, w->in->places->logs, "router.access.log", NULL) == ST_OK) {
        conf_begin(c, "access_log");
        conf_literal(c, path);
        conf_word(c, "handfast buffer=32k flush=1s");
        conf_end(c);
    }
}

static void put_hidden(struct conf *c)
{
    static const char *const names[] = {
        "X-Apigee-fault-code",     "X-Apigee-fault-source",   "X-Apigee-fault-flag",
        "X-Apigee-fault-policy",   "X-Apigee-fault-revision", "X-Apigee-Message-ID",
        "X-Apigee-proxy",          "X-Apigee-proxy-basepath", "X-Apigee-organization",
        "X-Apigee-target-latency", "X-Apigee-environment",    "X-Handfast-Id",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        conf_begin(c, "proxy_hide_header");
        conf_word(c, names[i]);
        conf_end(c);
    }
}

/* Sessions are kept over reloads: in shared memory, and in tickets whose keys are in files. */
static void put_sessions(struct writer *w)
{
    struct conf *c = &w->c;
    static const char *const names[] = { "now.key", "before.key" };
    char path[PLACE_PATH_MAX];
    conf_line(c, "ssl_session_cache shared:handfast_sessions:20m");
    conf_line(c, "ssl_session_timeout 1h");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (places_join(path, w->in->places->tickets, names[i], NULL) == ST_OK) {
            conf_begin(c, "ssl_session_ticket_key");
            conf_value(c, path);
            conf_end(c);
        }
    }
    conf_line(c, "ssl_prefer_server_ciphers on");
}

enum { RESOLV_MAX = 65536 };

/* "nameserver 192.0.2.1". True where it has begun the directive, now or before. */
static bool put_nameserver(struct conf *c, const char *line, bool begun)
{
    char at[64];
    struct endpoint e;
    if (sscanf(line, "nameserver %63[0-9a-fA-F.:]", at) != 1 || !endpoint_parse(at, &e)) {
        return begun;
    }
    conf_begin(c, begun ? "" : "resolver");
    text_printf(c->out, e.family == 6 ? " [%s]" : " %s", at);
    return true;
}

/* nginx asks OCSP responders by itself, and wants to be told who resolves names. */
static void put_resolver(struct conf *c)
{
    struct text file = { 0 };
    bool begun = false;
    if (folder_read("/etc/resolv.conf", RESOLV_MAX, &file, NULL) == ST_OK) {
        const char *line = text_str(&file);
        while (*line != '\0') {
            size_t len = strcspn(line, "\n");
            begun = put_nameserver(c, line, begun);
            line += len + (line[len] == '\n' ? 1 : 0);
        }
    }
    if (begun) {
        conf_end(c);
    }
    text_deinit(&file);
}

/* With faults of the Message Processor, and where the Router refuses by itself with 400: its status
 * then stands alone. */
static void put_fault_id(struct writer *w)
{
    struct conf *c = &w->c;
    conf_begin(c, "map \"$upstream_http_x_apigee_fault_code:$status:$upstream_status\" "
                  "$handfast_fault_id");
    conf_end_open(c);
    conf_begin(c, "~^:400:$");
    conf_word(c, writer_id(w));
    conf_end(c);
    conf_line(c, "~^: \"\"");
    conf_begin(c, "default");
    conf_word(c, writer_id(w));
    conf_end(c);
    conf_close(c);
}

void writer_router_http(struct writer *w)
{
    struct conf *c = &w->c;
    writer_http(w);
    put_log(w);
    put_sessions(w);
    put_resolver(c);
    put_hidden(c);
    conf_open(c, "upstream handfast_processor");
    conf_line(c, "server unix:../mp.sock max_fails=0");
    conf_close(c);
    /* 0: dot segments, doubled slashes, or letters written as %xx. */
    conf_line(c,
              "map $request_uri $handfast_plain { default 1; "
              "\"~*^[^?]*(/\\.|//|%(2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae]))\" 0; }");
    put_fault_id(w);
    conf_begin(c, "map \"\" $handfast_log_id");
    conf_end_open(c);
    conf_begin(c, "default");
    conf_word(c, writer_id(w));
    conf_end(c);
    conf_close(c);
    conf_line(c, "add_header X-Handfast-Id $handfast_fault_id always");
    writer_module_http(w);
}
