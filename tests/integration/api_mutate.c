/*
 * Mutated requests to the management API, in this process: no crash, no leak, always an answer.
 *
 * usage: handfast_api_mutate DIR COUNT SEED
 *
 * Requests are made from the table of routes, with names and bodies that fit, then spoilt: bytes
 * changed, pieces cut out, doubled, taken from elsewhere. Most carry a good user, so that they
 * reach the handlers. After each the answer has to be whole: a status, a body that is what its type
 * says, {code, message, contexts} where it is a refusal. Prints how many there were of each status.
 */
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/core.h"
#include "api/routes.h"
#include "store/users.h"

enum { TARGET_ROOM = 2048, BODY_ROOM = 4096 };

static uint64_t state;

/* splitmix64: the same seed makes the same requests. */
static uint64_t next_random(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n == 0 ? 0 : (size_t)(next_random() % n);
}

static const char *const words[] = { "acme", "test",   "ks",       "leaf", "default",
                                     "ref",  "secure", "orgadmin", "1",    "admin@example.com" };
static const char *const odd[] = { "%00",        "..",      "%2e%2e", "%ff", "\"",      "<",
                                   "%0d%0aX: y", "ref://x", "",       "o",   "e",       "%25",
                                   "a+b",        "'--",     "{}",     "[",   "\xc3\xa9" };

/* What is there by that letter, seldom something else. */
static void put_name(struct text *out, struct bytes letter)
{
    static const struct {
        const char *letter, *name;
    } good[] = { { "o", "acme" },
                 { "e", "test" },
                 { "k", "ks" },
                 { "a", "default" },
                 { "c", "default" },
                 { "r", "ref" },
                 { "v", "secure" },
                 { "t", "ts" },
                 { "role", "orgadmin" },
                 { "n", "1" },
                 { "u", "admin@example.com" } };
    if (below(24) == 0) {
        text_puts(out, odd[below(ARRAY_LEN(odd))]);
        return;
    }
    bool is_good = below(8) != 0;
    for (size_t i = 0; i < ARRAY_LEN(good) && is_good; i++) {
        if (bytes_equal(letter, bytes_of_str(good[i].letter))) {
            text_puts(out, good[i].name);
            return;
        }
    }
    text_puts(out, words[below(ARRAY_LEN(words))]);
}

static void put_target(struct text *out, const struct api_route *route)
{
    text_puts(out, "/v1");
    for (const char *p = route->path; *p != '\0'; p++) {
        if (*p != '{') {
            text_putc(out, *p);
            continue;
        }
        size_t len = strcspn(p, "}");
        put_name(out, bytes_of(p + 1, len - 1));
        p += len;
    }
    char separator = '?';
    struct bytes left = bytes_of_str(route->query == NULL ? "" : route->query);
    for (struct bytes word = bytes_next_word(&left); word.len > 0; word = bytes_next_word(&left)) {
        static const char *const values[] = { "true", "keycertfile", "pkcs12", "selfsignedcert",
                                              "x",    "keycertjar",  "cert",   "import" };
        text_printf(out, "%c%.*s=%s", separator, (int)word.len, (const char *)word.p,
                    values[below(ARRAY_LEN(values))]);
        separator = '&';
    }
}

struct sample {
    const char *type, *body;
};

#define PART(name)                                                                                 \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"f\"\r\n\r\n"
static const struct sample samples[] = {
    { "application/json", "{\"name\":\"x\",\"refers\":\"ks\",\"resourceType\":\"KeyStore\"}" },
    { "application/json",
      "{\"name\":\"v\",\"hostAliases\":[\"a.example.com\"],\"port\":\"9001\",\"sSLInfo\":"
      "{\"enabled\":\"true\",\"keyStore\":\"ref://ref\",\"keyAlias\":\"leaf\","
      "\"protocols\":[\"TLSv1.2\"],\"ciphers\":[]},\"properties\":{\"property\":"
      "[{\"name\":\"proxy_read_timeout\",\"value\":\"50\"}]}}" },
    { "application/json", "{\"name\":\"t\",\"host\":\"127.0.0.1\",\"port\":1,\"isEnabled\":true,"
                          "\"sSLInfo\":{\"enabled\":true}}" },
    { "application/json", "{\"emailId\":\"a@b.example\",\"firstName\":\"A\",\"lastName\":\"B\"}" },
    { "application/json",
      "{\"alias\":\"own\",\"keySize\":2048,\"sigAlg\":\"SHA256withRSA\",\"subject\":"
      "{\"commonName\":\"a\"},\"certValidityInDays\":-1}" },
    { "text/xml", "<KeyStore name=\"x\"/>" },
    { "application/xml",
      "<TargetServer name=\"t\"><Host>h</Host><Port>443</Port><IsEnabled>true</IsEnabled>"
      "<SSLInfo><Enabled>true</Enabled><Protocols><Protocol>TLSv1</Protocol></Protocols>"
      "</SSLInfo></TargetServer>" },
    { "application/xml", "<ResourceReference name=\"r\"><Refers>ks</Refers></ResourceReference>" },
    { "application/x-www-form-urlencoded",
      "id=admin%40example.com&action=deploy&env=test&revision=1" },
    { "application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token=00" },
    { "multipart/form-data; boundary=b",
      PART("certFile") "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n\r\n" PART(
          "keyFile") "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE "
                     "KEY-----\n\r\n--b--\r\n" },
    { "multipart/form-data; boundary=b", PART("file") "PK\x03\x04\x14\r\n--b" },
    { "application/octet-stream", "PK\x05\x06" },
    { "application/octet-stream",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
    { "", "{\"name\":\"x\"}" },
    { "", "" },
};
static const char *const accepts[] = { "application/json",
                                       "application/xml",
                                       "*/*",
                                       "text/plain",
                                       "application/json;q=0, */*;q=0.1",
                                       "," };

/* Spoils a text in one to four places; it never grows beyond twice its size. */
static void spoil(struct text *t)
{
    for (size_t n = 1 + below(4); n > 0 && t->len > 0; n--) {
        size_t at = below(t->len);
        size_t len = 1 + below(t->len - at > 16 ? 16 : t->len - at);
        switch (below(6)) {
        case 0:
            t->p[at] = (char)next_random();
            break;
        case 1:
            t->p[at] = "{}[]<>\"'&%=;:/\\\0\r\n- "[below(21)];
            break;
        case 2: /* cut */
            t->len = at;
            break;
        case 3: /* a piece is gone */
            memmove(t->p + at, t->p + at + len, t->len - at - len);
            t->len -= len;
            break;
        case 4: /* a piece comes again, at the end */
            for (size_t i = 0; i < len && t->len < BODY_ROOM; i++) {
                text_putc(t, t->p[at + i]);
            }
            break;
        default: { /* two bytes change places */
            size_t other = below(t->len);
            char c = t->p[at];
            t->p[at] = t->p[other];
            t->p[other] = c;
        }
        }
    }
}

static void must(bool promise, const char *what, const struct text *target)
{
    if (!promise) {
        fprintf(stderr, "%s: %s\n", what, text_str(target));
        abort();
    }
}

static void check_answer(const struct api_exchange *x, const struct text *target)
{
    unsigned status = x->answer.status;
    must(x->is_answered && status >= 200 && status < 600, "no status", target);
    if (x->type == NULL || strcmp(x->type, "application/json") != 0) {
        return;
    }
    json_t *json = json_loadb(x->out.p, x->out.len, JSON_DECODE_ANY, NULL);
    must(json != NULL, "not JSON", target);
    if (status >= 400 && json_object_get(json, "error") == NULL) {
        must(json_is_string(json_object_get(json, "code")) &&
                 json_is_string(json_object_get(json, "message")) &&
                 json_is_array(json_object_get(json, "contexts")),
             "not the form of a refusal", target);
    }
    json_decref(json);
}

struct run {
    struct api_core core;
    struct store *store;
    char authorization[256];
    struct text target, body;
    uint64_t n_of_status[600], n_routed;
};

/* Long work (scrypt, RSA keys, handshakes) is left to other tests: it would be nearly all of this.
 */
static bool is_slow(const struct api_route *route)
{
    return strstr(route->path, "diagnosis") != NULL || strstr(route->path, "testssl") != NULL ||
           strcmp(route->id, "createUser") == 0 || strcmp(route->id, "updateUser") == 0 ||
           strcmp(route->id, "createEnvironment") == 0 ||
           strcmp(route->id, "deleteEnvironment") == 0 || strcmp(route->id, "deleteUser") == 0;
}

static const struct api_route *any_route(void)
{
    for (;;) {
        const struct api_table *table = api_tables[below(api_n_tables)];
        const struct api_route *route = &table->routes[below(table->n_routes)];
        if (!is_slow(route)) {
            return route;
        }
    }
}

/* What the names of requests mean; deleted by some, made again. */
static void furnish(struct run *r)
{
    static const struct {
        const char *target, *body;
    } things[] = {
        { "/v1/o", "{\"name\":\"acme\"}" },
        { "/v1/o/acme/e", "{\"name\":\"test\"}" },
        { "/v1/o/acme/e/test/keystores", "{\"name\":\"ks\"}" },
        { "/v1/o/acme/e/test/references", "{\"name\":\"ref\",\"refers\":\"ks\"}" },
        { "/v1/o/acme/e/test/targetservers",
          "{\"name\":\"ts\",\"host\":\"127.0.0.1\",\"port\":1}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(things); i++) {
        struct api_pair headers[] = { { "authorization", r->authorization, 0 } };
        struct api_exchange x;
        api_exchange_init(&x);
        x.method = "POST";
        x.target = bytes_of_str(things[i].target);
        x.headers = (struct api_pairs){ 1, headers };
        x.client = "192.0.2.1";
        x.body = bytes_of_str(things[i].body);
        api_exchange_begin(&r->core, r->store, &x);
        if (!x.is_answered) {
            api_exchange_do(&r->core, r->store, &x);
        }
        api_exchange_deinit(&x);
    }
}

static void one(struct run *r)
{
    const struct api_route *route = any_route();
    const struct sample *sample = &samples[below(ARRAY_LEN(samples))];
    bool spoils_target = below(5) == 0;
    text_clear(&r->target);
    text_clear(&r->body);
    put_target(&r->target, route);
    text_puts(&r->body, sample->body);
    if (spoils_target) {
        spoil(&r->target);
    }
    if (below(3) != 0) {
        spoil(&r->body);
    }
    struct api_pair headers[3] = { { "authorization", r->authorization, 0 },
                                   { "accept", accepts[below(ARRAY_LEN(accepts))], 0 },
                                   { "content-type", sample->type, 0 } };
    struct api_exchange x;
    api_exchange_init(&x);
    x.method = below(50) == 0 ? "PATCH" : api_method_name(route->method);
    x.target = bytes_of(r->target.p, r->target.len);
    x.headers = (struct api_pairs){ sample->type[0] == '\0' ? 2 : 3, headers };
    x.client = "192.0.2.1";
    x.has_length = true;
    x.length = r->body.len;
    api_exchange_begin(&r->core, r->store, &x);
    if (!x.is_answered) {
        r->n_routed++;
        x.body = bytes_of(r->body.p, r->body.len);
        api_exchange_do(&r->core, r->store, &x);
    }
    check_answer(&x, &r->target);
    r->n_of_status[x.answer.status]++;
    api_exchange_deinit(&x);
}

static enum status prepare(struct run *r, const char *dir, struct err *err)
{
    struct places places;
    struct store_problem problem = { 0 };
    char password[USER_MADE_PASSWORD + 1] = "";
    char plain[128];
    uint8_t basic[200];
    TRY(places_init(&places, dir, err));
    if (mkdir(places.logs, 0700) != 0) {
        return err_sys(err, "%s", places.logs);
    }
    TRY(store_open(places.store, &r->store, err));
    TRY(store_begin(r->store, err));
    if (users_make_first(r->store, "admin@example.com", password, &problem) != ST_OK) {
        return err_set(err, ST_IO, "%s", problem.message);
    }
    TRY(store_commit(r->store, err));
    TRY(api_core_init(&r->core, NULL, &places, err));
    int n = snprintf(plain, sizeof plain, "admin@example.com:%s", password);
    EVP_EncodeBlock(basic, (const uint8_t *)plain, n);
    snprintf(r->authorization, sizeof r->authorization, "Basic %s", (const char *)basic);
    return ST_OK;
}

int main(int argc, char **argv)
{
    static struct run r;
    struct err err = { 0 };
    if (argc != 4) {
        fprintf(stderr, "usage: handfast_api_mutate DIR COUNT SEED\n");
        return 2;
    }
    state = strtoull(argv[3], NULL, 10);
    if (prepare(&r, argv[1], &err) != ST_OK) {
        fprintf(stderr, "handfast_api_mutate: %s\n", err.text);
        return 1;
    }
    uint64_t count = strtoull(argv[2], NULL, 10);
    for (uint64_t i = 0; i < count; i++) {
        if (i % 1000 == 0) {
            furnish(&r);
        }
        one(&r);
    }
    printf("%" PRIu64 " requests, %" PRIu64 " reached a handler\n", count, r.n_routed);
    for (unsigned i = 0; i < ARRAY_LEN(r.n_of_status); i++) {
        if (r.n_of_status[i] > 0) {
            printf("%u %" PRIu64 "\n", i, r.n_of_status[i]);
        }
    }
    text_deinit(&r.target);
    text_deinit(&r.body);
    api_core_deinit(&r.core);
    store_close(r.store);
    return 0;
}
