// What the traffic programs share. Each of them plays both ends in one process: a thread that entered the client's network
// namespace and one or more that entered the server's. So a run leaves no server behind, and both ends stop by one clock.
#ifndef VSWITCH_PEERS_COMMON_H
#define VSWITCH_PEERS_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct ends {
    const char *client_namespace;
    const char *server_namespace;
    struct sockaddr_in server;
    double seconds;
};

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// setns moves the calling thread only, and a socket belongs to the namespace that its thread was in when it was made.
static inline void enter_namespace(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || setns(descriptor, CLONE_NEWNET) < 0) {
        fail(path);
    }

    close(descriptor);
}

static inline struct ends parse_ends(int count, char **words) {
    struct ends e = {.seconds = 1, .server = {.sin_family = AF_INET}};
    int option;
    while ((option = getopt(count, words, "c:s:d:t:")) > 0) {
        switch (option) {
        case 'c': e.client_namespace = optarg; break;
        case 's': e.server_namespace = optarg; break;
        case 'd':
            if (inet_pton(AF_INET, optarg, &e.server.sin_addr) != 1) {
                fprintf(stderr, "-d %s: not an IPv4 address\n", optarg);
                exit(2);
            }
            break;
        case 't': e.seconds = atof(optarg); break;
        default: exit(2);
        }
    }

    if (!e.client_namespace || !e.server_namespace || !e.server.sin_addr.s_addr || e.seconds <= 0) {
        fprintf(stderr, "usage: %s -c CLIENT_NAMESPACE -s SERVER_NAMESPACE -d SERVER_ADDRESS [-t SECONDS]\n", words[0]);
        exit(2);
    }

    return e;
}

static inline struct sockaddr_in on_port(struct sockaddr_in address, int port) {
    address.sin_port = htons((uint16_t)port);
    return address;
}

static inline struct sockaddr_in any_address(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    return on_port(address, port);
}

static inline void start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0) {
        fail("pthread_create");
    }

    pthread_detach(thread);
}

static inline int bound_socket(int kind, int port) {
    int one = 1;
    struct sockaddr_in address = any_address(port);
    int s = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(s, (struct sockaddr *)&address, sizeof address) < 0) {
        fail("bind");
    }

    return s;
}

static inline void limit_waiting(int s, int option, double seconds) {
    struct timeval limit = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (time_t)seconds) * 1e6)};
    setsockopt(s, SOL_SOCKET, option, &limit, sizeof limit);
}

static inline int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// Of sorted samples in nanoseconds, in microseconds.
static inline double percentile_us(const uint32_t *sorted, size_t count, double part) {
    return count ? sorted[(size_t)((double)(count - 1) * part)] / 1e3 : 0;
}

#endif
