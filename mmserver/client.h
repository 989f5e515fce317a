/* Clients: what the server knows of each. Ids are 1 .. CLIENTS_MAX, and the index of their record; records never move.
 *
 * Badges. Requests of a client carry its id and, above it, which life of the record it is, so that a message which was sent
 * in one life is not taken for one of the next: client_badge(). Faults of its threads carry BADGE_FAULT | thread id << 32 |
 * client_badge(); init's requests 0.
 *
 * States, (x) = changed with a compare-and-swap, everything else under the client's lock:
 *
 *     FREE -> LOADING -> LIVE -(x)-> ENDING -> ENDED -> FREE
 *                  \------------------------------------/     (loading failed)
 *
 * Requests are served in LIVE only. ENDED: init has not asked yet how it ended. See ending.c.
 */
#pragma once
#include "lock.h"
#include "worker.h"

#define CLIENTS_MAX 64
#define THREADS_MAX 1024 /* of one client */
#define BADGE_FAULT (1ull << 63)
#define BADGE_ID_BITS 8
#define BADGE_LIFE_MASK 0xffffffu

enum client_state { CLIENT_FREE = 0, CLIENT_LOADING, CLIENT_LIVE, CLIENT_ENDING, CLIENT_ENDED };

enum ending_stage { ENDING_HALT, ENDING_QUIET, ENDING_STOP, ENDING_EMPTY };

struct client_end {  /* what MM_AWAIT tells */
    uint64_t how;    /* enum mm_end */
    uint64_t status; /* or label of the fault */
    uint64_t address, pc, scause;
    uint64_t reason; /* enum server_fault_reason */
};

enum thread_state {
    THREAD_NONE = 0,
    THREAD_STARTING, /* a worker is making it; it is that worker's */
    THREAD_LIVE,
    THREAD_GONE, /* its TCB can be used again */
};

struct thread {
    uint64_t ipc_frame; /* physical address of the frame behind its IPC buffer; 0: none yet. Stays with the id. */
    uint32_t state;     /* enum thread_state; the others by who is STARTING it */
    uint32_t made;      /* the TCB exists, with its capabilities */
};

/* Lock letters: (h) read on the hot path, hence written when no request of the client runs; (l) the client's lock; (e)
 * who brought it to ENDING, or loads it; (c) constant after the server's start. */
struct client {
    uint32_t state __attribute__((aligned(CT_LINE))); /* (h) enum client_state */
    uint32_t id;                                      /* (c) */
    uint32_t life;                                    /* (h) counted up by client_claim */
    uint64_t badge;                                   /* (h) client_badge() */
    struct ct_space *space; /* (c) storage that is only ever used for spaces (corten/space.h) */
    uint32_t max_threads;   /* (h) */
    uint32_t has_space;     /* (e) space was created */
    uint64_t hart_mask[2];  /* (h) */

    struct lock lock __attribute__((aligned(CT_LINE)));
    uint32_t threads_live; /* (l) */
    uint32_t next_hart;    /* (l) for threads whose hart the server chooses */
    struct thread *thread_page[THREADS_MAX * sizeof(struct thread) / TN_PAGE_BYTES]; /* (h) pages; entries: (l) */
    tn_cptr_t awaiter;                   /* (l) Reply object that holds who awaits the end; 0: nobody */
    tn_cptr_t spare_reply;               /* (l) empty, while there is no awaiter */
    uint32_t control_slot;               /* (c) slot of the CNode with capabilities to its objects */
    uint32_t objects_slot, objects_bits; /* (e) Untyped behind all its objects; 0: none */
    uint32_t stage;                      /* (e) enum ending_stage */
    uint32_t stop_next;                  /* (e) */
    struct client_end end;               /* (e), then (l) */
    struct client *next_job;             /* (e) */
};

/* Slots of a client's control CNode. */
enum control_slot {
    CONTROL_VSPACE = 0,
    CONTROL_CNODE = 1,      /* the client's own */
    CONTROL_FIRST_NTFN = 2, /* max_threads of them, then as many TCBs */
};

static inline tn_cptr_t client_cap(const struct client *c, uint32_t slot)
{
    return tn_cptr_in(c->control_slot, slot);
}
static inline tn_cptr_t client_ntfn(const struct client *c, uint32_t tid)
{
    return client_cap(c, CONTROL_FIRST_NTFN + tid);
}
static inline tn_cptr_t client_tcb(const struct client *c, uint32_t tid)
{
    return client_cap(c, CONTROL_FIRST_NTFN + c->max_threads + tid);
}

extern struct client *clients; /* clients[0] is id 1. Constant after the start. */

/* Records, spaces and parked reply objects for CLIENTS_MAX clients. 0: too little memory. */
int clients_init(void);

/* The record of an id that came from outside; NULL if no such id exists. Its state may be anything. */
struct client *client_at(uint64_t id);

/* A FREE record, now LOADING; NULL: there is none. */
struct client *client_claim(void);

/* What its capabilities to the server carry in this life of the record. */
static inline uint64_t client_badge(const struct client *c)
{
    return c->badge;
}

static inline uint32_t client_badge_id(uint64_t badge)
{
    return badge & ((1u << BADGE_ID_BITS) - 1);
}

/* A request begins that came with this client_badge(): the client if it is LIVE and in that life, and then it cannot be
 * taken apart before client_leave(). NULL if not. No lock, no shared write. */
static inline struct client *client_enter(struct worker *w, uint64_t badge)
{
    uint64_t id = client_badge_id(badge);

    if (__builtin_expect(id - 1 >= CLIENTS_MAX, 0)) {
        return NULL;
    }
    struct client *c = &clients[id - 1];
    __atomic_store_n(&w->serving, (uint32_t)id, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with: ending_begin. The mark before the look at the state. */
    if (__builtin_expect(__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == CLIENT_LIVE && /* pairs with: process_spawn */
                             client_badge(c) == badge,
                         1)) {
        return c;
    }
    __atomic_store_n(&w->serving, 0, __ATOMIC_RELEASE);
    return NULL;
}
static inline void client_leave(struct worker *w)
{
    __atomic_store_n(&w->serving, 0, __ATOMIC_RELEASE); /* pairs with: ending_quiet */
}
