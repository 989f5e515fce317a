/* Cursors: transactions on a range of an address space.
 *
 *     struct ct_cursor c;
 *     enum ct_status st = cursor_lock(w, s, low, high, &c);   the position is low
 *     ... operations; each works from the position on ...
 *     cursor_unlock(&c);                                      commits: everything written, flushed as the policy says
 *
 * Guarantees. Of two transactions whose ranges overlap, one is wholly before the other; locking blocks only on
 * transactions whose covering tables overlap, and never on anything but other transactions. An operation that fails has
 * changed nothing (cursor_populate excepted). Cost follows what exists in the range (tables, pages, marks), not its
 * length. A worker locks one cursor at a time, between ct_worker_begin() and ct_worker_end(), and must not wait
 * for anything else while it is locked.
 */
#pragma once
#include <corten/space.h>

struct ct_cursor {
    struct ct_worker *worker;
    struct ct_space *space;
    struct ct_share *share;
    uint64_t low, high; /* the locked range */
    uint64_t at;        /* the position */
    paddr_t top;        /* covering table */
    unsigned top_level;
    paddr_t leaf; /* table of level 0 last used, 0: none; it covers leaf_base .. + 2 MiB */
    uint64_t leaf_base;
    uint64_t removed;               /* tables unlinked by this transaction, linked through descriptors */
    uint64_t generation;            /* space->started when the first entry was cleared */
    uint64_t stamp;                 /* of that generation, where words have it; 0 under policy NOW */
    bool cleared;                   /* entries were cleared whose flush the policy decides */
    bool exclusive;                 /* the space has no other user: no locks are held (ct_space_destroy) */
    uint64_t flush_low, flush_high; /* to be flushed before the end; all ones as flush_high: everything */
    uint64_t reserve;               /* frames set aside for words, linked through their first word */
    unsigned reserve_count;
    unsigned charged; /* pages taken from the budget for tables and words not made yet */
};

/* Locks low .. high - 1 (page-aligned, low < high, in the user part; CT_RANGE otherwise). Spins; takes table locks
 * (docs/locking.md). */
enum ct_status cursor_lock(struct ct_worker *w, struct ct_space *s, vaddr_t low, vaddr_t high,
                           struct ct_cursor *c) CT_MUST_CHECK;

/* Commits. The cursor is gone. Blocks in the kernel for writes and flushes, not for other transactions. */
void cursor_unlock(struct ct_cursor *c);

/* Moves the position to va, page-aligned, low <= va <= high (high: no operation is possible there). */
void cursor_jump(struct ct_cursor *c, vaddr_t va);

/* What is at the position. */
void cursor_query(struct ct_cursor *c, struct ct_page *page);

/* Moves the position to the first page at or after it that is not CT_NONE and says what it is; false: there is none
 * below `high`, and the position is high. */
bool cursor_find_next(struct ct_cursor *c, struct ct_page *page);

/* Maps a frame of the core (ct_frame_get) at the position, whose entry must be invalid (CT_EXISTS; CT_HELD is CT_EXISTS
 * too), and moves on one page. rights: at least TN_READ. The frame is the space's from now on and is counted.
 * CT_NO_MEMORY, CT_QUOTA: the frame stays the caller's. */
enum ct_status cursor_map(struct ct_cursor *c, paddr_t frame, unsigned rights) CT_MUST_CHECK;

/* The same for a frame that is not the core's: mapped through `cap` at page offset `page` in it, never freed, not
 * counted. */
enum ct_status cursor_map_borrowed(struct ct_cursor *c, paddr_t frame, tn_cptr_t cap, uint64_t page,
                                   unsigned rights) CT_MUST_CHECK;

/* Gives `bytes` from the position on the status `word`; what was there goes (mapped pages are unmapped, frames freed
 * after their flush). Moves on. mark(ct_none()) is unmap. CT_RANGE: past the locked range. CT_NO_MEMORY, CT_QUOTA. */
enum ct_status cursor_mark(struct ct_cursor *c, uint64_t bytes, ct_word_t word) CT_MUST_CHECK;
static inline CT_MUST_CHECK enum ct_status cursor_unmap(struct ct_cursor *c, uint64_t bytes)
{
    return cursor_mark(c, bytes, ct_none());
}

/* Gives the pages of `bytes` from the position on these rights (0: none; then touched pages become CT_HELD). Moves on.
 * CT_NOT_MAPPED: a page is CT_NONE. CT_DENIED: a borrowed page cannot have them. CT_RANGE, CT_NO_MEMORY, CT_QUOTA. */
enum ct_status cursor_protect(struct ct_cursor *c, uint64_t bytes, unsigned rights) CT_MUST_CHECK;

/* Maps zeroed frames at all CT_ANON pages with rights in `bytes` from the position on. Moves on to where it came.
 * CT_NO_MEMORY, CT_QUOTA: pages below the position are mapped, the others as they were. CT_RANGE. */
enum ct_status cursor_populate(struct ct_cursor *c, uint64_t bytes) CT_MUST_CHECK;
