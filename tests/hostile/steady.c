/* A hostile server that attacks all the time, at the priority of clients; see rhythm.h. */
#include "rhythm.h"
#include "attack.h"

#define BATCHES 100u

int rhythm_begin(const struct server_start *start)
{
    return tn_tcb_set_priority(TN_SERVER_TCB, TN_PRIORITY_CLIENT) == TN_OK && race_prepare(start, TN_PRIORITY_CLIENT);
}

void rhythm_step(unsigned step)
{
    if (step % (ATTACKS + 1) == ATTACKS) {
        race(BATCHES);
    } else {
        attack(step % (ATTACKS + 1));
    }
}
