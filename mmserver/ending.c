/* How a client ends while other workers may be serving it.
 *
 * The parts: MM_EXIT, a fault that is not served, or MM_KILL, on any worker; threads of the client running on any
 * harts; requests and faults of it being served by any workers; init waiting, or not yet, for the news.
 *
 *  1. begin   state LIVE -> ENDING by compare-and-swap: exactly one worker wins and takes the client over. Who comes
 *             later finds it not LIVE: callers are held without an answer (hold.c), faulting threads stay stopped.
 *  2. halt    suspend every thread there is, so that the client does no more than it must. One that waits for an answer
 *             is taken out of that worker's Reply object by the kernel.
 *  3. quiet   wait until no worker's `serving` names the client. Each worker sets its mark, then (full fence) looks at
 *             the state; the winner changes the state, then (full fence) looks at the marks. So either the worker sees
 *             ENDING, or the winner sees the mark: after this step no request of the client runs, and none will. No
 *             worker waits inside a request, so this ends; nothing is waited for in a loop: it is looked at once a
 *             step. A page-table write that still rides on a worker's reply is awaited by the core before the table
 *             goes.
 *     stop    suspend every thread once more: a request under way in step 2 may have made or resumed one.
 *  4. empty   the core takes back frames, tables and metadata, a bounded piece a step, flushing while the VSpace lives.
 *  5. revoke  the client's Untyped: TCBs, notifications, CNodes and VSpace go; no hart walks the root table any more.
 *  6. free    root table, IPC buffers' frames, records of threads, the Untyped itself.
 *  7. tell    state ENDED; init's parked Reply is answered if there is one, else MM_AWAIT finds ENDED. Then FREE.
 *
 * Steps 2 to 7 are jobs of the winner, one step between two of its requests: faults and requests that wait are served
 * meanwhile. Threads of its hart do not run until the last step, since the worker is above them and does not wait.
 * Locks: the client's in step 7 and for MM_AWAIT; pools' locks inside. */
#include "ending.h"
#include "frames.h"
#include "linux_errno.h"
#include "panic.h"
#include "share.h"
#include "stat.h"
#include "threads.h"
#include <tenon/invoke_stubs.h>

#define STOP_AT_ONCE 16 /* threads suspended in one step: each may take a message to another hart */

bool ending_begin(struct worker *w, struct client *c, const struct client_end *end)
{
    uint32_t expected = CLIENT_LIVE;

    if (!__atomic_compare_exchange_n(&c->state, &expected, CLIENT_ENDING, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with: client_enter */
    c->end = *end;
    c->stop_next = 0; /* and stage is ENDING_HALT since client_claim() */
    c->next_job = w->jobs;
    w->jobs = c;
    return true;
}

/* Step 3. */
static bool ending_quiet(const struct client *c)
{
    for (unsigned i = 0; i < server.harts; i++) {
        /* pairs with: client_leave */
        if (__atomic_load_n(&server.worker[i]->serving, __ATOMIC_ACQUIRE) == c->id) {
            return false;
        }
    }
    return true;
}

/* Steps 2 and 3, some threads; true: all are stopped. */
static bool ending_stop(struct client *c)
{
    for (unsigned n = 0; n < STOP_AT_ONCE; c->stop_next++) {
        if (c->stop_next == c->max_threads) {
            c->stop_next = 0;
            return true;
        }
        if (__atomic_load_n(&thread_at(c, c->stop_next)->made, __ATOMIC_ACQUIRE)) { /* pairs with: thread_start */
            server_must(tn_tcb_suspend(client_tcb(c, c->stop_next)), "suspend refused");
            n++;
        }
    }
    return false;
}

/* Step 4; true: nothing is mapped any more. */
static bool ending_empty(struct worker *w, struct client *c)
{
    ct_worker_begin(&w->ct);
    enum ct_status status = ct_space_destroy(&w->ct, c->space);
    ct_worker_end(&w->ct);
    return status == CT_OK;
}

/* Steps 5 and 6. */
static void ending_free(struct worker *w, struct client *c)
{
    if (c->objects_slot != 0) {
        server_must(tn_cnode_revoke(TN_SERVER_CNODE, c->objects_slot), "revoke refused");
    }
    ct_worker_begin(&w->ct);
    if (c->has_space) {
        stat_keep(w, c->space);
        ct_space_release(&w->ct, c->space);
        c->has_space = 0;
    }
    threads_free(w, c);
    ct_worker_end(&w->ct);
    if (c->objects_slot != 0) {
        share_objects_give(c->objects_slot, c->objects_bits);
        c->objects_slot = 0;
    }
}

/* The news, as words: four in mr, the others in the worker's IPC buffer. */
static tn_info_t end_words(struct worker *w, const struct client *c, uint64_t mr[TN_MSG_REG_WORDS])
{
    mr[0] = 0;
    mr[1] = c->end.how;
    mr[2] = c->end.status;
    mr[3] = c->end.address;
    w->ipc->msg[4] = c->end.pc;
    w->ipc->msg[5] = c->end.scause;
    w->ipc->msg[6] = c->end.reason;
    return tn_info(0, 0, 7);
}

/* Step 7. The Reply object is answered before the record is FREE, and with it the object for the next client. */
static void ending_tell(struct worker *w, struct client *c)
{
    uint64_t mr[TN_MSG_REG_WORDS];

    lock_take(&c->lock);
    if (c->awaiter == 0) {
        __atomic_store_n(&c->state, CLIENT_ENDED, __ATOMIC_RELEASE);
    } else {
        tn_info_t info = end_words(w, c, mr);
        (void)!tn_reply(c->awaiter, info, mr[0], mr[1], mr[2], mr[3]); /* who does not wait any more misses nothing */
        c->spare_reply = c->awaiter;
        c->awaiter = 0;
        __atomic_store_n(&c->state, CLIENT_FREE, __ATOMIC_RELEASE); /* pairs with: client_claim */
    }
    lock_drop(&c->lock);
}

void ending_step(struct worker *w)
{
    struct client *c = w->jobs;

    switch ((enum ending_stage)c->stage) {
    case ENDING_HALT:
        if (ending_stop(c)) {
            c->stage = ENDING_QUIET;
        }
        break;
    case ENDING_QUIET:
        if (ending_quiet(c)) {
            c->stage = ENDING_STOP;
        } else if (c->next_job != NULL) { /* let the next job go on meanwhile */
            struct client *last = c;
            while (last->next_job != NULL) {
                last = last->next_job;
            }
            w->jobs = c->next_job;
            c->next_job = NULL;
            last->next_job = c;
        } else {
            port_relax();
        }
        break;
    case ENDING_STOP:
        if (ending_stop(c)) {
            __atomic_store_n(&c->stage, ENDING_EMPTY, __ATOMIC_RELEASE); /* pairs with: hold.c, is_empty */
        }
        break;
    case ENDING_EMPTY:
        if (ending_empty(w, c)) {
            w->jobs = c->next_job;
            ending_free(w, c);
            ending_tell(w, c);
        }
        break;
    }
}

void ending_unload(struct worker *w, struct client *c)
{
    if (c->has_space) {
        while (!ending_empty(w, c)) {
        }
    }
    ending_free(w, c);
    __atomic_store_n(&c->state, CLIENT_FREE, __ATOMIC_RELEASE); /* pairs with: client_claim */
}

int64_t ending_await(struct worker *w, struct client *c, struct answer *a)
{
    int64_t error = 0;

    lock_take(&c->lock);
    uint32_t state = __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
    if (state == CLIENT_FREE || state == CLIENT_LOADING) {
        error = -LINUX_ESRCH;
    } else if (c->awaiter != 0) {
        error = -LINUX_EBUSY;
    } else if (state == CLIENT_ENDED) {
        a->kind = ANSWER_REPLY;
        a->info = end_words(w, c, a->mr);
        __atomic_store_n(&c->state, CLIENT_FREE, __ATOMIC_RELEASE); /* pairs with: client_claim */
    } else {
        c->awaiter = w->reply;
        w->reply = c->spare_reply;
        a->kind = ANSWER_NONE;
    }
    lock_drop(&c->lock);
    return error;
}
