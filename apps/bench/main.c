/* bench: figures of the memory operations that a client asks for.
 *
 * usage: bench [SUITE] [yield]
 *     ops       the table: instructions of each operation, on one hart; what is run without an argument
 *     batch     instructions of faults and munmap of many pages, on one hart
 *     memory    bytes of tables, metadata, objects
 *     flushes   flushes and remote interrupts, on all harts
 * With `yield` other threads of this hart get their turn after each sample.
 * Exit status: 0, or 1: an operation did not do what it should (a line says which), so the figures mean nothing.
 */
#include <string.h>
#include <tenon/thread.h>
#include "micro.h"
#include "suites.h"

static bool suite_ops(struct measure *m)
{
    return measure_controls(m) && micro_touch_again(m) && micro_pf(m) && micro_mmap(m) && micro_mmap_any(m) &&
           micro_mmap_pf(m) && micro_mmap_pf_any(m) && micro_munmap_virt(m) && micro_munmap(m) &&
           micro_mprotect(m, 1) && micro_mprotect(m, 16) && micro_mprotect(m, 256);
}

static bool run(const char *suite, struct measure *m)
{
    measure_calibrate();
    if (strcmp(suite, "ops") == 0)
        return suite_ops(m);
    if (strcmp(suite, "batch") == 0)
        return measure_controls(m) && suite_batch(m);
    if (strcmp(suite, "memory") == 0)
        return suite_memory();
    if (strcmp(suite, "flushes") == 0)
        return suite_flushes(tn_start_info()->harts);
    measure_say("bench: no suite '%s'\n", suite);
    return false;
}

int main(int argc, char **argv)
{
    static struct measure samples;

    for (unsigned i = 0; i < MEASURE_SAMPLES_MAX; i++)
        samples.sample[i] = 1; /* its pages are there before anything is measured */
    micro_init();
    measure_yields = argc > 2 && strcmp(argv[2], "yield") == 0;
    return run(argc > 1 ? argv[1] : "ops", &samples) ? 0 : 1;
}
