/* Transactions on a part of one leaf table: most of what clients ask for.
 *
 * They lock by the rules of lock.c and do what a cursor would do, but for the ordinary case alone: the leaf table is
 * there, nobody else holds it, its entries are alike. Anything else goes on in the general way, with the table's lock
 * if it was had (ct_cursor_continue). So this code waits for nothing, makes nothing and calls no function but as its
 * last act, and a compiler keeps all of it in registers. For the same reason each of these transactions is compiled
 * twice, once with `protocol` constant for each protocol.
 */
#pragma once
#include <corten/cursor_in.h>
#include <corten/lock.h>
#include <corten/request.h>
#include <corten/ride.h>

/* low .. low + bytes - 1 is page-aligned, a part, and not all, of what one leaf table maps, in the user part. */
ct_inline bool leaf_holds(uint64_t low, uint64_t bytes)
{
    return ((low | bytes) & (TN_PAGE_BYTES - 1)) == 0 && bytes - 1 < CT_LEAF_BYTES - 1 &&
           (low ^ (low + bytes - 1)) < CT_LEAF_BYTES && low < ct_user_end();
}

struct leaf {
    paddr_t table;
    struct ct_desc *d;
    const volatile uint64_t *entry; /* of the first page of the range */
    unsigned first, count;
};

/* The entry for va in a table, by a walker without its lock. shift: of the table's level. */
ct_inline uint64_t walk_read(paddr_t table, uint64_t va, unsigned shift)
{
    uint64_t offset = va >> (shift - 3) & (TN_PT_ENTRIES - 1) << 3;
    const volatile char *view = (const volatile char *)port_view(table);
    return atomic_load_acquire((const volatile uint64_t *)(view + offset)); /* pairs with: ct_batch_write */
}

ct_inline paddr_t leaf_try_adv(struct ct_space *s, uint64_t va)
{
    paddr_t table = s->root;
    unsigned shift = ct_config.root_shift;
    do {
        uint64_t pte = walk_read(table, va, shift);
        if (ct_unlikely(!tn_pte_is_link(pte)))
            return (paddr_t){0};
        table = pte_table(pte);
        shift -= 9;
    } while (shift > TN_PAGE_BITS);
    return ct_likely(qlock_try(port_desc(table))) ? table : (paddr_t){0};
}

ct_inline paddr_t leaf_try_rw(struct ct_worker *w, struct ct_space *s, uint64_t va)
{
    paddr_t table = s->root;
    unsigned depth = 0;
    for (unsigned shift = ct_config.root_shift; shift > TN_PAGE_BITS; shift -= 9) {
        struct ct_desc *d = port_desc(table);
        if (ct_unlikely(!rwlock_try_read(d)))
            goto failed;
        w->read_locked[depth++] = d;
        uint64_t pte = walk_read(table, va, shift);
        if (ct_unlikely(!tn_pte_is_link(pte)))
            goto failed;
        table = pte_table(pte);
    }
    w->read_depth = depth;
    if (ct_likely(rwlock_try_write(port_desc(table))))
        return table;
failed:
    read_unlock_all(w, depth);
    return (paddr_t){0};
}

ct_inline struct leaf leaf_part(paddr_t table, uint64_t low, uint64_t bytes)
{
    unsigned first = va_index(low, 0);
    return (struct leaf){table, port_desc(table), port_view(table) + first, first, bytes >> TN_PAGE_BITS};
}

/* Locks the leaf table of the range, if it is there and free: its table is 0 if not. It may be stale. */
ct_inline struct leaf leaf_try_lock(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                    enum ct_protocol protocol)
{
    return leaf_part(protocol == CT_PROTOCOL_ADV ? leaf_try_adv(s, low) : leaf_try_rw(w, s, low), low, bytes);
}

/* The locked table is linked, and no write of another worker is on its way to it. */
ct_inline bool leaf_enter(struct ct_worker *w, struct ct_space *s, const struct leaf *leaf)
{
    return ct_likely(leaf->table.v && !leaf->d->stale && table_land_own(w, s, leaf->d));
}

/* Somebody waits for the lock. */
enum ct_status ct_leaf_unlock_slow(struct ct_desc *d);

/* The last thing that a transaction does. */
ct_inline enum ct_status leaf_unlock(struct ct_worker *w, const struct leaf *leaf, enum ct_protocol protocol)
{
    if (protocol == CT_PROTOCOL_ADV)
        return qlock_try_unlock(leaf->d) ? CT_OK : ct_leaf_unlock_slow(leaf->d);
    cover_unlock_rw(w, leaf->d);
    return CT_OK;
}

/* The range gets the word, if none of its entries is valid or CT_HELD and the table has words. false: not so; words of
 * the range may have changed, and a cursor_mark() of it must follow before the lock is dropped. */
ct_inline bool leaf_mark(const struct leaf *leaf, uint64_t word)
{
    if (ct_unlikely(leaf->d->meta == 0))
        return false;
    uint64_t *words = desc_words(leaf->d) + leaf->first, *end = words + leaf->count;
    const volatile uint64_t *entry = leaf->entry;
    do {
        uint64_t old = *words;
        if (ct_unlikely((atomic_load_relaxed(entry) & TN_PTE_V) || word_kind(old) == CT_HELD))
            return false;
        *words++ = word | (old & WORD_STAMP_MASK);
        entry++;
    } while (words < end);
    return true;
}

/* Nothing is there: the table has words, and the range could be mapped without replacing anything. */
ct_inline bool leaf_is_free(const struct leaf *leaf)
{
    if (leaf->d->meta == 0)
        return false;
    const uint64_t *words = desc_words(leaf->d) + leaf->first, *end = words + leaf->count;
    const volatile uint64_t *entry = leaf->entry;
    uint64_t there = 0;
    do
        there |= (atomic_load_relaxed(entry++) & TN_PTE_V) | (*words++ & WORD_KIND_MASK);
    while (words < end);
    return there == 0;
}

/* All entries are valid and the core's own. */
ct_inline bool leaf_is_mapped(const struct leaf *leaf)
{
    const volatile uint64_t *entry = leaf->entry, *end = entry + leaf->count;
    uint64_t odd = 0;
    for (; entry < end; entry++)
        odd |= (atomic_load_relaxed(entry) ^ TN_PTE_V) & (TN_PTE_V | PTE_BORROWED);
    return odd == 0;
}

/* A range of mapped pages gets the word; clearing the entries rides. false: not the ordinary case, nothing has
 * changed. */
ct_inline bool leaf_unmap(struct ct_worker *w, struct ct_space *s, struct ct_share *share, const struct leaf *leaf,
                          uint64_t word)
{
    bool room = w->limbo_count + leaf->count <= CT_LIMBO_EARLY;
    if (ct_unlikely(ct_config.flush != CT_FLUSH_LAZY || leaf->d->meta == 0 || !room || !leaf_is_mapped(leaf)))
        return false;
    uint64_t *words = desc_words(leaf->d) + leaf->first;
    for (unsigned i = 0; i < leaf->count; i++) {
        words[i] = word; /* who lands the ride adds the stamp */
        unsigned slot = (w->limbo_first + w->limbo_count++) % CT_LIMBO_FRAMES;
        w->limbo[slot] = (struct ct_limbo_frame){tn_pte_paddr(atomic_load_relaxed(&leaf->entry[i])), s, ~0ull};
    }
    w->ride_cleared = leaf->count;
    share_add(&share->frames, -(int64_t)leaf->count);
    atomic_add_relaxed(&share->credit, (int64_t)leaf->count);
    ride_start(w, s, share, leaf->table, leaf->d, run_shape(leaf->first, leaf->count, TN_PT_CLEAR, 0, 0, 0), 0, 0);
    w->batch->run[0].flags =
        TN_PT_OLD; /* the pages are given up: an account of who may still reach them wants to know */
    w->batch->run[0].out = CT_BATCH_WORDS_FIRST;
    return true;
}

/* The first entry from `entry` on, below `end`, that differs from pte in these bits; end if there is none. */
const volatile uint64_t *ct_leaf_differs(const volatile uint64_t *entry, const volatile uint64_t *end, uint64_t pte,
                                         uint64_t bits);

/* The capability that a run needs which gives these rights to entries like pte; 0: none, no right is gained. */
ct_inline tn_cptr_t leaf_grant(uint64_t pte, unsigned rights)
{
    return (rights & ~pte_rights(pte)) ? port_frame_cap(pte_table(pte)) : 0;
}

/* The entry is valid and the core's own. */
ct_inline bool leaf_entry_is_own(uint64_t pte)
{
    return (pte & (TN_PTE_V | PTE_BORROWED)) == TN_PTE_V;
}

/* Where a right is lost: writes one run, flushes, unlocks, counts. */
enum ct_status ct_leaf_protect_losing(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t low,
                                      struct shape shape, tn_cptr_t grant);

/* One run gives the whole range, whose entries are all like pte, these rights; the transaction ends. */
ct_inline enum ct_status leaf_protect_run(struct ct_worker *w, struct ct_space *s, struct ct_share *share, uint64_t low,
                                          const struct leaf *leaf, uint64_t pte, unsigned rights,
                                          enum ct_protocol protocol)
{
    struct shape shape = run_shape(leaf->first, leaf->count, TN_PT_PROTECT, rights, 0, 0);
    if (pte_rights(pte) & ~rights)
        return ct_leaf_protect_losing(w, s, leaf->table, low, shape, leaf_grant(pte, rights));
    share_count(share, MM_TRANSACTIONS, 1);
    if (pte_rights(pte) != rights)
        ride_start(w, s, share, leaf->table, leaf->d, shape, leaf_grant(pte, rights), 0);
    return leaf_unlock(w, leaf, protocol);
}

/* The same for several pages, which begin with an own one, in a locked leaf table. Those that are not all alike are done
 * in the general way. */
enum ct_status ct_leaf_protect_many(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                    unsigned rights, paddr_t table);

/* The general way (request.c): whole pages in the user part; `locked`: the range's leaf table, or 0. */
ct_cold enum ct_status ct_protect_generally(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                            unsigned rights, paddr_t locked);
