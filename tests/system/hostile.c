/* Requests that no honest client sends. Each must be answered with an error, and nothing must change for it.
 *
 * usage: hostile [SEED]
 *
 * Afterwards the program itself must still work: its memory, its threads, its calls.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/invoke_stubs.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define BOGUS 0x7e57000000000123ull

static uint64_t state;
static unsigned char *guarded; /* 4 pages that must stay as they are */

static void check_guarded(void)
{
    for (unsigned i = 0; i < 4 * PAGE; i++) {
        if (!EXPECT(guarded[i] == 0xa5)) {
            return;
        }
    }
    guarded[PAGE] = 0xa5; /* and writable */
}

static int64_t request(uint64_t label, unsigned words, const uint64_t *word)
{
    return mm_result(tn_call_words(tn_self()->ipc_buffer, TN_CLIENT_MM, label, word, words));
}

/* Labels that end the thread or the program when they are well formed. */
static int ends(uint64_t label)
{
    return label == MM_THREAD_EXIT || label == MM_EXIT;
}

/* Labels 0..64, every length, words that are addresses of nothing. */
static void test_labels_and_lengths(void)
{
    uint64_t word[TN_MSG_WORDS_MAX];

    for (unsigned i = 0; i < TN_MSG_WORDS_MAX; i++) {
        word[i] = BOGUS + i;
    }
    for (uint64_t label = 0; label <= 64; label++) {
        for (unsigned words = 0; words <= TN_MSG_WORDS_MAX && !ends(label); words++) {
            int64_t result = request(label, words, word);
            EXPECT(label == MM_STAT || (result < 0 && result >= -4095));
        }
    }
    check_guarded();
}

static void test_odd_labels(void)
{
    static const uint64_t label[] = {65, 255, 4096, 1ull << 31, 1ull << 32, (1ull << 51) - 1, (1ull << 32) + MM_EXIT};
    uint64_t word[8] = {0};

    for (unsigned i = 0; i < sizeof label / sizeof label[0]; i++) {
        EXPECT(request(label[i], 4, word) < 0);
    }
}

static void test_administrator(void)
{
    uint64_t word[TN_MSG_WORDS_MAX] = {1};

    EXPECT_EQUAL(request(MM_SPAWN, 64, word), -EPERM);
    EXPECT_EQUAL(request(MM_AWAIT, 1, word), -EPERM);
    EXPECT_EQUAL(request(MM_KILL, 1, word), -EPERM);
    EXPECT_EQUAL(request(MM_SERVER_STAT, 1, word), -EPERM);
    word[0] = 0;
    EXPECT_EQUAL(request(MM_KILL, 1, word), -EPERM);
}

/* Info words that no stub makes: too many words, capabilities that are not there. */
static void test_info_words(void)
{
    for (uint64_t low = 0; low < 4096; low += 13) {
        struct tn_msg m = tn_call(TN_CLIENT_MM, (uint64_t)60 << 12 | low, 1, 2, 3, 4);
        EXPECT(mm_result(m) < 0);
    }
    struct tn_msg m = tn_call(TN_CLIENT_MM, TN_INFO_ERROR | tn_info(MM_STAT, 0, 1), 0, 0, 0, 0);
    EXPECT(tn_info_is_error(m.info) || m.mr[0] == MM_COUNTERS); /* refused, or the bit did not get through */
    struct tn_ipc_buffer *buffer = tn_self()->ipc_buffer;
    for (unsigned i = 0; i < TN_MSG_CAPS_MAX; i++) {
        buffer->caps[i] = TN_CLIENT_MM + i;
    }
    EXPECT(mm_result(tn_call(TN_CLIENT_MM, tn_info(60, 3, 4), 1, 2, 3, 4)) < 0);
    buffer->recv_slot = 1; /* over the manager's own capability */
    EXPECT(mm_result(tn_call(TN_CLIENT_MM, tn_info(60, 0, 4), 1, 2, 3, 4)) < 0);
    buffer->recv_slot = 0;
    uint64_t counter[MM_COUNTERS];
    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
}

static void test_addresses(void)
{
    static const uint64_t far[] = {1ull << 56,         1ull << 57, 1ull << 62,  1ull << 63,        0xffffffc000000000,
                                   0xffffffff80000000, -PAGE,      -(2 * PAGE), 0xfff0000000000000};
    static const uint64_t length[] = {PAGE, 2 * PAGE, 1ull << 38, 1ull << 47, 1ull << 56, 1ull << 63, -PAGE};

    for (unsigned i = 0; i < sizeof far / sizeof far[0]; i++) {
        for (unsigned k = 0; k < sizeof length / sizeof length[0]; k++) {
            EXPECT(mm_map(far[i], length[k], RW, ANON | MAP_FIXED) < 0);
            EXPECT(mm_map(far[i], length[k], RW, ANON | MAP_FIXED | MAP_FIXED_NOREPLACE) < 0);
            EXPECT(mm_unmap(far[i], length[k]) < 0);
            EXPECT(mm_protect(far[i], length[k], PROT_READ) < 0);
        }
        EXPECT(mm_unmap(far[i], 0) < 0);
    }
    for (unsigned k = 1; k < sizeof length / sizeof length[0]; k++) {
        EXPECT(k < 2 || mm_unmap((uint64_t)guarded + 1, length[k]) < 0); /* not aligned */
        EXPECT(k < 5 || mm_unmap((uint64_t)guarded, length[k]) < 0);     /* past the end, or round it */
        EXPECT(k < 5 || mm_protect((uint64_t)guarded, length[k], PROT_NONE) < 0);
        EXPECT(k < 4 || mm_map((uint64_t)guarded, length[k], RW, ANON | MAP_FIXED) < 0);
    }
    check_guarded();
}

/* A request to map, with a hint at pages that must not change. */
static void try_flags(uint64_t prot, uint64_t flags)
{
    uint64_t word[4] = {(uint64_t)guarded, PAGE, prot, flags & ~(uint64_t)MAP_FIXED};
    int64_t result = request(MM_MAP, 4, word);

    if (mm_is_error(result)) {
        EXPECT(result == -EINVAL || result == -MM_LINUX_ENOTSUP || result == -EEXIST || result == -ENOMEM ||
               result == -EBADF || result == -EPERM || result == -EACCES);
        return;
    }
    EXPECT((prot & ~7ull) == 0 && (flags >> 32) == 0);
    EXPECT((uint64_t)result < (uint64_t)guarded || (uint64_t)result >= (uint64_t)guarded + 4 * PAGE);
    EXPECT_EQUAL(mm_unmap((uint64_t)result, PAGE), 0);
}

/* Every bit of prot and of flags, alone and in random company. */
static void test_flags(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        try_flags(1ull << bit, ANON);
        try_flags(RW, ANON | 1ull << bit);
        try_flags(RW, 1ull << bit);
        uint64_t word[3] = {(uint64_t)guarded, PAGE, 1ull << bit};
        EXPECT(bit < 3 || request(MM_PROTECT, 3, word) < 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        try_flags(check_random(&state) & 15, ANON | (check_random(&state) & check_random(&state) & 0x1fffff));
    }
    check_guarded();
}

static void test_threads(void)
{
    uint64_t pc = (uint64_t)check_guarded;
    uint64_t word[4] = {100000, 0, 0, 0};

    EXPECT(mm_thread_create(pc, 0, 0, 0, 1 << 20, (uint64_t)guarded, 0) < 0);         /* hart */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, (uint64_t)guarded + 8, 0) < 0); /* buffer misaligned */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, 0x5000, 0) < 0);                /* not there */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, -PAGE, 0) < 0);                 /* the kernel's */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, pc & -PAGE, 0) < 0);            /* not writable */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, (uint64_t)guarded, 63) < 0);    /* priority */
    EXPECT(mm_thread_create(pc, 0, 0, 0, MM_HART_ANY, (uint64_t)guarded, 1 << 20) < 0);
    EXPECT(request(MM_THREAD_EXIT, 4, word) < 0); /* not one's own */
    word[0] = ~0ull;
    EXPECT(request(MM_THREAD_EXIT, 4, word) < 0);
    EXPECT(request(MM_THREAD_EXIT, 0, word) < 0);
    check_guarded();
}

/* Capabilities: what is not there, and what may not be done with what is. */
static void test_capabilities(void)
{
    tn_cptr_t ntfn = tn_self()->ntfn;

    for (tn_cptr_t slot = 0; slot < 4096; slot += 7) {
        if (slot == TN_CLIENT_MM || (slot >= TN_CLIENT_NTFN_FIRST && slot < 16 + 1024)) {
            continue;
        }
        EXPECT(tn_msg_error(tn_call(slot, tn_info(1, 0, 4), 1, 2, 3, 4).info) != TN_OK);
        EXPECT(tn_signal(slot) != TN_OK);
        EXPECT(tn_send(slot, tn_info(1, 0, 0), 0, 0, 0, 0) != TN_OK);
    }
    for (unsigned label = 0; label < 128; label++) {
        if (label != TN_NTFN_DEADLINE) {
            EXPECT(tn_msg_error(tn_call(ntfn, tn_info(label, 0, 4), 1, 2, 3, 4).info) != TN_OK);
        }
    }
    EXPECT(tn_msg_error(tn_recv(TN_CLIENT_MM, 0).info) != TN_OK); /* may only be sent to */
    EXPECT(tn_msg_error(tn_nb_recv(TN_CLIENT_MM, 0).info) != TN_OK);
    EXPECT(tn_reply(ntfn, 0, 0, 0, 0, 0) != TN_OK);
    EXPECT(tn_signal(~0ull) != TN_OK);
    tn_batch(tn_self()->ipc_buffer)->runs = 1;
    EXPECT(tn_pt_write() != TN_OK);
}

/* Messages that ask for no reply: the manager must not wait, or answer somebody else. */
static void test_no_reply_wanted(void)
{
    for (unsigned i = 0; i < 500; i++) {
        uint64_t label = check_random(&state) % 6;
        tn_info_t info = tn_info(label, 0, (unsigned)(check_random(&state) % 5));
        (void)!tn_send(TN_CLIENT_MM, info, BOGUS, 0, 0, 0);
        (void)!tn_nb_send(TN_CLIENT_MM, info, BOGUS, 0, 0, 0);
    }
    uint64_t counter[MM_COUNTERS];
    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
    check_guarded();
}

static void *flood(void *argument)
{
    uint64_t s = (uint64_t)argument * 77 + 1, word[8];

    for (unsigned i = 0; i < 3000; i++) {
        uint64_t label = check_random(&s) % 64;
        for (unsigned k = 0; k < 8; k++) {
            word[k] = check_random(&s) << (check_random(&s) % 48);
        }
        if (ends(label) || label == MM_THREAD_CREATE || label == MM_UNMAP || label == MM_PROTECT) {
            label = MM_STAT; /* random ones of these could hit the program itself */
        }
        if (label == MM_MAP) {
            word[3] &= ~(uint64_t)(MAP_FIXED | MAP_POPULATE);
            word[1] %= 64 * PAGE;
        }
        int64_t result = request(label, (unsigned)(check_random(&s) % 9), word);
        if (label == MM_MAP && result > 0) {
            EXPECT_EQUAL(mm_unmap((uint64_t)result, word[1]), 0);
        }
    }
    return NULL;
}

static void test_flood(void)
{
    struct tn_thread *thread[16];

    for (uint64_t i = 0; i < 16; i++) {
        EXPECT_EQUAL(tn_thread_create(&thread[i], flood, (void *)(i + state % 1000), TN_HART_ANY, 0), 0);
    }
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQUAL(tn_thread_join(thread[i], NULL), 0);
    }
    check_guarded();
}

int main(int argc, char **argv)
{
    state = check_argument(argc, argv, 1, 1) | 1;
    check_begin("hostile");
    printf("# hostile: seed %" PRIu64 "\n", state);
    guarded = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    if (guarded == MAP_FAILED) {
        return EXIT_FAILURE;
    }
    memset(guarded, 0xa5, 4 * PAGE);
    check_case("labels and lengths", test_labels_and_lengths);
    check_case("odd labels", test_odd_labels);
    check_case("administrator's requests", test_administrator);
    check_case("info words", test_info_words);
    check_case("addresses", test_addresses);
    check_case("protections and flags", test_flags);
    check_case("threads", test_threads);
    check_case("capabilities", test_capabilities);
    check_case("no reply wanted", test_no_reply_wanted);
    check_case("flood", test_flood);
    return check_end();
}
