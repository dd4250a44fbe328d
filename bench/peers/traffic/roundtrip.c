// The round trip of one UDP datagram of 18 bytes at a time, to a server that sends it back.
//   prints: P50_US P99_US P999_US LOST
#define _GNU_SOURCE
#include "common.h"

enum { PORT = 9100, PAYLOAD_BYTES = 18, MOST_SAMPLES = 4000000, MOST_LOST = 20 };

static const double patience_seconds = 0.2;
static struct ends ends;
static atomic_bool listening;

static void *echo(void *unused) {
    (void)unused;
    enter_namespace(ends.server_namespace);
    int s = bound_socket(SOCK_DGRAM, PORT);
    char buffer[64];
    atomic_store(&listening, true);
    for (;;) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t bytes = recvfrom(s, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
        if (bytes > 0 && sendto(s, buffer, (size_t)bytes, 0, (struct sockaddr *)&from, length) != bytes) {
            fail("sendto");
        }
    }

    return NULL;
}

// An answer that was given up may still come: it is not this one's.
static bool wait_for(int s, uint32_t number) {
    char payload[PAYLOAD_BYTES];
    while (recv(s, payload, sizeof payload, 0) == PAYLOAD_BYTES) {
        if (memcmp(payload, &number, sizeof number) == 0) {
            return true;
        }
    }

    return false;
}

int main(int count, char **words) {
    ends = parse_ends(count, words);
    start_thread(echo, NULL);
    while (!atomic_load(&listening)) {
        usleep(1000);
    }

    enter_namespace(ends.client_namespace);
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    limit_waiting(s, SO_RCVTIMEO, patience_seconds);
    struct sockaddr_in server = on_port(ends.server, PORT);
    uint32_t *samples = malloc(MOST_SAMPLES * sizeof(uint32_t));
    if (!samples || connect(s, (struct sockaddr *)&server, sizeof server) < 0) {
        fail("connect");
    }

    size_t answered = 0;
    unsigned lost = 0;
    uint32_t number = 0;
    double begin = now(), at;
    while ((at = now()) - begin < ends.seconds && answered < MOST_SAMPLES && lost < MOST_LOST) {
        char payload[PAYLOAD_BYTES] = {0};
        number++;
        memcpy(payload, &number, sizeof number);
        if (send(s, payload, sizeof payload, 0) < 0) {
            fail("send");
        }

        if (wait_for(s, number)) {
            samples[answered++] = (uint32_t)((now() - at) * 1e9);
        } else {
            lost++;
        }
    }

    qsort(samples, answered, sizeof(uint32_t), compare_u32);
    printf("%.1f %.1f %.1f %u\n", percentile_us(samples, answered, 0.5), percentile_us(samples, answered, 0.99),
        percentile_us(samples, answered, 0.999), lost);
    return answered > 0 ? 0 : 1;
}
