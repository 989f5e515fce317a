/* Reader of flattened device trees (Devicetree Specification v0.4, chapter 5).
 *
 * dt_open() checks the whole blob once: header, reservation block, every token, name and property. What it accepted,
 * the other functions walk; they check every offset again all the same, so that arbitrary bytes cannot lead them
 * outside the blob or into an endless loop. No function allocates, keeps state, recurses or needs aligned data.
 *
 * A node is named by a non-negative handle (its offset in the structure block), the root by dt_root(). Where a node is
 * returned, a negative value is an enum dt_error. Pointers handed out point into the blob.
 *
 * Include as <boot/fdt.h> with -Ilibboot. The names start with dt_ so that libfdt can be linked beside it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum dt_error {
    DT_OK = 0,
    DT_NOT_FOUND = -1,        /* no such node, property or element */
    DT_BAD_MAGIC = -2,        /* the blob does not start with 0xd00dfeed */
    DT_BAD_VERSION = -3,      /* not readable as version 17 */
    DT_BAD_HEADER = -4,       /* a block lies outside the blob, overlaps the header or is misaligned */
    DT_TRUNCATED = -5,        /* the blob is longer than the memory it stands in, or a block ends too early */
    DT_BAD_TOKEN = -6,        /* an unknown token, or one where it must not stand */
    DT_BAD_NAME = -7,         /* a node's or property's name is not terminated, is empty, or lies outside its block */
    DT_BAD_NESTING = -8,      /* more ends than beginnings, a second root, or deeper than DT_DEPTH_MAX */
    DT_BAD_VALUE = -9,        /* the property is there, but its length or content is not what was asked for */
    DT_BAD_RESERVATION = -10, /* the memory reservation block is not terminated */
};

#define DT_DEPTH_MAX 64 /* root: depth 1 */
#define DT_NONE (-1)    /* dt_find_compatible(): start before the first node */
#define DT_BLOB_BYTES_MAX 0x7fffffffu

struct dt {
    const uint8_t *blob;
    uint32_t total_bytes;
    uint32_t struct_at, struct_bytes; /* offsets in the blob */
    uint32_t strings_at, strings_bytes;
    uint32_t reserve_at, reserve_count; /* number of reservations, terminator not counted */
    uint32_t boot_hart;                 /* boot_cpuid_phys */
    uint32_t bad_at;                    /* after an error of dt_open(): offset in the blob where it was found */
};

struct dt_prop {
    const char *name;    /* terminated */
    const uint8_t *data; /* not aligned */
    uint32_t bytes;
    uint32_t next; /* for dt_prop_next() */
};

/* Checks the blob of at most `max_bytes` bytes and fills `t`. DT_OK, or any error but NOT_FOUND and BAD_VALUE; then
 * `t->bad_at` says where, and `t` must not be used further. */
int dt_open(struct dt *t, const void *blob, size_t max_bytes);

/* One line of English for an enum dt_error; never NULL. */
const char *dt_strerror(int error);

/* Walking. NOT_FOUND where there is no further node. */
int dt_root(const struct dt *t);
int dt_first_child(const struct dt *t, int node);
int dt_next_sibling(const struct dt *t, int node);
int dt_parent(const struct dt *t, int node);           /* walks from the root: linear in the tree */
int dt_next(const struct dt *t, int node, int *depth); /* in depth-first order over the whole tree; `depth` (may be
                                                        * NULL) is adjusted by how much deeper the next node lies */
const char *dt_name(const struct dt *t, int node);     /* with the unit address; "" for the root and for a bad handle */

/* Finding a node. NOT_FOUND if there is none. */
int dt_find_path(const struct dt *t, const char *path); /* "/soc/serial@10000000"; a unit address may be left out where
                                                         * the first node of the name is meant. No aliases. */
int dt_find_child(const struct dt *t, int node, const char *name, size_t name_bytes); /* by the same rule */
int dt_find_compatible(const struct dt *t, int after, const char *compatible);        /* the next node after `after` */
int dt_find_phandle(const struct dt *t, uint32_t phandle);

/* Properties of one node, in order. DT_OK or NOT_FOUND. */
int dt_prop_first(const struct dt *t, int node, struct dt_prop *p);
int dt_prop_next(const struct dt *t, struct dt_prop *p);
int dt_prop(const struct dt *t, int node, const char *name, struct dt_prop *p); /* by name */

/* Values. NOT_FOUND: no such property or index; BAD_VALUE: not of that form. Outputs are written on success only. */
int dt_u32(const struct dt *t, int node, const char *name, uint32_t *value);           /* exactly one cell */
int dt_u64(const struct dt *t, int node, const char *name, uint64_t *value);           /* one or two cells */
int dt_cell(const struct dt_prop *p, uint32_t index, uint32_t *value);                 /* element of a cell array */
const char *dt_string(const struct dt *t, int node, const char *name, uint32_t index); /* of a string list; NULL: none,
                                                                                        * or not terminated */
int dt_is_compatible(const struct dt *t, int node, const char *compatible);            /* 1 or 0 */
int dt_is_enabled(const struct dt *t, int node); /* 1 unless `status` is there and neither "okay" nor "ok" */

/* #address-cells and #size-cells that hold for the children of `node`; 2 and 1 where absent. BAD_VALUE above 2: such
 * addresses do not fit into 64 bits. */
int dt_cells(const struct dt *t, int node, uint32_t *address_cells, uint32_t *size_cells);

/* Element `index` of `reg`: address on the parent's bus (`ranges` are not applied) and length (0 where
 * #size-cells is 0). dt_reg() looks the parent up; dt_reg_in() is told it. Outputs may be NULL. */
int dt_reg(const struct dt *t, int node, uint32_t index, uint64_t *address, uint64_t *bytes);
int dt_reg_in(const struct dt *t, int parent, int node, uint32_t index, uint64_t *address, uint64_t *bytes);

/* Entry `index` < t->reserve_count of the memory reservation block. */
int dt_reservation(const struct dt *t, uint32_t index, uint64_t *address, uint64_t *bytes);
