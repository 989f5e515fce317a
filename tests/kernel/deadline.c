/* Deadlines: not early, in order, cancelled, replaced, many at once, on every hart. */
#include "kt.h"

static tn_cptr_t timer_new(uint64_t badge)
{
    return kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, badge);
}

static int set(tn_cptr_t cap, uint64_t when)
{
    return INV(cap, TN_NTFN_DEADLINE, when);
}

struct pair {
    uint64_t first, later;
};

/* Sets a deadline through `a`, and while it has not come yet another one, which takes its place, through `b`. A busy host may
 * keep the machine from running in between: then again, with more time. */
static struct pair set_again(tn_cptr_t a, tn_cptr_t b, uint64_t ms, uint64_t later_ms)
{
    for (unsigned grace = 1; grace <= 64; grace *= 2) {
        uint64_t bits, first = kt_time() + kt_ticks_ms(ms * grace);
        uint64_t later = later_ms == ~0ull ? ~0ull : kt_time() + kt_ticks_ms(later_ms * grace);
        EXPECT_OK(set(a, first));
        EXPECT_OK(set(b, later));
        if (kt_time() < first)
            return (struct pair){first, later};
        EXPECT_OK(set(a, ~0ull));
        EXPECT_OK(kt_poll(a, &bits));
    }
    kt_skip("the host is too busy");
}

static void test_not_early(void)
{
    tn_cptr_t timer = timer_new(0x11);

    for (unsigned i = 0; i < 20; i++) {
        uint64_t when = kt_time() + kt_ticks_ms(1) * (i % 5), bits;
        kt_case(i);
        EXPECT_OK(set(timer, when));
        EXPECT_OK(kt_wait(timer, &bits));
        EXPECT(kt_time() >= when);
        EXPECT_EQ(bits, 0x11);
    }
}

static void test_past(void)
{
    tn_cptr_t timer = timer_new(1);
    uint64_t bits;

    EXPECT_OK(set(timer, 0));
    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT_OK(set(timer, kt_time()));
    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT_OK(kt_poll(timer, &bits));
    EXPECT_EQ(bits, 0); /* once each */
}

static void test_cancel(void)
{
    tn_cptr_t timer = timer_new(1);
    uint64_t bits;

    struct pair p = set_again(timer, timer, 20, ~0ull);
    while (kt_time() < p.first)
        kt_sleep_ticks(kt_ticks_ms(20));
    EXPECT_OK(kt_poll(timer, &bits));
    EXPECT_EQ(bits, 0);
    EXPECT_OK(set(timer, ~0ull)); /* nothing set: no error */
    EXPECT_OK(set(timer, kt_time() + kt_ticks_ms(1)));
    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT_EQ(bits, 1);
}

static void test_replace(void)
{
    tn_cptr_t timer = timer_new(1);
    struct pair p = set_again(timer, timer, 5, 60);
    uint64_t bits, soon;

    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT(kt_time() >= p.later); /* the first one is gone */
    kt_sleep_ticks(kt_ticks_ms(10));
    EXPECT_OK(kt_poll(timer, &bits));
    EXPECT_EQ(bits, 0);
    EXPECT_OK(set(timer, kt_time() + kt_ticks_ms(3600 * 1000)));
    soon = kt_time() + kt_ticks_ms(5);
    EXPECT_OK(set(timer, soon)); /* an hour early */
    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT(kt_time() >= soon);
}

/* The badge is the one of the capability that set the deadline. */
static void test_badge(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), a = kt_mint(ntfn, TN_RIGHTS_ALL, 2),
              b = kt_mint(ntfn, TN_RIGHTS_ALL, 4);
    uint64_t bits;

    set_again(a, b, 2, 2);
    EXPECT_OK(kt_wait(ntfn, &bits));
    EXPECT_EQ(bits, 4);
    kt_sleep_ticks(kt_ticks_ms(5));
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
}

/* Many deadlines in random order: each comes, none before its time. */
static void test_many(void)
{
    enum { TIMERS = 100 };
    tn_cptr_t timer[TIMERS];
    uint64_t when[TIMERS], state = kt_test_seed, start;

    for (unsigned i = 0; i < TIMERS; i++)
        timer[i] = timer_new(1 + i);
    start = kt_time() + kt_ticks_ms(30);
    for (unsigned i = 0; i < TIMERS; i++) {
        when[i] = start + kt_random(&state) % kt_ticks_ms(60);
        EXPECT_OK(set(timer[i], when[i]));
    }
    uint64_t end = start + kt_ticks_ms(70);
    bool come[TIMERS] = {false};
    while (kt_time() < end) {
        uint64_t bits;
        unsigned pick = kt_random(&state) % TIMERS;
        if (!come[pick]) {
            EXPECT_OK(kt_poll(timer[pick], &bits));
            come[pick] = bits != 0;
            EXPECT(bits == 0 || (bits == 1 + pick && kt_time() >= when[pick]));
        }
        kt_sleep_ticks(kt_ticks_ms(1) / 2);
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        kt_case(i);
        if (!come[i]) {
            uint64_t bits;
            EXPECT_OK(kt_wait(timer[i], &bits));
            EXPECT_EQ(bits, 1 + i);
        }
    }
}

/* Deadlines set in an order that is not theirs: when the last has come, all earlier ones have. */
static void test_order(void)
{
    enum { TIMERS = 6 };
    static const unsigned order[TIMERS] = {3, 0, 5, 1, 4, 2};
    tn_cptr_t timer[TIMERS];
    uint64_t start = kt_time() + kt_ticks_ms(20), bits;

    for (unsigned i = 0; i < TIMERS; i++)
        timer[i] = timer_new(1);
    for (unsigned i = 0; i < TIMERS; i++)
        EXPECT_OK(set(timer[order[i]], start + order[i] * kt_ticks_ms(5)));
    EXPECT_OK(kt_wait(timer[TIMERS - 1], &bits));
    for (unsigned i = 0; i < TIMERS - 1; i++) {
        kt_case(i);
        EXPECT_OK(kt_poll(timer[i], &bits));
        EXPECT_EQ(bits, 1);
    }
}

/* An armed notification is deleted: nothing happens at its time. */
static void test_deleted(void)
{
    for (unsigned i = 0; i < 20; i++) {
        tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), timer = kt_mint(ntfn, TN_RIGHTS_ALL, 1);
        EXPECT_OK(set(timer, kt_time() + kt_ticks_ms(1 + i % 4)));
        if (i % 2) {
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ntfn));
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ntfn));
        } else {
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ntfn));
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, timer));
        }
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
    tn_cptr_t frame = kt_object(TN_FRAME, 20);
    volatile uint64_t *words = kt_map(frame, 0, 256, TN_READ | TN_WRITE);
    kt_sleep_ticks(kt_ticks_ms(15));
    for (unsigned i = 0; i < 256 * 512; i++)
        if (!EXPECT_EQ(words[i], 0)) /* nothing was written into the memory they were in */
            return;
}

static void sleeper(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < 20; i++) {
        uint64_t when = kt_time() + kt_random(&state) % kt_ticks_ms(4), bits;
        EXPECT_OK(INV(t->arg[0], TN_NTFN_DEADLINE, when));
        EXPECT_OK(kt_wait(t->arg[0], &bits));
        EXPECT(kt_time() >= when);
        EXPECT_EQ(bits, 1);
        kt_add(&t->count, 1);
    }
}

static void test_all_harts(void)
{
    struct kt_thread *t[KT_HARTS_MAX * 2];
    unsigned n = 0;

    for (unsigned i = 0; i < 2 * kt_harts; i++)
        t[n++] = kt_spawn(i % kt_harts, sleeper, timer_new(1), 0);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

/* One notification's deadline is set by all harts in turn: the last one set counts, whichever hart set the others. */
static void rearmer(struct kt_thread *t)
{
    for (unsigned i = 0; i < 200; i++)
        EXPECT_OK(INV(t->arg[0], TN_NTFN_DEADLINE, i % 3 ? kt_time() + kt_ticks_ms(i % 7) / 4 : ~0ull));
}

static void test_rearm_race(void)
{
    tn_cptr_t timer = timer_new(1);
    struct kt_thread *t[KT_HARTS_MAX];
    uint64_t bits;

    for (unsigned hart = 0; hart < kt_harts; hart++)
        t[hart] = kt_spawn(hart, rearmer, timer, 0);
    for (unsigned hart = 0; hart < kt_harts; hart++)
        kt_join(t[hart]);
    EXPECT_OK(set(timer, ~0ull));
    EXPECT_OK(kt_poll(timer, &bits));
    kt_sleep_ticks(kt_ticks_ms(5));
    EXPECT_OK(kt_poll(timer, &bits));
    EXPECT_EQ(bits, 0);
    uint64_t when = kt_time() + kt_ticks_ms(2);
    EXPECT_OK(set(timer, when));
    EXPECT_OK(kt_wait(timer, &bits));
    EXPECT(kt_time() >= when);
}

static void test_errors(void)
{
    EXPECT_ERROR(INV0(timer_new(1), TN_NTFN_DEADLINE), TN_TRUNCATED_MESSAGE);
    EXPECT_REFUSED(INV(kt_object(TN_VSPACE, 0), TN_NTFN_DEADLINE, 0));
}

/* A hart keeps so many deadlines and no more; one that is replaced takes no further place. */
static void test_full(void)
{
    tn_cptr_t first = timer_new(1);
    uint64_t never = ~0ull - 1;
    unsigned armed = 1;
    int error = TN_OK;

    EXPECT_OK(set(first, never));
    while (armed < 2000 && (error = set(timer_new(1), never)) == TN_OK)
        armed++;
    EXPECT_ERROR(error, TN_NOT_ENOUGH_MEMORY);
    EXPECT(armed >= 64);
    EXPECT_OK(set(first, never));
    EXPECT_OK(set(first, ~0ull)); /* none */
    EXPECT_OK(set(timer_new(1), never));
    EXPECT_ERROR(set(first, never), TN_NOT_ENOUGH_MEMORY);
}

const struct kt_test deadline_tests[] = {
    {"deadline.not_early", test_not_early, 0},
    {"deadline.past", test_past, 0},
    {"deadline.cancel", test_cancel, 0},
    {"deadline.replace", test_replace, 0},
    {"deadline.badge", test_badge, 0},
    {"deadline.many", test_many, 0},
    {"deadline.order", test_order, 0},
    {"deadline.deleted", test_deleted, 0},
    {"deadline.all_harts", test_all_harts, 0},
    {"deadline.rearm_race", test_rearm_race, 0},
    {"deadline.errors", test_errors, 0},
    {"deadline.full", test_full, 0},
    {NULL, NULL, 0},
};
