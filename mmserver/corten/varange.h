/* Where to put a mapping whose address does not matter.
 *
 * The space between arena_low and arena_high is divided evenly among the workers. A worker gives out addresses of its
 * arena from the bottom up (so that small mappings share leaf tables), takes freed ranges again, and searches for
 * holes when it comes to the end, first in its own arena, then everywhere. All of this is a hint: the page table is
 * the truth, and the transaction that maps looks whether the range is free. So the state needs no lock and may be
 * wrong or forgotten. Under policy LAZY a freed range is taken again only after its flush, since mapping it earlier
 * would have to flush.
 */
#pragma once
#include <corten/space.h>

/* Where a search looks, in this order. */
enum ct_search_phase { CT_SEARCH_FREED, CT_SEARCH_BUMP, CT_SEARCH_OWN, CT_SEARCH_ALL, CT_SEARCH_END };

struct ct_search {
    struct ct_worker *worker;
    struct ct_space *space;
    uint64_t bytes;
    enum ct_search_phase phase;
    uint64_t next, end; /* of the phase: next candidate, end of where it looks */
};

/* Sets the worker's arena; part of ct_worker_init(). */
void ct_range_init(struct ct_worker *w);

/* Starts a search for bytes (page multiple, not 0). */
void ct_range_search(struct ct_worker *w, struct ct_space *s, uint64_t bytes, struct ct_search *search);

/* The next candidate, false: there is none left. After a candidate that was not free, the caller says with
 * ct_range_skip() up to where. */
bool ct_range_next(struct ct_search *search, uint64_t *va);
void ct_range_skip(struct ct_search *search, uint64_t next);

/* The candidate at va was mapped. */
void ct_range_taken(struct ct_search *search, uint64_t va);

/* The candidate at va is free, but could not be mapped for lack of memory: it can be had again. */
void ct_range_untaken(struct ct_search *search, uint64_t va);

/* One more unmapped range that continues the one that was freed last: what munmap() after munmap() does. */
static inline bool range_continues(struct ct_share *share, const struct ct_worker *w, uint64_t va, uint64_t bytes,
                                   uint64_t generation)
{
    struct ct_free_range *last = &share->free[0];
    if (last->bytes == 0 || last->start + last->bytes != va || bytes > w->arena_end - va)
        return false;
    last->bytes += bytes;
    if (generation > last->generation)
        last->generation = generation;
    return true;
}

/* bytes at va were unmapped; generation: flush after which they are worth taking again (0: at once). */
void ct_range_freed(struct ct_worker *w, struct ct_space *s, uint64_t va, uint64_t bytes, uint64_t generation);
