/* Account of cached translations. See corten_tlb.h.
 *
 * `now` numbers events. An entry's change is numbered after the exchange, a flush before it starts, so a change that
 * has a number below that of a flush which is over was flushed.
 */
#include "corten_tlb.h"
#include "corten_port.h"
#include <stdio.h>
#include <string.h>

#define PAGES (1u << 17) /* pages (of all spaces) that a test may touch: slots of a hash table */
#define SPACES 8
#define FRAMES ((PHYS_FRAMES_BYTES + PHYS_TABLES_BYTES) >> 12)

struct page {
    uint64_t key;     /* space << 56 | address */
    uint64_t gone;    /* when its entry was last cleared, 0: never */
    uint64_t weaker;  /* when it last lost rights */
    uint64_t flushed; /* by a flush of addresses */
};

struct frame {
    uint64_t gone; /* when an entry to it was last cleared */
    uint64_t key;  /* page it was at */
};

struct table {
    uint64_t base;  /* address of entry 0 */
    uint64_t space; /* 0: none */
    uint64_t level;
    uint64_t gone; /* when it was unlinked */
};

static struct page pages[PAGES];
static struct frame frames[FRAMES];
static struct table tables[FRAMES];
static uint64_t flushed_all[SPACES];
static uint64_t now = 1;

#define load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

static uint64_t tick(void)
{
    return __atomic_fetch_add(&now, 1, __ATOMIC_RELAXED);
}

static void raise_to(uint64_t *p, uint64_t v)
{
    uint64_t old = load(p);
    while (old < v && !__atomic_compare_exchange_n(p, &old, v, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

void tlb_reset(void)
{
    memset(pages, 0, sizeof pages);
    memset(frames, 0, sizeof frames);
    memset(tables, 0, sizeof tables);
    memset(flushed_all, 0, sizeof flushed_all);
}

static uint64_t number(uint64_t paddr)
{
    return (paddr - PHYS_BASE) >> 12;
}

static struct page *page_of(uint64_t key)
{
    uint64_t hash = (key >> 12) * 0x9e3779b97f4a7c15ull;
    for (uint64_t i = hash >> 40, probes = 0; probes < PAGES; i++, probes++) {
        struct page *p = &pages[i % PAGES];
        uint64_t there = load(&p->key);
        if (there == 0 && __atomic_compare_exchange_n(&p->key, &there, key, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return p;
        if (there == key)
            return p;
    }
    port_fail("test touches too many pages", key, PAGES);
}

static uint64_t key_of(uint64_t table, unsigned index)
{
    struct table *t = &tables[number(table)];
    uint64_t space = load(&t->space);
    CHECK(space != 0, table, index); /* entries of a table that is in no space */
    return space << 56 | (load(&t->base) + ((uint64_t)index << (12 + 9 * load(&t->level))));
}

static int is_cached(uint64_t event, uint64_t key)
{
    return event > load(&flushed_all[key >> 56]) && event > load(&page_of(key)->flushed);
}

void tlb_root(uint64_t table, uint64_t space, unsigned level)
{
    struct table *t = &tables[number(table)];
    store(&t->base, 0);
    store(&t->space, space);
    store(&t->level, level);
}

void tlb_link(uint64_t parent, unsigned index, uint64_t child)
{
    struct table *p = &tables[number(parent)], *t = &tables[number(child)];
    tlb_table_reused(child);
    store(&t->level, load(&p->level) - 1);
    store(&t->base, load(&p->base) + ((uint64_t)index << (12 + 9 * load(&p->level))));
    store(&t->space, load(&p->space));
}

void tlb_leaf_gone(uint64_t table, unsigned index, uint64_t frame)
{
    uint64_t key = key_of(table, index), event = tick();
    raise_to(&page_of(key)->gone, event);
    store(&frames[number(frame)].key, key);
    raise_to(&frames[number(frame)].gone, event);
}

void tlb_leaf_weaker(uint64_t table, unsigned index)
{
    uint64_t key = key_of(table, index);
    raise_to(&page_of(key)->weaker, tick());
}

/* The region under a link has a key of its own: the address of its start, with the level of the link below the page
 * bits. */
static uint64_t region_key(uint64_t key, unsigned level)
{
    return (key & -(1ull << (12 + 9 * level))) | level;
}

void tlb_link_gone(uint64_t parent, unsigned index, uint64_t child)
{
    uint64_t event = tick();
    raise_to(&tables[number(child)].gone, event);
    raise_to(&page_of(region_key(key_of(parent, index), load(&tables[number(parent)].level)))->gone, event);
}

void tlb_leaf_new(uint64_t table, unsigned index, uint64_t frame)
{
    uint64_t key = key_of(table, index);
    CHECK(!is_cached(load(&page_of(key)->gone), key), key, frame); /* address mapped again before its flush */
    for (unsigned level = 1; level < CT_LEVELS_MAX - 1; level++) {
        uint64_t region = region_key(key, level);
        CHECK(load(&page_of(region)->gone) <= load(&flushed_all[key >> 56]), region,
              key); /* an old table may be walked */
    }
    tlb_frame_reused(frame);
}

void tlb_frame_reused(uint64_t frame)
{
    struct frame *f = &frames[number(frame)];
    uint64_t gone = load(&f->gone);
    CHECK(gone == 0 || !is_cached(gone, load(&f->key)), frame, load(&f->key)); /* frame used again before its flush */
}

void tlb_table_reused(uint64_t table)
{
    struct table *t = &tables[number(table)];
    uint64_t gone = load(&t->gone);
    CHECK(gone <= load(&flushed_all[load(&t->space)]), table, gone); /* table used again before its flush */
}

uint64_t tlb_flush_start(void)
{
    return tick();
}

void tlb_flush_end(uint64_t start, uint64_t space, uint64_t va, uint64_t pages_count)
{
    if (pages_count == 0)
        raise_to(&flushed_all[space], start);
    for (uint64_t i = 0; i < pages_count; i++)
        raise_to(&page_of(space << 56 | (va + (i << 12)))->flushed, start);
}

int tlb_is_stronger(uint64_t space, uint64_t va)
{
    uint64_t key = space << 56 | va;
    uint64_t weaker = load(&page_of(key)->weaker);
    return weaker && is_cached(weaker, key);
}
