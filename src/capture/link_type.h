/*
 * link_type: the file's LINKTYPE_* and libpcap's DLT_*, which differ for a few.
 *
 * The name of one is link_type_name() in packet.h.
 * Source: the tcpdump group's link-type registry; pcap/dlt.h.
 */
#ifndef HANDFAST_CAPTURE_LINK_TYPE_H
#define HANDFAST_CAPTURE_LINK_TYPE_H

#include <stdint.h>

int link_type_dlt(uint16_t link_type);
uint16_t link_type_of_dlt(int dlt);

#endif
