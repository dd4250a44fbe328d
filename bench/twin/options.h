// What experiments vary: make OPTIONS="-DSTAGE_BURST=16". The defaults are what src/VSwitch.DataPlane does.
#ifndef TWIN_OPTIONS_H
#define TWIN_OPTIONS_H

// Packets that go through the stages together.
#ifndef STAGE_BURST
#define STAGE_BURST 64
#endif

// Bytes of a connection's entry: 64 = the rare half in an array of its own, 128 = two lines side by side.
#ifndef ENTRY_BYTES
#define ENTRY_BYTES 64
#endif

// Numbers of entries: 1 = handed out scattered inside each block of 64, so that connections made in a pattern (every 16th is one port's)
// do not all fall into the same cache sets; 0 = in order.
#ifndef SCATTER
#define SCATTER 1
#endif

// Huge pages: 1 = madvise for what is a quarter of one or more, as HugeMemory does; 0 = never.
#ifndef HUGE_PAGES
#define HUGE_PAGES 1
#endif

// Key, hash and candidate of a packet: 1 = in an array of work items that the stages of a burst share, 0 = in its descriptor.
#ifndef WORK_ITEMS
#define WORK_ITEMS 0
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
