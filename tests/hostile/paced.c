/* A hostile server that stays at the priority of workers, above all clients, and interrupts whoever runs on its hart at instants
 * of its own choice, for one attack each time; see rhythm.h. Where a system runs on one hart, each operation of another server's
 * client is so interrupted now and then at each of its instructions, and most are not. */
#include "rhythm.h"
#include "attack.h"

#define PAUSE_LEAST_TICKS 500u /* of 100 ns each */
#define PAUSE_SPREAD_TICKS 3000u
#define BATCHES 8u

static uint64_t state = 1;

int rhythm_begin(const struct server_start *start)
{
    return make(MEMORY, TN_NOTIFICATION, 0, PAGE1) == TN_OK &&
           tn_cnode_mint(TN_SERVER_CNODE, TIMER, PAGE1, TN_READ | TN_WRITE, 1) == TN_OK &&
           tn_cnode_delete(TN_SERVER_CNODE, PAGE1) == TN_OK && race_prepare(start, TN_PRIORITY_WORKER);
}

static void pause(void)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    MUST(tn_ntfn_deadline(TIMER, tn_time() + PAUSE_LEAST_TICKS + (state >> 33) % PAUSE_SPREAD_TICKS) == TN_OK);
    MUST(tn_wait(TIMER) != 0);
}

void rhythm_step(unsigned step)
{
    if (step % (4 * ATTACKS) == 4 * ATTACKS - 1) {
        race(BATCHES);
    } else {
        attack(step);
    }
    pause();
}
