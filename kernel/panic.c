/* The end of the kernel after a bug: says all that is known, in bounded length, and ends the machine with a failure.
 *
 * One hart panics; another that panics at the same time, or is told to stop, goes to sleep. Takes no lock and trusts no
 * pointer outside the hart structures: frames are followed only inside the hart's own stack, upwards.
 */
#include "panic.h"
#include "console.h"
#include "csr.h"
#include "hart.h"
#include "ipi.h"
#include "ksyms.h"
#include "platform.h"
#include "tcb.h"

#define FRAMES_MAX 32
#define EVENTS_SHOWN 8

static struct hart *panicking; /* atomic; set once */
static bool panicked_twice;

bool panic_is_mine(void)
{
    return load_relaxed(&panicking) == hart_self();
}

void panic_stop(void)
{
    csr_write(sie, 0);
    for (;;)
        __asm__ volatile("wfi");
}

static void panic_begin(void)
{
    struct hart *self = hart_self();
    if (panic_is_mine()) {
        if (!panicked_twice) {
            panicked_twice = true;
            kprintf("PANIC while panicking: scause %lx sepc %lx stval %lx\n", csr_read(scause), csr_read(sepc),
                    csr_read(stval));
            platform_stop(true);
        }
        panic_stop();
    }
    if (!compare_exchange_relaxed(&panicking, (struct hart *)NULL, self))
        panic_stop();
    for (uint32_t i = 0; i < hart_count; i++)
        if (hart_at(i) != self)
            ipi_post_stop(hart_at(i));
    kprintf("\nPANIC on hart %u (id %lu): ", self->index, self->hartid);
}

static void print_address(unsigned number, uint64_t pc)
{
    uint64_t low = 0, high = kernel_symbol_count;
    while (low < high) { /* kernel_symbols[0 .. low) start at or below pc */
        uint64_t middle = low + (high - low) / 2;
        if (kernel_symbols[middle].address <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        kprintf("  #%u %016lx\n", number, pc);
    else
        kprintf("  #%u %016lx %s+0x%lx\n", number, pc, kernel_symbols[low - 1].name,
                pc - kernel_symbols[low - 1].address);
}

static bool on_stack(uint64_t address)
{
    uint64_t bottom = (uint64_t)hart_self()->stack;
    return address % 8 == 0 && address >= bottom && address < bottom + KERNEL_STACK_BYTES;
}

/* psABI, "Frame Pointer Convention": below the address in fp stand the return address and the caller's fp. A leaf
 * function stores only the caller's fp, where the return address would be: then `leaf_ra`, the register's value at a
 * trap, says who called. */
static void print_backtrace(uint64_t pc, uint64_t leaf_ra, uint64_t fp)
{
    kprintf("backtrace:\n");
    print_address(0, pc);
    for (unsigned i = 1; i < FRAMES_MAX && fp != 0 && on_stack(fp - 16) && on_stack(fp - 8); i++) {
        uint64_t ra = ((uint64_t *)fp)[-1], next = ((uint64_t *)fp)[-2];
        if (i == 1 && leaf_ra != 0 && on_stack(ra - 8)) {
            next = ra;
            ra = leaf_ra;
        }
        print_address(i, ra - 4);
        if (next <= fp)
            break;
        fp = next;
    }
}

static void print_events(void)
{
    for (uint32_t i = 0; i < hart_count; i++) {
        const struct hart *h = hart_at(i);
        if (h->event_next == 0)
            kprintf("hart %u: nothing yet\n", i);
        for (uint32_t back = EVENTS_SHOWN; back > 0; back--) {
            const struct event *e = &h->events[(h->event_next - back) % EVENT_RING];
            if (e->what != NULL)
                kprintf("hart %u at %lu: %s %lx %lx\n", i, e->time, e->what, e->a, e->b);
        }
    }
}

static void print_registers(const uint64_t regs[32])
{
    static const char *const names[32] = {"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "fp", "s1", "a0",
                                          "a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                          "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    for (unsigned i = 0; i < 32; i++)
        kprintf("%4s %016lx%s", names[i], regs[i], i % 4 == 3 ? "\n" : "  ");
}

static void panic_end(uint64_t pc, uint64_t leaf_ra, uint64_t fp)
{
    const struct tcb *t = hart_self()->current;
    kprintf("sstatus %016lx  satp %016lx  thread %p%s\n", csr_read(sstatus), csr_read(satp), (const void *)t,
            t ? ", whose registers are" : "");
    if (t)
        print_registers(t->x);
    if (leaf_ra !=
        0) { /* a function that has not made its frame is not in the backtrace's chain, but its caller is here */
        kprintf("ra leads to:\n");
        print_address(0, leaf_ra - 4);
    }
    print_backtrace(pc, leaf_ra, fp);
    print_events();
    platform_stop(true);
}

void panic(const char *format, ...)
{
    panic_begin();
    va_list args;
    va_start(args, format);
    kvprintf(format, args);
    va_end(args);
    kprintf("\nlast trap: scause %016lx  sepc %016lx  stval %016lx\n", csr_read(scause), csr_read(sepc),
            csr_read(stval));
    panic_end((uint64_t)__builtin_return_address(0) - 4, 0, *((uint64_t *)__builtin_frame_address(0) - 2));
    __builtin_unreachable();
}

void panic_kernel_trap(uint64_t regs[32], uint64_t scause, uint64_t stval)
{
    panic_begin();
    kprintf("trap in the kernel, scause %016lx  stval %016lx\n", scause, stval);
    print_registers(regs);
    panic_end(regs[0], regs[1], regs[8]);
    __builtin_unreachable();
}
