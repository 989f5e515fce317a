// uses: libboot/fdt.c libboot/fdt_value.c
/* libFuzzer: arbitrary bytes as a device tree. Everything that the reader offers is called on what it accepts. */
#include <stdlib.h>
#include <string.h>
#include <boot/fdt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sink;

static void use_properties(const struct dt *t, int node)
{
    struct dt_prop p;
    uint64_t address, size;
    uint32_t cell;
    for (int error = dt_prop_first(t, node, &p); error == DT_OK; error = dt_prop_next(t, &p)) {
        sink += strlen(p.name);
        for (uint32_t i = 0; i < p.bytes; i++)
            sink += p.data[i];
        const char *s = dt_string(t, node, p.name, p.bytes % 3);
        sink += s ? strlen(s) : 0;
        if (dt_cell(&p, p.bytes / 5, &cell) == DT_OK)
            sink += cell;
        if (dt_u64(t, node, p.name, &address) == DT_OK)
            sink += address;
    }
    if (dt_reg(t, node, 1, &address, &size) == DT_OK)
        sink += address + size;
}

/* A hostile blob may hold thousands of nodes; linear look-ups in each of them would only be slow. */
static void use_tree(const struct dt *t)
{
    int depth = 0, nodes = 0;
    for (int node = dt_root(t); node >= 0; node = dt_next(t, node, &depth)) {
        if (depth < 0 || depth >= DT_DEPTH_MAX)
            abort();
        if (++nodes > 64)
            continue;
        use_properties(t, node);
        int parent = dt_parent(t, node);
        if ((parent >= 0) != (depth > 0))
            abort();
        sink += strlen(dt_name(t, node)) + (uint64_t)dt_is_enabled(t, node);
        sink += (uint64_t)dt_next_sibling(t, node) + (uint64_t)dt_find_child(t, node, "cpu", 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct dt t;
    int error = dt_open(&t, data, bytes);
    if (error != DT_OK) {
        if (t.bad_at > bytes && t.bad_at > 40)
            abort();
        sink += strlen(dt_strerror(error));
        return 0;
    }
    use_tree(&t);
    uint64_t address, size;
    for (uint32_t i = 0; dt_reservation(&t, i, &address, &size) == DT_OK; i++)
        sink += address + size;
    sink += (uint64_t)dt_find_path(&t, "/soc/serial@10000000/x") + (uint64_t)dt_find_path(&t, "/cpus/cpu");
    sink += (uint64_t)dt_find_compatible(&t, DT_NONE, "riscv") + (uint64_t)dt_find_phandle(&t, 1);
    /* handles that the reader never gave out */
    if (bytes >= 48)
        for (int i = 40; i < 48; i++)
            sink += strlen(dt_name(&t, data[i] * 4)) + (uint64_t)dt_next(&t, data[i], NULL);
    return 0;
}
