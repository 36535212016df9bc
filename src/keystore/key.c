/* Private keys, opened for their public half alone. RFC 5958, RFC 5915, RFC 8017, PEM_do_header(3).
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "keystore/kdf.h"
#include "keystore/public_half.h"
#include "keystore/reading.h"

enum { HEADERS_MAX = 256 };

enum status stay_locked(struct reading *r, struct keystore_entry *e, const char *why)
{
    e->is_locked = true;
    return entry_fault(r, e, "%s", why);
}

/* What OpenSSL makes of it; NULL: it does not decode. */
static enum status keep_public_half(struct reading *r, struct keystore_entry *e, EVP_PKEY *key)
{
    unsigned char *spki = NULL;
    int len = key == NULL ? -1 : i2d_PUBKEY(key, &spki);
    if (len <= 0) {
        return entry_fault(r, e, "the private key cannot be decoded");
    }
    enum status st = keep_bytes(r, bytes_of(spki, (size_t)len), &e->spki);
    OPENSSL_free(spki);
    return st;
}

/* Takes over what was put. */
static enum status keep_put(struct reading *r, struct keystore_entry *e, struct text *spki)
{
    enum status st = spki->failed ? err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path)
                                  : keep_bytes(r, bytes_of(spki->p, spki->len), &e->spki);
    text_deinit(spki);
    return st;
}

enum status keep_pkcs8(struct reading *r, struct keystore_entry *e, struct bytes der)
{
    struct text spki = { 0 };
    if (public_half_of_pkcs8(der, &spki)) {
        return keep_put(r, e, &spki);
    }
    text_deinit(&spki);
    const unsigned char *p = der.p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.len);
    EVP_PKEY *key = info == NULL ? NULL : EVP_PKCS82PKEY(info);
    enum status st = keep_public_half(r, e, key);
    EVP_PKEY_free(key);
    PKCS8_PRIV_KEY_INFO_free(info);
    return st;
}

enum status keep_pkcs8_info(struct reading *r, struct keystore_entry *e,
                            const PKCS8_PRIV_KEY_INFO *info)
{
    unsigned char *der = NULL;
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    enum status st = keep_pkcs8(r, e, bytes_of(der, len > 0 ? (size_t)len : 0));
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    return st;
}

enum status add_key(struct reading *r, struct bytes der)
{
    struct keystore_entry *e;
    TRY(reading_add(r, KEYSTORE_KEY, &e));
    return keep_pkcs8(r, e, der);
}

enum status open_locked_key(struct reading *r, struct keystore_entry *e, const X509_SIG *sealed)
{
    const X509_ALGOR *scheme = NULL;
    X509_SIG_get0(sealed, &scheme, NULL);
    if (r->password == NULL) {
        return stay_locked(r, e, "the private key is encrypted, and no password was given");
    }
    const char *why = kdf_spend_on(r, scheme);
    if (why != NULL) {
        e->is_locked = true;
        return entry_fault(r, e, "the private key %s", why);
    }
    PKCS8_PRIV_KEY_INFO *info = PKCS8_decrypt_ex(sealed, r->password, (int)strlen(r->password),
                                                 crypto_context_with_legacy(r->k), NULL);
    if (info == NULL) {
        return stay_locked(r, e, "the password does not open the private key");
    }
    enum status st = keep_pkcs8_info(r, e, info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return st;
}

enum status add_locked_key(struct reading *r, struct bytes der)
{
    struct keystore_entry *e;
    const unsigned char *p = der.p;
    TRY(reading_add(r, KEYSTORE_KEY, &e));
    X509_SIG *sealed = d2i_X509_SIG(NULL, &p, (long)der.len);
    if (sealed == NULL) {
        return entry_fault(r, e, "the encrypted private key cannot be decoded");
    }
    enum status st = open_locked_key(r, e, sealed);
    X509_SIG_free(sealed);
    return st;
}

static enum status decode_traditional(struct reading *r, struct keystore_entry *e, struct bytes der)
{
    struct text spki = { 0 };
    if (public_half_of_traditional(der, &spki)) {
        return keep_put(r, e, &spki);
    }
    text_deinit(&spki);
    const unsigned char *p = der.p;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
    enum status st = keep_public_half(r, e, key);
    EVP_PKEY_free(key);
    return st;
}

/* pem_password_cb: the password, where it fits. */
static int give_password(char *to, int room, int is_for_writing, void *arg)
{
    const struct reading *r = arg;
    struct bytes password = bytes_of_str(r->password);
    (void)is_for_writing;
    return bytes_copy(to, (size_t)room, password) ? (int)password.len : -1;
}

/* Decrypts in place, in a copy that is wiped. */
static enum status open_traditional(struct reading *r, struct keystore_entry *e,
                                    EVP_CIPHER_INFO *cipher, struct bytes der)
{
    long len = (long)der.len;
    unsigned char *copy = OPENSSL_malloc(der.len + 1);
    if (copy == NULL || !bytes_copy(copy, der.len, der)) {
        OPENSSL_free(copy);
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    bool is_open = PEM_do_header(cipher, copy, &len, give_password, r) == 1;
    enum status st = is_open ? decode_traditional(r, e, bytes_of(copy, (size_t)len))
                             : stay_locked(r, e, "the password does not open the private key");
    OPENSSL_clear_free(copy, der.len + 1);
    return st;
}

enum status add_traditional_key(struct reading *r, struct bytes headers, struct bytes der)
{
    struct keystore_entry *e;
    EVP_CIPHER_INFO cipher = { 0 };
    char text[HEADERS_MAX] = { 0 };
    TRY(reading_add(r, KEYSTORE_KEY, &e));
    if (headers.len == 0) {
        return decode_traditional(r, e, der);
    }
    if (!bytes_copy(text, sizeof text - 1, headers) ||
        PEM_get_EVP_CIPHER_INFO(text, &cipher) != 1) {
        return entry_fault(r, e, "the headers of the private key cannot be read");
    }
    if (cipher.cipher == NULL) { /* headers of another kind */
        return decode_traditional(r, e, der);
    }
    if (r->password == NULL) {
        return stay_locked(r, e, "the private key is encrypted, and no password was given");
    }
    return open_traditional(r, e, &cipher, der);
}
