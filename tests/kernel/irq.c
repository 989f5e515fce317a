/* Interrupts: control, handler, acknowledgement, with the UART's "transmitter empty" as the source that always comes. */
#include "kt.h"

/* NS16550A: interrupt enable register, and its bit for "transmitter holding register empty". */
#define UART_IER 1
#define UART_IER_THRE 2

static volatile uint8_t *uart;
static uint32_t uart_irq;

static void uart_init(void)
{
    uint64_t paddr, page;

    if (!kt_device("ns16550a", &paddr, &uart_irq) || uart_irq == 0)
        kt_skip("no UART in the device tree");
    tn_cptr_t frame = kt_device_frame(paddr, &page);
    if (!frame)
        kt_skip("no device Untyped holds the UART");
    uart = (volatile uint8_t *)kt_map(frame, page, 1, TN_READ | TN_WRITE) + paddr % 4096;
    uart[UART_IER] = 0;
}

/* Each change from 0 to 1 of the bit raises the interrupt while the transmitter is empty. */
static void uart_raise(void)
{
    uart[UART_IER] = 0;
    uart[UART_IER] = UART_IER_THRE;
}

static uint32_t handler_new(void)
{
    uint32_t slot = kt_slot();

    REQUIRE_OK(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, KT_ROOT, slot));
    return slot;
}

static bool comes(tn_cptr_t ntfn, uint64_t badge)
{
    uint64_t end = kt_time() + kt_ticks_ms(3000), bits = 0;

    while (bits == 0 && kt_time() < end) {
        EXPECT_OK(kt_poll(ntfn, &bits));
        if (bits == 0)
            kt_sleep_ticks(kt_ticks_ms(1));
    }
    EXPECT_EQ(bits, badge);
    return bits == badge;
}

static void test_delivery(void)
{
    uart_init();
    uint32_t handler = handler_new();
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 0x100);
    uint64_t bits;

    EXPECT_OK(INV(handler, TN_IRQ_SET_NTFN, ntfn));
    EXPECT_OK(INV0(handler, TN_IRQ_ACK));
    for (unsigned i = 0; i < 10; i++) {
        kt_case(i);
        uart_raise();
        if (!comes(ntfn, 0x100))
            break;
        kt_sleep_ticks(kt_ticks_ms(2));
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, 0); /* not again before it was acknowledged */
        uart[UART_IER] = 0;
        (void)uart[2]; /* reading IIR clears it at the device */
        EXPECT_OK(INV0(handler, TN_IRQ_ACK));
    }
    uart[UART_IER] = 0;
}

static void irq_waiter(struct kt_thread *t)
{
    for (unsigned i = 0; i < 5; i++) {
        uint64_t bits;
        EXPECT_OK(kt_wait(t->arg[0], &bits));
        EXPECT_EQ(bits, 4);
        kt_add(&t->count, 1);
    }
}

/* A thread on any hart waits for it, as a driver does. */
static void test_waiter(void)
{
    uart_init();
    uint32_t handler = handler_new();
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 4);
    EXPECT_OK(INV(handler, TN_IRQ_SET_NTFN, ntfn));
    EXPECT_OK(INV0(handler, TN_IRQ_ACK));
    for (unsigned hart = 0; hart < kt_harts && hart < 4; hart++) {
        struct kt_thread *t = kt_spawn(hart, irq_waiter, ntfn, 0);
        for (unsigned i = 0; i < 5; i++) {
            kt_case(hart << 8 | i);
            uart_raise();
            kt_await_count(&t->count, i + 1);
            uart[UART_IER] = 0;
            (void)uart[2];
            EXPECT_OK(INV0(handler, TN_IRQ_ACK));
        }
        kt_join(t);
    }
}

/* Cleared, or its handler deleted, the interrupt reaches nobody; a new handler gets it again. */
static void test_clear(void)
{
    uart_init();
    uint64_t bits;
    for (unsigned by_delete = 0; by_delete < 2; by_delete++) {
        kt_case(by_delete);
        uint32_t handler = handler_new();
        tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
        EXPECT_OK(INV(handler, TN_IRQ_SET_NTFN, ntfn));
        EXPECT_OK(INV0(handler, TN_IRQ_ACK));
        uart_raise();
        comes(ntfn, 1);
        EXPECT_OK(by_delete ? INV(KT_ROOT, TN_CNODE_DELETE, handler) : INV0(handler, TN_IRQ_CLEAR));
        uart[UART_IER] = 0;
        (void)uart[2];
        uart_raise();
        kt_sleep_ticks(kt_ticks_ms(5));
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, 0);
        uart[UART_IER] = 0;
        (void)uart[2];
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, handler));
    }
}

/* The notification is deleted while the interrupt is bound to it. */
static void test_notification_deleted(void)
{
    uart_init();
    uint32_t handler = handler_new(), ntfn = (uint32_t)kt_object(TN_NOTIFICATION, 0);
    tn_cptr_t badged = kt_mint(ntfn, TN_RIGHTS_ALL, 1);

    EXPECT_OK(INV(handler, TN_IRQ_SET_NTFN, badged));
    EXPECT_OK(INV0(handler, TN_IRQ_ACK));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ntfn));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ntfn));
    uart_raise();
    kt_sleep_ticks(kt_ticks_ms(3));
    uart[UART_IER] = 0;
    (void)uart[2];
    tn_cptr_t second = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 2);
    EXPECT_OK(INV(handler, TN_IRQ_SET_NTFN, second));
    EXPECT_OK(INV0(handler, TN_IRQ_ACK));
    uart_raise();
    comes(second, 2);
    uart[UART_IER] = 0;
    (void)uart[2];
}

/* Copies of a handler go with it, and every handler with its control. */
static void test_revoked(void)
{
    uart_init();
    uint32_t handler = handler_new(), copy = (uint32_t)kt_copy(handler, TN_RIGHTS_ALL);

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, handler));
    EXPECT(!kt_slot_is_empty(handler));
    EXPECT(kt_slot_is_empty(copy));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, handler));
    handler = handler_new();
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, TN_INIT_IRQ_CONTROL));
    EXPECT(kt_slot_is_empty(handler));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, handler_new())); /* the interrupt is free again */
}

static void test_errors(void)
{
    uart_init();
    uint32_t slot = kt_slot();
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, 0, KT_ROOT, slot), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, 5000, KT_ROOT, slot), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, ~0ull, KT_ROOT, slot), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, kt_slot(), slot), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, ep, slot), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, KT_ROOT, ~0ull), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, KT_ROOT, ep), TN_DELETE_FIRST);
    uint32_t handler = handler_new();
    EXPECT_REFUSED(
        INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, KT_ROOT, slot)); /* one handler an interrupt */
    EXPECT_ERROR(INV(handler, TN_IRQ_SET_NTFN, ep), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(INV(handler, TN_IRQ_SET_NTFN, kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(handler, TN_IRQ_SET_NTFN, kt_copy(kt_object(TN_NOTIFICATION, 0), TN_READ)), TN_INVALID_CAPABILITY);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, handler));
    EXPECT_OK(INV(TN_INIT_IRQ_CONTROL, TN_IRQ_CONTROL_GET, uart_irq, KT_ROOT, slot)); /* free again */
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
}

const struct kt_test irq_tests[] = {
    {"irq.delivery", test_delivery, 0},
    {"irq.waiter", test_waiter, 0},
    {"irq.clear", test_clear, 0},
    {"irq.notification_deleted", test_notification_deleted, 0},
    {"irq.revoked", test_revoked, 0},
    {"irq.errors", test_errors, 0},
    {NULL, NULL, 0},
};
