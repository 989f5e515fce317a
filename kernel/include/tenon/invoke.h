/* Invocations: TN_SYS_CALL on a capability to a kernel object. The label says what to do, MR0..MR3 are the arguments;
 * the reply's label is an enum tn_error (with TN_INFO_ERROR set unless TN_OK), its words the results.
 *
 * `slot` arguments are indexes into the CNode invoked; `cptr` arguments are looked up in the caller's CSpace.
 * Capability-space changes (Untyped, CNode, Gate, IRQ control and the TCB's spaces) take the kernel's one CSpace lock.
 */
#pragma once

enum tn_invocation {
    /* Untyped */
    TN_UNTYPED_RETYPE = 1, /* MR0 type, MR1 size_bits, MR2 destination CNode cptr, MR3 first slot | count << 32.
                            * Makes `count` objects with consecutive slots. Memory is zeroed. An Untyped without children
                            * starts again from its beginning. RANGE_ERROR, FAILED_LOOKUP, DELETE_FIRST, NOT_ENOUGH_MEMORY */
    /* CNode */
    TN_CNODE_COPY = 16,    /* MR0 slot, MR1 source cptr, MR2 rights mask. Keeps the badge. */
    TN_CNODE_MINT = 17,    /* MR0 slot, MR1 source cptr, MR2 rights mask, MR3 badge (the source must be unbadged) */
    TN_CNODE_MOVE = 18,    /* MR0 slot, MR1 source cptr */
    TN_CNODE_DELETE = 19,  /* MR0 slot. Empty: OK. The last capability of an object destroys it. */
    TN_CNODE_REVOKE = 20,  /* MR0 slot. Deletes all that was derived from it; Frame, PageTable: clears every entry to it.
                            * As in seL4 only originals are parents: what was retyped, or minted with a badge. A copy is a
                            * sibling of its source: revoking it deletes nothing. */
    /* TCB. May be on any hart; these wait for the thread's hart. */
    TN_TCB_SET_SPACE = 32,     /* MR0 CSpace root cptr, MR1 VSpace cptr, MR2 fault handler cptr (Endpoint or Gate; 0: none) */
    TN_TCB_SET_BUFFER = 33,    /* MR0 Frame cptr (READ and WRITE; 0: none), MR1 page offset in it, MR2 pages */
    TN_TCB_SET_PRIORITY = 34,  /* MR0 priority, at most the caller's own */
    TN_TCB_SET_AFFINITY = 35,  /* MR0 hart index */
    TN_TCB_WRITE_REGS = 36,    /* MR0 pc, MR1 sp, MR2 tp, MR3 a0; the others, floating point too, become 0. Thread must be inactive. */
    TN_TCB_READ_REGS = 37,     /* MR0 first (0 = pc, 1..31 = x1..x31), MR1 count up to 32; results from MR0 on */
    TN_TCB_WRITE_REG = 38,     /* MR0 which (as above), MR1 value. Thread must be stopped or blocked. */
    TN_TCB_RESUME = 39,
    TN_TCB_SUSPEND = 40,       /* an IPC under way is cancelled */
    TN_TCB_SET_BADGE = 41,     /* MR0 badge that its fault messages carry if the handler capability has none of its own */
    /* Gate. A Call with this label through a capability that has READ sets the gate up; everything else is sent through it.
     * Whoever makes the gate keeps READ; clients get WRITE alone. */
    TN_GATE_SET = 48,          /* MR0 hart index, MR1 Endpoint cptr (0: none), unbadged, with WRITE and GRANT */
    /* Notification */
    TN_NTFN_DEADLINE = 56,     /* MR0 time (`time` CSR ticks; ~0: cancel). At that time the badge of the capability invoked
                                * is signalled. One deadline a notification; a new one replaces it. */
    /* VSpace */
    TN_VSPACE_SET_ROOT = 64,   /* MR0 PageTable cptr of the top level. Once. */
    TN_VSPACE_FLUSH = 65,      /* MR0 address, MR1 pages (0: everything), MR2 1 = wait until every hart has flushed.
                                * MR0 <- number of remote harts interrupted */
    TN_VSPACE_FENCE_I = 66,    /* fence.i on every hart, waiting: code was written */
    /* PageTable, Frame */
    TN_PAGETABLE_ADDRESS = 72, /* MR0 <- physical address, MR1 <- level */
    TN_FRAME_ADDRESS = 73,     /* MR0 <- physical address, MR1 <- log2 of the bytes */
    /* IRQ */
    TN_IRQ_CONTROL_GET = 80,   /* MR0 interrupt number, MR1 destination CNode cptr, MR2 slot */
    TN_IRQ_SET_NTFN = 81,      /* MR0 Notification cptr: signalled with its badge at each interrupt */
    TN_IRQ_ACK = 82,           /* lets the next one through */
    TN_IRQ_CLEAR = 83,
};
