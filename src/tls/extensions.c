#include "tls/extensions.h"

#include "base/status.h"
#include "tls/names.h"

/* Reads the body of one extension; what it leaves unread is a fault. */
typedef void parse_extension(struct reader *r, enum tls_extension_context context,
                             struct tls_extensions *out);

static struct bytes even(struct reader *r, struct reader start, struct bytes list, const char *what)
{
    if (list.len % 2 != 0) {
        rd_fail(&start, FAULT_MALFORMED, what);
        r->left = 0;
    }
    return list;
}

struct bytes tls_rd_u16_list16(struct reader *r, const char *what)
{
    struct reader start = *r;
    return even(r, start, rd_vec16(r, 2, 65534, what), what);
}

static struct bytes rd_u16_list8(struct reader *r, const char *what)
{
    struct reader start = *r;
    return even(r, start, rd_vec8(r, 2, 254, what), what);
}

/* RFC 6066 section 3: a list of names by type, of which only host_name (0) was ever defined. */
static void parse_server_name(struct reader *r, enum tls_extension_context context,
                              struct tls_extensions *out)
{
    if (context != TLS_IN_CLIENT_HELLO) {
        return;
    }
    struct reader list = rd_sub16(r, "server_name_list");
    if (rd_left(&list) == 0) {
        rd_fail(r, FAULT_MALFORMED, "server_name_list");
    }
    while (rd_left(&list) > 0) {
        uint8_t type = rd_u8(&list, "name_type");
        struct bytes name = rd_vec16(&list, 1, 65535, "HostName");
        if (type == 0 && out->server_name.len == 0) {
            out->server_name = name;
        }
    }
}

static void parse_max_fragment_length(struct reader *r, enum tls_extension_context context,
                                      struct tls_extensions *out)
{
    (void)context;
    out->max_fragment_length = rd_u8(r, "max_fragment_length");
}

/* RFC 6066 section 8. A ServerHello's is empty; a CertificateRequest's is like the client's. */
static void parse_status_request(struct reader *r, enum tls_extension_context context,
                                 struct tls_extensions *out)
{
    (void)out;
    if (context != TLS_IN_CLIENT_HELLO || rd_u8(r, "status_type") != 1) {
        rd_rest(r);
        return;
    }
    rd_vec16(r, 0, 65535, "responder_id_list");
    rd_vec16(r, 0, 65535, "request_extensions");
}

static void parse_supported_groups(struct reader *r, enum tls_extension_context context,
                                   struct tls_extensions *out)
{
    (void)context;
    out->supported_groups = tls_rd_u16_list16(r, "named_group_list");
}

static void parse_ec_point_formats(struct reader *r, enum tls_extension_context context,
                                   struct tls_extensions *out)
{
    (void)context;
    out->ec_point_formats = rd_vec8(r, 1, 255, "ec_point_format_list");
}

static void parse_signature_algorithms(struct reader *r, enum tls_extension_context context,
                                       struct tls_extensions *out)
{
    if (context != TLS_IN_CLIENT_HELLO && context != TLS_IN_CERTIFICATE_REQUEST) {
        rd_rest(r); /* in the ServerHello of early drafts of 1.3 */
        return;
    }
    out->signature_algorithms = tls_rd_u16_list16(r, "supported_signature_algorithms");
}

static void parse_signature_algorithms_cert(struct reader *r, enum tls_extension_context context,
                                            struct tls_extensions *out)
{
    (void)context;
    out->signature_algorithms_cert = tls_rd_u16_list16(r, "supported_signature_algorithms");
}

/* RFC 7301 section 3.1. */
static void parse_alpn(struct reader *r, enum tls_extension_context context,
                       struct tls_extensions *out)
{
    (void)context;
    struct reader list = *r;
    out->alpn = rd_vec16(r, 2, 65535, "protocol_name_list");
    list = rd_sub16(&list, "protocol_name_list");
    while (rd_left(&list) > 0) {
        rd_vec8(&list, 1, 255, "ProtocolName");
    }
}

static void parse_empty(struct reader *r, enum tls_extension_context context,
                        struct tls_extensions *out)
{
    (void)r;
    (void)context;
    (void)out;
}

static void parse_padding(struct reader *r, enum tls_extension_context context,
                          struct tls_extensions *out)
{
    (void)context;
    out->padding_len = rd_rest(r).len;
}

/* RFC 8879 section 3. */
static void parse_compress_certificate(struct reader *r, enum tls_extension_context context,
                                       struct tls_extensions *out)
{
    (void)context;
    out->compress_certificate = rd_u16_list8(r, "algorithms");
}

static void parse_record_size_limit(struct reader *r, enum tls_extension_context context,
                                    struct tls_extensions *out)
{
    (void)context;
    out->record_size_limit = rd_u16(r, "RecordSizeLimit");
}

static void parse_session_ticket(struct reader *r, enum tls_extension_context context,
                                 struct tls_extensions *out)
{
    (void)context;
    out->session_ticket = rd_rest(r);
}

/* RFC 8446 section 4.2.11. */
static void parse_pre_shared_key(struct reader *r, enum tls_extension_context context,
                                 struct tls_extensions *out)
{
    if (context != TLS_IN_CLIENT_HELLO) {
        out->psk_selected = rd_u16(r, "selected_identity");
        return;
    }
    out->psk_identities = rd_vec16(r, 7, 65535, "identities");
    out->psk_binders = rd_vec16(r, 33, 65535, "binders");
}

static void parse_supported_versions(struct reader *r, enum tls_extension_context context,
                                     struct tls_extensions *out)
{
    if (context == TLS_IN_CLIENT_HELLO) {
        out->supported_versions = rd_u16_list8(r, "versions");
    } else {
        out->supported_versions = rd_bytes(r, 2, "selected_version");
    }
}

static void parse_cookie(struct reader *r, enum tls_extension_context context,
                         struct tls_extensions *out)
{
    (void)context;
    out->cookie = rd_vec16(r, 1, 65535, "cookie");
}

static void parse_psk_key_exchange_modes(struct reader *r, enum tls_extension_context context,
                                         struct tls_extensions *out)
{
    (void)context;
    out->psk_modes = rd_vec8(r, 1, 255, "ke_modes");
}

static void parse_certificate_authorities(struct reader *r, enum tls_extension_context context,
                                          struct tls_extensions *out)
{
    (void)context;
    (void)out;
    rd_vec16(r, 3, 65535, "authorities");
}

static void walk_key_shares(struct reader list)
{
    while (rd_left(&list) > 0) {
        rd_u16(&list, "group");
        rd_vec16(&list, 1, 65535, "key_exchange");
    }
}

/* RFC 8446 section 4.2.8. */
static void parse_key_share(struct reader *r, enum tls_extension_context context,
                            struct tls_extensions *out)
{
    struct reader list = *r;
    if (context == TLS_IN_CLIENT_HELLO) {
        out->key_share = rd_vec16(r, 0, 65535, "client_shares");
        walk_key_shares(rd_sub16(&list, "client_shares"));
    } else if (context == TLS_IN_HELLO_RETRY_REQUEST) {
        out->key_share = rd_bytes(r, 2, "selected_group");
    } else {
        out->key_share = rd_rest(r);
        rd_u16(&list, "group");
        rd_vec16(&list, 1, 65535, "key_exchange");
        rd_end(&list, "server_share");
    }
}

static void parse_renegotiation_info(struct reader *r, enum tls_extension_context context,
                                     struct tls_extensions *out)
{
    (void)context;
    out->renegotiation_info = rd_vec8(r, 0, 255, "renegotiated_connection");
}

static void parse_encrypted_client_hello(struct reader *r, enum tls_extension_context context,
                                         struct tls_extensions *out)
{
    (void)context;
    out->ech = rd_rest(r);
}

/* By type; key_share_old is the number of key_share up to draft 22. */
static parse_extension *const parsers[] = {
    [TLS_EXT_SERVER_NAME] = parse_server_name,
    [TLS_EXT_MAX_FRAGMENT_LENGTH] = parse_max_fragment_length,
    [TLS_EXT_STATUS_REQUEST] = parse_status_request,
    [TLS_EXT_SUPPORTED_GROUPS] = parse_supported_groups,
    [TLS_EXT_EC_POINT_FORMATS] = parse_ec_point_formats,
    [TLS_EXT_SIGNATURE_ALGORITHMS] = parse_signature_algorithms,
    [TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION] = parse_alpn,
    [TLS_EXT_PADDING] = parse_padding,
    [TLS_EXT_ENCRYPT_THEN_MAC] = parse_empty,
    [TLS_EXT_EXTENDED_MASTER_SECRET] = parse_empty,
    [TLS_EXT_COMPRESS_CERTIFICATE] = parse_compress_certificate,
    [TLS_EXT_RECORD_SIZE_LIMIT] = parse_record_size_limit,
    [TLS_EXT_SESSION_TICKET] = parse_session_ticket,
    [TLS_EXT_KEY_SHARE_OLD] = parse_key_share,
    [TLS_EXT_PRE_SHARED_KEY] = parse_pre_shared_key,
    [TLS_EXT_EARLY_DATA] = parse_empty,
    [TLS_EXT_SUPPORTED_VERSIONS] = parse_supported_versions,
    [TLS_EXT_COOKIE] = parse_cookie,
    [TLS_EXT_PSK_KEY_EXCHANGE_MODES] = parse_psk_key_exchange_modes,
    [TLS_EXT_CERTIFICATE_AUTHORITIES] = parse_certificate_authorities,
    [TLS_EXT_POST_HANDSHAKE_AUTH] = parse_empty,
    [TLS_EXT_SIGNATURE_ALGORITHMS_CERT] = parse_signature_algorithms_cert,
    [TLS_EXT_KEY_SHARE] = parse_key_share,
};

static parse_extension *find_parser(uint16_t type)
{
    if (type < ARRAY_LEN(parsers)) {
        return parsers[type];
    }
    if (type == TLS_EXT_RENEGOTIATION_INFO) {
        return parse_renegotiation_info;
    }
    return type == TLS_EXT_ENCRYPTED_CLIENT_HELLO ? parse_encrypted_client_hello : NULL;
}

static bool is_repeated(const struct tls_extensions *ext, uint64_t *seen_low, uint16_t type)
{
    if (type >= 64) {
        return tls_has(ext, type);
    }
    uint64_t bit = UINT64_C(1) << type;
    bool repeated = (*seen_low & bit) != 0;
    *seen_low |= bit;
    return repeated;
}

static void parse_body(uint16_t type, struct reader body, enum tls_extension_context context,
                       struct tls_extensions *out)
{
    parse_extension *parse = find_parser(type);
    if (parse == NULL) {
        return;
    }
    struct fault fault = { 0 };
    body.fault = &fault; /* a broken body is evidence of its own, not the end of the message */
    parse(&body, context, out);
    rd_end(&body, "extension_data");
    if (fault.kind != FAULT_NONE && out->fault.kind == FAULT_NONE) {
        out->fault = fault;
        out->fault_type = type;
    }
}

void tls_extensions_clear(struct tls_extensions *out)
{
    memset(out, 0, offsetof(struct tls_extensions, list));
}

void tls_extensions_read(struct reader *r, enum tls_extension_context context,
                         struct tls_extensions *out)
{
    struct reader block = rd_sub16(r, "extensions");
    out->is_present = r->fault->kind == FAULT_NONE;
    uint64_t seen_low = 0;
    while (rd_left(&block) > 0) {
        uint16_t type = rd_u16(&block, "extension_type");
        struct reader body = rd_sub16(&block, "extension_data");
        if (r->fault->kind != FAULT_NONE) {
            break;
        }
        if (!is_repeated(out, &seen_low, type)) {
            parse_body(type, body, context, out);
        } else if (!out->has_duplicate) {
            out->has_duplicate = true;
            out->duplicate = type;
        }
        if (out->n < TLS_EXTENSIONS_MAX) {
            out->list[out->n++] = (struct tls_extension){ type, bytes_of(body.p, body.left) };
        }
        out->n_total++;
    }
}

bool tls_has(const struct tls_extensions *ext, uint16_t type)
{
    for (size_t i = 0; i < ext->n; i++) {
        if (ext->list[i].type == type) {
            return true;
        }
    }
    return false;
}

struct bytes tls_extension_body(const struct tls_extensions *ext, uint16_t type)
{
    for (size_t i = 0; i < ext->n; i++) {
        if (ext->list[i].type == type) {
            return ext->list[i].body;
        }
    }
    return (struct bytes){ NULL, 0 };
}

bool tls_u16_has(struct bytes list, uint16_t value)
{
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        if (tls_u16_at(list, i) == value) {
            return true;
        }
    }
    return false;
}

bool tls_alpn_next(struct bytes *list, struct bytes *name)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(*list, &fault);
    *name = rd_vec8(&r, 0, 255, "ProtocolName");
    bool found = fault.kind == FAULT_NONE;
    *list = found ? bytes_of(r.p, r.left) : (struct bytes){ NULL, 0 };
    return found;
}

bool tls_key_share_next(struct bytes *list, uint16_t *group, struct bytes *key_exchange)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(*list, &fault);
    *group = rd_u16(&r, "group");
    *key_exchange = rd_vec16(&r, 0, 65535, "key_exchange");
    bool found = fault.kind == FAULT_NONE;
    *list = found ? bytes_of(r.p, r.left) : (struct bytes){ NULL, 0 };
    return found;
}
