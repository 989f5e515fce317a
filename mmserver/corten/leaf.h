/* Transactions on a part of one leaf table: most of what clients ask for.
 *
 * They lock by the rules of lock.c and do what a cursor would do, but for the ordinary case alone: the leaf table is
 * there, nobody else holds it, its entries are alike. Anything else goes on in the general way, with the table's lock
 * if it was had (ct_cursor_continue). So this code waits for nothing, makes nothing and calls no function, and a
 * compiler keeps all of it in registers.
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

/* The table under the entry for va, 0: the entry is no link. shift: of the entry's level. */
ct_inline paddr_t walk_step(paddr_t table, uint64_t va, unsigned shift)
{
    uint64_t pte = pte_read_acquire(table, va >> shift & (TN_PT_ENTRIES - 1));
    return ct_likely(tn_pte_is_link(pte)) ? pte_table(pte) : (paddr_t){0};
}

ct_inline paddr_t leaf_try_adv(struct ct_space *s, uint64_t va)
{
    paddr_t table = s->root;
    for (unsigned shift = ct_config.root_shift; shift > TN_PAGE_BITS; shift -= 9) {
        table = walk_step(table, va, shift);
        if (ct_unlikely(table.v == 0))
            return table;
    }
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
        table = walk_step(table, va, shift);
        if (ct_unlikely(table.v == 0))
            goto failed;
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
ct_inline struct leaf leaf_try_lock(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes)
{
    return leaf_part(ct_config.protocol == CT_PROTOCOL_ADV ? leaf_try_adv(s, low) : leaf_try_rw(w, s, low), low, bytes);
}

/* The locked table is linked, and no write of another worker is on its way to it. */
ct_inline bool leaf_enter(struct ct_worker *w, struct ct_space *s, const struct leaf *leaf)
{
    return ct_likely(leaf->table.v && !leaf->d->stale && table_land_own(w, s, leaf->d));
}

ct_inline enum ct_status leaf_unlock(struct ct_worker *w, const struct leaf *leaf)
{
    if (ct_config.protocol == CT_PROTOCOL_ADV)
        qlock_unlock(leaf->d);
    else
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
                          uint64_t word, unsigned flags)
{
    bool room = w->limbo_count + leaf->count <= CT_LIMBO_EARLY;
    if (ct_unlikely(!(flags & CT_RIDE) || ct_config.flush != CT_FLUSH_LAZY || leaf->d->meta == 0 || !room ||
                    !leaf_is_mapped(leaf)))
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
    return true;
}

/* Whether all entries of the range agree with the first in these bits. */
ct_inline bool leaf_is_alike(const struct leaf *leaf, uint64_t first, uint64_t bits)
{
    const volatile uint64_t *entry = leaf->entry + 1, *end = leaf->entry + leaf->count;
    uint64_t differ = 0;
    for (; end - entry >= 8; entry += 8)
        differ |= (entry[0] ^ first) | (entry[1] ^ first) | (entry[2] ^ first) | (entry[3] ^ first) |
                  (entry[4] ^ first) | (entry[5] ^ first) | (entry[6] ^ first) | (entry[7] ^ first);
    for (; entry < end; entry++)
        differ |= *entry ^ first;
    return (differ & bits) == 0;
}

/* Whether the range is all mapped alike, so that one run gives it the rights: *pte is the first entry. */
ct_inline bool leaf_may_protect(const struct leaf *leaf, unsigned rights, uint64_t *pte)
{
    uint64_t chunk = TN_PTE_PPN_MASK & -(1ull << (PORT_CHUNK_BITS - TN_PAGE_BITS + TN_PTE_PPN_SHIFT));
    *pte = atomic_load_relaxed(leaf->entry);
    bool gains = (rights & ~pte_rights(*pte)) != 0;
    return (*pte & (TN_PTE_V | PTE_BORROWED)) == TN_PTE_V &&
           leaf_is_alike(leaf, *pte, TN_PTE_V | TN_PTE_RWX | PTE_BORROWED | (gains ? chunk : 0));
}

/* The capability that a run needs which gives these rights to entries like pte; 0: none, no right is gained. */
ct_inline tn_cptr_t leaf_grant(uint64_t pte, unsigned rights)
{
    return (rights & ~pte_rights(pte)) ? port_frame_cap(pte_table(pte)) : 0;
}

ct_inline struct shape leaf_protect_shape(const struct leaf *leaf, unsigned rights)
{
    return run_shape(leaf->first, leaf->count, TN_PT_PROTECT, rights, 0, 0);
}

/* Where a right is lost: writes, flushes, unlocks. */
enum ct_status ct_leaf_protect_losing(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t low,
                                      struct shape shape, tn_cptr_t grant);
