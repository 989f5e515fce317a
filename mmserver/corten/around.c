/* Fault-around: a page fault that maps the pages beside it too. See request.h, ct_fault_around(); called by servers whose
 * configuration has around_pages > 1.
 *
 * One transaction, as any fault: the aligned group of around_pages pages is locked (it never crosses a leaf table, so its
 * covering table is the page's own), the entry asked for is served as ct_fault() serves it, and with it goes each other
 * page of the group that
 *     has the same word, so that a mapping with other rights, a guard, a hole or a page that is held stays as it is;
 *     is not mapped yet;
 *     needs no flush before it becomes valid;
 *     costs the space nothing that others would miss: it is charged to the worker's credit, and where that is used up the
 *     page is left out, so a space never fails at its quota earlier by more than what stands in the credits.
 * Frames are zeroed before the lock is taken. All entries go in one batch, written before the locks are dropped; it does
 * not ride on the reply.
 */
#include <corten/around.h>
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/request.h>
#include <corten/stock.h>

/* As many zeroed frames as the group may need, as far as there are frames. */
static void zero_ahead(struct ct_worker *w, uint64_t *zeroed)
{
    unsigned pages = ct_config.around_pages;
    if (w->zeroed_count + w->dirty_count < pages)
        (void)!ct_stock_fill_frames(w, pages); /* the page asked for says so if there is none */
    while (w->zeroed_count < pages && w->dirty_count)
        stock_untake_zeroed(w, ct_stock_take_zeroed_slow(w, zeroed));
}

static bool wanted_beside(const struct ct_cursor *c, paddr_t leaf, unsigned i, uint64_t word)
{
    uint64_t own = word_read(port_desc(leaf), i);
    unsigned stamp = own >> WORD_STAMP_SHIFT;
    return word_same(own, word) && !(pte_read(leaf, i) & TN_PTE_V) &&
           (stamp == 0 || !ct_stamp_pending(c->space, stamp));
}

void ct_around_map(struct ct_cursor *c, paddr_t leaf, uint64_t word, paddr_t frame)
{
    struct ct_worker *w = c->worker;
    for (uint64_t at = c->low; at < c->high; at += TN_PAGE_BYTES) {
        unsigned i = va_index(at, 0);
        paddr_t f = frame;
        if (at != c->at) {
            if (w->zeroed_count == 0 || !wanted_beside(c, leaf, i, word) || !space_try_charge(c->share))
                continue;
            f = stock_take_zeroed(w, &c->share->count[MM_PAGES_ZEROED]);
        }
        ct_batch_map(c, leaf, i, port_frame_cap(f), port_frame_page(f), word_rights(word), 0);
        space_took_frame(c->space, c->share);
    }
}

enum ct_status ct_fault_around(struct ct_worker *w, struct ct_space *s, vaddr_t va, unsigned rights,
                               struct ct_page *page)
{
    if (va.v >= ct_user_end())
        return CT_RANGE;
    ct_worker_settle(w);
    uint64_t bytes = (uint64_t)ct_config.around_pages * TN_PAGE_BYTES, low = va.v & -bytes;
    struct ct_share *share = ct_share_of(s, w);
    paddr_t frame = {0};
    share_count(share, MM_FAULTS, 1);
    zero_ahead(w, &share->count[MM_PAGES_ZEROED]);
    if (w->zeroed_count)
        frame = stock_take_zeroed(w, &share->count[MM_PAGES_ZEROED]);
    struct ct_cursor c;
    enum ct_status st = cursor_lock(w, s, (vaddr_t){low}, (vaddr_t){low + bytes}, &c);
    if (st != CT_OK)
        return st;
    c.at = va.v & ~(TN_PAGE_BYTES - 1);
    return ct_fault_serve(&c, frame, rights, page);
}
