/* Workers: set-up, frames for servers, counters. See worker.h. */
#include <corten/epoch.h>
#include <corten/flush.h>
#include <corten/stock.h>
#include <corten/varange.h>
#include <corten/worker.h>
#include <stddef.h>

static struct ct_worker *workers[CT_WORKERS_MAX]; /* written once each at start */

struct ct_worker *ct_worker_at(unsigned index)
{
    return atomic_load_acquire(&workers[index]); /* pairs with: ct_worker_init */
}

void ct_worker_init(struct ct_worker *w, unsigned index, struct tn_pt_batch *batch, uint32_t batch_bytes)
{
    if (index >= ct_config.workers || batch_bytes < CT_BATCH_BYTES_MIN)
        port_panic("corten: bad worker index or batch size", index < ct_config.workers ? batch_bytes : index);
    *w = (struct ct_worker){.index = index, .batch = batch, .batch_words = batch_bytes / 8};
    w->words_used = CT_BATCH_WORDS_FIRST;
    w->around = ct_config.around_pages > 1;
    batch->runs = 0;
    w->share_offset = (uint32_t)(offsetof(struct ct_space, share) + index * sizeof(struct ct_share));
    ct_range_init(w);
    atomic_store_release(&workers[index], w); /* pairs with: ct_worker_at */
}

void ct_worker_tidy(struct ct_worker *w)
{
    ct_epoch_advance(w, false);
}

unsigned ct_worker_zero_ahead(struct ct_worker *w, unsigned max_pages)
{
    unsigned done = 0;
    while (done < max_pages && w->dirty_count && w->zeroed_count < CT_STOCK_FRAMES) {
        paddr_t frame = ct_stock_take_zeroed_slow(w, &w->retired[MM_PAGES_ZEROED]);
        stock_untake_zeroed(w, frame);
        done++;
    }
    return done;
}

unsigned ct_worker_drain(struct ct_worker *w)
{
    ct_ride_over(w);
    while (ct_limbo_reclaim(w))
        ;
    ct_epoch_advance(w, true);
    unsigned waiting = ct_epoch_advance(w, true); /* what the first call sealed */
    ct_stock_return(w);
    return waiting;
}

uint64_t ct_worker_free_frames(const struct ct_worker *w)
{
    return atomic_load_relaxed(&w->zeroed_count) + atomic_load_relaxed(&w->dirty_count) +
           atomic_load_relaxed(&w->limbo_count);
}

enum ct_status ct_frame_get(struct ct_worker *w, bool zeroed, paddr_t *frame)
{
    if (!stock_has_frames(w, 1))
        return CT_NO_MEMORY;
    *frame = zeroed ? stock_take_zeroed(w, &w->retired[MM_PAGES_ZEROED]) : ct_stock_take_any(w);
    return CT_OK;
}

void ct_frame_put(struct ct_worker *w, paddr_t frame)
{
    ct_stock_put(w, frame);
}

void ct_worker_stat(const struct ct_worker *w, uint64_t out[MM_COUNTERS])
{
    for (unsigned i = 0; i < MM_COUNTERS; i++)
        out[i] = atomic_load_relaxed(&w->retired[i]);
}
