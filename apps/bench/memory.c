/* What mappings, address spaces and threads take in memory. See suites.h and docs/benchmarks.md.
 *
 * Everything is the difference of the memory manager's counters of this client (MM_STAT). One thread, but for the thread
 * that is measured.
 */
#include <tenon/futex.h>
#include <tenon/thread.h>
#include "check.h"
#include "suites.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define SPARSE_GIB 32ull

struct held {
    int64_t frames, tables, meta, objects, server; /* pages, pages, pages, bytes, bytes */
};

static struct held held_now(void)
{
    static uint64_t value[MM_COUNTERS];

    if (mm_is_error(mm_stat(value, MM_COUNTERS)))
        return (struct held){0};
    return (struct held){(int64_t)value[MM_FRAMES_NOW], (int64_t)value[MM_TABLES_NOW], (int64_t)value[MM_META_NOW],
                         (int64_t)value[MM_OBJECT_BYTES], (int64_t)value[MM_SERVER_BYTES]};
}

static void say_bytes(const char *name, const char *what, int64_t bytes)
{
    measure_say("bytes %s_%s %" PRId64 "\n", name, what, bytes);
}

/* Prints what has come since `before`, tables and metadata divided by the GiB that are mapped. */
static bool say_mapping(const char *name, const struct held *before, uint64_t gib, uint64_t frames)
{
    struct held now = held_now();

    say_bytes(name, "tables", (now.tables - before->tables) * (int64_t)(PAGE_BYTES / gib));
    say_bytes(name, "meta", (now.meta - before->meta) * (int64_t)(PAGE_BYTES / gib));
    if (now.objects != before->objects || now.server != before->server)
        return wrong(name, "objects made for a mapping, bytes", (uint64_t)(now.objects - before->objects), 0);
    return frames_changed(name, (uint64_t)before->frames, (int64_t)frames);
}

/* `gib` GiB are mapped, every `step`-th byte is touched; 0: none. */
static bool shape(const char *name, uint64_t gib, uint64_t step)
{
    struct held before = held_now();

    if (!area_map(name, gib * GIB))
        return false;
    for (uint64_t at = 0; step != 0 && at < gib * GIB; at += step)
        touch(BASE + at);
    bool ok = say_mapping(name, &before, gib, step != 0 ? gib * GIB / step : 0);
    for (uint64_t at = 0; ok && step != 0 && at < gib * GIB; at += step)
        ok = page_is_fresh(name, BASE + at);
    return ok && area_unmap(name, gib * GIB);
}

/* A GiB whose pages are all there: mapped at once, since faults for each would not change what it takes. Then a page of
 * each table goes, and each table needs its words. */
static bool dense(void)
{
    const char *name = "mem_dense";
    struct held before = held_now();
    uint64_t faults = counter(MM_FAULTS);

    if (mmap((void *)BASE, GIB, RW, ANON | MAP_FIXED | MAP_POPULATE, -1, 0) != (void *)BASE)
        return wrong(name, "mmap: errno", (uint64_t)errno, 0);
    for (uint64_t at = 0; at < GIB; at += PAGE_BYTES)
        touch(BASE + at);
    if (counter(MM_FAULTS) != faults)
        return wrong(name, "page faults of pages that are there", counter(MM_FAULTS) - faults, 0);
    if (!say_mapping(name, &before, 1, GIB / PAGE_BYTES))
        return false;
    for (uint64_t at = 0; at < GIB; at += 2 * MIB)
        if (munmap((void *)(BASE + at), PAGE_BYTES) != 0)
            return wrong(name, "munmap: errno", (uint64_t)errno, 0);
    return say_mapping("mem_dense_holes", &before, 1, GIB / PAGE_BYTES - GIB / (2 * MIB)) && area_unmap(name, GIB);
}

static uint32_t stay;

static void *wait_here(void *argument)
{
    while (__atomic_load_n(&stay, __ATOMIC_ACQUIRE)) /* pairs with: threads */
        tn_yield();
    return argument;
}

/* A second thread: the first one made has shown the library's own data. */
static bool threads(void)
{
    struct tn_thread *first, *second;

    stay = 1;
    if (tn_thread_create(&first, wait_here, NULL, TN_HART_ANY, 0) != 0)
        return wrong("mem_thread", "no thread", 0, 1);
    tn_yield(); /* it has run */
    struct held before = held_now();
    if (tn_thread_create(&second, wait_here, NULL, TN_HART_ANY, 0) != 0)
        return wrong("mem_thread", "no second thread", 0, 1);
    tn_yield();
    struct held now = held_now();
    say_bytes("mem_thread", "frames", (now.frames - before.frames) * (int64_t)PAGE_BYTES);
    say_bytes("mem_thread", "tables", (now.tables + now.meta - before.tables - before.meta) * (int64_t)PAGE_BYTES);
    say_bytes("mem_thread", "objects", now.objects - before.objects);
    say_bytes("mem_thread", "server", now.server - before.server);
    __atomic_store_n(&stay, 0, __ATOMIC_RELEASE); /* pairs with: wait_here */
    return tn_thread_join(first, NULL) == 0 && tn_thread_join(second, NULL) == 0;
}

bool suite_memory(void)
{
    struct held start = held_now();

    say_bytes("mem_space", "frames", start.frames * (int64_t)PAGE_BYTES);
    say_bytes("mem_space", "tables", (start.tables + start.meta) * (int64_t)PAGE_BYTES);
    say_bytes("mem_space", "objects", start.objects);
    say_bytes("mem_space", "server", start.server);
    if (start.objects == 0 || start.server == 0)
        return wrong("mem_space", "bytes of objects", 0, 1);
    return shape("mem_untouched", 1, 0) && shape("mem_sparse_2m", 1, 2 * MIB) &&
           shape("mem_sparse_1g", SPARSE_GIB, GIB) && dense() && threads();
}
