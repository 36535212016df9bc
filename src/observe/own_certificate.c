/* Our own certificate: as the message it goes in, and whether a client could mind it for its dates
 * or its name. Servers ask that of every client that leaves without a word, and of the same few
 * certificates: answers are remembered. */
#include <string.h>
#include <time.h>

#include "observe/watched.h"

enum {
    ANSWERS = 16,
    NAME_ROOM = 256,     /* a DNS name and its end (RFC 1035 section 2.3.4) */
    TAIL_BYTES = 32,     /* of the signature: it tells certificates apart, whatever their address */
    ANSWER_LASTS_S = 30, /* dates pass */
};

struct answer {
    bool is_there, is_fine;
    time_t until;
    uint8_t tail[TAIL_BYTES];
    char name[NAME_ROOM];
};

static struct answer answers[ANSWERS];
static atomic_flag answering = ATOMIC_FLAG_INIT; /* who finds it taken does without */

static bool judge(const struct calls *c, X509 *own, const char *name)
{
    return c->X509_cmp_current_time(c->X509_get0_notBefore(own)) < 0 &&
           c->X509_cmp_current_time(c->X509_get0_notAfter(own)) > 0 &&
           (name[0] == '\0' || c->X509_check_host(own, name, strlen(name), 0, NULL) == 1);
}

/* False where it can not be remembered. */
static bool make_key(const struct calls *c, const X509 *own, const char *name, struct answer *out)
{
    const ASN1_BIT_STRING *signature = NULL;
    const X509_ALGOR *algorithm = NULL;
    size_t len = strlen(name);
    if (c->X509_get0_signature == NULL || len >= NAME_ROOM) {
        return false;
    }
    c->X509_get0_signature(&signature, &algorithm, own);
    if (signature == NULL || signature->length < TAIL_BYTES) {
        return false;
    }
    struct bytes whole = bytes_of(signature->data, (size_t)signature->length);
    return bytes_copy(out->tail, TAIL_BYTES, bytes_skip(whole, whole.len - TAIL_BYTES)) &&
           bytes_copy((uint8_t *)out->name, NAME_ROOM, bytes_of(name, len));
}

static struct answer *place_of(const char *name)
{
    size_t sum = 0;
    for (; *name != '\0'; name++) {
        sum = sum * 31 + (unsigned char)*name;
    }
    return &answers[sum % ANSWERS];
}

static bool recall(struct answer *wanted)
{
    bool found = false;
    if (!atomic_flag_test_and_set_explicit(&answering, memory_order_acquire)) {
        const struct answer *a = place_of(wanted->name);
        found = a->is_there && time(NULL) < a->until &&
                memcmp(a->tail, wanted->tail, TAIL_BYTES) == 0 &&
                strcmp(a->name, wanted->name) == 0;
        wanted->is_fine = found && a->is_fine;
        atomic_flag_clear_explicit(&answering, memory_order_release);
    }
    return found;
}

static void remember(const struct answer *known)
{
    if (!atomic_flag_test_and_set_explicit(&answering, memory_order_acquire)) {
        *place_of(known->name) = *known;
        atomic_flag_clear_explicit(&answering, memory_order_release);
    }
}

bool own_certificate_is_fine(const struct watched *w)
{
    const struct calls *c = &w->o->calls;
    struct answer answer = { 0 };
    if (c->SSL_get_certificate == NULL || c->X509_check_host == NULL ||
        c->X509_cmp_current_time == NULL || c->X509_get0_notBefore == NULL ||
        c->X509_get0_notAfter == NULL || c->SSL_get_servername == NULL) {
        return false;
    }
    X509 *own = c->SSL_get_certificate(w->ssl);
    const char *name = c->SSL_get_servername(w->ssl, TLSEXT_NAMETYPE_host_name);
    name = name == NULL ? "" : name;
    if (own == NULL) {
        return false;
    }
    if (!make_key(c, own, name, &answer)) {
        return judge(c, own, name);
    }
    if (!recall(&answer)) {
        answer.is_fine = judge(c, own, name);
        answer.is_there = true;
        answer.until = time(NULL) + ANSWER_LASTS_S;
        remember(&answer);
    }
    return answer.is_fine;
}

/* --- the message --- */

static void store_be24(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

/* One of the list, RFC 5246 section 7.4.2: its length and its DER. Where the next one goes; 0 where
 * there is no room. */
static size_t put_certificate(const struct calls *c, const X509 *x, uint8_t *room, size_t n_room,
                              size_t at)
{
    int len = x == NULL ? 0 : c->i2d_X509(x, NULL);
    if (len <= 0 || at == 0 || at > n_room || n_room - at < 3 || (size_t)len > n_room - at - 3) {
        return 0;
    }
    unsigned char *p = room + at + 3;
    store_be24(room + at, (size_t)len);
    return at + 3 + (size_t)c->i2d_X509(x, &p);
}

struct bytes own_certificate_message(const struct watched *w, size_t len, uint8_t *room,
                                     size_t n_room)
{
    const struct calls *c = &w->o->calls;
    const struct bytes none = { NULL, 0 };
    if (c->SSL_get_certificate == NULL || c->i2d_X509 == NULL || c->SSL_ctrl == NULL ||
        c->OPENSSL_sk_num == NULL || c->OPENSSL_sk_value == NULL || n_room < 3) {
        return none;
    }
    OPENSSL_STACK *chain = NULL;
    c->ERR_set_mark();
    c->SSL_ctrl(w->ssl, SSL_CTRL_GET_CHAIN_CERTS, 0, (void *)&chain);
    size_t at = put_certificate(c, c->SSL_get_certificate(w->ssl), room, n_room, 3);
    int n = chain == NULL ? 0 : c->OPENSSL_sk_num(chain);
    for (int i = 0; i < n; i++) {
        at = put_certificate(c, c->OPENSSL_sk_value(chain, i), room, n_room, at);
    }
    c->ERR_pop_to_mark();
    if (at != len) {
        return none;
    }
    store_be24(room, at - 3);
    return bytes_of(room, at);
}
