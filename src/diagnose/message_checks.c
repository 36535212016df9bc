#include "diagnose/message_checks.h"

static const struct {
    enum cause cause;
    enum actor party;
    const char *tells, *command;
} checks[] = {
#define CHECK(cause, party, tells, command) { CAUSE_##cause, ACTOR_##party, tells, command },
#include "diagnose/message_checks.def"
};

static const char capture_tells[] = "the handshake itself: record one, and read the verdict";
static const char capture_command[] =
    "tcpdump -i any -s 0 -w handshake.pcap host {host} and port {port}; "
    "handfast explain handshake.pcap";

static const char default_host[] = "HOST";
enum { DEFAULT_PORT = 443 };

/* A cause that is about no certificate has a row for ACTOR_NONE; one that is and whose certificate
 * is meant was not told, is checked as the server's. */
static bool is_for(size_t i, enum cause cause, enum actor party)
{
    enum actor wanted = party == ACTOR_CLIENT ? ACTOR_CLIENT : ACTOR_SERVER;
    return checks[i].cause == cause && (checks[i].party == ACTOR_NONE || checks[i].party == wanted);
}

static size_t find(enum cause cause, enum actor party)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (is_for(i, cause, party)) {
            return i;
        }
    }
    return ARRAY_LEN(checks);
}

bool message_check_exists(enum cause cause, enum actor party)
{
    return find(cause, party) < ARRAY_LEN(checks);
}

static void put_host(struct text *out, const struct message_reading *r)
{
    if (r->host.len == 0) {
        text_puts(out, default_host);
    } else {
        text_put(out, (const char *)r->host.p, r->host.len);
    }
}

static void put_port(struct text *out, const struct message_reading *r)
{
    text_put_u64(out, r->port == 0 ? DEFAULT_PORT : r->port);
}

static void put_at(struct text *out, const struct message_reading *r)
{
    bool is_v6 = r->host.len > 0 && memchr(r->host.p, ':', r->host.len) != NULL;
    text_puts(out, is_v6 ? "[" : "");
    put_host(out, r);
    text_puts(out, is_v6 ? "]:" : ":");
    put_port(out, r);
}

/* RFC 6066 section 3: an address is no server name. */
static bool is_address(const struct message_reading *r)
{
    bool has_letter = false;
    for (size_t i = 0; i < r->host.len; i++) {
        uint8_t c = r->host.p[i];
        if (c == ':') {
            return true;
        }
        has_letter = has_letter || (c != '.' && (c < '0' || c > '9'));
    }
    return r->host.len > 0 && !has_letter;
}

static void put_server_name(struct text *out, const struct message_reading *r)
{
    if (is_address(r)) {
        text_puts(out, "-noservername");
        return;
    }
    text_puts(out, "-servername ");
    put_host(out, r);
}

/* Where an address is all that is known, the reader has to put a name in. */
static void put_name(struct text *out, const struct message_reading *r)
{
    if (is_address(r)) {
        text_puts(out, "NAME");
        return;
    }
    put_host(out, r);
}

static void put_verified_name(struct text *out, const struct message_reading *r)
{
    text_puts(out, is_address(r) ? "-verify_ip " : "-verify_hostname ");
    put_host(out, r);
}

static const struct {
    const char *name;
    void (*put)(struct text *out, const struct message_reading *r);
} places[] = {
    { "{host}", put_host },       { "{port}", put_port }, { "{at}", put_at },
    { "{sni}", put_server_name }, { "{name}", put_name }, { "{verify}", put_verified_name },
};

/* How much of the command was a place, 0 where none begins here. */
static size_t put_place(struct text *out, const char *command, const struct message_reading *r)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t len = strlen(places[i].name);
        if (strncmp(command, places[i].name, len) == 0) {
            places[i].put(out, r);
            return len;
        }
    }
    return 0;
}

static const char *filled(const char *command, const struct message_reading *r, struct arena *arena)
{
    struct text t = { 0 };
    for (const char *c = command; *c != '\0';) {
        size_t len = put_place(&t, c, r);
        if (len == 0) {
            text_putc(&t, *c);
            len = 1;
        }
        c += len;
    }
    const char *copy = t.failed ? NULL : arena_strndup(arena, text_str(&t), t.len);
    text_deinit(&t);
    return copy;
}

static bool has_command(const struct message_check *list, size_t n, const char *command)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].command, command) == 0) {
            return true;
        }
    }
    return false;
}

static size_t add(const char *tells, const char *command, struct message_check *list, size_t n)
{
    if (command == NULL || has_command(list, n, command)) {
        return n;
    }
    list[n] = (struct message_check){ tells, command };
    return n + 1;
}

size_t message_checks(const struct message_reading *r, struct arena *arena,
                      struct message_check *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_causes && n + 1 < room; i++) {
        size_t row = find(r->causes[i].cause, r->party);
        if (row < ARRAY_LEN(checks)) {
            n = add(checks[row].tells, filled(checks[row].command, r, arena), out, n);
        }
    }
    return room == 0 ? 0 : add(capture_tells, filled(capture_command, r, arena), out, n);
}
