/* Page faults: the hottest path of the core. docs/fault-path.md, hop 6.
 *
 *   1. take a zeroed frame, so that nothing is zeroed while a lock is held
 *   2. lock the page: its leaf table, where there is one
 *   3. query: a valid entry (somebody was faster, or a right is missing), or the entry's word
 *   4. demand-zero with the right asked for: make the tables that are missing, put the mapping into the batch
 *   5. unlock; the batch is written before, or rides on the server's reply
 *
 * Where the leaf table is there and free and the write may ride (ride.h), which is nearly always, this is done without a
 * cursor (leaf.h): fault_by(). Otherwise fault_generally() goes on with what was had so far, frame and lock.
 */
#include <corten/around.h>
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/leaf.h>
#include <corten/map.h>
#include <corten/request.h>
#include <corten/ride.h>
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
ct_cold enum ct_status ct_fault_serve(struct ct_cursor *c, paddr_t frame, unsigned rights, struct ct_page *page)
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

/* Steps 3 to 5 where nothing has to be made: the locked leaf table is there, and the write rides. false: it is not so,
 * nothing has changed. */
ct_inline bool fault_rides(struct ct_worker *w, struct ct_space *s, struct ct_share *share, const struct leaf *leaf,
                           unsigned rights, paddr_t frame)
{
    uint64_t word = word_read(leaf->d, leaf->first);
    unsigned stamp = word >> WORD_STAMP_SHIFT;
    bool wanted = !(atomic_load_relaxed(leaf->entry) & TN_PTE_V) && word_kind(word) == CT_ANON &&
                  (word_rights(word) & rights) && (stamp == 0 || !ct_stamp_pending(s, stamp));
    if (ct_unlikely(!wanted || !space_try_charge(share)))
        return false;
    w->ride_frame = frame;
    ride_start(w, s, share, leaf->table, leaf->d, run_shape(leaf->first, 1, TN_PT_MAP, word_rights(word), 0, 0),
               port_frame_cap(frame), port_frame_page(frame));
    return true;
}

/* Unlocking, now and then after a look for a peak. */
static ct_cold enum ct_status look_and_unlock(struct ct_worker *w, struct ct_space *s, paddr_t table)
{
    ct_space_look_for_peak(s, ct_share_of(s, w));
    cover_unlock(w, table);
    return CT_OK;
}

ct_inline enum ct_status unlock_with_frame(struct ct_worker *w, struct ct_space *s, struct ct_share *share,
                                           const struct leaf *leaf, enum ct_protocol protocol)
{
    int64_t frames = share->frames + 1;
    atomic_store_relaxed(&share->frames, frames);
    if (ct_unlikely(((uint64_t)frames & s->peak_mask) == 0))
        return look_and_unlock(w, s, leaf->table);
    return leaf_unlock(w, leaf, protocol);
}

/* `frame`: zeroed, or 0: none yet. `locked`: the page's leaf table, or 0: not locked yet. */
static ct_cold enum ct_status fault_generally(struct ct_worker *w, struct ct_space *s, uint64_t va, unsigned rights,
                                              unsigned flags, struct ct_page *page, paddr_t frame, paddr_t locked)
{
    if (va >= ct_user_end())
        return CT_RANGE;
    ct_worker_settle(w);
    struct ct_share *share = ct_share_of(s, w);
    struct ct_cursor c;
    uint64_t low = va & ~(TN_PAGE_BYTES - 1);
    share_count(share, MM_FAULTS, 1);
    if (frame.v == 0 && stock_has_frames(w, 1))
        frame = stock_take_zeroed(w, &share->count[MM_PAGES_ZEROED]);
    enum ct_status st = ct_cursor_continue(w, s, low, low + TN_PAGE_BYTES, locked, &c);
    if (st != CT_OK)
        return st;
    if ((flags & CT_RIDE) && c.top_level == 0 && frame.v) {
        struct leaf leaf = leaf_part(c.top, low, TN_PAGE_BYTES);
        if (fault_rides(w, s, share, &leaf, rights, frame))
            return unlock_with_frame(w, s, share, &leaf, ct_config.protocol);
    }
    return ct_fault_serve(&c, frame, rights, page);
}

/* Step 1 where the stock is not empty. */
ct_inline paddr_t zeroed_frame(struct ct_worker *w, struct ct_share *share)
{
    if (w->zeroed_count)
        return (paddr_t){w->zeroed[--w->zeroed_count]};
    paddr_t frame = {w->dirty[--w->dirty_count]};
    port_zero(frame);
    share_count(share, MM_PAGES_ZEROED, 1);
    return frame;
}

ct_inline enum ct_status fault_by(struct ct_worker *w, struct ct_space *s, uint64_t va, unsigned rights, unsigned flags,
                                  struct ct_page *page, enum ct_protocol protocol)
{
    paddr_t frame = {0}, locked = {0};
    bool ordinary = va < ct_user_end() && (flags & CT_RIDE) && !ct_worker_rides(w);
    if (ct_likely(ordinary && (w->zeroed_count | w->dirty_count))) {
        struct ct_share *share = ct_share_of(s, w);
        frame = zeroed_frame(w, share);
        struct leaf leaf = leaf_try_lock(w, s, va, TN_PAGE_BYTES, protocol);
        if (leaf_enter(w, s, &leaf) && fault_rides(w, s, share, &leaf, rights, frame)) {
            share_count(share, MM_FAULTS, 1);
            share_count(share, MM_TRANSACTIONS, 1);
            return unlock_with_frame(w, s, share, &leaf, protocol);
        }
        locked = leaf.table;
    }
    return fault_generally(w, s, va, rights, flags, page, frame, locked);
}

static ct_cold enum ct_status fault_by_rw(struct ct_worker *w, struct ct_space *s, uint64_t va, unsigned rights,
                                          unsigned flags, struct ct_page *page)
{
    return fault_by(w, s, va, rights, flags, page, CT_PROTOCOL_RW);
}

enum ct_status ct_fault(struct ct_worker *w, struct ct_space *s, vaddr_t va, unsigned rights, unsigned flags,
                        struct ct_page *page)
{
    if (ct_config.protocol == CT_PROTOCOL_RW)
        return fault_by_rw(w, s, va.v, rights, flags, page);
    return fault_by(w, s, va.v, rights, flags, page, CT_PROTOCOL_ADV);
}
