/* Lock protocols. A cursor on [low, high) excludes every other whose range overlaps, and no transaction works on a
 * table that was unlinked.
 *
 * Covering table: the lowest existing table that covers the range, and that is not covered by the range (so that a
 * transaction on all of a table's pages owns the entry above it and can remove it).
 *
 *   RW    read-lock from the root down to the table above the covering one, write-lock that. All below is owned without
 *         locks: whoever wants a table below must read-lock the covering table first. Linking and unlinking need the
 *         write lock of a table above, so what a reader has found stays linked while its read locks last. Links are
 *         looked at before locking only to save the lock of the last table; they are read again where it matters.
 *
 *   ADV   walk down without locks, inside the worker's epoch, so that what one reads stays a table (epoch.h), though
 *         perhaps a stale one; queue-lock the covering table; stale: start again. A table that is not stale, with
 *         its lock held, stays linked: unlinking it takes its lock first (its remover locks all below what it locks).
 *         Between reading the entry above and locking, the table may have got children: they are below, and are locked
 *         next. Then lock every linked table below that touches the range, parents first, indexes ascending; none of
 *         them is stale, since making it stale needs the lock of its parent, which is held. New tables are locked
 *         before they are linked. All locks are taken in the order (ancestor first, then ascending address), so no
 *         circle closes; all are held to the end, so transactions are serializable. Locking the descendants is needed
 *         since a walker that saw an older tree, or passed the covering table before it was locked, may stand right
 *         above them.
 */
#include <corten/lock.h>

/* Level of the covering table if all tables were there: the lowest whose tables cover the range and are larger than
 * it. */
static inline unsigned covering_level(const struct ct_cursor *c)
{
    uint64_t differ = c->low ^ (c->high - 1), bytes = c->high - c->low;
    unsigned level = 0;
    while (differ >> level_shift(level + 1))
        level++;
    return level + (bytes >> level_shift(level + 1)); /* one up if the range is all of a table */
}

/* Part of [low, last] under entry i of a table of this level whose first address is base. */
static inline uint64_t clip_low(uint64_t low, uint64_t entry_low)
{
    return low > entry_low ? low : entry_low;
}
static inline uint64_t clip_last(uint64_t last, uint64_t entry_last)
{
    return last < entry_last ? last : entry_last;
}

static void lock_below(struct ct_cursor *c, paddr_t table, unsigned level, uint64_t low, uint64_t last)
{
    uint64_t span = 1ull << level_shift(level);
    for (unsigned i = va_index(low, level), end = va_index(last, level); i <= end; i++) {
        uint64_t pte = pte_read(table, i);
        uint64_t entry_low =
            i == va_index(low, level) ? low & -span : (low & -span) + (i - va_index(low, level)) * span;
        if (!tn_pte_is_link(pte))
            continue;
        paddr_t child = pte_table(pte);
        qlock_lock(port_desc(child), c->worker->qnode);
        if (port_desc(child)->stale)
            port_panic("corten: stale table below a locked one", child.v);
        if (level > 1)
            lock_below(c, child, level - 1, clip_low(low, entry_low), clip_last(last, entry_low + span - 1));
    }
}

/* The same tables the other way round: children before parents, descending. */
static void unlock_below(struct ct_cursor *c, paddr_t table, unsigned level, uint64_t low, uint64_t last)
{
    uint64_t span = 1ull << level_shift(level);
    unsigned first = va_index(low, level);
    for (unsigned i = va_index(last, level) + 1; i-- > first;) {
        uint64_t pte = pte_read(table, i);
        uint64_t entry_low = (low & -span) + (i - first) * span;
        if (!tn_pte_is_link(pte))
            continue;
        paddr_t child = pte_table(pte);
        if (level > 1)
            unlock_below(c, child, level - 1, clip_low(low, entry_low), clip_last(last, entry_low + span - 1));
        qlock_unlock(port_desc(child));
    }
}

void ct_lock_gave_up(struct ct_worker *w, struct ct_space *s, struct ct_desc *d)
{
    qlock_unlock(d);
    share_count(ct_share_of(s, w), MM_RETRIES, 1);
}

void ct_lock_range(struct ct_cursor *c)
{
    struct cover cover = cover_lock(c->worker, c->space, c->low, covering_level(c));
    ct_lock_rest(c, cover);
}

void ct_lock_rest(struct ct_cursor *c, struct cover cover)
{
    c->top = cover.table;
    c->top_level = cover.level;
    if (ct_config.protocol == CT_PROTOCOL_ADV && cover.level > 0)
        lock_below(c, cover.table, cover.level, c->low, c->high - 1);
}

void ct_unlock_range(struct ct_cursor *c)
{
    if (ct_config.protocol == CT_PROTOCOL_ADV && c->top_level > 0)
        unlock_below(c, c->top, c->top_level, c->low, c->high - 1);
    cover_unlock(c->worker, c->top);
}

void ct_lock_new(struct ct_cursor *c, paddr_t table)
{
    if (ct_config.protocol == CT_PROTOCOL_ADV && !c->exclusive)
        qlock_init_locked(port_desc(table));
}

void ct_unlock_removed(struct ct_cursor *c, paddr_t table)
{
    if (ct_config.protocol == CT_PROTOCOL_ADV && !c->exclusive)
        qlock_unlock(port_desc(table));
}
