/* A hostile client whose threads end in the middle of calls and faults.
 *
 * usage: hostile_threads [MILLISECONDS] [THREADS] [END]
 *
 * Raw threads, without a stack that could be used, each make one system call over and over out of registers, or touch one page
 * after the other. Meanwhile two others end them, at any point of a call or a fault, and start new ones in their places; unmap,
 * protect and replace the pages of their IPC buffers, and the memory they touch. END 0: at last all are ended, and what the client
 * holds must be what it held before. 1: it exits, 2: it faults, in the middle of everything.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/ipc.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "../system/check.h"

#define RAW_MAX 48u
#define AREA_PAGES 32u /* that a raw thread's requests are about */
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define EXIT_STATUS 7
#define ENDS_EACH 4u /* threads that must have been ended, for each place */
#define LATEST_S 30u /* on a busy host it takes longer than asked for, but no longer than this */

/* What a raw thread does: a system call with these registers, or (call == TOUCH) stores to `count` pages from arg[0] on. */
struct raw {
    uint64_t arg[7]; /* a0.. a6 */
    uint64_t call;   /* a7 */
    uint64_t times;
};
#define TOUCH ~0ull

void raw_entry(void); /* a0: struct raw */

__asm__(".text\n"
        ".globl raw_entry\n"
        "raw_entry:\n"
        "mv s0, a0\n"
        "li s1, -1\n"
        "1: ld a7, 56(s0)\n"
        "ld a0, 0(s0)\n"
        "ld a1, 8(s0)\n"
        "ld a2, 16(s0)\n"
        "ld a3, 24(s0)\n"
        "ld a4, 32(s0)\n"
        "ld a5, 40(s0)\n"
        "ld a6, 48(s0)\n"
        "beq a7, s1, 2f\n"
        "ecall\n"
        "j 4f\n"
        "2: li t1, 4096\n"
        "3: sd zero, 0(a0)\n"
        "add a0, a0, t1\n"
        "addi a1, a1, -1\n"
        "bnez a1, 3b\n"
        "4: ld t0, 64(s0)\n"
        "addi t0, t0, 1\n"
        "sd t0, 64(s0)\n"
        "j 1b\n");

struct place {
    struct raw raw;
    uint64_t area, buffer; /* addresses */
    int64_t tid;           /* 0: none */
};

static struct place place[RAW_MAX];
static uint64_t places, end_time, latest;
static uint32_t ended, refused;
static unsigned char *guarded;

/* Requests that such a thread can make without end. */
static void choose(struct place *p, uint64_t n)
{
    uint64_t bytes = AREA_PAGES * PAGE, first = p->area, mm = TN_CLIENT_MM, flags = ANON | MAP_FIXED;
    const struct raw kind[] = {
        {{mm, tn_info(MM_STAT, 0, 1)}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_MAP, 0, 4), first, bytes, RW, flags}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_MAP, 0, 4), first, bytes, RW, flags | MAP_POPULATE}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_PROTECT, 0, 3), first, bytes, RW}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_UNMAP, 0, 2), 0x10000, bytes}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_THREAD_CREATE, 0, 7), first, first, first, first}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_STAT, 0, 64), ~0ull}, TN_SYS_SEND, 0},
        {{mm, tn_info(60, 3, 64), 1, 2, 3, 4}, TN_SYS_CALL, 0},
        {{mm, tn_info(MM_STAT, 0, 64)}, TN_SYS_NB_SEND, 0},
        {{0},
         TN_SYS_WAIT,
         0}, /* start() says for what: its own notification; one of another thread could be missed there */
        {{0}, TN_SYS_YIELD, 0},
        {{first, AREA_PAGES}, TOUCH, 0},
        {{first, AREA_PAGES}, TOUCH, 0},
        {{first + 4000, AREA_PAGES - 1}, TOUCH, 0},
    };

    p->raw = kind[n % (sizeof kind / sizeof kind[0])];
}

static int64_t start(struct place *p, uint64_t n)
{
    static const uint64_t nowhere[] = {0, 8, ~0ull, 1ull << 63, 0xffffffc000000000, 1ull << 38, 0x400000};

    (void)mm_map(p->buffer, PAGE, RW, ANON | MAP_FIXED);
    choose(p, n);
    int64_t tid = mm_thread_create((uint64_t)raw_entry, nowhere[n % 7], nowhere[n / 7 % 7], (uint64_t)&p->raw,
                                   MM_HART_ANY, p->buffer, 0);
    /* This thread's number can become a raw one's, and its buffer with it: no valid request is left there for that one. */
    memset(&tn_self()->ipc_buffer->msg[TN_MSG_REG_WORDS], 0, 3 * sizeof(uint64_t));
    if (tid > 0 && p->raw.call == TN_SYS_WAIT) {
        tn_store_relaxed(&p->raw.arg[0], TN_CLIENT_NTFN_FIRST + (uint64_t)tid);
    }
    return tid;
}

/* Ends thread `tid` of this client, with or without pages that go along. */
static int64_t end(int64_t tid, uint64_t unmap, uint64_t bytes, uint64_t word)
{
    uint64_t m[4] = {(uint64_t)tid, unmap, bytes, word};

    return mm_result(tn_call(TN_CLIENT_MM, tn_info(MM_THREAD_EXIT, 0, 4), m[0], m[1], m[2], m[3]));
}

/* Takes the thread in `p` out, in one of several ways, and puts another one there. Only one thread does this to a place. */
static void replace(struct place *p, uint64_t *state)
{
    static uint32_t word;
    uint64_t n = check_random(state);

    if (p->tid > 0) {
        int64_t result = end(p->tid, n % 3 == 0 ? p->buffer : 0, n % 3 == 0 ? PAGE : 0, n % 2 ? (uint64_t)&word : 0);
        EXPECT(result == 0 || result == -3); /* the other one was faster */
        (void)tn_fetch_add_relaxed(&ended, result == 0);
        p->tid = 0;
    }
    int64_t tid = start(p, n >> 8);
    if (EXPECT(tid > 0 || tid == -EAGAIN || tid == -ENOMEM || tid == -EFAULT)) {
        p->tid = tid > 0 ? tid : 0;
        (void)tn_fetch_add_relaxed(&refused, tid <= 0);
    }
}

/* What happens to the memory of a thread that waits for an answer, or faults just now. It must stay touchable. */
static void disturb(const struct place *p, uint64_t *state)
{
    switch (check_random(state) % 6) {
    case 0:
        EXPECT_EQUAL(mm_unmap(p->buffer, PAGE), 0);
        break;
    case 1:
        (void)mm_protect(p->buffer, PAGE, PROT_NONE);
        break;
    case 2:
        EXPECT_EQUAL(mm_map(p->buffer, PAGE, RW, ANON | MAP_FIXED), p->buffer);
        break;
    case 3:
        EXPECT_EQUAL(mm_map(p->area, AREA_PAGES * PAGE, RW, ANON | MAP_FIXED), p->area);
        break;
    case 4:
        EXPECT_EQUAL(mm_map(p->area + PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_POPULATE), p->area + PAGE);
        break;
    default:
        EXPECT_EQUAL(mm_protect(p->area, AREA_PAGES * PAGE, RW), 0);
    }
}

static void *work(void *argument)
{
    uint64_t me = (uint64_t)argument, state = 977 * (me + 1);

    while (tn_time() < end_time || (tn_load_relaxed(&ended) < ENDS_EACH * places && tn_time() < latest)) {
        uint64_t i = check_random(&state) % places;
        if (i % 2 == me) {
            replace(&place[i], &state);
        } else if (check_random(&state) % 4 == 0) {
            int64_t tid = *(volatile int64_t *)&place[i].tid; /* another one may be there by now, or nobody */
            (void)tn_fetch_add_relaxed(&ended, tid > 0 && end(tid, 0, 0, 0) == 0);
        }
        disturb(&place[check_random(&state) % places], &state);
    }
    return NULL;
}

static uint64_t pages_held(void)
{
    uint64_t counter[MM_COUNTERS];

    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
    return counter[MM_FRAMES_NOW] + counter[MM_TABLES_NOW] + counter[MM_META_NOW];
}

/* Every place's memory is new and untouched. */
static void clear_places(void)
{
    for (unsigned i = 0; i < places; i++) {
        EXPECT_EQUAL(mm_map(place[i].area, AREA_PAGES * PAGE, RW, ANON | MAP_FIXED), place[i].area);
        EXPECT_EQUAL(mm_unmap(place[i].buffer, PAGE), 0);
    }
}

static void run(void)
{
    struct tn_thread *thread[2];

    for (uint64_t i = 0; i < 2; i++) {
        EXPECT_EQUAL(tn_thread_create(&thread[i], work, (void *)i, TN_HART_ANY, 0), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQUAL(tn_thread_join(thread[i], NULL), 0);
    }
}

static void test_ends(void)
{
    clear_places();
    uint64_t held = pages_held();
    run();
    for (unsigned i = 0; i < places; i++) {
        EXPECT(place[i].tid == 0 || end(place[i].tid, 0, 0, 0) != 1);
    }
    clear_places();
    EXPECT(ended >= ENDS_EACH * places && refused < ended);
    uint64_t now = pages_held();
    EXPECT(now <= held + 8); /* tables and metadata of the heap and of joined threads */
    for (unsigned i = 0; i < 4 * PAGE; i++) {
        if (!EXPECT(guarded[i] == 0xa5)) {
            break;
        }
    }
    printf("# hostile_threads: %u threads ended\n", ended);
    printf("# hostile_threads: pages %" PRIu64 ", %" PRIu64 "\n", held, now);
}

int main(int argc, char **argv)
{
    uint64_t way = check_argument(argc, argv, 3, 0);

    places = check_argument(argc, argv, 2, 24);
    end_time = tn_time() + tn_start_info()->timebase_hz / 1000 * check_argument(argc, argv, 1, 1000);
    latest = end_time + LATEST_S * tn_start_info()->timebase_hz;
    guarded = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    char *memory = mmap(NULL, places * (AREA_PAGES + 2) * PAGE, RW, ANON, -1, 0);
    if (guarded == MAP_FAILED || memory == MAP_FAILED || places > RAW_MAX) {
        return EXIT_FAILURE;
    }
    memset(guarded, 0xa5, 4 * PAGE);
    for (uint64_t i = 0; i < places; i++) {
        place[i].area = (uint64_t)memory + i * (AREA_PAGES + 2) * PAGE;
        place[i].buffer = place[i].area + (AREA_PAGES + 1) * PAGE;
    }
    if (way == 0) {
        check_begin("hostile_threads");
        check_case("ends in calls", test_ends);
        return check_end();
    }
    run();
    if (way == 1) {
        mm_exit(EXIT_STATUS);
    }
    *(volatile char *)0x10000 = 1; /* nothing is mapped there */
    return EXIT_FAILURE;
}
