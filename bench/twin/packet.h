// The descriptor of a frame, the pool of buffers and the devices: Buffers/PacketBuffer.cs, PacketPool.cs, IPacketDevice.cs.
#ifndef TWIN_PACKET_H
#define TWIN_PACKET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DATA_OFFSET = 192,
    SMALL_STRIDE = 35 * 64,
    FLAG_V6 = 1,
    FLAG_FRAGMENT = 2,
    FLAG_LATER_FRAGMENT = 4,
    FLAG_SWAPPED = 8,
    FLAG_ICMP_ERROR = 16,
    FLAG_HAIRPIN = 32,
    FLAG_NO_KEY = 64,
    FLAG_GENERATED = 128,
};

struct virtio_header {
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, checksum_start, checksum_offset;
} __attribute__((packed));

// One cache line, directly before the frame's memory.
struct packet {
    uint8_t *data;
    int32_t length;
    uint16_t in_port;
    uint16_t out_port;
    uint64_t key_low;
    uint64_t key_high;
    uint32_t hash;
    int32_t candidate;
    uint16_t l4_offset;
    uint8_t l3_offset;
    uint8_t protocol;
    uint8_t flags;
    uint8_t owner_worker;
    uint8_t is_large;
    uint8_t reason;
    int32_t capacity;
    struct virtio_header offload;
    uint16_t l3_length;
} __attribute__((packed, aligned(64)));

_Static_assert(sizeof(struct packet) == 64, "a descriptor is one line");

// A last-in-first-out list of the free buffers; only the small ones, since the twin sends no super-packets.
struct pool {
    struct packet **free;
    int free_count;
    int worker;
};

void pool_init(struct pool *pool, int count);

// A buffer with its data at the default place and no offload; NULL when none is free.
static inline struct packet *pool_rent(struct pool *pool)
{
    if (pool->free_count == 0) {
        return 0;
    }

    struct packet *p = pool->free[--pool->free_count];
    p->data = (uint8_t *)p + DATA_OFFSET;
    p->flags = 0;
    p->offload = (struct virtio_header){0};
    return p;
}

static inline void pool_return(struct pool *pool, struct packet *p)
{
    if (p->is_large == 0) {
        pool->free[pool->free_count++] = p;
    }
}

// Takes back buffers of this pool, all small; owner and size lie side by side.
static inline void pool_take_back(struct pool *pool, struct packet **packets, int count)
{
    struct packet **free = pool->free;
    int free_count = pool->free_count;
    for (int i = 0; i < count; i++) {
        uint16_t owner;
        __builtin_memcpy(&owner, &packets[i]->owner_worker, sizeof owner);
        if (owner == (uint8_t)pool->worker) {
            free[free_count++] = packets[i];
        }
    }

    pool->free_count = free_count;
}

// What takes and gives bursts; reached through a pointer, as C# reaches a device through its interface.
struct device {
    int (*receive)(struct device *self, struct pool *pool, struct packet **packets, int max);
    int (*transmit)(struct device *self, int queue, struct packet **packets, int count);
    int queue_count;
    bool is_up;
};

#endif
