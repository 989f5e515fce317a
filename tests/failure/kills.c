/* Clients killed at every point of their requests, in init's place. The first client of the description makes one
 * request of one kind (tests/system/one_request.c); it is started again and again, and each time the plug-in `between`
 * stops it, or the worker or the kernel that serves it, before another instruction. Then it is ended:
 *
 *     way 0   by MM_KILL through the worker of the other hart
 *     way 1   by a fault of its own thread on the other hart;    way 2   by that thread's exit
 *     way 3   by MM_KILL through the worker that is at it: a thread of ours on the other hart wakes us on this one
 *
 * After each end the server must have back what it had before the first. Other clients in the
 * description run on our hart meanwhile and must notice nothing; memory is compared when they have ended.
 *
 * Arguments of the client in the description: the way, then of each kind the number of rounds. */
#include "../../apps/init/begin.h"
#include "../../apps/init/clients.h"
#include "../../apps/init/finish.h"
#include "../../apps/init/memory.h"
#include "../../apps/init/print.h"
#include "../../apps/init/server_make.h"
#include "../system/mark.h"
#include "drive.h"
#include <stdbool.h>
#include <tenon/invoke_stubs.h>

#define KINDS 20 /* tests/system/one_request.c */
#define KIND_FETCH 10
#define KIND_FATAL 11
#define KIND_LAST_THREAD 15
#define KIND_EXIT 16
#define EXIT_STATUS 7
#define OTHERS_STATUS 9
#define OTHERS_TICKS 200 /* in which other clients get on, on our hart */

enum way { WAY_KILL, WAY_FAULT, WAY_EXIT, WAY_SAME_HART };

static struct system plan;
static enum way way;
static uint64_t ended[3];  /* by enum mm_end */
static tn_cptr_t go, poke; /* we tell the helper; it wakes us */
static uint8_t helper_stack[4096] __attribute__((aligned(16)));

_Noreturn void init_main(const struct tn_bootinfo *info);
_Noreturn void helper_main(void);
extern char helper_entry[];

__asm__(".section .text\n"
        "helper_entry:\n"
        ".option push\n"
        ".option norelax\n"
        "la gp, __global_pointer$\n"
        ".option pop\n"
        "li fp, 0\n"
        "li ra, 0\n"
        "tail helper_main\n");

_Noreturn void helper_main(void)
{
    for (;;) {
        if (tn_wait(go) == 0) {
            fail("kills: the helper cannot wait");
        }
        MARK_READY();
        if (tn_signal(poke) != TN_OK) {
            fail("kills: the helper cannot signal");
        }
    }
}

static tn_cptr_t badged_notification(void)
{
    tn_cptr_t ntfn = memory_need(TN_NOTIFICATION, 0, TN_NOTIFICATION_BITS, "init", "a notification");
    tn_cptr_t badged = memory_slots(1);

    if (tn_cnode_mint(TN_INIT_CNODE, badged, ntfn, TN_READ | TN_WRITE, 1) != TN_OK) {
        fail("init: the kernel refuses a badge");
    }
    return badged;
}

/* On the other hart. */
static void helper_start(void)
{
    tn_cptr_t tcb = memory_need(TN_TCB, 0, TN_TCB_BITS, "init", "a thread");

    go = badged_notification();
    poke = badged_notification();
    if (tn_tcb_set_space(tcb, TN_INIT_CNODE, TN_INIT_VSPACE, 0) != TN_OK ||
        tn_tcb_set_priority(tcb, TN_PRIORITY_INIT) != TN_OK || tn_tcb_set_affinity(tcb, 1 - tn_hart()) != TN_OK ||
        tn_tcb_write_regs(tcb, (uint64_t)helper_entry, (uint64_t)(helper_stack + sizeof helper_stack), 0, 0) != TN_OK ||
        tn_tcb_resume(tcb) != TN_OK) {
        fail("init: the kernel refuses a thread");
    }
}

/* Ends as a client of this kind may: as we did it, or by itself. */
static void check_end(uint64_t kind, uint64_t round, const struct end *end)
{
    bool ours = way == WAY_FAULT  ? end->how == MM_END_FAULT && end->address == 2
                : way == WAY_EXIT ? end->how == MM_END_EXIT && end->status == OTHERS_STATUS
                                  : end->how == MM_END_KILLED;
    bool own = kind == KIND_FETCH         ? end->how == MM_END_FAULT
               : kind == KIND_FATAL       ? end->how == MM_END_FAULT && end->address == 1
               : kind == KIND_LAST_THREAD ? end->how == MM_END_EXIT && end->status == 0
               : kind == KIND_EXIT        ? end->how == MM_END_EXIT && end->status == EXIT_STATUS
                                          : false;

    if (!ours && !own) {
        fail("kind %lu, round %lu: ended as %lu, status %lu, address 0x%lx, reason %lu", kind, round, end->how,
             end->status, end->address, end->reason);
    }
    ended[end->how]++;
}

static void run_round(const struct server_plan *server, uint64_t kind, uint64_t round)
{
    const uint64_t argument[] = {kind, way == WAY_SAME_HART ? WAY_KILL : way};
    int64_t id = drive_spawn(server, &plan.client[0], 0, argument, 2);

    if (id <= 0) {
        fail("kind %lu, round %lu: cannot be started: error %ld", kind, round, -id);
    }
    if (way == WAY_KILL) {
        MARK_READY();
    } else if (way == WAY_SAME_HART && (tn_signal(go) != TN_OK || tn_wait(poke) == 0)) {
        fail("kills: the helper is gone");
    }
    if (way == WAY_KILL || way == WAY_SAME_HART) {
        server_kill(server, id);
    }
    struct end end = drive_await(server, id);
    if (way == WAY_KILL) {
        MARK_DONE();
    } else {
        MARK_OVER(); /* we are on the hart of the request */
    }
    check_end(kind, round, &end);
}

static void run_all(const struct server_plan *server, bool alone)
{
    for (uint64_t kind = 0; kind < KINDS; kind++) {
        for (uint64_t round = 0; round < drive_argument(&plan.client[0], 1 + (unsigned)kind); round++) {
            run_round(server, kind, round);
            if (alone) {
                drive_check_free(server, server->free_pages, "kill", kind * 1000000 + round);
            } else {
                clients_wait_until(tn_time() + OTHERS_TICKS);
            }
        }
    }
}

_Noreturn void init_main(const struct tn_bootinfo *info)
{
    struct server_plan *server = &plan.server[0];
    struct cpio initrd;
    uint64_t counter[MM_COUNTERS];

    begin(&plan, &initrd, info);
    clients_prepare();
    way = (enum way)drive_argument(&plan.client[0], 0);
    if (way == WAY_SAME_HART) {
        helper_start();
    }
    servers_make(&plan, info);
    if (way == WAY_KILL || way == WAY_SAME_HART) {
        plan.client[0].spawn.hart_mask[0] = way == WAY_KILL ? 2 >> tn_hart() : 1 << tn_hart();
    }
    server_counters(server, ~0ull, counter);
    server->free_pages = counter[MM_FRAMES_FREE];
    for (uint32_t i = 1; i < plan.clients; i++) {
        plan.client[i].spawn.hart_mask[0] = 1 << tn_hart();
    }
    drive_start_others(server, &plan);
    run_all(server, plan.clients == 1);
    drive_await_others(server, &plan);
    drive_check_free(server, server->free_pages, "all rounds:", 0);
    say("kills: killed %lu, faults %lu, exits %lu\n", ended[MM_END_KILLED], ended[MM_END_FAULT], ended[MM_END_EXIT]);
    finish_passed();
}
