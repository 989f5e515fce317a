/* Values of device-tree properties: cells, strings, `reg`, reservations; the contract is in boot/fdt.h.
 *
 * Works on what fdt.c hands out and checks every length against the property's own. There are no locks.
 */
#include <boot/fdt.h>
#include <string.h>

/* `cells` is 0, 1 or 2. */
static uint64_t cells_read(const uint8_t *p, uint32_t cells)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 4 * cells; i++)
        value = value << 8 | p[i];
    return value;
}

int dt_u64(const struct dt *t, int node, const char *name, uint64_t *value)
{
    struct dt_prop p;
    int error = dt_prop(t, node, name, &p);
    if (error != DT_OK)
        return error;
    if (p.bytes != 4 && p.bytes != 8)
        return DT_BAD_VALUE;
    *value = cells_read(p.data, p.bytes / 4);
    return DT_OK;
}

int dt_u32(const struct dt *t, int node, const char *name, uint32_t *value)
{
    struct dt_prop p;
    int error = dt_prop(t, node, name, &p);
    if (error != DT_OK)
        return error;
    if (p.bytes != 4)
        return DT_BAD_VALUE;
    *value = (uint32_t)cells_read(p.data, 1);
    return DT_OK;
}

int dt_cell(const struct dt_prop *p, uint32_t index, uint32_t *value)
{
    if (p->bytes % 4 != 0)
        return DT_BAD_VALUE;
    if (index >= p->bytes / 4)
        return DT_NOT_FOUND;
    *value = (uint32_t)cells_read(p->data + (size_t)index * 4, 1);
    return DT_OK;
}

/* The string after `s` in a list whose last byte is known to be zero; NULL at its end. `s` NULL: the first. */
static const char *string_next(const struct dt_prop *p, const char *s)
{
    const char *next = s ? s + strlen(s) + 1 : (const char *)p->data;
    return next < (const char *)p->data + p->bytes ? next : NULL;
}

static int is_string_list(const struct dt_prop *p)
{
    return p->bytes > 0 && p->data[p->bytes - 1] == 0;
}

const char *dt_string(const struct dt *t, int node, const char *name, uint32_t index)
{
    struct dt_prop p;
    if (dt_prop(t, node, name, &p) != DT_OK || !is_string_list(&p))
        return NULL;
    const char *s = string_next(&p, NULL);
    for (; s && index > 0; index--)
        s = string_next(&p, s);
    return s;
}

int dt_is_compatible(const struct dt *t, int node, const char *compatible)
{
    struct dt_prop p;
    if (dt_prop(t, node, "compatible", &p) != DT_OK || !is_string_list(&p))
        return 0;
    for (const char *s = string_next(&p, NULL); s; s = string_next(&p, s))
        if (strcmp(s, compatible) == 0)
            return 1;
    return 0;
}

int dt_is_enabled(const struct dt *t, int node)
{
    struct dt_prop p;
    if (dt_prop(t, node, "status", &p) != DT_OK)
        return 1;
    const char *s = dt_string(t, node, "status", 0);
    return s && (strcmp(s, "okay") == 0 || strcmp(s, "ok") == 0);
}

static int cells_of(const struct dt *t, int node, const char *name, uint32_t absent, uint32_t *cells)
{
    int error = dt_u32(t, node, name, cells);
    if (error == DT_NOT_FOUND) {
        *cells = absent;
        error = DT_OK;
    }
    return error == DT_OK && *cells > 2 ? DT_BAD_VALUE : error;
}

int dt_cells(const struct dt *t, int node, uint32_t *address_cells, uint32_t *size_cells)
{
    uint32_t address, size;
    int error = cells_of(t, node, "#address-cells", 2, &address);
    if (error == DT_OK)
        error = cells_of(t, node, "#size-cells", 1, &size);
    if (error != DT_OK)
        return error;
    *address_cells = address;
    *size_cells = size;
    return DT_OK;
}

int dt_reg_in(const struct dt *t, int parent, int node, uint32_t index, uint64_t *address, uint64_t *bytes)
{
    struct dt_prop p;
    uint32_t address_cells, size_cells;
    int error = dt_prop(t, node, "reg", &p);
    if (error == DT_OK)
        error = dt_cells(t, parent, &address_cells, &size_cells);
    if (error != DT_OK)
        return error;
    uint32_t entry_bytes = 4 * (address_cells + size_cells);
    if (entry_bytes == 0 || p.bytes % entry_bytes != 0)
        return DT_BAD_VALUE;
    if (index >= p.bytes / entry_bytes)
        return DT_NOT_FOUND;
    const uint8_t *entry = p.data + (size_t)index * entry_bytes;
    if (address)
        *address = cells_read(entry, address_cells);
    if (bytes)
        *bytes = cells_read(entry + 4 * (size_t)address_cells, size_cells);
    return DT_OK;
}

int dt_reg(const struct dt *t, int node, uint32_t index, uint64_t *address, uint64_t *bytes)
{
    int parent = dt_parent(t, node);
    return parent < 0 ? parent : dt_reg_in(t, parent, node, index, address, bytes);
}

int dt_reservation(const struct dt *t, uint32_t index, uint64_t *address, uint64_t *bytes)
{
    if (index >= t->reserve_count)
        return DT_NOT_FOUND;
    const uint8_t *entry = t->blob + t->reserve_at + (size_t)index * 16;
    *address = cells_read(entry, 2);
    *bytes = cells_read(entry + 8, 2);
    return DT_OK;
}
