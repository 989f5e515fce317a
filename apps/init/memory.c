/* Untyped memory of init: see memory.h.
 *
 * The kernel makes objects of an Untyped from its start upwards, each aligned to its size; a block repeats that
 * arithmetic (`used_bytes`), so that addresses and room are known without asking. */
#include "memory.h"
#include "finish.h"
#include <tenon/invoke_stubs.h>
#include <tenon/server_start.h>

struct block {
    tn_cptr_t cap;
    uint64_t paddr, bytes;
    uint64_t used_bytes; /* from its start; `bytes` once it is used up or given away */
};

static const struct tn_bootinfo *boot;
static struct block block[TN_BOOTINFO_UNTYPED_MAX];
static uint32_t block_count;
static uint64_t slot_next;

void memory_init(const struct tn_bootinfo *info)
{
    boot = info;
    slot_next = info->free_slot_first;
    for (uint32_t i = 0; i < info->untyped_count && i < TN_BOOTINFO_UNTYPED_MAX; i++) {
        const struct tn_boot_untyped *u = &info->untyped[i];
        if (!u->is_device && u->paddr < TN_SERVER_PADDR_END) {
            block[block_count++] = (struct block){TN_INIT_FIRST_UNTYPED + i, u->paddr, 1ull << u->size_bits, 0};
        }
    }
}

tn_cptr_t memory_slots(uint32_t count)
{
    tn_cptr_t first = slot_next;

    if (boot->free_slot_end - slot_next < count) {
        fail("init: no capability slot left");
    }
    slot_next += count;
    return first;
}

uint64_t memory_free_bytes(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < block_count; i++) {
        sum += block[i].bytes - block[i].used_bytes;
    }
    return sum;
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

tn_cptr_t memory_make(enum tn_object type, uint32_t size_bits, uint32_t object_bits, uint64_t *paddr)
{
    uint64_t bytes = 1ull << object_bits;
    struct block *best = NULL;

    for (struct block *b = block; b < block + block_count; b++) {
        int fits = round_up(b->used_bytes, bytes) + bytes <= b->bytes;
        if (fits && (best == NULL || b->bytes - b->used_bytes < best->bytes - best->used_bytes)) {
            best = b;
        }
    }
    if (best == NULL) {
        return 0;
    }
    tn_cptr_t slot = memory_slots(1);
    enum tn_error error = tn_untyped_retype(best->cap, type, size_bits, TN_INIT_CNODE, (uint32_t)slot, 1);
    if (error != TN_OK) {
        fail("init: the kernel refuses to make an object of type %u: error %u", type, error);
    }
    uint64_t at = round_up(best->used_bytes, bytes);
    best->used_bytes = at + bytes;
    if (paddr != NULL) {
        *paddr = best->paddr + at;
    }
    return slot;
}

tn_cptr_t memory_need(enum tn_object type, uint32_t size_bits, uint32_t object_bits, const char *where,
                      const char *what)
{
    tn_cptr_t cap = memory_make(type, size_bits, object_bits, NULL);

    if (cap == 0) {
        fail("%s: too little memory for %s: %lu bytes in one piece wanted, %lu left in all", where, what,
             1ul << object_bits, memory_free_bytes());
    }
    return cap;
}

/* Largest power of two that the rest of `b` has room for at its natural alignment, at most `limit`; 0: not a page. */
static uint64_t block_largest(const struct block *b, uint64_t limit)
{
    for (uint64_t bytes = b->bytes; bytes >= TN_PAGE_BYTES; bytes >>= 1) {
        if (bytes <= limit && round_up(b->used_bytes, bytes) + bytes <= b->bytes) {
            return bytes;
        }
    }
    return 0;
}

/* Where the largest piece would leave a hole before it, the piece that fits into the hole is taken first: otherwise the
 * memory of the hole would be lost. */
static uint64_t block_next_piece(const struct block *b, uint64_t limit)
{
    uint64_t bytes = block_largest(b, limit), start = round_up(b->used_bytes, TN_PAGE_BYTES);

    while (bytes > TN_PAGE_BYTES && (start & (bytes - 1)) != 0) {
        bytes >>= 1;
    }
    return bytes;
}

tn_cptr_t memory_take(uint64_t bytes_max, uint64_t *paddr, uint32_t *size_bits)
{
    struct block *best = NULL;
    uint64_t most = 0;

    for (struct block *b = block; b < block + block_count; b++) {
        uint64_t bytes = block_next_piece(b, bytes_max);
        if (bytes > most) {
            most = bytes;
            best = b;
        }
    }
    if (best == NULL) {
        return 0;
    }
    *size_bits = (uint32_t)__builtin_ctzll(most);
    if (most == best->bytes) { /* untouched: the block itself changes hands */
        best->used_bytes = best->bytes;
        *paddr = best->paddr;
        return best->cap;
    }
    tn_cptr_t slot = memory_slots(1);
    if (tn_untyped_retype(best->cap, TN_UNTYPED, *size_bits, TN_INIT_CNODE, (uint32_t)slot, 1) != TN_OK) {
        fail("init: the kernel refuses to split memory at 0x%lx", best->paddr);
    }
    uint64_t at = round_up(best->used_bytes, most);
    best->used_bytes = at + most;
    *paddr = best->paddr + at;
    return slot;
}

tn_cptr_t memory_device(uint64_t paddr, uint64_t *page)
{
    for (uint32_t i = 0; i < boot->untyped_count && i < TN_BOOTINFO_UNTYPED_MAX; i++) {
        const struct tn_boot_untyped *u = &boot->untyped[i];
        if (!u->is_device || paddr - u->paddr >= 1ull << u->size_bits) {
            continue;
        }
        tn_cptr_t slot = memory_slots(1);
        if (tn_untyped_retype(TN_INIT_FIRST_UNTYPED + i, TN_FRAME, u->size_bits, TN_INIT_CNODE, (uint32_t)slot, 1) !=
            TN_OK) {
            return 0;
        }
        *page = (paddr - u->paddr) >> TN_PAGE_BITS;
        return slot;
    }
    return 0;
}
