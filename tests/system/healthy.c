/* A client that minds its own business for a while and must notice nothing of what happens to others.
 *
 * usage: healthy [MILLISECONDS]
 *
 * Two threads a hart map memory, fill it, look at it again and unmap it, over and over.
 */
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define PAGES 40
#define THREADS_MAX 64

static uint64_t end_time;
static uint32_t loops;

static void *work(void *argument)
{
    uint64_t tag = ((uint64_t)argument + 1) << 32;

    do {
        uint64_t *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!EXPECT(p != MAP_FAILED)) {
            break;
        }
        for (uint64_t i = 0; i < PAGES * PAGE / 8; i += 64) {
            EXPECT(p[i] == 0);
            p[i] = tag + i;
        }
        tn_yield();
        for (uint64_t i = 0; i < PAGES * PAGE / 8; i += 64) {
            EXPECT(p[i] == tag + i);
        }
        EXPECT_EQUAL(munmap(p, PAGES * PAGE), 0);
        (void)tn_fetch_add_relaxed(&loops, 1);
    } while (tn_time() < end_time);
    return NULL;
}

static void test_work(void)
{
    struct tn_thread *thread[THREADS_MAX];
    unsigned threads = 2 * tn_start_info()->harts < THREADS_MAX ? 2 * tn_start_info()->harts : THREADS_MAX - 1;

    for (uint64_t i = 0; i < threads; i++) {
        EXPECT_EQUAL(tn_thread_create(&thread[i], work, (void *)i, TN_HART_ANY, 0), 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        EXPECT_EQUAL(tn_thread_join(thread[i], NULL), 0);
    }
    EXPECT(loops >= threads);
}

int main(int argc, char **argv)
{
    end_time = tn_time() + tn_start_info()->timebase_hz * check_argument(argc, argv, 1, 2000) / 1000;
    check_begin("healthy");
    check_case("work", test_work);
    return check_end();
}
