/* Bounded check of the core's operations (one_table.c): a walk of the real tables, by entries, words and descriptors. It gives
 * the list of extents that is there, and checks on its way that the tree is well formed: levels, links, entries' bits, kinds
 * of words, no table, frame or page of words in two places, and counters, budget and stocks that add up.
 */
#include "one_table.h"
#include <string.h>

void append(struct list *list, struct extent e)
{
    struct extent *last = &list->at[list->count - 1];
    if (e.kind == CT_NONE || e.low == e.high)
        return;
    if (list->count && !e.frame && !last->frame && last->high == e.low && last->kind == e.kind &&
        last->rights == e.rights) {
        last->high = e.high;
        return;
    }
    CHECK(list->count < EXTENTS_MAX, e.low, e.high);
    list->at[list->count++] = e;
}

struct tree {
    struct list *list;
    uint64_t frames, tables, metas; /* counted on the way; frames: not borrowed */
    uint8_t seen[FRAMES + TABLES];
};

static void see(struct tree *tree, uint64_t paddr)
{
    uint64_t n = (paddr - PHYS) / 4096;
    CHECK(paddr % 4096 == 0 && paddr >= PHYS && n < FRAMES + TABLES && !tree->seen[n], paddr, 0);
    tree->seen[n] = 1;
}

static void see_page(struct tree *tree, uint64_t low, unsigned kind, uint64_t entry, unsigned rights, bool borrowed)
{
    uint64_t frame = tn_pte_paddr(entry);
    if (borrowed)
        CHECK(frame >= PHYS && frame < PHYS + BORROWED * 4096, frame, 0);
    else
        see(tree, frame), tree->frames++, CHECK(frame < TABLES_AT, frame, 0);
    append(tree->list, (struct extent){low, low + 1, frame, (uint8_t)kind, (uint8_t)rights, borrowed});
}

static void see_word(struct tree *tree, uint64_t word, unsigned level, uint64_t low)
{
    unsigned kind = word & 15, rights = word >> 4 & 7;
    if (kind == CT_HELD) {
        CHECK(level == 0 && rights == 0, word, level);
        see_page(tree, low, CT_HELD, word, 0, (word & WORD_BORROWED) != 0);
        return;
    }
    CHECK(kind <= CT_GUARD && (word & ~WORD_STAMP_MASK) == (kind | rights << 4) && (kind == CT_ANON || rights == 0),
          word, level);
    append(tree->list, (struct extent){low, low + (1ull << 9 * level), 0, (uint8_t)kind, (uint8_t)rights, 0});
}

static void see_table(struct tree *tree, uint64_t table, unsigned level, uint64_t low)
{
    const struct ct_desc *d = port_desc((paddr_t){table});
    see(tree, table);
    CHECK(is_table(table) && d->level == level && !d->stale && d->pending == 0 && d->tail == 0 && d->rw == 0, table,
          level);
    CHECK((d->fill & 15) <= CT_GUARD, table, d->fill);
    const uint64_t *words = NULL;
    if (d->meta) {
        see(tree, d->meta);
        tree->metas++;
        words = port_frame((paddr_t){d->meta});
    }
    unsigned end = level + 1 == ct_config.levels ? 256 : 512;
    for (unsigned i = 0; i < end; i++, low += 1ull << 9 * level) {
        uint64_t pte = *entry_of(table, i);
        if (pte == 0) {
            see_word(tree, words ? words[i] : d->fill, level, low);
        } else if (tn_pte_is_link(pte)) {
            CHECK(level > 0 && pte == tn_pte_paddr(pte) / 4 + TN_PTE_V, pte, level);
            tree->tables++;
            see_table(tree, tn_pte_paddr(pte), level - 1, low);
        } else {
            unsigned soft = pte >> TN_PTE_SOFT_SHIFT & 3;
            CHECK(level == 0 && pte == leaf_bits(tn_pte_paddr(pte), pte_rights(pte), soft) && soft <= 1, pte, level);
            see_page(tree, low, CT_MAPPED, pte, pte_rights(pte), soft == PTE_SOFT_BORROWED);
        }
    }
}

static uint64_t limbo_tables(const struct ct_worker *w)
{
    uint64_t n = w->limbo_open.count + w->limbo_sealed.count + w->limbo_passed.count;
    for (unsigned level = 0; level < CT_LEVELS_MAX; level++)
        n += w->tables_count[level] + now.table_count[level];
    return n;
}

/* The tree is well formed, and everything is somewhere once; its extents. */
void look(struct list *list)
{
    static struct tree tree;
    const struct ct_worker *w = &now.worker;
    const struct ct_share *share = &now.space.share[0];
    memset(&tree, 0, sizeof tree);
    tree.list = list;
    list->count = 0;
    see_table(&tree, now.space.root.v, ct_config.levels - 1, 0);
    CHECK((uint64_t)share->frames == tree.frames && (uint64_t)share->tables == tree.tables &&
              (uint64_t)share->meta == tree.metas,
          share->frames, share->tables);
    CHECK(now.space.budget + share->credit + (int64_t)(tree.frames + tree.tables + tree.metas) == QUOTA, share->credit,
          now.space.budget);
    for (unsigned i = 0; i < w->zeroed_count; i++)
        see(&tree, w->zeroed[i]);
    for (unsigned i = 0; i < w->dirty_count; i++)
        see(&tree, w->dirty[i]);
    for (unsigned i = 0; i < w->limbo_count; i++)
        see(&tree, w->limbo[(w->limbo_first + i) % CT_LIMBO_FRAMES].paddr);
    uint64_t frames = tree.frames + tree.metas + w->zeroed_count + w->dirty_count + w->limbo_count + now.frame_count;
    CHECK(frames == FRAMES - BORROWED, frames, FRAMES - BORROWED);
    CHECK(tree.tables + 1 + limbo_tables(w) == now.table_fresh, tree.tables, now.table_fresh);
}
