// UDP datagrams of 18 bytes (frames of 64 bytes on an Ethernet wire), from 64 ports in random order, in trains of 8.
//   prints: FLOOD_SENT FLOOD_DELIVERED RATE_AT_MOST_HALF_A_PERCENT_LOST RATE_NOTHING_LOST    (all in packets per second)
// -t is the length of the flood, which sends as fast as the sender can. The rates are found by bisection in short trials
// (RFC 2544, section 26.1, with these shorter trials); a trial that failed is repeated once, because a virtual machine that
// loses its processor for some milliseconds says nothing about the switch.
#define _GNU_SOURCE
#include "common.h"

enum { PORT = 9000, FIRST_SOURCE_PORT = 20000, FLOWS = 64, TRAIN = 8, RECEIVE_BATCH = 64, PAYLOAD_BYTES = 18 };
enum { COARSE_STEPS = 8, FINE_STEPS = 6, BUFFER_BYTES = 16 << 20, PACE_NS = 50000 };

static const double trial_seconds = 0.2;
static const double loss_allowed = 0.005;
// A sender that did not reach the rate says nothing about the rate.
static const double sent_enough = 0.97;
static const double quiet_seconds = 0.02;
static const double longest_wait_seconds = 0.5;

static struct ends ends;
static atomic_bool listening;
static _Atomic uint32_t current_trial;
static _Atomic uint64_t received;
static int senders[FLOWS];
static char payloads[TRAIN][PAYLOAD_BYTES];
static struct iovec parts[TRAIN];
static struct mmsghdr train[TRAIN];

struct outcome {
    double sent_per_second;
    double received_per_second;
    double loss;
};

// Counts only datagrams of the trial at hand: what an earlier one left in a queue must not mend this one's loss.
static void *receive(void *unused) {
    (void)unused;
    enter_namespace(ends.server_namespace);
    int s = bound_socket(SOCK_DGRAM, PORT), size = BUFFER_BYTES;
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    static char buffers[RECEIVE_BATCH][64];
    static struct iovec into[RECEIVE_BATCH];
    static struct mmsghdr messages[RECEIVE_BATCH];
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        into[i] = (struct iovec){.iov_base = buffers[i], .iov_len = sizeof buffers[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &into[i], .msg_iovlen = 1};
    }

    atomic_store(&listening, true);
    for (;;) {
        int count = recvmmsg(s, messages, RECEIVE_BATCH, MSG_WAITFORONE, NULL);
        uint32_t wanted = atomic_load_explicit(&current_trial, memory_order_relaxed), trial;
        uint64_t good = 0;
        for (int i = 0; i < count; i++) {
            memcpy(&trial, buffers[i], sizeof trial);
            good += trial == wanted;
        }

        atomic_fetch_add_explicit(&received, good, memory_order_relaxed);
    }

    return NULL;
}

static void open_senders(void) {
    int size = BUFFER_BYTES;
    struct sockaddr_in server = on_port(ends.server, PORT);
    for (int i = 0; i < FLOWS; i++) {
        senders[i] = bound_socket(SOCK_DGRAM, FIRST_SOURCE_PORT + i);
        setsockopt(senders[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
        if (connect(senders[i], (struct sockaddr *)&server, sizeof server) < 0) {
            fail("connect");
        }
    }

    for (int i = 0; i < TRAIN; i++) {
        parts[i] = (struct iovec){.iov_base = payloads[i], .iov_len = PAYLOAD_BYTES};
        train[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
}

static uint32_t next_random(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

// A rate of 0 is as fast as it goes. Between trains that are not yet due the sender sleeps: spinning would take from the switch
// the processor that the two share.
static uint64_t send_at(double rate, double seconds) {
    uint64_t sent = 0;
    double begin = now(), at;
    while ((at = now() - begin) < seconds) {
        if (rate > 0 && at * rate - (double)sent < TRAIN) {
            nanosleep(&(struct timespec){.tv_nsec = PACE_NS}, NULL);
            continue;
        }

        int count = sendmmsg(senders[next_random() % FLOWS], train, TRAIN, 0);
        if (count > 0) {
            sent += (uint64_t)count;
        } else if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN) {
            fail("sendmmsg");
        }
    }

    return sent;
}

// Until nothing has come for a while: the last datagrams are still on their way.
static uint64_t wait_until_quiet(void) {
    double begin = now(), changed = begin;
    uint64_t seen = atomic_load(&received);
    while (now() - changed < quiet_seconds && now() - begin < longest_wait_seconds) {
        usleep(2000);
        uint64_t count = atomic_load(&received);
        if (count != seen) {
            seen = count;
            changed = now();
        }
    }

    return seen;
}

static struct outcome run_trial(double rate, double seconds) {
    uint32_t trial = atomic_fetch_add(&current_trial, 1) + 1;
    for (int i = 0; i < TRAIN; i++) {
        memcpy(payloads[i], &trial, sizeof trial);
    }

    atomic_store(&received, 0);
    double begin = now();
    uint64_t sent = send_at(rate, seconds);
    double took = now() - begin;
    uint64_t came = wait_until_quiet();
    return (struct outcome){
        .sent_per_second = (double)sent / took,
        .received_per_second = (double)came / took,
        .loss = sent ? 1 - (double)came / (double)sent : 1,
    };
}

static bool passes(double rate, double loss) {
    for (int attempt = 0; attempt < 2; attempt++) {
        struct outcome o = run_trial(rate, trial_seconds);
        if (o.sent_per_second >= rate * sent_enough && o.loss <= loss) {
            return true;
        }
    }

    return false;
}

static double highest_rate(double above, double loss, int steps) {
    double below = 0;
    for (int i = 0; i < steps; i++) {
        double middle = (below + above) / 2;
        if (passes(middle, loss)) {
            below = middle;
        } else {
            above = middle;
        }
    }

    return below;
}

int main(int count, char **words) {
    ends = parse_ends(count, words);
    // The default slack of 50 us would make every sleep of the pacing twice as long.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    start_thread(receive, NULL);
    while (!atomic_load(&listening)) {
        usleep(1000);
    }

    enter_namespace(ends.client_namespace);
    open_senders();
    struct outcome flood = run_trial(0, ends.seconds);
    double some = highest_rate(flood.sent_per_second, loss_allowed, COARSE_STEPS);
    // The step above the highest rate that passed may lose nothing too.
    double none = highest_rate(some, 0, FINE_STEPS);
    printf("%.0f %.0f %.0f %.0f\n", flood.sent_per_second, flood.received_per_second, some, none);
    return 0;
}
