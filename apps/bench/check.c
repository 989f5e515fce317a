/* Checks of the benchmarks; see check.h. One thread. */
#include "check.h"

bool wrong(const char *name, const char *what, uint64_t have, uint64_t want)
{
    measure_say("bench: %s: %s: %#" PRIx64 " instead of %#" PRIx64 "\n", name, what, have, want);
    return false;
}

bool area_map(const char *name, uint64_t bytes)
{
    void *p = mmap((void *)BASE, bytes, RW, ANON | MAP_FIXED, -1, 0);

    return p == (void *)BASE || wrong(name, "mapping of the area", (uint64_t)p, BASE);
}

bool area_unmap(const char *name, uint64_t bytes)
{
    return munmap((void *)BASE, bytes) == 0 || wrong(name, "unmapping of the area: errno", (uint64_t)errno, 0);
}

uint64_t counter(unsigned which)
{
    static uint64_t value[MM_COUNTERS];

    return mm_is_error(mm_stat(value, MM_COUNTERS)) ? ~0ull : value[which];
}

bool frames_changed(const char *name, uint64_t before, int64_t by)
{
    uint64_t now = counter(MM_FRAMES_NOW);

    return now == before + (uint64_t)by || wrong(name, "frames of the client", now, before + (uint64_t)by);
}

bool page_is_fresh(const char *name, uint64_t address)
{
    const uint64_t *word = (const uint64_t *)address;

    for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
        if (word[i] != (i == 0 ? MARK : 0))
            return wrong(name, "a new page holds", word[i], i == 0 ? MARK : 0);
    return true;
}

bool is_mapped(uint64_t address, uint64_t bytes)
{
    return mprotect((void *)address, bytes, RW) == 0;
}
