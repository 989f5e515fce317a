/* Threads, barrier, output; see hart.h. Called by main.c and the benchmarks.
 *
 * The barrier is a counter and a number that goes up; the last to come resets the one and raises the other. Its lines
 * are written outside of what is measured. */
#include "hart.h"
#include <stdarg.h>
#include <stdio.h>
#include <tenon/ipc.h>
#include <tenon/thread.h>

unsigned harts = 1;

static struct {
    uint32_t arrived __attribute__((aligned(LINE_BYTES)));
    uint32_t round __attribute__((aligned(LINE_BYTES)));
} gathering;

void barrier(void)
{
    uint32_t round = __atomic_load_n(&gathering.round, __ATOMIC_RELAXED);

    if (__atomic_add_fetch(&gathering.arrived, 1, __ATOMIC_ACQ_REL) == harts) { /* pairs with: itself on other harts */
        __atomic_store_n(&gathering.arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&gathering.round, round + 1, __ATOMIC_RELEASE); /* pairs with: the load below */
        return;
    }
    while (__atomic_load_n(&gathering.round, __ATOMIC_ACQUIRE) == round) /* pairs with: the store above */
        relax();
}

static bool (*each_hart)(unsigned index);

/* NULL: it went well. */
static void *thread_main(void *index)
{
    static char failed;

    barrier(); /* all have started */
    return each_hart((unsigned)(uintptr_t)index) ? NULL : &failed;
}

static int hart_number(const struct tn_start *start, unsigned index)
{
    for (int hart = 0; hart < HARTS_MAX; hart++) {
        if ((start->hart_mask[hart / 64] >> hart % 64 & 1) && index-- == 0)
            return hart;
    }
    return TN_HART_ANY;
}

bool harts_run(bool (*each)(unsigned index))
{
    static struct tn_thread *thread[HARTS_MAX];
    const struct tn_start *start = tn_start_info();
    bool ok;

    harts = start->harts;
    each_hart = each;
    for (unsigned i = 1; i < harts; i++) {
        int error = tn_thread_create(&thread[i], thread_main, (void *)(uintptr_t)i, hart_number(start, i), 0);
        if (error != 0) { /* the others wait at their first barrier; the program's end ends them */
            say("scale: thread for hart %u: error %d\n", i, error);
            return false;
        }
    }
    ok = thread_main(NULL) == NULL;
    for (unsigned i = 1; i < harts; i++) {
        void *result;
        ok = tn_thread_join(thread[i], &result) == 0 && result == NULL && ok;
    }
    return ok;
}

void say(const char *format, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    tn_debug_write(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}
