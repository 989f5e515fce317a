/* Page faults: the hottest path of the core. docs/fault-path.md, hop 6.
 *
 *   1. take a zeroed frame, so that nothing is zeroed while a lock is held
 *   2. lock the page: its leaf table, where there is one
 *   3. query: a valid entry (somebody was faster, or a right is missing), or the entry's word
 *   4. demand-zero with the right asked for: make the tables that are missing, put the mapping into the batch
 *   5. unlock; the batch is written before, or rides on the server's reply
 *
 * Riding (worker.h). The transaction ends with the entry still invalid and table->pending naming it. Whoever owns the
 * table next waits, before he reads its entries, until it is valid (table_land), so nobody can see the state between,
 * and no later change of the entry can be overtaken by this write. Only the single write to a leaf table that was there
 * before rides: every other write of a transaction is done when it ends.
 */
#include <corten/around.h>
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/lock.h>
#include <corten/map.h>
#include <corten/request.h>
#include <corten/stock.h>

/* Step 3 found no page that may be had: what is there, and which error. */
static enum ct_status refused(struct ct_cursor *c, struct ct_page *page)
{
    struct ct_page there;
    ct_cursor_look(c, &there);
    if (page)
        *page = there;
    return there.kind == CT_NONE ? CT_NOT_MAPPED : CT_DENIED;
}

/* Steps 4 and 5 where nothing has to be made: the leaf table, locked, is there, and the write rides. */
static inline void ride(struct ct_worker *w, struct ct_space *s, struct ct_share *share, paddr_t table, unsigned index,
                        uint64_t word, paddr_t frame)
{
    struct ct_desc *d = port_desc(table);
    struct tn_pt_batch *b = w->batch;
    run_set(&b->run[0], d->cap, port_frame_cap(frame), run_shape(index, 1, TN_PT_MAP, word_rights(word), 0, 0),
            port_frame_page(frame));
    b->runs = 1;
    atomic_store_relaxed(&d->pending, (uint16_t)(index + 1));
    w->ride = table;
    w->ride_frame = frame;
    w->ride_space = s;
    space_took_frame(s, share);
    share_count(share, MM_PT_WRITES, 1);
    share_count(share, MM_PT_BATCHES, 1);
    cover_unlock(w, table);
}

/* Step 4 for the page at c->at, whose lowest table is `table` of `level`. */
static enum ct_status fill_page(struct ct_cursor *c, paddr_t table, unsigned level, uint64_t word, paddr_t frame)
{
    if (frame.v == 0)
        return CT_NO_MEMORY;
    enum ct_status st = space_charge(c->worker, c->space, 1);
    if (st != CT_OK)
        return st;
    if (level > 0) {
        st = ct_leaf_make(c, &table, level);
        if (st != CT_OK) {
            space_uncharge(c->worker, c->space, 1);
            return st;
        }
    }
    cursor_before_map(c, word);
    ct_around_map(c, table, word, frame);
    return CT_OK;
}

/* Steps 3 to 5 in general. The range of c is locked. */
enum ct_status ct_fault_serve(struct ct_cursor *c, paddr_t frame, unsigned rights, struct ct_page *page)
{
    paddr_t table;
    unsigned level = ct_cursor_walk(c, c->at, &table);
    unsigned i = va_index(c->at, level);
    uint64_t pte = pte_read(table, i);
    uint64_t word = word_read(port_desc(table), i);
    enum ct_status st = CT_OK;
    if (!(pte & TN_PTE_V) && word_kind(word) == CT_ANON && (word_rights(word) & rights)) {
        st = fill_page(c, table, level, word, frame);
        if (st == CT_OK)
            frame.v = 0;
    } else if (tn_pte_is_leaf(pte) && (pte_rights(pte) & rights)) {
        share_count(c->share, MM_FAULTS_SPURIOUS, 1);
    } else {
        st = refused(c, page);
    }
    if (frame.v)
        stock_untake_zeroed(c->worker, frame);
    cursor_unlock(c);
    return st;
}

enum ct_status ct_fault(struct ct_worker *w, struct ct_space *s, vaddr_t va, unsigned rights, unsigned flags,
                        struct ct_page *page)
{
    if (ct_unlikely(va.v >= ct_user_end()))
        return CT_RANGE;
    if (ct_unlikely(w->ride.v))
        ct_worker_settle(w);
    uint64_t low = va.v & ~(TN_PAGE_BYTES - 1);
    struct ct_share *share = ct_share_of(s, w);
    paddr_t frame = {0};
    share_count(share, MM_FAULTS, 1);
    if (stock_has_frames(w, 1))
        frame = stock_take_zeroed(w, &share->count[MM_PAGES_ZEROED]);

    struct cover cover = cover_lock(w, s, low, 0);
    if (ct_likely((flags & CT_RIDE) && cover.level == 0 && frame.v)) {
        unsigned i = va_index(low, 0);
        uint64_t word = word_read(port_desc(cover.table), i);
        unsigned stamp = word >> WORD_STAMP_SHIFT;
        bool wanted = !(pte_read(cover.table, i) & TN_PTE_V) && word_kind(word) == CT_ANON &&
                      (word_rights(word) & rights) && (stamp == 0 || !ct_stamp_pending(s, stamp));
        if (ct_likely(wanted && space_charge(w, s, 1) == CT_OK)) {
            ride(w, s, share, cover.table, i, word, frame);
            return CT_OK;
        }
    }
    struct ct_cursor c;
    cursor_open(w, s, low, low + TN_PAGE_BYTES, &c);
    ct_lock_rest(&c, cover); /* a leaf table may have come between the walk and the lock */
    return ct_fault_serve(&c, frame, rights, page);
}
