/* System calls. See syscall.h and tenon/syscall.h.
 *
 * This is the way that knows all cases; the usual ones were done before (fastpath.h), and TN_SYS_HART in trap.S.
 *
 * A call's arguments stay in the thread's saved registers until it completes, and trap.S has advanced the pc: to start a call
 * again is to take the pc back. Capabilities are looked up without a lock; an operation that needs the CSpace lock looks up
 * again under it.
 */
#include "syscall.h"
#include "cdt.h"
#include "cnode.h"
#include "console.h"
#include "gate.h"
#include "ipc.h"
#include "irq.h"
#include "notification.h"
#include "ptwrite.h"
#include "sched.h"
#include "vspace.h"
#include <string.h>
#include <tenon/fault.h>
#include <tenon/invoke.h>
#include <tenon/syscall.h>

void syscall_complete(struct tcb *t, status_t status, uint32_t words)
{
    tcb_long_over(t);
    tcb_set_error(t, status);
    t->x[REG_A1] = (status == TN_OK ? 0 : t->x[REG_A1]) | words;
}

status_t error_argument(struct tcb *t, uint32_t number)
{
    syscall_results(t, (uint64_t[]){number}, 1);
    return TN_INVALID_ARGUMENT;
}

status_t error_capability(struct tcb *t, uint32_t number)
{
    syscall_results(t, (uint64_t[]){number}, 1);
    return TN_INVALID_CAPABILITY;
}

status_t error_range(struct tcb *t, uint64_t least, uint64_t greatest)
{
    syscall_results(t, (uint64_t[]){least, greatest}, 2);
    return TN_RANGE_ERROR;
}

void syscall_results(struct tcb *t, const uint64_t *words, uint32_t count)
{
    struct tn_ipc_buffer *buffer = tcb_buffer(load_relaxed(&t->buffer));
    for (uint32_t i = 0; i < count && i < TN_MSG_REG_WORDS; i++)
        t->x[REG_A2 + i] = words[i];
    for (uint32_t i = TN_MSG_REG_WORDS; i < count && buffer; i++)
        buffer->msg[i] = words[i];
    t->result_words = count;
}

/* Starts the call again: now, or when the thread next runs. */
static void restart(struct hart *h, struct tcb *t)
{
    if (h->current == t)
        t->x[REG_PC] -= 4;
}

/* ---- messages ---- */

/* Words past the registers need a buffer, and have an end. */
static inline bool message_valid(const struct tcb *t)
{
    uint64_t info = t->x[REG_A1];
    if (likely(!info_is_long(info)))
        return true;
    return tn_info_words(info) <= TN_MSG_WORDS_MAX && load_relaxed(&t->buffer) != 0;
}

/* The endpoint that a capability leads to from this hart, or NULL with the error set. */
static inline struct endpoint *endpoint_of(struct hart *h, struct tcb *t, struct cap c, uint64_t right)
{
    enum tn_error e = TN_INVALID_CAPABILITY;
    if (likely(cap_type(c) == TN_ENDPOINT && cap_has(c, right)))
        return cap_object(c);
    if (c.w0 == 0) {
        e = TN_FAILED_LOOKUP;
    } else if (cap_type(c) == TN_GATE && cap_has(c, right) && right == TN_WRITE) {
        c = gate_endpoint(c, h);
        if (likely(c.w0 != 0))
            return cap_object(c);
        e = TN_PEER_GONE;
    }
    tcb_set_error(t, e);
    return NULL;
}

/* Sends through `c`, which has been looked up. The outcome IPC_NEEDS_CSPACE is dealt with here. */
static void send_through(struct hart *h, struct tcb *t, struct cap c, uint32_t how)
{
    if (unlikely(!message_valid(t))) {
        tcb_set_error(t, TN_TRUNCATED_MESSAGE);
        return;
    }
    struct endpoint *e = endpoint_of(h, t, c, TN_WRITE);
    if (unlikely(!e))
        return;
    how |= cap_has(c, TN_GRANT) ? SEND_GRANT : 0;
    if (likely(ipc_send(h, t, e, c.w1, how, false) != IPC_NEEDS_CSPACE))
        return;
    if (!cspace_lock(t))
        return;
    c = cspace_lookup(t->root, t->x[REG_A0]);
    e = endpoint_of(h, t, c, TN_WRITE);
    if (e)
        (void)ipc_send(h, t, e, c.w1, (how & ~SEND_GRANT) | (cap_has(c, TN_GRANT) ? SEND_GRANT : 0), true);
    cspace_unlock();
}

static void sys_send(struct hart *h, struct tcb *t, uint32_t how)
{
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    if (cap_type(c) == TN_NOTIFICATION && cap_has(c, TN_WRITE)) {
        tcb_set_info(t, 0);
        notification_signal(cap_object(c), c.w1);
        return;
    }
    send_through(h, t, c, how);
}

/* The receiving half of Recv, ReplyRecv and their kin. */
static void receive_from(struct hart *h, struct tcb *t, bool block)
{
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    if (unlikely(cap_type(c) == TN_NOTIFICATION && cap_has(c, TN_READ))) {
        notification_wait(h, t, cap_object(c), block);
        return;
    }
    struct endpoint *e = endpoint_of(h, t, c, TN_READ);
    if (unlikely(!e))
        return;
    enum ipc_outcome outcome = ipc_receive(h, t, e, block, false);
    if (likely(outcome == IPC_DONE))
        return;
    if (outcome == IPC_NEEDS_CSPACE) {
        if (!cspace_lock(t))
            return;
        e = endpoint_of(h, t, cspace_lookup(t->root, t->x[REG_A0]), TN_READ);
        outcome = e ? ipc_receive(h, t, e, block, true) : IPC_DONE;
        cspace_unlock();
    }
    if (outcome == IPC_RESTART)
        restart(h, t);
}

/* A reply object in use cannot hold another caller: say so at once rather than refuse callers later. */
static bool reply_object_valid(struct tcb *t, struct reply **r)
{
    *r = NULL;
    if (t->x[REG_A6] == 0)
        return true;
    struct cap c = cspace_lookup(t->root, t->x[REG_A6]);
    if (likely(cap_type(c) == TN_REPLY)) {
        *r = cap_object(c);
        return true;
    }
    tcb_set_error(t, c.w0 == 0 ? TN_FAILED_LOOKUP : TN_INVALID_CAPABILITY);
    return false;
}

static void sys_recv(struct hart *h, struct tcb *t, bool block)
{
    struct reply *r;
    if (!reply_object_valid(t, &r))
        return;
    if (r && load_relaxed(&r->caller) != NULL) {
        tcb_set_error(t, TN_ILLEGAL_OPERATION);
        return;
    }
    receive_from(h, t, block);
}

/* Answers through a6. false: an error is set, nothing was answered. *caller: who is to run on; WAKING. */
static inline bool reply_part(struct tcb *t, struct tcb **caller)
{
    struct reply *r;
    *caller = NULL;
    if (unlikely(!message_valid(t))) {
        tcb_set_error(t, TN_TRUNCATED_MESSAGE);
        return false;
    }
    if (unlikely(!reply_object_valid(t, &r)))
        return false;
    if (likely(r && !ipc_has_caps(t))) {
        *caller = ipc_reply(t, r, false);
        return true;
    }
    if (!r)
        return true;
    if (!cspace_lock(t))
        return false;
    bool valid = reply_object_valid(t, &r);
    if (valid)
        *caller = ipc_reply(t, r, true);
    cspace_unlock();
    return valid;
}

static void sys_reply_recv(struct hart *h, struct tcb *t)
{
    struct tcb *caller;
    if (unlikely(!reply_part(t, &caller)))
        return;
    if (unlikely(!caller)) {
        receive_from(h, t, true);
        return;
    }
    if (unlikely(load_acquire(&caller->hart) != h)) { /* pairs with: set_affinity */
        sched_wake(h, caller);
        receive_from(h, t, true);
        return;
    }
    /* Where a message waits already the server goes on, and the caller joins the ready queue. */
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    struct endpoint *e = cap_type(c) == TN_ENDPOINT && cap_has(c, TN_READ) ? cap_object(c) : NULL;
    if (likely(e && load_relaxed(&e->queue) != QUEUE_SENDERS)) {
        enum ipc_outcome outcome = ipc_receive(h, t, e, true, false);
        if (likely(!h->current)) {
            sched_hand_over(h, caller);
            return;
        }
        sched_arrive(h, caller); /* a sender came since we looked */
        if (outcome != IPC_DONE)
            receive_from(h, t, true);
        return;
    }
    sched_arrive(h, caller);
    receive_from(h, t, true);
}

/* hop 7, then 8 and 9. */
static void sys_pt_reply_recv(struct hart *h, struct tcb *t)
{
    status_t status = ptwrite_batch(t);
    if (likely(status == TN_OK))
        sys_reply_recv(h, t);
    else
        tcb_set_error(t, status);
}

static void sys_reply(struct hart *h, struct tcb *t)
{
    struct tcb *caller;
    if (!reply_part(t, &caller))
        return;
    tcb_set_info(t, 0);
    if (caller)
        sched_wake(h, caller);
}

/* ---- invocations ---- */

static status_t invoke_address(struct tcb *t, struct cap c, uint64_t label)
{
    bool frame = cap_type(c) == TN_FRAME;
    if (label != (frame ? TN_FRAME_ADDRESS : TN_PAGETABLE_ADDRESS))
        return TN_ILLEGAL_OPERATION;
    syscall_results(t, (uint64_t[]){cap_paddr(c).v, frame ? cap_frame_bits(c) : c.w1}, 2);
    return TN_OK;
}

static status_t invoke_irq(struct tcb *t, struct cap c, uint64_t label)
{
    struct cap n;
    switch (label) {
    case TN_IRQ_SET_NTFN:
        n = cspace_lookup(t->root, t->x[REG_A2]);
        if (n.w0 == 0)
            return TN_FAILED_LOOKUP;
        if (cap_type(n) != TN_NOTIFICATION || !cap_has(n, TN_WRITE))
            return error_capability(t, 1);
        irq_bind(c.w1, cap_object(n), n.w1);
        return TN_OK;
    case TN_IRQ_ACK:
        irq_ack(c.w1);
        return TN_OK;
    case TN_IRQ_CLEAR:
        irq_bind(c.w1, NULL, 0);
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* Does the invocation change capability spaces? */
static bool changes_cspace(enum tn_object type, uint64_t label)
{
    switch (type) {
    case TN_UNTYPED:
    case TN_CNODE:
    case TN_GATE:
    case TN_IRQ_CONTROL:
        return true;
    case TN_TCB:
        return label == TN_TCB_SET_SPACE || label == TN_TCB_SET_BUFFER;
    case TN_VSPACE:
        return label == TN_VSPACE_SET_ROOT;
    default:
        return false;
    }
}

/* Words that an invocation must have, by label. */
static const uint8_t words_needed[] = {
    [TN_UNTYPED_RETYPE] = 4,   [TN_CNODE_COPY] = 3,       [TN_CNODE_MINT] = 4,      [TN_CNODE_MOVE] = 2,
    [TN_CNODE_DELETE] = 1,     [TN_CNODE_REVOKE] = 1,     [TN_TCB_SET_SPACE] = 3,   [TN_TCB_SET_BUFFER] = 3,
    [TN_TCB_SET_PRIORITY] = 1, [TN_TCB_SET_AFFINITY] = 1, [TN_TCB_WRITE_REGS] = 4,  [TN_TCB_READ_REGS] = 2,
    [TN_TCB_WRITE_REG] = 2,    [TN_TCB_SET_BADGE] = 1,    [TN_GATE_SET] = 2,        [TN_NTFN_DEADLINE] = 1,
    [TN_VSPACE_SET_ROOT] = 1,  [TN_VSPACE_FLUSH] = 3,     [TN_IRQ_CONTROL_GET] = 3, [TN_IRQ_SET_NTFN] = 1,
};

static status_t invoke(struct tcb *t, struct cap c, uint64_t label)
{
    if (label < sizeof(words_needed) && tn_info_words(t->x[REG_A1]) < words_needed[label])
        return c.w0 == 0 ? TN_FAILED_LOOKUP : TN_TRUNCATED_MESSAGE;
    if (changes_cspace(cap_type(c), label))
        return cspace_invoke(t, t->x[REG_A0], label);
    switch (cap_type(c)) {
    case TN_TCB:
        return tcb_invoke(t, cap_object(c), label);
    case TN_NOTIFICATION:
        return notification_invoke(t, c, label);
    case TN_VSPACE:
        return vspace_invoke(t, c, label);
    case TN_PAGETABLE:
    case TN_FRAME:
        return invoke_address(t, c, label);
    case TN_IRQ_HANDLER:
        return invoke_irq(t, c, label);
    case TN_NULL:
        return TN_FAILED_LOOKUP;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

static void sys_call(struct hart *h, struct tcb *t)
{
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    enum tn_object type = cap_type(c);
    uint64_t label = tn_info_label(t->x[REG_A1]);
    if (likely(type == TN_ENDPOINT || (type == TN_GATE && !(cap_has(c, TN_READ) && label == TN_GATE_SET)))) {
        tcb_long_over(t);
        send_through(h, t, c, SEND_CALL | SEND_BLOCK);
        return;
    }
    hart_event("invoke", (uint64_t)type << 32 | label, t->x[REG_A2]);
    t->result_words = 0;
    status_t status = invoke(t, c, label);
    if (unlikely(h->current != t))
        return;
    if (status == STATUS_RESTART)
        restart(h, t);
    else
        syscall_complete(t, status, t->result_words);
}

/* ---- the rest ---- */

static void sys_wait(struct hart *h, struct tcb *t, bool block)
{
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    if (cap_type(c) == TN_NOTIFICATION && cap_has(c, TN_READ))
        notification_wait(h, t, cap_object(c), block);
    else
        tcb_set_error(t, c.w0 == 0 ? TN_FAILED_LOOKUP : TN_INVALID_CAPABILITY);
}

static void sys_signal(struct tcb *t)
{
    struct cap c = cspace_lookup(t->root, t->x[REG_A0]);
    if (cap_type(c) != TN_NOTIFICATION || !cap_has(c, TN_WRITE)) {
        tcb_set_error(t, c.w0 == 0 ? TN_FAILED_LOOKUP : TN_INVALID_CAPABILITY);
        return;
    }
    tcb_set_info(t, 0);
    notification_signal(cap_object(c), c.w1);
}

static void sys_debug_put(struct tcb *t)
{
    uint64_t count = t->x[REG_A0];
    if (count > 5 * sizeof(uint64_t)) {
        tcb_set_error(t, TN_RANGE_ERROR);
        return;
    }
    console_write((const char *)&t->x[REG_A1], count);
    tcb_set_info(t, 0);
}

void syscall_dispatch(struct hart *h, struct tcb *t)
{
    switch (t->x[REG_A7]) {
    case TN_SYS_CALL:
        sys_call(h, t);
        break;
    case TN_SYS_REPLY_RECV:
        sys_reply_recv(h, t);
        break;
    case TN_SYS_PT_REPLY_RECV:
        sys_pt_reply_recv(h, t);
        break;
    case TN_SYS_SEND:
        sys_send(h, t, SEND_BLOCK);
        break;
    case TN_SYS_NB_SEND:
        sys_send(h, t, 0);
        break;
    case TN_SYS_RECV:
        sys_recv(h, t, true);
        break;
    case TN_SYS_NB_RECV:
        sys_recv(h, t, false);
        break;
    case TN_SYS_SIGNAL:
        sys_signal(t);
        break;
    case TN_SYS_WAIT:
        sys_wait(h, t, true);
        break;
    case TN_SYS_POLL:
        sys_wait(h, t, false);
        break;
    case TN_SYS_YIELD:
        sched_yield(h);
        break;
    case TN_SYS_REPLY:
        sys_reply(h, t);
        break;
    case TN_SYS_DEBUG_PUT:
        sys_debug_put(t);
        break;
    default:
        t->x[REG_PC] -= 4;
        ipc_fault(h, t, TN_FAULT_UNKNOWN_SYSCALL, t->x[REG_PC], t->x[REG_A7], t->x[REG_A0], t->x[REG_A1]);
    }
}
