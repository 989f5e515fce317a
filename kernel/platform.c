/* Reading the device tree (Devicetree Specification v0.4, chapter 3; bindings riscv/cpus, riscv/extensions,
 * interrupt-controller/sifive,plic-1.0.0). One hart, at boot; constant afterwards. What lies outside the direct map is
 * left out everywhere, since the kernel could not reach it. Devices are in platform_devices.c.
 */
#include "platform.h"
#include "console.h"
#include "platform_devices.h"
#include "sbi.h"
#include <boot/fdt.h>
#include <string.h>

struct platform platform;

extern char kernel_start[], kernel_end[]; /* kernel.ld */

static uint64_t page_down(uint64_t address)
{
    return address & ~(TN_PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + TN_PAGE_BYTES - 1);
}

static void add_reserved(uint64_t base, uint64_t bytes)
{
    if (bytes == 0 || base >= DIRECT_MAP_BYTES)
        return;
    if (bytes > DIRECT_MAP_BYTES - base)
        bytes = DIRECT_MAP_BYTES - base;
    if (platform.reserved_count == RESERVED_MAX) {
        kprintf("boot: more than %u reserved ranges in the device tree\n", RESERVED_MAX);
        platform_stop(true);
    }
    platform.reserved[platform.reserved_count++] =
        (struct range){{page_down(base)}, page_up(base + bytes) - page_down(base)};
}

static void add_memory(uint64_t base, uint64_t bytes)
{
    if (base >= DIRECT_MAP_BYTES || platform.memory_count == MEMORY_BANKS_MAX)
        return;
    if (bytes > DIRECT_MAP_BYTES - base)
        bytes = DIRECT_MAP_BYTES - base;
    uint64_t low = page_up(base), high = page_down(base + bytes);
    if (low < high)
        platform.memory[platform.memory_count++] = (struct range){{low}, high - low};
}

static void read_memory(const struct dt *t)
{
    uint64_t base, bytes;
    int root = dt_root(t);
    for (int node = dt_first_child(t, root); node >= 0; node = dt_next_sibling(t, node)) {
        const char *type = dt_string(t, node, "device_type", 0);
        if (type == NULL || strcmp(type, "memory") != 0 || !dt_is_enabled(t, node))
            continue;
        for (uint32_t i = 0; dt_reg_in(t, root, node, i, &base, &bytes) == DT_OK; i++)
            add_memory(base, bytes);
    }
}

static uint64_t round_up_to_power_of_two(uint64_t bytes)
{
    uint64_t power = TN_PAGE_BYTES;
    while (power < bytes)
        power <<= 1;
    return power;
}

/* The firmware stands below the kernel. Not every firmware says so, hence the bank up to the kernel is its own. */
static void reserve_image(void)
{
    uint64_t start = virt_to_phys(kernel_start).v, end = virt_to_phys(kernel_end).v;
    for (uint32_t i = 0; i < platform.memory_count; i++) {
        uint64_t base = platform.memory[i].base.v;
        if (base <= start && start - base < platform.memory[i].bytes)
            add_reserved(base, end - base);
    }
}

static void read_reserved(const struct dt *t)
{
    uint64_t base, bytes;
    for (uint32_t i = 0; dt_reservation(t, i, &base, &bytes) == DT_OK; i++)
        add_reserved(base, bytes);
    int parent = dt_find_path(t, "/reserved-memory");
    for (int node = parent >= 0 ? dt_first_child(t, parent) : -1; node >= 0; node = dt_next_sibling(t, node))
        for (uint32_t i = 0; dt_reg_in(t, parent, node, i, &base, &bytes) == DT_OK; i++)
            add_reserved(base, bytes);
    reserve_image();
    add_reserved(virt_to_phys(platform.dtb).v, platform.dtb_bytes);
    /* Where the initrd is naturally aligned, init gets it as one Frame where it stands: up to a power of two. */
    uint64_t frame_bytes = round_up_to_power_of_two(platform.initrd.bytes);
    bool aligned = platform.initrd.base.v % frame_bytes == 0;
    if (platform.initrd.bytes != 0)
        add_reserved(platform.initrd.base.v, aligned ? frame_bytes : platform.initrd.bytes);
}

static void read_chosen(const struct dt *t)
{
    uint64_t start, end;
    int node = dt_find_path(t, "/chosen");
    if (node < 0)
        return;
    const char *bootargs = dt_string(t, node, "bootargs", 0);
    if (bootargs != NULL && strlen(bootargs) >= sizeof(platform.bootargs))
        kprintf("boot: bootargs longer than %lu bytes, the rest is not read\n", sizeof(platform.bootargs) - 1);
    if (bootargs != NULL)
        strncpy(platform.bootargs, bootargs, sizeof(platform.bootargs) - 1);
    if (dt_u64(t, node, "linux,initrd-start", &start) == DT_OK && dt_u64(t, node, "linux,initrd-end", &end) == DT_OK &&
        start < end && end <= DIRECT_MAP_BYTES)
        platform.initrd = (struct range){{start}, end - start};
}

/* ---- harts ---- */

static bool same_extension(const char *token, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    if (length < name_length)
        return false;
    for (size_t i = 0; i < name_length; i++)
        if ((token[i] | 0x20) != name[i])
            return false;
    return length == name_length || (token[name_length] >= '0' && token[name_length] <= '9'); /* a version may follow */
}

/* `name` is an extension in small letters. riscv,isa-extensions lists names; the older riscv,isa is one string like
 * "rv64imafdc_zicsr_sstc", whose single letters stand behind "rv64" without separators. */
static bool hart_has(const struct dt *t, int cpu, const char *name)
{
    const char *extension;
    for (uint32_t i = 0; (extension = dt_string(t, cpu, "riscv,isa-extensions", i)) != NULL; i++)
        if (same_extension(extension, strlen(extension), name))
            return true;
    const char *isa = dt_string(t, cpu, "riscv,isa", 0);
    if (name[1] == 0 && isa != NULL && strlen(isa) > 4) {
        size_t letters = strcspn(isa + 4, "_");
        return memchr(isa + 4, name[0], letters) != NULL || memchr(isa + 4, 'g', letters) != NULL; /* g: imafd */
    }
    while (isa != NULL && (isa = strchr(isa, '_')) != NULL) {
        isa++;
        if (same_extension(isa, strcspn(isa, "_"), name))
            return true;
    }
    return false;
}

static void add_hart(uint64_t hartid)
{
    uint32_t at = platform.hart_count++;
    for (; at > 0 && platform.hartids[at - 1] > hartid; at--)
        platform.hartids[at] = platform.hartids[at - 1];
    platform.hartids[at] = hartid;
}

static void read_features(const struct dt *t, int cpu)
{
    uint32_t block_bytes = 0;
    platform.has_fp &= hart_has(t, cpu, "d");
    platform.has_sstc &= hart_has(t, cpu, "sstc");
    platform.has_svinval &= hart_has(t, cpu, "svinval");
    platform.has_svpbmt &= hart_has(t, cpu, "svpbmt");
    platform.has_zicboz &= hart_has(t, cpu, "zicboz") && dt_u32(t, cpu, "riscv,cboz-block-size", &block_bytes) == DT_OK;
    if (platform.cboz_block_bytes == 0)
        platform.cboz_block_bytes = block_bytes;
    bool usable = block_bytes >= 8 && block_bytes <= TN_PAGE_BYTES && (block_bytes & (block_bytes - 1)) == 0;
    platform.has_zicboz &= usable && block_bytes == platform.cboz_block_bytes;
}

static void read_harts(const struct dt *t)
{
    uint64_t hartid;
    int cpus = dt_find_path(t, "/cpus");
    if (cpus < 0)
        return;
    platform.has_fp = platform.has_sstc = platform.has_svinval = platform.has_svpbmt = platform.has_zicboz = true;
    dt_u64(t, cpus, "timebase-frequency", &platform.timebase_hz);
    for (int cpu = dt_first_child(t, cpus); cpu >= 0; cpu = dt_next_sibling(t, cpu)) {
        const char *type = dt_string(t, cpu, "device_type", 0);
        if (type == NULL || strcmp(type, "cpu") != 0 || !dt_is_enabled(t, cpu) || platform.hart_count == TN_HARTS_MAX ||
            dt_reg_in(t, cpus, cpu, 0, &hartid, NULL) != DT_OK)
            continue;
        add_hart(hartid);
        read_features(t, cpu);
        if (platform.timebase_hz == 0)
            dt_u64(t, cpu, "timebase-frequency", &platform.timebase_hz);
    }
}

static const char *what_is_missing(void)
{
    if (platform.memory_count == 0)
        return "no memory";
    if (platform.hart_count == 0)
        return "no hart";
    if (platform.timebase_hz == 0)
        return "no timebase-frequency";
    return NULL;
}

bool platform_is_ram(paddr_t base, uint64_t bytes)
{
    uint32_t banks = 0;
    for (uint32_t i = 0; i < platform.memory_count; i++) {
        struct range r = platform.memory[i];
        banks += r.base.v <= base.v && base.v + bytes <= r.base.v + r.bytes;
    }
    return banks != 0;
}

bool platform_init(const void *dtb)
{
    struct dt t;
    int error = dt_open(&t, dtb, DT_BLOB_BYTES_MAX);
    if (error != DT_OK) {
        kprintf("boot: device tree at %p: %s (byte %u)\n", dtb, dt_strerror(error), t.bad_at);
        return false;
    }
    platform.dtb = dtb;
    platform.dtb_bytes = t.total_bytes;
    platform_read_test_device(&t); /* first: whatever is refused below ends the machine with it */
    read_chosen(&t);
    read_memory(&t);
    read_harts(&t);
    read_reserved(&t);
    platform_read_devices(&t);
    const char *missing = what_is_missing();
    if (missing != NULL)
        kprintf("boot: the device tree has %s\n", missing);
    return missing == NULL;
}

const char *platform_bootarg(const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    for (const char *at = platform.bootargs; *at != '\0';) {
        size_t token = strcspn(at, " ");
        if (token > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            *length = token - name_length - 1;
            return at + name_length + 1;
        }
        at += token + strspn(at + token, " ");
    }
    return NULL;
}

void platform_stop(bool failure)
{
    enum { TEST_PASS = 0x5555, TEST_FAIL = 0x3333 }; /* SiFive test finisher; the exit status stands in bits 31..16 */
    if (platform.test_device.v != 0)
        *(volatile uint32_t *)phys_to_virt(platform.test_device) = failure ? TEST_FAIL | 1u << 16 : TEST_PASS;
    sbi_shutdown(failure);
    for (;;)
        __asm__ volatile("wfi");
}
