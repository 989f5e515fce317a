/* One thread a hart, and how they keep step. Used by every benchmark here.
 *
 * Marks are instructions that do nothing; the timing plug-in (platform/qemu-virt/timing.c) sees them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define HARTS_MAX 128
#define LINE_BYTES 64

/* The measured region of this hart begins and ends. The compiler moves no memory access across. */
static inline void mark_begin(void)
{
    __asm__ volatile("slti x0, x0, 1" : : : "memory");
}
static inline void mark_end(void)
{
    __asm__ volatile("slti x0, x0, 2" : : : "memory");
}

/* From here on cache lines count, so that the measured region finds them where they usually are; and no longer. */
static inline void mark_track(void)
{
    __asm__ volatile("slti x0, x0, 3" : : : "memory");
}
static inline void mark_untrack(void)
{
    __asm__ volatile("slti x0, x0, 4" : : : "memory");
}

static inline void relax(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" : : : "memory"); /* pause */
}

/* How many harts take part, after harts_run() has begun. */
extern unsigned harts;

/* Waits until every hart has come here. Spins. */
void barrier(void);

/* Runs each(index, ...) once on each of the client's harts, index 0 .. harts - 1 in order of the harts, this thread being
 * one of them. false: a thread could not be made, or some each() returned false. */
bool harts_run(bool (*each)(unsigned index));

/* printf on the console in one piece, of at most 200 characters. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
