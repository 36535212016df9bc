#include "observe/judging.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/ssl.h>

#include "base/hash.h"
#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "keystore/keystore.h"

enum {
    STORY_LIMIT_BYTES = 16 << 20,
    VERDICT_LIMIT_BYTES = 4 << 20,
    STORES_KEPT = 32,
};

/* What a program trusts, and what it was read from. */
struct kept_store {
    uint64_t key; /* 0: none */
    uint64_t used;
    struct x509_store *store;
};

struct judging {
    struct x509_store *system;
    uint64_t system_key; /* of what it was read from; 0: nobody knows */
    struct arena story, verdict;
    struct hash_key hash;
    uint64_t n_used;
    struct kept_store kept[STORES_KEPT];
    size_t n_chains; /* to be given back */
    const struct x509_chain *chains[STORY_CHAINS_MAX];
};

enum status judging_new(struct judging **out, struct err *err)
{
    struct judging *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL); /* verdicts quote its reasons */
    g->hash = hash_key_random();
    g->story.limit_bytes = STORY_LIMIT_BYTES;
    g->verdict.limit_bytes = VERDICT_LIMIT_BYTES;
    *out = g;
    return ST_OK;
}

static void end_judging(struct judging *g)
{
    for (size_t i = 0; i < g->n_chains; i++) {
        x509_chain_unref(g->chains[i]);
    }
    g->n_chains = 0;
}

void judging_free(struct judging *g)
{
    if (g == NULL) {
        return;
    }
    end_judging(g);
    for (size_t i = 0; i < STORES_KEPT; i++) {
        x509_store_free(g->kept[i].store);
    }
    x509_store_free(g->system);
    arena_deinit(&g->story);
    arena_deinit(&g->verdict);
    free(g);
}

/* --- trust --- */

/* One that cannot be read is one less to trust. */
static enum status store_of_anchors(const struct story *s, struct x509_store **out)
{
    struct keystore *k = NULL;
    enum status st = keystore_new(&k, NULL);
    struct keystore_options plain = { 0 };
    for (size_t i = 0; st == ST_OK && i < s->n_anchors; i++) {
        if (keystore_add_bytes(k, "anchor", s->anchors[i], &plain, NULL) == ST_NOMEM) {
            st = ST_NOMEM;
        }
    }
    if (st == ST_OK) {
        st = x509_store_new(out, NULL);
    }
    if (st == ST_OK) {
        st = x509_store_add_trust_entries(*out, k, NULL);
    }
    keystore_free(k);
    return st;
}

/* A place comes from the program that is watched: a pipe under that name must not hold us up. */
static bool is_file_or_folder(const char *path, struct stat *st)
{
    return stat(path, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

/* Files that the program loaded, and we can still read. */
static enum status store_of_places(const struct story *s, struct x509_store **out)
{
    const struct local_facts *l = &s->local;
    struct stat unused;
    enum status st = x509_store_new(out, NULL);
    bool is_any = l->default_places;
    if (st == ST_OK && l->default_places) {
        st = x509_store_add_system_trust(*out, NULL);
    }
    for (size_t i = 0; st == ST_OK && i < l->n_places; i++) {
        if (is_file_or_folder(l->places[i], &unused)) {
            is_any = x509_store_add_trust(*out, l->places[i], NULL) == ST_OK || is_any;
        }
    }
    return st == ST_OK && !is_any ? ST_IO : st;
}

static uint64_t mix(const struct judging *g, uint64_t key, struct bytes more)
{
    uint64_t both[2] = { key, hash_bytes(&g->hash, more) };
    return hash_bytes(&g->hash, bytes_of(both, sizeof both)) | 1;
}

static uint64_t key_of_anchors(const struct judging *g, const struct story *s)
{
    uint64_t key = 1;
    for (size_t i = 0; i < s->n_anchors; i++) {
        key = mix(g, key, s->anchors[i]);
    }
    return key;
}

/* Changes when the file does. */
static uint64_t mix_file(const struct judging *g, uint64_t key, const char *path,
                         const struct stat *st)
{
    uint64_t facts[] = { (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                         (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec };
    return mix(g, mix(g, key, bytes_of_str(path)), bytes_of(facts, sizeof facts));
}

/* 0: a folder is among them, whose files may change by themselves. */
static uint64_t key_of_places(const struct judging *g, const struct local_facts *l)
{
    uint64_t key = l->default_places ? 3 : 5;
    for (size_t i = 0; i < l->n_places; i++) {
        struct stat st = { 0 };
        if (!is_file_or_folder(l->places[i], &st)) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            return 0;
        }
        key = mix_file(g, key, l->places[i], &st);
    }
    return key;
}

/* The one of that key, or the one longest unused, emptied. */
static struct kept_store *place_for(struct judging *g, uint64_t key)
{
    struct kept_store *oldest = &g->kept[0];
    for (size_t i = 0; i < STORES_KEPT; i++) {
        if (key != 0 && g->kept[i].key == key) {
            g->kept[i].used = ++g->n_used;
            return &g->kept[i];
        }
        oldest = g->kept[i].used < oldest->used ? &g->kept[i] : oldest;
    }
    x509_store_free(oldest->store);
    *oldest = (struct kept_store){ .key = key, .used = ++g->n_used };
    return oldest;
}

/* The trust of the program; NULL: it is not known, use the system's. */
static struct x509_store *own_store(struct judging *g, const struct story *s)
{
    bool verifies_peer = s->local.side == SIDE_CLIENT || s->local.verify_mode != 0;
    bool has_anchors = story_has_anchors(s);
    if (!verifies_peer || (!has_anchors && s->local.n_places == 0)) {
        return NULL;
    }
    uint64_t key = has_anchors ? key_of_anchors(g, s) : key_of_places(g, &s->local);
    struct kept_store *kept = place_for(g, key);
    if (kept->store == NULL) {
        enum status st =
            has_anchors ? store_of_anchors(s, &kept->store) : store_of_places(s, &kept->store);
        if (st != ST_OK) {
            x509_store_free(kept->store);
            *kept = (struct kept_store){ 0 };
        }
    }
    return kept->store;
}

static uint64_t key_of_system(const struct judging *g)
{
    const char *place = x509_system_trust_place();
    struct stat st = { 0 };
    bool is_file = place != NULL && stat(place, &st) == 0 && S_ISREG(st.st_mode);
    return is_file ? mix_file(g, 1, place, &st) : 0;
}

/* Without anchors it still tells much. */
static struct x509_store *system_store(struct judging *g)
{
    if (g->system == NULL && x509_store_new(&g->system, NULL) == ST_OK &&
        x509_store_add_system_trust(g->system, NULL) != ST_OK) {
        return g->system;
    }
    return g->system;
}

void judging_prepare(struct judging *g)
{
    uint64_t key = key_of_system(g);
    if (g->system != NULL && (key == 0 || key != g->system_key)) {
        end_judging(g); /* chains of it */
        x509_store_free(g->system);
        g->system = NULL;
    }
    g->system_key = key;
    (void)system_store(g);
}

/* --- the verdict --- */

static void reach(struct judging *g, struct x509_store *store, struct judged *j)
{
    struct judgements judged = { 0 };
    if (judge(store, j->t, &judged, NULL) != ST_OK) {
        judged = (struct judgements){ 0 };
    }
    struct diagnose_context context = {
        .judgement = { judged.is_judged[0] ? &judged.of[0] : NULL,
                       judged.is_judged[1] ? &judged.of[1] : NULL },
        .trust_is_given = j->trust_is_given,
    };
    arena_reset(&g->verdict);
    diagnose(j->t, &context, &g->verdict, &j->verdict);
}

bool judging_open(struct judging *g, struct bytes note, const uint8_t key[NOTE_KEY_BYTES],
                  struct judged *out)
{
    end_judging(g);
    arena_reset(&g->story);
    out->t = NULL;
    out->trust_name = NULL;
    out->find_issuer = NULL;
    return story_open(note, key, &g->story, &out->story);
}

/* They do not stand in a path: what was sent is judged. */
static void note_issuers(struct x509_store *store, const struct judged *j,
                         const struct x509_chain *chain)
{
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        struct bytes der;
        size_t at = 0;
        while (j->find_issuer(j->issuer_arg, x509_chain_der(chain, i), &at, &der)) {
            const struct x509_chain *known = x509_store_chain(store, &der, 1);
            x509_store_note_seen(store, known);
            x509_chain_unref(known);
        }
    }
}

bool judging_reach(struct judging *g, struct judged *j)
{
    struct story_told told;
    struct x509_store *own = own_store(g, &j->story);
    struct x509_store *store = own != NULL ? own : system_store(g);
    j->trust_is_given = own != NULL;
    if (own != NULL && j->trust_name != NULL) {
        j->story.local.places[0] = j->trust_name;
        j->story.local.n_places = 1;
        j->story.local.default_places = false;
    }
    if (store == NULL || !story_tell(&j->story, &g->story, store, &told)) {
        return false;
    }
    for (size_t i = 0; i < told.n_chains; i++) {
        g->chains[i] = told.chains[i];
    }
    g->n_chains = told.n_chains;
    for (size_t i = 0; j->find_issuer != NULL && i < told.n_chains; i++) {
        note_issuers(store, j, told.chains[i]);
    }
    j->t = told.t;
    reach(g, store, j);
    return true;
}
