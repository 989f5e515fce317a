/* pf, mmap, munmap_virt, munmap on all harts at once, each in a part of one address space that is its own: low contention.
 *
 * A hart's part is 16 MiB long and starts on a 2 MiB boundary, so it has leaf tables of its own. (CortenMM's benchmarks put
 * threads 388 to 737 pages apart, where neighbours share a leaf table.) The first pages under each of these tables stay
 * mapped all the time, which keeps the tables in place; requests are for those behind them. All parts stand side by side
 * below what mmap() without an address hands out, so that the memory manager treats them alike.
 *
 * One benchmark on one hart, all harts in step:
 *
 *     prepare | barrier | 64 requests to warm up | barrier | 512 requests, measured | barrier | check
 *
 * All that a hart writes here while it is measured is its own: its struct work. Called by main.c.
 */
#include "memory.h"
#include "hart.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <tenon/mm.h>

#define PAGE_BYTES 4096ull
#define TABLE_BYTES (512 * PAGE_BYTES) /* what a leaf table covers */
#define BASE 0x40000000ull
#define TABLES 8u /* of a hart */
#define PART_BYTES (TABLES * TABLE_BYTES)
#define WARM_UP 64u
#define MEASURED 512u
#define REQUESTS (WARM_UP + MEASURED)
#define DIRTY_TABLES 3u /* pages under so many tables are filled with ones and given back, for pf to take them zeroed */
#define MARK 0x5a
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct work {
    uint64_t address[REQUESTS];
    uint64_t result[REQUESTS];
} __attribute__((aligned(LINE_BYTES)));

static struct work work[HARTS_MAX];

static uint64_t part_of(unsigned index)
{
    return BASE + index * PART_BYTES;
}

static bool wrong(unsigned index, const char *name, const char *what, uint64_t have, uint64_t want)
{
    say("scale: hart %u: %s: %s: %#" PRIx64 " instead of %#" PRIx64 "\n", index, name, what, have, want);
    return false;
}

/* ---- A hart's part ---- */

static inline __attribute__((always_inline)) void touch(uint64_t address)
{
    __asm__ volatile("sb %1, 0(%0)" : : "r"(address), "r"(MARK) : "memory");
}

/* Requests of `pages` pages each: as many under a table as fit behind the one that keeps it. */
static void addresses_set(unsigned index, unsigned pages)
{
    unsigned per_table = 512 / pages - 1;

    for (unsigned i = 0; i < REQUESTS; i++)
        work[index].address[i] =
            part_of(index) + i / per_table * TABLE_BYTES + (1 + i % per_table) * pages * PAGE_BYTES;
}

/* The pages under a table that requests of `pages` pages are for. */
static uint64_t rest_low(unsigned index, unsigned table, unsigned pages)
{
    return part_of(index) + table * TABLE_BYTES + pages * PAGE_BYTES;
}

static bool rest_map(unsigned index, unsigned pages)
{
    for (unsigned table = 0; table < TABLES; table++) {
        void *low = (void *)rest_low(index, table, pages);
        if (mmap(low, TABLE_BYTES - pages * PAGE_BYTES, RW, ANON | MAP_FIXED, -1, 0) != low)
            return wrong(index, "prepare", "mmap: errno", (uint64_t)errno, 0);
    }
    return true;
}

static bool rest_unmap(unsigned index, unsigned pages)
{
    for (unsigned table = 0; table < TABLES; table++)
        if (munmap((void *)rest_low(index, table, pages), TABLE_BYTES - pages * PAGE_BYTES) != 0)
            return wrong(index, "prepare", "munmap: errno", (uint64_t)errno, 0);
    return true;
}

static bool is_mapped(uint64_t address, uint64_t bytes)
{
    return mprotect((void *)address, bytes, RW) == 0;
}

static bool page_is_fresh(unsigned index, const char *name, uint64_t address)
{
    const uint64_t *word = (const uint64_t *)address;

    for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
        if (word[i] != (i == 0 ? MARK : 0))
            return wrong(index, name, "a new page holds", word[i], i == 0 ? MARK : 0);
    return true;
}

/* ---- The benchmarks ---- */

struct bench {
    const char *name;
    unsigned pages; /* of a request */
    bool (*prepare)(unsigned index);
    void (*run)(struct work *w, unsigned from, unsigned to); /* requests from .. to - 1 */
    bool (*check)(unsigned index, const char *name);
    int frames; /* that a request takes, all harts' requests checked together */
    unsigned faults;
};

/* Loop around a request that is inlined, so that hardly more than what a program would execute is measured. */
#define REQUEST_LOOP(function, statement)                                                                              \
    static void function(struct work *w, unsigned from, unsigned to)                                                   \
    {                                                                                                                  \
        for (unsigned i = from; i < to; i++)                                                                           \
            statement;                                                                                                 \
    }

REQUEST_LOOP(run_pf, touch(w->address[i]))
REQUEST_LOOP(run_mmap,
             w->result[i] = (uint64_t)mmap((void *)w->address[i], 4 * PAGE_BYTES, RW, ANON | MAP_FIXED, -1, 0))
REQUEST_LOOP(run_mmap_any, w->result[i] = (uint64_t)mmap(NULL, 4 * PAGE_BYTES, RW, ANON, -1, 0))
REQUEST_LOOP(run_munmap, w->result[i] = (uint64_t)munmap((void *)w->address[i], PAGE_BYTES))

/* Frames full of ones go back to the memory manager; then nothing but the first page under each table is there. */
static bool prepare_pf(unsigned index)
{
    for (unsigned table = 0; table < DIRTY_TABLES; table++)
        memset((void *)rest_low(index, table, 1), 0xff, TABLE_BYTES - PAGE_BYTES);
    return rest_map(index, 1);
}

static bool check_pf(unsigned index, const char *name)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        if (!page_is_fresh(index, name, work[index].address[i]))
            return false;
    return rest_map(index, 1);
}

static bool prepare_mmap(unsigned index)
{
    return rest_unmap(index, 4);
}

/* Each result is a mapping; one page in some of them is used. */
static bool check_mmap(unsigned index, const char *name)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint64_t address = work[index].result[i];
        if (address != work[index].address[i])
            return wrong(index, name, "address", address, work[index].address[i]);
        if (!is_mapped(address, 4 * PAGE_BYTES))
            return wrong(index, name, "not mapped", address, 0);
        if (i % 64 == 0) {
            touch(address);
            if (!page_is_fresh(index, name, address))
                return false;
        }
    }
    return rest_map(index, 4);
}

static bool prepare_nothing(unsigned index)
{
    (void)index;
    return true;
}

static bool check_mmap_any(unsigned index, const char *name)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint64_t address = work[index].result[i];
        if (!is_mapped(address, 4 * PAGE_BYTES))
            return wrong(index, name, "not mapped", address, 0);
        if (munmap((void *)address, 4 * PAGE_BYTES) != 0)
            return wrong(index, name, "munmap: errno", (uint64_t)errno, 0);
    }
    return true;
}

static bool prepare_munmap(unsigned index)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        touch(work[index].address[i]);
    return true;
}

static bool check_munmap(unsigned index, const char *name)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint64_t address = work[index].address[i];
        if (work[index].result[i] != 0)
            return wrong(index, name, "munmap", work[index].result[i], 0);
        if (is_mapped(address, PAGE_BYTES) || errno != ENOMEM)
            return wrong(index, name, "still mapped", address, 0);
    }
    uint64_t behind = work[index].address[REQUESTS - 1] + PAGE_BYTES;
    if (!is_mapped(behind, PAGE_BYTES))
        return wrong(index, name, "no longer mapped, though not asked for", behind, 0);
    return rest_map(index, 1);
}

static const struct bench benches[] = {
    {"pf", 1, prepare_pf, run_pf, check_pf, 1, 1},
    {"mmap", 4, prepare_mmap, run_mmap, check_mmap, 0, 0},
    {"mmap_any", 4, prepare_nothing, run_mmap_any, check_mmap_any, 0, 0},
    {"munmap_virt", 1, prepare_nothing, run_munmap, check_munmap, 0, 0},
    {"munmap", 1, prepare_munmap, run_munmap, check_munmap, -1, 0},
};

/* ---- Running one on every hart ---- */

static uint64_t counter[MM_COUNTERS];

static void counters_read(void)
{
    if (mm_is_error(mm_stat(counter, MM_COUNTERS)))
        memset(counter, 0xff, sizeof counter);
}

/* What all harts' requests did together, by the memory manager's counters. Hart 0, while the others wait. */
static bool check_counters(const struct bench *b)
{
    uint64_t before[MM_COUNTERS], requests = (uint64_t)harts * REQUESTS;

    memcpy(before, counter, sizeof before);
    counters_read();
    uint64_t frames = counter[MM_FRAMES_NOW] - before[MM_FRAMES_NOW];
    uint64_t faults = counter[MM_FAULTS] - before[MM_FAULTS];
    uint64_t zeroed = counter[MM_PAGES_ZEROED] - before[MM_PAGES_ZEROED];
    if (frames != requests * (uint64_t)b->frames)
        return wrong(0, b->name, "frames taken", frames, requests * (uint64_t)b->frames);
    if (faults != requests * b->faults)
        return wrong(0, b->name, "page faults", faults, requests * b->faults);
    if (zeroed < requests * b->faults * 3 / 4)
        return wrong(0, b->name, "pages zeroed", zeroed, requests * b->faults);
    say("region %s operations %u remote-flushes %" PRIu64 "\n", b->name, MEASURED,
        counter[MM_REMOTE_FLUSHES] - before[MM_REMOTE_FLUSHES]);
    return true;
}

static bool bench_run(const struct bench *b, unsigned index)
{
    struct work *w = &work[index];

    addresses_set(index, b->pages);
    memset(w->result, 0xff, sizeof w->result);
    if (!b->prepare(index))
        return false;
    barrier();
    if (index == 0)
        counters_read();
    barrier();
    mark_track();
    b->run(w, 0, WARM_UP);
    barrier();
    mark_begin();
    b->run(w, WARM_UP, REQUESTS);
    mark_end();
    mark_untrack();
    barrier();
    if (index == 0 && !check_counters(b))
        return false;
    barrier();
    return b->check(index, b->name);
}

bool memory_run(unsigned index)
{
    void *part = (void *)part_of(index);
    if (mmap(part, PART_BYTES, RW, ANON | MAP_FIXED, -1, 0) != part)
        return wrong(index, "start", "mmap: errno", (uint64_t)errno, 0);
    for (unsigned table = 0; table < TABLES; table++)
        for (unsigned page = 0; page < 4; page++)
            touch(part_of(index) + table * TABLE_BYTES + page * PAGE_BYTES);
    for (unsigned i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        barrier();
        if (!bench_run(&benches[i], index))
            return false;
    }
    return true;
}
