/* Address spaces.
 *
 * Storage of a space is the environment's: ct_space_bytes() bytes, 64-aligned, zeroed once, and *type-stable*: it
 * may be used again for another space after ct_space_release(), but never for anything else, since frames in workers'
 * limbo still name it. The flush numbers go on across its lives.
 */
#pragma once
#include <corten/worker.h>

#define CT_FREE_RANGES 8 /* freed virtual ranges a worker remembers for reuse, per space */

struct ct_free_range {
    uint64_t start, bytes;
    uint64_t generation; /* flush that must be done before it is worth reusing */
};

/* One worker's part of a space; only that worker writes it, but for `credit`. */
struct ct_share {
    int64_t credit __attribute__((aligned(CT_LINE))); /* pages this worker may still take; may be stolen when the budget
                                                       * is used up */
    int64_t frames, tables, meta;     /* taken minus given back by this worker; the space has the sum over workers */
    int64_t frames_peak, tables_peak; /* largest sum over all workers that this one has seen (it looks now and then) */
    uint64_t count[MM_COUNTERS];      /* enum mm_counter up to MM_PAGES_ZEROED */
    uint64_t bump;                    /* arena: next address not given out yet; 0: arena untouched */
    uint32_t free_count;
    struct ct_free_range free[CT_FREE_RANGES]; /* the first: freed last. bytes 0: unused, like all from free_count on */
};

struct ct_space {
    paddr_t root; /* read-only between create and release, like handle */
    uint64_t handle;
    uint64_t peak_mask;                               /* a worker looks for a peak each peak_mask + 1 frames it takes */
    int64_t budget __attribute__((aligned(CT_LINE))); /* pages not yet handed to workers as credit */
    uint64_t quota_pages;
    uint32_t
        stealing; /* lock of ct_charge_slow(): credit on its way from a worker to the budget is nowhere to be seen */
    /* Flushes of the whole space: number started, number of the last one done + 1. An entry cleared when `started` was
     * g is flushed once done > g (flush.h). */
    uint64_t started __attribute__((aligned(CT_LINE)));
    uint64_t done;
    struct ct_share share[]; /* one a worker */
};

uint64_t ct_space_bytes(void);

/* Makes an empty space with a root table from the worker's stock; between begin and end. handle: what port_flush()
 * gets. quota_pages: frames, tables and metadata pages it may have together, its root not counted; 0: no limit.
 * CT_NO_MEMORY. */
enum ct_status ct_space_create(struct ct_worker *w, struct ct_space *s, uint64_t handle,
                               uint64_t quota_pages) CT_MUST_CHECK;

/* Takes everything in it back, a bounded step a call; between begin and end. CT_MORE: call again, other requests may be
 * served in between. CT_OK: nothing is mapped any more. The space's threads must not run; transactions of other
 * workers on it must have ended and no new ones start. */
enum ct_status ct_space_destroy(struct ct_worker *w, struct ct_space *s) CT_MUST_CHECK;

/* After ct_space_destroy() gave CT_OK and the kernel's VSpace is gone (no hart walks the root any more): the root table
 * goes back and the storage may be used for another space. Between begin and end. */
void ct_space_release(struct ct_worker *w, struct ct_space *s);

/* The counters of enum mm_counter, summed over workers; any worker, any time. The peaks are what workers
 * saw when they looked (each table made; each so many frames taken, 16 times the number of workers) and now.
 * MM_FRAMES_FREE and MM_REQUESTS beyond what ct_count() was told are not the core's: 0. Counters that are still
 * running may be some events behind. */
void ct_space_stat(struct ct_space *s, uint64_t out[MM_COUNTERS]);

/* The same for one worker over spaces that are gone (add ct_share_stat() of those that live for its total). */
void ct_worker_stat(const struct ct_worker *w, uint64_t out[MM_COUNTERS]);
void ct_share_stat(const struct ct_space *s, unsigned worker, uint64_t out[MM_COUNTERS]);

/* Count n events of the server's own (MM_REQUESTS) for this worker and space. */
static inline void ct_count(struct ct_worker *w, struct ct_space *s, enum mm_counter counter, uint64_t n)
{
    uint64_t *count = &((struct ct_share *)((char *)s + w->share_offset))->count[counter];
    atomic_store_relaxed(count, atomic_load_relaxed(count) + n);
}
