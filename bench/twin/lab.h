// The networks, connections and frames of the throughput grid: BenchLab.cs and FrameSource.cs.
#ifndef TWIN_LAB_H
#define TWIN_LAB_H

#include "pipeline.h"

enum { ENIS = 32, FRAME_BYTES = 64 };

// Gives copies of prepared frames in a prepared order, and takes everything.
struct source {
    struct device device;
    int port;
    uint8_t *frames;
    int32_t *order;
    int32_t frame_bytes, frame_count, order_count, next;
    int64_t sent;
};

struct lab {
    struct pool pool;
    struct pipeline pipeline;
    struct source sink;
    struct source sources[ENIS + 1];
    int source_count;
};

// Makes `flows` established connections of a scenario ("sg" or "eip") and the sources that send on them.
// `shuffled`: connections are made in random order instead of port by port in turn.
void lab_init(struct lab *lab, const char *scenario, int flows, bool shuffled);

#endif
