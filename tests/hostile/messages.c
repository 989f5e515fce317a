/* A hostile client: every malformed request there is, class by class, from several threads at once.
 *
 * usage: hostile_messages [THREADS] [YIELD]
 *
 *     lengths    every label, known, unknown and as large as labels get, with every number of words and of capabilities
 *     map, ...   each request with each combination of arguments out of the classes below
 *     sends      the same labels and lengths by messages that ask for no answer
 *
 * What the answer must be is decided here from docs/mm-protocol.md alone (oracle.h). A request that is well formed is made
 * where it hurts nobody: in a range of the thread's own, some pages of which must stay as they are. Ones that would end the program
 * are left out; hostile_faults makes those. YIELD not 0: the thread yields after each request.
 */
#include "oracle.h"
#include "sandbox.h"
#include <tenon/thread.h>

#define BOGUS 0x7e57000000000123ull
#define THREADS_MAX 16u
#define LABELS_PLAIN 65u
#define INFO_WORDS 128u /* that the info word can say */

static uint64_t threads, yields;

static int64_t request(struct sandbox *s, uint64_t label, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    int64_t result = mm_result(tn_call(TN_CLIENT_MM, tn_info(label, 0, 4), m0, m1, m2, m3));

    s->made++;
    if (yields) {
        tn_yield();
    }
    return result;
}

/* The work is shared out among the threads: true, it is this one's turn. */
static bool mine(struct sandbox *s)
{
    return s->turn++ % threads == s->index;
}

/* ---- labels and lengths ---- */

static uint64_t label_of(unsigned i)
{
    static const uint64_t far[] = {127,
                                   128,
                                   255,
                                   256,
                                   4095,
                                   4096,
                                   1ull << 31,
                                   1ull << 32,
                                   (1ull << 51) - 1,
                                   (1ull << 32) + MM_MAP,
                                   (1ull << 32) + MM_EXIT,
                                   (1ull << 50) + MM_THREAD_EXIT};

    return i < LABELS_PLAIN ? i : i - LABELS_PLAIN < sizeof far / sizeof far[0] ? far[i - LABELS_PLAIN] : ~0ull;
}

/* One message with arguments that are addresses of nothing. */
static void one_length(struct sandbox *s, uint64_t label, unsigned words, unsigned caps)
{
    struct tn_ipc_buffer *buffer = tn_self()->ipc_buffer;

    if (label == MM_EXIT && words > 0 && words <= TN_MSG_WORDS_MAX) {
        return;
    }
    for (unsigned i = 0; i < TN_MSG_WORDS_MAX; i++) {
        buffer->msg[i] = BOGUS + i;
    }
    for (unsigned i = 0; i < TN_MSG_CAPS_MAX; i++) {
        buffer->caps[i] = i == caps % 3 ? TN_CLIENT_MM : BOGUS;
    }
    buffer->recv_slot = caps == 3 ? TN_CLIENT_MM : 0; /* an answer's capabilities would go over the manager's own */
    struct tn_msg m = tn_call(TN_CLIENT_MM, tn_info(label, caps, words), BOGUS, BOGUS + 1, BOGUS + 2, BOGUS + 3);
    s->made++;
    if (tn_info_is_error(m.info)) {
        EXPECT(words > TN_MSG_WORDS_MAX || caps != 0);
    } else {
        EXPECT(words <= TN_MSG_WORDS_MAX);
        EXPECT(oracle_length_is_fair(label, words, (int64_t)m.mr[0]));
    }
    if (yields) {
        tn_yield();
    }
}

static void lengths(struct sandbox *s)
{
    for (unsigned i = 0; label_of(i) != ~0ull; i++) {
        for (unsigned words = 0; words < INFO_WORDS; words++) {
            for (unsigned caps = 0; caps <= TN_MSG_CAPS_MAX; caps += caps == 0 && words > 8 ? 3 : 1) {
                if (mine(s)) {
                    one_length(s, label_of(i), words, caps);
                }
            }
        }
    }
    tn_self()->ipc_buffer->recv_slot = 0;
    sandbox_check(s);
}

/* Nobody waits for these answers; that the manager is still there is asked after each label. */
static void sends(struct sandbox *s)
{
    for (unsigned i = 0; label_of(i) != ~0ull; i++) {
        uint64_t label = label_of(i);
        if (!mine(s)) {
            continue;
        }
        for (unsigned words = 0; words < INFO_WORDS && label != MM_EXIT; words++) {
            tn_info_t info = tn_info(label, 0, words);
            EXPECT((tn_send(TN_CLIENT_MM, info, BOGUS, BOGUS, BOGUS, BOGUS) == TN_OK) == (words <= TN_MSG_WORDS_MAX));
            (void)!tn_nb_send(TN_CLIENT_MM, info, BOGUS, BOGUS, BOGUS, BOGUS);
            s->made += 2;
        }
        EXPECT_EQUAL(request(s, MM_STAT, 0, 0, 0, 0), MM_COUNTERS);
    }
    /* A request that is sent is done all the same. */
    EXPECT(tn_send(TN_CLIENT_MM, tn_info(MM_UNMAP, 0, 2), s->low, PAGE, 0, 0) == TN_OK);
    EXPECT_EQUAL(request(s, MM_PROTECT, s->low, PAGE, MM_RW, 0), -ENOMEM);
    sandbox_restore(s);
    sandbox_check(s);
}

/* ---- arguments ---- */

static void one_map(struct sandbox *s, uint64_t address, uint64_t bytes, uint64_t prot, uint64_t how)
{
    int64_t wanted = oracle_map(user_end, address, bytes, prot, how);
    bool replaces = wanted == 0 && (how & (MM_FIXED | MM_NOREPLACE)) == MM_FIXED;

    if (wanted == 0 && ((replaces && !in_sandbox(s, address, pages_up(bytes))) ||
                        ((how & MM_POPULATE) && bytes > SANDBOX_PAGES * PAGE))) {
        return; /* it would be done, and end the program, or take all memory */
    }
    int64_t result = request(s, MM_MAP, address, bytes, prot, how);
    if (wanted != 0) {
        EXPECT_EQUAL(result, wanted);
        return;
    }
    if (mm_is_error(result)) {
        EXPECT(result == -ENOMEM || ((how & MM_NOREPLACE) && result == -EEXIST));
        return;
    }
    if (how & (MM_FIXED | MM_NOREPLACE)) {
        EXPECT_EQUAL(result, address);
    }
    EXPECT((uint64_t)result >= 0x10000 && (uint64_t)result <= user_end - pages_up(bytes));
    if (replaces) {
        sandbox_restore(s);
    } else {
        EXPECT_EQUAL(request(s, MM_UNMAP, (uint64_t)result, bytes, 0, 0), 0);
        if (in_sandbox(s, (uint64_t)result, PAGE)) {
            sandbox_restore(s);
        }
    }
}

static void maps(struct sandbox *s)
{
    for (unsigned a = 0; a < ADDRESSES; a++) {
        for (unsigned l = 0; l < LENGTHS; l++) {
            for (unsigned i = 0; i < PROTS * FLAGS; i++) {
                if (mine(s)) {
                    one_map(s, address_of(s, a), length_of(s, l), prots[i % PROTS], flags[i / PROTS]);
                }
            }
        }
    }
    sandbox_check(s);
}

static void one_unmap(struct sandbox *s, uint64_t address, uint64_t bytes)
{
    int64_t wanted = oracle_unmap(user_end, address, bytes);
    bool own = in_sandbox(s, address, pages_up(bytes));

    if (wanted == 0 && !own && !in_nothing(address, bytes)) {
        return;
    }
    EXPECT_EQUAL(request(s, MM_UNMAP, address, bytes, 0, 0), wanted);
    if (wanted == 0 && own) {
        EXPECT_EQUAL(request(s, MM_PROTECT, address, bytes, MM_RW, 0), -ENOMEM); /* it is gone */
        sandbox_restore(s);
    }
}

static void one_protect(struct sandbox *s, uint64_t address, uint64_t bytes, uint64_t prot)
{
    int64_t wanted = oracle_protect(user_end, address, bytes, prot);
    bool own = in_sandbox(s, address, pages_up(bytes));

    if (wanted == 0 && bytes != 0 && !own && !in_nothing(address, bytes)) {
        return;
    }
    if (wanted == 0 && bytes != 0 && (!own || has_hole(s, address, bytes))) {
        wanted = -ENOMEM;
    }
    EXPECT_EQUAL(request(s, MM_PROTECT, address, bytes, prot, 0), wanted);
    if (wanted == 0 && own && bytes != 0) {
        sandbox_restore(s);
    }
}

static void ranges(struct sandbox *s)
{
    for (unsigned a = 0; a < ADDRESSES; a++) {
        for (unsigned l = 0; l < LENGTHS; l++) {
            if (mine(s)) {
                one_unmap(s, address_of(s, a), length_of(s, l));
            }
            for (unsigned i = 0; i < PROTS; i++) {
                if (mine(s)) {
                    one_protect(s, address_of(s, a), length_of(s, l), prots[i]);
                }
            }
        }
    }
    sandbox_check(s);
}

/* Counters from anywhere on. */
static void statistics(struct sandbox *s)
{
    static const uint64_t first[] = {0,          1,    MM_COUNTERS - 1, MM_COUNTERS, MM_COUNTERS + 1, 1ull << 32,
                                     1ull << 63, ~0ull};

    for (unsigned i = 0; i < sizeof first / sizeof first[0]; i++) {
        struct tn_msg m = tn_call(TN_CLIENT_MM, tn_info(MM_STAT, 0, 1), first[i], 0, 0, 0);
        EXPECT_EQUAL(m.mr[0], MM_COUNTERS);
        EXPECT_EQUAL(tn_info_words(m.info), first[i] < MM_COUNTERS ? MM_COUNTERS - first[i] + 1 : 1);
        s->made++;
    }
}

static int64_t create(struct sandbox *s, uint64_t hart, uint64_t buffer, uint64_t priority)
{
    uint64_t word[7] = {LOWEST_PROGRAM, ~0ull, 1ull << 63, 0, hart, buffer, priority};

    s->made++;
    return mm_result(tn_call_words(tn_self()->ipc_buffer, TN_CLIENT_MM, MM_THREAD_CREATE, word, 7));
}

/* Threads that cannot be: none of these combinations is one. Ends of threads that are not there. */
static void thread_requests(struct sandbox *s)
{
    static const uint64_t hart[] = {128, 1ull << 16, 1ull << 63, ~0ull - 1, 0, ~0ull};
    static const uint64_t priority[] = {33, 48, 63, 64, 1ull << 32, ~0ull, 0, 32};

    for (unsigned i = 0; i < 6 * 8 * ADDRESSES; i++) {
        uint64_t h = hart[i % 6], p = priority[i / 6 % 8], buffer = address_of(s, i / 48);
        bool wrong = (h != 0 && h != ~0ull) || buffer % PAGE != 0 || buffer >= user_end;
        if (p > 32 || wrong) {
            EXPECT_EQUAL(create(s, h, buffer, p), p > 32 ? -EPERM : -EINVAL);
        } else if (!in_sandbox(s, buffer, PAGE) || has_hole(s, buffer, PAGE)) {
            EXPECT_EQUAL(create(s, h, buffer, p), -MM_LINUX_EFAULT);
        }
    }
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint64_t tid = address_of(s, i);
        if (tid >= tn_start_info()->max_threads) {
            EXPECT_EQUAL(request(s, MM_THREAD_EXIT, tid, s->low, SANDBOX_PAGES * PAGE, s->low), -MM_LINUX_ESRCH);
        }
    }
    sandbox_check(s);
}

/* ---- all of it, from several threads ---- */

static void (*part)(struct sandbox *);
static struct sandbox box[THREADS_MAX];

static void *work(void *argument)
{
    part((struct sandbox *)argument);
    return NULL;
}

static void run(void)
{
    struct tn_thread *thread[THREADS_MAX];

    for (unsigned i = 0; i < threads; i++) {
        box[i].turn = 0;
        EXPECT_EQUAL(tn_thread_create(&thread[i], work, &box[i], TN_HART_ANY, 0), 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        EXPECT_EQUAL(tn_thread_join(thread[i], NULL), 0);
    }
}

/* Frames, tables and pages of metadata of this client. */
static uint64_t pages_held(void)
{
    uint64_t counter[MM_COUNTERS];

    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
    return counter[MM_FRAMES_NOW] + counter[MM_TABLES_NOW] + counter[MM_META_NOW];
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(struct sandbox *);
    } parts[] = {{"lengths", lengths},          {"sends", sends},           {"map", maps},
                 {"unmap and protect", ranges}, {"statistics", statistics}, {"threads", thread_requests}};
    uint64_t made = 0, held = 0;

    threads = check_argument(argc, argv, 1, 4);
    yields = check_argument(argc, argv, 2, 0);
    user_end = tn_start_info()->ipc_buffer + (1 << 20);
    check_begin("hostile_messages");
    for (unsigned i = 0; i < threads; i++) {
        sandbox_make(&box[i], i);
    }
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        part = parts[i].function;
        check_case(parts[i].name, run);
        if (i == 0) {
            held = pages_held();
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        made += box[i].made;
    }
    printf("# hostile_messages: %" PRIu64 " requests\n", made);
    printf("# hostile_messages: pages %" PRIu64 ", %" PRIu64 "\n", held, pages_held());
    return check_end();
}
