/* Memory up to the quota, and back.
 *
 * usage: quota QUOTA_BYTES        fill up and give back, three times
 *        quota QUOTA_BYTES over   touch more than the quota: the manager ends the client ("fault")
 *
 * Frames are counted by the manager's statistics: MAP_POPULATE maps as many as it can and says nothing (as on Linux),
 * so a range that got fewer frames than pages is the sign that the quota is reached; so is ENOMEM.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include "check.h"

#define STEP_PAGES 32
#define STEPS_MAX 1024
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static uint64_t quota_pages;
static void *step[STEPS_MAX];

static uint64_t frames_now(void)
{
    uint64_t counter[MM_COUNTERS];
    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
    return counter[MM_FRAMES_NOW] + counter[MM_TABLES_NOW] + counter[MM_META_NOW];
}

/* Map populated ranges until one is short. Returns how many were whole. */
static unsigned fill(void)
{
    unsigned n = 0;

    for (; n < STEPS_MAX; n++) {
        uint64_t before = frames_now();
        step[n] = mmap(NULL, STEP_PAGES * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
        if (step[n] == MAP_FAILED) {
            EXPECT_EQUAL(errno, ENOMEM);
            return n;
        }
        if (frames_now() < before + STEP_PAGES) {
            EXPECT_EQUAL(munmap(step[n], STEP_PAGES * PAGE), 0);
            return n;
        }
        memset(step[n], 0x11, STEP_PAGES * PAGE);
    }
    return n;
}

static void drain(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        EXPECT_EQUAL(*(unsigned char *)step[i], 0x11);
        EXPECT_EQUAL(munmap(step[i], STEP_PAGES * PAGE), 0);
    }
}

static void test_quota(void)
{
    uint64_t at_start = frames_now();
    unsigned first = fill();
    uint64_t at_most = frames_now();

    EXPECT(at_most <= quota_pages + 1);                              /* + 1: the root table is not counted against it */
    EXPECT((first + 2) * STEP_PAGES + at_start + 64 >= quota_pages); /* nor is much of it kept back */
    drain(first);
    for (unsigned round = 0; round < 2; round++) {
        unsigned again = fill();
        EXPECT(again + 1 >= first); /* all of it came back */
        drain(again);
    }
}

/* Calls go on working while the quota is used up, and what is there stays. */
static void test_errors_at_quota(void)
{
    unsigned n = fill();
    char *p = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);

    if (p == MAP_FAILED) {
        EXPECT_EQUAL(errno, ENOMEM);
    } else {
        EXPECT_EQUAL(munmap(p, PAGE), 0);
    }
    EXPECT_EQUAL(mprotect(step[0], STEP_PAGES * PAGE, PROT_READ), 0);
    drain(n);
    unsigned again = fill();
    EXPECT(again + 1 >= n);
    drain(again);
}

static void go_over(void)
{
    uint64_t pages = 2 * quota_pages;
    unsigned char *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

    if (p == MAP_FAILED) {
        printf("not ok - quota: no range of twice the quota\n");
        return;
    }
    for (uint64_t i = 0; i < pages; i++) {
        p[i * PAGE] = 1;
    }
    printf("not ok - quota: touched twice the quota\n");
}

int main(int argc, char **argv)
{
    quota_pages = check_argument(argc, argv, 1, 0) / PAGE;
    if (argc > 2 && strcmp(argv[2], "over") == 0) {
        go_over();
        return EXIT_FAILURE;
    }
    memset(step, 0xff, sizeof step); /* touched now: at the quota there would be no page for it */
    check_begin("quota");
    check_case("up to the quota, and back", test_quota);
    check_case("calls at the quota", test_errors_at_quota);
    return check_end();
}
