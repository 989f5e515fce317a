/* The fast paths. See fastpath.h; docs/fault-path.md, hops 2 to 9.
 *
 * Shape of each: checks, which read only; then commit, which cannot fail. The one write among the checks is the endpoint's lock.
 *
 * Locks: one endpoint's (RANK_ENDPOINT), from its look to the end of the commit to its queue.
 * Registers: the file is compiled with s0..s11 fixed (Makefile), so all of the thread's registers that trap.S has not
 * saved are still in place at save_callee_saved().
 */
#include "fastpath.h"
#include "endpoint.h"
#include "flushcheck.h"
#include "fp.h"
#include "gate.h"
#include "invariants.h"
#include "ipc.h"
#include "panic.h"
#include "pt.h"
#include "ptfast.h"
#include "reply.h"
#include "sched.h"
#include "shootdown.h"
#include "vspace.h"
#include <tenon/fault.h>
#include <tenon/invoke.h>

/* ---- registers ---- */

/* The thread leaves the hart: what trap.S has left in the registers. */
static inline void save_callee_saved(struct tcb *t)
{
    __asm__ volatile("sd gp, 3*8(%0)\n\t"
                     "sd s0, 8*8(%0)\n\t"
                     "sd s1, 9*8(%0)\n\t"
                     "sd s2, 18*8(%0)\n\t"
                     "sd s3, 19*8(%0)\n\t"
                     "sd s4, 20*8(%0)\n\t"
                     "sd s5, 21*8(%0)\n\t"
                     "sd s6, 22*8(%0)\n\t"
                     "sd s7, 23*8(%0)\n\t"
                     "sd s8, 24*8(%0)\n\t"
                     "sd s9, 25*8(%0)\n\t"
                     "sd s10, 26*8(%0)\n\t"
                     "sd s11, 27*8(%0)"
                     :
                     : "r"(t)
                     : "memory");
}

/* hop 5 and hop 10: the thread runs, with a message in a0..a5. They are not stored: its next trap saves them. */
static inline __attribute__((noreturn)) void run_with_message(struct tcb *to, uint64_t badge, uint64_t info,
                                                              uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    register uint64_t a0 __asm__("a0") = badge;
    register uint64_t a1 __asm__("a1") = info;
    register uint64_t a2 __asm__("a2") = m0;
    register uint64_t a3 __asm__("a3") = m1;
    register uint64_t a4 __asm__("a4") = m2;
    register uint64_t a5 __asm__("a5") = m3;
    register struct tcb *t6 __asm__("t6") = to;
    __asm__ volatile("j trap_return_message"
                     :
                     : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(t6)
                     : "memory");
    __builtin_unreachable();
}

/* hop 10: the thread runs as it was saved. */
static inline __attribute__((noreturn)) void run_as_saved(struct tcb *to)
{
    register struct tcb *a0 __asm__("a0") = to;
    __asm__ volatile("j trap_return" : : "r"(a0) : "memory");
    __builtin_unreachable();
}

/* The thread that called goes on: its s0..s11 and gp were never touched. */
static inline __attribute__((noreturn)) void run_on(struct tcb *t)
{
    register struct tcb *t6 __asm__("t6") = t;
    __asm__ volatile("j trap_return_same" : : "r"(t6) : "memory");
    __builtin_unreachable();
}

/* ---- looking up ---- */

/* Does the pointer name a slot of the thread's root CNode? Pointers into other CNodes are not so simple. */
static inline bool is_in_root(cspace_root_t root, tn_cptr_t cptr)
{
    return likely(cptr >> (root & 31) == 0 && cptr != 0);
}
static inline const struct slot *root_slot(cspace_root_t root, tn_cptr_t cptr)
{
    return (const struct slot *)(root & ~31ull) + cptr;
}

/* The object of a type whose capabilities say all in their first word, with these rights. false: look the slow way. */
static inline bool object_at(const struct slot *s, enum tn_object type, uint64_t rights, void **object)
{
    struct cap c = {slot_read_w0(s), 0};
    *object = cap_object(c);
    return likely(cap_type(c) == type && cap_has(c, rights));
}

static inline bool object_in(cspace_root_t root, tn_cptr_t cptr, enum tn_object type, uint64_t rights, void **object)
{
    in_register(root);
    return is_in_root(root, cptr) && object_at(root_slot(root, cptr), type, rights, object);
}

/* The endpoint that one sends to through `c` on this hart. */
static inline bool endpoint_to(const struct hart *h, struct cap c, uint64_t info, struct endpoint **e)
{
    if (cap_type(c) == TN_GATE && cap_has(c, TN_WRITE) &&
        likely(!cap_has(c, TN_READ) || tn_info_label(info) != TN_GATE_SET)) /* that may be an invocation */
        return object_at((const struct slot *)cap_object(c) + h->index, TN_ENDPOINT, 0, (void **)e);
    *e = cap_object(c);
    return likely(cap_type(c) == TN_ENDPOINT && cap_has(c, TN_WRITE));
}

/* A message that fits into registers and is the receiver's as it stands: no capabilities, no bits that senders cannot set. */
static inline bool info_is_simple(uint64_t info)
{
    return (info & 0xfff) <= TN_MSG_REG_WORDS && !tn_info_is_error(info);
}

/* ---- switching ---- */

/* May this hart run the blocked thread at once? It is at home here, and nothing ready is more urgent. What is at home here does
 * not move meanwhile. */
static inline bool runs_next(const struct hart *h, const struct tcb *to)
{
    return likely(load_acquire(&to->hart) == h && /* pairs with: set_affinity */
                  sched_none_above(h, to->priority));
}

/* The other thread is to run, but the hart must do more than load its space: floating point changes hands, or the hart has
 * never had this space. */
static __attribute__((noinline, noreturn)) void switch_with_more(struct tcb *to, uint64_t badge, uint64_t info,
                                                                 uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    struct hart *h = hart_self();
    to->x[REG_A0] = badge;
    to->x[REG_A1] = info;
    to->x[REG_A2] = m0;
    to->x[REG_A3] = m1;
    to->x[REG_A4] = m2;
    to->x[REG_A5] = m3;
    if (h->fp_owner != NULL)
        fp_switch(h, to);
    if (load_relaxed(&to->vspace->satp) != h->satp)
        vspace_switch(h, to->vspace);
    run_as_saved(to);
}

/* Second half of hops 4 and 9. The caller has executed a store-conditional in this kernel entry: no reservation outlives it. */
static inline __attribute__((always_inline, noreturn)) void switch_to(struct hart *h, struct tcb *to, uint64_t badge,
                                                                      uint64_t info, uint64_t m0, uint64_t m1,
                                                                      uint64_t m2, uint64_t m3)
{
    kassert_debug(!to->stop); /* a receiver is taken off its queue by who stops it; a caller has been looked at */
    store_relaxed(&to->state, THREAD_READY);
    h->current = to;
    struct vspace *v = load_relaxed(&to->vspace);
    uint64_t satp = load_relaxed(&v->satp); /* its tables are found through the value itself */
    if (unlikely(h->fp_owner != NULL || (satp != h->satp && !vspace_is_known(h, v))))
        switch_with_more(to, badge, info, m0, m1, m2, m3);
    if (likely(satp != h->satp))
        vspace_load(h, satp);
    run_with_message(to, badge, info, m0, m1, m2, m3);
}

/* ---- Call, and faults ---- */

/* hop 4: the receiver that waits at `e` gets the hart, the current thread goes into the reply object that the receiver
 * named. NULL: not so simple; nothing has changed. */
static inline __attribute__((always_inline)) struct tcb *meet(struct hart *h, struct tcb *t, struct endpoint *e)
{
    if (unlikely(!spin_try_lock(&e->lock, RANK_ENDPOINT)))
        return NULL;
    if (unlikely(e->queue <= QUEUE_EMPTY))
        goto no;
    struct tcb *to = e->first;
    struct reply *r;
    if (unlikely(!object_in(load_relaxed(&to->root), load_relaxed(&to->x[REG_A6]), TN_REPLY, 0, (void **)&r) ||
                 !runs_next(h, to)))
        goto no;
    /* From here on somebody who holds the reply object can answer: the thread's registers are in place before. */
    save_callee_saved(t);
    t->reply = r;
    store_relaxed(&t->state, THREAD_BLOCKED_REPLY);                 /* tcb_stop looks at it on this hart alone */
    if (unlikely(!compare_exchange_acq_rel(&r->caller, NULL, t))) { /* pairs with: reply_take, reply_cancel */
        store_relaxed(&t->state, THREAD_READY);
        goto no;
    }
    endpoint_take_first(e, to);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    return to;
no:
    spin_unlock(&e->lock, RANK_ENDPOINT);
    return NULL;
}

/* TN_VSPACE_FLUSH of a space that this hart alone has. Returns where it is another call, where another hart has the space too, and
 * where the arguments are wrong. */
static __attribute__((noinline)) void flush_alone(struct tcb *t, uint64_t cptr, uint64_t info, vaddr_t va,
                                                  uint64_t pages)
{
    if (info != tn_info(TN_VSPACE_FLUSH, 0, 3) || vspace_range_check(va, pages) != TN_OK)
        return;
    struct cap c = cspace_lookup(t->root, cptr);
    if (cap_type(c) != TN_VSPACE || !shootdown_alone(hart_self(), cap_object(c), va, pages))
        return;
    t->x[REG_A0] = 0;
    t->x[REG_A1] = tn_info(0, 0, 1);
    t->x[REG_A2] = 0; /* harts interrupted */
    run_on(t);
}

void fast_call(uint64_t cptr, uint64_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    struct hart *h = hart_self();
    struct tcb *t = h->current;
    invariants_check(h);
    cspace_root_t root = load_relaxed(&t->root); /* once: another hart may exchange it for a smaller CNode */
    if (unlikely(!is_in_root(root, cptr) || !info_is_simple(info))) {
        flush_alone(t, cptr, info, (vaddr_t){m0}, m1);
        return;
    }
    struct cap c = slot_read(root_slot(root, cptr));
    struct endpoint *e;
    if (unlikely(!endpoint_to(h, c, info, &e))) {
        flush_alone(t, cptr, info, (vaddr_t){m0}, m1);
        return;
    }
    struct tcb *to = meet(h, t, e);
    if (unlikely(!to))
        return;
    switch_to(h, to, c.w1, info, m0, m1, m2, m3);
}

/* hop 3. A fault that nobody handles goes the slow way. */
static inline __attribute__((always_inline)) void fault_call(struct hart *h, struct tcb *t, uint32_t label, uint64_t m1,
                                                             uint64_t scause)
{
    struct cap handler = slot_read(&t->slots[TCB_FAULT]);
    struct endpoint *e;
    if (unlikely(!endpoint_to(h, handler, tn_info(label, 0, 4), &e)))
        return;
    uint64_t badge = handler.w1 ? handler.w1 : t->fault_badge, pc = t->x[REG_PC]; /* before somebody can answer */
    t->fault_label = label;
    struct tcb *to = meet(h, t, e);
    if (unlikely(!to)) {
        t->fault_label = 0;
        return;
    }
    switch_to(h, to, badge, tn_info(label, 0, 4), pc, m1, 0, scause);
}

/* hop 2. A fetch, and a fault that is spurious, go the slow way. */
void fast_page_fault(uint64_t scause, uint64_t va)
{
    struct hart *h = hart_self();
    struct tcb *t = h->current;
    invariants_check(h);
    if (unlikely(pt_allows((paddr_t){load_relaxed(&t->vspace->root.v)}, (vaddr_t){va}, scause)))
        return;
    fault_call(h, t, TN_FAULT_VM, va, scause);
}

void fast_breakpoint(uint64_t scause, uint64_t stval)
{
    struct hart *h = hart_self();
    invariants_check(h);
    fault_call(h, h->current, TN_FAULT_BREAKPOINT, stval, scause);
}

/* ---- ReplyRecv ---- */

/* hops 8 and 9: the caller in the reply object gets the message and the hart, the current thread waits at the endpoint. */
static inline __attribute__((always_inline)) void reply_and_wait(struct hart *h, struct tcb *t, uint64_t cptr,
                                                                 uint64_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                                                                 uint64_t m3, uint64_t reply_cptr)
{
    struct reply *r;
    struct endpoint *e;
    if (unlikely(!object_in(t->root, reply_cptr, TN_REPLY, 0, (void **)&r) ||
                 !object_in(t->root, cptr, TN_ENDPOINT, TN_READ, (void **)&e) || !info_is_simple(info)))
        return;
    struct tcb *to = load_relaxed(&r->caller);
    if (unlikely(!to || !runs_next(h, to) || to->stop)) /* stopped on its way into `r`: it is not to run on */
        return;
    uint32_t fault = to->fault_label;
    if (fault != 0 && unlikely(tn_info_label(info) != 0))
        return; /* it is not to run on */
    if (unlikely(!spin_try_lock(&e->lock, RANK_ENDPOINT)))
        return;
    if (unlikely(e->queue < QUEUE_EMPTY) ||
        unlikely(!compare_exchange_acq_rel(&r->caller, to, NULL))) { /* pairs with: attach_reply, meet */
        spin_unlock(&e->lock, RANK_ENDPOINT);
        return;
    }
    flushcheck_reply(to);
    save_callee_saved(t);
    t->state = THREAD_BLOCKED_RECV;
    e->queue = QUEUE_RECEIVERS;
    endpoint_append(e, t);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    if (fault == 0)
        switch_to(h, to, 0, info, m0, m1, m2, m3);
    if (fault != TN_FAULT_VM && tn_info_words(info) != 0)
        to->x[REG_PC] = m0;
    to->fault_label = 0;
    switch_to(h, to, to->x[REG_A0], to->x[REG_A1], to->x[REG_A2], to->x[REG_A3], to->x[REG_A4], to->x[REG_A5]);
}

void fast_reply_recv(uint64_t cptr, uint64_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
                     uint64_t reply_cptr)
{
    struct hart *h = hart_self();
    invariants_check(h);
    reply_and_wait(h, h->current, cptr, info, m0, m1, m2, m3, reply_cptr);
}

/* ---- page-table writes ---- */

/* Batches of other kinds, or refused ones. false: refused, and the thread told. */
static __attribute__((noinline)) bool write_any(struct tcb *t)
{
    status_t status = ptwrite_batch(t);
    if (likely(status == TN_OK))
        return true;
    tcb_set_error(t, status);
    return false;
}

/* hop 7, then 8 and 9. Where the second half cannot be done here the batch is empty by then: the slow way writes nothing
 * twice. */
void fast_pt_reply_recv(void)
{
    struct hart *h = hart_self();
    struct tcb *t = h->current;
    invariants_check(h);
    if (unlikely(!ptfast_batch(t)) && !write_any(t))
        run_on(t);
    reply_and_wait(h, t, t->x[REG_A0], t->x[REG_A1], t->x[REG_A2], t->x[REG_A3], t->x[REG_A4], t->x[REG_A5],
                   t->x[REG_A6]);
}

void fast_pt_write(void)
{
    struct hart *h = hart_self();
    struct tcb *t = h->current;
    invariants_check(h);
    if (likely(ptfast_batch(t)) || write_any(t))
        tcb_set_info(t, 0);
    run_on(t);
}
