#include "pipeline.h"

#include "bytes.h"
#include "checksum.h"
#include "memory.h"

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
static const uint32_t carry_at_bytes = 0x3E0000;
static const uint32_t carry_at_packets = 1000u << TRAFFIC_BYTES_BITS;

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
        !(protocol == PROTOCOL_TCP ? total >= 40 && l4[12] >= 0x50 && 20 + (l4[12] >> 4) * 4 <= total
                                   : protocol == PROTOCOL_UDP && total >= 28 && is_udp_length_valid(l4, total - 20))) {
        return false;
    }

    p->l3_offset = ETHERNET_BYTES;
    p->l4_offset = PLAIN_L4_OFFSET;
    p->l3_length = (uint16_t)total;
    p->protocol = protocol;
    return true;
}

static inline bool is_from_sender(const struct packet *p, const struct eni *eni, int port)
{
    uint64_t source = load64(p->data + 6) & mac_mask;
    return port != 0 ? source == eni->mac : (source & 1) == 0 && source != eni->mac;
}

static inline int eip_of(const struct pipeline *self, uint32_t address)
{
    uint32_t number = __builtin_bswap32(address);
    return number < self->lowest_eip || number > self->highest_eip ? 0 : map_lookup(&self->eip_by_address, address, 0);
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
    uint32_t source = load32(ip + 12);
    uint32_t destination = load32(ip + 16);
    uint32_t space = eni->vpc;
    uint8_t flags = p->flags;
    if (port == 0) {
        const struct eip *eip = self->eips + map_lookup(&self->eip_by_address, destination, 0);
        space = eip->vpc;
        destination = eip->private_address;
        if (space == 0) {
            flags |= FLAG_NO_KEY;
        }
    } else if (eip_of(self, destination) != 0 && (load64(p->data) & mac_mask) == self->gateway_mac) {
        int from = eip_of_private(self, port, source);
        if (from != 0) {
            flags |= FLAG_HAIRPIN;
            space = 0;
            source = self->eips[from].address;
        }
    }

    uint64_t low;
    uint64_t ports_key;
    bool swapped = flow_sort(source, destination, ports & 0xFFFF, ports >> 16, &low, &ports_key);
    uint64_t high = ports_key | flow_space(space, p->protocol, 0);
    p->flags = flags | (swapped ? FLAG_SWAPPED : 0);
    work->key_low = low;
    work->key_high = high;
    work->hash = flow_hash(low, high, self->secret_low, self->secret_high);
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

static inline uint32_t direction_of(const struct packet *p) { return (p->flags / FLAG_SWAPPED) & 1; }

static inline bool fits(const struct pipeline *self, const struct packet *p, const struct flow_action *action)
{
    return action->generation == self->generation && action->in_port == p->in_port &&
        ((load64(p->data) ^ action->expected_mac) & mac_mask) == 0;
}

static inline bool is_plain(const struct packet *p, const struct flow_action *action)
{
    return p->data[ETHERNET_BYTES + 8] > action->ttl_decrement && p->l3_length <= action->mtu &&
        (action->out_bucket & action->in_bucket) == -1;
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
static inline bool try_track_plain(struct pipeline *self, const struct packet *p, struct flow_entry *entry)
{
    const uint8_t *l4 = p->data + p->l4_offset;
    uint32_t standing = load32(&entry->state);
    uint32_t header = load16(l4 + 12) & plain_header_mask;
    if ((standing & plain_standing_mask) != (STATE_TCP_ESTABLISHED | both_acknowledged) ||
        !(header == 0x1050 || (header == 0x1080 && load32(l4 + 20) == nop_nop_timestamps))) {
        return try_track_udp(self, entry);
    }

    uint32_t s = direction_of(p);
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

static inline void count_traffic(struct pipeline *self, const struct packet *p, struct flow_entry *entry)
{
    uint32_t *traffic = entry->traffic + direction_of(p);
    uint32_t sum = *traffic + (1u << TRAFFIC_BYTES_BITS) + (uint32_t)p->length;
    *traffic = sum;
    if ((sum & traffic_bytes_mask) >= carry_at_bytes || sum >= carry_at_packets) {
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
    store32(ip + 12, load32(ip + 12) ^ action->source_xor);
    store32(ip + 16, load32(ip + 16) ^ action->destination_xor);
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
        ip[8] -= action->ttl_decrement;
        store16(ip + 10, checksum_apply(load16(ip + 10), action->ip_delta));
        if (action->translates != 0) {
            translate(p, action, ip);
        }
    }
}

// Counts packets that a port's device took, and frees them.
static inline void count_and_free(struct pipeline *self, struct port_counters *to, struct packet **packets, int sent)
{
#if COUNT_PER_FLUSH
    int64_t bytes = 0;
    int64_t generated = 0;
    for (int i = 0; i < sent; i++) {
        struct packet *p = packets[i];
        bytes += p->length;
        if ((p->flags & FLAG_GENERATED) != 0) {
            generated++;
        } else {
            self->ports[p->in_port].forwarded++;
        }

        pool_return(self->pool, p);
    }

    to->sent_packets += sent;
    to->sent_bytes += bytes;
    to->generated += generated;
#else
    for (int i = 0; i < sent; i++) {
        struct packet *p = packets[i];
        to->sent_packets++;
        to->sent_bytes += p->length;
        if ((p->flags & FLAG_GENERATED) != 0) {
            to->generated++;
        } else {
            self->ports[p->in_port].forwarded++;
        }

        pool_return(self->pool, p);
    }
#endif
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
    count_and_free(self, self->ports + port, queue->packets, sent);
    for (int i = sent; i < count; i++) {
        drop(self, queue->packets[i]);
    }

    queue->count = 0;
}

// 8. Egress.
static inline void enqueue(struct pipeline *self, struct packet *p, int port)
{
    struct egress_queue *queue = self->egress.queues + port;
    p->out_port = (uint16_t)port;
    if (queue->is_touched == 0) {
        queue->is_touched = 1;
        self->egress.touched[self->egress.touched_count++] = (uint16_t)port;
    }

    queue->packets[queue->count++] = p;
    if (queue->count == MAX_BURST) {
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
    const struct flow_action *action = self->table.actions + 2 * (int64_t)entry->path + direction_of(p);
    if ((p->flags & needs_admit) != 0 || (int32_t)(self->now_ms - entry->deadline_ms) >= 0 || !fits(self, p, action) ||
        !is_plain(p, action) || !try_track_plain(self, p, entry)) {
        return false;
    }

    count_traffic(self, p, entry);
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

// 5. Flow.
static __attribute__((noinline)) void run_flows4(struct pipeline *self, int count)
{
    for (int i = 0; i < count; i++) {
        struct work *work = live_at(self, i);
        struct packet *p = packet_of(work);
        struct flow_entry *entry = NULL;
        if (work->candidate >= 0) {
            entry = self->table.entries + work->candidate;
            entry = entry->key_low == work->key_low && entry->key_high == work->key_high ? entry : NULL;
        }

        if (entry == NULL) {
            entry = flow_table_find(&self->table, work->key_low, work->key_high, work->hash);
        }

        if (entry == NULL || !try_hit(self, p, entry)) {
            drop(self, p);
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

void map_init(struct native_map *map, int entries)
{
    int bits = 2;
    while ((1 << bits) < entries * 2) {
        bits++;
    }

    map->slots = huge_map((size_t)sizeof(struct map_slot) << bits);
    map->mask = (1u << bits) - 1;
    map->shift = 64 - bits;
}

void map_add(struct native_map *map, uint64_t key, int value)
{
    *map_find(map, key) = (struct map_slot){.key = key, .value = value, .used = 1};
}
