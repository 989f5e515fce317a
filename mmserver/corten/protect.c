/* Protect: change the rights of what is there.
 *
 * Two passes. The first looks whether every page may have the rights and counts what the second needs; the second
 * cannot fail.
 *
 *      entry                          rights != 0                          rights == 0
 *      valid leaf                     PROTECT (with the frame's            clear; word CT_HELD with the frame
 *                                     capability if it gains any)
 *      CT_HELD                        MAP again                            -
 *      CT_ANON                        word with the rights                 word with rights 0
 *      CT_GUARD                       -                                    -
 *      CT_NONE                        CT_NOT_MAPPED                        CT_NOT_MAPPED
 *      whole table, no words          `fill` with the rights
 */
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/reserve.h>
#include <corten/ride.h>
#include <corten/stock.h>

struct protect {
    struct ct_cursor *c;
    unsigned rights;
    struct ct_need need;
};

/* A part of one table. */
struct part {
    paddr_t table;
    unsigned first, end;
    uint64_t base; /* address of entry 0 */
    bool whole;    /* all of the table, and not the covering one: its fill may change */
};

static struct part leaf_part(paddr_t table, uint64_t low, uint64_t high)
{
    unsigned first = va_index(low, 0);
    unsigned count = (high - low) >> TN_PAGE_BITS;
    return (struct part){table, first, first + count, low - ((uint64_t)first << TN_PAGE_BITS), count == TN_PT_ENTRIES};
}

static uint64_t word_protected(uint64_t word, unsigned rights)
{
    return word_kind(word) == CT_ANON ? word_with_rights(word, rights) : word;
}

/* First pass, a valid leaf or a held frame that is borrowed: is there a capability for the rights? */
static bool borrowed_may_have(uint64_t entry, unsigned has, unsigned rights)
{
    uint64_t page;
    return !(rights & ~has) || port_borrowed_cap(pte_table(entry), rights, &page) != 0;
}

static enum ct_status check_leaves(struct protect *p, const struct part *part)
{
    struct ct_desc *d = port_desc(part->table);
    bool own_words = false; /* some entry will need a word that differs from fill */
    for (unsigned i = part->first; i < part->end; i++) {
        uint64_t pte = pte_read(part->table, i);
        if (ct_likely((pte & (TN_PTE_V | PTE_BORROWED)) == TN_PTE_V)) {
            own_words |= p->rights == 0;
            continue;
        }
        if (pte & TN_PTE_V) {
            if (!borrowed_may_have(pte, pte_rights(pte), p->rights))
                return CT_DENIED;
            own_words |= p->rights == 0;
            continue;
        }
        uint64_t word = word_read(d, i);
        if (word_kind(word) == CT_NONE)
            return CT_NOT_MAPPED;
        if (word_kind(word) == CT_HELD && (word & WORD_BORROWED) && !borrowed_may_have(word, 0, p->rights))
            return CT_DENIED;
        own_words |= !part->whole && word_protected(word, p->rights) != word;
    }
    p->need.words += own_words && d->meta == 0;
    return CT_OK;
}

static enum ct_status check_table(struct protect *p, paddr_t table, unsigned level, uint64_t low, uint64_t high)
{
    if (level == 0) {
        struct part part = leaf_part(table, low, high);
        return check_leaves(p, &part);
    }
    struct ct_desc *d = port_desc(table);
    uint64_t span = 1ull << level_shift(level);
    bool own_words = false;
    while (low < high) {
        unsigned i = va_index(low, level);
        uint64_t entry_end = (low | (span - 1)) + 1;
        uint64_t end = entry_end < high ? entry_end : high;
        uint64_t pte = pte_read(table, i);
        if (tn_pte_is_link(pte)) {
            enum ct_status st = check_table(p, table_enter(p->c, pte), level - 1, low, end);
            if (st != CT_OK)
                return st;
        } else {
            uint64_t word = word_read(d, i);
            if (word_kind(word) == CT_NONE)
                return CT_NOT_MAPPED;
            if (word_protected(word, p->rights) != word)
                own_words = true;
        }
        low = end;
    }
    p->need.words += own_words && d->meta == 0;
    return CT_OK;
}

static tn_cptr_t leaf_cap(uint64_t entry, bool borrowed, unsigned rights, uint64_t *page)
{
    paddr_t frame = pte_table(entry);
    if (borrowed)
        return port_borrowed_cap(frame, rights, page);
    *page = port_frame_page(frame);
    return port_frame_cap(frame);
}

/* First entry from i on that is not handled like entry i, a valid leaf: other rights, owner, or (where the frame's
 * capability is needed) chunk. */
static unsigned run_end(const struct part *part, unsigned i, uint64_t pte, bool gains)
{
    uint64_t chunk = TN_PTE_PPN_MASK & -(1ull << (PORT_CHUNK_BITS - TN_PAGE_BITS + TN_PTE_PPN_SHIFT));
    uint64_t alike = TN_PTE_V | TN_PTE_RWX | PTE_BORROWED | (gains ? chunk : 0);
    if (gains && (pte & PTE_BORROWED))
        return i + 1; /* its capability is asked for each page */
    const volatile uint64_t *view = port_view(part->table);
    do
        i++;
    while (i < part->end && ((atomic_load_relaxed(&view[i]) ^ pte) & alike) == 0);
    return i;
}

/* Protects the run of leaves from i on that are handled alike; returns its end. */
static unsigned protect_run(struct protect *p, const struct part *part, unsigned i, uint64_t pte)
{
    unsigned has = pte_rights(pte);
    bool gains = (p->rights & ~has) != 0, borrowed = (pte & PTE_BORROWED) != 0;
    unsigned end = run_end(part, i, pte, gains);
    if (has == p->rights)
        return end;
    uint64_t page;
    tn_cptr_t cap = gains ? leaf_cap(pte, borrowed, p->rights, &page) : 0;
    ct_batch_protect(p->c, part->table, i, end - i, cap, p->rights, borrowed ? PTE_SOFT_BORROWED : 0);
    if ((has & ~p->rights) && !ct_flush_left_out(CT_FLUSH_WEAKENED))
        ct_cursor_flush_range(p->c, part->base + ((uint64_t)i << TN_PAGE_BITS),
                              part->base + ((uint64_t)end << TN_PAGE_BITS));
    return end;
}

/* A held frame gets its mapping back. */
static void unhold(struct protect *p, const struct part *part, unsigned i, uint64_t word)
{
    uint64_t page;
    bool borrowed = (word & WORD_BORROWED) != 0;
    tn_cptr_t cap = leaf_cap(word, borrowed, p->rights, &page);
    ct_batch_map(p->c, part->table, i, cap, page, p->rights, borrowed ? PTE_SOFT_BORROWED : 0);
}

/* Rights other than none for a part of a leaf table. */
static void allow_leaves(struct protect *p, const struct part *part)
{
    struct ct_desc *d = port_desc(part->table);
    if (part->whole && d->meta == 0)
        d->fill = word_protected(d->fill, p->rights);
    for (unsigned i = part->first; i < part->end;) {
        uint64_t pte = pte_read(part->table, i);
        if (pte & TN_PTE_V) {
            i = protect_run(p, part, i, pte);
            continue;
        }
        uint64_t word = word_read(d, i);
        if (word_kind(word) == CT_HELD)
            unhold(p, part, i, word);
        else
            word_write(p->c, d, i, word_protected(word, p->rights));
        i++;
    }
}

/* No rights for a part of a leaf table. */
static void hold_leaves(struct protect *p, const struct part *part)
{
    struct ct_desc *d = port_desc(part->table);
    unsigned run_first = part->first;
    if (part->whole && d->meta == 0)
        d->fill = word_protected(d->fill, 0);
    for (unsigned i = part->first; i < part->end; i++) {
        uint64_t pte = pte_read(part->table, i);
        if (pte & TN_PTE_V) {
            uint64_t va = part->base + ((uint64_t)i << TN_PAGE_BITS);
            word_write(p->c, d, i, word_held(pte));
            if (!ct_flush_left_out(CT_FLUSH_HELD))
                ct_cursor_flush_range(p->c, va, va + TN_PAGE_BYTES);
            continue;
        }
        if (i > run_first)
            ct_batch_clear(p->c, part->table, run_first, i - run_first, false);
        run_first = i + 1;
        word_write(p->c, d, i, word_protected(word_read(d, i), 0));
    }
    if (part->end > run_first)
        ct_batch_clear(p->c, part->table, run_first, part->end - run_first, false);
}

static void protect_table(struct protect *p, paddr_t table, unsigned level, uint64_t low, uint64_t high)
{
    if (level == 0) {
        struct part part = leaf_part(table, low, high);
        if (p->rights)
            allow_leaves(p, &part);
        else
            hold_leaves(p, &part);
        return;
    }
    struct ct_desc *d = port_desc(table);
    uint64_t span = 1ull << level_shift(level);
    while (low < high) {
        unsigned i = va_index(low, level);
        uint64_t entry_end = (low | (span - 1)) + 1;
        uint64_t end = entry_end < high ? entry_end : high;
        uint64_t pte = pte_read(table, i);
        uint64_t word = word_read(d, i);
        if (tn_pte_is_link(pte))
            protect_table(p, table_enter(p->c, pte), level - 1, low, end);
        else if (end - low == span)
            word_write(p->c, d, i, word_protected(word, p->rights));
        else if (word_protected(word, p->rights) != word)
            protect_table(p, ct_table_make(p->c, table, i), level - 1, low, end);
        low = end;
    }
}

/* What pushing down the word at an edge needs: as for marking, with the word that the entry there will get. */
static void need_edge(struct protect *p, uint64_t va)
{
    struct ct_cursor *c = p->c;
    paddr_t table = c->top;
    for (unsigned level = c->top_level; level > 0; level--) {
        if ((va & ((1ull << level_shift(level)) - 1)) == 0)
            return;
        uint64_t pte = pte_read(table, va_index(va, level));
        if (!tn_pte_is_link(pte)) {
            uint64_t word = word_read(port_desc(table), va_index(va, level));
            ct_need_edge(c, va, word_protected(word, p->rights), &p->need);
            return;
        }
        table = table_enter(c, pte);
    }
}

enum ct_status cursor_protect(struct ct_cursor *c, uint64_t bytes, unsigned rights)
{
    if ((bytes & (TN_PAGE_BYTES - 1)) || bytes > c->high - c->at)
        return CT_RANGE;
    if (bytes == 0)
        return CT_OK;
    batch_settle(c);
    cursor_before_map(c, 0); /* pages held earlier in this transaction may get a mapping again */
    struct protect p = {.c = c, .rights = rights};
    enum ct_status st = check_table(&p, c->top, c->top_level, c->at, c->at + bytes);
    if (st != CT_OK)
        return st;
    need_edge(&p, c->at);
    need_edge(&p, c->at + bytes);
    st = ct_reserve_take(c, &p.need);
    if (st != CT_OK)
        return st;
    c->leaf.v = 0;
    protect_table(&p, c->top, c->top_level, c->at, c->at + bytes);
    c->at += bytes;
    ct_reserve_drop(c);
    return CT_OK;
}
