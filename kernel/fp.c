/* Lazy floating point. See fp.h.
 *
 * Invariants: sstatus.FS is not Off only while the current thread is hart->fp_owner; unless it is Dirty, the owner's saved
 * state equals the unit's.
 */
#include "fp.h"
#include "csr.h"
#include "platform.h"

static bool fp_is_on(void)
{
    return (csr_read(sstatus) & SSTATUS_FS_MASK) != 0;
}

bool fp_enable(struct hart *h, struct tcb *t)
{
    if (!platform.has_fp || fp_is_on())
        return false;
    csr_set(sstatus, SSTATUS_FS_DIRTY);
    fp_restore(t);
    csr_clear(sstatus, SSTATUS_FS_INITIAL); /* Dirty without its low bit: Clean */
    h->fp_owner = t;
    return true;
}

void fp_switch(struct hart *h, struct tcb *next)
{
    uint64_t fs = csr_read(sstatus) & SSTATUS_FS_MASK;
    if (h->fp_owner == next) {
        if (fs == 0)
            csr_set(sstatus, SSTATUS_FS_CLEAN);
        return;
    }
    if (fs == SSTATUS_FS_DIRTY)
        fp_save(h->fp_owner);
    csr_clear(sstatus, SSTATUS_FS_MASK);
}

void fp_forget(struct hart *h, struct tcb *t)
{
    if (h->fp_owner != t)
        return;
    fp_switch(h, NULL);
    h->fp_owner = NULL;
}
