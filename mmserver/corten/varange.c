/* Virtual ranges. See varange.h. */
#include <corten/flush.h>
#include <corten/stock.h>
#include <corten/varange.h>

/* Arenas start at multiples of 1 GiB, or 2 MiB where they are smaller, so that two share as few tables as possible. */
void ct_range_init(struct ct_worker *w)
{
    uint64_t start = ct_config.arena_low.v;
    uint64_t each = (ct_config.arena_high.v - start) / ct_config.workers;
    uint64_t unit = each >= 2ull << level_shift(2) ? 1ull << level_shift(2) : CT_LEAF_BYTES;
    uint64_t from = start + w->index * each, to = from + each;
    if (each >= 2 * unit) {
        from = w->index == 0 ? from : (from + unit - 1) & -unit;
        to = w->index == ct_config.workers - 1 ? to : (to + unit - 1) & -unit;
    }
    w->arena_low = from & ~(TN_PAGE_BYTES - 1);
    w->arena_end = to & ~(TN_PAGE_BYTES - 1);
}

void ct_range_search(struct ct_worker *w, struct ct_space *s, uint64_t bytes, struct ct_search *search)
{
    *search = (struct ct_search){.worker = w, .space = s, .bytes = bytes, .phase = CT_SEARCH_FREED};
}

/* A freed range that is long enough is cut from its front; it is forgotten if it proves not to be free. */
static bool take_freed(struct ct_search *search, uint64_t *va)
{
    struct ct_share *share = ct_share_of(search->space, search->worker);
    for (unsigned i = 0; i < share->free_count; i++) {
        struct ct_free_range *range = &share->free[i];
        if (range->bytes < search->bytes || !generation_is_done(search->space, range->generation))
            continue;
        *va = range->start;
        range->start += search->bytes;
        range->bytes -= search->bytes;
        if (range->bytes == 0) {
            *range = share->free[--share->free_count];
            share->free[share->free_count].bytes = 0;
        }
        return true;
    }
    return false;
}

static void enter_phase(struct ct_search *search, enum ct_search_phase phase)
{
    struct ct_share *share = ct_share_of(search->space, search->worker);
    uint64_t low = search->worker->arena_low, end = search->worker->arena_end;
    search->phase = phase;
    search->next = phase == CT_SEARCH_BUMP && share->bump ? share->bump
                   : phase == CT_SEARCH_ALL               ? ct_config.arena_low.v
                                                          : low;
    search->end = phase == CT_SEARCH_ALL ? ct_config.arena_high.v : end;
}

bool ct_range_next(struct ct_search *search, uint64_t *va)
{
    if (search->phase == CT_SEARCH_FREED) {
        if (take_freed(search, va))
            return true;
        enter_phase(search, CT_SEARCH_BUMP);
    }
    for (;;) {
        if (search->next < search->end && search->end - search->next >= search->bytes) {
            *va = search->next;
            return true;
        }
        if (search->phase + 1 == CT_SEARCH_END)
            return false;
        enter_phase(search, search->phase + 1);
    }
}

void ct_range_skip(struct ct_search *search, uint64_t next)
{
    if (search->phase != CT_SEARCH_FREED)
        search->next = next;
}

void ct_range_taken(struct ct_search *search, uint64_t va)
{
    if (search->phase == CT_SEARCH_BUMP || search->phase == CT_SEARCH_OWN)
        ct_share_of(search->space, search->worker)->bump = va + search->bytes;
}

/* The first slot, for a new range: with what it touches, or empty. What stood there takes a free slot, or that of the
 * shortest if it is longer. */
static struct ct_free_range *slot_for(struct ct_share *share, uint64_t va, uint64_t bytes)
{
    struct ct_free_range *first = &share->free[0], last = *first, *shortest = first;
    for (unsigned i = 0; i < share->free_count; i++) {
        struct ct_free_range *range = &share->free[i];
        if (range->start + range->bytes == va || va + bytes == range->start) {
            *first = *range;
            *range = last;
            return first;
        }
        if (range->bytes < shortest->bytes)
            shortest = range;
    }
    if (share->free_count < CT_FREE_RANGES)
        share->free[share->free_count++] = last;
    else
        *shortest = last;
    *first = (struct ct_free_range){va, 0, 0};
    return first;
}

void ct_range_freed(struct ct_worker *w, struct ct_space *s, uint64_t va, uint64_t bytes, uint64_t generation)
{
    struct ct_share *share = ct_share_of(s, w);
    if (va < w->arena_low || va >= w->arena_end || bytes > w->arena_end - va)
        return; /* another worker's: it will find the hole when its arena is used up */
    if (generation == 0 && va + bytes == share->bump) {
        share->bump = va;
        return;
    }
    struct ct_free_range *range = slot_for(share, va, bytes);
    if (va < range->start)
        range->start = va;
    range->bytes += bytes;
    if (generation > range->generation)
        range->generation = generation;
}

void ct_range_untaken(struct ct_search *search, uint64_t va)
{
    if (search->phase == CT_SEARCH_FREED) /* the other phases have cut nothing yet */
        ct_range_freed(search->worker, search->space, va, search->bytes, 0);
}
