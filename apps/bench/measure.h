/* Counting instructions of one operation, and printing what came out. Used by the memory benchmarks (this folder) and
 * by those of the bare kernel (tests/bench), so that both are taken in the same way.
 *
 * A figure is a set of samples of one operation: the difference of two readings of `instret` around it, less what the
 * readings themselves count. It is printed as one line that tests/bench/bench.py reads:
 *
 *     figure NAME per OPERATIONS samples N median M mean A min L max H
 *
 * where a sample counts OPERATIONS operations. One thread at a time; no locks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MEASURE_SAMPLES_MAX 2048

/* `instret` CSR. The compiler moves no memory access across it. */
static inline __attribute__((always_inline)) uint64_t measure_now(void)
{
    uint64_t n;
    __asm__ volatile("rdinstret %0" : "=r"(n) : : "memory");
    return n;
}

struct measure {
    unsigned count;
    uint64_t sample[MEASURE_SAMPLES_MAX]; /* instructions */
};

/* After each sample other threads of the priority get their turn: to be set before the first one. */
extern bool measure_yields;

/* Finds what two readings count with nothing between them, and prints it. Call once, before everything else. */
void measure_calibrate(void);

/* One sample: the readings before and after the operation, which must be the last two. Past MEASURE_SAMPLES_MAX the sample
 * is dropped. `make profile` sees this call, and that of measure_print(), so they are calls everywhere. */
void measure_add(struct measure *m, uint64_t before, uint64_t after) __attribute__((noinline));

/* Sorts the samples. 0 without samples. */
uint64_t measure_median(struct measure *m);

/* Prints the figure; a sample was `operations` operations. */
void measure_print(struct measure *m, const char *name, unsigned operations) __attribute__((noinline));

/* The controls that need no system: an empty loop must count 0, a loop of known length its length. Prints both figures;
 * false: one of them is wrong. */
bool measure_controls(struct measure *m);

/* printf on the console, usable without a C library's streams. */
void measure_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
