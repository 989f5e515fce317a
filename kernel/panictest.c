/* Failing on purpose. See panictest.h. Debug builds only; called from invariants.c, before it checks anything.
 *
 * An invariant is broken by one store past all checks, as a wrong kernel would, in what the current thread can reach; or by
 * one of the kernel's own functions, which must notice.
 */
#include "panictest.h"

#if TENON_DEBUG
#include "cap.h"
#include "memory.h"
#include "panic.h"
#include "platform.h"
#include "pt.h"
#include "ptwrite.h"
#include "tcb.h"
#include "vspace.h"
#include <string.h>

/* Entries of the hart that fails: then the others have had something to do as well. Invariants are broken later, in a thread with
 * few slots, so that they are looked at often. */
#define ENTRIES_BEFORE 200
#define ENTRIES_BEFORE_BREAKING 3000
#define SLOTS_LOG2_MAX 6

static void (*todo)(struct hart *h);
static bool breaks;
static uint32_t entries;

/* ---- what there is to break ---- */

/* The first table of the level in the current thread's space. */
static pte_t *table_of_level(const struct hart *h, uint32_t level)
{
    pte_t *table = phys_to_virt(h->current->vspace->root);
    for (uint32_t at = mmu_levels - 1; at > level; at--) {
        uint32_t i = 0;
        while (!tn_pte_is_link(table[i]))
            i++;
        table = phys_to_virt((paddr_t){tn_pte_paddr(table[i])});
    }
    return table;
}

static pte_t *empty_entry(const struct hart *h, uint32_t level)
{
    pte_t *entry = table_of_level(h, level);
    while (*entry != 0)
        entry++;
    return entry;
}

static struct slot *empty_slot(const struct hart *h)
{
    struct slot *s = (struct slot *)(h->current->root & ~31ull) + 1;
    while (s->w0 != 0)
        s++;
    return s;
}

static paddr_t page_of_type(enum page_type type)
{
    uint64_t n = 0;
    while (memory_type(memory_page(n)) != type)
        n++;
    return memory_page(n);
}

static paddr_t page_of(const void *object)
{
    return (paddr_t){virt_to_phys(object).v & -TN_PAGE_BYTES};
}

/* A page that an entry of that table leads to. */
static paddr_t mapped_page(const struct hart *h)
{
    const pte_t *entry = table_of_level(h, 0);
    while (!tn_pte_is_leaf(*entry))
        entry++;
    return (paddr_t){tn_pte_paddr(*entry)};
}

/* ---- breaking ---- */

static void fail_assertion(struct hart *h)
{
    (void)h;
    kassert(entries < ENTRIES_BEFORE);
}
static void fail_trap(struct hart *h)
{
    (void)h;
    *(volatile uint64_t *)(DIRECT_MAP_BYTES / 2) = 1; /* a user address without a page */
}
static void table_writable(struct hart *h)
{
    *empty_entry(h, 0) = pt_leaf(page_of(table_of_level(h, 1)), TN_READ | TN_WRITE, 0);
}
static void object_writable(struct hart *h)
{
    *empty_entry(h, 0) = pt_leaf(page_of(h->current), TN_READ | TN_WRITE, 0);
}
static void kernel_mapped(struct hart *h)
{
    *empty_entry(h, 0) = pt_leaf(page_of(h), TN_READ, 0);
}
static void untyped_mapped(struct hart *h)
{
    *empty_entry(h, 0) = pt_leaf(page_of_type(PAGE_UNTYPED), TN_READ, 0);
}
static void link_to_own_level(struct hart *h)
{
    *empty_entry(h, 1) = pt_link(page_of(table_of_level(h, 1)));
}
static void link_to_frame(struct hart *h)
{
    *empty_entry(h, 1) = pt_link(mapped_page(h));
}
static void entry_written(struct hart *h)
{
    (void)ptwrite_exchange(empty_entry(h, 0), pt_leaf(page_of(h->current), TN_READ | TN_WRITE, 0), true);
}
static void type_of_mapped(struct hart *h)
{
    memory_set_type(mapped_page(h), TN_PAGE_BYTES, PAGE_OBJECT);
}
static void type_of_object(struct hart *h)
{
    memory_set_type(page_of(h->current), TN_PAGE_BYTES, PAGE_FRAME);
}
static void slot_written(struct hart *h)
{
    slot_write(empty_slot(h), cap_make(TN_FRAME, phys_to_virt(page_of(h->current)), TN_READ, TN_PAGE_BITS));
}
static void slot_changed(struct hart *h)
{
    struct slot *s = empty_slot(h);
    s->w1 = TN_PAGE_BITS;
    s->w0 = cap_make(TN_FRAME, table_of_level(h, 0), TN_READ, 0).w0;
}
static void lock_order(struct hart *h)
{
    (void)h;
    lockdep_acquire(RANK_TIMER);
    lockdep_acquire(RANK_ENDPOINT);
}
static void lock_kept(struct hart *h)
{
    (void)h;
    lockdep_acquire(RANK_CONSOLE);
}
static void thread_not_ready(struct hart *h)
{
    h->current->state = THREAD_BLOCKED_NTFN;
}

static const struct {
    const char *name;
    void (*todo)(struct hart *h);
} kinds[] = {
    {"assert", fail_assertion},
    {"trap", fail_trap},
    {"table-writable", table_writable},
    {"object-writable", object_writable},
    {"kernel-mapped", kernel_mapped},
    {"untyped-mapped", untyped_mapped},
    {"link-to-own-level", link_to_own_level},
    {"link-to-frame", link_to_frame},
    {"entry-written", entry_written},
    {"type-of-mapped", type_of_mapped},
    {"type-of-object", type_of_object},
    {"slot-written", slot_written},
    {"slot-changed", slot_changed},
    {"lock-order", lock_order},
    {"lock-kept", lock_kept},
    {"thread-not-ready", thread_not_ready},
};

void panictest_init(void)
{
    size_t length = 0;
    const char *name = platform_bootarg("panic-test", &length);
    for (uint32_t i = 0; name && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strlen(kinds[i].name) == length && memcmp(name, kinds[i].name, length) == 0)
            todo = kinds[i].todo;
    breaks = todo != fail_assertion && todo != fail_trap;
}

void panictest_check(struct hart *h)
{
    if (likely(todo == NULL) || h->index != hart_count - 1 ||
        ++entries < (breaks ? ENTRIES_BEFORE_BREAKING : ENTRIES_BEFORE))
        return;
    if (breaks && (!h->current || h->current->root == 0 || (h->current->root & 31) > SLOTS_LOG2_MAX))
        return;
    void (*now)(struct hart * h) = todo;
    todo = NULL;
    now(h);
}
#endif
