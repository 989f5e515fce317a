/* The PLIC (RISC-V Platform-Level Interrupt Controller specification 1.0.0) and the bindings of interrupts.
 *
 * A source that has been claimed stays silent until it is completed: that is the masking between arrival and
 * TN_IRQ_ACK. A completion counts only while the source is enabled for the context that claimed it, hence `claimed_by`,
 * and completion before a source is disabled.
 * Locks: RANK_IRQ guards bindings and the enable bits. A notification is signalled outside it (it ranks lower); it
 * lives on, since this hart is in the kernel and an object goes only after every hart has been outside.
 */
#include "irq.h"
#include "csr.h"
#include "hart.h"
#include "notification.h"
#include "platform.h"
#include "spinlock.h"

enum {
    PLIC_PRIORITY = 0,
    PLIC_ENABLE = 0x2000,
    PLIC_ENABLE_STRIDE = 0x80,
    PLIC_CONTEXT = 0x200000, /* threshold; claim and completion 4 bytes on */
    PLIC_CONTEXT_STRIDE = 0x1000,
};
#define NO_CONTEXT (~0u)

struct binding {
    struct notification *n; /* NULL: nobody listens */
    uint64_t badge;
    uint32_t enabled_for; /* 1 + the context that the source is enabled for; 0: none */
    uint32_t claimed_by;  /* 1 + the context that has claimed it and not completed; 0: none */
};
static struct binding bindings[PLATFORM_IRQS_MAX + 1]; /* RANK_IRQ */
static struct spinlock irq_lock;

static volatile uint32_t *plic_register(uint64_t offset)
{
    return phys_to_virt((paddr_t){platform.plic.base.v + offset});
}
static volatile uint32_t *plic_claim(uint32_t context)
{
    return plic_register(PLIC_CONTEXT + (uint64_t)PLIC_CONTEXT_STRIDE * context + 4);
}

static void source_enable(uint32_t irq, uint32_t context, bool enable)
{
    volatile uint32_t *word = plic_register(PLIC_ENABLE + (uint64_t)PLIC_ENABLE_STRIDE * context + irq / 32 * 4);
    *word = enable ? *word | 1u << irq % 32 : *word & ~(1u << irq % 32);
}

static void source_complete(uint32_t irq)
{
    struct binding *b = &bindings[irq];
    if (b->claimed_by != 0)
        *plic_claim(b->claimed_by - 1) = irq;
    b->claimed_by = 0;
}

static uint32_t own_context(void)
{
    return platform.plic_context[hart_self()->index];
}

bool irq_valid(uint64_t irq)
{
    return irq >= 1 && irq <= platform.plic_irqs;
}

void irq_init_hart(void)
{
    uint32_t context = own_context();
    if (platform.plic.bytes == 0 || context == NO_CONTEXT)
        return;
    spin_lock(&irq_lock, RANK_IRQ);
    for (uint32_t irq = 0; irq <= platform.plic_irqs; irq += 32)
        *plic_register(PLIC_ENABLE + (uint64_t)PLIC_ENABLE_STRIDE * context + irq / 32 * 4) = 0;
    *plic_register(PLIC_CONTEXT + (uint64_t)PLIC_CONTEXT_STRIDE * context) = 0;
    spin_unlock(&irq_lock, RANK_IRQ);
    csr_set(sie, SIE_SEIE);
}

void irq_handle_external(void)
{
    uint32_t context = own_context();
    struct binding b = {0};
    spin_lock(&irq_lock, RANK_IRQ);
    uint32_t irq = *plic_claim(context); /* 0: it went away, or another hart claimed it */
    if (irq_valid(irq)) {
        bindings[irq].claimed_by = context + 1;
        b = bindings[irq];
        if (b.n == NULL)
            source_complete(irq);
    }
    spin_unlock(&irq_lock, RANK_IRQ);
    if (b.n != NULL)
        notification_signal(b.n, b.badge);
}

static void bind_locked(uint32_t irq, struct notification *n, uint64_t badge)
{
    struct binding *b = &bindings[irq];
    source_complete(irq);
    if (b->enabled_for != 0)
        source_enable(irq, b->enabled_for - 1, false);
    *b = (struct binding){.n = n, .badge = badge};
    if (n != NULL && own_context() != NO_CONTEXT) {
        b->enabled_for = own_context() + 1;
        *plic_register(PLIC_PRIORITY + 4ull * irq) = 1;
        source_enable(irq, own_context(), true);
    }
}

void irq_bind(uint32_t irq, struct notification *n, uint64_t badge)
{
    spin_lock(&irq_lock, RANK_IRQ);
    bind_locked(irq, n, badge);
    spin_unlock(&irq_lock, RANK_IRQ);
}

void irq_unbind_notification(struct notification *n)
{
    spin_lock(&irq_lock, RANK_IRQ);
    for (uint32_t irq = 1; irq <= platform.plic_irqs; irq++)
        if (bindings[irq].n == n)
            bind_locked(irq, NULL, 0);
    spin_unlock(&irq_lock, RANK_IRQ);
}

void irq_ack(uint32_t irq)
{
    spin_lock(&irq_lock, RANK_IRQ);
    source_complete(irq);
    spin_unlock(&irq_lock, RANK_IRQ);
}
