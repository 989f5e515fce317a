/* Threads.
 *
 * A thread's scheduling state belongs to its home hart: that hart alone puts it on its ready queue, switches to it, stops
 * it, moves it. Another hart may
 *   - take it off an endpoint's or notification's queue, under that object's lock, or out of a reply object by exchanging the
 *     object's `caller`; it then owns the thread (state WAKING), fills in its registers, and hands it to the home hart;
 *   - ask the home hart to do something to it (ipi_call).
 * So nothing here needs a lock of its own, and a thread that never leaves its hart touches no line of another's.
 *
 * Letters: (h) home hart only; (q) lock of the object in blocked_on; (w) whoever owns the thread: its home hart while it
 * runs or is ready, the waker while WAKING; (c) written under the CSpace lock, read without.
 */
#pragma once
#include "cap.h"
#include "hart.h"
#include "types.h"

struct endpoint;
struct reply;
struct vspace;

enum thread_state {
    THREAD_INACTIVE = 0,
    THREAD_READY, /* in its hart's ready queue, or current */
    THREAD_BLOCKED_SEND,
    THREAD_BLOCKED_RECV,
    THREAD_BLOCKED_REPLY, /* caller in a reply object */
    THREAD_BLOCKED_NTFN,
    THREAD_WAKING, /* some hart took it off what it waited for and will hand it to its home */
};

enum {
    REG_PC = 0,
    REG_RA = 1,
    REG_SP = 2,
    REG_TP = 4,
    REG_A0 = 10,
    REG_A1,
    REG_A2,
    REG_A3,
    REG_A4,
    REG_A5,
    REG_A6,
    REG_A7
};

enum tcb_slot { TCB_CSPACE, TCB_VSPACE, TCB_BUFFER, TCB_FAULT, TCB_SLOTS };

/* How a blocked sender wants its message treated. */
enum { SEND_CALL = 1, SEND_BLOCK = 2, SEND_GRANT = 4, SEND_FAULT = 8 };

struct tcb {
    uint64_t x[32];          /* (w) x[0] is the pc, x[1]..x[31] the registers; trap.S saves here */
    struct hart *hart;       /* (h) home; changes only in tcb_set_affinity */
    struct vspace *vspace;   /* (c) &kernel_vspace if none */
    cspace_root_t root;      /* (c) */
    uint64_t buffer;         /* (c) IPC buffer: direct-map address | pages; 0: none */
    uint8_t state;           /* enum thread_state; see above */
    uint8_t priority;        /* (h) */
    bool stop;               /* (h) suspended while WAKING: becomes inactive when it comes home */
    uint8_t send_how;        /* (q) */
    uint32_t fault_label;    /* (w) message waiting to be sent, or answered, is this fault; 0: none */
    struct tcb *next, *prev; /* queue of blocked_on (q), ready queue (h), or wake list of an ipi_box (b) */
    void *blocked_on;        /* (q) endpoint or notification */
    struct reply *reply;     /* (w) while BLOCKED_REPLY */
    uint64_t send_badge;     /* (q) */
    uint64_t fault_mr[4];    /* (w) */
    uint64_t fault_badge;    /* (h) 0: the handler capability's own */
    uint32_t result_words;   /* (w) words that an invocation under way has placed */
    uint64_t long_what;      /* (w) the long operation that goes on (tcb_long_begin), and */
    uint64_t long_version;
    uint64_t scan_next; /* the page to go on with (memory.h) */
    struct slot slots[TCB_SLOTS];
    uint64_t f[32]; /* (w) floating point registers, saved when the thread leaves a hart dirty */
    uint32_t fcsr;
};
_Static_assert(sizeof(struct tcb) <= 1 << TN_TCB_BITS, "ABI: size of a TCB");
_Static_assert(offsetof(struct tcb, x) == 0, "trap.S");

/* A long operation of the thread's that was interrupted and starts again: of what (a capability's first word, or a number that is
 * none's), and which version of it. CSpace lock held; the thread runs. Over when an invocation completes, another call is made
 * of it, or the thread is suspended: then it has begun nothing. */
#define TCB_LONG_DELETE 1
static inline bool tcb_long_goes_on(const struct tcb *t, uint64_t what, uint64_t version)
{
    return t->long_what == what && t->long_version == version;
}
static inline void tcb_long_begin(struct tcb *t, uint64_t what, uint64_t version)
{
    t->long_what = what;
    t->long_version = version;
}
static inline void tcb_long_over(struct tcb *t)
{
    t->long_what = 0;
}

/* Parts of the `buffer` word, read once: another hart may exchange it. */
static inline struct tn_ipc_buffer *tcb_buffer(uint64_t buffer)
{
    return (struct tn_ipc_buffer *)(buffer & ~0xfffull);
}
static inline uint64_t tcb_buffer_bytes(uint64_t buffer)
{
    return (buffer & 0xfff) << TN_PAGE_BITS;
}

/* Makes a zeroed object a thread: inactive, on hart `h`. */
void tcb_init(struct tcb *t, struct hart *h);
/* A slot of the thread has been emptied: forget what was derived from it. CSpace lock held; any hart. */
void tcb_slot_removed(struct tcb *t, enum tcb_slot which);
/* Puts a capability into one of the thread's own slots (replacing), derived from `source` (NULL: clear). CSpace lock held. */
void tcb_slot_set(struct tcb *t, enum tcb_slot which, struct slot *source);

/* The IPC buffer: `pages` pages from page `first` of the Frame in slot TCB_BUFFER. CSpace lock held. */
void tcb_buffer_set(struct tcb *t, uint64_t first, uint64_t pages);
#define TCB_BUFFER_PAGES_MAX 4095
/* The thread's space may have changed: its hart loads it if the thread runs now. */
void tcb_reload(struct tcb *t);

/* On the home hart, with nothing else going on there: cancels what the thread waits for; it becomes inactive, or will when it
 * comes home. Its pc is such that a cancelled system call would start again. */
void tcb_stop(struct tcb *t);
/* The same from any hart; waits. */
void tcb_stop_anywhere(struct tcb *t);

/* Invocations. Results go to the caller's registers. */
status_t tcb_invoke(struct tcb *caller, struct tcb *t, uint64_t label);

/* The system call results of a thread one owns (w). */
static inline void tcb_set_info(struct tcb *t, uint64_t info)
{
    t->x[REG_A1] = info;
}
static inline void tcb_set_error(struct tcb *t, enum tn_error e)
{
    t->x[REG_A0] = 0;
    t->x[REG_A1] = TN_INFO_ERROR | (uint64_t)e << 12;
}
