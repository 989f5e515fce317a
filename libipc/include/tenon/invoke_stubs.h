/* One function per kernel invocation: kernel/include/tenon/invoke.h says what each does and when it fails.
 *
 * All return enum tn_error; on an error, results through pointers are left alone. The words that explain an error (MR0,
 * MR1) are dropped here: who wants them uses tn_invoke itself.
 */
#pragma once
#include <tenon/invoke.h>
#include <tenon/ipc.h>
#include <tenon/object.h>

/* Invocation `label` of the object `cap` with `words` arguments. */
TN_INLINE struct tn_msg tn_invoke(tn_cptr_t cap, enum tn_invocation label, unsigned words, uint64_t m0, uint64_t m1,
                                  uint64_t m2, uint64_t m3)
{
    return tn_call(cap, tn_info(label, 0, words), m0, m1, m2, m3);
}

/* Untyped */

TN_INLINE TN_MUST_USE enum tn_error tn_untyped_retype(tn_cptr_t untyped, enum tn_object type, unsigned size_bits,
                                                      tn_cptr_t cnode, uint32_t first_slot, uint32_t count)
{
    return tn_msg_error(
        tn_invoke(untyped, TN_UNTYPED_RETYPE, 4, type, size_bits, cnode, first_slot | (uint64_t)count << 32).info);
}

/* CNode */

TN_INLINE TN_MUST_USE enum tn_error tn_cnode_copy(tn_cptr_t cnode, uint64_t slot, tn_cptr_t source, unsigned rights)
{
    return tn_msg_error(tn_invoke(cnode, TN_CNODE_COPY, 3, slot, source, rights, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_cnode_mint(tn_cptr_t cnode, uint64_t slot, tn_cptr_t source, unsigned rights,
                                                  uint64_t badge)
{
    return tn_msg_error(tn_invoke(cnode, TN_CNODE_MINT, 4, slot, source, rights, badge).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_cnode_move(tn_cptr_t cnode, uint64_t slot, tn_cptr_t source)
{
    return tn_msg_error(tn_invoke(cnode, TN_CNODE_MOVE, 2, slot, source, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_cnode_delete(tn_cptr_t cnode, uint64_t slot)
{
    return tn_msg_error(tn_invoke(cnode, TN_CNODE_DELETE, 1, slot, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_cnode_revoke(tn_cptr_t cnode, uint64_t slot)
{
    return tn_msg_error(tn_invoke(cnode, TN_CNODE_REVOKE, 1, slot, 0, 0, 0).info);
}

/* TCB */

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_set_space(tn_cptr_t tcb, tn_cptr_t cspace, tn_cptr_t vspace,
                                                     tn_cptr_t fault_handler)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SET_SPACE, 3, cspace, vspace, fault_handler, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_set_buffer(tn_cptr_t tcb, tn_cptr_t frame, uint64_t page, uint64_t pages)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SET_BUFFER, 3, frame, page, pages, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_set_priority(tn_cptr_t tcb, unsigned priority)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SET_PRIORITY, 1, priority, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_set_affinity(tn_cptr_t tcb, unsigned hart)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SET_AFFINITY, 1, hart, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_write_regs(tn_cptr_t tcb, uint64_t pc, uint64_t sp, uint64_t tp, uint64_t a0)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_WRITE_REGS, 4, pc, sp, tp, a0).info);
}

/* Registers first .. first + count - 1 (0 = pc, 1..31 = x1..x31) into `value`. More than four come through `buffer`,
 * the caller's own IPC buffer. */
static inline TN_MUST_USE enum tn_error tn_tcb_read_regs(tn_cptr_t tcb, unsigned first, unsigned count,
                                                         const struct tn_ipc_buffer *buffer, uint64_t *value)
{
    struct tn_msg m = tn_invoke(tcb, TN_TCB_READ_REGS, 2, first, count, 0, 0);
    if (tn_info_is_error(m.info)) {
        return tn_msg_error(m.info);
    }
    for (unsigned i = 0; i < count; i++) {
        value[i] = tn_msg_word(&m, buffer, i);
    }
    return TN_OK;
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_write_reg(tn_cptr_t tcb, unsigned which, uint64_t value)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_WRITE_REG, 2, which, value, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_resume(tn_cptr_t tcb)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_RESUME, 0, 0, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_suspend(tn_cptr_t tcb)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SUSPEND, 0, 0, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_tcb_set_badge(tn_cptr_t tcb, uint64_t badge)
{
    return tn_msg_error(tn_invoke(tcb, TN_TCB_SET_BADGE, 1, badge, 0, 0, 0).info);
}

/* Gate */

TN_INLINE TN_MUST_USE enum tn_error tn_gate_set(tn_cptr_t gate, unsigned hart, tn_cptr_t endpoint)
{
    return tn_msg_error(tn_invoke(gate, TN_GATE_SET, 2, hart, endpoint, 0, 0).info);
}

/* Notification. `ticks` as tn_time(); ~0 cancels. */

TN_INLINE TN_MUST_USE enum tn_error tn_ntfn_deadline(tn_cptr_t ntfn, uint64_t ticks)
{
    return tn_msg_error(tn_invoke(ntfn, TN_NTFN_DEADLINE, 1, ticks, 0, 0, 0).info);
}

/* VSpace */

TN_INLINE TN_MUST_USE enum tn_error tn_vspace_set_root(tn_cptr_t vspace, tn_cptr_t table)
{
    return tn_msg_error(tn_invoke(vspace, TN_VSPACE_SET_ROOT, 1, table, 0, 0, 0).info);
}

/* `remote_harts` (may be NULL): how many other harts were interrupted. */
TN_INLINE TN_MUST_USE enum tn_error tn_vspace_flush(tn_cptr_t vspace, uint64_t address, uint64_t pages, int wait,
                                                    uint64_t *remote_harts)
{
    struct tn_msg m = tn_invoke(vspace, TN_VSPACE_FLUSH, 3, address, pages, wait != 0, 0);
    if (!tn_info_is_error(m.info) && remote_harts != NULL) {
        *remote_harts = m.mr[0];
    }
    return tn_msg_error(m.info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_vspace_fence_i(tn_cptr_t vspace)
{
    return tn_msg_error(tn_invoke(vspace, TN_VSPACE_FENCE_I, 0, 0, 0, 0, 0).info);
}

/* PageTable, Frame: physical address, and level or log2 of the bytes. */

TN_INLINE TN_MUST_USE enum tn_error tn_address(tn_cptr_t cap, enum tn_invocation label, uint64_t *paddr, unsigned *size)
{
    struct tn_msg m = tn_invoke(cap, label, 0, 0, 0, 0, 0);
    if (!tn_info_is_error(m.info)) {
        *paddr = m.mr[0];
        *size = (unsigned)m.mr[1];
    }
    return tn_msg_error(m.info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_pagetable_address(tn_cptr_t table, uint64_t *paddr, unsigned *level)
{
    return tn_address(table, TN_PAGETABLE_ADDRESS, paddr, level);
}

TN_INLINE TN_MUST_USE enum tn_error tn_frame_address(tn_cptr_t frame, uint64_t *paddr, unsigned *size_bits)
{
    return tn_address(frame, TN_FRAME_ADDRESS, paddr, size_bits);
}

/* IRQ */

TN_INLINE TN_MUST_USE enum tn_error tn_irq_control_get(tn_cptr_t control, uint64_t irq, tn_cptr_t cnode, uint64_t slot)
{
    return tn_msg_error(tn_invoke(control, TN_IRQ_CONTROL_GET, 3, irq, cnode, slot, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_irq_set_ntfn(tn_cptr_t handler, tn_cptr_t ntfn)
{
    return tn_msg_error(tn_invoke(handler, TN_IRQ_SET_NTFN, 1, ntfn, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_irq_ack(tn_cptr_t handler)
{
    return tn_msg_error(tn_invoke(handler, TN_IRQ_ACK, 0, 0, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_irq_clear(tn_cptr_t handler)
{
    return tn_msg_error(tn_invoke(handler, TN_IRQ_CLEAR, 0, 0, 0, 0, 0).info);
}
