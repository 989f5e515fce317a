/* Walking page tables, for deciding whether a fault is spurious. */
#include "pt.h"
#include "csr.h"

bool pt_allows(paddr_t root, vaddr_t va, uint64_t scause)
{
    uint64_t need = scause == CAUSE_FETCH_PAGE ? TN_PTE_X : scause == CAUSE_STORE_PAGE ? TN_PTE_W : TN_PTE_R;
    if (root.v == 0 || va.v >= mmu_user_end())
        return false;
    for (uint32_t level = mmu_levels; level-- > 0;) {
        pte_t pte = *((volatile pte_t *)phys_to_virt(root) + pt_index(va, level));
        if (!(pte & TN_PTE_V))
            return false;
        if (pte & TN_PTE_RWX)
            return (pte & (need | TN_PTE_U)) == (need | TN_PTE_U);
        root.v = tn_pte_paddr(pte);
    }
    return false;
}
