#include "capture/link_type.h"

#include <pcap/pcap.h>

#include "base/status.h"
#include "capture/packet.h"

struct pair {
    uint16_t link_type;
    int dlt;
};

/* The rest are the same number in both lists. */
static const struct pair pairs[] = {
    { 100, DLT_ATM_RFC1483 }, { 101, DLT_RAW },      { 102, DLT_SLIP_BSDOS },
    { 103, DLT_PPP_BSDOS },   { 106, DLT_ATM_CLIP }, { 246, DLT_PFSYNC },
};

int link_type_dlt(uint16_t link_type)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].link_type == link_type) {
            return pairs[i].dlt;
        }
    }
    return link_type;
}

uint16_t link_type_of_dlt(int dlt)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].dlt == dlt) {
            return pairs[i].link_type;
        }
    }
    return dlt >= 0 && dlt <= UINT16_MAX ? (uint16_t)dlt : UINT16_MAX;
}

const char *link_type_name(uint16_t link_type)
{
    return pcap_datalink_val_to_name(link_type_dlt(link_type));
}
