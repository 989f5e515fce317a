/* The core's port over the kernel's invocations; the contract is corten/port.h. Called by the core alone. */
#include "frames.h"
#include "panic.h"
#include "tables.h"
#include "worker.h"
#include <corten/port.h>
#include <tenon/invoke_stubs.h>

struct port_layout port_layout;

/* Two sorts of frames are lent to clients: their threads' IPC buffers, out of the pool, with all rights; and the
 * initrd. */
tn_cptr_t port_borrowed_cap(paddr_t frame, unsigned rights, uint64_t *page)
{
    if (frames_has(frame)) {
        *page = port_frame_page(frame);
        return port_frame_cap(frame);
    }
    *page = (frame.v - server.initrd_paddr) / TN_PAGE_BYTES;
    return rights == TN_READ ? TN_SERVER_INITRD : 0;
}

void port_pt_write(unsigned worker, struct tn_pt_batch *batch)
{
    (void)worker; /* the batch lies in the IPC buffer of the thread that runs this */
    if (tn_pt_write() != TN_OK) {
        server_panic("page-table write refused, run", batch->failed_run);
    }
}

unsigned port_flush(unsigned worker, uint64_t handle, vaddr_t va, uint64_t pages)
{
    uint64_t remote = 0;

    (void)worker;
    /* Refused only where the VSpace is gone, and with it all its translations. */
    return tn_vspace_flush(handle, va.v, pages, 1, &remote) == TN_OK ? (unsigned)remote : 0;
}

unsigned port_frames_get(unsigned worker, paddr_t *out, unsigned want, bool *zeroed)
{
    return frames_get(server.worker[worker]->ipc, worker, out, want, zeroed);
}

void port_frames_put(unsigned worker, const paddr_t *in, unsigned n)
{
    frames_put(worker, in, n);
}

unsigned port_tables_get(unsigned worker, unsigned level, paddr_t *out, unsigned want)
{
    return tables_get(server.worker[worker]->ipc, level, out, want);
}

void port_tables_put(unsigned worker, unsigned level, const paddr_t *in, unsigned n)
{
    (void)worker;
    tables_put(level, in, n);
}

_Noreturn void port_panic(const char *what, uint64_t value)
{
    server_panic(what, value);
}
