/* Clients that fault everywhere, in init's place: the first client of the description, hostile_faults, is started again and again,
 * several at once, and goes wrong in every way at every class of address. Each must end as it must, at the address that it was told;
 * the other clients, of this server and of the others, must notice nothing; at the end each server has back what it had.
 *
 * Argument of the first client in the description: rounds.
 */
#include "faults.h"
#include "../../apps/init/begin.h"
#include "../../apps/init/clients.h"
#include "../../apps/init/finish.h"
#include "../../apps/init/print.h"
#include "../../apps/init/server_make.h"
#include "../failure/drive.h"
#include <tenon/ipc.h>

#define GROUP 8 /* at once */
#define ADDRESSES 17
#define PROGRAM 0x400000ull

struct faulter {
    int64_t id;
    uint64_t way, address;
    int faults; /* else exits with 0 */
};

static struct system plan;
static struct faulter group[GROUP];
static unsigned in_group;
static uint64_t faults, exits, user_end;

_Noreturn void init_main(const struct tn_bootinfo *info);

static uint64_t address_of(unsigned i)
{
    const uint64_t value[ADDRESSES] = {0,
                                       8,
                                       0xff8,
                                       0x10000,
                                       PROGRAM - 8,
                                       0x100000000, /* where the arena begins, and nothing is mapped yet */
                                       0x123456000,
                                       user_end - 8,
                                       user_end,
                                       2 * user_end,
                                       1ull << 62,
                                       1ull << 63,
                                       0xffffffc000000000,
                                       0xffffffc080200000, /* the kernel's code */
                                       0xffffffff80000000,
                                       -4096ull,
                                       -8ull};

    return value[i];
}

static const struct client_plan *faulty_plan(void)
{
    return &plan.client[plan.server[0].first_client];
}

static void await_group(const struct server_plan *server)
{
    for (unsigned i = 0; i < in_group; i++) {
        const struct faulter *f = &group[i];
        struct end end = drive_await(server, f->id);
        int right = f->faults ? end.how == MM_END_FAULT : end.how == MM_END_EXIT && end.status == 0;
        if (!right || (f->way < FAULT_TOUCHES && end.address != f->address)) {
            fail("way %lu at 0x%lx: ended as %lu, status %lu, at 0x%lx", f->way, f->address, end.how, end.status,
                 end.address);
        }
        faults += end.how == MM_END_FAULT;
        exits += end.how == MM_END_EXIT;
    }
    in_group = 0;
}

static void start(const struct server_plan *server, uint64_t way, uint64_t address, uint64_t bytes, int faults_so)
{
    uint64_t argument[] = {way, address, bytes};
    struct faulter f = {.way = way, .address = address, .faults = faults_so};

    if (in_group == GROUP) {
        await_group(server);
    }
    f.id = drive_spawn(server, faulty_plan(), 0, argument, 3);
    if (f.id <= 0) {
        fail("%s: cannot be started: error %ld", faulty_plan()->node, -f.id);
    }
    group[in_group++] = f;
}

/* What a program takes from itself: code, stack, everything. */
static void start_suicides(const struct server_plan *server)
{
    static const uint64_t way[] = {FAULT_UNMAP, FAULT_PROTECT, FAULT_REPLACE};
    uint64_t stack_top = user_end - (2ull << 20);

    for (unsigned i = 0; i < 3; i++) {
        start(server, way[i], PROGRAM, 4096, 1);
        start(server, FAULT_UNMAP, 0x10000, user_end - 0x10000, 1);
        start(server, way[i], stack_top - 4096, 4096, way[i] != FAULT_REPLACE); /* another page is as good */
        start(server, FAULT_REPLACE, 0x10000, user_end - 0x10000, 1);
    }
}

static void one_round(const struct server_plan *server)
{
    for (uint64_t way = 0; way < FAULT_TOUCHES; way++) {
        for (unsigned i = 0; i < ADDRESSES; i++) {
            start(server, way, address_of(i), 0, 1);
        }
    }
    for (unsigned i = 0; i < ADDRESSES; i++) {
        start(server, FAULT_SP, address_of(i), 0, 0);
    }
    start(server, FAULT_BUFFER_UNMAPPED, 0, 0, 1);
    start(server, FAULT_BUFFER_PROTECTED, 0, 0, 1);
    start(server, FAULT_BUFFER_REPLACED, 0, 0, 0);
    start_suicides(server);
    await_group(server);
}

static void start_bystanders(void)
{
    for (uint32_t s = 0; s < plan.servers; s++) {
        const struct server_plan *server = &plan.server[s];
        for (uint32_t i = server->first_client; i < server->first_client + server->clients; i++) {
            uint64_t argument = drive_argument(&plan.client[i], 0);
            if (&plan.client[i] != faulty_plan()) {
                plan.client[i].id = drive_spawn(server, &plan.client[i], 0, &argument, 1);
            }
        }
    }
}

static void await_bystanders(void)
{
    for (uint32_t s = 0; s < plan.servers; s++) {
        const struct server_plan *server = &plan.server[s];
        for (uint32_t i = server->first_client; i < server->first_client + server->clients; i++) {
            if (&plan.client[i] == faulty_plan()) {
                continue;
            }
            struct end end = drive_await(server, plan.client[i].id);
            if (end.how != MM_END_EXIT || end.status != 0) {
                fail("%s: ended as %lu, status %lu", plan.client[i].node, end.how, end.status);
            }
        }
        drive_check_free(server, server->free_pages, "all rounds of server", s);
    }
}

_Noreturn void init_main(const struct tn_bootinfo *info)
{
    uint64_t counter[MM_COUNTERS];
    struct cpio initrd;

    user_end = 1ull << (TN_PAGE_BITS + 9 * info->levels - 1);
    begin(&plan, &initrd, info);
    clients_prepare();
    servers_make(&plan, info);
    for (uint32_t s = 0; s < plan.servers; s++) {
        server_counters(&plan.server[s], ~0ull, counter);
        plan.server[s].free_pages = counter[MM_FRAMES_FREE];
    }
    start_bystanders();
    for (uint64_t round = drive_argument(faulty_plan(), 0); round > 0; round--) {
        one_round(&plan.server[0]);
    }
    await_bystanders();
    say("hostile_faults: %lu faults, %lu exits\n", faults, exits);
    finish_passed();
}
