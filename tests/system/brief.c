/* A short life: some memory, a thread, and the end. Many of these show whether everything comes back.
 *
 * usage: brief [STATUS]
 *
 * Leaves its memory and a waiting thread behind on purpose: taking them back is the manager's work.
 */
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

static uint32_t running, never;

static void *wait_for_ever(void *argument)
{
    tn_store_release(&running, 1);
    (void)tn_futex_wake(&running, 1);
    while (tn_load_relaxed(&never) == 0) {
        (void)tn_futex_wait(&never, 0, TN_FOREVER);
    }
    return argument;
}

int main(int argc, char **argv)
{
    struct tn_thread *thread;
    unsigned char *p = mmap(NULL, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        return 90;
    }
    for (unsigned i = 0; i < 100; i++) {
        if (p[i * PAGE] != 0) {
            return 91;
        }
        p[i * PAGE] = 0xee; /* whoever gets this frame next must not find it */
    }
    void *block = malloc(100000); /* never freed */
    if (block == NULL) {
        return 92;
    }
    if (tn_thread_create(&thread, wait_for_ever, NULL, TN_HART_ANY, 0) != 0) {
        return 93;
    }
    while (tn_load_acquire(&running) == 0) {
        (void)tn_futex_wait(&running, 0, TN_FOREVER);
    }
    return (int)check_argument(argc, argv, 1, 0);
}
