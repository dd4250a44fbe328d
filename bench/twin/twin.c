// The C twin of the established connection's way, measured as bench/VSwitch.Bench measures the C# one.
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lab.h"
#include "memory.h"

enum { BURST = 64, MAX_RUNS = 31 };

static int runs = 5;

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

// The median of `runs` results; one more run goes before them.
static double median(double (*run)(void *), void *argument)
{
    double times[MAX_RUNS];
    run(argument);
    for (int i = 0; i < runs; i++) {
        times[i] = run(argument);
    }

    qsort(times, (size_t)runs, sizeof *times, compare_doubles);
    return times[runs / 2];
}

struct job {
    struct lab *lab;
    int64_t packets;
    int flows;
};

static int64_t forwarded(const struct pipeline *pipeline)
{
    int64_t sum = 0;
    for (int port = 0; port < pipeline->port_count; port++) {
        sum += pipeline->ports[port].forwarded;
    }

    return sum;
}

// Nanoseconds a packet, generator included; every packet must be forwarded.
static double run_pipeline(void *argument)
{
    struct job *job = argument;
    struct lab *lab = job->lab;
    struct packet *list[BURST];
    int64_t before = forwarded(&lab->pipeline);
    int64_t done = 0;
    double start = now_ns();
    while (done < job->packets) {
        for (int i = 0; i < lab->source_count; i++) {
            struct source *source = lab->sources + i;
            pipeline_begin(&lab->pipeline, 1000000000 + done);
            int count = source->device.receive(&source->device, &lab->pool, list, BURST);
            pipeline_process(&lab->pipeline, list, count, source->port);
            pipeline_flush(&lab->pipeline);
            done += BURST;
        }
    }

    double ns = now_ns() - start;
    if (forwarded(&lab->pipeline) - before != done) {
        fprintf(stderr, "%ld of %ld packets were forwarded\n", forwarded(&lab->pipeline) - before, done);
        exit(1);
    }

    return ns / (double)done;
}

static double run_generator(void *argument)
{
    struct job *job = argument;
    struct lab *lab = job->lab;
    struct packet *list[BURST];
    int64_t done = 0;
    double start = now_ns();
    while (done < job->packets) {
        for (int i = 0; i < lab->source_count; i++) {
            struct source *source = lab->sources + i;
            int count = source->device.receive(&source->device, &lab->pool, list, BURST);
            for (int k = 0; k < count; k++) {
                pool_return(&lab->pool, list[k]);
            }

            done += count;
        }
    }

    return (now_ns() - start) / (double)done;
}

// M(n): one random cache line in a footprint of n entries of 128 bytes, prefetched 32 ahead.
static double run_yardstick(void *argument)
{
    enum { STEPS = 8000000, AHEAD = 32, ENTRY = 128 };
    const struct job *job = argument;
    static char *memory;
    if (memory == NULL) {
        memory = huge_map((size_t)job->flows * ENTRY);
        for (size_t i = 0; i < (size_t)job->flows * ENTRY; i += 4096) {
            ((volatile char *)memory)[i] = 0;
        }
    }

    uint64_t state = 88172645463325252u;
    int64_t ring[AHEAD] = {0};
    int64_t sum = 0;
    double start = now_ns();
    for (int i = 0; i < STEPS; i++) {
        sum += *(volatile int64_t *)(memory + ring[i % AHEAD]);
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t next = (int64_t)(((state >> 32) * (uint64_t)job->flows) >> 32) * ENTRY;
        ring[i % AHEAD] = next;
        _mm_prefetch(memory + next, _MM_HINT_T0);
    }

    double ns = now_ns() - start;
    return sum == 0 ? ns / STEPS : NAN;
}

static double clocks_per_ns(void)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    double mhz = 0;
    while (file != NULL && mhz == 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "cpu MHz : %lf", &mhz);
    }

    if (file != NULL) {
        fclose(file);
    }

    return mhz / 1000;
}

// The last processor that this process may run on, as the C# bench.
static void pin(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int last = 0;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        last = CPU_ISSET(i, &set) ? i : last;
    }

    CPU_ZERO(&set);
    CPU_SET(last, &set);
    sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s sg|eip FLOWS [--shuffled] [--quick] [--pages]\n", argv[0]);
        return 2;
    }

    bool shuffled = false;
    bool is_quick = false;
    bool shows_pages = false;
    for (int i = 3; i < argc; i++) {
        shuffled |= strcmp(argv[i], "--shuffled") == 0;
        is_quick |= strcmp(argv[i], "--quick") == 0;
        shows_pages |= strcmp(argv[i], "--pages") == 0;
    }

    int flows = atoi(argv[2]);
    double scale = clocks_per_ns();
    static struct lab lab;
    pin();
    lab_init(&lab, argv[1], flows, shuffled);
    int64_t packets = flows * 4L > 8000000 ? flows * 4L : 8000000;
    struct job job = {&lab, packets, flows};
    if (is_quick) {
        runs = 3;
        job.packets = packets / 4;
    }

    double total = median(run_pipeline, &job) * scale;
    double generator = median(run_generator, &job) * scale;
    double yardstick = is_quick ? 0 : median(run_yardstick, &job) * scale;
    double clocks = total - generator;
    if (shows_pages) {
        printf("%ld KiB on huge pages\n", huge_kib());
    }

    printf("%-4s %9d flows, 50 rules, random: %7.1f clocks a packet (%.1f Mpps), generator %.1f, M(n) %.1f\n", argv[1], flows,
        clocks, scale * 1000 / clocks, generator, yardstick);
    return 0;
}
