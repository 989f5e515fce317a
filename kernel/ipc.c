/* Messages between threads. See ipc.h, and docs/fault-path.md, whose hops 3, 4, 8 and 9 are here.
 *
 * Locks: one endpoint's (RANK_ENDPOINT), only to take a thread off its queue or put one on. A thread taken off is WAKING and
 * belongs to the taker until it is handed to its home hart. With capabilities, the CSpace lock is held from before any
 * look-up.
 */
#include "ipc.h"
#include "cdt.h"
#include "flushcheck.h"
#include "gate.h"
#include "sched.h"
#include <tenon/fault.h>

/* ---- moving a message ---- */

/* What a sender may set in an info word. */
#define INFO_SENDER_MASK (~(TN_INFO_ERROR | 0xe00ull))

/* A message as it will stand in the receiver's registers. It is taken from the sender before anybody can answer: from then on the
 * sender's registers and buffer may hold the answer. */
struct message {
    uint64_t info, word[TN_MSG_REG_WORDS];
};

/* Words past the registers. Returns the info word as the receiver gets it: cut to what it can take. */
static __attribute__((noinline)) uint64_t transfer_words(struct tcb *from, struct tcb *to, uint64_t info)
{
    struct tn_ipc_buffer *in = tcb_buffer(load_relaxed(&from->buffer)), *out = tcb_buffer(load_relaxed(&to->buffer));
    uint32_t words = tn_info_words(info), caps = tn_info_caps(info);
    words = words > TN_MSG_WORDS_MAX ? TN_MSG_WORDS_MAX : words;
    if (!in || !out) {
        words = words > TN_MSG_REG_WORDS ? TN_MSG_REG_WORDS : words;
        caps = 0;
    }
    for (uint32_t i = TN_MSG_REG_WORDS; i < words; i++)
        out->msg[i] = in->msg[i];
    return tn_info(tn_info_label(info), caps, words);
}

/* Capabilities, from the sender's slots to the receiver's. Returns how many arrived. CSpace lock held: buffers and roots stay. */
static uint32_t transfer_caps(struct tcb *from, struct tcb *to, uint32_t count)
{
    struct tn_ipc_buffer *in = tcb_buffer(load_relaxed(&from->buffer)), *out = tcb_buffer(load_relaxed(&to->buffer));
    if (!in || !out)
        return 0;
    uint64_t first = load_relaxed(&out->recv_slot);
    for (uint32_t i = 0; i < count; i++) {
        struct slot *source = cspace_slot(from->root, load_relaxed(&in->caps[i]));
        struct slot *dest = first <= UINT32_MAX - i ? cspace_slot(to->root, first + i) : NULL; /* 0: take none */
        if (!source || !dest || source->w0 == 0 || dest->w0 != 0)
            return i;
        struct cap c = {source->w0, source->w1};
        if (cap_type(c) == TN_UNTYPED || cap_type(c) == TN_IRQ_CONTROL)
            return i;
        cdt_insert_derived(dest, c, source, SLOT_COPY);
        store_relaxed(&out->caps[i], first + i);
    }
    return count;
}

/* All but the capabilities, whose number stays in the info word. */
static inline struct message message_take(struct tcb *from, struct tcb *to)
{
    uint64_t info = load_relaxed(&from->x[REG_A1]) & INFO_SENDER_MASK;
    if (unlikely(info_is_long(info)))
        info = transfer_words(from, to, info);
    return (struct message){info, {from->x[REG_A2], from->x[REG_A3], from->x[REG_A4], from->x[REG_A5]}};
}

static inline struct message message_of_fault(const struct tcb *from)
{
    return (struct message){tn_info(from->fault_label, 0, 4),
                            {from->fault_mr[0], from->fault_mr[1], from->fault_mr[2], from->fault_mr[3]}};
}

/* `pass_caps`: granted, and the CSpace lock is held. */
static inline void message_give(struct tcb *from, struct tcb *to, uint64_t badge, struct message m, bool pass_caps)
{
    if (unlikely(tn_info_caps(m.info) != 0)) {
        uint32_t arrived = pass_caps ? transfer_caps(from, to, tn_info_caps(m.info)) : 0;
        m.info = tn_info(tn_info_label(m.info), arrived, tn_info_words(m.info));
    }
    to->x[REG_A0] = badge;
    to->x[REG_A1] = m.info;
    to->x[REG_A2] = m.word[0];
    to->x[REG_A3] = m.word[1];
    to->x[REG_A4] = m.word[2];
    to->x[REG_A5] = m.word[3];
}

/* ---- reply objects ---- */

/* The object that a receiver named for its next caller; NULL if there is none. */
static inline struct reply *reply_for(const struct tcb *receiver)
{
    struct cap c = cspace_lookup(receiver->root, load_relaxed(&receiver->x[REG_A6]));
    return likely(cap_type(c) == TN_REPLY) ? cap_object(c) : NULL;
}

/* Puts a caller one owns into a reply object. false: somebody is in it. */
static inline bool attach_reply(struct reply *r, struct tcb *caller)
{
    caller->reply = r;
    store_release(&caller->state, THREAD_BLOCKED_REPLY);       /* pairs with: tcb_stop, which then reads `reply` */
    return compare_exchange_acq_rel(&r->caller, NULL, caller); /* pairs with: reply_take, reply_cancel */
}

/* The message of a thread one owns cannot be taken: a caller, where the receiver has no reply object for it. */
static void refuse(struct tcb *t)
{
    if (t->fault_label != 0)
        t->stop = true; /* nobody can answer its fault */
    else
        tcb_set_error(t, TN_ILLEGAL_OPERATION);
    t->fault_label = 0;
}

/* ---- send ---- */

static enum ipc_outcome send_blocks(struct hart *h, struct tcb *t, struct endpoint *e, uint64_t badge, uint32_t how)
{
    if (!(how & SEND_BLOCK)) {
        spin_unlock(&e->lock, RANK_ENDPOINT);
        tcb_set_info(t, 0); /* dropped: nobody waits */
        return IPC_DONE;
    }
    t->send_badge = badge;
    t->send_how = how;
    t->state = THREAD_BLOCKED_SEND;
    e->queue = QUEUE_SENDERS;
    endpoint_append(e, t);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    h->current = NULL;
    return IPC_DONE;
}

static enum ipc_outcome send_refused(struct hart *h, struct tcb *t, struct endpoint *e)
{
    spin_unlock(&e->lock, RANK_ENDPOINT);
    bool fault = t->fault_label != 0;
    refuse(t);
    if (fault) {
        t->stop = false;
        t->state = THREAD_INACTIVE;
        h->current = NULL;
    } else {
        t->state = THREAD_READY;
    }
    return IPC_DONE;
}

/* hop 4: a receiver waits, so it gets the message and the hart. */
enum ipc_outcome ipc_send(struct hart *h, struct tcb *t, struct endpoint *e, uint64_t badge, uint32_t how,
                          bool cspace_held)
{
    if (unlikely(!cspace_held && (how & SEND_GRANT) && !(how & SEND_FAULT) && ipc_has_caps(t)))
        return IPC_NEEDS_CSPACE;
    spin_lock(&e->lock, RANK_ENDPOINT);
    if (unlikely(e->queue != QUEUE_RECEIVERS))
        return send_blocks(h, t, e, badge, how);
    struct tcb *to = e->first;
    struct reply *r = (how & SEND_CALL) ? reply_for(to) : NULL;
    if ((how & SEND_CALL) && unlikely(!r || load_relaxed(&r->caller) != NULL))
        return send_refused(h, t, e);
    /* Take the message before attaching: once attached, another hart may answer. */
    struct message m = (how & SEND_FAULT) ? message_of_fault(t) : message_take(t, to);
    if (r && unlikely(!attach_reply(r, t)))
        return send_refused(h, t, e);
    endpoint_unlink(e, to);
    store_relaxed(&to->state, THREAD_WAKING);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    message_give(t, to, badge, m, cspace_held && (how & SEND_GRANT));
    if (!(how & SEND_CALL)) {
        tcb_set_info(t, 0);
        sched_wake(h, to);
        return IPC_DONE;
    }
    h->current = NULL;
    if (likely(load_acquire(&to->hart) == h)) /* pairs with: set_affinity */
        sched_hand_over(h, to);
    else
        sched_wake(h, to);
    return IPC_DONE;
}

/* ---- receive ---- */

static enum ipc_outcome receive_blocks(struct hart *h, struct tcb *t, struct endpoint *e, bool block)
{
    if (!block) {
        spin_unlock(&e->lock, RANK_ENDPOINT);
        tcb_set_error(t, TN_WOULD_BLOCK);
        return IPC_DONE;
    }
    t->state = THREAD_BLOCKED_RECV;
    e->queue = QUEUE_RECEIVERS;
    endpoint_append(e, t);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    h->current = NULL;
    return IPC_DONE;
}

/* The message of a sender that was taken off its queue. */
static inline void deliver(struct tcb *from, struct tcb *to, uint64_t badge, uint32_t how, bool cspace_held)
{
    struct message m = (how & SEND_FAULT) ? message_of_fault(from) : message_take(from, to);
    message_give(from, to, badge, m, cspace_held && (how & SEND_GRANT));
}

/* hop 9, first half: the worker waits again. */
enum ipc_outcome ipc_receive(struct hart *h, struct tcb *t, struct endpoint *e, bool block, bool cspace_held)
{
    spin_lock(&e->lock, RANK_ENDPOINT);
    if (likely(e->queue != QUEUE_SENDERS))
        return receive_blocks(h, t, e, block);
    struct tcb *from = e->first;
    uint32_t how = from->send_how;
    if ((how & SEND_GRANT) && !(how & SEND_FAULT) && ipc_has_caps(from) && !cspace_held) {
        spin_unlock(&e->lock, RANK_ENDPOINT);
        return IPC_NEEDS_CSPACE;
    }
    uint64_t badge = from->send_badge;
    endpoint_unlink(e, from);
    store_relaxed(&from->state, THREAD_WAKING);
    spin_unlock(&e->lock, RANK_ENDPOINT);
    if (how & SEND_CALL) {
        /* Deliver before attaching: once attached, another hart may answer and wake the caller. */
        struct reply *r = reply_for(t);
        if (!r || load_relaxed(&r->caller) != NULL) {
            refuse(from);
            sched_wake(h, from);
            return IPC_RESTART;
        }
        deliver(from, t, badge, how, cspace_held);
        if (!attach_reply(r, from)) {
            store_relaxed(&from->state, THREAD_WAKING);
            refuse(from);
            sched_wake(h, from);
            return IPC_DONE;
        }
        return IPC_DONE;
    }
    deliver(from, t, badge, how, cspace_held);
    tcb_set_info(from, 0);
    sched_wake(h, from);
    return IPC_DONE;
}

/* ---- reply ---- */

/* The answer to a fault: whether and where the thread goes on. */
static void answer_fault(struct tcb *t, struct tcb *caller)
{
    uint64_t info = t->x[REG_A1];
    if (tn_info_label(info) != 0)
        caller->stop = true;
    else if (caller->fault_label != TN_FAULT_VM && tn_info_words(info) != 0)
        caller->x[REG_PC] = t->x[REG_A2];
    caller->fault_label = 0;
}

/* hop 8: the fault is settled. */
struct tcb *ipc_reply(struct tcb *t, struct reply *r, bool cspace_held)
{
    struct tcb *caller = reply_take(r);
    if (unlikely(!caller))
        return NULL;
    store_relaxed(&caller->state, THREAD_WAKING);
    flushcheck_reply(caller);
    if (caller->fault_label != 0)
        answer_fault(t, caller);
    else
        message_give(t, caller, 0, message_take(t, caller), cspace_held);
    return caller;
}

/* ---- faults ---- */

/* hop 3: compose. */
void ipc_fault(struct hart *h, struct tcb *t, uint32_t label, uint64_t mr0, uint64_t mr1, uint64_t mr2, uint64_t mr3)
{
    struct cap handler = slot_read(&t->slots[TCB_FAULT]);
    uint64_t badge = handler.w1 ? handler.w1 : t->fault_badge;
    if (cap_type(handler) == TN_GATE)
        handler = gate_endpoint(handler, h);
    if (unlikely(cap_type(handler) != TN_ENDPOINT)) {
        hart_event("fault nobody handles", mr0, mr1);
        t->state = THREAD_INACTIVE;
        h->current = NULL;
        return;
    }
    t->fault_label = label;
    t->fault_mr[0] = mr0;
    t->fault_mr[1] = mr1;
    t->fault_mr[2] = mr2;
    t->fault_mr[3] = mr3;
    (void)ipc_send(h, t, cap_object(handler), badge, SEND_CALL | SEND_BLOCK | SEND_FAULT, false);
}
