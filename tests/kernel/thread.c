/* Threads of the main program, waiting for them, and the watchdog.
 *
 * All share init's CNode and address space. The main thread has the highest priority, so it must sleep, never spin, when
 * it waits for others: it sleeps on a Notification of its own, which ending threads signal (badge 1) and a deadline
 * (badge 2) ends in any case. Each hart has a settle thread of priority 1, below all others: when it runs, every other
 * thread of its hart has blocked. The watchdog, beside the main thread in priority, ends a test that hangs.
 */
#include <string.h>
#include "mem.h"

#define STACK_BYTES 8192
#define EXTRA_THREADS (KT_HARTS_MAX + 1) /* settle threads and watchdog */
#define WAKE_BIT 1
#define TIMER_BIT 2
#define JOIN_MS 90000 /* how long to wait for threads: longer than any test takes on a busy machine */

struct kt_thread kt_main_thread;
unsigned kt_prio_max;

static struct kt_thread threads[KT_THREADS_MAX + EXTRA_THREADS];
static uint8_t stacks[KT_THREADS_MAX + EXTRA_THREADS][STACK_BYTES] __attribute__((aligned(64)));
static unsigned thread_next;
static uint32_t wake_ntfn, timer_cap, fault_reply;
static struct kt_thread *settle_thread[KT_HARTS_MAX];

struct kt_thread *kt_self(void)
{
    uint8_t *tp;

    __asm__("mv %0, tp" : "=r"(tp));
    return (struct kt_thread *)(tp - offsetof(struct kt_thread, tls));
}

struct tn_ipc_buffer *kt_buffer(void)
{
    return kt_self()->buffer;
}

uint64_t kt_ticks_ms(uint64_t ms)
{
    return ms * kt_boot->timebase_hz / 1000;
}

/* Sleeps until something wakes the main thread, `ticks` at most. */
static void sleep_once(uint64_t ticks)
{
    REQUIRE_OK(INV(timer_cap, TN_NTFN_DEADLINE, kt_time() + ticks));
    REQUIRE_OK(kt_wait(wake_ntfn, NULL));
}

void kt_sleep_ticks(uint64_t ticks)
{
    uint64_t end = kt_time() + ticks, now;

    while ((now = kt_time()) < end)
        sleep_once(end - now);
}

static void thread_setup(struct kt_thread *t, tn_cptr_t tcb, unsigned hart, unsigned prio)
{
    t->tcb = tcb;
    REQUIRE_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, TN_INIT_VSPACE, kt_slot_fault));
    if (t->buffer)
        REQUIRE_OK(INV(tcb, TN_TCB_SET_BUFFER, kt_slot_buffers, t->index * KT_BUFFER_PAGES, KT_BUFFER_PAGES));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_AFFINITY, hart));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_PRIORITY, prio));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_BADGE, t->index + 1));
    REQUIRE_OK(
        INV(tcb, TN_TCB_WRITE_REGS, (uint64_t)kt_thread_entry, (uint64_t)t->stack_top, (uint64_t)t->tls, (uint64_t)t));
}

static struct kt_thread *thread_clean(unsigned index, void (*fn)(struct kt_thread *))
{
    struct kt_thread *t = &threads[index];

    memset(t, 0, sizeof(*t));
    t->fn = fn;
    t->index = index;
    t->stack_top = stacks[index] + STACK_BYTES;
    if (index < KT_THREADS_MAX) {
        t->buffer = (struct tn_ipc_buffer *)kt_buffer_page(index * KT_BUFFER_PAGES);
        memset(t->buffer, 0, sizeof(*t->buffer));
    }
    return t;
}

struct kt_thread *kt_thread_new_prio(unsigned hart, unsigned prio, void (*fn)(struct kt_thread *))
{
    REQUIRE(thread_next < KT_THREADS_MAX);
    struct kt_thread *t = thread_clean(thread_next++, fn);

    thread_setup(t, kt_object(TN_TCB, 0), hart, prio);
    return t;
}

struct kt_thread *kt_thread_new(unsigned hart, void (*fn)(struct kt_thread *))
{
    return kt_thread_new_prio(hart, KT_PRIO_LOW, fn);
}

void kt_thread_start(struct kt_thread *t)
{
    REQUIRE_OK(INV0(t->tcb, TN_TCB_RESUME));
}

struct kt_thread *kt_spawn(unsigned hart, void (*fn)(struct kt_thread *), uint64_t arg0, uint64_t arg1)
{
    struct kt_thread *t = kt_thread_new(hart, fn);

    t->arg[0] = arg0;
    t->arg[1] = arg1;
    kt_thread_start(t);
    return t;
}

/* kt_thread_entry (asm.S) comes here. */
void kt_thread_main(struct kt_thread *t);
void kt_thread_main(struct kt_thread *t)
{
    t->fn(t);
    kt_thread_exit();
}

void kt_thread_exit(void)
{
    struct kt_thread *t = kt_self();

    __atomic_store_n(&t->done, 1, __ATOMIC_RELEASE); /* pairs with: kt_is_done */
    kt_signal(kt_slot_wake);
    for (;;)
        INV0(t->tcb, TN_TCB_SUSPEND);
}

void kt_spin(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) /* pairs with: kt_stop_and_join */
        kt_add(&t->count, 1);
}

void kt_stop_and_join(struct kt_thread *t)
{
    __atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE); /* pairs with: kt_spin */
    kt_join(t);
}

bool kt_is_done(const struct kt_thread *t)
{
    return __atomic_load_n(&t->done, __ATOMIC_ACQUIRE) != 0; /* pairs with: kt_thread_exit */
}

/* A fault of a thread nobody has asked for: reported as the test's failure. */
static void check_faults(void)
{
    struct kt_msg m = {0};

    if (kt_nb_recv(kt_slot_fault, &m, fault_reply) != TN_OK)
        return;
    kt_printf("# thread %lu: fault %lu, pc %#lx, %#lx %#lx %#lx\n", (unsigned long)m.badge - 1,
              (unsigned long)tn_info_label(m.info), (unsigned long)m.mr[0], (unsigned long)m.mr[1],
              (unsigned long)m.mr[2], (unsigned long)m.mr[3]);
    kt_check(false, "thread", (int)m.badge - 1, "no fault: address", m.mr[1], 0);
    kt_abort();
}

void kt_join(struct kt_thread *t)
{
    uint64_t end = kt_time() + kt_ticks_ms(JOIN_MS);

    while (!kt_is_done(t)) {
        sleep_once(kt_ticks_ms(20));
        if (!kt_is_done(t))
            check_faults();
        if (kt_time() > end) {
            kt_check(false, "thread", (int)t->index, "thread ends", 0, 1);
            kt_abort();
        }
    }
}

void kt_await_count(const uint64_t *count, uint64_t least)
{
    uint64_t end = kt_time() + kt_ticks_ms(JOIN_MS), step = kt_ticks_ms(1000) / 10000;

    while (kt_load_acquire(count) < least) {
        sleep_once(step);
        check_faults();
        if (kt_time() > end) {
            kt_check(false, "thread", 0, "count reached", kt_load_acquire(count), least);
            kt_abort();
        }
        if (step < kt_ticks_ms(10))
            step *= 2;
    }
}

static void settle_main(struct kt_thread *t)
{
    for (;;) {
        if (kt_wait(t->arg[0], NULL) != TN_OK)
            kt_thread_exit();
        kt_add(&t->count, 1);
        kt_signal(kt_slot_wake);
    }
}

void kt_settle(unsigned hart)
{
    struct kt_thread *t = settle_thread[hart];
    uint64_t before = kt_load_acquire(&t->count);

    REQUIRE_OK(kt_signal(t->arg[1]));
    kt_await_count(&t->count, before + 1);
}

void kt_settle_all(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++)
        kt_settle(hart);
}

/* ---- Watchdog ---- */

static uint64_t watchdog_end; /* atomic; 0: not armed */
static const char *watchdog_test;
static tn_cptr_t watchdog_cap;

static void watchdog_main(struct kt_thread *t)
{
    for (;;) {
        if (kt_wait(t->arg[0], NULL) != TN_OK)
            kt_thread_exit();
        uint64_t end = kt_load_acquire(&watchdog_end); /* pairs with: kt_watchdog_arm */
        if (end == 0 || kt_time() < end)
            continue;
        kt_printf("not ok - %s # hangs\n", watchdog_test);
        struct kt_msg m = INVM(TN_INIT_TCB, TN_TCB_READ_REGS, 0, 2);
        kt_printf("# main thread: pc %#lx, ra %#lx\n", (unsigned long)m.mr[0], (unsigned long)m.mr[1]);
        kt_printf("Bail out! a test hangs\n");
        kt_finish(false);
    }
}

void kt_watchdog_arm(const char *test, uint64_t ms)
{
    uint64_t end = kt_time() + kt_ticks_ms(ms);

    watchdog_test = test;
    kt_store_release(&watchdog_end, end); /* pairs with: watchdog_main */
    INV(watchdog_cap, TN_NTFN_DEADLINE, end);
}

void kt_watchdog_disarm(void)
{
    kt_store_release(&watchdog_end, 0);
    INV(watchdog_cap, TN_NTFN_DEADLINE, ~0ull);
}

/* A thread that outlives tests. It waits on a Notification of its own: arg[0]; arg[1] is the badged capability. */
static struct kt_thread *permanent_thread(unsigned index, unsigned hart, unsigned prio, void (*fn)(struct kt_thread *))
{
    struct kt_thread *t = thread_clean(KT_THREADS_MAX + index, fn);

    t->arg[0] = kt_pool_object(TN_NOTIFICATION, 0);
    t->arg[1] = kt_mint(t->arg[0], TN_RIGHTS_ALL, 1);
    thread_setup(t, kt_pool_object(TN_TCB, 0), hart, prio);
    kt_thread_start(t);
    return t;
}

static unsigned find_prio_max(void)
{
    tn_cptr_t tcb = kt_pool_object(TN_TCB, 0);
    unsigned prio = TN_PRIORITIES - 1;

    while (prio > 0 && INV(tcb, TN_TCB_SET_PRIORITY, prio) != TN_OK)
        prio--;
    return prio;
}

void kt_thread_init(void)
{
    wake_ntfn = kt_pool_object(TN_NOTIFICATION, 0);
    kt_slot_wake = (uint32_t)kt_mint(wake_ntfn, TN_WRITE, WAKE_BIT);
    timer_cap = (uint32_t)kt_mint(wake_ntfn, TN_RIGHTS_ALL, TIMER_BIT);
    fault_reply = kt_pool_object(TN_REPLY, 0);
    kt_prio_max = find_prio_max();
    REQUIRE(kt_prio_max >= 4 * KT_PRIO_LOW);
    for (unsigned hart = 0; hart < kt_harts; hart++)
        settle_thread[hart] = permanent_thread(hart, hart, 1, settle_main);
    struct kt_thread *w = permanent_thread(KT_HARTS_MAX, (kt_main_hart + 1) % kt_harts, kt_prio_max, watchdog_main);
    watchdog_cap = w->arg[1];
}

void kt_thread_begin(void)
{
    thread_next = 0;
}
