/* Memory that comes and goes at ever new addresses, so that each kind of flush is the only one that stands between a frame or a
 * table and its next use. In a debug build with flush-rules=server the kernel notices when one is missing.
 *
 *     tables     regions of 2 MiB, each with one page: their tables are unlinked and used again
 *     frames     more pages than a worker's limbo holds: they are used again at other addresses
 *     lost       rights taken from few and from many pages, and all rights
 *     region     unmapped and mapped again at the same address
 */
#include <sys/mman.h>
#include <tenon/mm.h>
#include "check.h"

#define REGION (2ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static uint64_t next = 0x2000000000; /* every address once */

static char *fresh(uint64_t bytes)
{
    char *p = (char *)next;

    next += (bytes + REGION - 1) / REGION * REGION;
    return p;
}

static void touch(char *p, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        EXPECT(p[i * PAGE] == 0);
        p[i * PAGE] = (char)(i + 1);
    }
}

static char *map_touched(uint64_t bytes, uint64_t pages)
{
    char *p = fresh(bytes);

    if (EXPECT(mmap(p, bytes, RW, FIXED, -1, 0) == p)) {
        touch(p, pages);
    }
    return p;
}

static void case_tables(void)
{
    for (unsigned i = 0; i < 200; i++) {
        char *p = map_touched(REGION, 1);
        EXPECT(munmap(p, REGION) == 0);
    }
}

static void case_frames(void)
{
    for (unsigned i = 0; i < 12; i++) {
        char *p = map_touched(300 * PAGE, 300);
        EXPECT(munmap(p, 300 * PAGE) == 0);
    }
}

static void case_lost(void)
{
    static const unsigned pages[] = {1, 8, 100, 400};

    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        char *p = map_touched(pages[i] * PAGE, pages[i]);
        EXPECT(mprotect(p, pages[i] * PAGE, PROT_READ) == 0);
        EXPECT(mprotect(p, pages[i] * PAGE, PROT_NONE) == 0);
        EXPECT(mprotect(p, pages[i] * PAGE, RW) == 0);
        EXPECT(p[0] == 1);
        EXPECT(munmap(p, pages[i] * PAGE) == 0);
    }
    char *p = fresh(2 * REGION), *q = p + REGION - 4 * PAGE; /* in two tables */
    if (EXPECT(mmap(p, 2 * REGION, RW, FIXED, -1, 0) == p)) {
        touch(q, 8);
        EXPECT(mprotect(q, 8 * PAGE, PROT_READ) == 0);
        EXPECT(mprotect(q, 8 * PAGE, RW) == 0);
        EXPECT(q[7 * PAGE] == 8);
        EXPECT(munmap(p, 2 * REGION) == 0);
    }
}

static void case_region(void)
{
    char *p = map_touched(REGION, 8);

    for (unsigned i = 0; i < 20; i++) {
        EXPECT(munmap(p, REGION) == 0);
        EXPECT(mmap(p, REGION, RW, FIXED, -1, 0) == p);
        touch(p, 8);
    }
    EXPECT(munmap(p, REGION) == 0);
}

int main(void)
{
    check_begin("flushes");
    check_case("tables", case_tables);
    check_case("frames", case_frames);
    check_case("lost rights", case_lost);
    check_case("same region", case_region);
    return check_end();
}
