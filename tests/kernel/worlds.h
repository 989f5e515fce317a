/* Worlds: worlds.c makes them and compares; worlds_calls.c chooses what is called. */
#pragma once
#include "mem.h"
#include "../spec/spec.h"

/* Slots of a world that nobody takes away. */
#define WORLD_SELF 1
#define WORLD_MEMORY 2
#define WORLD_SPACE 3   /* the main program's VSpace */
#define WORLD_BUFFERS 4 /* Frame of SPEC_BLOCKS pages; the first is the driver's */
#define WORLD_FIRST 5
#define WORLD_PRIORITY 16   /* the driver's; its world's threads are below */
#define WORLD_OUT_FIRST 300 /* words of the batch area for old entries: behind the runs */

struct world {
    struct spec spec;
    struct spec_block block[SPEC_BLOCKS] __attribute__((aligned(64)));
    struct kt_thread *driver, *back;
    tn_cptr_t back_endpoint, back_reply;
    uint64_t *buffers; /* the pages of WORLD_BUFFERS */
    uint64_t buffers_base, memory_base;
    uint64_t stop_stval; /* of an ebreak, 0 or its pc */
    uint64_t calls, limit, seed, time_end;
    uint64_t accepted, refused;
    uint64_t ending;    /* the driver has stopped */
    bool crowded, full; /* no room in the specification, no memory in the Untyped */
    uint64_t favourite; /* Endpoint or Notification that is used often, so that threads meet */
    uint64_t sabotage;  /* when to delete something behind the specification's back; 0: not */
    const char *differs;
    struct spec_call call; /* the one that differed */
    struct spec_answer answer;
    struct kt_msg got;
};

/* Chooses the driver's next call. `words`: its batch area. */
void world_next_call(struct world *w, struct spec_call *c, uint64_t *words);
/* Chooses calls with which a thread of the world is set up, or sent on its way with a call of its own; 0 .. 2 of them. */
unsigned world_next_start(struct world *w, struct spec_call c[2]);
static inline uint64_t world_any(struct world *w, uint64_t n)
{
    return kt_random(&w->seed) % n;
}
