/* What the tests take from the device tree: the test device that ends QEMU, the boot arguments, other devices' registers. */
#include <string.h>
#include <boot/fdt.h>
#include "mem.h"

#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL (0x3333u | 1u << 16)

static struct dt tree;
static bool tree_ok;
static volatile uint32_t *finisher;

static void open_tree(void)
{
    static bool tried;

    if (!tried)
        tree_ok = dt_open(&tree, (const void *)TN_INIT_DTB, kt_boot->dtb_bytes) == DT_OK;
    tried = true;
}

bool kt_device(const char *compatible, uint64_t *paddr, uint32_t *irq)
{
    open_tree();
    if (!tree_ok)
        return false;
    int node = dt_find_compatible(&tree, DT_NONE, compatible);
    if (node < 0 || dt_reg(&tree, node, 0, paddr, NULL) != DT_OK)
        return false;
    if (irq && dt_u32(&tree, node, "interrupts", irq) != DT_OK)
        *irq = 0;
    return true;
}

bool kt_bootarg(const char *key, char *value, size_t bytes)
{
    open_tree();
    int chosen = tree_ok ? dt_find_path(&tree, "/chosen") : -1;
    const char *args = chosen >= 0 ? dt_string(&tree, chosen, "bootargs", 0) : NULL;
    size_t key_bytes = strlen(key);

    while (args && *args) {
        size_t n = strcspn(args, " ");
        if (n > key_bytes && memcmp(args, key, key_bytes) == 0 && args[key_bytes] == '=' && n - key_bytes <= bytes) {
            memcpy(value, args + key_bytes + 1, n - key_bytes - 1);
            value[n - key_bytes - 1] = 0;
            return true;
        }
        args += n + strspn(args + n, " ");
    }
    return false;
}

void kt_devices_init(void)
{
    uint64_t paddr;

    if (kt_device("ns16550a", &paddr, NULL))
        kt_device_claim(paddr);
    if (kt_device("sifive,test1", &paddr, NULL)) {
        kt_device_claim(paddr);
        finisher = kt_map_device(paddr, KT_WINDOW_FINISHER);
    }
    if (!finisher)
        kt_printf("# no test device: the run cannot end QEMU\n");
}

void kt_finish(bool passed)
{
    if (finisher)
        *finisher = passed ? FINISHER_PASS : FINISHER_FAIL;
    kt_printf("# ktest: %s, but QEMU goes on\n", passed ? "passed" : "failed");
    for (;;) {
        if (kt_self() != &kt_main_thread)
            kt_yield();
    }
}
