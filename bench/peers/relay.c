// relay: the bare relay between two TAPs, the yardstick of a switch over TAPs. It looks at nothing: what one TAP gives, the other
// gets, with its virtio header, so that super-packets and partial checksums cross whole.
//   relay TAP_A TAP_B MODE QUEUES      MODE: plain (read and write) or uring (io_uring); QUEUES: 1 to 8, a thread for each
// Makes both TAPs, prints "ready", and relays until a signal ends it, which removes the TAPs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The largest super-packet is 64 KiB of IP packet behind an Ethernet and a virtio header.
enum { MOST_QUEUES = 8, MOST_BATCH = 64, FRAME_BYTES = 66 << 10, RING_ENTRIES = 256, SIDES = 2 };

// Marks the end of a write; a read is marked by the number of its frame.
#define WRITE_TAG UINT64_MAX

// Headers of the distribution may be older than its kernel (Linux 6.2).
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

struct pair {
    int tap[SIDES];
};

struct arrival {
    char *frame;
    unsigned bytes;
};

struct ring {
    int descriptor;
    unsigned *tail;
    unsigned mask;
    unsigned *indexes;
    struct io_uring_sqe *entries;
    unsigned *done_head;
    unsigned *done_tail;
    unsigned done_mask;
    struct io_uring_cqe *done;
    unsigned pending;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_queue(const char *name, bool several) {
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0) {
        fail("/dev/net/tun");
    }

    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0))};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(tap, TUNSETIFF, &request) < 0) {
        fail(name);
    }

    const unsigned long segmentation = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (ioctl(tap, TUNSETOFFLOAD, segmentation | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(tap, TUNSETOFFLOAD, segmentation) < 0) {
        fail("TUNSETOFFLOAD");
    }

    return tap;
}

static void sleep_until_readable(const struct pair *p) {
    struct pollfd both[SIDES] = {{.fd = p->tap[0], .events = POLLIN}, {.fd = p->tap[1], .events = POLLIN}};
    poll(both, SIDES, -1);
}

// A frame that the other TAP does not take is lost, as on any wire.
static void *relay_plain(void *argument) {
    const struct pair *p = argument;
    char *frame = malloc(FRAME_BYTES);
    if (!frame) {
        fail("malloc");
    }

    for (;;) {
        int moved = 0;
        for (int side = 0; side < SIDES; side++) {
            for (int i = 0; i < MOST_BATCH; i++) {
                ssize_t bytes = read(p->tap[side], frame, FRAME_BYTES);
                if (bytes <= 0) {
                    break;
                }

                moved++;
                if (write(p->tap[1 - side], frame, (size_t)bytes) < 0 && errno == EBADF) {
                    fail("write");
                }
            }
        }

        if (moved == 0) {
            sleep_until_readable(p);
        }
    }

    return NULL;
}

static void *map_ring(int descriptor, size_t bytes, off_t offset) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, offset);
    if (at == MAP_FAILED) {
        fail("mmap of the ring");
    }

    return at;
}

// By raw system calls, because the switch does it so: the yardstick must not owe its speed to a library.
static struct ring open_ring(const struct pair *p) {
    struct io_uring_params settings = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    struct ring r = {.descriptor = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &settings)};
    if (r.descriptor < 0) {
        fail("io_uring_setup");
    }

    if (syscall(SYS_io_uring_register, r.descriptor, IORING_REGISTER_FILES, p->tap, SIDES) < 0) {
        fail("io_uring_register");
    }

    char *submission = map_ring(
        r.descriptor, settings.sq_off.array + settings.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    char *completion = map_ring(
        r.descriptor, settings.cq_off.cqes + settings.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    r.entries = map_ring(r.descriptor, settings.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    r.tail = (unsigned *)(submission + settings.sq_off.tail);
    r.mask = *(unsigned *)(submission + settings.sq_off.ring_mask);
    r.indexes = (unsigned *)(submission + settings.sq_off.array);
    r.done_head = (unsigned *)(completion + settings.cq_off.head);
    r.done_tail = (unsigned *)(completion + settings.cq_off.tail);
    r.done_mask = *(unsigned *)(completion + settings.cq_off.ring_mask);
    r.done = (struct io_uring_cqe *)(completion + settings.cq_off.cqes);
    return r;
}

// A read that finds no frame must say so and not wait: O_NONBLOCK alone does not give that with io_uring, which then waits for the
// file to become readable. TUN knows RWF_NOWAIT from Linux 6.4 on.
static void push(struct ring *r, unsigned char operation, int side, char *frame, unsigned bytes, uint64_t tag) {
    unsigned tail = *r->tail + r->pending, index = tail & r->mask;
    r->entries[index] = (struct io_uring_sqe){
        .opcode = operation, .flags = IOSQE_FIXED_FILE, .fd = side, .addr = (uintptr_t)frame, .len = bytes,
        .rw_flags = RWF_NOWAIT, .user_data = tag,
    };
    r->indexes[index] = index;
    r->pending++;
}

// Nothing asked for waits, so everything ends within the call: a read without a frame is EAGAIN.
static void submit(struct ring *r) {
    unsigned count = r->pending;
    __atomic_store_n(r->tail, *r->tail + count, __ATOMIC_RELEASE);
    r->pending = 0;
    if (syscall(SYS_io_uring_enter, r->descriptor, count, count, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR) {
        fail("io_uring_enter");
    }
}

// Reads of both sides go to the kernel in one call, with the writes of what the call before had read. How many reads to ask for
// follows the load: twice as many after a full batch, else one more than came. So an idle relay answers the first frame at once.
static void *relay_uring(void *argument) {
    const struct pair *p = argument;
    struct ring r = open_ring(p);
    // Two sets in turn: while one is written, the other is read into.
    char *frames = malloc((size_t)2 * SIDES * MOST_BATCH * FRAME_BYTES);
    if (!frames) {
        fail("malloc");
    }

    struct arrival arrived[SIDES][MOST_BATCH];
    unsigned came[SIDES] = {0}, wanted[SIDES] = {1, 1};
    for (unsigned set = 0;; set ^= 1) {
        unsigned writes = came[0] + came[1];
        for (int side = 0; side < SIDES; side++) {
            for (unsigned i = 0; i < came[side]; i++) {
                const struct arrival *a = &arrived[side][i];
                push(&r, IORING_OP_WRITE, 1 - side, a->frame, a->bytes, WRITE_TAG);
            }
        }

        for (int side = 0; side < SIDES; side++) {
            for (unsigned i = 0; i < wanted[side]; i++) {
                size_t slot = (set * SIDES + (size_t)side) * MOST_BATCH + i;
                push(&r, IORING_OP_READ, side, frames + slot * FRAME_BYTES, FRAME_BYTES, slot);
            }
        }

        submit(&r);
        came[0] = came[1] = 0;
        unsigned head = *r.done_head, tail = __atomic_load_n(r.done_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            const struct io_uring_cqe *done = &r.done[head & r.done_mask];
            if (done->res == -EOPNOTSUPP) {
                errno = EOPNOTSUPP;
                fail("RWF_NOWAIT of a TAP (Linux 6.4)");
            }

            if (done->user_data != WRITE_TAG && done->res > 0) {
                unsigned side = (unsigned)(done->user_data / MOST_BATCH) % SIDES;
                arrived[side][came[side]++] =
                    (struct arrival){.frame = frames + done->user_data * FRAME_BYTES, .bytes = (unsigned)done->res};
            }
        }

        __atomic_store_n(r.done_head, head, __ATOMIC_RELEASE);
        for (int side = 0; side < SIDES; side++) {
            unsigned next = came[side] == wanted[side] ? 2 * wanted[side] : came[side] + 1;
            wanted[side] = next < MOST_BATCH ? next : MOST_BATCH;
        }

        if (came[0] + came[1] + writes == 0) {
            sleep_until_readable(p);
        }
    }

    return NULL;
}

int main(int count, char **words) {
    int queues = count == 5 ? atoi(words[4]) : 0;
    bool uring = count == 5 && strcmp(words[3], "uring") == 0;
    if (queues < 1 || queues > MOST_QUEUES || (!uring && strcmp(words[3], "plain") != 0)) {
        fprintf(stderr, "usage: %s TAP_A TAP_B plain|uring QUEUES\n", words[0]);
        return 2;
    }

    static struct pair pairs[MOST_QUEUES];
    for (int i = 0; i < queues; i++) {
        for (int side = 0; side < SIDES; side++) {
            pairs[i].tap[side] = open_queue(words[1 + side], queues > 1);
        }
    }

    for (int i = 0; i < queues; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, uring ? relay_uring : relay_plain, &pairs[i]) != 0) {
            fail("pthread_create");
        }
    }

    puts("ready");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
