/* Flushing, stamps, limbo of frames. The argument why it is sound stands in flush.h. */
#include <corten/flush.h>
#include <corten/stock.h>

/* Flushes wait for harts, so a worker that needs one soon starts it while there is still room for what comes meanwhile;
 * those of other workers that are as far by then need none of their own. */
#define LIMBO_EARLY (CT_LIMBO_FRAMES / 4 * 3)

/* Flush number n, which the caller has started by raising `started`. */
static void flush_run(struct ct_worker *w, struct ct_space *s, uint64_t n)
{
    atomic_fence_full();
    unsigned remote = port_flush(w->index, s->handle, (vaddr_t){0}, 0);
    uint64_t done = atomic_load_relaxed(&s->done);
    while (done < n + 1 && !atomic_cas_release(&s->done, &done, n + 1)) /* pairs with: generation_is_done */
        ;
    share_count(ct_share_of(s, w), MM_FLUSHES, 1);
    share_count(ct_share_of(s, w), MM_REMOTE_FLUSHES, remote);
}

void ct_space_flush(struct ct_worker *w, struct ct_space *s)
{
    flush_run(w, s, atomic_add_seqcst(&s->started, 1)); /* pairs with: generation_now */
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
        ct_space_flush(w, oldest->space);
    limbo_pop_done(w);
    return true;
}

/* The flush that covers the oldest frame is started, by the one worker who raises `started` from that frame's number. */
static __attribute__((noinline)) void limbo_early(struct ct_worker *w)
{
    struct ct_space *s = w->limbo[w->limbo_first].space;
    uint64_t oldest = w->limbo[w->limbo_first].generation;
    if (atomic_load_relaxed(&s->started) == oldest && atomic_cas_acqrel(&s->started, &oldest, oldest + 1))
        flush_run(w, s, oldest); /* pairs with: generation_now */
    limbo_pop_done(w);
    if (w->limbo_count == CT_LIMBO_FRAMES)
        ct_limbo_reclaim(w);
}

void ct_limbo_put(struct ct_worker *w, struct ct_space *s, paddr_t frame, uint64_t generation)
{
    if (ct_unlikely(w->limbo_count >= LIMBO_EARLY))
        limbo_early(w);
    unsigned i = (w->limbo_first + w->limbo_count++) % CT_LIMBO_FRAMES;
    w->limbo[i] = (struct ct_limbo_frame){frame.v, s, generation};
}
