/* Marks for the plug-in `between` (platform/qemu-virt/between.c): hints that do nothing, each at the end of a block of
 * instructions, so that nothing runs on behind it. */
#pragma once

#define MARK(n) __asm__ volatile("slti x0, x0, %0\n\tj 1f\n1:" : : "i"(n) : "memory")
#define MARK_READY() MARK(16) /* the hart that acts while the request stands still */
#define MARK_OVER() MARK(17)  /* the request is done */
#define MARK_DONE() MARK(18)  /* it has done all; what the request has still to do is done before it goes on */
#define MARK_BEGIN(kind) MARK(32 + (kind))
