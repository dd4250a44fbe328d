#include "lab.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "memory.h"

enum { FIRST_PORT = 1024, AHEAD = 16, SMALL_BUFFERS = 2048, VPC = 1, MTU = 1500, WINDOW = 65535, PAYLOAD = FRAME_BYTES - 54 };

static const uint64_t outside_mac = 0x020000009901;
static const uint64_t gateway_mac_number = 0x020000000001;
static const uint64_t internet_mac_number = 0x020000000002;

// One end's packets as they arrive.
struct ends {
    uint64_t source_mac, destination_mac;
    uint32_t source, destination;
    uint16_t source_port, destination_port;
};

// A MAC's number (first byte highest) as a load of its bytes gives it.
static uint64_t mac_raw(uint64_t number) { return __builtin_bswap64(number) >> 16; }

static uint64_t eni_mac(int i) { return 0x020000000100u + (uint64_t)i; }

static uint32_t eni_address(int i) { return (i % 2 == 0 ? 0x0A000100u : 0x0A000200u) + 10 + (uint32_t)i; }

static uint32_t eip_address(int i) { return 0xCB007100u + (uint32_t)i + 1; }

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void shuffle(int32_t *items, int count, uint64_t *state)
{
    for (int i = count - 1; i > 0; i--) {
        int other = (int)(random_next(state) % ((uint64_t)i + 1));
        int32_t item = items[i];
        items[i] = items[other];
        items[other] = item;
    }
}

static uint16_t sum_complement(const uint8_t *bytes, int count, uint32_t sum)
{
    for (int i = 0; i < count; i += 2) {
        sum += load16(bytes + i);
    }

    return (uint16_t)~checksum_fold(sum);
}

static void put_mac(uint8_t *at, uint64_t number)
{
    for (int i = 0; i < 6; i++) {
        at[i] = (uint8_t)(number >> (40 - 8 * i));
    }
}

// An ACK with ten bytes of payload, sequence and acknowledgment number 1.
static void write_frame(uint8_t *frame, const struct ends *e)
{
    memset(frame, 0, FRAME_BYTES);
    put_mac(frame, e->destination_mac);
    put_mac(frame + 6, e->source_mac);
    store16(frame + 12, 0x0008);
    uint8_t *ip = frame + ETHERNET_BYTES;
    ip[0] = 0x45;
    store16(ip + 2, __builtin_bswap16(FRAME_BYTES - ETHERNET_BYTES));
    ip[8] = 64;
    ip[9] = PROTOCOL_TCP;
    store32(ip + 12, __builtin_bswap32(e->source));
    store32(ip + 16, __builtin_bswap32(e->destination));
    store16(ip + 10, sum_complement(ip, 20, 0));
    uint8_t *tcp = ip + 20;
    store16(tcp, __builtin_bswap16(e->source_port));
    store16(tcp + 2, __builtin_bswap16(e->destination_port));
    tcp[7] = 1;
    tcp[11] = 1;
    tcp[12] = 0x50;
    tcp[13] = 0x10;
    store16(tcp + 14, __builtin_bswap16(WINDOW));
    uint32_t pseudo = __builtin_bswap16(PROTOCOL_TCP) + __builtin_bswap16(20 + PAYLOAD);
    for (int i = 12; i < 20; i += 2) {
        pseudo += load16(ip + i);
    }

    store16(tcp + 16, sum_complement(tcp, 20 + PAYLOAD, pseudo));
}

static int receive(struct device *device, struct pool *pool, struct packet **packets, int max)
{
    struct source *self = (struct source *)device;
    for (int i = 0; i < max; i++) {
        struct packet *p = pool_rent(pool);
        int ahead = self->next + AHEAD < self->order_count ? self->next + AHEAD : self->next + AHEAD - self->order_count;
        _mm_prefetch((const char *)self->frames + (int64_t)self->order[ahead] * self->frame_bytes, _MM_HINT_T0);
        memcpy(p->data, self->frames + (int64_t)self->order[self->next] * self->frame_bytes, (size_t)self->frame_bytes);
        p->length = self->frame_bytes;
        packets[i] = p;
        self->next = self->next + 1 == self->order_count ? 0 : self->next + 1;
    }

    return max;
}

static int transmit(struct device *device, int queue, struct packet **packets, int count)
{
    struct source *self = (struct source *)device;
    (void)queue;
    (void)packets;
    self->sent += count;
    return count;
}

static const struct device plain_device = {.receive = receive, .transmit = transmit, .queue_count = 1, .is_up = true};

void pool_init(struct pool *pool, int count)
{
    uint8_t *memory = huge_map((size_t)count * SMALL_STRIDE);
    pool->free = huge_map((size_t)count * sizeof *pool->free);
    pool->free_count = 0;
    pool->worker = 0;
    for (int i = count - 1; i >= 0; i--) {
        struct packet *p = (struct packet *)(memory + (size_t)i * SMALL_STRIDE);
        p->capacity = SMALL_STRIDE - DATA_OFFSET;
        pool->free[pool->free_count++] = p;
    }
}

static void init_ports(struct pipeline *pipeline)
{
    pipeline->port_count = ENIS + 1;
    pipeline->enis = huge_map(sizeof(struct eni) * MAX_PORTS);
    pipeline->eips = huge_map(sizeof(struct eip) * MAX_PORTS);
    pipeline->ports = huge_map(sizeof(struct port_counters) * MAX_PORTS);
    pipeline->devices = huge_map(sizeof(struct device *) * MAX_PORTS);
    eip_map_init(&pipeline->eip_by_address, ENIS);
    pipeline->enis[0] = (struct eni){.mac = mac_raw(internet_mac_number), .mtu = MTU, .flags = ENI_EXISTS};
    for (int i = 0; i < ENIS; i++) {
        uint32_t private_raw = __builtin_bswap32(eni_address(i));
        pipeline->enis[i + 1] = (struct eni){
            .mac = mac_raw(eni_mac(i)), .vpc = VPC, .subnet = (uint16_t)(i % 2), .mtu = MTU, .flags = ENI_EXISTS,
            .ip4_count = 1, .ip4 = {private_raw}, .eip = {i + 1},
        };
        pipeline->eips[i + 1] = (struct eip){
            .address = __builtin_bswap32(eip_address(i)), .private_address = private_raw, .port = (uint16_t)(i + 1),
            .vpc = VPC, .out_bucket = -1, .in_bucket = -1,
        };
        eip_map_add(&pipeline->eip_by_address, pipeline->eips + i + 1, i + 1);
    }

    pipeline->lowest_eip = eip_address(0);
    pipeline->highest_eip = eip_address(ENIS - 1);
    pipeline->gateway_mac = mac_raw(gateway_mac_number);
}

// What the switch would make of the first packet of one direction (PacketPipeline.Policy.cs, MakeAction).
static struct flow_action action_of(const struct pipeline *pipeline, int in, int out, int source_eip, int destination_eip)
{
    const uint16_t minus_one = 0xFFFE;
    const struct eip *source = pipeline->eips + source_eip;
    const struct eip *destination = pipeline->eips + destination_eip;
    uint64_t to = out == 0 ? mac_raw(outside_mac) : pipeline->enis[out].mac;
    uint64_t from = out == 0 ? pipeline->enis[0].mac : pipeline->gateway_mac;
    struct flow_action action = {
        .arrival = action_arrival(in == 0 ? pipeline->enis[0].mac : pipeline->gateway_mac, in),
        .mac_bytes = to | from << 48, .mac_bytes_end = (uint32_t)(from >> 16), .generation = pipeline->generation,
        .plain_bytes = MTU, .out_port = (uint16_t)out, .mtu = MTU, .ttl_decrement = 1, .out_bucket = -1, .in_bucket = -1,
        .policy_version = 1,
    };
    if (source_eip != 0) {
        action.source_xor = source->private_address ^ source->address;
        action.l4_delta = checksum_delta(source->private_address, source->address);
    }

    if (destination_eip != 0) {
        action.destination_xor = destination->address ^ destination->private_address;
        action.l4_delta = checksum_add(action.l4_delta, checksum_delta(destination->address, destination->private_address));
    }

    action.translates = source_eip != 0 || destination_eip != 0;
    action.ip_delta = checksum_add(action.l4_delta, minus_one);
    return action;
}

// An entry as the handshake leaves it.
static void add_connection(struct pipeline *pipeline, const struct ends *e, int from, int to, int eip)
{
    uint64_t low = __builtin_bswap32(e->source) | (uint64_t)__builtin_bswap32(e->destination) << 32;
    uint32_t ports = __builtin_bswap16(e->source_port) | (uint32_t)__builtin_bswap16(e->destination_port) << 16;
    bool swapped = flow_sort(&low, &ports) != 0;
    uint64_t high = ports | flow_space(VPC, PROTOCOL_TCP, 0);
    uint32_t hash = flow_hash(low, high, pipeline->secret_low, pipeline->secret_high);
    struct flow_entry *entry = flow_table_add(&pipeline->table, low, high, hash);
    struct flow_action forward = action_of(pipeline, from, to, eip, 0);
    struct flow_action reply = action_of(pipeline, to, from, 0, eip);
    entry->path = swapped ? path_take(&pipeline->table, &reply, &forward) : path_take(&pipeline->table, &forward, &reply);
    entry->state = STATE_TCP_ESTABLISHED;
    entry->marks = 3 * MARK_HAS_ACKNOWLEDGED;
    entry->deadline_ms = 1000 + pipeline->timeout_ms[STATE_TCP_ESTABLISHED];
    for (int d = 0; d < 2; d++) {
        entry->end[d] = 1 + PAYLOAD;
        entry->max_end[d] = 1 + WINDOW;
        entry->max_ack[d] = 1;
        entry->max_window[d] = WINDOW;
    }
}

// Connection i: its ends as their packets arrive, and the ports they come in by.
static void connection_of(bool is_eip, int i, struct ends *out, struct ends *back, int *out_port, int *back_port)
{
    int from = i * 2 % ENIS;
    int to = (from + 1) % ENIS;
    int round = i / (ENIS / 2);
    uint16_t source_port = (uint16_t)(FIRST_PORT + round % 60000);
    *out_port = from + 1;
    *back_port = is_eip ? 0 : to + 1;
    uint32_t remote = is_eip ? 0xC6120000u + (uint32_t)(round / 60000) + 1 : eni_address(to);
    uint16_t service = (uint16_t)(443 + (is_eip ? 0 : round / 60000));
    *out = (struct ends){eni_mac(from), gateway_mac_number, eni_address(from), remote, source_port, service};
    *back = (struct ends){
        is_eip ? outside_mac : eni_mac(to), is_eip ? internet_mac_number : gateway_mac_number,
        remote, is_eip ? eip_address(from) : eni_address(from), service, source_port,
    };
}

static struct source *source_of(struct lab *lab, int port)
{
    for (int i = 0; i < lab->source_count; i++) {
        if (lab->sources[i].port == port) {
            return lab->sources + i;
        }
    }

    lab->sources[lab->source_count] = (struct source){.device = plain_device, .port = port, .frame_bytes = FRAME_BYTES};
    return lab->sources + lab->source_count++;
}

// Counts each source's frames, then lays them side by side in one piece of memory, and draws their orders.
static void init_sources(struct lab *lab, bool is_eip, const int32_t *made, int flows, uint64_t *state)
{
    struct ends ends[2];
    int port[2];
    for (int i = 0; i < flows; i++) {
        connection_of(is_eip, made[i], ends, ends + 1, port, port + 1);
        source_of(lab, port[0])->frame_count++;
        source_of(lab, port[1])->frame_count++;
    }

    uint8_t *memory = huge_map((size_t)flows * 2 * FRAME_BYTES + FRAME_BYTES);
    for (int i = 0; i < lab->source_count; i++) {
        struct source *source = lab->sources + i;
        source->frames = memory;
        memory += (size_t)source->frame_count * FRAME_BYTES;
        source->order_count = source->frame_count < 64 ? 64 : source->frame_count;
        source->order = huge_map((size_t)source->order_count * sizeof(int32_t));
        for (int k = 0; k < source->order_count; k++) {
            source->order[k] = k % source->frame_count;
        }

        shuffle(source->order, source->order_count, state);
        source->frame_count = 0;
    }

    for (int i = 0; i < flows; i++) {
        connection_of(is_eip, made[i], ends, ends + 1, port, port + 1);
        for (int k = 0; k < 2; k++) {
            struct source *source = source_of(lab, port[k]);
            write_frame(source->frames + (size_t)source->frame_count++ * FRAME_BYTES, ends + k);
        }
    }
}

void lab_init(struct lab *lab, const char *scenario, int flows, bool shuffled)
{
    bool is_eip = strcmp(scenario, "eip") == 0;
    uint64_t state = 88172645463325252u;
    memset(lab, 0, sizeof *lab);
    pool_init(&lab->pool, SMALL_BUFFERS);
    struct pipeline *pipeline = &lab->pipeline;
    pipeline->pool = &lab->pool;
    pipeline->generation = 1;
    pipeline->secret_low = 0x1111;
    pipeline->secret_high = 0x2222;
    pipeline->timeout_ms[STATE_TCP_ESTABLISHED] = 432000000;
    pipeline->timeout_ms[STATE_UDP_STREAM] = 180000;
    int capacity = flows + flows / 8;
    flow_table_init(&pipeline->table, capacity < 1024 ? 1024 : capacity);
    pipeline->live = huge_map(MAX_BURST * sizeof *pipeline->live);
    pipeline->egress.queues = huge_map(MAX_PORTS * sizeof(struct egress_queue));
    init_ports(pipeline);
    lab->sink.device = plain_device;
    for (int port = 0; port < pipeline->port_count; port++) {
        pipeline->devices[port] = &lab->sink.device;
    }

    int32_t *made = malloc((size_t)flows * sizeof *made);
    for (int i = 0; i < flows; i++) {
        made[i] = i;
    }

    if (shuffled) {
        shuffle(made, flows, &state);
    }

    for (int i = 0; i < flows; i++) {
        struct ends out;
        struct ends back;
        int from;
        int to;
        connection_of(is_eip, made[i], &out, &back, &from, &to);
        add_connection(pipeline, &out, from, to, is_eip ? from : 0);
    }

    init_sources(lab, is_eip, made, flows, &state);
    free(made);
}
