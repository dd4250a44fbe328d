// One's complement sums over raw words: VSwitch.Wire/InternetChecksum.cs.
#ifndef TWIN_CHECKSUM_H
#define TWIN_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

static inline uint16_t checksum_fold(uint32_t sum)
{
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint16_t checksum_add(uint16_t a, uint16_t b)
{
    return checksum_fold((uint32_t)a + b);
}

// What a change of a 32-bit word adds to the complement of a checksum.
static inline uint16_t checksum_delta(uint32_t old_raw, uint32_t new_raw)
{
    return checksum_fold(checksum_fold(~old_raw) + (uint32_t)checksum_fold(new_raw));
}

// RFC 1624 equation 3, HC' = ~(~HC + delta), as HC - delta with the borrow brought around.
static inline uint16_t checksum_apply(uint16_t checksum, uint16_t delta)
{
    int32_t difference = checksum - delta;
    return (uint16_t)(difference + (difference >> 31));
}

// True when an IPv4 header of 20 bytes sums to all ones.
static inline bool checksum_is_ip4_valid(const uint8_t *ip)
{
    uint64_t sum = ((uint64_t)load32(ip) + load32(ip + 4)) + ((uint64_t)load32(ip + 8) + load32(ip + 12)) + load32(ip + 16);
    // It sums to all ones when it is a multiple of 65535 and not 0: one product with the inverse modulo 2^64 tells.
    return sum * 0xFFFEFFFEFFFEFFFFu - 1 < UINT64_MAX / 65535;
}

#endif
