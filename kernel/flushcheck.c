/* The account of pages and addresses whose translations were taken back. See flushcheck.h for the rules, flushlog.h for what
 * the harts may still hold.
 *
 * One record a page of RAM. A table's record says where the table hangs: the space and the address of its first entry, as
 * long as that is one place; that is how an entry leads to the address it translates. Records have locks of their own, one a
 * group of pages, outside the order of spinlock.h; only one is held at a time and nothing is taken inside.
 */
#include "flushcheck.h"

#if TENON_DEBUG
#include "bootmem.h"
#include "flushlog.h"
#include "flushsite.h"
#include "invariants.h"
#include "memory.h"
#include "panic.h"
#include "platform.h"
#include "tcb.h"
#include "vspace.h"
#include <string.h>

enum place {
    NOWHERE = 0, /* never linked below a root: no hart can walk it */
    ONE_PLACE,
    MANY_PLACES,
};

struct record {
    struct stale stale;  /* the last translation to the page, or way to the table, that was taken back */
    uint64_t table_va;   /* a table in ONE_PLACE: address of its first entry */
    uint32_t refs;       /* entries that lead here; for frames those of other spaces than the writer's own */
    uint16_t table_asid; /* a table in ONE_PLACE */
    uint8_t place;       /* enum place, of a table */
    bool stale_writes;   /* the translation taken back could write */
    bool stale_own;      /* it was in the writer's own space */
};

/* The frame that an address showed last, until it is flushed; a hash table that forgets. */
struct shown {
    uint64_t page; /* of the address */
    paddr_t frame;
    struct stale stale;
};

/* Rights that this hart's threads took away and have to flush before they answer. */
#define WEAK_MAX 4
struct weak {
    uint64_t low, high, when;
    uint16_t asid;
    bool used;
};
struct weak_list {
    struct weak item[WEAK_MAX];
    uint32_t next;
};

#define PTE_SOFT (3ull << TN_PTE_SOFT_SHIFT)
#define LOCKS 64
#define SHOWN 16384

static struct record *records;
static paddr_t first_page;
static uint64_t page_count;
static uint32_t locks[LOCKS];
static struct shown *shown;
static struct weak_list *weak;
static bool server_rules;

void flushcheck_init(paddr_t ram_base, uint64_t ram_pages)
{
    size_t length = 0;
    const char *rules = platform_bootarg("flush-rules", &length);
    server_rules = rules && length == 6 && memcmp(rules, "server", 6) == 0;
    first_page = ram_base;
    page_count = ram_pages;
    records = bootmem_alloc(ram_pages * sizeof(struct record), CACHE_LINE);
    shown = bootmem_alloc(SHOWN * sizeof(struct shown), CACHE_LINE);
    weak = bootmem_alloc(platform.hart_count * sizeof(struct weak_list), CACHE_LINE);
    flushlog_init();
    flush_site_init();
}

static struct record *record_open(paddr_t p)
{
    uint64_t page = (p.v - first_page.v) >> TN_PAGE_BITS;
    if (p.v < first_page.v || page >= page_count)
        return NULL;
    while (exchange_acquire(&locks[page % LOCKS], 1) != 0) /* pairs with: record_close */
        cpu_relax();
    return &records[page];
}

static void record_close(struct record *r)
{
    store_release(&locks[(uint64_t)(r - records) % LOCKS], 0); /* pairs with: record_open */
}

static bool is_pending(const struct stale *s)
{
    return s->when != 0 && flushlog_holder(s) >= 0;
}

static __attribute__((noreturn)) void found(const char *what, paddr_t page, const struct stale *s)
{
    panic("flush account: %s: page 0x%lx, but hart %d may still have asid %u address 0x%lx to it (taken back at %lu)",
          what, page.v, flushlog_holder(s), s->asid, s->va, s->when);
}

/* Where an entry is, and whether it is in the writer's own space. */
struct where {
    uint8_t place, level;
    bool own;
    uint16_t asid;
    uint64_t va;
};

static uint64_t current_asid(void)
{
    const struct tcb *t = hart_self() ? hart_self()->current : NULL;
    return t ? load_relaxed(&t->vspace)->asid : 0;
}

static struct where where_is(const pte_t *entry)
{
    paddr_t at = virt_to_phys(entry), table = {at.v & -TN_PAGE_BYTES};
    struct where w = {.level = (uint8_t)(memory_type(table) - PAGE_TABLE)};
    struct record *r = record_open(table);
    w.place = r->place;
    w.asid = r->table_asid;
    w.va = r->table_va + ((at.v % TN_PAGE_BYTES / sizeof(pte_t)) << (TN_PAGE_BITS + 9 * w.level));
    record_close(r);
    w.own = w.place == ONE_PLACE && w.asid == current_asid();
    return w;
}

static struct stale stale_now(const struct where *w, uint64_t when, bool is_link)
{
    return (struct stale){
        .when = when, .va = w->va, .asid = w->asid, .many = w->place == MANY_PLACES, .is_link = is_link};
}

/* A new stale translation beside one that is pending elsewhere: only a flush of everything is sure to end both. */
static void record_stale(struct record *r, struct stale s)
{
    if (is_pending(&r->stale) && (r->stale.asid != s.asid || r->stale.va != s.va || r->stale.is_link != s.is_link))
        s.many = true;
    r->stale = s;
}

/* ---- leaves ---- */

static struct shown *shown_at(uint64_t asid, uint64_t va)
{
    return &shown[((asid << 40 ^ va >> TN_PAGE_BITS) * 0x9e3779b97f4a7c15ull) >> 50];
}

static void leaf_gone(const struct where *w, pte_t old, uint64_t when)
{
    uint64_t pages = pt_level_pages(w->level);
    paddr_t page = {tn_pte_paddr(old)};
    for (uint64_t i = 0; i < pages; i++, page.v += TN_PAGE_BYTES) {
        struct record *r = record_open(page);
        if (!r)
            return; /* a device */
        struct where here = *w;
        here.va += i * TN_PAGE_BYTES;
        if (!w->own && r->refs > 0)
            r->refs--;
        if (w->place != NOWHERE) {
            record_stale(r, stale_now(&here, when, w->level > 0));
            r->stale_writes = old & TN_PTE_W;
            r->stale_own = w->own;
        }
        record_close(r);
    }
    if (w->place == ONE_PLACE && w->level == 0)
        *shown_at(w->asid, w->va) =
            (struct shown){w->va >> TN_PAGE_BITS, {tn_pte_paddr(old)}, stale_now(w, when, false)};
}

static void check_shown(const struct where *w, pte_t value)
{
    struct shown s = *shown_at(w->asid, w->va);
    if (s.page == w->va >> TN_PAGE_BITS && s.stale.asid == w->asid && s.frame.v != tn_pte_paddr(value) &&
        is_pending(&s.stale))
        found("an address gets another frame", s.frame, &s.stale);
}

static void leaf_new(const struct where *w, pte_t value)
{
    uint64_t pages = pt_level_pages(w->level);
    paddr_t page = {tn_pte_paddr(value)};
    bool judged = server_rules && w->place == ONE_PLACE && !w->own;
    if (judged && w->level == 0)
        check_shown(w, value);
    for (uint64_t i = 0; i < pages; i++, page.v += TN_PAGE_BYTES) {
        struct record *r = record_open(page);
        if (!r)
            return;
        struct record was = *r;
        if (!w->own)
            r->refs++;
        record_close(r);
        bool lent = (value & PTE_SOFT) != 0;
        bool same = was.stale.asid == w->asid && (lent || was.stale.va == w->va + i * TN_PAGE_BYTES);
        if (judged && memory_type(page) == PAGE_FRAME && was.refs == 0 && !same && !was.stale.many && !was.stale_own &&
            (was.stale_writes || (value & TN_PTE_W)) && is_pending(&was.stale))
            found("a frame is mapped again", page, &was.stale);
    }
}

/* ---- tables ---- */

static void table_placed(paddr_t table, struct where w);

/* The tables below hang where their parent does. A table that is already known to hang there, or in many places, ends it. */
static void place_children(paddr_t table, const struct where *w)
{
    const pte_t *entries = phys_to_virt(table);
    uint32_t end = w->level == mmu_levels - 1 ? ROOT_KERNEL_FIRST : TN_PT_ENTRIES;
    for (uint32_t i = 0; i < end && w->level > 0; i++) {
        pte_t pte = load_relaxed(&entries[i]);
        if (!tn_pte_is_link(pte))
            continue;
        struct where child = *w;
        child.level--;
        child.va += (uint64_t)i << (TN_PAGE_BITS + 9 * w->level);
        table_placed((paddr_t){tn_pte_paddr(pte)}, child);
    }
}

/* The table hangs at `w` from now on (w.va: of its first entry, w.level: its own). */
static void table_placed(paddr_t table, struct where w)
{
    struct record *r = record_open(table);
    if (!r || w.place == NOWHERE) {
        if (r)
            record_close(r);
        return;
    }
    bool alone = r->refs <= 1 && !is_pending(&r->stale);
    bool same = r->place == w.place && (w.place == MANY_PLACES || (r->table_asid == w.asid && r->table_va == w.va));
    if (r->place != NOWHERE && !same && !alone)
        w.place = MANY_PLACES;
    bool changed = r->place != w.place || !same;
    r->place = w.place;
    r->table_asid = w.asid;
    r->table_va = w.va;
    record_close(r);
    if (changed)
        place_children(table, &w);
}

static void link_gone(const struct where *w, pte_t old, uint64_t when)
{
    struct record *r = record_open((paddr_t){tn_pte_paddr(old)});
    if (!r)
        return;
    if (r->refs > 0)
        r->refs--;
    if (w->place != NOWHERE) {
        record_stale(r, stale_now(w, when, true));
        r->stale_own = w->own;
    }
    record_close(r);
}

static void link_new(const struct where *w, pte_t value)
{
    paddr_t table = {tn_pte_paddr(value)};
    struct record *r = record_open(table);
    if (!r)
        return;
    struct record was = *r;
    r->refs++;
    record_close(r);
    bool same = was.stale.asid == w->asid && was.stale.va == w->va;
    if (server_rules && was.refs == 0 && !same && !was.stale.many && !was.stale_own && is_pending(&was.stale))
        found("a table is linked again", table, &was.stale);
    struct where child = *w;
    child.level--;
    table_placed(table, child);
}

/* A table that hangs nowhere any more, and may still be walked, is filled. */
static void check_filled(const pte_t *entry)
{
    paddr_t table = {virt_to_phys(entry).v & -TN_PAGE_BYTES};
    struct record *r = record_open(table);
    struct record was = *r;
    record_close(r);
    if (was.refs == 0 && !was.stale.many && !was.stale_own && is_pending(&was.stale))
        found("a table that was unlinked is filled", table, &was.stale);
}

void flushcheck_root(paddr_t table, uint64_t asid)
{
    struct record *r = record_open(table);
    r->refs++;
    record_close(r);
    table_placed(table, (struct where){.place = asid ? ONE_PLACE : MANY_PLACES,
                                       .level = (uint8_t)(mmu_levels - 1),
                                       .asid = (uint16_t)asid});
}

/* ---- lost rights ---- */

static void weak_add(const struct where *w, uint64_t when)
{
    struct weak_list *list = &weak[hart_self()->index];
    uint64_t end = w->va + (pt_level_pages(w->level) << TN_PAGE_BITS);
    for (uint32_t i = 0; i < WEAK_MAX; i++) {
        struct weak *k = &list->item[i];
        if (!k->used || k->asid != w->asid)
            continue;
        k->low = w->va < k->low ? w->va : k->low;
        k->high = end > k->high ? end : k->high;
        k->when = when;
        return;
    }
    list->item[list->next++ % WEAK_MAX] = (struct weak){w->va, end, when, w->asid, true};
}

void flushcheck_reply(const struct tcb *caller)
{
    struct weak_list *list = &weak[hart_self()->index];
    uint64_t asid = load_relaxed(&caller->vspace)->asid;
    for (uint32_t i = 0; i < WEAK_MAX && server_rules; i++) {
        struct weak *k = &list->item[i];
        if (!k->used || k->asid != asid)
            continue;
        uint64_t pages = (k->high - k->low) >> TN_PAGE_BITS;
        bool whole = pages > FLUSH_PAGES_MAX;
        for (uint64_t page = 0; page < (whole ? 1 : pages); page++) {
            struct stale s = {.when = k->when, .va = k->low + page * TN_PAGE_BYTES, .asid = k->asid, .is_link = whole};
            if (is_pending(&s))
                found("an answer after rights were lost", (paddr_t){0}, &s);
        }
        k->used = false;
    }
}

/* ---- events ---- */

void flushcheck_entry(const pte_t *entry, pte_t old, pte_t value, bool wanted)
{
    invariants_entry(entry, old, value);
    uint64_t when = flushlog_tick();
    bool old_leaf = tn_pte_is_leaf(old), new_leaf = tn_pte_is_leaf(value);
    bool same_page = ((old ^ value) & TN_PTE_PPN_MASK) == 0;
    if (!((old | value) & TN_PTE_V))
        return;
    struct where w = where_is(entry);
    bool lost = old_leaf && new_leaf && same_page && (old & ~value & TN_PTE_RWX) != 0;
    if (lost || (old_leaf && value == 0 && !wanted))
        if (w.place == ONE_PLACE && !w.own)
            weak_add(&w, when);
    if (old_leaf && !(new_leaf && same_page))
        leaf_gone(&w, old, when);
    if (tn_pte_is_link(old) && old != value)
        link_gone(&w, old, when);
    if (new_leaf && !(old_leaf && same_page)) {
        if (server_rules && !w.own && w.place == ONE_PLACE)
            check_filled(entry);
        leaf_new(&w, value);
    }
    if (tn_pte_is_link(value) && old != value)
        link_new(&w, value);
}

void flushcheck_gone(paddr_t base, uint64_t bytes, uint64_t cleared)
{
    for (uint64_t at = 0; at < bytes; at += TN_PAGE_BYTES) {
        paddr_t page = {base.v + at};
        struct record *r = record_open(page);
        if (!r)
            continue;
        struct stale s = r->stale;
        record_close(r);
        if (s.when <= cleared && is_pending(&s))
            found("memory that was taken back is used again", page, &s);
    }
}

void flushcheck_retyped(paddr_t base, uint64_t bytes)
{
    flushcheck_gone(base, bytes, ~0ull); /* nobody can map it now */
    for (uint64_t at = 0; at < bytes; at += TN_PAGE_BYTES) {
        struct record *r = record_open((paddr_t){base.v + at});
        if (!r)
            continue;
        *r = (struct record){0};
        record_close(r);
    }
}

void flushcheck_asid(uint64_t asid)
{
    int holder = flushlog_asid_holder(asid);
    if (holder >= 0)
        panic("flush account: asid %lu gets a new space, but hart %d may still have translations of the old one", asid,
              holder);
}
#endif
