/* timing: a QEMU plug-in that gives every hart a clock, charges what cache lines cost that move between harts, and lets
 * the harts run so that their clocks stay together. What the simulated cycles mean, and what they do not, is told in
 * docs/benchmarks.md.
 *
 *     qemu-system-riscv64 -accel tcg,thread=single -icount shift=3,sleep=off ... -plugin timing.so,out=FILE
 *
 * Clock: one cycle an instruction; accesses to memory as timing_lines.h says; an access to a device costs `device`.
 *
 * The guest marks what is measured, on each hart for itself:
 *
 *     slti x0, x0, 1    a region begins        slti x0, x0, 3    cache lines count from here on (warm-up)
 *     slti x0, x0, 2    it ends                slti x0, x0, 4    and no longer
 *
 * While no line counts, an access costs nothing and harts may be `coarse` cycles apart: booting needs no more. The n-th
 * region of one hart belongs together with the n-th of every other; the guest sees to it, by barriers outside, that all
 * have ended the n-th before any begins the next.
 *
 * Written to `out`, an object a line: for each line of memory that two harts wrote in a region (timing_lines.h), then one
 * for the region itself. tests/bench/scale.py makes figures and names of it.
 */
#include "plugin_start.h"
#include "timing_lines.h"
#include "timing_turns.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Functions and a variable of QEMU itself, exported for modules: they end the current hart's turn. */
extern __thread void *current_cpu;
void cpu_exit(void *cpu);
_Noreturn void cpu_loop_exit_restore(void *cpu, uintptr_t host_pc);

#define RAM_BASE 0x80000000ull
#define RAM_BYTES (4ull << 30) /* the largest `-m` whose lines all count */
#define MSWI_BASE 0x2000000ull /* one register a hart: writing 1 interrupts it */
#define MSWI_BYTES 4
#define CODE_BYTES 48 /* of a block, kept to tell which program it belongs to */

#define WFI 0x10500073u
#define MARK_MASK 0x000fffffu
#define MARK_CODE 0x00002013u /* slti x0, x0, n */
enum mark { MARK_BEGIN = 1, MARK_END, MARK_TRACK, MARK_UNTRACK };

static struct {
    uint64_t quantum, coarse, device, interrupt;
    struct line_costs line;
    FILE *out;
} option = {100, 5000, 100, 200, {0, 100, 60, 4, 20}, NULL};

struct hart {
    uint64_t instrs, moved;
    uint32_t regions; /* begun so far */
    bool in_region, tracks;
    uint64_t begin_cycles, begin_instrs, begin_moved;
};

/* The region that is measured now, over all harts. */
static struct {
    unsigned harts_in, harts_done;
    uint64_t begin, end;          /* first hart's begin, last hart's end */
    uint64_t busy, instrs, moved; /* sums over harts */
    uint64_t interrupts;          /* sent by harts in the region */
} region;

static struct hart hart[LINES_HARTS_MAX];
static unsigned harts, tracking;

/* ---- Regions ---- */

static void region_begin(struct hart *h, uint64_t now)
{
    if (region.harts_in == 0 && region.harts_done == 0)
        region.begin = now;
    region.harts_in++;
    h->in_region = true;
    h->regions++;
    h->begin_cycles = now;
    h->begin_instrs = h->instrs;
    h->begin_moved = h->moved;
}

static void region_report(uint32_t number)
{
    unsigned shared = lines_report(option.out, number);

    fprintf(option.out,
            "{\"region\": %u, \"harts\": %u, \"begin\": %" PRIu64 ", \"end\": %" PRIu64 ", \"busy\": %" PRIu64, number,
            region.harts_done, region.begin, region.end, region.busy);
    fprintf(option.out,
            ", \"instrs\": %" PRIu64 ", \"moved\": %" PRIu64 ", \"interrupts\": %" PRIu64 ", \"shared\": %u}\n",
            region.instrs, region.moved, region.interrupts, shared);
    fflush(option.out);
    memset(&region, 0, sizeof region);
}

static void region_end(struct hart *h, uint64_t now)
{
    h->in_region = false;
    region.end = now > region.end ? now : region.end;
    region.busy += now - h->begin_cycles;
    region.instrs += h->instrs - h->begin_instrs;
    region.moved += h->moved - h->begin_moved;
    region.harts_done++;
    if (--region.harts_in == 0)
        region_report(h->regions);
}

static void mark(unsigned c, void *which)
{
    struct hart *h = &hart[c];

    switch ((enum mark)(uintptr_t)which) {
    case MARK_BEGIN:
        if (!h->in_region)
            region_begin(h, hart_clock[c].cycles);
        break;
    case MARK_END:
        if (h->in_region)
            region_end(h, hart_clock[c].cycles);
        break;
    case MARK_TRACK:
        tracking += !h->tracks;
        h->tracks = true;
        break;
    case MARK_UNTRACK:
        tracking -= h->tracks;
        h->tracks = false;
        break;
    }
    turns_set_quantum(tracking ? option.quantum : option.coarse);
}

/* ---- Execution ---- */

/* A block of `instrs` instructions is about to run. Leaves it, as if it had not been reached, if it is another hart's
 * turn. All its instructions count, also where a fault ends it early. */
static void block(unsigned c, void *instrs)
{
    if (!turns_may_run(c)) {
        cpu_exit(current_cpu);
        cpu_loop_exit_restore(current_cpu, (uintptr_t)__builtin_return_address(0));
    }
    hart_clock[c].cycles += (uintptr_t)instrs;
    hart[c].instrs += (uintptr_t)instrs;
}

static void wait_for_interrupt(unsigned c, void *unused)
{
    (void)unused;
    turns_sleep(c);
}

static void device_access(unsigned c, uint64_t paddr, bool store)
{
    uint64_t to = (paddr - MSWI_BASE) / MSWI_BYTES;

    hart_clock[c].cycles += option.device;
    if (!store || paddr < MSWI_BASE || to >= harts || to == c) /* a hart takes its own interrupt back there */
        return;
    if (hart[c].in_region)
        region.interrupts++;
    turns_interrupt(c, (unsigned)to, option.interrupt);
    cpu_exit(current_cpu);
}

static void access_memory(unsigned c, qemu_plugin_meminfo_t info, uint64_t vaddr, void *site)
{
    bool store = qemu_plugin_mem_is_store(info);

    if (!tracking && vaddr - MSWI_BASE >= harts * MSWI_BYTES) /* interrupts are always seen: the firmware sends them */
        return;
    struct qemu_plugin_hwaddr *address = qemu_plugin_get_hwaddr(info, vaddr);
    if (address == NULL)
        return;
    uint64_t paddr = qemu_plugin_hwaddr_phys_addr(address);
    if (qemu_plugin_hwaddr_is_io(address)) {
        device_access(c, paddr, store);
        return;
    }
    if (!tracking)
        return;
    const struct line_access a = {
        .hart = c,
        .store = store,
        .region = hart[c].in_region ? hart[c].regions : 0,
        .clock = hart_clock[c].cycles,
        .paddr = paddr,
        .vaddr = vaddr,
        .site = site,
    };
    hart_clock[c].cycles = lines_access(&a, &hart[c].moved);
}

/* An instruction that reads and writes at once: its line is fetched to be written. (QEMU 7.2 does not heed a wish for
 * stores alone.) */
static void access_amo(unsigned c, qemu_plugin_meminfo_t info, uint64_t vaddr, void *site)
{
    if (qemu_plugin_mem_is_store(info))
        access_memory(c, info, vaddr, site);
}

/* ---- Translation ---- */

static void *must_have(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* The first bytes of a block, for reports; blocks stay for ever, as their sites may be named until the end. */
static const struct code_block *block_keep(struct qemu_plugin_tb *tb, size_t count)
{
    struct code_block *b = must_have(calloc(1, sizeof *b + CODE_BYTES));

    b->pc = qemu_plugin_tb_vaddr(tb);
    for (size_t i = 0; i < count; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t bytes = qemu_plugin_insn_size(insn);
        if (b->bytes + bytes > CODE_BYTES)
            break;
        memcpy(b->code + b->bytes, qemu_plugin_insn_data(insn), bytes);
        b->bytes += (uint32_t)bytes;
    }
    return b;
}

static uint32_t encoding(const struct qemu_plugin_insn *insn)
{
    uint32_t code = 0;

    memcpy(&code, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn) == 4 ? 4 : 2);
    return code;
}

/* amoadd and the like read and write in one access, for which QEMU calls back twice; load-reserved and store-conditional are
 * two accesses. */
static bool is_amo(uint32_t code)
{
    uint32_t which = code >> 27;

    return (code & 0x7f) == 0x2f && which != 2 && which != 3;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    const struct code_block *b = block_keep(tb, count);
    struct code_site *site = must_have(calloc(count, sizeof *site));

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, block, QEMU_PLUGIN_CB_RW_REGS, (void *)count);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t code = encoding(insn);
        site[i] = (struct code_site){qemu_plugin_insn_vaddr(insn), b};
        if (code == WFI)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, wait_for_interrupt, QEMU_PLUGIN_CB_NO_REGS, NULL);
        uintptr_t number = code >> 20;
        if ((code & MARK_MASK) == MARK_CODE && number >= MARK_BEGIN && number <= MARK_UNTRACK)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS, (void *)number);
        qemu_plugin_register_vcpu_mem_cb(insn, is_amo(code) ? access_amo : access_memory, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW, &site[i]);
    }
}

/* ---- Installation ---- */

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const struct plugin_option options[] = {
        {"out=", plugin_file, &option.out},
        {"quantum=", plugin_number, &option.quantum},
        {"coarse=", plugin_number, &option.coarse},
        {"device=", plugin_number, &option.device},
        {"interrupt=", plugin_number, &option.interrupt},
        {"memory=", plugin_number, &option.line.memory},
        {"transfer=", plugin_number, &option.line.transfer},
        {"upgrade=", plugin_number, &option.line.upgrade},
        {"invalidate=", plugin_number, &option.line.invalidate},
        {"occupy=", plugin_number, &option.line.occupy},
    };

    if (!plugin_start("timing", info, LINES_HARTS_MAX, argc, argv, options, sizeof options / sizeof options[0]))
        return -1;
    harts = (unsigned)info->system.smp_vcpus;
    if (option.out == NULL)
        return plugin_refuse("timing", "needs out=FILE");
    if (!lines_init(RAM_BASE, RAM_BYTES, &option.line))
        return plugin_refuse("timing", "no address space for the directory of lines");
    turns_init(harts, option.coarse);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
