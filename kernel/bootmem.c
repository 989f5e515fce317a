/* Memory during boot. The free ranges stand in one small array; taking a piece cuts its range in two.
 *
 * Invariant: ranges are whole pages, inside RAM and the direct map, do not overlap each other, nor anything reserved.
 * One hart, no locks.
 */
#include "bootmem.h"
#include "console.h"
#include "platform.h"
#include <string.h>

#define FREE_MAX 128

static struct range free_ranges[FREE_MAX];
static uint32_t free_count;

/* Room for one more is never lacking in practice (there are at most MEMORY_BANKS_MAX + RESERVED_MAX ranges, each cut at
 * few places); if it were, the piece would be lost, not the machine. */
static void add_free(uint64_t base, uint64_t end)
{
    if (base < end && free_count < FREE_MAX)
        free_ranges[free_count++] = (struct range){{base}, end - base};
}

/* Takes [base, end) out of range i. Other ranges may change places. */
static void cut(uint32_t i, uint64_t base, uint64_t end)
{
    struct range r = free_ranges[i];
    free_ranges[i] = free_ranges[--free_count];
    add_free(r.base.v, base);
    add_free(end, r.base.v + r.bytes);
}

static void reserve(struct range r)
{
    for (uint32_t i = 0; i < free_count;) {
        uint64_t low = free_ranges[i].base.v, high = low + free_ranges[i].bytes;
        uint64_t base = r.base.v > low ? r.base.v : low;
        uint64_t end = r.base.v + r.bytes < high ? r.base.v + r.bytes : high;
        if (base < end)
            cut(i, base, end); /* what stands at i now has not been looked at, or is clear of r */
        else
            i++;
    }
}

void bootmem_init(void)
{
    for (uint32_t i = 0; i < platform.memory_count; i++)
        add_free(platform.memory[i].base.v, platform.memory[i].base.v + platform.memory[i].bytes);
    for (uint32_t i = 0; i < platform.reserved_count; i++)
        reserve(platform.reserved[i]);
}

/* The lowest place where an aligned piece fits. */
static bool take(uint64_t bytes, uint64_t alignment, uint64_t *base)
{
    uint32_t best = free_count;
    for (uint32_t i = 0; i < free_count; i++) {
        uint64_t low = free_ranges[i].base.v, at = (low + alignment - 1) & ~(alignment - 1);
        if (at - low <= free_ranges[i].bytes && free_ranges[i].bytes - (at - low) >= bytes &&
            (best == free_count || at < *base)) {
            best = i;
            *base = at;
        }
    }
    if (best == free_count)
        return false;
    cut(best, *base, *base + bytes);
    return true;
}

void *bootmem_alloc(uint64_t bytes, uint64_t alignment)
{
    uint64_t base = 0;
    bytes = (bytes + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
    if (alignment < TN_PAGE_BYTES)
        alignment = TN_PAGE_BYTES;
    if (!take(bytes, alignment, &base)) {
        kprintf("boot: not enough memory: no %lu KiB left\n", bytes >> 10);
        platform_stop(true);
    }
    return memset(phys_to_virt((paddr_t){base}), 0, bytes);
}

void bootmem_give_away(void (*take_piece)(paddr_t base, uint32_t size_bits, void *context), void *context)
{
    uint64_t base = 0;
    for (uint32_t bits = TN_UNTYPED_BITS_MAX; bits >= TN_PAGE_BITS; bits--)
        while (take(1ull << bits, 1ull << bits, &base))
            take_piece((paddr_t){base}, bits, context);
}
