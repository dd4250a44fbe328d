// Zeroed memory on huge pages, as Buffers/HugeMemory.cs makes it.
#ifndef TWIN_MEMORY_H
#define TWIN_MEMORY_H

#include <stddef.h>

// Maps at least `bytes` bytes; ends the program when the system gives none. Never freed: a run is one process.
void *huge_map(size_t bytes);

// KiB of this process on huge pages, as /proc/self/smaps_rollup says.
long huge_kib(void);

#endif
