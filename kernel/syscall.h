/* System calls: decoding, and results. See tenon/syscall.h. */
#pragma once
#include "tcb.h"

/* The current thread executed `ecall`. Afterwards hart->current may be another thread or NULL. */
void syscall_dispatch(struct hart *h, struct tcb *t);

/* Results of an invocation: `count` words for a thread whose system call is being served (current), label TN_OK. */
void syscall_results(struct tcb *t, const uint64_t *words, uint32_t count);
/* An error that says more (tenon/error.h): which argument is wrong, counted from 1; or the range allowed. */
status_t error_argument(struct tcb *t, uint32_t number);
status_t error_capability(struct tcb *t, uint32_t number);
status_t error_range(struct tcb *t, uint64_t least, uint64_t greatest);
/* Completes an invocation with a status and the words already placed. */
void syscall_complete(struct tcb *t, status_t status, uint32_t words);
