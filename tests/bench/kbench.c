/* kbench: instructions of the kernel's primitives, on one hart. Runs as `init` on the bare kernel, in the frame of the
 * kernel tests (tests/kernel/kt.h), and ends QEMU through the test device.
 *
 * Servers have a higher priority than their clients and an address space of their own, so every round trip switches
 * address spaces twice. What is counted starts and ends in the client (or for faults in the server, from one fault to
 * the next), with the instructions that fill the registers.
 */
#include <string.h>
#include <tenon/ipc.h>
#include "../../apps/bench/measure.h"
#include "../kernel/mem.h"

_Static_assert(TN_SYS_REPLY_RECV == 2 && TN_SYS_RECV == 5, "server.S has these numbers");

#define SAMPLES 256
#define SERVER_PRIO (2 * KT_PRIO_LOW)
#define SERVER_INDEX KT_DATA_INDEX
#define FAULT_INDEX (KT_DATA_INDEX + 1) /* nothing is mapped there */
#define REG_S0 8
#define REG_S1 9
#define REG_S2 18
#define LARGE_BITS 21 /* a Frame for all entries of a table */

const struct tn_bootinfo *kt_boot;
unsigned kt_harts, kt_main_hart;
uint64_t kt_seed = 1, kt_test_seed = 1;

static struct measure samples;

extern const uint8_t kb_server_start[];
extern const uint64_t kb_server_bytes;

/* ---- System calls and messages ---- */

static void bench_null(void)
{
    samples.count = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = measure_now();
        unsigned hart = tn_hart();
        uint64_t after = measure_now();
        EXPECT_EQ(hart, kt_main_hart);
        measure_add(&samples, before, after);
    }
    measure_print(&samples, "null_syscall", 1);
}

/* The client of a round trip: arg[0] endpoint, arg[1] words of the message. */
static void client_main(struct kt_thread *t)
{
    tn_info_t info = tn_info(0, 0, (unsigned)t->arg[1]);
    tn_cptr_t ep = t->arg[0];

    samples.count = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = measure_now();
        struct tn_msg m = tn_call(ep, info, i, i + 1, i + 2, i + 3);
        uint64_t after = measure_now();
        EXPECT_EQ(m.info, info);
        if (t->arg[1] == 4)
            EXPECT(m.mr[0] == i && m.mr[1] == i + 1 && m.mr[2] == i + 2 && m.mr[3] == i + 3);
        measure_add(&samples, before, after);
    }
}

/* The server of server.S in a space of its own, running: its endpoint. */
static tn_cptr_t server_new(unsigned words)
{
    struct kt_space s;
    tn_cptr_t code = kt_object(TN_FRAME, 12), tcb = kt_object(TN_TCB, 0);
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);

    memcpy(kt_map(code, 0, 1, TN_READ | TN_WRITE), kb_server_start, kb_server_bytes);
    REQUIRE_OK(INV0(TN_INIT_VSPACE, TN_VSPACE_FENCE_I));
    kt_space_new(&s);
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, SERVER_INDEX, 1, code, 0, TN_READ | TN_EXEC));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, s.vspace, 0));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_AFFINITY, kt_main_hart));
    REQUIRE_OK(INV(tcb, TN_TCB_SET_PRIORITY, SERVER_PRIO));
    REQUIRE_OK(INV(tcb, TN_TCB_WRITE_REGS, KT_VA(SERVER_INDEX), 0, 0, 0));
    REQUIRE_OK(INV(tcb, TN_TCB_WRITE_REG, REG_S0, ep));
    REQUIRE_OK(INV(tcb, TN_TCB_WRITE_REG, REG_S1, reply));
    REQUIRE_OK(INV(tcb, TN_TCB_WRITE_REG, REG_S2, tn_info(0, 0, words)));
    REQUIRE_OK(INV0(tcb, TN_TCB_RESUME));
    return ep;
}

static void own_fp(struct kt_thread *t)
{
    (void)t;
    __asm__ volatile("fmv.d.x ft0, zero" : : : "ft0");
}

/* From here on nothing else is ready, and nobody owns the floating-point registers: setjmp() in the frame made the main
 * thread their owner, which a thread takes over that then goes. */
static void quiesce(void)
{
    struct kt_thread *t = kt_spawn(kt_main_hart, own_fp, 0, 0);

    kt_join(t);
    REQUIRE_OK(INV(KT_ROOT, TN_CNODE_DELETE, t->tcb));
    kt_settle(kt_main_hart);
    kt_sleep_ticks(kt_ticks_ms(1)); /* the settle thread waits again */
}

static void round_trip(unsigned words, const char *name)
{
    tn_cptr_t ep = server_new(words);

    quiesce();
    kt_join(kt_spawn(kt_main_hart, client_main, ep, words));
    measure_print(&samples, name, 1);
}

static void bench_ipc_0(void)
{
    round_trip(0, "ipc_call_reply_0");
}

static void bench_ipc_4(void)
{
    round_trip(4, "ipc_call_reply_4");
}

/* ---- Faults ---- */

/* From one fault of the probe to the next: the reply lets it run the same instruction again. */
static void fault_round_trips(struct kt_probe *p, unsigned fault, tn_info_t info, uint64_t pc, const char *name)
{
    samples.count = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = measure_now();
        struct tn_msg m = tn_reply_recv(p->ep, p->reply, info, pc, 0, 0, 0);
        uint64_t after = measure_now();
        REQUIRE_EQ(tn_info_label(m.info), fault);
        measure_add(&samples, before, after);
    }
    measure_print(&samples, name, 1);
}

static void bench_fault(void)
{
    struct kt_space s;
    struct kt_probe p;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    quiesce();
    kt_probe_start(&p, KT_LOAD, KT_VA(FAULT_INDEX), 0);
    REQUIRE_EQ(kt_probe_finish(&p), TN_FAULT_VM);
    REQUIRE_EQ(p.msg.mr[1], KT_VA(FAULT_INDEX));
    fault_round_trips(&p, TN_FAULT_VM, tn_info(0, 0, 0), 0, "fault_reply");
    kt_probe_reset(&p);
    quiesce();
    kt_probe_start(&p, KT_BREAK, 0, 0);
    REQUIRE_EQ(kt_probe_finish(&p), TN_FAULT_BREAKPOINT);
    fault_round_trips(&p, TN_FAULT_BREAKPOINT, tn_info(0, 0, 1), p.msg.mr[0], "fault_reply_break");
}

/* ---- Page-table writes ---- */

/* A batch of one run that maps `count` pages of `frame`, written once: the sample has the batch's making in it. */
static inline __attribute__((always_inline)) void sample_write(struct tn_pt_batch *b, tn_cptr_t table, unsigned first,
                                                               unsigned count, tn_cptr_t frame)
{
    uint64_t before = measure_now();
    b->runs = 1;
    b->run[0] = (struct tn_pt_run){.table = table,
                                   .object = frame,
                                   .first = (uint16_t)first,
                                   .count = (uint16_t)count,
                                   .op = TN_PT_MAP,
                                   .rights = TN_READ | TN_WRITE,
                                   .page = first};
    struct tn_msg m = tn_syscall(TN_SYS_PT_WRITE, 0, 0, 0, 0, 0, 0, 0);
    uint64_t after = measure_now();
    REQUIRE_EQ(tn_msg_error(m.info), TN_OK);
    measure_add(&samples, before, after);
}

/* Entry i of the table must lead to page i of the frame that starts at `paddr`. */
static void check_entries(const volatile uint64_t *view, uint64_t paddr, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        REQUIRE_EQ(tn_pte_paddr(view[i]), paddr + (uint64_t)i * TN_PAGE_BYTES);
        REQUIRE_EQ(view[i] & TN_PTE_RWX, TN_PTE_R | TN_PTE_W);
    }
}

static void bench_pt_write(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, LARGE_BITS);
    const volatile uint64_t *view = kt_view(table);
    struct tn_pt_batch *b = kt_batch();
    uint64_t paddr = INVM0(frame, TN_FRAME_ADDRESS).mr[0];

    samples.count = 0;
    for (unsigned i = 0; i < SAMPLES; i++)
        sample_write(b, table, i, 1, frame);
    check_entries(view, paddr, SAMPLES);
    EXPECT_EQ(view[SAMPLES], 0);
    measure_print(&samples, "pt_write_1", 1);

    samples.count = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        REQUIRE_OK(kt_pt(table, TN_PT_CLEAR, 0, TN_PT_ENTRIES, 0, 0, 0));
        REQUIRE_EQ(view[0] | view[TN_PT_ENTRIES - 1], 0);
        sample_write(b, table, 0, TN_PT_ENTRIES, frame);
    }
    check_entries(view, paddr, TN_PT_ENTRIES);
    measure_print(&samples, "pt_write_512", TN_PT_ENTRIES);
}

/* ---- Frame ---- */

static void bench_controls(void)
{
    measure_calibrate();
    EXPECT(measure_controls(&samples));
}

static void run(const char *name, void (*fn)(void))
{
    if (kt_failed())
        return;
    kt_mem_begin();
    kt_thread_begin();
    kt_watchdog_arm(name, 60000);
    kt_protected(fn);
    kt_protected(kt_mem_end);
    kt_watchdog_disarm();
    if (kt_outcome())
        measure_say("bench: %s: %s\n", name, kt_outcome());
}

/* The entry (tests/kernel/asm.S) comes here. Thread-local storage exists from the second line on. */
void kt_main(const struct tn_bootinfo *boot);
void kt_main(const struct tn_bootinfo *boot)
{
    __asm__ volatile("mv tp, %0" : : "r"(kt_main_thread.tls));
    kt_boot = boot;
    kt_main_thread.tcb = TN_INIT_TCB;
    kt_main_thread.buffer = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;
    kt_main_hart = kt_hart();
    kt_harts = boot->harts;
    kt_protected(kt_mem_init);
    run("controls", bench_controls);
    run("null_syscall", bench_null);
    run("ipc_call_reply_0", bench_ipc_0);
    run("ipc_call_reply_4", bench_ipc_4);
    run("fault_reply", bench_fault);
    run("pt_write", bench_pt_write);
    if (!kt_failed())
        measure_say("tenon: passed\n");
    kt_finish(!kt_failed());
}
