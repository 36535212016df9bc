#include "keystore/kdf.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

static const char too_many[] = "asks for more rounds of password hashing than are done here";

const char *kdf_spend(struct reading *r, uint64_t rounds)
{
    if (rounds > KDF_ROUNDS_MAX || r->rounds + rounds > KDF_ROUNDS_OF_FILE) {
        return too_many;
    }
    if (r->k->rounds + rounds > KDF_ROUNDS_OF_ALL) {
        return "comes after others that took all the rounds of password hashing done here";
    }
    r->rounds += rounds;
    r->k->rounds += rounds;
    return NULL;
}

static uint64_t value_of(const ASN1_INTEGER *i)
{
    uint64_t v = 0;
    return i == NULL || ASN1_INTEGER_get_uint64(&v, i) != 1 ? UINT64_MAX : v;
}

static uint64_t rounds_of_pbkdf2(const ASN1_TYPE *params)
{
    PBKDF2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), params);
    uint64_t rounds = p == NULL ? 0 : value_of(p->iter);
    PBKDF2PARAM_free(p);
    return rounds;
}

/* RFC 7914 section 2: N * r * p blocks of 128 bytes are mixed twice. */
static uint64_t rounds_of_scrypt(const ASN1_TYPE *params)
{
    SCRYPT_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), params);
    if (p == NULL) {
        return 0;
    }
    uint64_t n = value_of(p->costParameter);
    uint64_t r = value_of(p->blockSize);
    uint64_t parallel = value_of(p->parallelizationParameter);
    SCRYPT_PARAMS_free(p);
    bool fits = n <= KDF_ROUNDS_MAX && r <= KDF_ROUNDS_MAX && parallel <= KDF_ROUNDS_MAX &&
                n * r <= KDF_ROUNDS_MAX;
    return fits ? n * r * parallel : UINT64_MAX;
}

static uint64_t rounds_of_pbes2(const ASN1_TYPE *params)
{
    PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), params);
    if (p == NULL) {
        return 0;
    }
    int kdf = OBJ_obj2nid(p->keyfunc->algorithm);
    uint64_t rounds = 0;
    if (kdf == NID_id_pbkdf2) {
        rounds = rounds_of_pbkdf2(p->keyfunc->parameter);
    } else if (kdf == NID_id_scrypt) {
        rounds = rounds_of_scrypt(p->keyfunc->parameter);
    }
    PBE2PARAM_free(p);
    return rounds;
}

static uint64_t rounds_of_pbe(const ASN1_TYPE *params)
{
    PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), params);
    uint64_t rounds = p == NULL ? 0 : value_of(p->iter);
    PBEPARAM_free(p);
    return rounds;
}

const char *kdf_spend_on(struct reading *r, const X509_ALGOR *scheme)
{
    int nid = OBJ_obj2nid(scheme->algorithm);
    bool is_sequence = scheme->parameter != NULL && scheme->parameter->type == V_ASN1_SEQUENCE;
    if (!is_sequence) {
        return NULL;
    }
    return kdf_spend(r, nid == NID_pbes2 ? rounds_of_pbes2(scheme->parameter)
                                         : rounds_of_pbe(scheme->parameter));
}
