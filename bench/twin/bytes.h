// Loads and stores at any address, and the other byte order.
#ifndef TWIN_BYTES_H
#define TWIN_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load16(const void *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t load32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t load64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void store16(void *at, uint16_t value) { memcpy(at, &value, sizeof value); }

static inline void store32(void *at, uint32_t value) { memcpy(at, &value, sizeof value); }

static inline void store64(void *at, uint64_t value) { memcpy(at, &value, sizeof value); }

static inline uint16_t big16(const void *at) { return __builtin_bswap16(load16(at)); }

#endif
