// The established connection's way through the switch: Pipeline/PacketPipeline*.cs, with what it reads (Tables/) and counts.
#ifndef TWIN_PIPELINE_H
#define TWIN_PIPELINE_H

#include "flow.h"
#include "packet.h"

enum {
    MAX_BURST = 256,
    MAX_PORTS = 64,
    ETHERNET_BYTES = 14,
    PLAIN_L4_OFFSET = 34,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    ENI_EXISTS = 1,
};

// A compiled port; port 0 is the internet side.
struct eni {
    uint64_t mac;
    uint16_t vpc, subnet, mtu;
    uint8_t flags, ip4_count;
    uint32_t ip4[21];
    int32_t eip[21];
    uint8_t rest[256 - 184];
};

_Static_assert(sizeof(struct eni) == 256, "a port is four lines");

struct eip {
    uint32_t address, private_address;
    uint16_t port, vpc;
    int32_t out_bucket, in_bucket;
};

// Open addressing, at most half full: Tables/NativeMap.cs.
struct map_slot {
    uint64_t key;
    int32_t value, used;
};

struct native_map {
    struct map_slot *slots;
    uint64_t mask;
    int shift;
};

struct port_counters {
    int64_t received_packets, received_bytes, sent_packets, sent_bytes, forwarded, answered, consumed, dropped, generated;
    int64_t spare[7];
};

// What is ready for one port until the end of the burst.
struct egress_queue {
    int32_t count, is_touched, has_long;
    struct packet *packets[MAX_BURST];
};

struct egress_queues {
    struct egress_queue *queues;
    uint16_t touched[MAX_PORTS];
    int touched_count;
    int transmit_queue;
};

// A packet between the stages, with its key: in an array of its own or in the descriptor.
#if WORK_ITEMS
struct work {
    struct packet *packet;
    uint64_t key_low, key_high;
    uint32_t hash;
    int32_t candidate;
};
#else
#define work packet
#endif

struct pipeline {
    struct pool *pool;
    struct flow_table table;
    struct eni *enis;
    struct eip *eips;
    struct native_map eip_by_address;
    struct device **devices;
    struct port_counters *ports;
    struct egress_queues egress;
#if WORK_ITEMS
    struct work *live;
#else
    struct packet **live;
#endif
    int live_count;
    int port_count;
    uint64_t secret_low, secret_high, gateway_mac;
    uint32_t lowest_eip, highest_eip;
    uint32_t generation, now_ms, established_deadline_ms;
    uint32_t timeout_ms[16];
    int64_t burst_count, burst_packets, drop_count;
};

// Starts a burst: reads the time once.
void pipeline_begin(struct pipeline *self, int64_t now_ns);

// Takes a burst that came in by one port; every buffer is the pipeline's from here on.
void pipeline_process(struct pipeline *self, struct packet **packets, int count, int port);

// Ends a burst: gives what waits to the devices.
void pipeline_flush(struct pipeline *self);

void map_init(struct native_map *map, int entries);
void map_add(struct native_map *map, uint64_t key, int value);

// The slot of a key, or the empty one where it would be.
static inline struct map_slot *map_find(const struct native_map *map, uint64_t key)
{
    for (uint64_t i = ((key ^ (key >> 29)) * 0x9E3779B97F4A7C15u) >> map->shift;; i++) {
        struct map_slot *slot = map->slots + (i & map->mask);
        if (slot->used == 0 || slot->key == key) {
            return slot;
        }
    }
}

static inline int map_lookup(const struct native_map *map, uint64_t key, int missing)
{
    struct map_slot *slot = map_find(map, key);
    return slot->used != 0 ? slot->value : missing;
}

#endif
