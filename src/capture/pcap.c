/* The classic format. Source: draft-ietf-opsawg-pcap sections 4 and 5; pcap-savefile(5). */
#include "base/clock.h"
#include "capture/source.h"

enum {
    FILE_HEAD_BYTES = 24,
    RECORD_HEAD_BYTES = 16,
    MODIFIED_RECORD_HEAD_BYTES =
        24, /* Kuznetzov's: index, protocol and type of the packet follow */
    MAGIC_BYTES = 4,
    NS_PER_US = 1000,
};

struct magic {
    uint32_t value;
    uint32_t ns_per_unit;
    uint32_t head_bytes;
};

static const struct magic magics[] = {
    { 0xa1b2c3d4, NS_PER_US, RECORD_HEAD_BYTES },
    { 0xa1b23c4d, 1, RECORD_HEAD_BYTES },
    { 0xa1b2cd34, NS_PER_US, MODIFIED_RECORD_HEAD_BYTES },
};

static uint32_t get_u32(bool is_big_endian, const uint8_t *p)
{
    return is_big_endian ? load_be32(p) : load_le32(p);
}

static uint16_t get_u16(bool is_big_endian, const uint8_t *p)
{
    return is_big_endian ? load_be16(p) : load_le16(p);
}

static const struct magic *find_magic(struct bytes start, bool *out_is_big_endian)
{
    for (size_t i = 0; start.len >= MAGIC_BYTES && i < ARRAY_LEN(magics); i++) {
        *out_is_big_endian = load_be32(start.p) == magics[i].value;
        if (*out_is_big_endian || load_le32(start.p) == magics[i].value) {
            return &magics[i];
        }
    }
    return NULL;
}

bool pcap_has_magic(struct bytes start)
{
    bool is_big_endian;
    return find_magic(start, &is_big_endian) != NULL;
}

/* A length no frame has; a hole in a sparse file, which reads as zeros; or two fields at once that
 * no writer writes. One odd field alone is taken: there are writers that get it wrong. */
static bool is_corrupt(const struct pcap_file *f, const uint8_t *p, uint32_t len, uint32_t on_wire)
{
    if (len > MAX_FRAME_BYTES) {
        return true;
    }
    uint32_t seconds = get_u32(f->is_big_endian, p);
    uint32_t fraction = get_u32(f->is_big_endian, p + 4);
    if (len == 0 && on_wire == 0 && seconds == 0 && fraction == 0) {
        return true;
    }
    return len > on_wire && fraction >= NS_PER_S / f->ns_per_unit;
}

static enum capture_next stop_corrupt(struct capture *c, uint32_t len)
{
    if (len > MAX_FRAME_BYTES) {
        return capture_stop(c, CAPTURE_END_CORRUPT,
                            "packet record says %u bytes, more than any frame has", len);
    }
    if (len == 0) {
        return capture_stop(c, CAPTURE_END_CORRUPT, "packet record is all zeros");
    }
    return capture_stop(c, CAPTURE_END_CORRUPT,
                        "packet record contradicts itself: time and lengths make no sense");
}

static enum capture_next pcap_next_record(struct capture *c, struct frame *out, struct err *err)
{
    const struct pcap_file *f = &c->pcap;
    struct input *in = &c->input;
    size_t head = f->head_bytes;
    if (input_left(in) < head) {
        enum capture_next got = capture_need(c, head, "packet record", err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
    }
    const uint8_t *p = input_at(in);
    uint32_t len = get_u32(f->is_big_endian, p + 8);
    uint32_t on_wire = get_u32(f->is_big_endian, p + 12);
    if (f->may_be_swapped && len > on_wire) {
        uint32_t swapped = len;
        len = on_wire;
        on_wire = swapped;
    }
    if (is_corrupt(f, p, len, on_wire)) {
        return stop_corrupt(c, len);
    }
    if (input_left(in) - head < len) {
        enum capture_next got = capture_need(c, head + len, "packet record", err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
        p = input_at(in);
    }
    uint32_t seconds = get_u32(f->is_big_endian, p);
    uint32_t fraction = get_u32(f->is_big_endian, p + 4);
    out->at_ns = seconds * NS_PER_S + (int64_t)fraction * f->ns_per_unit;
    out->len_on_wire = on_wire > len ? on_wire : len;
    out->link_type = f->link_type;
    out->bytes = bytes_of(p + head, len);
    input_skip(in, head + len);
    return CAPTURE_FRAME;
}

enum capture_next pcap_start(struct capture *c, struct err *err)
{
    enum capture_next got = capture_need(c, FILE_HEAD_BYTES, "file header", err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    struct pcap_file *f = &c->pcap;
    const uint8_t *p = input_at(&c->input);
    const struct magic *magic =
        find_magic(bytes_of(p, FILE_HEAD_BYTES), &f->is_big_endian); /* seen before: not NULL */
    f->ns_per_unit = magic->ns_per_unit;
    f->head_bytes = magic->head_bytes;
    uint16_t major = get_u16(f->is_big_endian, p + 4);
    uint16_t minor = get_u16(f->is_big_endian, p + 6);
    if (major != 2 && major != 543) { /* 543: an old tcpdump of DG/UX */
        (void)err_set(err, ST_FORMAT, "%s: pcap version %u.%u is not known", c->input.path, major,
                      minor);
        return CAPTURE_FAILED;
    }
    f->may_be_swapped = major == 543 || minor <= 3;
    /* The upper bits tell of checksums at the end of frames; IP lengths trim those. */
    uint32_t link = get_u32(f->is_big_endian, p + 20) & 0x03ffffff;
    f->link_type = link <= UINT16_MAX ? (uint16_t)link : UINT16_MAX;
    input_skip(&c->input, FILE_HEAD_BYTES);
    c->next = pcap_next_record;
    return capture_expect_link(c, f->link_type, err);
}
