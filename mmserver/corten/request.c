/* Map, unmap, protect as whole requests: check what a client said, one transaction, keep the range hints. See
 * request.h. */
#include <corten/cursor_in.h>
#include <corten/flush.h>
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
    enum ct_status st = cursor_lock(w, s, (vaddr_t){place->low}, (vaddr_t){place->high}, &c);
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

enum ct_status ct_map(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes, ct_word_t word,
                      unsigned flags, vaddr_t *out)
{
    if (!round_bytes(&bytes))
        return CT_RANGE;
    if (flags & (CT_FIXED | CT_NO_REPLACE)) {
        if (!range_is_users(hint.v, bytes))
            return CT_RANGE;
        struct place fixed = {hint.v, hint.v + bytes, 0};
        *out = hint;
        if (flags & CT_NO_REPLACE)
            return map_if_free(w, s, &fixed, bytes, word, flags);
        struct ct_cursor c;
        enum ct_status st = cursor_lock(w, s, hint, (vaddr_t){hint.v + bytes}, &c);
        return st == CT_OK ? mark_and_unlock(&c, bytes, word, flags) : st;
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

enum ct_status ct_unmap(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes)
{
    if (!round_bytes(&bytes) || !range_is_users(va.v, bytes))
        return CT_RANGE;
    struct ct_cursor c;
    enum ct_status st = cursor_lock(w, s, va, (vaddr_t){va.v + bytes}, &c);
    if (st != CT_OK)
        return st;
    st = cursor_unmap(&c, bytes);
    uint64_t generation = c.cleared && ct_config.flush == CT_FLUSH_LAZY ? c.generation : 0;
    cursor_unlock(&c);
    if (st == CT_OK)
        ct_range_freed(w, s, va.v, bytes, generation);
    return st;
}

enum ct_status ct_protect(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes, unsigned rights)
{
    if (bytes == 0)
        return (va.v & (TN_PAGE_BYTES - 1)) ? CT_RANGE : CT_OK;
    if (!round_bytes(&bytes) || !range_is_users(va.v, bytes))
        return CT_RANGE;
    struct ct_cursor c;
    enum ct_status st = cursor_lock(w, s, va, (vaddr_t){va.v + bytes}, &c);
    if (st != CT_OK)
        return st;
    st = cursor_protect(&c, bytes, rights);
    cursor_unlock(&c);
    return st;
}
