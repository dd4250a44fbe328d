#include "flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const uint32_t slot_mask = (1u << BUCKET_SLOTS) - 1;

// How many of the first bytes two actions must share to be the same.
static const size_t compared_bytes = 56;

void flow_table_init(struct flow_table *table, int capacity)
{
    uint32_t buckets = ((uint32_t)capacity + ENTRIES_PER_BUCKET - 1) / ENTRIES_PER_BUCKET;
    table->bucket_count = buckets < 2 ? 2 : buckets;
    capacity = (capacity + 63) & ~63;
    table->entries = huge_map((size_t)capacity * ENTRY_BYTES);
    table->buckets = huge_map((size_t)table->bucket_count * BUCKET_BYTES);
    table->colds = ENTRY_BYTES == 128 ? NULL : huge_map((size_t)capacity * sizeof(struct flow_cold));
    table->actions = huge_map(((size_t)capacity + 2) * 2 * sizeof(struct flow_action));
    table->used = 0;
    table->paths_used = 1;
}

static struct bucket *bucket_at(const struct flow_table *table, struct bucket *home, uint32_t distance)
{
    struct bucket *at = home + distance;
    return at < table->buckets + table->bucket_count ? at : at - table->bucket_count;
}

static bool index_add(struct flow_table *table, uint32_t hash, int number)
{
    struct bucket *home = bucket_home(table, hash);
    for (uint32_t distance = 0; distance < FARTHEST_BUCKET && distance < table->bucket_count; distance++) {
        struct bucket *bucket = bucket_at(table, home, distance);
        uint32_t free = match_tags(bucket, 0);
        if (free == 0) {
            continue;
        }

        int slot = __builtin_ctz(free);
        bucket->tags[slot] = tag_of(hash);
        bucket->numbers[slot] = number;
        if (distance > 0) {
            home->overflow++;
            home->reach = home->reach > distance ? home->reach : (uint16_t)distance;
        }

        return true;
    }

    return false;
}

// The n-th number to hand out: a permutation inside each aligned block of 64, different from block to block.
static int number_at(int n)
{
    return SCATTER ? (int)((uint32_t)n ^ (((uint32_t)n >> 6) * 0x9E3779B1u) >> 26) : n;
}

struct flow_entry *flow_table_add(struct flow_table *table, uint64_t low, uint64_t high, uint32_t hash)
{
    int number = number_at(table->used++);
    if (!index_add(table, hash, number)) {
        fprintf(stderr, "the table is full\n");
        exit(1);
    }

    struct flow_entry *entry = table->entries + number;
    entry->key_low = low;
    entry->key_high = high;
    flow_cold_of(table, entry)->hash = hash;
    return entry;
}

struct flow_entry *flow_table_find(struct flow_table *table, uint64_t low, uint64_t high, uint32_t hash)
{
    struct bucket *home = bucket_home(table, hash);
    uint32_t reach = home->overflow == 0 ? 0 : home->reach;
    for (uint32_t distance = 0; distance <= reach; distance++) {
        struct bucket *bucket = bucket_at(table, home, distance);
        for (uint32_t match = match_tags(bucket, tag_of(hash)) & slot_mask; match != 0; match &= match - 1) {
            struct flow_entry *entry = table->entries + bucket->numbers[__builtin_ctz(match)];
            if (entry->key_low == low && entry->key_high == high) {
                return entry;
            }
        }
    }

    return NULL;
}

int path_take(struct flow_table *table, const struct flow_action *up, const struct flow_action *down)
{
    struct flow_action *actions = table->actions;
    for (int i = 1; i < table->paths_used; i++) {
        if (memcmp(actions + 2 * i, up, compared_bytes) == 0 && memcmp(actions + 2 * i + 1, down, compared_bytes) == 0) {
            actions[2 * i].reference_count++;
            return i;
        }
    }

    int path = table->paths_used++;
    actions[2 * path] = *up;
    actions[2 * path + 1] = *down;
    actions[2 * path].reference_count = 1;
    return path;
}
