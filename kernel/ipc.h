/* Messages between threads: send, receive, reply; and faults, which are Calls that the kernel makes for a thread.
 *
 * The common case, both threads on this hart and a message in registers, is the straight line through these functions; what is
 * rare (long messages, capabilities, other harts) branches off and comes back.
 */
#pragma once
#include "endpoint.h"
#include "reply.h"
#include "tcb.h"

/* More words than the registers hold, or capabilities? */
static inline bool info_is_long(uint64_t info)
{
    return (info & 0x1ff) > TN_MSG_REG_WORDS;
}

/* Outcomes of the steps of a system call. */
enum ipc_outcome {
    IPC_DONE,         /* the thread has its result, or is blocked (hart->current is NULL) */
    IPC_NEEDS_CSPACE, /* capabilities are to be passed: take the CSpace lock and try again; nothing has changed */
    IPC_RESTART,      /* made progress; the system call starts again */
};

/* The current thread sends to `e`: `how` is SEND_CALL, SEND_BLOCK, SEND_GRANT, SEND_FAULT. */
enum ipc_outcome ipc_send(struct hart *h, struct tcb *t, struct endpoint *e, uint64_t badge, uint32_t how,
                          bool cspace_held);
/* The current thread receives from `e`. Callers go into the Reply object that its a6 names. */
enum ipc_outcome ipc_receive(struct hart *h, struct tcb *t, struct endpoint *e, bool block, bool cspace_held);
/* Takes the caller out of a reply object and gives it the current thread's message. NULL: there was none. The caller
 * returned is WAKING: hand it over or wake it. */
struct tcb *ipc_reply(struct tcb *t, struct reply *r, bool cspace_held);

/* Whether the message the thread is about to send carries capabilities. */
static inline bool ipc_has_caps(const struct tcb *t)
{
    return tn_info_caps(t->x[REG_A1]) != 0;
}

/* The current thread faulted: tells its handler, or makes it inactive if it has none. */
void ipc_fault(struct hart *h, struct tcb *t, uint32_t label, uint64_t mr0, uint64_t mr1, uint64_t mr2, uint64_t mr3);
