/* The frame pool; see frames.h.
 *
 * Frames that never were given out lie between `fresh` and `fresh_end` of the newest chunk and are zero, as the kernel
 * made them. Frames that came back form a list through their first words. Both under the lock, which is taken once for
 * CT_STOCK_BULK frames. During the start one thread runs and takes no lock. */
#include "frames.h"
#include "lock.h"
#include "selfmap.h"
#include "share.h"
#include <corten/port.h>
#include <stddef.h>
#include <tenon/server_start.h>

static struct lock lock;
static uint64_t fresh, fresh_end;      /* (lock) physical addresses */
static uint64_t returned;              /* (lock) first of the list, 0: empty */
static uint64_t returned_count;        /* (lock) */
static tn_cptr_t *chunk_cap;           /* (lock) entries written once, before their frames are given out */
static uint64_t chunk_count;           /* constant after the start */
static struct tn_ipc_buffer *heap_ipc; /* start only */

static uint64_t *frame_word(uint64_t paddr)
{
    return port_frame((paddr_t){paddr});
}

/* Take a chunk and map it. 0: none left. */
static uint32_t chunk_open(struct tn_ipc_buffer *ipc)
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
    fresh = paddr;
    fresh_end = paddr + CHUNK_BYTES;
    if (chunk_cap != NULL) {
        chunk_cap[(paddr >> CHUNK_BITS) - port_layout.chunk_first] = slot;
    }
    return slot;
}

int frames_init(struct tn_ipc_buffer *ipc, uint64_t low, uint64_t high)
{
    heap_ipc = ipc;
    port_layout.chunk_first = low >> CHUNK_BITS;
    if (!self_cover_large(ipc, TN_SERVER_FRAMES + low, high - low)) {
        return 0;
    }
    uint32_t slot = chunk_open(ipc);
    if (slot == 0) {
        return 0;
    }
    uint64_t first = fresh;
    uint64_t chunks = ((high - 1) >> CHUNK_BITS) - (low >> CHUNK_BITS) + 1;
    tn_cptr_t *caps = frames_heap((chunks * sizeof *caps + 63) & ~63ull);
    if (caps == NULL) {
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
    uint64_t align = bytes > TN_PAGE_BYTES ? TN_PAGE_BYTES : 64;
    uint64_t at = (fresh + align - 1) & ~(align - 1);

    if (bytes > CHUNK_BYTES) {
        return NULL;
    }
    if (at + bytes > fresh_end) {
        frames_heap_end();
        for (; fresh < fresh_end; fresh += TN_PAGE_BYTES) { /* the rest of this chunk is for clients */
            frames_put(&(paddr_t){fresh}, 1);
        }
        if (chunk_open(heap_ipc) == 0) {
            return NULL;
        }
        at = fresh;
    }
    fresh = at + bytes;
    return frame_word(at);
}

void frames_heap_end(void)
{
    fresh = (fresh + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
}

unsigned frames_get(struct tn_ipc_buffer *ipc, paddr_t *out, unsigned want, bool *zeroed)
{
    unsigned n = 0;

    *zeroed = true;
    lock_take(&lock);
    for (; n < want && returned != 0; n++) {
        out[n].v = returned;
        returned = *frame_word(returned);
        returned_count--;
        *zeroed = false;
    }
    for (; n < want; n++) {
        if (fresh == fresh_end && chunk_open(ipc) == 0) {
            break;
        }
        out[n].v = fresh;
        fresh += TN_PAGE_BYTES;
    }
    lock_drop(&lock);
    return n;
}

void frames_put(const paddr_t *in, unsigned count)
{
    lock_take(&lock);
    for (unsigned i = 0; i < count; i++) {
        *frame_word(in[i].v) = returned;
        returned = in[i].v;
    }
    returned_count += count;
    lock_drop(&lock);
}

bool frames_has(paddr_t frame)
{
    uint64_t chunk = (frame.v >> CHUNK_BITS) - port_layout.chunk_first;

    return chunk < chunk_count && __atomic_load_n(&chunk_cap[chunk], __ATOMIC_RELAXED) != 0;
}

uint64_t frames_free_pages(void)
{
    lock_take(&lock);
    uint64_t pages = (fresh_end - fresh) / TN_PAGE_BYTES + returned_count;
    lock_drop(&lock);
    return pages;
}
