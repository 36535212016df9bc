/* The block format. Source: draft-ietf-opsawg-pcapng section 4. */
#include <stdlib.h>

#include "base/clock.h"
#include "capture/source.h"

enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_INTERFACE_STATISTICS = 5,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_SECRETS = 10,
    BLOCK_SECTION = 0x0a0d0d0a,
};

enum {
    BLOCK_HEAD_BYTES = 8, /* type, total length */
    BLOCK_MIN_BYTES = 12, /* and the total length again */
    SECTION_MIN_BYTES = 28,
    SECRETS_TLS_KEY_LOG = 0x544c534b, /* "TLSK" */
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    OPTION_IFDROP = 5,
    OPTION_OSDROP = 7,
    DEFAULT_RESOLUTION = 6, /* microseconds */
    DROPS_UNKNOWN = 0xffff,
};

static uint16_t get_u16(const struct pcapng_file *f, const uint8_t *p)
{
    return f->is_big_endian ? load_be16(p) : load_le16(p);
}

static uint32_t get_u32(const struct pcapng_file *f, const uint8_t *p)
{
    return f->is_big_endian ? load_be32(p) : load_le32(p);
}

static uint64_t get_u64(const struct pcapng_file *f, const uint8_t *p)
{
    return f->is_big_endian ? load_be64(p) : ((uint64_t)load_le32(p + 4) << 32) | load_le32(p);
}

static size_t padded(size_t n)
{
    return n + (4 - n % 4) % 4;
}

/* Takes the next option off *options; false at the end or where the rest is no option. */
static bool next_option(const struct pcapng_file *f, struct bytes *options, uint16_t *out_code,
                        struct bytes *out_value)
{
    if (options->len < 4) {
        return false;
    }
    *out_code = get_u16(f, options->p);
    size_t len = get_u16(f, options->p + 2);
    struct bytes rest = bytes_skip(*options, 4);
    if (*out_code == 0 || len > rest.len) {
        return false;
    }
    *out_value = bytes_head(rest, len);
    *options = bytes_skip(rest, padded(len));
    return true;
}

static uint64_t power_of_ten(unsigned n)
{
    uint64_t v = 1;
    for (unsigned i = 0; i < n; i++) {
        v *= 10;
    }
    return v;
}

/* Seconds from hostile bytes times 10^9 must stay within 64 bits. */
static int64_t at_seconds(uint64_t seconds, int64_t offset_s, uint64_t ns)
{
    const int64_t max_s = INT64_C(9000000000); /* the year 2255 */
    int64_t s = seconds > (uint64_t)max_s ? max_s : (int64_t)seconds;
    int64_t shift = offset_s > max_s ? max_s : offset_s;
    shift = shift < -max_s ? -max_s : shift;
    s += shift;
    s = s > max_s ? max_s : s;
    s = s < -max_s ? -max_s : s;
    return s * NS_PER_S + (int64_t)ns;
}

static int64_t binary_time(uint64_t ticks, unsigned bits, int64_t offset_s)
{
    enum { MAX_FRACTION_BITS = 34 }; /* times 10^9 < 2^30 stays within 64 bits */
    uint64_t seconds = bits < 64 ? ticks >> bits : 0;
    uint64_t fraction = bits < 64 ? ticks & ((UINT64_C(1) << bits) - 1) : ticks;
    if (bits > MAX_FRACTION_BITS) {
        unsigned extra = bits - MAX_FRACTION_BITS;
        fraction = extra < 64 ? fraction >> extra : 0;
        bits = MAX_FRACTION_BITS;
    }
    return at_seconds(seconds, offset_s, (fraction * (uint64_t)NS_PER_S) >> bits);
}

static void prepare_time(struct pcapng_interface *i)
{
    if (i->resolution <= 9 && i->offset_s == 0) {
        i->ns_per_tick = power_of_ten(9U - i->resolution);
        i->max_ticks = (uint64_t)INT64_MAX / i->ns_per_tick;
    }
}

/* if_tsresol: draft-ietf-opsawg-pcapng section 4.2 */
static int64_t time_of(const struct pcapng_interface *i, uint64_t ticks)
{
    if (ticks <= i->max_ticks) {
        return (int64_t)(ticks * i->ns_per_tick);
    }
    if ((i->resolution & 0x80) != 0) {
        return binary_time(ticks, i->resolution & 0x7f, i->offset_s);
    }
    unsigned digits = i->resolution;
    if (digits <= 9) {
        uint64_t per_s = power_of_ten(digits);
        uint64_t ns = ticks % per_s * power_of_ten(9 - digits);
        return at_seconds(ticks / per_s, i->offset_s, ns);
    }
    unsigned extra = digits - 9;
    uint64_t ns = extra < 20 ? ticks / power_of_ten(extra) : 0;
    return at_seconds(ns / (uint64_t)NS_PER_S, i->offset_s, ns % (uint64_t)NS_PER_S);
}

static enum capture_next corrupt(struct capture *c, const char *what)
{
    return capture_stop(c, CAPTURE_END_CORRUPT, "%s", what);
}

static enum capture_next read_section(struct capture *c)
{
    struct pcapng_file *f = &c->pcapng;
    for (size_t i = 0; i < f->n_interfaces; i++) {
        f->dropped_before += f->interfaces[i].dropped;
    }
    f->n_interfaces = 0; /* interfaces are numbered within their section */
    return CAPTURE_FRAME;
}

static void read_interface_options(const struct pcapng_file *f, struct bytes options,
                                   struct pcapng_interface *i)
{
    uint16_t code;
    struct bytes value;
    while (next_option(f, &options, &code, &value)) {
        if (code == OPTION_TSRESOL && value.len == 1) {
            i->resolution = value.p[0];
        }
        if (code == OPTION_TSOFFSET && value.len == 8) {
            i->offset_s = (int64_t)get_u64(f, value.p);
        }
    }
}

static enum capture_next read_interface(struct capture *c, struct bytes body, struct err *err)
{
    struct pcapng_file *f = &c->pcapng;
    if (body.len < 8) {
        return corrupt(c, "interface block is too short");
    }
    if (f->n_interfaces == MAX_INTERFACES) {
        return corrupt(c, "more than 4096 interfaces in one section");
    }
    if (f->n_interfaces == f->cap_interfaces) {
        size_t cap = f->cap_interfaces > 0 ? f->cap_interfaces * 2 : 8;
        struct pcapng_interface *more = realloc(f->interfaces, cap * sizeof *more);
        if (more == NULL) {
            (void)err_set(err, ST_NOMEM, "%s: no memory", c->input.path);
            return CAPTURE_FAILED;
        }
        f->interfaces = more;
        f->cap_interfaces = cap;
    }
    struct pcapng_interface *i = &f->interfaces[f->n_interfaces];
    *i = (struct pcapng_interface){
        .link_type = get_u16(f, body.p),
        .snap_len = get_u32(f, body.p + 4),
        .resolution = DEFAULT_RESOLUTION,
    };
    read_interface_options(f, bytes_skip(body, 8), i);
    prepare_time(i);
    f->n_interfaces++;
    return capture_expect_link(c, i->link_type, err);
}

/* The counters are since the start of the interface: the newest block replaces the one before. */
static enum capture_next read_statistics(struct capture *c, struct bytes body)
{
    struct pcapng_file *f = &c->pcapng;
    if (body.len < 12 || get_u32(f, body.p) >= f->n_interfaces) {
        return CAPTURE_FRAME; /* numbers only: not worth ending the capture for */
    }
    uint64_t dropped = 0;
    struct bytes options = bytes_skip(body, 12);
    uint16_t code;
    struct bytes value;
    while (next_option(f, &options, &code, &value)) {
        if ((code == OPTION_IFDROP || code == OPTION_OSDROP) && value.len == 8) {
            dropped += get_u64(f, value.p);
        }
    }
    f->interfaces[get_u32(f, body.p)].dropped = dropped;
    return CAPTURE_FRAME;
}

static enum capture_next read_secrets(struct capture *c, struct bytes body)
{
    const struct pcapng_file *f = &c->pcapng;
    if (body.len < 8 || get_u32(f, body.p + 4) > body.len - 8) {
        return corrupt(c, "decryption secrets block contradicts its length");
    }
    const struct capture_secrets_sink *sink = &c->options.secrets;
    if (get_u32(f, body.p) == SECRETS_TLS_KEY_LOG && sink->keylog != NULL) {
        sink->keylog(sink->arg, bytes_of(body.p + 8, get_u32(f, body.p + 4)));
    }
    return CAPTURE_FRAME;
}

/* What the three kinds of packet block have in common. */
struct packet_head {
    uint32_t interface, len, on_wire;
    uint64_t ticks;
    bool has_time;
    size_t data_at; /* in the body */
};

static bool read_packet_head(struct pcapng_file *f, uint32_t type, struct bytes body,
                             struct packet_head *h)
{
    *h = (struct packet_head){ .data_at = type == BLOCK_SIMPLE_PACKET ? 4 : 20 };
    if (body.len < h->data_at) {
        return false;
    }
    const uint8_t *p = body.p;
    if (type == BLOCK_SIMPLE_PACKET) {
        h->on_wire = get_u32(f, p);
        h->len = h->on_wire;
        return true;
    }
    h->interface = get_u32(f, p);
    if (type == BLOCK_PACKET) {
        uint16_t dropped = get_u16(f, p + 2);
        f->dropped_before += dropped != DROPS_UNKNOWN ? dropped : 0;
        h->interface = get_u16(f, p);
    }
    h->has_time = true;
    h->ticks = (uint64_t)get_u32(f, p + 4) << 32 | get_u32(f, p + 8);
    h->len = get_u32(f, p + 12);
    h->on_wire = get_u32(f, p + 16);
    return true;
}

static enum capture_next read_packet(struct capture *c, uint32_t type, struct bytes body,
                                     struct frame *out)
{
    struct pcapng_file *f = &c->pcapng;
    struct packet_head h;
    if (!read_packet_head(f, type, body, &h)) {
        return corrupt(c, "packet block is too short");
    }
    if (h.interface >= f->n_interfaces) {
        return capture_stop(c, CAPTURE_END_CORRUPT, "packet block names interface %u of %zu",
                            h.interface, f->n_interfaces);
    }
    const struct pcapng_interface *i = &f->interfaces[h.interface];
    size_t room = body.len - h.data_at;
    if (type == BLOCK_SIMPLE_PACKET) { /* section 4.4: cut at the interface's snap length */
        h.len = i->snap_len > 0 && h.len > i->snap_len ? i->snap_len : h.len;
    }
    if (h.len > room || h.len > MAX_FRAME_BYTES) {
        return capture_stop(c, CAPTURE_END_CORRUPT, "packet block says %u bytes where %zu are left",
                            h.len, room);
    }
    if (h.has_time) {
        f->last_at_ns = time_of(i, h.ticks);
    }
    out->at_ns = f->last_at_ns;
    out->len_on_wire = h.on_wire > h.len ? h.on_wire : h.len;
    out->link_type = i->link_type;
    out->bytes = bytes_of(body.p + h.data_at, h.len);
    return CAPTURE_FRAME;
}

/* One block that is not a packet. */
static enum capture_next read_other(struct capture *c, uint32_t type, struct bytes body,
                                    struct err *err)
{
    switch (type) {
    case BLOCK_SECTION:
        return read_section(c);
    case BLOCK_INTERFACE:
        return read_interface(c, body, err);
    case BLOCK_INTERFACE_STATISTICS:
        return read_statistics(c, body);
    case BLOCK_SECRETS:
        return read_secrets(c, body);
    default:
        return CAPTURE_FRAME; /* names, comments, other people's blocks */
    }
}

/* A section's byte order is known only from its own first words, and its length is in it. */
static enum capture_next read_byte_order(struct capture *c, struct err *err)
{
    enum capture_next got = capture_need(c, BLOCK_MIN_BYTES, "section header", err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    const uint8_t *magic = input_at(&c->input) + BLOCK_HEAD_BYTES;
    if (load_be32(magic) != 0x1a2b3c4d && load_le32(magic) != 0x1a2b3c4d) {
        return corrupt(c, "section header without a byte-order magic");
    }
    c->pcapng.is_big_endian = load_be32(magic) == 0x1a2b3c4d;
    return CAPTURE_FRAME;
}

/* The whole next block is in the window: its type, and its length with padding. */
static enum capture_next need_block(struct capture *c, uint32_t *out_type, size_t *out_len,
                                    struct err *err)
{
    enum capture_next got = capture_need(c, BLOCK_HEAD_BYTES, "block header", err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    size_t min = BLOCK_MIN_BYTES;
    if (load_be32(input_at(&c->input)) == BLOCK_SECTION) { /* the same in both byte orders */
        got = read_byte_order(c, err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
        min = SECTION_MIN_BYTES;
    }
    const struct pcapng_file *f = &c->pcapng;
    uint32_t len = get_u32(f, input_at(&c->input) + 4);
    if (len < min || len > MAX_BLOCK_BYTES) {
        return capture_stop(c, CAPTURE_END_CORRUPT, "block says it is %u bytes long", len);
    }
    size_t whole = padded(len); /* a few writers forget to count the padding */
    got = capture_need(c, whole, "block", err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    const uint8_t *p = input_at(&c->input);
    if (get_u32(f, p + whole - 4) != len) {
        return capture_stop(c, CAPTURE_END_CORRUPT, "block says %u bytes before and %u after", len,
                            get_u32(f, p + whole - 4));
    }
    *out_type = get_u32(f, p);
    *out_len = whole;
    return CAPTURE_FRAME;
}

static bool is_packet_block(uint32_t type)
{
    return type == BLOCK_ENHANCED_PACKET || type == BLOCK_SIMPLE_PACKET || type == BLOCK_PACKET;
}

static enum capture_next pcapng_next_packet(struct capture *c, struct frame *out, struct err *err)
{
    for (;;) {
        uint32_t type = 0;
        size_t len = 0;
        enum capture_next got = need_block(c, &type, &len, err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
        struct bytes body = bytes_of(input_at(&c->input) + BLOCK_HEAD_BYTES, len - BLOCK_MIN_BYTES);
        bool is_packet = is_packet_block(type);
        got = is_packet ? read_packet(c, type, body, out) : read_other(c, type, body, err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
        input_skip(&c->input, len);
        if (is_packet) {
            return CAPTURE_FRAME;
        }
    }
}

bool pcapng_has_magic(struct bytes start)
{
    return bytes_start_with(start, BYTES("\x0a\x0d\x0d\x0a"));
}

enum capture_next pcapng_start(struct capture *c, struct err *err)
{
    enum capture_next got = capture_need(c, BLOCK_MIN_BYTES, "section header", err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    c->next = pcapng_next_packet;
    return CAPTURE_FRAME;
}

void pcapng_deinit(struct pcapng_file *f)
{
    free(f->interfaces);
    *f = (struct pcapng_file){ 0 };
}

uint64_t pcapng_dropped(const struct pcapng_file *f)
{
    uint64_t sum = f->dropped_before;
    for (size_t i = 0; i < f->n_interfaces; i++) {
        sum += f->interfaces[i].dropped;
    }
    return sum;
}
