#include "tls/message.h"
#include "tls/names.h"

/* RFC 8446 section 4.6.1. */
static void read_13(struct reader *r, struct tls_session_ticket *out)
{
    rd_u32(r, "ticket_age_add");
    rd_vec8(r, 0, 255, "ticket_nonce");
    out->ticket = rd_vec16(r, 1, 65535, "ticket");
    struct reader extensions = rd_sub16(r, "extensions");
    while (rd_left(&extensions) > 0) {
        uint16_t type = rd_u16(&extensions, "extension_type");
        struct reader body = rd_sub16(&extensions, "extension_data");
        if (type == TLS_EXT_EARLY_DATA) {
            out->max_early_data = rd_u32(&body, "max_early_data_size");
        }
    }
}

bool tls_session_ticket_parse(struct bytes body, uint16_t version, struct tls_session_ticket *out,
                              struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    *out = (struct tls_session_ticket){ 0 };
    out->lifetime_s = rd_u32(&r, "ticket_lifetime");
    if (tls_format_version(version) == 0x0304) {
        read_13(&r, out);
    } else {
        out->ticket = rd_vec16(&r, 0, 65535, "ticket"); /* RFC 5077 section 3.3 */
    }
    rd_end(&r, "NewSessionTicket");
    return fault->kind == FAULT_NONE;
}
