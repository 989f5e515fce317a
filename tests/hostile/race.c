/* Revocation under a memory server's own feet. Three of its threads use a frame and a table made of RACE_MEMORY:
 *
 *     main     writes batches that map the frame, link, view and fill the table, and clear it again
 *     mole     makes the two, then revokes or deletes them or the memory below them, over and over; what was the table becomes
 *              the frame the next time, full of PATTERN
 *     doomed   stores PATTERN into the frame, and reads the table through the view, which must never show that pattern; writes
 *              batches of its own out of an IPC buffer that is a page of the frame. Its page faults come to main, which lets it
 *              try again.
 *
 * Where there are several harts each has one of its own. Called by server.c.
 */
#include "attack.h"
#include <string.h>
#include <tenon/fault.h>

#define PATTERN 0x5a5a5a5a5a5a5a5aull /* as an entry: not valid */
#define PLACE 200u                    /* entries of LEAF */
#define BUFFER 1u                     /* of LEAF2: its page is doomed's IPC buffer */
#define RW (TN_READ | TN_WRITE)
#define STACK_BYTES 8192
#define LINKED 9u /* entry of MIDDLE */

static uint8_t stack[2][STACK_BYTES] __attribute__((aligned(16)));
static unsigned racing, mole_idle, rounds;

void race_entry(void); /* a0: the function */
void mole_main(void);
void doomed_main(void);

__asm__(".text\n"
        ".globl race_entry\n"
        "race_entry:\n"
        ".option push\n"
        ".option norelax\n"
        "la gp, __global_pointer$\n"
        ".option pop\n"
        "jr a0\n");

static unsigned flag(unsigned *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE); /* pairs with: flag_set */
}

static void flag_set(unsigned *p, unsigned value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE); /* pairs with: flag */
}

/* What a use of the frame or table may say: it works, or there is no such thing just now. */
static int fair(enum tn_error error)
{
    return error == TN_OK || error == TN_FAILED_LOOKUP;
}

/* ---- mole ---- */

static void ground_make(struct tn_ipc_buffer *buffer, unsigned round)
{
    struct tn_pt_run run = pt_run(TN_PT_MAP, LEAF2, 0, 2, RACE_FRAME, 0, RW);

    if (round % 2) {
        MUST(make(RACE_MEMORY, TN_PAGETABLE, 0, RACE_TABLE) == TN_OK);
        MUST(make(RACE_MEMORY, TN_FRAME, 13, RACE_FRAME) == TN_OK);
    } else {
        MUST(make(RACE_MEMORY, TN_FRAME, 13, RACE_FRAME) == TN_OK);
        MUST(make(RACE_MEMORY, TN_PAGETABLE, 0, RACE_TABLE) == TN_OK);
    }
    MUST(write_runs(buffer, &run, 1) == TN_OK);
    for (unsigned i = 0; i < TN_PAGE_BYTES / 8; i++) {
        window(AT_LEAF2, 0)[i] = PATTERN;
    }
    MUST(tn_tcb_set_buffer(DOOMED_TCB, RACE_FRAME, 1, 1) == TN_OK);
}

static void ground_take(unsigned round)
{
    static const uint32_t slot[] = {RACE_FRAME, RACE_TABLE, RACE_MEMORY};
    uint32_t first = slot[round % 3], second = slot[(round + 1) % 3];

    if (round / 3 % 2) {
        MUST(tn_cnode_revoke(TN_SERVER_CNODE, first) == TN_OK);
        MUST(tn_cnode_revoke(TN_SERVER_CNODE, second) == TN_OK);
    } else if (first != RACE_MEMORY) {
        MUST(tn_cnode_delete(TN_SERVER_CNODE, first) == TN_OK);
    }
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, RACE_MEMORY) == TN_OK);
}

void mole_main(void)
{
    struct tn_ipc_buffer *buffer = (struct tn_ipc_buffer *)window(AT_LEAF2, 2);

    for (;;) {
        if (!flag(&racing)) {
            flag_set(&mole_idle, 1);
            tn_yield();
            continue;
        }
        flag_set(&mole_idle, 0);
        ground_make(buffer, rounds);
        for (volatile unsigned i = 0; i < rounds * 37 % 1000; i++) {
        }
        tn_yield();
        ground_take(rounds);
        flag_set(&rounds, rounds + 1);
    }
}

/* ---- doomed ---- */

void doomed_main(void)
{
    struct tn_ipc_buffer *buffer = (struct tn_ipc_buffer *)window(AT_LEAF2, BUFFER);
    struct tn_pt_run run[] = {pt_run(TN_PT_MAP, LEAF, PLACE + 8, 2, RACE_FRAME, 0, RW),
                              pt_run(TN_PT_MAP, RACE_TABLE, 4, 2, RACE_FRAME, 0, RW),
                              pt_run(TN_PT_CLEAR, LEAF, PLACE + 8, 2, 0, 0, 0)};

    for (unsigned i = 0;; i++) {
        window(AT_LEAF, PLACE)[i % TN_PT_ENTRIES] = PATTERN;
        MUST(seen(VIEW_RACE, i % TN_PT_ENTRIES) != PATTERN);
        if (i % 16 == 0) {
            enum tn_error error = write_runs(buffer, run, 3);
            MUST(fair(error) || error == TN_TRUNCATED_MESSAGE); /* it has no buffer just now */
            tn_yield();
        }
    }
}

/* ---- main ---- */

static int thread_make(uint32_t tcb, void (*entry)(void), unsigned which, unsigned priority, unsigned hart)
{
    return make(MEMORY, TN_TCB, 0, tcb) == TN_OK &&
           tn_tcb_set_space(tcb, TN_SERVER_CNODE, TN_SERVER_VSPACE, which == 0 ? TN_SERVER_FAULT : RACE_EP) == TN_OK &&
           tn_tcb_set_priority(tcb, priority) == TN_OK && tn_tcb_set_affinity(tcb, hart) == TN_OK &&
           tn_tcb_write_regs(tcb, (uint64_t)race_entry, (uint64_t)stack[which] + STACK_BYTES, 0, (uint64_t)entry) ==
               TN_OK;
}

int race_prepare(const struct server_start *start, unsigned priority)
{
    struct tn_pt_run run = pt_run(TN_PT_MAP, LEAF2, 2, 1, MOLE_BUFFER, 0, RW);

    return make(MEMORY, TN_UNTYPED, 14, RACE_MEMORY) == TN_OK && make(MEMORY, TN_ENDPOINT, 0, RACE_EP) == TN_OK &&
           make(MEMORY, TN_REPLY, 0, RACE_REPLY) == TN_OK && make(MEMORY, TN_FRAME, 12, MOLE_BUFFER) == TN_OK &&
           write_runs(main_ipc, &run, 1) == TN_OK && thread_make(MOLE_TCB, mole_main, 0, priority, 1 % start->harts) &&
           thread_make(DOOMED_TCB, doomed_main, 1, priority, 2 % start->harts) &&
           tn_tcb_set_buffer(MOLE_TCB, MOLE_BUFFER, 0, 1) == TN_OK;
}

/* A fault of doomed's: of a page that comes and goes, or it is wrong. It may try again. */
static void serve_doomed(void)
{
    struct tn_msg m = tn_nb_recv(RACE_EP, RACE_REPLY);

    if (tn_info_is_error(m.info)) {
        return;
    }
    uint64_t page = m.mr[1] & ~(TN_PAGE_BYTES - 1);
    MUST(tn_info_label(m.info) == TN_FAULT_VM);
    MUST(page == (uint64_t)window(AT_LEAF, PLACE) || page == (uint64_t)window(AT_WINDOW, VIEW_RACE) ||
         page == (uint64_t)window(AT_LEAF2, BUFFER));
    MUST(tn_reply(RACE_REPLY, tn_info(0, 0, 0), 0, 0, 0, 0) == TN_OK);
}

static void use_ground(void)
{
    struct tn_pt_run run[] = {pt_run(TN_PT_MAP, LEAF, PLACE, 2, RACE_FRAME, 0, RW),
                              pt_run(TN_PT_VIEW, WINDOW, VIEW_RACE, 1, RACE_TABLE, 0, TN_READ),
                              pt_run(TN_PT_LINK, MIDDLE, LINKED, 1, RACE_TABLE, 0, 0),
                              pt_run(TN_PT_MAP, RACE_TABLE, 0, 2, RACE_FRAME, 0, RW),
                              pt_run(TN_PT_PROTECT, LEAF, PLACE, 2, RACE_FRAME, 0, RW),
                              pt_run(TN_PT_CLEAR, RACE_TABLE, 0, TN_PT_ENTRIES, 0, 0, 0)};

    MUST(fair(write_runs(main_ipc, run, sizeof run / sizeof run[0])));
    run[3].object = MOLE_TCB; /* the same, half-way wrong */
    enum tn_error error = write_runs(main_ipc, run, sizeof run / sizeof run[0]);
    MUST(error == TN_INVALID_CAPABILITY || error == TN_FAILED_LOOKUP);
}

/* Nothing of RACE_MEMORY is mapped any more once it was made into something new, and that is zero. */
static void check_ground(void)
{
    struct tn_pt_run map = pt_run(TN_PT_MAP, LEAF, PLACE, 4, RACE_FRAME, 0, RW);

    MUST(tn_cnode_revoke(TN_SERVER_CNODE, RACE_MEMORY) == TN_OK);
    MUST(make(RACE_MEMORY, TN_FRAME, 14, RACE_FRAME) == TN_OK);
    for (unsigned i = 0; i < 16; i++) {
        MUST(seen(VIEW_LEAF, PLACE + i) == 0);
    }
    MUST(seen(VIEW_LEAF2, 0) == 0 && seen(VIEW_LEAF2, 1) == 0 && seen(VIEW_LEAF2, 2) != 0);
    MUST(seen(VIEW_MIDDLE, LINKED) == 0 && seen(VIEW_WINDOW, VIEW_RACE) == 0);
    MUST(write_runs(main_ipc, &map, 1) == TN_OK);
    for (unsigned i = 0; i < 4 * TN_PAGE_BYTES / 8; i++) {
        if (window(AT_LEAF, PLACE)[i] != 0) {
            MUST(0);
            break;
        }
    }
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, RACE_FRAME) == TN_OK);
    MUST(seen(VIEW_LEAF, PLACE) == 0);
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, RACE_MEMORY) == TN_OK);
}

void race(unsigned batches)
{
    unsigned before = flag(&rounds);

    flag_set(&racing, 1);
    MUST(tn_tcb_resume(MOLE_TCB) == TN_OK && tn_tcb_resume(DOOMED_TCB) == TN_OK);
    for (unsigned i = 0; i < batches || flag(&rounds) < before + 3; i++) {
        use_ground();
        serve_doomed();
        if (i % 4 == 0) {
            tn_yield();
        }
    }
    flag_set(&racing, 0);
    while (!flag(&mole_idle)) {
        serve_doomed();
        tn_yield();
    }
    MUST(tn_tcb_suspend(MOLE_TCB) == TN_OK && tn_tcb_suspend(DOOMED_TCB) == TN_OK);
    check_ground();
}
