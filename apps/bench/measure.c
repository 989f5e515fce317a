/* Samples, medians and their lines of output; see measure.h.
 *
 * Called by apps/bench/main.c and tests/bench/kbench.c.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <tenon/ipc.h>
#include "measure.h"

#define CONTROL_SAMPLES 64
#define KNOWN_INSTRS 1000

bool measure_yields;
static uint64_t reading_instrs;

void measure_say(const char *format, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    tn_debug_write(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void measure_add(struct measure *m, uint64_t before, uint64_t after)
{
    if (m->count < MEASURE_SAMPLES_MAX)
        m->sample[m->count++] = after - before - reading_instrs;
    if (measure_yields)
        tn_yield();
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

uint64_t measure_median(struct measure *m)
{
    if (m->count == 0)
        return 0;
    qsort(m->sample, m->count, sizeof(m->sample[0]), by_value);
    return m->sample[(m->count - 1) / 2];
}

void measure_print(struct measure *m, const char *name, unsigned operations)
{
    uint64_t median = measure_median(m), sum = 0;

    for (unsigned i = 0; i < m->count; i++)
        sum += m->sample[i];
    measure_say("figure %s per %u samples %u median %" PRIu64 " mean %" PRIu64 " min %" PRIu64 " max %" PRIu64 "\n",
                name, operations, m->count, median, m->count ? sum / m->count : 0, m->sample[0],
                m->count ? m->sample[m->count - 1] : 0);
}

static void take_empty(struct measure *m)
{
    m->count = 0;
    for (unsigned i = 0; i < CONTROL_SAMPLES; i++) {
        uint64_t before = measure_now();
        measure_add(m, before, measure_now());
    }
}

void measure_calibrate(void)
{
    static struct measure m;

    reading_instrs = 0;
    take_empty(&m);
    reading_instrs = measure_median(&m);
    measure_say("reading the counter: %" PRIu64 " instructions, subtracted\n", reading_instrs);
}

/* 600 instructions, called with t0: a profile must show just this. */
__attribute__((naked, used, noinline)) static void known_600(void)
{
    __asm__ volatile("li t1, 299\n"
                     "1: addi t1, t1, -1\n"
                     "bnez t1, 1b\n"
                     "jr t0");
}

static void take_known(struct measure *m)
{
    m->count = 0;
    for (unsigned i = 0; i < CONTROL_SAMPLES; i++) {
        uint64_t before = measure_now();
        __asm__ volatile("jal t0, known_600\n"
                         "li t1, 199\n"
                         "1: addi t1, t1, -1\n"
                         "bnez t1, 1b"
                         :
                         :
                         : "t0", "t1");
        measure_add(m, before, measure_now());
    }
}

bool measure_controls(struct measure *m)
{
    take_empty(m);
    bool ok = measure_median(m) == 0;
    measure_print(m, "control_empty", 1);
    take_known(m);
    ok = ok && measure_median(m) == KNOWN_INSTRS;
    measure_print(m, "control_known_1000", 1);
    return ok;
}
