// New TCP connections per second: 32 clients that connect, read the end and close; a server that accepts and closes at once.
//   prints: CONNECTIONS_PER_SECOND ERRORS P50_US P99_US
#define _GNU_SOURCE
#include "common.h"
#include <sys/epoll.h>

enum { FIRST_PORT = 9200, PORTS = 16, CLIENTS = 32, SERVERS = 2, BACKLOG = 4096, MOST_SAMPLES = 400000 };

static struct ends ends;
static int epoll;
static atomic_bool listening;

struct client {
    pthread_t thread;
    unsigned number;
    uint64_t connections;
    uint64_t errors;
    uint32_t *samples;
};

static void *serve(void *unused) {
    (void)unused;
    struct epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(epoll, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int s;
            while ((s = accept4(ready[i].data.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                close(s);
            }
        }
    }

    return NULL;
}

// Several ports, so that the ports of one client address are not used up: a closed connection keeps its pair for a minute.
static void *listen_on_all(void *unused) {
    enter_namespace(ends.server_namespace);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < PORTS; i++) {
        int s = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, FIRST_PORT + i);
        struct epoll_event interest = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = s};
        if (listen(s, BACKLOG) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, s, &interest) < 0) {
            fail("listen");
        }
    }

    for (int i = 1; i < SERVERS; i++) {
        start_thread(serve, NULL);
    }

    atomic_store(&listening, true);
    return serve(unused);
}

static void *connect_again_and_again(void *argument) {
    struct client *c = argument;
    enter_namespace(ends.client_namespace);
    double begin = now(), at;
    for (unsigned next = c->number; (at = now()) - begin < ends.seconds; next++) {
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in server = on_port(ends.server, FIRST_PORT + (int)(next % PORTS));
        limit_waiting(s, SO_RCVTIMEO, 1);
        limit_waiting(s, SO_SNDTIMEO, 1);
        char byte;
        if (connect(s, (struct sockaddr *)&server, sizeof server) < 0 || read(s, &byte, 1) != 0) {
            c->errors++;
            if (errno == EADDRNOTAVAIL) {
                usleep(1000);
            }
        } else {
            if (c->connections < MOST_SAMPLES) {
                c->samples[c->connections] = (uint32_t)((now() - at) * 1e9);
            }

            c->connections++;
        }

        close(s);
    }

    return NULL;
}

int main(int count, char **words) {
    ends = parse_ends(count, words);
    start_thread(listen_on_all, NULL);
    while (!atomic_load(&listening)) {
        usleep(1000);
    }

    static struct client clients[CLIENTS];
    double begin = now();
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i].number = i;
        clients[i].samples = malloc(MOST_SAMPLES * sizeof(uint32_t));
        if (!clients[i].samples || pthread_create(&clients[i].thread, NULL, connect_again_and_again, &clients[i]) != 0) {
            fail("client");
        }
    }

    uint64_t connections = 0, errors = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        connections += clients[i].connections;
        errors += clients[i].errors;
    }

    double seconds = now() - begin;
    uint32_t *all = malloc((connections + 1) * sizeof(uint32_t));
    size_t samples = 0;
    for (int i = 0; all && i < CLIENTS; i++) {
        for (uint64_t k = 0; k < clients[i].connections && k < MOST_SAMPLES; k++) {
            all[samples++] = clients[i].samples[k];
        }
    }

    qsort(all, samples, sizeof(uint32_t), compare_u32);
    printf("%.0f %lu %.1f %.1f\n", (double)connections / seconds, (unsigned long)errors, percentile_us(all, samples, 0.5),
        percentile_us(all, samples, 0.99));
    return 0;
}
