// One TCP stream from the client to the server, as fast as it goes: 128 KiB a call, as iperf3 does.
//   prints: GIGABITS_PER_SECOND RETRANSMITTED_SEGMENTS
// The rate is what the server's program received, from its first byte on.
#define _GNU_SOURCE
#include "common.h"

enum { PORT = 5201, CALL_BYTES = 128 << 10 };

static const double patience_seconds = 3;
static struct ends ends;
static atomic_bool listening;
static _Atomic uint64_t received_bytes;
static _Atomic double first_byte_at, last_byte_at;

static void *serve(void *unused) {
    (void)unused;
    enter_namespace(ends.server_namespace);
    int listener = bound_socket(SOCK_STREAM, PORT);
    if (listen(listener, 1) < 0) {
        fail("listen");
    }

    atomic_store(&listening, true);
    int s = accept(listener, NULL, NULL);
    static char buffer[CALL_BYTES];
    ssize_t bytes;
    while ((bytes = recv(s, buffer, sizeof buffer, 0)) > 0) {
        double at = now();
        if (atomic_fetch_add(&received_bytes, (uint64_t)bytes) == 0) {
            atomic_store(&first_byte_at, at);
        }

        atomic_store(&last_byte_at, at);
    }

    return NULL;
}

int main(int count, char **words) {
    ends = parse_ends(count, words);
    start_thread(serve, NULL);
    while (!atomic_load(&listening)) {
        usleep(1000);
    }

    enter_namespace(ends.client_namespace);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // A path that lets nothing through must end the run, not hang it.
    limit_waiting(s, SO_SNDTIMEO, patience_seconds);
    struct sockaddr_in server = on_port(ends.server, PORT);
    if (connect(s, (struct sockaddr *)&server, sizeof server) < 0) {
        fail("connect");
    }

    static char buffer[CALL_BYTES];
    for (double end = now() + ends.seconds; now() < end;) {
        if (send(s, buffer, sizeof buffer, MSG_NOSIGNAL) < 0) {
            fail("send");
        }
    }

    struct tcp_info state = {0};
    socklen_t length = sizeof state;
    getsockopt(s, IPPROTO_TCP, TCP_INFO, &state, &length);
    double seconds = atomic_load(&last_byte_at) - atomic_load(&first_byte_at);
    uint64_t bytes = atomic_load(&received_bytes);
    printf("%.3f %u\n", seconds > 0 ? (double)bytes * 8 / seconds / 1e9 : 0, state.tcpi_total_retrans);
    return 0;
}
