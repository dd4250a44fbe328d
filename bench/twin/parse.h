// The question: is this a whole, well-formed TCP or UDP packet? Pipeline/ParseStage.cs, TryParsePlain.
#ifndef TWIN_PARSE_H
#define TWIN_PARSE_H

#include "bytes.h"
#include "checksum.h"
#include "pipeline.h"

static inline bool is_udp_length_valid(const uint8_t *udp, int available)
{
    int length = big16(udp + 4);
    return length >= 8 && length <= available;
}

// A whole TCP or UDP packet over IPv4 without options.
static inline bool try_parse_plain(struct packet *p)
{
    const uint8_t *frame = p->data;
    const uint8_t *ip = frame + ETHERNET_BYTES;
    if (p->length < ETHERNET_BYTES + 20 + 8 || load16(frame + 12) != 0x0008 || *ip != 0x45) {
        return false;
    }

    int total = big16(ip + 2);
    uint8_t protocol = ip[9];
    const uint8_t *l4 = ip + 20;
    bool is_whole = (load16(ip + 6) & 0xFF3F) == 0 && total <= p->length - ETHERNET_BYTES;
    if (!is_whole || !checksum_is_ip4_valid(ip) ||
        !(protocol == PROTOCOL_TCP ? l4[12] >= 0x50 && 20 + (l4[12] >> 4) * 4 <= total
                                   : protocol == PROTOCOL_UDP && total >= 28 && is_udp_length_valid(l4, total - 20))) {
        return false;
    }

    // l4_offset, l3_offset and protocol lie side by side.
    store32(&p->l4_offset, PLAIN_L4_OFFSET | ETHERNET_BYTES << 16 | (uint32_t)protocol << 24);
    p->l3_length = (uint16_t)total;
    return true;
}

#endif
