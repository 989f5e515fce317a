/* The two lock protocols behind one interface; how they work and why is told in lock.c.
 *
 * The covering table of a range is locked by inline code, since that is most of what a fault costs; what a range of
 * many tables needs more is in lock.c.
 */
#pragma once
#include <corten/cursor.h>
#include <corten/qlock.h>
#include <corten/ride.h>
#include <corten/rwlock.h>
#include <corten/stock.h>

/* A locked covering table. */
struct cover {
    paddr_t table;
    unsigned level;
};

/* ADV, step 2: a stale table was met; unlocks it and counts. */
void ct_lock_gave_up(struct ct_worker *w, struct ct_space *s, struct ct_desc *d);

static inline struct cover cover_lock_adv(struct ct_worker *w, struct ct_space *s, uint64_t low, unsigned lowest)
{
    for (;;) {
        paddr_t table = s->root;
        unsigned level = ct_config.levels - 1;
        for (unsigned shift = level_shift(level); level > lowest; level--, shift -= 9) {
            uint64_t pte = pte_read_acquire(table, low >> shift & (TN_PT_ENTRIES - 1));
            if (!tn_pte_is_link(pte))
                break;
            table = pte_table(pte);
        }
        struct ct_desc *d = port_desc(table);
        qlock_lock(d, w->qnode);
        if (ct_likely(!d->stale))
            return (struct cover){table, level};
        ct_lock_gave_up(w, s, d);
    }
}

static inline struct cover cover_lock_rw(struct ct_worker *w, struct ct_space *s, uint64_t low, unsigned lowest)
{
    paddr_t table = s->root;
    unsigned level = ct_config.levels - 1, depth = 0;
    for (unsigned shift = level_shift(level); level > lowest; level--, shift -= 9) {
        struct ct_desc *d = port_desc(table);
        unsigned i = low >> shift & (TN_PT_ENTRIES - 1);
        if (!tn_pte_is_link(pte_read_acquire(table, i)))
            break;
        rwlock_read(d);
        uint64_t pte = pte_read(table, i);
        if (ct_unlikely(!tn_pte_is_link(pte))) {
            rwlock_read_unlock(d);
            break;
        }
        w->read_locked[depth++] = d;
        table = pte_table(pte);
    }
    rwlock_write(port_desc(table));
    w->read_depth = depth;
    return (struct cover){table, level};
}

/* Locks the covering table of a range that starts at low and whose covering table is of level `lowest` if it is there,
 * and enters it. */
static inline struct cover cover_lock(struct ct_worker *w, struct ct_space *s, uint64_t low, unsigned lowest)
{
    struct cover cover =
        ct_config.protocol == CT_PROTOCOL_ADV ? cover_lock_adv(w, s, low, lowest) : cover_lock_rw(w, s, low, lowest);
    share_count(ct_share_of(s, w), MM_TRANSACTIONS, 1);
    table_land(w, s, cover.table);
    return cover;
}

static inline void read_unlock_all(struct ct_worker *w, unsigned depth)
{
    while (depth > 0)
        rwlock_read_unlock(w->read_locked[--depth]);
}

static inline void cover_unlock_rw(struct ct_worker *w, struct ct_desc *d)
{
    rwlock_write_unlock(d);
    read_unlock_all(w, w->read_depth);
}

static inline void cover_unlock(struct ct_worker *w, paddr_t table)
{
    if (ct_config.protocol == CT_PROTOCOL_ADV)
        qlock_unlock(port_desc(table));
    else
        cover_unlock_rw(w, port_desc(table));
}

/* Locks c->low .. c->high of c->space; sets top and top_level. Spins. */
void ct_lock_range(struct ct_cursor *c);

/* The second half of it: the covering table is locked, what is below is not yet. */
void ct_lock_rest(struct ct_cursor *c, struct cover cover);

/* Unlocks everything that ct_lock_range() and ct_lock_new() locked and that is still linked. The batch is written. */
void ct_unlock_range(struct ct_cursor *c);

/* A table that this cursor is about to link: owned from the start. */
void ct_lock_new(struct ct_cursor *c, paddr_t table);

/* A table that this cursor has unlinked (written) and marked stale. */
void ct_unlock_removed(struct ct_cursor *c, paddr_t table);
