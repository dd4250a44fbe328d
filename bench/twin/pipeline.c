#include "pipeline.h"

#include "bytes.h"
#include "checksum.h"
#include "memory.h"
#include "parse.h"

enum { PREFETCH_AHEAD = 4 };

static const uint64_t mac_mask = 0xFFFFFFFFFFFF;
static const uint8_t needs_admit = FLAG_NO_KEY | FLAG_ICMP_ERROR | FLAG_FRAGMENT;
static const uint32_t both_acknowledged = 3u * MARK_HAS_ACKNOWLEDGED << 24;
static const uint32_t plain_standing_mask =
    0xFF | 3u * MARK_HAS_ACKNOWLEDGED << 24 | (uint32_t)(MARK_REMEMBERED_SYN | MARK_REMEMBERED_ACK | MARK_LIBERAL) << 24;
static const uint32_t plain_header_mask = 0x17F0;
static const uint32_t nop_nop_timestamps = 0x0A080101;
static const uint32_t least_ack_window = 66000;
static const uint32_t traffic_bytes_mask = (1u << TRAFFIC_BYTES_BITS) - 1;
static const uint32_t carry_bits = 1u << (TRAFFIC_BYTES_BITS - 1) | 1u << 31;

static inline struct work *live_at(const struct pipeline *self, int i)
{
#if WORK_ITEMS
    return self->live + i;
#else
    return self->live[i];
#endif
}

static inline struct packet *packet_of(struct work *work)
{
#if WORK_ITEMS
    return work->packet;
#else
    return work;
#endif
}

// The place of the next packet to live.
static inline struct work *next_live(struct pipeline *self, struct packet *p)
{
#if WORK_ITEMS
    self->live[self->live_count].packet = p;
    return self->live + self->live_count;
#else
    self->live[self->live_count] = p;
    return p;
#endif
}

// Whatever is not an established connection's plain packet: the switch admits, answers or refuses it; the twin drops it, and the
// measurement fails because not every packet was forwarded.
static __attribute__((noinline)) void drop(struct pipeline *self, struct packet *p)
{
    self->drop_count++;
    pool_return(self->pool, p);
}

static inline bool is_from_sender(const struct packet *p, const struct eni *eni, int port)
{
    uint64_t source = load64(p->data + 6) & mac_mask;
    return port != 0 ? source == eni->mac : (source & 1) == 0 && source != eni->mac;
}

static inline int eip_of(const struct pipeline *self, uint32_t address)
{
    uint32_t number = __builtin_bswap32(address);
    return number < self->lowest_eip || number > self->highest_eip ? 0 : eip_map_find(&self->eip_by_address, address)->number;
}

static int eip_of_private(const struct pipeline *self, int port, uint32_t address)
{
    const struct eni *eni = self->enis + port;
    for (int i = 0; i < eni->ip4_count; i++) {
        if (eni->ip4[i] == address) {
            return eni->eip[i];
        }
    }

    return 0;
}

// The canonical inside tuple of the packet; asks for the index line of its hash.
static inline void key4(struct pipeline *self, struct packet *p, struct work *work, const struct eni *eni, int port)
{
    const uint8_t *ip = p->data + ETHERNET_BYTES;
    uint32_t ports = load32(p->data + PLAIN_L4_OFFSET);
    uint64_t addresses = load64(ip + 12);
    uint32_t destination = (uint32_t)(addresses >> 32);
    uint32_t space = eni->vpc;
    uint8_t flags = p->flags;
    if (port == 0) {
        const struct eip_slot *eip = eip_map_find(&self->eip_by_address, destination);
        space = eip->vpc;
        addresses = (uint32_t)addresses | (uint64_t)eip->private_address << 32;
        if (space == 0) {
            flags |= FLAG_NO_KEY;
        }
    } else if (eip_of(self, destination) != 0 && (load64(p->data) & mac_mask) == self->gateway_mac) {
        int from = eip_of_private(self, port, (uint32_t)addresses);
        if (from != 0) {
            flags |= FLAG_HAIRPIN;
            space = 0;
            addresses = self->eips[from].address | (uint64_t)destination << 32;
        }
    }

    uint32_t swapped = flow_sort(&addresses, &ports);
    uint64_t high = ports | flow_space(space, p->protocol, 0);
    p->flags = (uint8_t)(flags | swapped * FLAG_SWAPPED);
    work->key_low = addresses;
    work->key_high = high;
    work->hash = flow_hash(addresses, high, self->secret_low, self->secret_high);
    _mm_prefetch((const char *)bucket_home(&self->table, work->hash), _MM_HINT_T0);
}

// 1. Parse, 2. Key.
static __attribute__((noinline)) void prepare(struct pipeline *self, struct packet **packets, int count, int port)
{
    const struct eni *eni = self->enis + port;
    bool is_known = port < self->port_count && (eni->flags & ENI_EXISTS) != 0;
    int64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count) {
            _mm_prefetch((const char *)packets[i + PREFETCH_AHEAD]->data, _MM_HINT_T0);
        }

        struct packet *p = packets[i];
        p->in_port = (uint16_t)port;
        bytes += p->length;
        if (is_known && try_parse_plain(p) && is_from_sender(p, eni, port)) {
            key4(self, p, next_live(self, p), eni, port);
            self->live_count++;
        } else {
            drop(self, p);
        }
    }

    self->ports[port].received_packets += count;
    self->ports[port].received_bytes += bytes;
}

// 4. Probe: the index lines are here; guesses the entries and asks for their lines.
static __attribute__((noinline)) void probe(struct pipeline *self, int count)
{
    for (int i = 0; i < count; i++) {
        struct work *work = live_at(self, i);
        int guess = flow_guess(&self->table, work->hash);
        work->candidate = guess;
        if (guess >= 0) {
            flow_prefetch(&self->table, guess);
        }
    }
}

// 0 from the lower endpoint of the key, 1 from the higher.
static inline uint32_t direction_of(uint8_t flags) { return (flags / FLAG_SWAPPED) & 1; }

static inline bool fits(const struct pipeline *self, const struct packet *p, const struct flow_action *action)
{
    return action->generation == self->generation && action->arrival == action_arrival(load64(p->data), p->in_port);
}

// Neither its TTL nor its length needs an answer, and no bandwidth is to be asked.
static inline bool is_plain(const struct packet *p, const struct flow_action *action)
{
    return p->data[ETHERNET_BYTES + 8] > action->ttl_decrement && p->l3_length <= action->plain_bytes;
}

static inline bool try_track_udp(struct pipeline *self, struct flow_entry *entry)
{
    if (entry->state != STATE_UDP_STREAM) {
        return false;
    }

    entry->deadline_ms = self->now_ms + self->timeout_ms[STATE_UDP_STREAM];
    return true;
}

// Established TCP, a plain ACK that the windows of both ends allow; moves windows and timer.
static inline bool try_track_plain(struct pipeline *self, const struct packet *p, struct flow_entry *entry, uint32_t s)
{
    const uint8_t *l4 = p->data + p->l4_offset;
    uint32_t standing = load32(&entry->state);
    uint32_t header = load16(l4 + 12) & plain_header_mask;
    if ((standing & plain_standing_mask) != (STATE_TCP_ESTABLISHED | both_acknowledged) ||
        !(header == 0x1050 || (header == 0x1080 && load32(l4 + 20) == nop_nop_timestamps))) {
        return try_track_udp(self, entry);
    }

    uint32_t r = s ^ 1;
    uint64_t numbers = __builtin_bswap64(load64(l4 + 4));
    uint32_t ack = (uint32_t)numbers;
    uint32_t end = (uint32_t)(numbers >> 32) + (uint32_t)(ETHERNET_BYTES + p->l3_length - p->l4_offset) - ((header & 0xF0) >> 2);
    uint32_t window = big16(l4 + 14);
    int32_t inside = (int32_t)(entry->max_end[s] - end) | (int32_t)(entry->end[r] - ack) | (int32_t)(window - 1) |
        (int32_t)(end - entry->end[s]) | (int32_t)(ack - entry->end[r] + least_ack_window);
    if (inside < 0) {
        return false;
    }

    entry->end[s] = end;
    if ((int32_t)(ack - entry->max_ack[s]) > 0) {
        entry->max_ack[s] = ack;
    }

    uint32_t allowed = ack + (window << ((standing >> (16 + 4 * s)) & 15));
    if ((int32_t)(allowed - entry->max_end[r]) > 0) {
        entry->max_end[r] = allowed;
    }

    if (window > entry->max_window[s]) {
        entry->max_window[s] = (uint16_t)window;
    }

    entry->deadline_ms = self->established_deadline_ms;
    return true;
}

static __attribute__((noinline)) void carry_traffic(struct flow_entry *entry, struct flow_cold *cold)
{
    cold->packets_up += entry->traffic[0] >> TRAFFIC_BYTES_BITS;
    cold->bytes_up += entry->traffic[0] & traffic_bytes_mask;
    cold->packets_down += entry->traffic[1] >> TRAFFIC_BYTES_BITS;
    cold->bytes_down += entry->traffic[1] & traffic_bytes_mask;
    entry->traffic[0] = 0;
    entry->traffic[1] = 0;
}

static inline void count_traffic(struct pipeline *self, const struct packet *p, struct flow_entry *entry, uint32_t d)
{
    uint32_t *traffic = entry->traffic + d;
    uint32_t sum = *traffic + (1u << TRAFFIC_BYTES_BITS) + (uint32_t)p->length;
    *traffic = sum;
    if ((sum & carry_bits) != 0) {
        carry_traffic(entry, flow_cold_of(&self->table, entry));
    }
}

static inline void mend_checksum(const struct packet *p, uint8_t *at, uint16_t delta, bool is_udp)
{
    uint16_t old = load16(at);
    if ((p->offload.flags & 1) != 0) {
        store16(at, checksum_add(old, delta));
    } else if (!is_udp || old != 0) {
        uint16_t mended = checksum_apply(old, delta);
        store16(at, is_udp && mended == 0 ? 0xFFFF : mended);
    }
}

static inline void translate(const struct packet *p, const struct flow_action *action, uint8_t *ip)
{
    // Source and destination lie side by side, in the packet and in the action.
    store64(ip + 12, load64(ip + 12) ^ load64(&action->source_xor));
    if ((p->flags & FLAG_LATER_FRAGMENT) != 0) {
        return;
    }

    uint8_t *l4 = p->data + p->l4_offset;
    if (p->protocol == PROTOCOL_TCP) {
        mend_checksum(p, l4 + 16, action->l4_delta, false);
    } else if (p->protocol == PROTOCOL_UDP) {
        mend_checksum(p, l4 + 6, action->l4_delta, true);
    }
}

// 7. Rewrite.
static inline void rewrite(struct packet *p, const struct flow_action *action)
{
    uint8_t *frame = p->data;
    uint8_t *ip = frame + ETHERNET_BYTES;
    store64(frame, action->mac_bytes);
    store32(frame + 8, action->mac_bytes_end);
    p->length = ETHERNET_BYTES + p->l3_length;
    if (action->ip_delta != 0) {
        // TTL, protocol and checksum are one word; the TTL is not smaller than what is taken from it.
        uint32_t word = load32(ip + 8) - action->ttl_decrement;
        store32(ip + 8, (uint16_t)word | (uint32_t)checksum_apply((uint16_t)(word >> 16), action->ip_delta) << 16);
        if (action->translates != 0) {
            translate(p, action, ip);
        }
    }
}

// Counts what a device took. Packets of one port mostly come together: each run is added once.
static inline void count_sent(struct pipeline *self, struct packet **packets, int count, int port)
{
    int64_t bytes = 0;
    int generated = 0;
    int start = 0;
    int in_port = count > 0 ? packets[0]->in_port : 0;
    for (int i = 0; i < count; i++) {
        const struct packet *p = packets[i];
        bytes += p->length;
        if (p->in_port != in_port) {
            self->ports[in_port].forwarded += i - start;
            start = i;
            in_port = p->in_port;
        }

        if ((p->flags & FLAG_GENERATED) != 0) {
            generated++;
            start++;
        }
    }

    self->ports[in_port].forwarded += count - start;
    struct port_counters *to = self->ports + port;
    to->sent_packets += count;
    to->sent_bytes += bytes;
    to->generated += generated;
}

// Gives a port's packets to its device.
static __attribute__((noinline)) void flush_port(struct pipeline *self, int port)
{
    struct egress_queue *queue = self->egress.queues + port;
    int count = queue->count;
    if (count == 0) {
        return;
    }

    struct device *device = self->devices[port];
    queue->has_long = 0;
    int sent = device->transmit(device, self->egress.transmit_queue % device->queue_count, queue->packets, count);
    for (int i = sent; i < count; i++) {
        drop(self, queue->packets[i]);
    }

    count_sent(self, queue->packets, sent, port);
    pool_take_back(self->pool, queue->packets, sent);

    queue->count = 0;
}

// A queue that was full and went out at once is touched already.
static inline void touch(struct pipeline *self, struct egress_queue *queue, int port)
{
    if (queue->is_touched == 0) {
        queue->is_touched = 1;
        self->egress.touched[self->egress.touched_count++] = (uint16_t)port;
    }
}

// 8. Egress.
static inline void enqueue(struct pipeline *self, struct packet *p, int port)
{
    struct egress_queue *queue = self->egress.queues + port;
    p->out_port = (uint16_t)port;
    int at = queue->count++;
    queue->packets[at] = p;
    if (at == 0) {
        touch(self, queue, port);
    }

    if (at == MAX_BURST - 1) {
        flush_port(self, port);
    }
}

// The end of a packet whose way is cut short to measure what lies before.
static inline void finish_early(struct pipeline *self, struct packet *p)
{
    self->ports[p->in_port].forwarded++;
    pool_return(self->pool, p);
}

static inline bool try_hit(struct pipeline *self, struct packet *p, struct flow_entry *entry)
{
    uint8_t flags = p->flags;
    uint32_t d = direction_of(flags);
    const struct flow_action *action = self->table.actions + 2 * (int64_t)entry->path + d;
    if ((flags & needs_admit) != 0 || (int32_t)(self->now_ms - entry->deadline_ms) >= 0 || !fits(self, p, action) ||
        !is_plain(p, action) || !try_track_plain(self, p, entry, d)) {
        return false;
    }

    count_traffic(self, p, entry, d);
    if (LAST_STAGE >= 4) {
        rewrite(p, action);
    }

    if (LAST_STAGE >= 5) {
        enqueue(self, p, action->out_port);
    } else {
        finish_early(self, p);
    }

    return true;
}

// The guess was wrong, or there is no connection.
static __attribute__((noinline)) void run_unguessed4(struct pipeline *self, struct work *work)
{
    struct flow_entry *entry = flow_table_find(&self->table, work->key_low, work->key_high, work->hash);
    if (entry == NULL || !try_hit(self, packet_of(work), entry)) {
        drop(self, packet_of(work));
    }
}

// 5. Flow.
static __attribute__((noinline)) void run_flows4(struct pipeline *self, int count)
{
    for (int i = 0; i < count; i++) {
        struct work *work = live_at(self, i);
        struct flow_entry *entry = self->table.entries + work->candidate;
        if (work->candidate < 0 || entry->key_low != work->key_low || entry->key_high != work->key_high) {
            run_unguessed4(self, work);
        } else if (!try_hit(self, packet_of(work), entry)) {
            drop(self, packet_of(work));
        }
    }
}

void pipeline_begin(struct pipeline *self, int64_t now_ns)
{
    self->now_ms = (uint32_t)(now_ns / 1000000);
    self->established_deadline_ms = self->now_ms + self->timeout_ms[STATE_TCP_ESTABLISHED];
}

void pipeline_process(struct pipeline *self, struct packet **packets, int count, int port)
{
    self->burst_count++;
    self->burst_packets += count;
    if (LAST_STAGE == 0) {
        for (int i = 0; i < count; i++) {
            packets[i]->in_port = (uint16_t)port;
            finish_early(self, packets[i]);
        }

        return;
    }

    for (int i = 0; i < count; i += STAGE_BURST) {
        prepare(self, packets + i, count - i < STAGE_BURST ? count - i : STAGE_BURST, port);
        if (LAST_STAGE >= 2) {
            probe(self, self->live_count);
        }

        if (LAST_STAGE >= 3) {
            run_flows4(self, self->live_count);
        } else {
            for (int k = 0; k < self->live_count; k++) {
                finish_early(self, packet_of(live_at(self, k)));
            }
        }

        self->live_count = 0;
    }
}

void pipeline_flush(struct pipeline *self)
{
    for (int i = 0; i < self->egress.touched_count; i++) {
        int port = self->egress.touched[i];
        flush_port(self, port);
        self->egress.queues[port].is_touched = 0;
    }

    self->egress.touched_count = 0;
}

void eip_map_init(struct eip_map *map, int capacity)
{
    int bits = 2;
    while ((1 << bits) < capacity * 2) {
        bits++;
    }

    map->slots = huge_map(sizeof(struct eip_slot) << bits);
    map->mask = (1u << bits) - 1;
    map->shift = 32 - bits;
}

void eip_map_add(struct eip_map *map, const struct eip *eip, int number)
{
    *eip_map_find(map, eip->address) = (struct eip_slot){
        .address = eip->address, .private_address = eip->private_address, .number = number, .vpc = eip->vpc,
    };
}
