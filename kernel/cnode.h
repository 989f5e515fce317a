/* Invocations that change capability spaces: Untyped, CNode, Gate, IRQ control, and a thread's own slots. */
#pragma once
#include "tcb.h"

/* Invokes the capability in the caller's slot `cptr`, which was seen to hold an object of one of these types. Takes the CSpace
 * lock and looks everything up afresh. Results go to the caller's registers. Errors: tenon/invoke.h. */
status_t cspace_invoke(struct tcb *t, tn_cptr_t cptr, uint64_t label);
