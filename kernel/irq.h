/* External interrupts: the PLIC, and the kernel's side of IRQ handler objects.
 *
 * An interrupt is routed to the hart that last set its notification. On arrival: claim, signal the bound notification, and
 * leave the source masked until TN_IRQ_ACK. Bindings are guarded by one lock (RANK_IRQ): interrupts are rare.
 */
#pragma once
#include "types.h"

struct notification;

void irq_init_hart(void);       /* each hart: threshold, all sources off */
void irq_handle_external(void); /* on an external interrupt of this hart */
/* `irq` is 1 .. platform.plic_irqs for all of these. */
bool irq_valid(uint64_t irq);
/* Binds (or, with NULL, unbinds) the notification and badge to signal; enables the source on this hart. */
void irq_bind(uint32_t irq, struct notification *n, uint64_t badge);
void irq_unbind_notification(struct notification *n); /* the notification is going away: forget every binding to it */
void irq_ack(uint32_t irq);
