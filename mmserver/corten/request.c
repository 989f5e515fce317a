/* Map, unmap, protect as whole requests: check what a client said, one transaction, keep the range hints. See
 * request.h. */
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/leaf.h>
#include <corten/request.h>
#include <corten/stock.h>
#include <corten/varange.h>

/* Rounded up to pages; false if that is 0 or more than a user space. */
static bool round_bytes(uint64_t *bytes)
{
    if (*bytes == 0 || *bytes > ct_user_end())
        return false;
    *bytes = (*bytes + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
    return true;
}

static bool range_is_users(uint64_t va, uint64_t bytes)
{
    return (va & (TN_PAGE_BYTES - 1)) == 0 && va < ct_user_end() && bytes <= ct_user_end() - va;
}

/* Marks (and fills) bytes from the position on, and unlocks. */
static enum ct_status mark_and_unlock(struct ct_cursor *c, uint64_t bytes, ct_word_t word, unsigned flags)
{
    uint64_t va = c->at;
    enum ct_status st = cursor_mark(c, bytes, word);
    if (st == CT_OK && (flags & CT_POPULATE)) {
        cursor_jump(c, (vaddr_t){va});
        (void)!cursor_populate(c, bytes); /* as far as there is memory; the rest faults, as in Linux */
    }
    cursor_unlock(c);
    return st;
}

/* Replaces what is there, in a leaf table that may be locked already. */
static enum ct_status map_there(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes, ct_word_t word,
                                unsigned flags, paddr_t locked)
{
    struct ct_cursor c;
    enum ct_status st = ct_cursor_continue(w, s, low, low + bytes, locked, &c);
    return st == CT_OK ? mark_and_unlock(&c, bytes, word, flags) : st;
}

/* Moves the position to the first bytes in a row of the locked range that are free; false: there are none, and the
 * position is where the free part at the end of the range begins (or past what is there). Looks at extents, not pages.
 * */
static bool find_gap(struct ct_cursor *c, uint64_t bytes)
{
    uint64_t gap = c->at;
    while (c->at < c->high && c->at - gap < bytes) {
        struct ct_page page;
        ct_cursor_look(c, &page);
        c->at += page.bytes;
        if (page.kind != CT_NONE)
            gap = c->at;
    }
    bool found = c->at - gap >= bytes && c->high - gap >= bytes && gap < c->high;
    c->at = gap;
    return found;
}

/* A range to map in: somewhere in low .. high - 1. */
struct place {
    uint64_t low, high;
    uint64_t at; /* CT_OK: there. CT_EXISTS: no use to look below */
};

static enum ct_status map_if_free(struct ct_worker *w, struct ct_space *s, struct place *place, uint64_t bytes,
                                  ct_word_t word, unsigned flags)
{
    struct ct_cursor c;
    paddr_t locked = {0};
    if (leaf_holds(place->low, bytes) && place->high - place->low == bytes && !(flags & CT_POPULATE) &&
        ct_likely(!ct_worker_rides(w))) {
        struct leaf leaf = leaf_try_lock(w, s, place->low, bytes, ct_config.protocol);
        if (leaf_enter(w, s, &leaf) && leaf_is_free(&leaf) && leaf_mark(&leaf, word.v)) {
            place->at = place->low;
            share_count(ct_share_of(s, w), MM_TRANSACTIONS, 1);
            return leaf_unlock(w, &leaf, ct_config.protocol);
        }
        locked = leaf.table;
    }
    enum ct_status st = ct_cursor_continue(w, s, place->low, place->high, locked, &c);
    if (st != CT_OK)
        return st;
    bool found = find_gap(&c, bytes);
    place->at = c.at;
    if (found)
        return mark_and_unlock(&c, bytes, word, flags);
    cursor_unlock(&c);
    return CT_EXISTS;
}

/* Where a candidate is taken, all of its leaf table's range is looked through at once. */
static uint64_t search_window(const struct ct_search *search, uint64_t va, bool collided)
{
    uint64_t end = va + search->bytes, table_end = (va | (CT_LEAF_BYTES - 1)) + 1;
    if (!collided || search->phase == CT_SEARCH_FREED || table_end <= end)
        return end;
    return table_end < search->end ? table_end : search->end;
}

static enum ct_status map_anywhere(struct ct_worker *w, struct ct_space *s, uint64_t bytes, ct_word_t word,
                                   unsigned flags, vaddr_t *out)
{
    struct ct_search search;
    struct place place;
    bool collided = false;
    ct_range_search(w, s, bytes, &search);
    while (ct_range_next(&search, &place.low)) {
        place.high = search_window(&search, place.low, collided);
        enum ct_status st = map_if_free(w, s, &place, bytes, word, flags);
        if (st == CT_OK) {
            ct_range_taken(&search, place.at);
            out->v = place.at;
        } else if (st != CT_EXISTS) {
            ct_range_untaken(&search, place.low);
        }
        if (st != CT_EXISTS)
            return st;
        collided = search.phase != CT_SEARCH_FREED;
        ct_range_skip(&search, place.at);
    }
    return CT_NO_ROOM;
}

static ct_cold enum ct_status map_generally(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes,
                                            ct_word_t word, unsigned flags, vaddr_t *out, paddr_t locked)
{
    if (!round_bytes(&bytes))
        return CT_RANGE;
    *out = hint;
    if (flags & (CT_FIXED | CT_NO_REPLACE)) {
        if (!range_is_users(hint.v, bytes))
            return CT_RANGE;
        struct place fixed = {hint.v, hint.v + bytes, 0};
        return (flags & CT_NO_REPLACE) ? map_if_free(w, s, &fixed, bytes, word, flags)
                                       : map_there(w, s, hint.v, bytes, word, flags, locked);
    }
    hint.v &= ~(TN_PAGE_BYTES - 1);
    if (hint.v && range_is_users(hint.v, bytes)) {
        struct place wished = {hint.v, hint.v + bytes, 0};
        *out = hint;
        enum ct_status st = map_if_free(w, s, &wished, bytes, word, flags);
        if (st != CT_EXISTS)
            return st;
    }
    return map_anywhere(w, s, bytes, word, flags, out);
}

ct_inline enum ct_status map_by(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes, ct_word_t word,
                                unsigned flags, vaddr_t *out, enum ct_protocol protocol)
{
    paddr_t locked = {0};
    bool fixed = (flags & (CT_FIXED | CT_NO_REPLACE | CT_POPULATE)) == CT_FIXED;
    if (ct_likely(fixed && leaf_holds(hint.v, bytes) && !ct_worker_rides(w))) {
        struct ct_share *share = ct_share_of(s, w);
        struct leaf leaf = leaf_try_lock(w, s, hint.v, bytes, protocol);
        if (leaf_enter(w, s, &leaf) && leaf_mark(&leaf, word.v)) {
            *out = hint;
            share_count(share, MM_TRANSACTIONS, 1);
            return leaf_unlock(w, &leaf, protocol);
        }
        locked = leaf.table;
    }
    return map_generally(w, s, hint, bytes, word, flags, out, locked);
}

static ct_cold enum ct_status map_by_rw(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes,
                                        ct_word_t word, unsigned flags, vaddr_t *out)
{
    return map_by(w, s, hint, bytes, word, flags, out, CT_PROTOCOL_RW);
}

enum ct_status ct_map(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes, ct_word_t word,
                      unsigned flags, vaddr_t *out)
{
    if (ct_config.protocol == CT_PROTOCOL_RW)
        return map_by_rw(w, s, hint, bytes, word, flags, out);
    return map_by(w, s, hint, bytes, word, flags, out, CT_PROTOCOL_ADV);
}

/* The end of an unmap that does not continue the one before. */
static ct_cold enum ct_status freed_elsewhere(struct ct_worker *w, struct ct_space *s, uint64_t va, uint64_t bytes,
                                              uint64_t generation, paddr_t locked)
{
    cover_unlock(w, locked);
    ct_range_freed(w, s, va, bytes, generation);
    return CT_OK;
}

static ct_cold enum ct_status unmap_generally(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                              paddr_t locked)
{
    struct ct_cursor c;
    enum ct_status st = ct_cursor_continue(w, s, low, low + bytes, locked, &c);
    if (st != CT_OK)
        return st;
    st = cursor_unmap(&c, bytes);
    uint64_t generation = c.cleared && ct_config.flush == CT_FLUSH_LAZY ? c.generation : 0;
    cursor_unlock(&c);
    if (st == CT_OK)
        ct_range_freed(w, s, low, bytes, generation);
    return st;
}

/* Pages of a locked leaf table of which one is mapped. */
static ct_cold enum ct_status unmap_mapped(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                           unsigned flags, paddr_t table)
{
    struct ct_share *share = ct_share_of(s, w);
    struct leaf leaf = leaf_part(table, low, bytes);
    if (!(flags & CT_RIDE) || !leaf_unmap(w, s, share, &leaf, CT_NONE))
        return unmap_generally(w, s, low, bytes, table);
    uint64_t generation = atomic_load_relaxed(&s->started);
    share_count(share, MM_TRANSACTIONS, 1);
    if (ct_unlikely(!range_continues(share, w, low, bytes, generation)))
        return freed_elsewhere(w, s, low, bytes, generation, table);
    return leaf_unlock(w, &leaf, ct_config.protocol);
}

ct_inline enum ct_status unmap_by(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes, unsigned flags,
                                  enum ct_protocol protocol)
{
    paddr_t locked = {0};
    if (ct_likely(leaf_holds(low, bytes) && !ct_worker_rides(w))) {
        struct leaf leaf = leaf_try_lock(w, s, low, bytes, protocol);
        if (leaf_enter(w, s, &leaf)) {
            if (!leaf_mark(&leaf, CT_NONE))
                return unmap_mapped(w, s, low, bytes, flags, leaf.table);
            struct ct_share *share = ct_share_of(s, w);
            share_count(share, MM_TRANSACTIONS, 1);
            if (ct_unlikely(!range_continues(share, w, low, bytes, 0)))
                return freed_elsewhere(w, s, low, bytes, 0, leaf.table);
            return leaf_unlock(w, &leaf, protocol);
        }
        locked = leaf.table;
    } else if (!round_bytes(&bytes) || !range_is_users(low, bytes)) {
        return CT_RANGE;
    }
    return unmap_generally(w, s, low, bytes, locked);
}

static ct_cold enum ct_status unmap_by_rw(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                          unsigned flags)
{
    return unmap_by(w, s, low, bytes, flags, CT_PROTOCOL_RW);
}

enum ct_status ct_unmap(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes, unsigned flags)
{
    if (ct_config.protocol == CT_PROTOCOL_RW)
        return unmap_by_rw(w, s, va.v, bytes, flags);
    return unmap_by(w, s, va.v, bytes, flags, CT_PROTOCOL_ADV);
}

enum ct_status ct_protect_generally(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                    unsigned rights, paddr_t locked)
{
    struct ct_cursor c;
    enum ct_status st = ct_cursor_continue(w, s, low, low + bytes, locked, &c);
    if (st != CT_OK)
        return st;
    st = cursor_protect(&c, bytes, rights);
    cursor_unlock(&c);
    return st;
}

ct_inline enum ct_status protect_by(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                    unsigned rights, unsigned flags, enum ct_protocol protocol)
{
    paddr_t locked = {0};
    if (ct_likely(leaf_holds(low, bytes) && rights && (flags & CT_RIDE) && !ct_worker_rides(w))) {
        struct leaf leaf = leaf_try_lock(w, s, low, bytes, protocol);
        if (leaf_enter(w, s, &leaf) && leaf_entry_is_own(atomic_load_relaxed(leaf.entry))) {
            uint64_t pte = atomic_load_relaxed(leaf.entry);
            return leaf.count > 1 ? ct_leaf_protect_many(w, s, low, bytes, rights, leaf.table)
                                  : leaf_protect_run(w, s, ct_share_of(s, w), low, &leaf, pte, rights, protocol);
        }
        locked = leaf.table;
    } else {
        if (bytes == 0)
            return (low & (TN_PAGE_BYTES - 1)) ? CT_RANGE : CT_OK;
        if (!round_bytes(&bytes) || !range_is_users(low, bytes))
            return CT_RANGE;
    }
    return ct_protect_generally(w, s, low, bytes, rights, locked);
}

static ct_cold enum ct_status protect_by_rw(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                            unsigned rights, unsigned flags)
{
    return protect_by(w, s, low, bytes, rights, flags, CT_PROTOCOL_RW);
}

enum ct_status ct_protect(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes, unsigned rights,
                          unsigned flags)
{
    if (ct_config.protocol == CT_PROTOCOL_RW)
        return protect_by_rw(w, s, va.v, bytes, rights, flags);
    return protect_by(w, s, va.v, bytes, rights, flags, CT_PROTOCOL_ADV);
}
