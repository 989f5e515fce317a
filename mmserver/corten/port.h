/* The port: everything the core needs from where it runs. Supplied three times: by mmserver (over the kernel's
 * invocations), by the kernel, and by tests/host/corten_port.c (over plain memory).
 *
 * `worker` is always the index that the calling worker gave to ct_worker_init(): 0 .. workers - 1. A port function may
 * take the port's own locks (they come last in the lock order), must return in bounded time and must not call the
 * core, except for ct_table_adopt(). Page-table locks may be held by the caller of any of them.
 */
#pragma once
#include <corten/types.h>
#include <tenon/ptbatch.h>

struct ct_desc; /* descriptor of a table, 64 bytes (corten/table.h) */

/* Linear maps: where physical memory appears to the core. Set before ct_init(), read only afterwards. */
struct port_layout {
    uint64_t view_base;  /* table at p is readable at view_base + p; the core never writes there */
    uint64_t frame_base; /* frame at p is readable and writable at frame_base + p (words of metadata live in frames) */
    uint64_t desc_base;  /* descriptor of the table at p stands at desc_base + p / 64 (64-aligned, zeroed before
                          * ct_table_adopt; needs memory only for pages that are tables) */
    const tn_cptr_t
        *chunk_cap; /* Frame capability of 2 MiB chunk number (p >> 21) - chunk_first, for chunks of frames */
    uint64_t chunk_first;
};
extern struct port_layout port_layout;

#define PORT_CHUNK_BITS 21

static inline const volatile uint64_t *port_view(paddr_t table)
{
    return (const volatile uint64_t *)(uintptr_t)(port_layout.view_base + table.v);
}
static inline void *port_frame(paddr_t frame)
{
    return (void *)(uintptr_t)(port_layout.frame_base + frame.v);
}
static inline struct ct_desc *port_desc(paddr_t table)
{
    return (struct ct_desc *)(uintptr_t)(port_layout.desc_base + (table.v >> 6));
}
/* Capability and page offset in it of a frame that came from port_frames_get(). */
static inline tn_cptr_t port_frame_cap(paddr_t frame)
{
    return port_layout.chunk_cap[(frame.v >> PORT_CHUNK_BITS) - port_layout.chunk_first];
}
/*@ assigns \nothing;
    ensures \result == frame.v / 4096 % 512; */
static inline uint64_t port_frame_page(paddr_t frame)
{
    return frame.v >> TN_PAGE_BITS & ((1u << (PORT_CHUNK_BITS - TN_PAGE_BITS)) - 1);
}

/* Capability (0: there is none with these rights) and page offset in it of a borrowed frame, one that was mapped with
 * cursor_map_borrowed(). Asked when such a page gains rights or comes back from CT_HELD. */
tn_cptr_t port_borrowed_cap(paddr_t frame, unsigned rights, uint64_t *page);

/* Write the worker's batch (the `batch` given to ct_worker_init; batch->runs is not 0) and return when every entry has
 * been exchanged and old values stand where asked for; batch->runs is 0 then, the runs are as before. A refused batch is a
 * bug of the core or the server: the port says so with batch->failed_run and stops; it does not return. */
void port_pt_write(unsigned worker, struct tn_pt_batch *batch);

/* Flush translations of the space with this handle (ct_space_create) on every hart that may hold any: `pages` from va
 * on, 0 = all of it. Returns when all have done so. Orders every earlier entry write of the caller before the flush.
 * Returns the number of remote harts interrupted. Never fails; a handle whose space is gone is flushed already. */
unsigned port_flush(unsigned worker, uint64_t handle, vaddr_t va, uint64_t pages);

/* Up to `want` frames of 4 KiB for a worker's stock; less than want only if memory runs out. *zeroed: they all are
 * zero already. Frames come from chunks described in port_layout. */
unsigned port_frames_get(unsigned worker, paddr_t *out, unsigned want, bool *zeroed);

/* Take n frames (of unknown content) back for other workers. */
void port_frames_put(unsigned worker, const paddr_t *in, unsigned n);

/* Up to `want` tables of that level (0 = leaves of 4 KiB): every user entry zero, descriptor set up by
 * ct_table_adopt(). The core keeps and reuses tables; port_tables_put() takes surplus ones back, as clean as they
 * came. */
unsigned port_tables_get(unsigned worker, unsigned level, paddr_t *out, unsigned want);
void port_tables_put(unsigned worker, unsigned level, const paddr_t *in, unsigned n);

/* To be called by the port for each table it makes, before the core gets it for the first time; desc memory is zero.
 * `cap`: PageTable capability with READ and WRITE in the CSpace of every worker. */
void ct_table_adopt(paddr_t table, unsigned level, tn_cptr_t cap);

/* A broken invariant: print both and stop. */
_Noreturn void port_panic(const char *what, uint64_t value);

/* The environment's header for what a call would be too dear:
 *     port_zero(paddr_t frame)   write zeros over a frame (4 KiB)
 *     port_relax()               in a loop that waits for another hart; the host port yields the processor */
#include <port_inline.h>
