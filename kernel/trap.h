/* Traps: the way into the kernel and out of it. */
#pragma once
#include "tcb.h"

/* trap.S */
extern char trap_entry[];
void trap_return(struct tcb *t) __attribute__((noreturn));

/* From trap.S with interrupts off, on the hart's stack. Afterwards hart->current may be another thread or NULL. */
void trap_handle(struct tcb *t, uint64_t scause);
/* In the idle loop: serves whatever interrupts are pending. */
void trap_poll_interrupts(struct hart *h);
/* This hart takes traps from now on. */
void trap_init_hart(void);
