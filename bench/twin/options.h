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

// Prefetch of an entry for writing (prefetchw) instead of for reading.
#ifndef PREFETCH_WRITE
#define PREFETCH_WRITE 0
#endif

#endif
