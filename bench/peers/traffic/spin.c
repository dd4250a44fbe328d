// One thread of the lowest scheduling class (SCHED_IDLE) on every processor, for -t SECONDS, so that a virtual processor never
// halts: waking a halted one costs some 20 us, which would be the larger part of every round trip, and not the switch's doing.
// Anything else that wants the processor takes it at once.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

static void *spin(void *processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)(intptr_t)processor, &one);
    // A processor that this process may not use has nothing to keep awake.
    if (sched_setaffinity(0, sizeof one, &one) < 0 ||
        sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}) < 0) {
        return NULL;
    }

    for (;;) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        __asm__ volatile("" ::: "memory");
#endif
    }
}

int main(int count, char **words) {
    unsigned seconds = count == 2 ? (unsigned)atoi(words[1]) : 0;
    if (seconds == 0) {
        fprintf(stderr, "usage: %s SECONDS\n", words[0]);
        return 2;
    }

    // It must not outlive the script that started it.
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0UL, 0UL, 0UL);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < processors; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, spin, (void *)(intptr_t)i) != 0) {
            perror("pthread_create");
            return 1;
        }
    }

    sleep(seconds);
    return 0;
}
