/* The frame pools; see frames.h.
 *
 * Frames of a pool that never were given out lie between `fresh` and `fresh_end` of its newest chunk and are zero, as the
 * kernel made them. Frames that came back form a list through their first words. Both under the pool's lock, which its
 * own worker takes once for CT_STOCK_BULK frames, and others only when they take frames away from it: where there are
 * many, or where memory is used up. Nobody holds two of these locks. During the start one thread runs, and cuts a pool of
 * its own into the heap. */
#include "frames.h"
#include "lock.h"
#include "selfmap.h"
#include "server.h"
#include "share.h"
#include <corten/port.h>
#include <stddef.h>
#include <tenon/server_start.h>

struct pool {
    struct lock lock __attribute__((aligned(64)));
    uint64_t fresh, fresh_end; /* (lock) physical addresses; only the pool's own worker puts a new chunk here */
    uint64_t returned;         /* (lock) first of the list, 0: empty */
    uint64_t returned_count;   /* (lock) written; others look at it without */
};

static struct pool *pools;             /* one a worker */
static struct pool heap;               /* start only */
static tn_cptr_t *chunk_cap;           /* entries written once, before their frames are given out */
static uint64_t chunk_count;           /* constant after the start */
static struct tn_ipc_buffer *heap_ipc; /* start only */

static uint64_t *frame_word(uint64_t paddr)
{
    return port_frame((paddr_t){paddr});
}

/* Take a chunk for a pool that has no fresh frames, and map it. 0: none left. */
static uint32_t chunk_open(struct tn_ipc_buffer *ipc, struct pool *p)
{
    uint64_t paddr;
    uint32_t slot = share_chunk(TN_FRAME, &paddr);

    if (slot == 0) {
        return 0;
    }
    uint64_t address = TN_SERVER_FRAMES + paddr;
    struct tn_pt_run map = {.table = self_table_large(address),
                            .object = slot,
                            .first = (uint16_t)(address >> CHUNK_BITS & (TN_PT_ENTRIES - 1)),
                            .count = 1,
                            .op = TN_PT_MAP,
                            .rights = TN_READ | TN_WRITE};
    self_write(ipc, &map, 1);
    if (chunk_cap != NULL) {
        chunk_cap[(paddr >> CHUNK_BITS) - port_layout.chunk_first] = slot;
    }
    lock_take(&p->lock);
    p->fresh = paddr;
    p->fresh_end = paddr + CHUNK_BYTES;
    lock_drop(&p->lock);
    return slot;
}

int frames_init(struct tn_ipc_buffer *ipc, uint64_t low, uint64_t high)
{
    heap_ipc = ipc;
    port_layout.chunk_first = low >> CHUNK_BITS;
    if (!self_cover_large(ipc, TN_SERVER_FRAMES + low, high - low)) {
        return 0;
    }
    uint32_t slot = chunk_open(ipc, &heap);
    if (slot == 0) {
        return 0;
    }
    uint64_t first = heap.fresh;
    uint64_t chunks = ((high - 1) >> CHUNK_BITS) - (low >> CHUNK_BITS) + 1;
    tn_cptr_t *caps = frames_heap((chunks * sizeof *caps + 63) & ~63ull);
    pools = frames_heap(server.harts * sizeof *pools);
    if (caps == NULL || pools == NULL) {
        return 0;
    }
    caps[(first >> CHUNK_BITS) - port_layout.chunk_first] = slot;
    chunk_cap = caps;
    chunk_count = chunks;
    port_layout.chunk_cap = caps;
    return 1;
}

void *frames_heap(uint64_t bytes)
{
    struct pool *p = &heap;
    uint64_t align = bytes > TN_PAGE_BYTES ? TN_PAGE_BYTES : 64;
    uint64_t at = (p->fresh + align - 1) & ~(align - 1);

    if (bytes > CHUNK_BYTES) {
        return NULL;
    }
    if (at + bytes > p->fresh_end) {
        p->fresh = (p->fresh + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
        for (; p->fresh < p->fresh_end; p->fresh += TN_PAGE_BYTES) { /* the rest of this chunk is for clients */
            frames_put(0, &(paddr_t){p->fresh}, 1);
        }
        if (chunk_open(heap_ipc, p) == 0) {
            return NULL;
        }
        at = p->fresh;
    }
    p->fresh = at + bytes;
    return frame_word(at);
}

void frames_heap_end(void)
{
    pools[0].fresh = (heap.fresh + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
    pools[0].fresh_end = heap.fresh_end;
}

/* *zeroed becomes false if a frame is among them that may not be zero. */
static unsigned pool_take(struct pool *p, paddr_t *out, unsigned want, bool *zeroed)
{
    unsigned n = 0;

    lock_take(&p->lock);
    for (; n < want && p->returned != 0; n++) {
        out[n].v = p->returned;
        p->returned = *frame_word(p->returned);
        *zeroed = false;
    }
    __atomic_store_n(&p->returned_count, p->returned_count - n, __ATOMIC_RELAXED);
    for (; n < want && p->fresh < p->fresh_end; n++) {
        out[n].v = p->fresh;
        p->fresh += TN_PAGE_BYTES;
    }
    lock_drop(&p->lock);
    return n;
}

/* Out of other workers' pools that have `least` returned frames or more, the next one's first. */
static unsigned steal(unsigned worker, paddr_t *out, unsigned want, uint64_t least, bool *zeroed)
{
    unsigned n = 0;

    for (unsigned step = 1; n < want && step < server.harts; step++) {
        struct pool *p = &pools[(worker + step) % server.harts];
        if (__atomic_load_n(&p->returned_count, __ATOMIC_RELAXED) >= least) { /* or had just now */
            n += pool_take(p, out + n, want - n, zeroed);
        }
    }
    return n;
}

/* The worker's own pool is empty. What lies idle in another is better than a chunk that nothing else can have then. */
static __attribute__((noinline)) unsigned take_elsewhere(struct tn_ipc_buffer *ipc, unsigned worker, paddr_t *out,
                                                         unsigned want, bool *zeroed)
{
    unsigned n = steal(worker, out, want, CHUNK_PAGES, zeroed);

    while (n < want && chunk_open(ipc, &pools[worker]) != 0) {
        n += pool_take(&pools[worker], out + n, want - n, zeroed);
    }
    return n < want ? n + steal(worker, out + n, want - n, 0, zeroed) : n;
}

unsigned frames_get(struct tn_ipc_buffer *ipc, unsigned worker, paddr_t *out, unsigned want, bool *zeroed)
{
    *zeroed = true;
    unsigned n = pool_take(&pools[worker], out, want, zeroed);

    return n < want ? n + take_elsewhere(ipc, worker, out + n, want - n, zeroed) : n;
}

void frames_put(unsigned worker, const paddr_t *in, unsigned count)
{
    struct pool *p = &pools[worker];

    lock_take(&p->lock);
    for (unsigned i = 0; i < count; i++) {
        *frame_word(in[i].v) = p->returned;
        p->returned = in[i].v;
    }
    __atomic_store_n(&p->returned_count, p->returned_count + count, __ATOMIC_RELAXED);
    lock_drop(&p->lock);
}

bool frames_has(paddr_t frame)
{
    uint64_t chunk = (frame.v >> CHUNK_BITS) - port_layout.chunk_first;

    return chunk < chunk_count && __atomic_load_n(&chunk_cap[chunk], __ATOMIC_RELAXED) != 0;
}

uint64_t frames_free_pages(void)
{
    uint64_t pages = 0;

    for (struct pool *p = pools; p < pools + server.harts; p++) {
        lock_take(&p->lock);
        pages += (p->fresh_end - p->fresh) / TN_PAGE_BYTES + p->returned_count;
        lock_drop(&p->lock);
    }
    return pages;
}
