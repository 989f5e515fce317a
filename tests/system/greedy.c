/* Asks for a little of everything, and copes when there is none.
 *
 * usage: greedy PAGES
 *
 * Ends with 0 if it got all that it asked for, with 3 if some request was refused for want of memory or threads, with 1 if
 * something else went wrong. What it merely touches may be the end of it.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define STATUS_COPED 3
#define THREADS 6
#define RANGE (1ul << 30)

static unsigned refused, wrong;

/* True: it was done. */
static int done(int ok)
{
    if (!ok) {
        refused++;
        wrong += errno != ENOMEM && errno != EAGAIN;
    }
    return ok;
}

static void *nothing(void *argument)
{
    return argument;
}

static void use_threads(void)
{
    struct tn_thread *thread[THREADS];
    unsigned n = 0;

    for (; n < THREADS; n++) {
        errno = tn_thread_create(&thread[n], nothing, NULL, TN_HART_ANY, 0);
        if (!done(errno == 0)) {
            break;
        }
    }
    while (n > 0) {
        wrong += tn_thread_join(thread[--n], NULL) != 0;
    }
}

/* A large range in which rights and holes alternate: tables and metadata. */
static void split_a_range(void)
{
    char *p = mmap(NULL, RANGE, RW, ANON | MAP_NORESERVE, -1, 0);

    if (!done(p != MAP_FAILED)) {
        return;
    }
    for (uint64_t at = 0; at < RANGE; at += RANGE / 8) {
        (void)done(mprotect(p + at, PAGE, PROT_NONE) == 0);
        (void)done(munmap(p + at + 2 * PAGE, PAGE) == 0);
    }
    (void)done(munmap(p, RANGE) == 0);
}

/* Populated as far as there is memory, then touched from end to end. */
static void fill(uint64_t pages)
{
    char *p = mmap(NULL, pages * PAGE, RW, ANON | MAP_POPULATE, -1, 0);

    if (!done(p != MAP_FAILED)) {
        return;
    }
    for (uint64_t i = 0; i < pages; i++) {
        wrong += p[i * PAGE] != 0;
        p[i * PAGE] = 1;
    }
    (void)done(munmap(p, pages * PAGE) == 0);
}

int main(int argc, char **argv)
{
    uint64_t pages = check_argument(argc, argv, 1, 16);

    use_threads();
    split_a_range();
    fill(pages);
    use_threads();
    return wrong != 0 ? EXIT_FAILURE : refused != 0 ? STATUS_COPED : EXIT_SUCCESS;
}
