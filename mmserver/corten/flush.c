/* Flushing, stamps, limbo of frames. The argument why it is sound stands in flush.h. */
#include <corten/flush.h>
#include <corten/stock.h>

#define RANGE_FLUSH_MAX 64 /* pages; more: everything */

/* Flush number n, which the caller has started by raising `started`. */
static void flush_run(struct ct_worker *w, struct ct_space *s, uint64_t n)
{
    atomic_fence_full();
    unsigned remote = ct_flush_left_out(w->flush_site) ? 0 : port_flush(w->index, s->handle, (vaddr_t){0}, 0);
    uint64_t done = atomic_load_relaxed(&s->done);
    while (done < n + 1 && !atomic_cas_release(&s->done, &done, n + 1)) /* pairs with: generation_is_done */
        ;
    share_count(ct_share_of(s, w), MM_FLUSHES, 1);
    share_count(ct_share_of(s, w), MM_REMOTE_FLUSHES, remote);
}

void ct_space_flush_now(struct ct_worker *w, struct ct_space *s)
{
    flush_run(w, s, atomic_add_seqcst(&s->started, 1)); /* pairs with: generation_now */
}

void ct_space_flush_pages(struct ct_worker *w, struct ct_space *s, enum ct_flush_site site, uint64_t va, uint64_t pages)
{
    if (pages > RANGE_FLUSH_MAX) {
        ct_space_flush(w, s, site == CT_FLUSH_END_RANGE ? CT_FLUSH_END_MANY : site);
        return;
    }
    if (ct_flush_left_out(site))
        return;
    unsigned remote = port_flush(w->index, s->handle, (vaddr_t){va}, pages);
    share_count(ct_share_of(s, w), MM_FLUSHES, 1);
    share_count(ct_share_of(s, w), MM_REMOTE_FLUSHES, remote);
}

static void limbo_pop(struct ct_worker *w)
{
    ct_stock_put(w, (paddr_t){w->limbo[w->limbo_first].paddr});
    w->limbo_first = (w->limbo_first + 1) % CT_LIMBO_FRAMES;
    w->limbo_count--;
}

void ct_limbo_release_all(struct ct_worker *w)
{
    while (w->limbo_count)
        limbo_pop(w);
}

static void limbo_pop_done(struct ct_worker *w)
{
    while (w->limbo_count) {
        struct ct_limbo_frame *oldest = &w->limbo[w->limbo_first];
        if (!generation_is_done(oldest->space, oldest->generation))
            break;
        limbo_pop(w);
    }
}

bool ct_limbo_reclaim(struct ct_worker *w)
{
    if (w->limbo_count == 0)
        return false;
    struct ct_limbo_frame *oldest = &w->limbo[w->limbo_first];
    if (!generation_is_done(oldest->space, oldest->generation))
        ct_space_flush(w, oldest->space, CT_FLUSH_LIMBO);
    limbo_pop_done(w);
    return true;
}

/* The flush that covers the oldest frame is started, by the one worker who raises `started` from that frame's number. */
static __attribute__((noinline)) void limbo_early(struct ct_worker *w)
{
    struct ct_space *s = w->limbo[w->limbo_first].space;
    uint64_t oldest = w->limbo[w->limbo_first].generation;
    ct_flush_asked_by(&w->flush_site, CT_FLUSH_LIMBO);
    if (atomic_load_relaxed(&s->started) == oldest && atomic_cas_acqrel(&s->started, &oldest, oldest + 1))
        flush_run(w, s, oldest); /* pairs with: generation_now */
    limbo_pop_done(w);
    if (w->limbo_count == CT_LIMBO_FRAMES)
        ct_limbo_reclaim(w);
}

void ct_limbo_put(struct ct_worker *w, struct ct_space *s, paddr_t frame, uint64_t generation)
{
    if (ct_unlikely(w->limbo_count >= CT_LIMBO_EARLY))
        limbo_early(w);
    unsigned i = (w->limbo_first + w->limbo_count++) % CT_LIMBO_FRAMES;
    w->limbo[i] = (struct ct_limbo_frame){frame.v, s, generation};
}
