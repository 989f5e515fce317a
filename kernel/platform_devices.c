/* Devices of the device tree. The kernel keeps the interrupt controller; the firmware the CLINT or ACLINT; every
 * other register range becomes a device Untyped of init's. Called once, from platform.c. */
#include "platform_devices.h"
#include "platform.h"
#include <string.h>

static const char *const kept_back[] = {
    "sifive,plic-1.0.0", "riscv,plic0",         "sifive,clint0",     "riscv,clint0",
    "riscv,aclint-mswi", "riscv,aclint-mtimer", "riscv,aclint-sswi", "riscv,imsics",
};

static bool is_kept_back(const struct dt *t, int node)
{
    const char *compatible;
    for (uint32_t i = 0; (compatible = dt_string(t, node, "compatible", i)) != NULL; i++)
        for (size_t k = 0; k < sizeof(kept_back) / sizeof(kept_back[0]); k++)
            if (strcmp(compatible, kept_back[k]) == 0)
                return true;
    const char *type = dt_string(t, node, "device_type", 0);
    return type != NULL && strcmp(type, "memory") == 0;
}

static bool overlaps_memory(uint64_t base, uint64_t end)
{
    for (uint32_t i = 0; i < platform.memory_count; i++)
        if (base < platform.memory[i].base.v + platform.memory[i].bytes && end > platform.memory[i].base.v)
            return true;
    return false;
}

/* Keeps devices[] sorted; ranges that overlap or touch become one. */
static void add_device(uint64_t base, uint64_t bytes)
{
    if (bytes == 0 || base >= DIRECT_MAP_BYTES || bytes > DIRECT_MAP_BYTES - base)
        return;
    uint64_t low = base & ~(TN_PAGE_BYTES - 1), high = (base + bytes + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
    if (overlaps_memory(low, high))
        return;
    struct range *d = platform.devices;
    uint32_t at = 0, after;
    while (at < platform.device_count && d[at].base.v + d[at].bytes < low)
        at++;
    for (after = at; after < platform.device_count && d[after].base.v <= high; after++) {
        uint64_t end = d[after].base.v + d[after].bytes;
        low = d[after].base.v < low ? d[after].base.v : low;
        high = end > high ? end : high;
    }
    if (after == at && platform.device_count == DEVICES_MAX)
        return; /* init sees the device in the tree and finds no Untyped for it */
    memmove(&d[at + 1], &d[after], (platform.device_count - after) * sizeof(d[0]));
    platform.device_count += at + 1 - after;
    d[at] = (struct range){{low}, high - low};
}

static void read_bus(const struct dt *t, int bus)
{
    uint64_t base, bytes;
    for (int node = dt_first_child(t, bus); node >= 0; node = dt_next_sibling(t, node)) {
        if (is_kept_back(t, node) || !dt_is_enabled(t, node))
            continue;
        for (uint32_t i = 0; dt_reg_in(t, bus, node, i, &base, &bytes) == DT_OK; i++)
            add_device(base, bytes);
    }
}

/* Buses whose addresses are the machine's own: `ranges` is there and empty. */
static void read_buses(const struct dt *t)
{
    struct dt_prop ranges;
    int root = dt_root(t);
    read_bus(t, root);
    for (int node = dt_first_child(t, root); node >= 0; node = dt_next_sibling(t, node))
        if (dt_is_compatible(t, node, "simple-bus") && dt_prop(t, node, "ranges", &ranges) == DT_OK &&
            ranges.bytes == 0)
            read_bus(t, node);
}

/* The phandle of each hart's interrupt controller, by index into platform.hartids; 0: none. */
static void read_hart_phandles(const struct dt *t, uint32_t phandles[TN_HARTS_MAX])
{
    uint64_t hartid;
    int cpus = dt_find_path(t, "/cpus");
    memset(phandles, 0, TN_HARTS_MAX * sizeof(phandles[0]));
    for (int cpu = cpus >= 0 ? dt_first_child(t, cpus) : -1; cpu >= 0; cpu = dt_next_sibling(t, cpu)) {
        if (dt_reg_in(t, cpus, cpu, 0, &hartid, NULL) != DT_OK)
            continue;
        uint32_t i = 0;
        while (i < platform.hart_count && platform.hartids[i] != hartid)
            i++;
        for (int node = dt_first_child(t, cpu); i < platform.hart_count && node >= 0; node = dt_next_sibling(t, node))
            if (dt_is_compatible(t, node, "riscv,cpu-intc"))
                dt_u32(t, node, "phandle", &phandles[i]);
    }
}

/* interrupts-extended: one pair (interrupt controller of a hart, its interrupt) a context, in order; ~0 where a
 * context is not connected. */
static void read_plic_contexts(const struct dt *t, int node)
{
    enum { S_EXTERNAL = 9, PLIC_CONTEXTS_MAX = 15872 };
    struct dt_prop contexts;
    uint32_t phandle, interrupt, phandles[TN_HARTS_MAX];
    read_hart_phandles(t, phandles);
    if (dt_prop(t, node, "interrupts-extended", &contexts) != DT_OK)
        return;
    for (uint32_t context = 0; context < PLIC_CONTEXTS_MAX; context++) {
        if (dt_cell(&contexts, 2 * context, &phandle) != DT_OK ||
            dt_cell(&contexts, 2 * context + 1, &interrupt) != DT_OK)
            return;
        for (uint32_t i = 0; interrupt == S_EXTERNAL && i < platform.hart_count; i++)
            if (phandles[i] == phandle && phandle != 0)
                platform.plic_context[i] = context;
    }
}

static void read_plic(const struct dt *t)
{
    uint64_t base, bytes;
    uint32_t irqs;
    for (uint32_t i = 0; i < TN_HARTS_MAX; i++)
        platform.plic_context[i] = ~0u;
    int node = dt_find_compatible(t, DT_NONE, "sifive,plic-1.0.0");
    if (node < 0)
        node = dt_find_compatible(t, DT_NONE, "riscv,plic0");
    if (node < 0 || dt_reg(t, node, 0, &base, &bytes) != DT_OK || dt_u32(t, node, "riscv,ndev", &irqs) != DT_OK ||
        base >= DIRECT_MAP_BYTES || bytes > DIRECT_MAP_BYTES - base)
        return;
    platform.plic = (struct range){{base}, bytes};
    platform.plic_irqs = irqs < PLATFORM_IRQS_MAX ? irqs : PLATFORM_IRQS_MAX;
    read_plic_contexts(t, node);
}

void platform_read_test_device(const struct dt *t)
{
    uint64_t base;
    int node = dt_find_compatible(t, DT_NONE, "sifive,test0");
    if (node < 0)
        node = dt_find_compatible(t, DT_NONE, "sifive,test1");
    if (node >= 0 && dt_reg(t, node, 0, &base, NULL) == DT_OK && base < DIRECT_MAP_BYTES)
        platform.test_device = (paddr_t){base};
}

void platform_read_devices(const struct dt *t)
{
    read_plic(t);
    read_buses(t);
}
