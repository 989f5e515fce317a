/* A hart and what belongs to it alone.
 *
 * hart_self() is the only way to one's own; `struct hart *` of another hart comes from hart_at() and may only be used for
 * the fields marked with a letter:
 *     (o) written by the owner only, read by anyone          (b) guarded by box.lock
 *     (t) guarded by timer_lock                              no letter: the owner alone
 * In the kernel the register tp holds the hart's own structure.
 */
#pragma once
#include "spinlock.h"
#include "types.h"

struct tcb;
struct vspace;
struct notification;
struct hart_call;

#define FLUSH_RING 8
#define EVENT_RING 32
#define TIMERS_PER_HART 256
#define KERNEL_STACK_BYTES 8192

struct flush_request {
    uint64_t asid;
    vaddr_t va;
    uint64_t pages; /* 0: the whole ASID */
};

/* Requests that other harts have for this one (ipi.c). A ticket is the value of `posted` after a request was added;
 * the request has been carried out when `done` has reached it. */
struct ipi_box {
    struct spinlock lock;
    uint32_t flush_count;                   /* (b) */
    uint64_t posted;                        /* (b) */
    struct tcb *wake_first;                 /* (b) threads to make ready, linked by tcb.next, oldest first */
    struct tcb *wake_last;                  /* (b) */
    struct hart_call *calls;                /* (b) */
    bool flush_everything;                  /* (b) */
    bool fence_i;                           /* (b) */
    bool interrupted;                       /* (b) a software interrupt was sent since the box was last emptied */
    bool stop;                              /* atomic; another hart panicked */
    struct flush_request flush[FLUSH_RING]; /* (b) */
    uint64_t done __attribute__((aligned(CACHE_LINE))); /* (o) release; pairs with: ipi_wait */
};

/* One line of a hart's history, for panics. */
struct event {
    uint64_t time;
    const char *what;
    uint64_t a, b;
};

struct hart {
    uint64_t kernel_sp;   /* top of the hart's one stack; trap.S starts there at every entry */
    struct tcb *current;  /* (o) the thread that runs in user mode; NULL: idle */
    uint64_t satp;        /* (o) what the CSR holds */
    struct tcb *fp_owner; /* whose state the FP registers hold; see fp.h */
    uint64_t ready_bits;  /* bit p: ready_first[p] is a thread, or a mark; see sched.c */
    uint32_t index;       /* 0 .. harts - 1 */
    bool resched;         /* a thread of higher priority became ready, or a priority changed */
    bool slice_armed;
    uint32_t locks_held;  /* lockdep: bit = rank */
    uint64_t vspace_bit;  /* this hart's bit in a VSpace's set of harts, and */
    uint64_t vspace_word; /* the byte offset of the word it is in */
    uint64_t check_next;  /* invariants.c: page to go on with */
    uint64_t slice_end;   /* `time` at which the current slice ends, while slice_armed */
    struct tcb *ready_first[TN_PRIORITIES];
    struct tcb *ready_last[TN_PRIORITIES];

    uint64_t hartid; /* (o) the firmware's number */
    uint64_t online; /* (o) atomic; 1 once the hart takes part. pairs with: main.c */
    uint32_t event_next;
    struct event events[EVENT_RING]; /* (o) */

    uint32_t idle __attribute__((aligned(CACHE_LINE))); /* (o) 1: in the idle loop, holds no reference; see ipi.c */
    struct ipi_box box __attribute__((aligned(CACHE_LINE)));

    struct spinlock timer_lock __attribute__((aligned(CACHE_LINE)));
    uint32_t timer_count;                         /* (t) */
    struct notification *timers[TIMERS_PER_HART]; /* (t) binary heap by deadline */

    uint8_t stack[KERNEL_STACK_BYTES] __attribute__((aligned(4096)));
} __attribute__((aligned(4096)));

extern struct hart *harts; /* array of hart_count, from boot memory */
extern uint32_t hart_count;

static inline struct hart *hart_self(void)
{
    struct hart *h;
    __asm__("mv %0, tp" : "=r"(h));
    return h;
}
static inline struct hart *hart_at(uint32_t index)
{
    return &harts[index];
}

/* Remembers an event for the panic message. `what` is a string literal. */
void hart_event(const char *what, uint64_t a, uint64_t b);
