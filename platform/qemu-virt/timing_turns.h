/* Whose turn it is: the scheduling part of the timing model (timing.c).
 *
 * QEMU runs one hart after the other. A hart keeps the turn until its clock is `quantum` cycles ahead of the slowest
 * hart that is awake; then the turn goes to the next hart in order that is not far ahead itself. So clocks of harts that
 * are awake differ by little more than a quantum, and the order of accesses is the same in every run. Used from one
 * thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TURNS_HARTS_MAX 128

struct hart_clock {
    uint64_t cycles; /* grows with what the hart does */
    uint64_t wake;   /* asleep: not woken before this cycle; 0: no interrupt was sent */
    bool awake;
};

extern struct hart_clock hart_clock[TURNS_HARTS_MAX];

/* All harts asleep, at cycle 0. */
void turns_init(unsigned harts, uint64_t quantum);

/* How far a hart may be ahead, from now on. */
void turns_set_quantum(uint64_t quantum);

/* The hart is about to execute: may it? false: it is somebody else's turn. Wakes a hart that slept: its clock is set to
 * when it was woken, or to the slowest hart's. */
bool turns_may_run(unsigned hart);

/* The hart waits for an interrupt. */
void turns_sleep(unsigned hart);

/* `by` sends `hart` an interrupt that arrives `delay` cycles later. The turn ends, so that `hart` is looked at. */
void turns_interrupt(unsigned by, unsigned hart, uint64_t delay);
