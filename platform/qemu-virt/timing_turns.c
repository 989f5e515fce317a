/* Whose turn it is; see timing_turns.h. Called by timing.c and the host test. */
#include "timing_turns.h"
#include <string.h>

#define NOBODY (-1)

struct hart_clock hart_clock[TURNS_HARTS_MAX];
static unsigned count;
static uint64_t quantum;
static int turn = NOBODY;
static uint64_t turn_end; /* the clock at which the turn is over */

void turns_init(unsigned harts, uint64_t cycles)
{
    count = harts;
    quantum = cycles;
    turn = NOBODY;
    memset(hart_clock, 0, sizeof hart_clock);
}

/* The clock of the slowest hart that is awake; `otherwise` if none is. */
static uint64_t slowest(uint64_t otherwise)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < count; i++)
        if (hart_clock[i].awake && hart_clock[i].cycles < least)
            least = hart_clock[i].cycles;
    return least == UINT64_MAX ? otherwise : least;
}

/* The turn goes on. Taking the next in order, not the slowest, costs QEMU least: it goes round the harts itself. */
static void pass(unsigned from)
{
    uint64_t least = slowest(0);

    turn = NOBODY;
    turn_end = least + quantum;
    for (unsigned step = 1; step <= count && turn == NOBODY; step++) {
        unsigned next = (from + step) % count;
        if (hart_clock[next].awake && hart_clock[next].cycles <= least + quantum / 2)
            turn = (int)next;
    }
}

void turns_set_quantum(uint64_t cycles)
{
    quantum = cycles;
    if (turn != NOBODY) {
        uint64_t end = slowest(0) + quantum;
        turn_end = end < turn_end ? end : turn_end;
    }
}

static void wake(unsigned hart)
{
    struct hart_clock *c = &hart_clock[hart];
    uint64_t at = c->wake ? c->wake : slowest(c->cycles);

    if (at > c->cycles)
        c->cycles = at;
    c->wake = 0;
    c->awake = true;
    if (turn == NOBODY)
        pass(hart + count - 1);
}

bool turns_may_run(unsigned hart)
{
    if (!hart_clock[hart].awake)
        wake(hart);
    if ((int)hart == turn && hart_clock[hart].cycles <= turn_end)
        return true;
    if ((int)hart == turn)
        pass(hart);
    return (int)hart == turn;
}

void turns_sleep(unsigned hart)
{
    hart_clock[hart].awake = false;
    hart_clock[hart].wake = 0;
    if ((int)hart == turn)
        pass(hart);
}

void turns_interrupt(unsigned by, unsigned hart, uint64_t delay)
{
    struct hart_clock *c = &hart_clock[hart];
    uint64_t now = hart_clock[by].cycles;

    if (!c->awake && c->wake == 0)
        c->wake = now + delay;
    if ((int)by == turn && now < turn_end)
        turn_end = now;
}
