/* Breaking invariants on purpose. See breakage.h. Debug builds only; called from invariants.c. */
#include "breakage.h"

#if TENON_DEBUG
#include "cdt.h"
#include "memory.h"
#include "panic.h"
#include "platform.h"
#include "pt.h"
#include "tcb.h"
#include "untyped.h"
#include <string.h>

#define ENTRIES_BEFORE 1000 /* of the last hart: then there is something of every kind */
#define PAGES_MAX (1u << 20)

/* The first page of RAM of a type. */
static paddr_t page_of(enum page_type type)
{
    for (uint64_t i = 0; i < PAGES_MAX; i++)
        if (memory_type(memory_page(i)) == type)
            return memory_page(i);
    panic("break: no page of type %d", type);
}

/* An empty entry, of a table of that level, that nobody uses: the last one that is a user's. */
static pte_t *free_entry(uint32_t level)
{
    for (uint64_t i = 0; i < PAGES_MAX; i++) {
        pte_t *table = phys_to_virt(memory_page(i));
        if (memory_type(memory_page(i)) == PAGE_TABLE + level && table[ROOT_KERNEL_FIRST - 1] == 0)
            return &table[ROOT_KERNEL_FIRST - 1];
    }
    panic("break: no table of level %u", level);
}

static void write_leaf(uint32_t level, paddr_t page, uint64_t rights, pte_t more)
{
    *free_entry(level) = pt_leaf(page, rights, 0) | more;
}

static void table_writable(void)
{
    write_leaf(0, page_of(PAGE_TABLE), TN_READ | TN_WRITE, 0);
}
static void object_readable(void)
{
    write_leaf(0, page_of(PAGE_OBJECT), TN_READ, 0);
}
static void untyped_readable(void)
{
    write_leaf(0, page_of(PAGE_UNTYPED), TN_READ, 0);
}
static void kernel_readable(void)
{
    write_leaf(0, virt_to_phys((void *)((uint64_t)page_of & -TN_PAGE_BYTES)), TN_READ, 0);
}

/* 2 MiB that begin with a frame, and are not all frames. */
static void large_leaf(void)
{
    for (uint64_t i = 0; i < PAGES_MAX; i++) {
        paddr_t first = memory_page(i), last = memory_page(i + TN_PT_ENTRIES - 1);
        if (pt_page_aligned(phys_to_pfn(first).v, 1) && memory_type(first) == PAGE_FRAME &&
            memory_type(last) != PAGE_FRAME) {
            write_leaf(1, first, TN_READ, 0);
            return;
        }
    }
    panic("break: no such 2 MiB");
}

static void global_leaf(void)
{
    write_leaf(0, page_of(PAGE_FRAME), TN_READ, TN_PTE_G);
}
static void reserved_bit(void)
{
    write_leaf(0, page_of(PAGE_FRAME), TN_READ, 1ull << 54);
}
static void write_only_leaf(void)
{
    write_leaf(0, page_of(PAGE_FRAME), TN_WRITE, 0);
}
static void invalid_entry(void)
{
    *free_entry(0) = pt_leaf(page_of(PAGE_FRAME), TN_READ, 0) & ~TN_PTE_V;
}
static void link_to_itself(void)
{
    pte_t *entry = free_entry(1);
    *entry = pt_link((paddr_t){virt_to_phys(entry).v & -TN_PAGE_BYTES});
}
static void link_to_frame(void)
{
    *free_entry(1) = pt_link(page_of(PAGE_FRAME));
}
static void kernel_half(void)
{
    pte_t *root = phys_to_virt(page_of(PAGE_TABLE + mmu_levels - 1));
    root[ROOT_LAST] ^= 2 * ROOT_TAKEN; /* the other software bit */
}

/* A page gets another type while an entry leads to it. */
static void mapped_page(void)
{
    for (uint64_t i = 0; i < PAGES_MAX; i++) {
        const pte_t *table = phys_to_virt(memory_page(i));
        for (uint32_t k = 0; memory_type(memory_page(i)) == PAGE_TABLE && k < TN_PT_ENTRIES; k++)
            if (memory_type((paddr_t){tn_pte_paddr(table[k])}) == PAGE_FRAME) {
                memory_set_type((paddr_t){tn_pte_paddr(table[k])}, TN_PAGE_BYTES, PAGE_OBJECT);
                return;
            }
    }
    panic("break: nothing is mapped");
}

static void lock_kept(void)
{
    lockdep_acquire(RANK_TIMER);
}
static void lock_order(void)
{
    lockdep_acquire(RANK_IRQ);
    lockdep_acquire(RANK_TIMER);
}
static void thread_waits(void)
{
    hart_self()->current->state = THREAD_WAKING;
}

static struct slot *list_first(void)
{
    struct slot *s = &hart_self()->current->slots[TCB_CSPACE];
    while (s->prev != 0)
        s = slot_from_ref(s->prev);
    return slot_from_ref(s->next);
}

/* The last capability of a type in the derivation list: one of the first program's, which live long. */
static struct slot *slot_of(enum tn_object type)
{
    struct slot *last = NULL;
    for (struct slot *s = list_first(); s; s = slot_from_ref(s->next))
        if (cap_type((struct cap){s->w0, s->w1}) == type)
            last = s;
    if (!last)
        panic("break: no capability of type %d", type);
    return last;
}

static void frame_too_large(void)
{
    slot_of(TN_FRAME)->w1 = 30;
}
static void table_level(void)
{
    slot_of(TN_PAGETABLE)->w1 = 0;
}
static void cap_type_changed(void)
{
    struct slot *s = slot_of(TN_FRAME);
    s->w0 = (s->w0 & ~(0xffull << 56)) | (uint64_t)TN_TCB << 56;
}
static void no_such_type(void)
{
    slot_of(TN_FRAME)->w0 |= 0x7full << 56;
}
static void frame_rights(void)
{
    slot_of(TN_FRAME)->w0 |= TN_RIGHTS_ALL;
}
/* A page gets another type while a capability names it. */
static void named_page(void)
{
    for (struct slot *s = list_first(); s; s = slot_from_ref(s->next))
        if (cap_type((struct cap){s->w0, 0}) == TN_ENDPOINT || cap_type((struct cap){s->w0, 0}) == TN_NOTIFICATION) {
            memory_set_type(cap_paddr((struct cap){s->w0 & -TN_PAGE_BYTES, 0}), TN_PAGE_BYTES, PAGE_FRAME);
            return;
        }
    panic("break: no such object");
}
/* An Untyped gets twice its size, and so reaches into what was cut out beside it, which stands before it in the list. */
static void overlap(void)
{
    for (struct slot *s = list_first(), *n; (n = slot_from_ref(s->next)) != NULL; s = n) {
        struct cap c = {n->w0, n->w1};
        uint64_t above = (uint64_t)cap_object((struct cap){s->w0, 0}) - (uint64_t)cap_object(c);
        if (cap_type(c) == TN_UNTYPED && untyped_bits(c) < 20 && above > 0 && above < 2ull << untyped_bits(c)) {
            n->w0++;
            return;
        }
    }
    panic("break: no Untyped beside another object");
}
static void neighbour(void)
{
    slot_from_ref(slot_of(TN_TCB)->next)->prev = 0;
}

static const struct {
    const char *name;
    void (*function)(void);
} breakages[] = {
    {"table-writable", table_writable},
    {"object-readable", object_readable},
    {"untyped-readable", untyped_readable},
    {"kernel-readable", kernel_readable},
    {"large-leaf", large_leaf},
    {"global-leaf", global_leaf},
    {"reserved-bit", reserved_bit},
    {"write-only-leaf", write_only_leaf},
    {"invalid-entry", invalid_entry},
    {"link-to-itself", link_to_itself},
    {"link-to-frame", link_to_frame},
    {"kernel-half", kernel_half},
    {"mapped-page", mapped_page},
    {"lock-kept", lock_kept},
    {"lock-order", lock_order},
    {"thread-waits", thread_waits},
    {"frame-too-large", frame_too_large},
    {"table-level", table_level},
    {"type-changed", cap_type_changed},
    {"no-such-type", no_such_type},
    {"frame-rights", frame_rights},
    {"named-page", named_page},
    {"overlap", overlap},
    {"neighbour", neighbour},
};

void breakage_check(struct hart *h)
{
    static uint32_t entries;
    if (h->index != hart_count - 1 || !h->current || entries > ENTRIES_BEFORE || ++entries <= ENTRIES_BEFORE)
        return;
    size_t length = 0;
    const char *name = platform_bootarg("break", &length);
    for (uint32_t i = 0; name && i < sizeof(breakages) / sizeof(breakages[0]); i++)
        if (strlen(breakages[i].name) == length && memcmp(name, breakages[i].name, length) == 0)
            breakages[i].function();
}
#endif
