/* Batched page-table writes: the system call that the memory server lives on. Contract: tenon/ptbatch.h. */
#pragma once
#include "tcb.h"

/* Checks the batch in the thread's IPC buffer and writes it. Refused: nothing is written and the batch's failed_run is set. */
status_t MUST_CHECK ptwrite_batch(struct tcb *t);
