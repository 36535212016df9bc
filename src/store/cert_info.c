/* Apart from alias_show.c, since jansson.h and base/json.h do not go together. */
#include "store/cert_info.h"

#include "check/check_json.h"

void cert_info_put(struct text *out, const struct x509_chain *chain, const char *cert_name,
                   int64_t at_s)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    json_array(&j, "certInfo");
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        check_json_cert_info(&j, NULL, chain, i, at_s);
    }
    json_end_array(&j);
    json_str(&j, "certName", cert_name);
    json_end_object(&j);
}
