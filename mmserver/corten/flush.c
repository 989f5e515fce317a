/* Flushing, stamps, limbo of frames. The argument why it is sound stands in flush.h. */
#include <corten/flush.h>
#include <corten/stock.h>

void ct_space_flush_now(struct ct_worker *w, struct ct_space *s)
{
    uint64_t n = atomic_add_seqcst(&s->started, 1); /* pairs with: generation_now */
    atomic_fence_full();
    unsigned remote = ct_flush_left_out(w->flush_site) ? 0 : port_flush(w->index, s->handle, (vaddr_t){0}, 0);
    uint64_t done = atomic_load_relaxed(&s->done);
    while (done < n + 1 && !atomic_cas_release(&s->done, &done, n + 1)) /* pairs with: generation_is_done */
        ;
    share_count(ct_share_of(s, w), MM_FLUSHES, 1);
    share_count(ct_share_of(s, w), MM_REMOTE_FLUSHES, remote);
}

bool ct_stamp_pending(const struct ct_space *s, unsigned stamp)
{
    uint64_t done = atomic_load_acquire(&s->done); /* first: it only grows. pairs with: ct_space_flush */
    uint64_t started = atomic_load_relaxed(&s->started);
    uint64_t behind = (stamp - 1 + STAMP_MODULUS - done % STAMP_MODULUS) % STAMP_MODULUS; /* g - done, modulo */
    return behind <= started - done;
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

bool ct_limbo_reclaim(struct ct_worker *w)
{
    if (w->limbo_count == 0)
        return false;
    struct ct_limbo_frame *oldest = &w->limbo[w->limbo_first];
    if (!generation_is_done(oldest->space, oldest->generation))
        ct_space_flush(w, oldest->space, CT_FLUSH_LIMBO);
    while (w->limbo_count) {
        oldest = &w->limbo[w->limbo_first];
        if (!generation_is_done(oldest->space, oldest->generation))
            break;
        limbo_pop(w);
    }
    return true;
}

void ct_limbo_put(struct ct_worker *w, struct ct_space *s, paddr_t frame, uint64_t generation)
{
    if (w->limbo_count == CT_LIMBO_FRAMES)
        ct_limbo_reclaim(w);
    unsigned i = (w->limbo_first + w->limbo_count++) % CT_LIMBO_FRAMES;
    w->limbo[i] = (struct ct_limbo_frame){frame.v, s, generation};
}
