/* The frame that the kernel tests stand in: checks, memory and slots of a test, threads, address spaces, probes.
 *
 * A test is a function of one table {name, fn, min_harts}. It runs in the main thread (`init` itself, at the highest
 * priority) and takes everything from the test's own Untyped KT_UNTYPED and from slots handed out by kt_slot(). When it
 * returns, or a REQUIRE fails, the frame revokes the Untyped, empties the slots and asks for the Untyped as a whole
 * again: a kernel that lost memory fails the test.
 *
 * Functions of this header are for the main thread unless they say "any thread".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tenon/bootinfo.h>
#include <tenon/fault.h>
#include <tenon/ptbatch.h>
#include "sys.h"

struct kt_test {
    const char *name;
    void (*fn)(void);
    unsigned min_harts; /* 0 and 1 mean the same */
};
/* One table a file, ended by an entry without a name. */
extern const struct kt_test untyped_tests[], cnode_tests[], revoke_tests[], regs_tests[], endpoint_tests[],
    message_tests[], transfer_tests[], gone_tests[], reply_tests[], gate_tests[], notification_tests[],
    deadline_tests[], tcb_tests[], tcb_life_tests[], sched_tests[], vspace_tests[], view_tests[], ptbatch_tests[],
    ptrefuse_tests[], frame_tests[], flush_tests[], flushowed_tests[], ptreply_tests[], fault_tests[], fp_tests[],
    irq_tests[], stubs_tests[], smp_tests[], smp_cap_tests[], hostile_tests[], worlds_tests[];

/* ---- Checks (check.c). Any thread. The first failure of a test is the one reported. ---- */

bool kt_check(bool ok, const char *file, int line, const char *what, uint64_t got, uint64_t expected);
bool kt_check_error(int got, int expected, const char *file, int line, const char *what);
__attribute__((noreturn)) void kt_abort(void);              /* ends the test, or the thread it is called in */
__attribute__((noreturn)) void kt_skip(const char *reason); /* main thread */
bool kt_failed(void);
void kt_case(uint64_t value); /* shown with a failure: which of a loop's cases */

#define EXPECT(cond) kt_check(cond, __FILE__, __LINE__, #cond, 0, 1)
#define EXPECT_EQ(got, expected)                                                                                       \
    ({                                                                                                                 \
        uint64_t kt_got = (uint64_t)(got), kt_want = (uint64_t)(expected);                                             \
        kt_check(kt_got == kt_want, __FILE__, __LINE__, #got, kt_got, kt_want);                                        \
    })
#define EXPECT_ERROR(call, error) kt_check_error(call, error, __FILE__, __LINE__, #call)
/* Where the contract names no error, or leaves two open: any will do, success will not. */
#define EXPECT_REFUSED(call)                                                                                           \
    ({                                                                                                                 \
        int kt_result = (call);                                                                                        \
        kt_check(kt_result > 0 && kt_result < TN_ERROR_COUNT, __FILE__, __LINE__, #call " is refused",                 \
                 (uint64_t)kt_result, TN_ILLEGAL_OPERATION);                                                           \
    })
#define EXPECT_EITHER(call, error1, error2)                                                                            \
    ({                                                                                                                 \
        int kt_result = (call);                                                                                        \
        kt_check_error(kt_result, kt_result == (error2) ? (error2) : (error1), __FILE__, __LINE__, #call);             \
    })
#define EXPECT_OK(call) EXPECT_ERROR(call, TN_OK)
#define REQUIRE(cond) ((void)(EXPECT(cond) || (kt_abort(), 0)))
#define REQUIRE_EQ(got, expected) ((void)(EXPECT_EQ(got, expected) || (kt_abort(), 0)))
#define REQUIRE_OK(call) ((void)(EXPECT_OK(call) || (kt_abort(), 0)))

void kt_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *kt_error_name(int error);
uint64_t kt_random(uint64_t *state); /* any thread; state must not be 0 */

extern uint64_t kt_seed;      /* of this run */
extern uint64_t kt_test_seed; /* of this test: seed and name */

/* ---- The system (main.c) ---- */

extern const struct tn_bootinfo *kt_boot;
extern unsigned kt_harts;     /* harts that tests use: all, but at most KT_HARTS_MAX */
extern unsigned kt_main_hart; /* where the main thread runs */
#define KT_HARTS_MAX 16
unsigned kt_gate_bits(void); /* log2 of the slots of the smallest Gate for this machine */

/* Time (any thread): ticks of the `time` CSR. */
uint64_t kt_ticks_ms(uint64_t ms);
void kt_sleep_ticks(uint64_t ticks); /* main thread */

/* ---- Memory and slots of a test (mem.c) ---- */

/* Slots of the root CNode, fixed by kt_mem_init(). */
extern uint32_t kt_slot_untyped; /* the test's own memory */
extern uint32_t kt_slot_code;    /* Frame, one page: the code of asm.S' probes; READ, EXEC */
extern uint32_t kt_slot_wake;    /* Notification the main thread sleeps on, badge 1, WRITE */
extern uint32_t kt_slot_fault;   /* Endpoint that takes faults of kt_thread threads */
#define KT_ROOT ((tn_cptr_t)TN_INIT_CNODE)
#define KT_UNTYPED ((tn_cptr_t)kt_slot_untyped)
#define KT_UNTYPED_BITS 24

void kt_mem_init(void);
void kt_mem_begin(void);
void kt_mem_end(void); /* takes everything back and checks that it was all */

uint32_t kt_slots(unsigned count); /* first of `count` consecutive empty slots */
uint32_t kt_slot(void);
tn_cptr_t kt_object(unsigned type, unsigned size_bits); /* one new object in a new slot */
tn_cptr_t kt_mint(tn_cptr_t source, unsigned rights, uint64_t badge);
tn_cptr_t kt_copy(tn_cptr_t source, unsigned rights);
bool kt_slot_is_empty(uint32_t slot); /* of the root CNode */
/* The largest piece of RAM that no other test uses, and log2 of its bytes; 0 if there is none. Revoked after the test. */
tn_cptr_t kt_big_untyped(unsigned *size_bits);
/* A Frame that holds the device's registers (test device and UART), and the page of `paddr` in it; 0: there is none. */
tn_cptr_t kt_device_frame(uint64_t paddr, uint64_t *page);

/* Maps pages of a frame into the main program's window; lasts until the end of the test. */
void *kt_map(tn_cptr_t frame, uint64_t first_page, unsigned pages, unsigned rights);
const volatile uint64_t *kt_view(tn_cptr_t table); /* a read-only view of a page table */

/* ---- Threads of the main program (thread.c) ---- */

struct kt_thread {
    void (*fn)(struct kt_thread *t);
    uint64_t arg[4];        /* for the test */
    uint64_t result[4];     /* for the test */
    volatile uint32_t stop; /* for the test: "end your loop" */
    uint32_t done;          /* atomic: fn returned */
    uint32_t index;
    tn_cptr_t tcb;
    uint8_t *stack_top;
    struct tn_ipc_buffer *buffer; /* 4 pages */
    uint64_t exit_sp, exit_pc;
    uint64_t count __attribute__((aligned(64)));   /* atomic, for the test: progress others may read */
    uint8_t tls[512] __attribute__((aligned(64))); /* tp points here */
};
#define KT_THREADS_MAX 96 /* of one test */
#define KT_BUFFER_PAGES 4
#define KT_PRIO_LOW 8 /* default of a test's threads; 1 is the settle threads' */

extern unsigned kt_prio_max; /* the main thread's */

void kt_thread_init(void);
void kt_thread_begin(void);
struct kt_thread *kt_thread_new(unsigned hart, void (*fn)(struct kt_thread *)); /* configured, not running */
struct kt_thread *kt_thread_new_prio(unsigned hart, unsigned prio, void (*fn)(struct kt_thread *));
void kt_thread_start(struct kt_thread *t);
struct kt_thread *kt_spawn(unsigned hart, void (*fn)(struct kt_thread *), uint64_t arg0, uint64_t arg1);
void kt_join(struct kt_thread *t);          /* a thread that does not end, or faults, fails the test */
void kt_spin(struct kt_thread *t);          /* counts in t->count until t->stop */
void kt_stop_and_join(struct kt_thread *t); /* one that looks at t->stop */
bool kt_is_done(const struct kt_thread *t);
__attribute__((noreturn)) void kt_thread_exit(void); /* any thread but main */
struct kt_thread *kt_self(void);                     /* any thread */
struct tn_ipc_buffer *kt_buffer(void);               /* any thread: its own */
/* Returns when every thread of the hart above priority 1 has blocked or stopped. */
void kt_settle(unsigned hart);
void kt_settle_all(void);
/* Sleeps until the counter is at least `least`; fails the test after a generous time. */
void kt_await_count(const uint64_t *count, uint64_t least);
static inline uint64_t kt_load_acquire(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline void kt_store_release(uint64_t *p, uint64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE);
}
static inline uint64_t kt_add(uint64_t *p, uint64_t n)
{
    return __atomic_add_fetch(p, n, __ATOMIC_ACQ_REL);
}

/* ---- Page-table batches (ptwrite.c). Any thread, in its own IPC buffer. ---- */

struct tn_pt_batch *kt_batch(void);
struct tn_pt_batch *kt_batch_clear(void);
struct tn_pt_run *kt_batch_add(tn_cptr_t table, unsigned op, unsigned first, unsigned count, tn_cptr_t object,
                               uint64_t page, unsigned rights);
uint64_t *kt_batch_words(void); /* the batch as words, for `in` and `out` */
int kt_batch_write(void);
/* A batch of one run. */
int kt_pt(tn_cptr_t table, unsigned op, unsigned first, unsigned count, tn_cptr_t object, uint64_t page,
          unsigned rights);

/* ---- Address spaces and probes (space.c) ---- */

/* A space with one chain of tables: table[level] down to table[0], which covers base .. base + 2 MiB.
 * The probe's code is mapped at KT_CODE_VA where base is 0. */
struct kt_space {
    tn_cptr_t vspace;
    tn_cptr_t table[5];
    uint64_t base;
};
#define KT_CODE_VA 0x1000ull
#define KT_DATA_INDEX 16 /* first free entry of table[0] */
#define KT_VA(index) ((uint64_t)(index) << 12)

void kt_space_new(struct kt_space *s);
tn_cptr_t kt_space_with_root(void); /* a VSpace with an empty root, no more */
/* Adds a chain of tables below the root for `va` down to `level`; returns the lowest. */
tn_cptr_t kt_space_extend(struct kt_space *s, uint64_t va, unsigned level);
unsigned kt_index(uint64_t va, unsigned level);

/* A thread in a space of its own that does single memory accesses on command (asm.S: kt_probe_entry). */
struct kt_probe {
    tn_cptr_t tcb, ep, reply;
    struct kt_msg msg; /* the last message from it: a fault or an answer */
    uint64_t pc;       /* kt_probe_entry in its space */
};
enum kt_probe_op {
    KT_LOAD = 0, /* -> the 64-bit word at addr */
    KT_STORE = 1,
    KT_EXEC = 2,  /* calls addr -> a0 */
    KT_UNTIL = 3, /* loads from addr until it reads value */
    KT_ECALL = 4, /* system call number addr, a0 = value, a1 = value + 1 -> a0 */
    KT_BREAK = 5,
    KT_ILLEGAL = 6,
    KT_AMO = 7,      /* adds value to the word at addr -> the old one */
    KT_COUNT_UP = 8, /* adds 1 to the word at addr for ever */
    KT_LOAD_BYTE = 9,
    KT_STORE_FOR_EVER = 10, /* stores value to addr for ever */
};
#define KT_PROBE_LABEL 0x700

void kt_probe_new(struct kt_probe *p, const struct kt_space *s, unsigned hart);
void kt_probe_new_handled(struct kt_probe *p, const struct kt_space *s, unsigned hart, tn_cptr_t handler);
/* Runs one command; 0, or the enum tn_fault it ended in (then the probe stands ready again; words in p->msg). */
unsigned kt_probe_run(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t value, uint64_t *result);
/* The same in halves. After a fault the probe still waits for its reply: reply to p->reply or call kt_probe_reset(). */
void kt_probe_start(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t value);
unsigned kt_probe_finish(struct kt_probe *p);
void kt_probe_reset(struct kt_probe *p);
/* The common cases: a load that must give `expected`, a store that must pass, an access that must fault. */
bool kt_probe_loads(struct kt_probe *p, uint64_t addr, uint64_t expected);
bool kt_probe_stores(struct kt_probe *p, uint64_t addr, uint64_t value);
bool kt_probe_faults(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t scause);

/* ---- Assembly (asm.S) ---- */

extern uint8_t kt_code_start[];                       /* the probes' page ... */
extern const uint64_t kt_code_bytes, kt_probe_offset; /* ... its length, and where in it a probe begins */
extern uint8_t kt_thread_entry[];
/* Loads x1..x31 from r[1..31], makes a system call, stores all back. */
void kt_regs_ecall(uint64_t r[32]);
/* Loads x1..x31, spins r[31] times, stores all back. */
void kt_regs_spin(uint64_t r[32]);
/* Loads f0..f31 and fcsr from in[0..32], spins `loops` times (a system call TN_SYS_YIELD in each where `yields`), stores
 * them to out. */
void kt_fp_spin(const uint64_t in[33], uint64_t out[33], uint64_t loops, uint64_t yields);

/* Device tree (devices.c): register base of the first node compatible, and its interrupt; false if there is none. */
bool kt_device(const char *compatible, uint64_t *paddr, uint32_t *irq);
bool kt_bootarg(const char *key, char *value, size_t bytes);
__attribute__((noreturn)) void kt_finish(bool passed); /* any thread: ends QEMU */
void kt_devices_init(void);
