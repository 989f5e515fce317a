/* Address spaces and ASIDs. See vspace.h.
 *
 * Locks: asid_lock (RANK_ASID) for the bitmap. Roots change under the CSpace lock.
 */
#include "vspace.h"
#include "cdt.h"
#include "csr.h"
#include "fence.h"
#include "flushcheck.h"
#include "flushsite.h"
#include "mmu.h"
#include "panic.h"
#include "pt.h"
#include "shootdown.h"
#include "syscall.h"
#include <tenon/invoke.h>

struct vspace kernel_vspace;

static struct spinlock asid_lock;
static uint64_t asid_used[(1 << 16) / 64]; /* ASID 0 is the kernel's */
static uint64_t asid_hint;

/* 0: all are taken. */
static uint64_t asid_take(void)
{
    uint64_t words = ((1ull << mmu_asid_bits) + 63) / 64, found = 0;
    spin_lock(&asid_lock, RANK_ASID);
    for (uint64_t i = 0; i < words && found == 0; i++) {
        uint64_t w = (asid_hint + i) % words;
        for (uint64_t bit = 0; asid_used[w] != ~0ull && bit < 64; bit++)
            if (!(asid_used[w] & 1ull << bit) && w * 64 + bit < 1ull << mmu_asid_bits) {
                asid_used[w] |= 1ull << bit;
                asid_hint = w;
                found = w * 64 + bit;
                break;
            }
    }
    spin_unlock(&asid_lock, RANK_ASID);
    return found;
}

static void asid_give_back(uint64_t asid)
{
    spin_lock(&asid_lock, RANK_ASID);
    asid_used[asid / 64] &= ~(1ull << asid % 64);
    spin_unlock(&asid_lock, RANK_ASID);
}

void vspace_init_kernel(void)
{
    asid_used[0] = 1;
    kernel_vspace.satp = kernel_satp;
}

void vspace_init(struct vspace *v)
{
    v->satp = kernel_satp;
}

/* A root table is the root of one VSpace: two without an ASID would be one to `satp`, and a hart that has the one would not be
 * seen to have the other. A software bit of the table's last entry, which is the kernel's, says that it is taken. The hardware
 * may be setting other bits there. */
static pte_t *root_mark(paddr_t root)
{
    return (pte_t *)phys_to_virt(root) + ROOT_LAST;
}

void vspace_root_free(paddr_t root)
{
    fetch_and_relaxed(root_mark(root), ~ROOT_TAKEN);
}

status_t vspace_set_root(struct tcb *t, struct vspace *v, struct slot *table)
{
    struct cap c = {table->w0, table->w1};
    if (cap_type(c) != TN_PAGETABLE || !cap_has(c, TN_WRITE))
        return error_capability(t, 1);
    if (c.w1 != mmu_levels - 1)
        return error_argument(t, 1);
    if (v->had_root || (fetch_or_relaxed(root_mark(cap_paddr(c)), ROOT_TAKEN) & ROOT_TAKEN))
        return TN_ILLEGAL_OPERATION;
    v->had_root = true;
    v->asid = asid_take();
    flushcheck_asid(v->asid);
    v->root = cap_paddr(c);
    flushcheck_root(v->root, v->asid);
    cdt_insert_derived(&v->root_slot, c, table, SLOT_OF_VSPACE);
    store_release(&v->satp, /* pairs with: sched_switch */
                  (kernel_satp & ~((1ull << SATP_MODE_SHIFT) - 1)) | v->asid << SATP_ASID_SHIFT |
                      v->root.v >> TN_PAGE_BITS);
    return TN_OK;
}

void vspace_root_removed(struct vspace *v)
{
    store_relaxed(&v->root.v, 0);
    store_release(&v->satp, kernel_satp); /* pairs with: ipi_serve, which loads it where the space is in use */
}

void vspace_finalise(struct vspace *v)
{
    if (v->root.v != 0)
        vspace_root_free(v->root); /* no hart has it in satp: each has been outside since a thread last had the space */
    if (v->asid == 0)
        return;
    if (!flush_left_out(FLUSH_ASID_END))
        shootdown_range(v, (vaddr_t){0}, 0, true);
    asid_give_back(v->asid);
    v->asid = 0;
}

void vspace_switch(struct hart *h, struct vspace *v)
{
    uint64_t satp = load_acquire(&v->satp);
    uint64_t *word = vspace_harts_word(h, v);
    if (v != &kernel_vspace && !(load_relaxed(word) & h->vspace_bit)) {
        fetch_or_relaxed(word, h->vspace_bit);
        fence_rw(); /* pairs with: shootdown_range, shootdown_alone */
    }
    vspace_load(h, satp);
    if (unlikely(v->asid == 0 && satp != kernel_satp) && !flush_left_out(FLUSH_ASID_SHARED))
        flush_local((struct flush_request){0, {0}, 0});
}

status_t vspace_range_check(vaddr_t va, uint64_t pages)
{
    if (va.v % TN_PAGE_BYTES != 0)
        return TN_ALIGNMENT_ERROR;
    if (pages != 0 && (va.v >= mmu_user_end() || pages > (mmu_user_end() - va.v) >> TN_PAGE_BITS))
        return TN_RANGE_ERROR;
    return TN_OK;
}

status_t vspace_invoke(struct tcb *caller, struct cap cap, uint64_t label)
{
    struct vspace *v = cap_object(cap);
    uint64_t va = caller->x[REG_A2], pages = caller->x[REG_A3], wait = caller->x[REG_A4];
    switch (label) {
    case TN_VSPACE_FLUSH: {
        status_t status = vspace_range_check((vaddr_t){va}, pages);
        if (status == TN_RANGE_ERROR)
            return error_range(caller, 0, mmu_user_end() - 1);
        if (status != TN_OK)
            return status;
        uint64_t interrupted = shootdown_range(v, (vaddr_t){va}, pages, wait != 0);
        if (hart_self()->current == caller)
            syscall_results(caller, &interrupted, 1);
        return TN_OK;
    }
    case TN_VSPACE_FENCE_I:
        shootdown_fence_i();
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}
