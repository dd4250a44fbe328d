// What the experiments vary. The defaults are what src/VSwitch.DataPlane does; `make variants` builds the others.
#ifndef TWIN_OPTIONS_H
#define TWIN_OPTIONS_H

// Packets that go through the stages together.
#ifndef STAGE_BURST
#define STAGE_BURST 16
#endif

// Bytes of a connection's entry: 128 = two lines side by side, 64 = the rare half in an array of its own.
#ifndef ENTRY_BYTES
#define ENTRY_BYTES 128
#endif

// Numbers of entries: 1 = handed out scattered inside each block of 64, so that connections made in a pattern (every 16th is one port's)
// do not all fall into the same cache sets; 0 = in order.
#ifndef SCATTER
#define SCATTER 0
#endif

// Huge pages: 1 = madvise for what is 2 MiB or more, as HugeMemory does; 0 = never.
#ifndef HUGE_PAGES
#define HUGE_PAGES 1
#endif

// Key, hash and candidate of a packet: 1 = in an array of work items that the stages of a burst share, 0 = in its descriptor.
#ifndef WORK_ITEMS
#define WORK_ITEMS 0
#endif

// Sorting of the endpoints: 1 = both addresses in one word, turned by half, 0 = each address with its port.
#ifndef SORT_BY_TURN
#define SORT_BY_TURN 0
#endif

// Check of an IPv4 header's sum: 1 = divisible by 65535 (one product), 0 = folded twice.
#ifndef SUM_BY_PRODUCT
#define SUM_BY_PRODUCT 0
#endif

// Counters of a port that packets leave by: 1 = added once a flush, 0 = once a packet.
#ifndef COUNT_PER_FLUSH
#define COUNT_PER_FLUSH 0
#endif

// Where a packet's way ends, for the budget of the stages: 0 = before Prepare (what ending a way early costs by itself), 1 = after
// Prepare, 2 = after Probe, 3 = before Rewrite, 4 = before Egress, 5 = nowhere. What is left out is not there at all, so a stage costs the difference of two of these.
#ifndef LAST_STAGE
#define LAST_STAGE 5
#endif

// Prefetch of an entry for writing (prefetchw) instead of for reading.
#ifndef PREFETCH_WRITE
#define PREFETCH_WRITE 0
#endif

#endif
