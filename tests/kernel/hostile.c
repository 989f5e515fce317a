/* Hostile programs: random system calls with random and nearly right arguments on every hart. The kernel must survive, and
 * the memory must come back whole. `calls=N` in the boot arguments sets the number of calls per hart.
 */
#include <stdlib.h>
#include <string.h>
#include "mem.h"

#define CALLS_DEFAULT 20000
#define HARTS_MAX 8
#define POLLS 1000 /* looks after the attackers, at least */
#define SLOTS 64   /* of the hostile thread's own CNode */

/* What the hostile threads hold, each in a CNode of its own; slot numbers in it. */
enum {
    SELF = 1, /* the CNode */
    UNTYPED = 2,
    VSPACE = 3,
    TCB = 4, /* its own */
    OTHER_TCB = 5,
    EP = 6, /* shared by all */
    NTFN = 7,
    GATE = 8,
    REPLY = 9,
    TABLE = 10, /* level 0, hangs nowhere that runs */
    UPPER = 11,
    FRAME = 12,
    FIRST_FREE = 16,
};

static uint64_t calls_per_hart(void)
{
    char text[24];

    return kt_bootarg("calls", text, sizeof(text)) ? strtoull(text, NULL, 0) : CALLS_DEFAULT;
}

/* A value that is interesting to somebody: a slot, a two-level pointer, an address, a size, a label. */
static uint64_t value(uint64_t *state)
{
    uint64_t r = kt_random(state);

    switch (r % 12) {
    case 0:
        return kt_random(state);
    case 1:
        return 1ull << (kt_random(state) % 64);
    case 2:
        return (1ull << (kt_random(state) % 64)) - 1;
    case 3:
        return ~(kt_random(state) % 8192);
    case 4:
        return tn_cptr_in(SELF, kt_random(state) % SLOTS);
    case 5:
        return kt_random(state) % 4096;
    case 6:
        return kt_random(state) % 16 | (1 + kt_random(state) % 8) << 32; /* slots of a retype */
    case 7:
        return 0;
    default:
        return kt_random(state) % SLOTS;
    }
}

static uint64_t label(uint64_t *state)
{
    static const uint8_t known[] = {1,  16, 17, 18, 19, 20, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
                                    48, 56, 64, 65, 66, 72, 73, 80, 81, 82, 83, 1,  16, 17, 19, 20};

    return kt_random(state) % 16 ? known[kt_random(state) % sizeof(known)] : kt_random(state);
}

static tn_info_t info(uint64_t *state)
{
    if (kt_random(state) % 16 == 0)
        return kt_random(state);
    unsigned caps = kt_random(state) % 8 ? 0 : kt_random(state) % 4;
    return tn_info(label(state), caps, kt_random(state) % 8 ? 4 : kt_random(state) % 128);
}

/* A random batch: mostly sensible runs, some bytes wrong. */
static void random_batch(struct tn_ipc_buffer *buffer, uint64_t *state)
{
    struct tn_pt_batch *b = (struct tn_pt_batch *)((uint8_t *)buffer + TN_IPC_BATCH_OFFSET);

    b->runs = kt_random(state) % 32 ? kt_random(state) % 6 : (uint32_t)kt_random(state);
    for (unsigned i = 0; i < 6; i++) {
        struct tn_pt_run *r = &b->run[i];
        r->table = kt_random(state) % 4 ? TABLE + kt_random(state) % 2 : value(state);
        r->object = kt_random(state) % 4 ? TABLE + kt_random(state) % 3 : value(state);
        r->first = (uint16_t)(kt_random(state) % 8 ? kt_random(state) % 512 : kt_random(state));
        r->count = (uint16_t)(kt_random(state) % 8 ? 1 + kt_random(state) % 16 : kt_random(state));
        r->op = (uint8_t)(kt_random(state) % 8 ? 1 + kt_random(state) % 6 : kt_random(state));
        r->rights = (uint8_t)(kt_random(state) % 8 ? kt_random(state) % 8 : kt_random(state));
        r->soft = (uint8_t)(kt_random(state) % 8 ? kt_random(state) % 4 : kt_random(state));
        r->flags = (uint8_t)kt_random(state);
        r->page = kt_random(state) % 4 ? kt_random(state) % 4 : value(state);
        r->in = (uint32_t)(kt_random(state) % 4 ? kt_random(state) % 400 : kt_random(state));
        r->out = (uint32_t)(kt_random(state) % 4 ? kt_random(state) % 400 : kt_random(state));
    }
}

/* System calls that could block for ever are left to those whose calls others cancel: non-blocking forms mostly, and the
 * blocking ones on things that a deadline or another thread wakes. */
static uint64_t number(uint64_t *state, bool may_block)
{
    static const uint8_t harmless[] = {TN_SYS_HART,     TN_SYS_CALL,   TN_SYS_CALL, TN_SYS_CALL,  TN_SYS_NB_SEND,
                                       TN_SYS_NB_RECV,  TN_SYS_SIGNAL, TN_SYS_POLL, TN_SYS_YIELD, TN_SYS_PT_WRITE,
                                       TN_SYS_PT_WRITE, TN_SYS_REPLY,  TN_SYS_CALL};

    if (may_block && kt_random(state) % 8 == 0)
        return kt_random(state) % TN_SYS_DEBUG_PUT; /* not the console */
    return harmless[kt_random(state) % sizeof(harmless)];
}

static void one_call(struct kt_thread *t, uint64_t *state, bool may_block)
{
    uint64_t n = number(state, may_block);
    struct kt_msg m = {.badge = kt_random(state) % 4 ? 1 + kt_random(state) % 15 : value(state), .info = info(state)};

    for (unsigned i = 0; i < TN_MSG_REG_WORDS; i++)
        m.mr[i] = value(state);
    /* Attackers that hold each other's threads must not send them into the middle of this very program. */
    uint64_t op = tn_info_label(m.info);
    if (may_block && (op == TN_TCB_WRITE_REGS || op == TN_TCB_WRITE_REG))
        m.info = tn_info(TN_TCB_SUSPEND, 0, 0);
    if (!may_block && n == TN_SYS_CALL && (m.badge == EP || m.badge == GATE))
        m.badge = UNTYPED;
    if (n == TN_SYS_PT_WRITE || n == TN_SYS_PT_REPLY_RECV)
        random_batch(t->buffer, state);
    if (tn_info_caps(m.info)) {
        for (unsigned i = 0; i < TN_MSG_CAPS_MAX; i++)
            t->buffer->caps[i] = value(state);
        t->buffer->recv_slot = value(state);
    }
    kt_ecall(n, &m, kt_random(state) % 4 ? REPLY : value(state));
}

/* arg[0]: number of calls, arg[1]: may block. Started again by the main thread when it has blocked, it goes on behind the
 * call that it got stuck in. */
static void attacker(struct kt_thread *t)
{
    while (kt_load_acquire(&t->count) < t->arg[0]) {
        uint64_t state = (kt_test_seed + t->index + kt_add(&t->count, 1) * 0x9e3779b97f4a7c15ull) | 1;
        kt_random(&state);
        one_call(t, &state, t->arg[1] != 0);
    }
    __atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
    for (;;)
        kt_yield();
}

/* A thread with a CNode of its own and a real mix of capabilities in it; nothing of the frame's. */
struct attack {
    struct kt_thread *thread;
    tn_cptr_t cnode, cap[FIRST_FREE]; /* what restock() puts back */
    uint64_t last_count;
};

/* Gives back what the thread has deleted, so that its calls keep hitting something. */
static void restock(const struct attack *a)
{
    for (unsigned slot = SELF; slot <= FRAME; slot++)
        if (a->cap[slot])
            INV(a->cnode, TN_CNODE_COPY, slot, a->cap[slot], slot == GATE ? TN_WRITE | TN_GRANT : TN_RIGHTS_ALL);
    kt_retype(KT_UNTYPED, TN_UNTYPED, 14, a->cnode, UNTYPED, 1);
}

static void attack_new(struct attack *a, unsigned hart, uint64_t calls, bool may_block)
{
    a->thread = kt_thread_new(hart, attacker);
    a->thread->arg[0] = calls;
    a->thread->arg[1] = may_block;
    a->last_count = ~0ull;
    a->cnode = kt_object(TN_CNODE, 6);
    a->cap[UNTYPED] = 0; /* made in place: it is not copied */
    a->cap[SELF] = a->cnode;
    a->cap[VSPACE] = kt_space_with_root();
    a->cap[TCB] = kt_object(TN_TCB, 0); /* one that never runs the attack */
    a->cap[OTHER_TCB] = kt_object(TN_TCB, 0);
    a->cap[NTFN] = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
    a->cap[REPLY] = kt_object(TN_REPLY, 0);
    a->cap[TABLE] = kt_object(TN_PAGETABLE, 0);
    a->cap[UPPER] = kt_object(TN_PAGETABLE, 1);
    a->cap[FRAME] = kt_object(TN_FRAME, 14);
    REQUIRE_OK(INV(a->thread->tcb, TN_TCB_SET_SPACE, a->cnode, TN_INIT_VSPACE, 0));
}

/* One that has not moved since the last look is freed from whatever it waits for, and runs on with its next call. */
static void attack_tend(struct attack *a, unsigned hart)
{
    uint64_t count = kt_load_acquire(&a->thread->count);

    restock(a);
    if (count == a->last_count && !kt_is_done(a->thread)) {
        struct kt_thread *t = a->thread;
        EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_SPACE, a->cnode, TN_INIT_VSPACE, 0));
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, kt_slot_buffers, t->index * KT_BUFFER_PAGES, KT_BUFFER_PAGES));
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, hart));
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_PRIORITY, KT_PRIO_LOW));
        if (!kt_is_done(t)) { /* a peer may have resumed it since */
            int error = INV(t->tcb, TN_TCB_WRITE_REGS, (uint64_t)kt_thread_entry, (uint64_t)t->stack_top,
                            (uint64_t)t->tls, (uint64_t)t);
            EXPECT_EITHER(error, TN_OK, TN_ILLEGAL_OPERATION);
        }
        EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
    }
    a->last_count = count;
}

/* `n` attackers, spread over the harts, sharing an endpoint and a gate; where `peers`, each holds another's TCB. */
static void run_attack(unsigned n, uint64_t calls, bool may_block, bool peers)
{
    static struct attack a[2 * HARTS_MAX];
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), gate = kt_object(TN_GATE, kt_gate_bits());
    unsigned running = n;
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++)
        attack_new(&a[i], i % kt_harts, calls, may_block);
    for (unsigned i = 0; i < n; i++) {
        a[i].cap[EP] = ep;
        a[i].cap[GATE] = gate;
        if (peers)
            a[i].cap[OTHER_TCB] = a[(i + 1) % n].thread->tcb;
        restock(&a[i]);
        kt_thread_start(a[i].thread);
    }
    for (uint64_t round = 0; round < POLLS + calls / 10 && running > 0 && !kt_failed(); round++) {
        running = 0;
        kt_sleep_ticks(kt_ticks_ms(5));
        for (unsigned i = 0; i < n; i++) {
            attack_tend(&a[i], i % kt_harts);
            running += !kt_is_done(a[i].thread);
        }
    }
    for (unsigned i = 0; i < n; i++)
        total += kt_load_acquire(&a[i].thread->count);
    kt_printf("# %lu random calls by %u threads\n", (unsigned long)total, n);
    EXPECT(total >= n * calls / 8); /* how far they get depends on how often they hang themselves */
}

static unsigned attack_harts(void)
{
    return kt_harts < HARTS_MAX ? kt_harts : HARTS_MAX;
}

/* Every hart attacks with calls that mostly return; each has its own Untyped, all share an endpoint and a gate. */
static void test_random_calls(void)
{
    run_attack(attack_harts(), calls_per_hart(), false, false);
}

/* The same with blocking calls and with capabilities to each other's threads. */
static void test_random_blocking(void)
{
    run_attack(2 * attack_harts(), calls_per_hart() / 10, true, true);
}

/* Random calls without an IPC buffer, and with one that is taken away. */
static void test_without_buffer(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), gate = kt_object(TN_GATE, kt_gate_bits());
    struct attack a;

    attack_new(&a, kt_main_hart, 2000, false);
    a.cap[EP] = ep;
    a.cap[GATE] = gate;
    restock(&a);
    EXPECT_OK(INV(a.thread->tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
    kt_thread_start(a.thread);
    for (unsigned i = 0; i < 40 && !kt_is_done(a.thread); i++) {
        kt_sleep_ticks(kt_ticks_ms(5));
        tn_cptr_t frame = kt_object(TN_FRAME, 12);
        EXPECT_OK(INV(a.thread->tcb, TN_TCB_SET_BUFFER, frame, 0, 1));
        kt_sleep_ticks(kt_ticks_ms(1));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, frame));
        attack_tend(&a, kt_main_hart);
    }
    EXPECT(a.thread->count > 0);
}

/* The kernel's memory through every door that takes an address or a number. */
static void test_kernel_addresses(void)
{
    static const uint64_t addresses[] = {0xffffffc080200000ull, 0xffffffff80000000ull, 1ull << 63, ~0ull,
                                         0x80000000ull,         0x80200000ull};
    tn_cptr_t frame = kt_object(TN_FRAME, 12), table = kt_object(TN_PAGETABLE, 0), tcb = kt_object(TN_TCB, 0);
    uint64_t bits;

    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        uint64_t a = addresses[i];
        struct kt_msg m = {0};
        kt_case(a);
        EXPECT_REFUSED(kt_pt(table, TN_PT_MAP, 0, 1, frame, a >> 12, TN_READ));
        EXPECT_REFUSED(kt_pt(table, TN_PT_MAP, 0, 1, a, 0, TN_READ));
        EXPECT_REFUSED(kt_pt(a, TN_PT_CLEAR, 0, 1, 0, 0, 0));
        EXPECT_REFUSED(INV(tcb, TN_TCB_SET_BUFFER, frame, a, 1));
        EXPECT_REFUSED(INV(tcb, TN_TCB_SET_SPACE, a, a, a));
        EXPECT_REFUSED(kt_retype(KT_UNTYPED, TN_FRAME, a, KT_ROOT, 0, 1));
        EXPECT_REFUSED(kt_retype(KT_UNTYPED, a & 0xffff, a, a, (uint32_t)a, (uint32_t)a));
        EXPECT_REFUSED(INV(KT_ROOT, TN_CNODE_DELETE, a));
        EXPECT_REFUSED(kt_signal(a));
        EXPECT_REFUSED(kt_poll(a, &bits));
        EXPECT_REFUSED(kt_nb_recv(a, &m, a));
        EXPECT_REFUSED(kt_reply1(a, 0, 0));
        EXPECT_REFUSED(kt_call1(a, a, a, NULL));
    }
}

static struct tn_pt_batch *batch_of(const struct kt_thread *t)
{
    return (struct tn_pt_batch *)((uint8_t *)t->buffer + TN_IPC_BATCH_OFFSET);
}

/* Keeps changing the batch of thread arg[0] while that one has the kernel read it. */
static void batch_changer(struct kt_thread *t)
{
    volatile struct tn_pt_batch *b = batch_of((struct kt_thread *)t->arg[0]);
    volatile uint64_t *words = (uint64_t *)b;
    uint64_t state = kt_test_seed;

    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        uint64_t r = kt_random(&state);
        b->run[0].op = r & 1 ? TN_PT_MAP : TN_PT_MAP_LIST;
        b->run[0].page = r & 2 ? 0 : 0x1000;
        b->run[0].count = r & 4 ? 4 : 400;
        b->run[0].first = r & 8 ? 0 : 511;
        b->run[0].rights = r & 16 ? TN_READ : TN_READ | TN_EXEC;
        b->run[0].object = r & 32 ? t->arg[1] : t->arg[2];
        b->run[0].in = r & 64 ? 20 : 0x10000000;
        for (unsigned i = 0; i < 4; i++)
            words[20 + i] = r >> (8 + i) & 1 ? i : 0x12345;
        kt_add(&t->count, 1);
    }
}

static void batch_writer(struct kt_thread *t)
{
    uint64_t end = kt_time() + kt_ticks_ms(20000);

    while ((t->result[0] < 1000 || t->result[1] < 100) && kt_time() < end) {
        kt_batch()->runs = 1;
        kt_batch()->run[0].table = t->arg[0];
        t->result[kt_batch_write() == TN_OK]++;
    }
}

/* A batch that changes while it is read: whatever gets through is valid by itself. */
static void test_batch_changes(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 14), weak = kt_copy(frame, TN_READ);
    const volatile uint64_t *view = kt_view(table);
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);
    struct kt_thread *writer = kt_thread_new(0, batch_writer);
    struct kt_thread *changer = kt_thread_new(1, batch_changer);

    changer->arg[0] = (uint64_t)writer;
    changer->arg[1] = weak;
    changer->arg[2] = table; /* not a Frame at all */
    writer->arg[0] = table;
    batch_of(writer)->run[0].flags = 0;
    batch_of(writer)->run[0].soft = 0;
    kt_thread_start(changer);
    kt_await_count(&changer->count, 1);
    kt_thread_start(writer);
    kt_join(writer);
    changer->stop = 1;
    kt_join(changer);
    for (unsigned i = 0; i < 512; i++) {
        kt_case(i);
        EXPECT(view[i] == 0 || (tn_pte_paddr(view[i]) - m.mr[0] < 4 * 4096 && (view[i] & TN_PTE_RWX) == TN_PTE_R));
    }
    kt_printf("# %lu batches accepted, %lu refused\n", (unsigned long)writer->result[1],
              (unsigned long)writer->result[0]);
    EXPECT(writer->result[0] > 0 && writer->result[1] > 0);
}

#define LIST_WORDS 256
#define LIST_AT 8
#define LIST_BAD 0x12345

/* Changes the last page of the list of thread arg[0], over and over. */
static void list_changer(struct kt_thread *t)
{
    volatile uint64_t *words = (uint64_t *)batch_of((struct kt_thread *)t->arg[0]);

    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        words[LIST_AT + LIST_WORDS - 1] = LIST_BAD;
        kt_add(&t->count, 1); /* takes a moment */
        words[LIST_AT + LIST_WORDS - 1] = 0;
        kt_add(&t->count, 1);
    }
}

/* arg[0]: view of the table, arg[1]: the Frame's address. */
static void list_writer(struct kt_thread *t)
{
    const volatile uint64_t *view = (const volatile uint64_t *)t->arg[0];

    uint64_t start = kt_time(), enough = start + kt_ticks_ms(1000), end = start + kt_ticks_ms(20000);

    while (kt_time() < enough || ((t->result[0] < 100 || t->result[1] < 100) && kt_time() < end)) {
        kt_batch()->runs = 1;
        t->result[kt_batch_write() == TN_OK]++;
        uint64_t last = view[LIST_WORDS - 1];
        if (!EXPECT_EQ(last ? tn_pte_paddr(last) : t->arg[1], t->arg[1]))
            return;
    }
}

/* A long list, in which the last page becomes a wrong one after it was checked. */
static void test_list_changes(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 13);
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);
    struct kt_thread *writer = kt_thread_new(0, list_writer), *changer = kt_thread_new(1, list_changer);
    struct tn_pt_batch *b = batch_of(writer);

    writer->arg[0] = (uint64_t)kt_view(table);
    writer->arg[1] = m.mr[0];
    memset(b, 0, (LIST_AT + LIST_WORDS) * sizeof(uint64_t));
    b->run[0] = (struct tn_pt_run){
        .table = table, .object = frame, .count = LIST_WORDS, .op = TN_PT_MAP_LIST, .rights = TN_READ, .in = LIST_AT};
    changer->arg[0] = (uint64_t)writer;
    kt_thread_start(changer);
    kt_await_count(&changer->count, 1);
    kt_thread_start(writer);
    kt_join(writer);
    changer->stop = 1;
    kt_join(changer);
}

/* Characters for the console: the count is checked, the rest is printed as it is. */
static void test_debug_put(void)
{
    static const uint64_t counts[] = {41, 64, 1ull << 32, 1ull << 63, ~0ull};

    for (unsigned i = 0; i < 5; i++) {
        struct kt_msg m = {.badge = counts[i], .info = 0x2020202020202020};
        kt_case(counts[i]);
        kt_ecall(TN_SYS_DEBUG_PUT, &m, 0);
        EXPECT_REFUSED(kt_error(&m));
    }
}

const struct kt_test hostile_tests[] = {
    {"hostile.kernel_addresses", test_kernel_addresses, 0}, {"hostile.batch_changes", test_batch_changes, 2},
    {"hostile.list_changes", test_list_changes, 2},         {"hostile.debug_put", test_debug_put, 0},
    {"hostile.without_buffer", test_without_buffer, 0},     {"hostile.random_calls", test_random_calls, 0},
    {"hostile.random_blocking", test_random_blocking, 0},   {NULL, NULL, 0},
};
