/* bench: instructions of the memory operations that a client asks for, on one hart.
 *
 * usage: bench
 * Exit status: 0, or 1: an operation did not do what it should (a line says which), so the figures mean nothing.
 */
#include "micro.h"

static bool run(struct measure *m)
{
    measure_calibrate();
    return measure_controls(m) && micro_touch_again(m) && micro_pf(m) && micro_mmap(m) && micro_mmap_any(m) &&
           micro_mmap_pf(m) && micro_mmap_pf_any(m) && micro_munmap_virt(m) && micro_munmap(m) &&
           micro_mprotect(m, 1) && micro_mprotect(m, 16) && micro_mprotect(m, 256);
}

int main(void)
{
    static struct measure samples;

    for (unsigned i = 0; i < MEASURE_SAMPLES_MAX; i++)
        samples.sample[i] = 1; /* its pages are there before anything is measured */
    micro_init();
    return run(&samples) ? 0 : 1;
}
