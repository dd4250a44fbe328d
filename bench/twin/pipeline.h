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

// From a public address to its EIP, open addressing, at most half full: Tables/EipMap.cs.
struct eip_slot {
    uint32_t address, private_address;
    int32_t number;
    uint16_t vpc;
};

struct eip_map {
    struct eip_slot *slots;
    uint32_t mask;
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
    struct eip_map eip_by_address;
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

void eip_map_init(struct eip_map *map, int capacity);
void eip_map_add(struct eip_map *map, const struct eip *eip, int number);

// The slot of an address (raw), or one with number, VPC and private address 0.
static inline struct eip_slot *eip_map_find(const struct eip_map *map, uint32_t address)
{
    uint32_t i = (address * 0x9E3779B1u) >> map->shift;
    while (true) {
        struct eip_slot *slot = map->slots + i;
        if (slot->address == address || slot->number == 0) {
            return slot;
        }

        i = (i + 1) & map->mask;
    }
}

#endif
