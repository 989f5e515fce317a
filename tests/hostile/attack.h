/* What the parts of a hostile memory server share: its capabilities, the window through which it looks at its own tables, and
 * the count of what went as it must.
 *
 * The window is a gigabyte of the server's address space. Its middle table MIDDLE links three leaf tables: WINDOW, in which
 * views stand, and LEAF and LEAF2, in which attacks write.
 */
#pragma once
#include <stdint.h>
#include <tenon/invoke_stubs.h>
#include <tenon/ipc.h>
#include <tenon/server_start.h>

enum { /* slots */
       MEMORY = TN_SERVER_FIRST_FREE,
       NODE_EP,
       NODE_REPLY,
       NODE_GATE,
       GIVEN,
       FRAME,
       WEAK, /* FRAME, to be read */
       LEAF,
       LEAF2,
       MIDDLE,
       ROOT,
       WINDOW,
       SMALL,
       PAGE1,
       UPPER,
       TIMER,
       RACE_MEMORY, /* race.c, from here on */
       RACE_FRAME,
       RACE_TABLE,
       RACE_EP,
       RACE_REPLY,
       MOLE_TCB,
       MOLE_BUFFER,
       DOOMED_TCB,
       LAST
};

#define WINDOW_VA 0x1000000000ull
#define TABLE_SPAN (TN_PAGE_BYTES * TN_PT_ENTRIES)
enum { AT_WINDOW, AT_LEAF, AT_LEAF2 };                               /* entries of MIDDLE */
enum { VIEW_LEAF, VIEW_LEAF2, VIEW_MIDDLE, VIEW_WINDOW, VIEW_RACE }; /* entries of WINDOW */
#define ENTRY 100                                                    /* of LEAF, where attack.c writes */
#define ATTACKS 5u                                                   /* kinds of attack */

#define main_ipc ((struct tn_ipc_buffer *)TN_SERVER_IPC_BUFFER)

/* How many attempts there were, how many did not go as they must, and the line of the first of these. */
extern unsigned attacks, wrong, first_wrong;
#define MUST(condition) must((condition), __LINE__)
void must(int ok, unsigned line);

static inline struct tn_pt_run pt_run(uint8_t op, tn_cptr_t table, unsigned first, unsigned count, tn_cptr_t object,
                                      uint64_t page, unsigned rights)
{
    return (struct tn_pt_run){.table = table,
                              .object = object,
                              .first = (uint16_t)first,
                              .count = (uint16_t)count,
                              .op = op,
                              .rights = (uint8_t)rights,
                              .page = page};
}

/* Writes a batch; `buffer` is the calling thread's own. */
enum tn_error write_runs(struct tn_ipc_buffer *buffer, const struct tn_pt_run *run, unsigned n);
enum tn_error make(tn_cptr_t untyped, enum tn_object type, unsigned size, uint32_t slot);

/* Address of entry `index` of the leaf table that MIDDLE links at `at`. */
static inline volatile uint64_t *window(unsigned at, unsigned index)
{
    return (volatile uint64_t *)(WINDOW_VA + at * TABLE_SPAN + index * TN_PAGE_BYTES);
}

/* Entry `index` of a table, as its view shows it. */
static inline uint64_t seen(unsigned view, unsigned index)
{
    return window(AT_WINDOW, view)[index];
}

/* Makes the window and what attacks need, out of MEMORY. false: refused. */
int prepare(unsigned levels);

/* One of the ATTACKS kinds of attack. */
void attack(unsigned which);

/* Whether the threads of the race could be made; `priority` is the caller's. They run while race() does. */
int race_prepare(const struct server_start *start, unsigned priority);

/* The race: for so many batches of this thread's, another one takes the ground away from under it, and a third one uses it. */
void race(unsigned batches);
