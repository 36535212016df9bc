/* Live frames through libpcap on Linux. Source: pcap(3PCAP), packet(7). */
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "capture/link_type.h"
#include "capture/packet.h"
#include "capture/source.h"

enum {
    DEFAULT_RING_BYTES = 64 * 1024 * 1024,
    DEFAULT_SNAP_LEN = 262144,
    /* How long the kernel may gather frames. Not libpcap's immediate mode: that has ring slots of
     * one snap length each, so that 64 MiB would hold 256 frames. */
    GATHER_MS = 50,
};

struct live {
    pcap_t *pcap;
    const char *interface;
    int fd;
    int idle_ms;
    uint16_t link_type;
    int64_t ns_per_fraction;
    uint64_t dropped;
    uint32_t last_drop, last_ifdrop; /* libpcap's counters are 32 bits and wrap */
};

static enum status activate_error(const struct live *live, int rc, struct err *err)
{
    switch (rc) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return err_set(err, ST_IO,
                       "%s: no permission to capture: it needs the capability CAP_NET_RAW "
                       "(run as root, or setcap cap_net_raw+ep on the program)",
                       live->interface);
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return err_set(err, ST_USAGE, "%s: no such interface", live->interface);
    case PCAP_ERROR_IFACE_NOT_UP:
        return err_set(err, ST_IO, "%s: the interface is not up", live->interface);
    default:
        return err_set(err, ST_IO, "%s: %s: %s", live->interface, pcap_statustostr(rc),
                       pcap_geterr(live->pcap));
    }
}

static enum status set_options(const struct live *live, const struct capture_options *options,
                               struct err *err)
{
    uint32_t snap_len = options->snap_len > 0 ? options->snap_len : DEFAULT_SNAP_LEN;
    uint32_t ring = options->ring_bytes > 0 ? options->ring_bytes : DEFAULT_RING_BYTES;
    if (snap_len > MAX_FRAME_BYTES || ring > INT32_MAX) {
        return err_set(err, ST_USAGE, "%s: snap length or ring buffer is too large",
                       live->interface);
    }
    if (pcap_set_snaplen(live->pcap, (int)snap_len) != 0 ||
        pcap_set_buffer_size(live->pcap, (int)ring) != 0 || pcap_set_promisc(live->pcap, 1) != 0 ||
        pcap_set_timeout(live->pcap, GATHER_MS) != 0) {
        return err_set(err, ST_IO, "%s: %s", live->interface, pcap_geterr(live->pcap));
    }
    /* Refused by interfaces that have none: microseconds then. */
    (void)pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO);
    return ST_OK;
}

static enum status set_filter(const struct live *live, const char *expression, struct err *err)
{
    if (expression == NULL) {
        return ST_OK;
    }
    struct bpf_program code;
    if (pcap_compile(live->pcap, &code, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return err_set(err, ST_USAGE, "filter \"%s\": %s", expression, pcap_geterr(live->pcap));
    }
    int rc = pcap_setfilter(live->pcap, &code);
    pcap_freecode(&code);
    if (rc != 0) {
        return err_set(err, ST_IO, "filter \"%s\": %s", expression, pcap_geterr(live->pcap));
    }
    return ST_OK;
}

static enum status live_start(struct live *live, const struct capture_options *options,
                              struct err *err)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    live->pcap = pcap_create(live->interface, why);
    if (live->pcap == NULL) {
        return err_set(err, ST_IO, "%s: %s", live->interface, why);
    }
    TRY(set_options(live, options, err));
    int rc = pcap_activate(live->pcap);
    if (rc < 0) { /* > 0 are warnings, such as no promiscuous mode */
        return activate_error(live, rc, err);
    }
    TRY(set_filter(live, options->filter, err));
    if (pcap_setnonblock(live->pcap, 1, why) != 0) {
        return err_set(err, ST_IO, "%s: %s", live->interface, why);
    }
    live->fd = pcap_get_selectable_fd(live->pcap);
    if (live->fd < 0) {
        return err_set(err, ST_IO, "%s: cannot wait for frames on this interface", live->interface);
    }
    live->link_type = link_type_of_dlt(pcap_datalink(live->pcap));
    bool has_ns = pcap_get_tstamp_precision(live->pcap) == PCAP_TSTAMP_PRECISION_NANO;
    live->ns_per_fraction = has_ns ? 1 : 1000;
    return ST_OK;
}

static bool take_frame(struct live *live, struct frame *out, int *out_rc)
{
    struct pcap_pkthdr *head;
    const u_char *at;
    *out_rc = pcap_next_ex(live->pcap, &head, &at);
    if (*out_rc != 1) {
        return false;
    }
    out->at_ns = head->ts.tv_sec * NS_PER_S + head->ts.tv_usec * live->ns_per_fraction;
    out->len_on_wire = head->len > head->caplen ? head->len : head->caplen;
    out->link_type = live->link_type;
    out->bytes = bytes_of(at, head->caplen);
    return true;
}

static enum capture_next live_next(struct capture *c, struct frame *out, struct err *err)
{
    struct live *live = c->live;
    for (int tries = 0; tries < 2; tries++) {
        int rc;
        if (take_frame(live, out, &rc)) {
            return CAPTURE_FRAME;
        }
        if (rc != 0) {
            (void)err_set(err, ST_IO, "%s: %s", live->interface, pcap_geterr(live->pcap));
            return CAPTURE_FAILED;
        }
        struct pollfd p = { .fd = live->fd, .events = POLLIN };
        int n = tries == 0 ? poll(&p, 1, live->idle_ms) : 0;
        if (n < 0 && errno != EINTR) {
            (void)err_sys(err, "%s", live->interface);
            return CAPTURE_FAILED;
        }
        if (n <= 0) {
            break;
        }
    }
    return CAPTURE_IDLE;
}

enum status live_open(struct capture *c, const char *interface, struct err *err)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", interface);
    }
    live->interface = interface;
    live->idle_ms = c->options.idle_ms;
    enum status st = live_start(live, &c->options, err);
    if (st != ST_OK) {
        live_close(live);
        return st;
    }
    c->live = live;
    c->next = live_next;
    return ST_OK;
}

void live_close(struct live *live)
{
    if (live == NULL) {
        return;
    }
    if (live->pcap != NULL) {
        pcap_close(live->pcap);
    }
    free(live);
}

uint64_t live_dropped(struct live *live)
{
    struct pcap_stat s;
    if (pcap_stats(live->pcap, &s) == 0) {
        live->dropped += (uint32_t)(s.ps_drop - live->last_drop);
        live->dropped += (uint32_t)(s.ps_ifdrop - live->last_ifdrop);
        live->last_drop = s.ps_drop;
        live->last_ifdrop = s.ps_ifdrop;
    }
    return live->dropped;
}
