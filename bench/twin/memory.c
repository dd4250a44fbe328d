#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "options.h"

static const size_t huge_page_bytes = 2u << 20;

void *huge_map(size_t bytes)
{
    size_t alignment = bytes >= huge_page_bytes / 4 ? huge_page_bytes : 4096;
    size_t length = (bytes + alignment - 1) & ~(alignment - 1);
    size_t mapped = length + (alignment == huge_page_bytes ? huge_page_bytes : 0);
    char *at = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }

    at = (char *)(((uintptr_t)at + alignment - 1) & ~(alignment - 1));
    if (HUGE_PAGES && alignment == huge_page_bytes) {
        (void)madvise(at, length, MADV_HUGEPAGE);
    }

    return at;
}

long huge_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "AnonHugePages: %ld kB", &kib) == 1) {
            break;
        }
    }

    if (file != NULL) {
        fclose(file);
    }

    return kib;
}
