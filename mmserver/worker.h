/* Workers: the server's threads, one a hart, pinned, above all clients in priority.
 *
 *     receive -> fault.c (client's thread faulted) | request.c (client) | admin.c (init) -> reply and receive
 *
 * `serving` is the worker's mark that it is in a request of that client; ending.c says what it is good for.
 */
#pragma once
#include "server.h"
#include <tenon/message.h>

struct client;

#define HELD_MAX 16
struct held { /* hold.c */
    tn_cptr_t reply;
    uint32_t client; /* client_badge() of whose thread was put in it last; 0: nobody's yet */
};

struct worker {
    uint32_t serving __attribute__((aligned(CT_LINE))); /* client's id, 0: none. Written by this worker alone, read by
                                                         * those who end a client */
    unsigned index __attribute__((aligned(CT_LINE)));   /* from here on private, but for what ct says */
    struct tn_ipc_buffer *ipc;
    tn_cptr_t tcb, endpoint;
    tn_cptr_t reply;     /* holds the caller of the request in service; exchanged where a caller is parked */
    struct client *jobs; /* clients that this worker is taking apart; linked by next_job */
    struct ct_worker ct;
    struct held held[HELD_MAX];
    /* Counters of clients that have ended (stat.c): what this worker did for them, added by whoever takes one apart;
     * and what the core put to this worker's account when it released their spaces, which is all workers' together. */
    uint64_t past[MM_COUNTERS], released[MM_COUNTERS];
};
_Static_assert(sizeof(struct worker) % CT_LINE == 0, "workers share no line");

/* What a request is answered with. */
enum answer_kind {
    ANSWER_REPLY, /* info and mr (longer ones: in the worker's IPC buffer); the core's batch may ride on it */
    ANSWER_NONE,  /* nobody waits behind the worker's Reply object any more */
};
struct answer {
    enum answer_kind kind;
    tn_info_t info;
    uint64_t mr[TN_MSG_REG_WORDS];
};

static inline void answer_value(struct answer *a, int64_t value)
{
    *a = (struct answer){ANSWER_REPLY, tn_info(0, 0, 1), {(uint64_t)value, 0, 0, 0}};
}

/* Make all workers: endpoints, reply objects, the Gate; and threads for all but hart 0, whose thread is running this.
 * Not yet started. 0: too little memory. */
int workers_make(struct tn_ipc_buffer *ipc);
void workers_start(void);

_Noreturn void worker_main(struct worker *w);
void worker_entry(void); /* start.S */
