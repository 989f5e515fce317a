/* Flushing on other harts. See shootdown.h.
 *
 * A hart that loads a space sets its bit in the space's mask before it walks the tables (vspace_switch: store, fence, then
 * satp). Whoever flushes has written the entries first, and reads the mask after a full fence: so either it sees the bit, or
 * that hart's walks see the new entries.
 */
#include "shootdown.h"
#include "csr.h"
#include "fence.h"
#include "flushcheck.h"
#include "flushsite.h"
#include "ipi.h"
#include "platform.h"

/* More pages than this are flushed as a whole address space. */
#define FLUSH_PAGES_MAX 32

static void flush_here(struct flush_request r)
{
    if (r.asid == 0) {
        tlb_flush_all();
        return;
    }
    if (r.pages == 0 || r.pages > FLUSH_PAGES_MAX) {
        tlb_flush_asid(r.asid);
        return;
    }
    if (!platform.has_svinval) {
        for (uint64_t i = 0; i < r.pages; i++)
            tlb_flush_page((vaddr_t){r.va.v + i * TN_PAGE_BYTES}, r.asid);
        return;
    }
    tlb_inval_begin();
    for (uint64_t i = 0; i < r.pages; i++)
        tlb_inval_page((vaddr_t){r.va.v + i * TN_PAGE_BYTES}, r.asid);
    tlb_inval_end();
}

void flush_local(struct flush_request r)
{
    uint64_t began = flushlog_tick();
    flush_here(r);
    flushlog_did(r, began);
}

/* The tickets of one round, on the caller's stack: other harts flush other spaces at the same time. */
struct round {
    ipi_ticket_t ticket[TN_HARTS_MAX];
};

static void round_wait(const struct round *r)
{
    for (uint32_t i = 0; i < hart_count; i++)
        if (r->ticket[i] != 0)
            ipi_wait(hart_at(i), r->ticket[i]);
}

bool shootdown_alone(const struct hart *h, const struct vspace *v, vaddr_t va, uint64_t pages)
{
    uint64_t others = 0;
    fence_rw(); /* pairs with: vspace_switch */
    for (uint32_t i = 0; i <= (hart_count - 1) / 64; i++)
        others |= load_relaxed(&v->harts[i]) & ~(i == h->index / 64 ? h->vspace_bit : 0);
    if (others != 0)
        return false;
    if (!flush_left_out(FLUSH_RANGE_LOCAL))
        flush_local((struct flush_request){v->asid, va, pages});
    return true;
}

uint64_t shootdown_range(struct vspace *v, vaddr_t va, uint64_t pages, bool wait)
{
    struct round r;
    struct ipi_burst burst = {0, 0};
    struct hart *h = hart_self();
    uint64_t interrupted = 0;
    struct flush_request request = {v->asid, va, pages};
    fence_rw(); /* pairs with: vspace_switch */
    if (!flush_left_out(FLUSH_RANGE_LOCAL))
        flush_local(request);
    for (uint32_t i = 0; i < hart_count; i++) {
        struct hart *to = hart_at(i);
        r.ticket[i] = 0;
        if (to == h || !(load_relaxed(&v->harts[i / 64]) & 1ull << i % 64) || flush_left_out(FLUSH_RANGE_REMOTE))
            continue;
        r.ticket[i] = ipi_post_flush(to, request, &burst);
        interrupted += r.ticket[i] != 0;
    }
    ipi_burst_send(&burst);
    if (wait && !flush_left_out(FLUSH_RANGE_WAIT))
        round_wait(&r);
    return interrupted;
}

static void everyone(ipi_ticket_t (*post)(struct hart *to), bool wait)
{
    struct round r;
    for (uint32_t i = 0; i < hart_count; i++)
        r.ticket[i] = hart_at(i) == hart_self() ? 0 : post(hart_at(i));
    if (wait)
        round_wait(&r);
}

void shootdown_everything(void)
{
    fence_rw(); /* pairs with: vspace_switch */
    if (!flush_left_out(FLUSH_EVERYTHING_LOCAL))
        flush_local((struct flush_request){0, {0}, 0});
    if (!flush_left_out(FLUSH_EVERYTHING_REMOTE))
        everyone(ipi_post_flush_everything, !flush_left_out(FLUSH_EVERYTHING_WAIT));
}

void shootdown_fence_i(void)
{
    fence_rw(); /* the code was written before; a remote fence.i comes after the request is seen */
    fence_instruction();
    everyone(ipi_post_fence_i, true);
}
