// Connections: Flows/FlowKey.cs, FlowIndex.cs, FlowEntry.cs, FlowAction.cs, FlowTable.cs, PathTable.cs.
#ifndef TWIN_FLOW_H
#define TWIN_FLOW_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

enum {
    BUCKET_SLOTS = 10,
    ENTRIES_PER_BUCKET = 6,
    BUCKET_BYTES = 64,
    FARTHEST_BUCKET = 64,
    NOT_FOUND = -1,
    STATE_TCP_ESTABLISHED = 3,
    STATE_UDP_STREAM = 11,
    MARK_REMEMBERED_SYN = 1,
    MARK_REMEMBERED_ACK = 2,
    MARK_LIBERAL = 4,
    MARK_HAS_ACKNOWLEDGED = 16,
    TRAFFIC_BYTES_BITS = 22,
};

// Ten tags, ten numbers, and for entries that found their home full a count and the farthest distance.
struct bucket {
    uint16_t tags[BUCKET_SLOTS];
    int32_t numbers[BUCKET_SLOTS];
    uint16_t overflow, reach;
};

_Static_assert(sizeof(struct bucket) == BUCKET_BYTES, "a bucket is one line");

// What is rare of a connection.
struct flow_cold {
    int64_t packets_up, bytes_up, packets_down, bytes_down;
    uint32_t hash;
    uint8_t in_wheel, remembered_options;
    uint16_t opener_port;
    int32_t egress_rule, ingress_rule;
    uint32_t created_ms, remembered_sequence;
    uint16_t selector, remembered_window;
    uint32_t spare;
};

_Static_assert(sizeof(struct flow_cold) == 64, "the rare half is one line");

// All that an established packet touches.
struct flow_entry {
    uint64_t key_low, key_high;
    uint32_t end[2], max_end[2], max_ack[2];
    uint16_t max_window[2];
    uint8_t state, flags, scales, marks;
    uint32_t deadline_ms;
    int32_t path;
    uint32_t traffic[2];
#if ENTRY_BYTES == 128
    struct flow_cold cold;
#endif
};

_Static_assert(sizeof(struct flow_entry) == ENTRY_BYTES, "an entry is whole lines");

// What happens to the packets of one direction of a connection, shared by all that take the same way.
struct flow_action {
    uint64_t arrival, mac_bytes;
    uint32_t mac_bytes_end, generation, source_xor, destination_xor;
    uint16_t ip_delta, l4_delta, plain_bytes, out_port, mtu;
    uint8_t ttl_decrement, translates;
    int32_t out_bucket, in_bucket;
    uint32_t policy_version;
    int32_t reference_count, next;
};

_Static_assert(sizeof(struct flow_action) == 64, "an action is one line");

// The word of a packet with that destination MAC (raw, low 48 bits; the rest is ignored) and port.
static inline uint64_t action_arrival(uint64_t mac, int port) { return mac << 16 | (uint32_t)port; }

struct flow_table {
    struct bucket *buckets;
    struct flow_entry *entries;
    struct flow_cold *colds;
    struct flow_action *actions;
    uint32_t bucket_count;
    int used, paths_used;
};

void flow_table_init(struct flow_table *table, int capacity);

// Makes an entry for a key that is new; all but the key is zero. Ends the program when no bucket within reach has room.
struct flow_entry *flow_table_add(struct flow_table *table, uint64_t low, uint64_t high, uint32_t hash);

// Finds the connection of a key when the guess was wrong; NULL when there is none.
struct flow_entry *flow_table_find(struct flow_table *table, uint64_t low, uint64_t high, uint32_t hash);

// Finds or makes the pair of actions; its number.
int path_take(struct flow_table *table, const struct flow_action *up, const struct flow_action *down);

static inline struct flow_cold *flow_cold_of(struct flow_table *table, struct flow_entry *entry)
{
#if ENTRY_BYTES == 128
    (void)table;
    return &entry->cold;
#else
    return table->colds + (entry - table->entries);
#endif
}

static inline struct bucket *bucket_home(const struct flow_table *table, uint32_t hash)
{
    return table->buckets + (((uint64_t)hash * table->bucket_count) >> 32);
}

// The low 16 bits of the hash (the high ones choose the bucket), never 0: that means an empty slot.
static inline uint16_t tag_of(uint32_t hash)
{
    uint16_t tag = (uint16_t)hash;
    return tag == 0 ? 1 : tag;
}

static inline uint32_t match_tags(const struct bucket *bucket, uint16_t tag)
{
    __m256i tags = _mm256_loadu_si256((const __m256i *)bucket->tags);
    __m256i equal = _mm256_cmpeq_epi16(tags, _mm256_set1_epi16((short)tag));
    uint32_t bytes = (uint32_t)_mm256_movemask_epi8(equal);
    return _pext_u32(bytes, 0x55555555) & ((1u << BUCKET_SLOTS) - 1);
}

// The first entry of the home bucket whose tag agrees: a guess that the caller checks.
static inline int flow_guess(const struct flow_table *table, uint32_t hash)
{
    const struct bucket *bucket = bucket_home(table, hash);
    uint32_t match = match_tags(bucket, tag_of(hash));
    return match == 0 ? NOT_FOUND : bucket->numbers[__builtin_ctz(match)];
}

static inline void flow_prefetch(const struct flow_table *table, int number)
{
    const char *line = (const char *)table->entries + (int64_t)number * ENTRY_BYTES;
#if PREFETCH_WRITE
    __builtin_prefetch(line, 1, 3);
#else
    _mm_prefetch(line, _MM_HINT_T0);
#endif
}

static inline uint32_t flow_hash(uint64_t low, uint64_t high, uint64_t secret_low, uint64_t secret_high)
{
    unsigned __int128 product = (unsigned __int128)(low ^ secret_low) * (high ^ secret_high);
    uint64_t mixed = ((uint64_t)(product >> 64) ^ (uint64_t)product) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed >> 32);
}

// Sorts two endpoints into a key, without a branch that the traffic decides; 1 when the source is the higher one.
// `addresses`: source (low half) and destination, raw; `ports` the same. They become the key's low half and ports.
static inline uint32_t flow_sort(uint64_t *addresses, uint32_t *ports)
{
    uint64_t turned = *addresses << 32 | *addresses >> 32;
    uint32_t turned_ports = *ports << 16 | *ports >> 16;
    uint32_t swapped = turned > *addresses;
    if (turned == *addresses) {
        swapped = turned_ports > *ports;
    }

    *addresses ^= (*addresses ^ turned) & (0 - (uint64_t)swapped);
    *ports ^= (*ports ^ turned_ports) & (0 - swapped);
    return swapped;
}

static inline uint64_t flow_space(uint32_t space, uint8_t protocol, uint8_t kind)
{
    return ((uint64_t)space << 32) | ((uint64_t)protocol << 48) | ((uint64_t)kind << 56);
}

#endif
