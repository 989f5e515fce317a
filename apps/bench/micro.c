/* The memory micro-benchmarks; see micro.h and docs/benchmarks.md.
 *
 * The request between two readings of the counter is inlined (run_rounds), so that nothing but the call that a program
 * would make is counted. Checks stand outside the measured region and use what the memory manager counts for this
 * client, what the pages hold, and mprotect(), which fails with ENOMEM where nothing is mapped.
 * Called by main.c. One thread.
 */
#include <string.h>
#include "check.h"
#include "micro.h"

#define ROUNDS 16u
#define REQUESTS 32u
#define MEASURED 16u /* the last of a round's requests */

/* How requests are spread: size and padding in pages. */
struct layout {
    unsigned request_pages, padding_pages;
};

static const struct layout mmap_layout = {4, 384};
static const struct layout page_layout = {1, 480};
static const struct layout munmap_layout = {1, 736};

INLINE uint64_t address_of(const struct layout *l, unsigned round, unsigned request)
{
    uint64_t first_page = (uint64_t)round * (l->request_pages + l->padding_pages);

    return BASE + (first_page + (uint64_t)request * l->request_pages) * PAGE_BYTES;
}

/* From the first to the last address of a layout. */
static uint64_t area_bytes(const struct layout *l)
{
    return address_of(l, ROUNDS - 1, REQUESTS) - BASE;
}

INLINE void run_rounds(struct measure *m, const struct layout *l, void (*request)(uint64_t address, uint64_t *out),
                       uint64_t *out)
{
    m->count = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < REQUESTS; i++) {
            uint64_t address = address_of(l, round, i);
            uint64_t before = measure_now();
            request(address, &out[round * REQUESTS + i]);
            uint64_t after = measure_now();
            if (i >= REQUESTS - MEASURED)
                measure_add(m, before, after);
        }
    }
}

/* ---- Checks ---- */

static uint64_t result[ROUNDS * REQUESTS]; /* of each request: an address, or 0 and -1 of a call */

void micro_init(void)
{
    memset(result, 0xff, sizeof(result));
    (void)counter(0);
}

/* Nearly all frames that the requests took had been used before, and were zeroed since the counter was `before`. */
static bool frames_zeroed(const char *name, uint64_t before)
{
    uint64_t zeroed = counter(MM_PAGES_ZEROED) - before, least = ROUNDS * REQUESTS * 3 / 4;

    return zeroed >= least || wrong(name, "frames zeroed", zeroed, least);
}

/* Frames full of ones go back to the memory manager, to be handed out again: a page that is zero was zeroed. */
static bool dirty_frames(const char *name)
{
    uint64_t bytes = 2 * ROUNDS * REQUESTS * PAGE_BYTES;

    if (!area_map(name, bytes))
        return false;
    memset((void *)BASE, 0xff, bytes);
    return area_unmap(name, bytes);
}

/* ---- Page fault ---- */

INLINE void request_touch(uint64_t address, uint64_t *out)
{
    (void)out;
    touch(address);
}

bool micro_pf(struct measure *m)
{
    const char *name = "pf";
    bool ok = dirty_frames(name) && area_map(name, area_bytes(&page_layout));
    if (!ok)
        return false;
    uint64_t frames = counter(MM_FRAMES_NOW), faults = counter(MM_FAULTS), zeroed = counter(MM_PAGES_ZEROED);
    run_rounds(m, &page_layout, request_touch, result);
    faults = counter(MM_FAULTS) - faults;
    if (faults != ROUNDS * REQUESTS)
        ok = wrong(name, "page faults", faults, ROUNDS * REQUESTS);
    ok = ok && frames_changed(name, frames, ROUNDS * REQUESTS) && frames_zeroed(name, zeroed);
    for (unsigned i = 0; ok && i < ROUNDS * REQUESTS; i++)
        ok = page_is_fresh(name, address_of(&page_layout, i / REQUESTS, i % REQUESTS));
    measure_print(m, name, 1);
    return ok && area_unmap(name, area_bytes(&page_layout));
}

bool micro_touch_again(struct measure *m)
{
    const char *name = "control_touch_again";
    bool ok = area_map(name, area_bytes(&page_layout));
    if (!ok)
        return false;
    run_rounds(m, &page_layout, request_touch, result);
    run_rounds(m, &page_layout, request_touch, result);
    if (measure_median(m) != 1)
        ok = wrong(name, "instructions of a store", measure_median(m), 1);
    measure_print(m, name, 1);
    return area_unmap(name, area_bytes(&page_layout)) && ok;
}

/* ---- Mapping ---- */

INLINE void request_mmap_fixed(uint64_t address, uint64_t *out)
{
    *out = (uint64_t)mmap((void *)address, 4 * PAGE_BYTES, RW, ANON | MAP_FIXED, -1, 0);
}

INLINE void request_mmap_any(uint64_t address, uint64_t *out)
{
    (void)address;
    *out = (uint64_t)mmap(NULL, 4 * PAGE_BYTES, RW, ANON, -1, 0);
}

INLINE void request_mmap_pf_fixed(uint64_t address, uint64_t *out)
{
    *out = (uint64_t)mmap((void *)address, PAGE_BYTES, RW, ANON | MAP_FIXED, -1, 0);
    touch(address);
}

INLINE void request_mmap_pf_any(uint64_t address, uint64_t *out)
{
    (void)address;
    *out = (uint64_t)mmap(NULL, PAGE_BYTES, RW, ANON, -1, 0);
    touch(*out);
}

/* Each result is a mapping of its own; then all go. Where `touched`, they hold a fresh page already. */
static bool check_mappings(const char *name, const struct layout *l, bool fixed, bool touched)
{
    uint64_t bytes = l->request_pages * PAGE_BYTES;

    for (unsigned i = 0; i < ROUNDS * REQUESTS; i++) {
        uint64_t want = address_of(l, i / REQUESTS, i % REQUESTS);
        if (fixed && result[i] != want)
            return wrong(name, "address", result[i], want);
        if (!is_mapped(result[i], bytes))
            return wrong(name, "not mapped", result[i], 0);
        for (uint64_t page = 0; page < bytes; page += PAGE_BYTES) {
            if (!touched)
                touch(result[i] + page);
            if (!page_is_fresh(name, result[i] + page))
                return false;
        }
        memset((void *)result[i], 0xff, bytes);
    }
    for (unsigned i = 0; i < ROUNDS * REQUESTS; i++)
        if (munmap((void *)result[i], bytes) != 0)
            return wrong(name, "munmap: errno", (uint64_t)errno, 0);
    return true;
}

/* `frames`: how many the measured region must have taken. */
static bool finish_mappings(struct measure *m, const char *name, const struct layout *l, bool fixed, uint64_t before,
                            unsigned frames)
{
    bool ok = frames_changed(name, before, frames) && check_mappings(name, l, fixed, frames != 0);

    measure_print(m, name, 1);
    return ok && frames_changed(name, before, 0);
}

bool micro_mmap(struct measure *m)
{
    uint64_t frames = counter(MM_FRAMES_NOW);

    run_rounds(m, &mmap_layout, request_mmap_fixed, result);
    return finish_mappings(m, "mmap", &mmap_layout, true, frames, 0);
}

bool micro_mmap_any(struct measure *m)
{
    uint64_t frames = counter(MM_FRAMES_NOW);

    run_rounds(m, &mmap_layout, request_mmap_any, result);
    return finish_mappings(m, "mmap_any", &mmap_layout, false, frames, 0);
}

bool micro_mmap_pf(struct measure *m)
{
    uint64_t frames = counter(MM_FRAMES_NOW), zeroed = counter(MM_PAGES_ZEROED);

    run_rounds(m, &page_layout, request_mmap_pf_fixed, result);
    return frames_zeroed("mmap_pf", zeroed) &&
           finish_mappings(m, "mmap_pf", &page_layout, true, frames, ROUNDS * REQUESTS);
}

bool micro_mmap_pf_any(struct measure *m)
{
    uint64_t frames = counter(MM_FRAMES_NOW), zeroed = counter(MM_PAGES_ZEROED);

    run_rounds(m, &page_layout, request_mmap_pf_any, result);
    return frames_zeroed("mmap_pf_any", zeroed) &&
           finish_mappings(m, "mmap_pf_any", &page_layout, false, frames, ROUNDS * REQUESTS);
}

/* ---- Unmapping ---- */

INLINE void request_munmap(uint64_t address, uint64_t *out)
{
    *out = (uint64_t)munmap((void *)address, PAGE_BYTES);
}

/* The area is mapped; every request's page has been touched, or none. */
static bool run_munmap(struct measure *m, const char *name, int64_t frames_back)
{
    uint64_t frames = counter(MM_FRAMES_NOW);

    run_rounds(m, &munmap_layout, request_munmap, result);
    bool ok = frames_changed(name, frames, -frames_back);
    for (unsigned i = 0; ok && i < ROUNDS * REQUESTS; i++) {
        uint64_t address = address_of(&munmap_layout, i / REQUESTS, i % REQUESTS);
        if (result[i] != 0)
            ok = wrong(name, "munmap", result[i], 0);
        else if (is_mapped(address, PAGE_BYTES) || errno != ENOMEM)
            ok = wrong(name, "still mapped", address, 0);
    }
    uint64_t behind = address_of(&munmap_layout, 0, REQUESTS);
    if (ok && !is_mapped(behind, PAGE_BYTES))
        ok = wrong(name, "no longer mapped, though not asked for", behind, 0);
    measure_print(m, name, 1);
    return ok;
}

bool micro_munmap_virt(struct measure *m)
{
    const char *name = "munmap_virt";

    return area_map(name, area_bytes(&munmap_layout) + PAGE_BYTES) && run_munmap(m, name, 0) &&
           area_unmap(name, area_bytes(&munmap_layout) + PAGE_BYTES);
}

bool micro_munmap(struct measure *m)
{
    const char *name = "munmap";

    if (!area_map(name, area_bytes(&munmap_layout) + PAGE_BYTES))
        return false;
    run_rounds(m, &munmap_layout, request_touch, result);
    return run_munmap(m, name, ROUNDS * REQUESTS) && area_unmap(name, area_bytes(&munmap_layout) + PAGE_BYTES);
}

/* ---- Protection ---- */

/* Pages are still there and writable: touching them takes no fault. */
static bool retouch(const char *name, unsigned pages)
{
    uint64_t faults = counter(MM_FAULTS);

    for (unsigned i = 0; i < pages; i++)
        touch(BASE + i * PAGE_BYTES);
    faults = counter(MM_FAULTS) - faults;
    return faults == 0 || wrong(name, "page faults after the protection came back", faults, 0);
}

bool micro_mprotect(struct measure *m, unsigned pages)
{
    const char *name = pages == 1 ? "mprotect_1" : pages == 16 ? "mprotect_16" : "mprotect_256";
    uint64_t bytes = pages * PAGE_BYTES, failures = 0;

    if (!area_map(name, bytes))
        return false;
    for (unsigned i = 0; i < pages; i++)
        touch(BASE + i * PAGE_BYTES);
    uint64_t written = counter(MM_PT_WRITES);
    m->count = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint64_t before = measure_now();
        int to_ro = mprotect((void *)BASE, bytes, PROT_READ);
        int to_rw = mprotect((void *)BASE, bytes, RW);
        uint64_t after = measure_now();
        failures += to_ro != 0 || to_rw != 0;
        if (i >= REQUESTS - MEASURED)
            measure_add(m, before, after);
    }
    written = counter(MM_PT_WRITES) - written;
    bool ok = failures == 0 || wrong(name, "failures", failures, 0);
    if (written != 2ull * REQUESTS * pages)
        ok = wrong(name, "entries written", written, 2ull * REQUESTS * pages);
    measure_print(m, name, 2);
    return retouch(name, pages) && area_unmap(name, bytes) && ok;
}
