/* A sweep of clients' ends, in init's place. The first client of the description is the victim: it makes requests of
 * one kind without end, with a thread on every hart (tests/system/victim.c). It is started again and again and ends at
 * an instant that differs each time, from before its program is loaded to the middle of its work: killed by init, by a
 * fault of one of its threads, or by the exit of one. After each group of victims the server must have back what it had
 * before the first. The other clients run beside it all the time and must notice nothing; then the comparison waits for
 * their end.
 *
 * Arguments of the victim in the description: rounds, seed, and 1 to leave the last victim alive when memory is counted
 * (which must be noticed). */
#include "../../apps/init/begin.h"
#include "../../apps/init/clients.h"
#include "../../apps/init/finish.h"
#include "../../apps/init/print.h"
#include "../../apps/init/server_make.h"
#include "drive.h"
#include <tenon/ipc.h>

#define KINDS 8 /* tests/system/victim.c */
#define GROUP 4 /* victims at once */
#define EXIT_STATUS 7
#define DOUBLINGS 13

enum way { WAY_KILL, WAY_FAULT, WAY_EXIT, WAYS };

struct victim {
    int64_t id;
    enum way way;
    uint64_t ticks; /* after the group's start, for WAY_KILL; the victim counts itself for the others */
};

static struct system plan;
static uint64_t random_state;
static uint64_t ended[3]; /* by enum mm_end */

_Noreturn void init_main(const struct tn_bootinfo *info);

static uint64_t random_number(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull >> 11;
}

/* 0.1 us to 26 ms (a tick is 100 ns), short ones as likely as long ones. */
static uint64_t random_ticks(void)
{
    uint64_t most = 64ull << random_number() % DOUBLINGS;

    return random_number() % most + 1;
}

static struct victim start_one(const struct server_plan *server, uint64_t kind, enum way way)
{
    struct victim v = {.way = way, .ticks = random_ticks()};
    uint64_t argument[] = {kind, way, v.ticks, random_number() | 1};

    v.id = drive_spawn(server, &plan.client[0], 0, argument, 4);
    if (v.id <= 0) {
        fail("%s: victim cannot be started: error %ld", server->node, -v.id);
    }
    return v;
}

static void await_one(const struct server_plan *server, const struct victim *v, uint64_t kind)
{
    static const enum mm_end how[WAYS] = {MM_END_KILLED, MM_END_FAULT, MM_END_EXIT};
    struct end end = drive_await(server, v->id);

    if (end.how != how[v->way] || (end.how == MM_END_EXIT && end.status != EXIT_STATUS)) {
        fail("victim of kind %lu, end %u: ended as %lu, status %lu, address 0x%lx, reason %lu", kind, v->way, end.how,
             end.status, end.address, end.reason);
    }
    ended[end.how]++;
}

static void end_group(const struct server_plan *server, uint64_t kind)
{
    struct victim v[GROUP];
    uint64_t start = tn_time();

    for (unsigned i = 0; i < GROUP; i++) {
        v[i] = start_one(server, kind, i == 0 ? WAY_KILL : (enum way)(random_number() % WAYS));
        if (v[i].way == WAY_KILL && random_number() % 2 == 0) { /* before the others are there */
            clients_wait_until(tn_time() + v[i].ticks);
            server_kill(server, v[i].id);
            v[i].ticks = 0;
        }
    }
    for (unsigned i = 0; i < GROUP; i++) {
        if (v[i].way == WAY_KILL && v[i].ticks != 0) {
            clients_wait_until(start + v[i].ticks);
            server_kill(server, v[i].id);
        }
    }
    for (unsigned i = 0; i < GROUP; i++) {
        await_one(server, &v[i], kind);
    }
}

static void sweep(const struct server_plan *server, uint64_t rounds, int alone)
{
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint64_t kind = 0; kind < KINDS; kind++) {
            end_group(server, kind);
            if (alone) {
                drive_check_free(server, server->free_pages, "group", round * KINDS + kind);
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
    servers_make(&plan, info);
    uint64_t rounds = drive_argument(&plan.client[0], 0);
    random_state = drive_argument(&plan.client[0], 1) | 1;
    server_counters(server, ~0ull, counter);
    server->free_pages = counter[MM_FRAMES_FREE];
    drive_start_others(server, &plan);
    sweep(server, rounds, plan.clients == 1);
    drive_await_others(server, &plan);
    if (drive_argument(&plan.client[0], 2) != 0) {
        (void)start_one(server, 0, WAY_KILL);
    }
    drive_check_free(server, server->free_pages, "all groups:", rounds * KINDS);
    server_counters(server, ~0ull, counter);
    say("ends: killed %lu, faults %lu, exits %lu\n", ended[MM_END_KILLED], ended[MM_END_FAULT], ended[MM_END_EXIT]);
    say("ends: %lu page faults and %lu requests were served\n", counter[MM_FAULTS], counter[MM_REQUESTS]);
    finish_passed();
}
