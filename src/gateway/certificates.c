#include "gateway/certificates.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/hex.h"
#include "store/alias.h"
#include "store/references.h"

enum { DIGEST_BYTES = 12 };

static enum status take(const struct certificate_place *at, const struct store_problem *problem,
                        enum status st, struct err *err)
{
    return st == ST_OK ? ST_OK : err_set(err, st, "%s: %s", at->whose, problem->message);
}

/* PREFIX-DIGEST.pem, of what is in it. */
static bool name_file(const char *prefix, const struct text *content,
                      char out[CERTIFICATE_FILE_MAX])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char digest[2 * DIGEST_BYTES + 1];
    if (EVP_Digest(text_str(content), content->len, sum, NULL, EVP_sha256(), NULL) != 1) {
        return false;
    }
    hex_of(bytes_of(sum, DIGEST_BYTES), digest);
    int n = snprintf(out, CERTIFICATE_FILE_MAX, "%s-%s.pem", prefix, digest);
    return n > 0 && n < CERTIFICATE_FILE_MAX;
}

/* `content` is given away, or wiped. */
static enum status put_file(const struct certificate_place *at, const char *prefix,
                            struct text *content, char out[CERTIFICATE_FILE_MAX], struct err *err)
{
    struct text *file =
        !content->failed && name_file(prefix, content, out) ? generation_file(at->part, out) : NULL;
    if (file != NULL && file->len == 0) {
        *file = *content;
        *content = (struct text){ 0 };
    }
    if (content->p != NULL) {
        OPENSSL_cleanse(content->p, content->len);
    }
    text_deinit(content);
    return file != NULL ? ST_OK : err_set(err, ST_NOMEM, "no memory");
}

static enum status find_keystore(const struct certificate_place *at,
                                 const struct store_name_or_reference *named,
                                 char out[KEYSTORE_NAME_MAX + 1], struct err *err)
{
    struct store_problem problem = { 0 };
    struct text word = { 0 };
    text_printf(&word, "%s%s", named->is_reference ? "ref://" : "", named->name);
    enum status st =
        references_resolve(at->store, at->org, at->env, text_str(&word), out, &problem);
    text_deinit(&word);
    return take(at, &problem, st, err);
}

static enum status put_both(const struct certificate_place *at, const struct alias *alias,
                            char chain[CERTIFICATE_FILE_MAX], char key[CERTIFICATE_FILE_MAX],
                            struct err *err)
{
    struct text content = { 0 };
    text_puts(&content, alias->pem);
    TRY(put_file(at, "chain", &content, chain, err));
    text_put(&content, (const char *)alias->key.p, alias->key.len);
    return put_file(at, "key", &content, key, err);
}

enum status certificates_put_key(const struct certificate_place *at, const struct ssl_info *ssl,
                                 char chain[CERTIFICATE_FILE_MAX], char key[CERTIFICATE_FILE_MAX],
                                 struct err *err)
{
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem problem = { 0 };
    struct alias alias = { 0 };
    if (ssl->key_store.name == NULL || ssl->key_alias == NULL) {
        return err_set(err, ST_USAGE, "%s: keyStore and keyAlias have to be set", at->whose);
    }
    TRY(find_keystore(at, &ssl->key_store, keystore, err));
    struct alias_name name = { at->org, at->env, keystore, ssl->key_alias };
    enum status st = alias_load(at->store, &name, true, &alias, &problem);
    TRY(take(at, &problem, st, err));
    if (!alias.has_key) {
        st = err_set(err, ST_USAGE, "%s: alias %s of keystore %s has no private key", at->whose,
                     ssl->key_alias, keystore);
    } else {
        st = put_both(at, &alias, chain, key, err);
    }
    if (st == ST_OK) {
        char what[GENERATION_WHAT_MAX];
        snprintf(what, sizeof what, "%s: alias %s of keystore %s", at->whose, ssl->key_alias,
                 keystore);
        generation_describe(at->part, chain, what);
        generation_describe(at->part, key, what);
    }
    alias_deinit(&alias);
    return st;
}

enum status certificates_put_trust(const struct certificate_place *at, const struct ssl_info *ssl,
                                   char file[CERTIFICATE_FILE_MAX], size_t *n_certs,
                                   struct err *err)
{
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem problem = { 0 };
    struct text content = { 0 };
    file[0] = '\0';
    *n_certs = 0;
    if (ssl->trust_store.name == NULL) {
        return ST_OK;
    }
    TRY(find_keystore(at, &ssl->trust_store, keystore, err));
    struct keystore_name name = { at->org, at->env, keystore };
    enum status st = keystores_trusted_pem(at->store, &name, &content, n_certs, &problem);
    if (st != ST_OK) {
        text_deinit(&content);
        return take(at, &problem, st, err);
    }
    return put_file(at, "trust", &content, file, err);
}
