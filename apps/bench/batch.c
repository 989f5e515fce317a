/* What batching is worth: page faults that map several pages (the server's fault-around), and munmap of many pages. See
 * suites.h and docs/benchmarks.md. One thread.
 */
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "suites.h"

#define GROUP_PAGES 16u /* a sample touches so many pages in a row: the largest group of pages that is measured */
#define GROUPS 144u
#define GROUPS_WARM 16u
#define MUNMAPS 32u
#define MUNMAPS_WARM 16u

INLINE void touch_group(uint64_t address)
{
#pragma GCC unroll 16
    for (unsigned i = 0; i < GROUP_PAGES; i++)
        touch(address + i * PAGE_BYTES);
}

static bool sweep(struct measure *m, const char *name)
{
    m->count = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        uint64_t address = BASE + (uint64_t)g * GROUP_PAGES * PAGE_BYTES, before = measure_now();
        touch_group(address);
        uint64_t after = measure_now();
        if (g >= GROUPS_WARM)
            measure_add(m, before, after);
    }
    for (uint64_t page = 0; page < GROUPS * GROUP_PAGES; page++)
        if (!page_is_fresh(name, BASE + page * PAGE_BYTES))
            return false;
    return true;
}

/* Frames full of ones go back to the memory manager first: a page that is zero was zeroed, and in the measured region. */
static bool pf_sweep(struct measure *m)
{
    const uint64_t pages = GROUPS * GROUP_PAGES, bytes = pages * PAGE_BYTES;
    const char *name = "pf_sweep";
    char text[40];

    if (!area_map(name, 2 * bytes))
        return false;
    memset((void *)BASE, 0xff, 2 * bytes);
    if (!area_unmap(name, 2 * bytes) || !area_map(name, bytes))
        return false;
    uint64_t frames = counter(MM_FRAMES_NOW), faults = counter(MM_FAULTS), zeroed = counter(MM_PAGES_ZEROED);
    bool ok = sweep(m, name);
    faults = counter(MM_FAULTS) - faults;
    zeroed = counter(MM_PAGES_ZEROED) - zeroed;
    if (faults == 0 || pages % faults != 0 || GROUP_PAGES % (pages / faults) != 0)
        return wrong(name, "page faults", faults, pages);
    if (zeroed < pages * 3 / 4)
        ok = wrong(name, "frames zeroed", zeroed, pages);
    unsigned around = (unsigned)(pages / faults);
    snprintf(text, sizeof(text), "pf_sweep_%u", around);
    measure_print(m, text, GROUP_PAGES);
    snprintf(text, sizeof(text), "pf_sweep_%u_fault", around);
    measure_print(m, text, GROUP_PAGES / around);
    return ok && frames_changed(name, frames, (int64_t)pages) && area_unmap(name, bytes);
}

static bool sweep_touched_again(struct measure *m)
{
    const char *name = "control_sweep_touched";
    bool ok = area_map(name, GROUPS * GROUP_PAGES * PAGE_BYTES) && sweep(m, name) && sweep(m, name);

    if (!ok)
        return false;
    measure_print(m, name, 1);
    return area_unmap(name, GROUPS * GROUP_PAGES * PAGE_BYTES);
}

/* One large mapping, all touched; the last page stays. */
static bool munmap_pages(struct measure *m, unsigned pages, const char *name)
{
    uint64_t bytes = pages * PAGE_BYTES, end = BASE + MUNMAPS * bytes, failures = 0;

    if (!area_map(name, end + PAGE_BYTES - BASE))
        return false;
    for (uint64_t at = BASE; at <= end; at += PAGE_BYTES)
        touch(at);
    uint64_t frames = counter(MM_FRAMES_NOW);
    m->count = 0;
    for (unsigned i = 0; i < MUNMAPS; i++) {
        uint64_t address = BASE + i * bytes, before = measure_now();
        int result = munmap((void *)address, bytes);
        uint64_t after = measure_now();
        failures += result != 0;
        if (i >= MUNMAPS_WARM)
            measure_add(m, before, after);
    }
    bool ok = failures == 0 || wrong(name, "failures", failures, 0);
    ok = ok && frames_changed(name, frames, -(int64_t)(MUNMAPS * pages));
    for (uint64_t at = BASE; ok && at < end; at += PAGE_BYTES)
        if (is_mapped(at, PAGE_BYTES) || errno != ENOMEM)
            ok = wrong(name, "still mapped", at, 0);
    if (ok && !is_mapped(end, PAGE_BYTES))
        ok = wrong(name, "no longer mapped, though not asked for", end, 0);
    measure_print(m, name, 1);
    return ok && area_unmap(name, end + PAGE_BYTES - BASE);
}

bool suite_batch(struct measure *m)
{
    return sweep_touched_again(m) && pf_sweep(m) && munmap_pages(m, 1, "munmap_1") &&
           munmap_pages(m, 16, "munmap_16") && munmap_pages(m, 256, "munmap_256");
}
