/* Fault-around as a client sees it: the description says how many pages a fault may map.
 *
 * usage: around PAGES             of the server's fault-around-pages
 *        around PAGES quota N     touch pages one by one until the quota of N pages is used up: ended by "fault"
 */
#include <sys/mman.h>
#include <tenon/mm.h>
#include "check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define AREA_PAGES 512ul

static uint64_t pages, quota_pages;

static uint64_t counter(unsigned which)
{
    static uint64_t value[MM_COUNTERS];
    EXPECT(mm_stat(value, MM_COUNTERS) > 0);
    return value[which];
}

/* An area that starts at a multiple of the largest group there can be. */
static volatile uint8_t *area_map(void)
{
    uint8_t *p = mmap(NULL, 2 * AREA_PAGES * PAGE, RW, ANON, -1, 0);
    EXPECT(p != MAP_FAILED);
    uint64_t bytes = AREA_PAGES * PAGE;
    return (volatile uint8_t *)(((uint64_t)p + bytes - 1) / bytes * bytes);
}

static void test_sweep(void)
{
    volatile uint8_t *p = area_map();
    uint64_t faults = counter(MM_FAULTS), frames = counter(MM_FRAMES_NOW);

    for (uint64_t i = 0; i < AREA_PAGES; i++) {
        EXPECT_EQUAL(p[i * PAGE + i], 0);
        p[i * PAGE + i] = 1;
    }
    EXPECT_EQUAL(counter(MM_FAULTS) - faults, AREA_PAGES / pages);
    EXPECT_EQUAL(counter(MM_FRAMES_NOW) - frames, AREA_PAGES);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < AREA_PAGES * PAGE; i++)
        sum += p[i];
    EXPECT_EQUAL(sum, AREA_PAGES);
    EXPECT_EQUAL(munmap((void *)p, AREA_PAGES * PAGE), 0);
    EXPECT_EQUAL(counter(MM_FRAMES_NOW), frames);
}

static void test_marks(void)
{
    volatile uint8_t *p = area_map();

    p[0] = 7; /* with it come the others of its group, before they are protected or go */
    EXPECT_EQUAL(mprotect((void *)(p + PAGE), PAGE, PROT_READ), 0);
    EXPECT_EQUAL(munmap((void *)(p + 2 * PAGE), PAGE), 0);
    EXPECT_EQUAL(mmap((void *)(p + 2 * PAGE), PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE, 1);
    uint64_t frames = counter(MM_FRAMES_NOW);
    volatile uint8_t *q = p + pages * PAGE; /* the next group: half of it cannot be written */
    EXPECT_EQUAL(mprotect((void *)(q + pages / 2 * PAGE), pages / 2 * PAGE, PROT_READ), 0);
    q[0] = 1;
    EXPECT_EQUAL(counter(MM_FRAMES_NOW) - frames, pages / 2);
    EXPECT_EQUAL(p[0], 7);
    EXPECT_EQUAL(p[PAGE], 0);
    EXPECT_EQUAL(p[2 * PAGE], 0);
    EXPECT_EQUAL(q[pages / 2 * PAGE], 0);
    EXPECT_EQUAL(counter(MM_FRAMES_NOW) - frames, pages + 1);
}

static void use_up_quota(void)
{
    volatile uint8_t *p = area_map();

    for (uint64_t i = 0;; i++) {
        p[i * PAGE] = 1;
        EXPECT(counter(MM_FRAMES_NOW) + counter(MM_TABLES_NOW) - 1 + counter(MM_META_NOW) <= quota_pages);
        if (check_failed != 0)
            return; /* an exit, which is not what is expected */
    }
}

int main(int argc, char **argv)
{
    pages = check_argument(argc, argv, 1, 16);
    quota_pages = check_argument(argc, argv, 3, 0);
    check_begin("around");
    if (argc > 3) {
        use_up_quota();
        return EXIT_FAILURE;
    }
    check_case("a sweep", test_sweep);
    check_case("marks", test_marks);
    return check_end();
}
