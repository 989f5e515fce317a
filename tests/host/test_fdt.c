// uses: libboot/fdt.c libboot/fdt_value.c tests/host/data.c
/* The device-tree reader against libfdt, on trees of QEMU and odd ones, and against damaged trees.
 *
 * Trees come from build/host/data (tests/host/data.sh). Comparing walks the whole tree with both readers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <boot/fdt.h>
#include <cmocka.h>
#include <libfdt.h>
#include "data.h"

static const char *const trees[] = {"virt-1",   "virt-2",    "virt-4",     "virt-16", "virt-128",
                                    "virt-aia", "virt-numa", "virt-slack", "odd"};
enum { TREES = sizeof(trees) / sizeof(trees[0]) };

static void *load_open(const char *name, struct dt *t)
{
    char file[64];
    size_t bytes;

    snprintf(file, sizeof(file), "%s.dtb", name);
    void *blob = data_load(file, &bytes);
    assert_int_equal(dt_open(t, blob, bytes), DT_OK);
    return blob;
}

static void compare_properties(const struct dt *t, const void *blob, int node)
{
    struct dt_prop p;
    int error = dt_prop_first(t, node, &p);
    int offset;
    fdt_for_each_property_offset (offset, blob, node) {
        const char *name;
        int bytes;
        const void *data = fdt_getprop_by_offset(blob, offset, &name, &bytes);
        assert_int_equal(error, DT_OK);
        assert_string_equal(p.name, name);
        assert_int_equal(p.bytes, bytes);
        assert_memory_equal(p.data, data, (size_t)bytes);
        struct dt_prop by_name;
        assert_int_equal(dt_prop(t, node, name, &by_name), DT_OK);
        assert_ptr_equal(by_name.data, p.data);
        int count = fdt_stringlist_count(blob, node, name);
        for (int i = 0; i < count; i++)
            assert_ptr_equal(dt_string(t, node, name, (uint32_t)i), fdt_stringlist_get(blob, node, name, i, NULL));
        assert_null(dt_string(t, node, name, count < 0 ? 0 : (uint32_t)count));
        error = dt_prop_next(t, &p);
    }
    assert_int_equal(error, DT_NOT_FOUND);
    assert_int_equal(dt_prop(t, node, "no-such-property", &p), DT_NOT_FOUND);
}

static int none_is_negative(int offset)
{
    return offset < 0 ? -1 : offset;
}

static void compare_relations(const struct dt *t, const void *blob, int node)
{
    assert_string_equal(dt_name(t, node), fdt_get_name(blob, node, NULL));
    assert_int_equal(none_is_negative(dt_first_child(t, node)), none_is_negative(fdt_first_subnode(blob, node)));
    assert_int_equal(none_is_negative(dt_next_sibling(t, node)), none_is_negative(fdt_next_subnode(blob, node)));
    assert_int_equal(none_is_negative(dt_parent(t, node)), none_is_negative(fdt_parent_offset(blob, node)));
    char path[512];
    assert_int_equal(fdt_get_path(blob, node, path, sizeof(path)), 0);
    assert_int_equal(dt_find_path(t, path), fdt_path_offset(blob, path)); /* not always `node`: see odd.dts */
    uint32_t phandle = fdt_get_phandle(blob, node);
    if (phandle)
        assert_int_equal(dt_find_phandle(t, phandle), node);
    const char *compatible = dt_string(t, node, "compatible", 0);
    if (compatible)
        assert_int_equal(dt_is_compatible(t, node, compatible), 1);
}

static void test_walk_equals_libfdt(void **state)
{
    (void)state;
    for (int i = 0; i < TREES; i++) {
        struct dt t;
        void *blob = load_open(trees[i], &t);
        int depth = 0, theirs_depth = 0, nodes = 0;
        int ours = dt_root(&t), theirs = 0;
        while (theirs >= 0 && theirs_depth >= 0) {
            assert_int_equal(ours, theirs);
            assert_int_equal(depth, theirs_depth);
            compare_properties(&t, blob, ours);
            compare_relations(&t, blob, ours);
            ours = dt_next(&t, ours, &depth);
            theirs = fdt_next_node(blob, theirs, &theirs_depth);
            nodes++;
        }
        assert_int_equal(ours, DT_NOT_FOUND);
        assert_true(nodes > 10);
        free(blob);
    }
}

static void test_compatible_equals_libfdt(void **state)
{
    (void)state;
    static const char *const names[] = {"riscv", "ns16550a", "sifive,test0", "simple-bus",
                                        "odd",   "odd,uart", "nothing"};
    for (int i = 0; i < TREES; i++) {
        struct dt t;
        void *blob = load_open(trees[i], &t);
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            int ours = DT_NONE, theirs = -1;
            do {
                ours = dt_find_compatible(&t, ours, names[n]);
                theirs = fdt_node_offset_by_compatible(blob, theirs, names[n]);
                assert_int_equal(none_is_negative(ours), none_is_negative(theirs));
            } while (theirs >= 0);
        }
        free(blob);
    }
}

static void test_reservations_equal_libfdt(void **state)
{
    (void)state;
    for (int i = 0; i < TREES; i++) {
        struct dt t;
        void *blob = load_open(trees[i], &t);
        assert_int_equal(t.reserve_count, fdt_num_mem_rsv(blob));
        uint64_t address, bytes, theirs_address, theirs_bytes;
        for (uint32_t n = 0; n < t.reserve_count; n++) {
            assert_int_equal(fdt_get_mem_rsv(blob, (int)n, &theirs_address, &theirs_bytes), 0);
            assert_int_equal(dt_reservation(&t, n, &address, &bytes), DT_OK);
            assert_true(address == theirs_address && bytes == theirs_bytes);
        }
        assert_int_equal(dt_reservation(&t, t.reserve_count, &address, &bytes), DT_NOT_FOUND);
        free(blob);
    }
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",
                                        "//",
                                        "/soc",
                                        "/soc/",
                                        "/soc/uart",
                                        "/soc/uart@20000000",
                                        "/soc/uart@2",
                                        "/so",
                                        "/socx",
                                        "/soc/uart/x",
                                        "",
                                        "soc",
                                        "/deep/deep/deep/deep/deep/deep/deep/deep/leaf",
                                        "/deep/leaf",
                                        "/name-of-thirty-one-characters-x",
                                        "/last",
                                        "/soc/uart@",
                                        "/@"};
    struct dt t;
    void *blob = load_open("odd", &t);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(none_is_negative(dt_find_path(&t, paths[i])),
                         none_is_negative(fdt_path_offset(blob, paths[i])));
    assert_string_equal(dt_name(&t, dt_find_path(&t, "/soc/uart")), "uart@10000000");
    free(blob);
}

static void test_values(void **state)
{
    (void)state;
    struct dt t;
    void *blob = load_open("odd", &t);
    int root = dt_root(&t);
    uint32_t u32 = 1;
    uint64_t u64 = 1;
    assert_int_equal(dt_u32(&t, root, "one-cell", &u32), DT_OK);
    assert_int_equal(u32, 0xdeadbeef);
    assert_int_equal(dt_u32(&t, root, "two-cells", &u32), DT_BAD_VALUE);
    assert_int_equal(dt_u32(&t, root, "absent", &u32), DT_NOT_FOUND);
    assert_int_equal(dt_u64(&t, root, "one-cell", &u64), DT_OK);
    assert_true(u64 == 0xdeadbeef);
    assert_int_equal(dt_u64(&t, root, "two-cells", &u64), DT_OK);
    assert_true(u64 == 0x0123456789abcdef);
    assert_int_equal(dt_u64(&t, root, "bytes", &u64), DT_BAD_VALUE);
    assert_int_equal(dt_u64(&t, root, "empty", &u64), DT_BAD_VALUE);
    assert_true(u64 == 0x0123456789abcdef);
    struct dt_prop p;
    assert_int_equal(dt_prop(&t, root, "two-cells", &p), DT_OK);
    assert_int_equal(dt_cell(&p, 1, &u32), DT_OK);
    assert_int_equal(u32, 0x89abcdef);
    assert_int_equal(dt_cell(&p, 2, &u32), DT_NOT_FOUND);
    assert_int_equal(dt_prop(&t, root, "bytes", &p), DT_OK);
    assert_int_equal(dt_cell(&p, 0, &u32), DT_BAD_VALUE);
    assert_null(dt_string(&t, root, "not-terminated", 0));
    assert_string_equal(dt_string(&t, root, "strings", 3), "abc");
    assert_int_equal(dt_is_compatible(&t, root, "odd"), 1);
    assert_int_equal(dt_is_compatible(&t, root, "od"), 0);
    assert_int_equal(dt_is_enabled(&t, root), 1);
    assert_int_equal(dt_is_enabled(&t, dt_find_path(&t, "/soc/uart@20000000")), 0);
    assert_int_equal(dt_is_enabled(&t, dt_find_path(&t, "/soc/uart")), 1);
    free(blob);
}

static int reg_of(const struct dt *t, const char *path, uint32_t index, uint64_t *address, uint64_t *bytes)
{
    int node = dt_find_path(t, path);
    assert_true(node >= 0);
    uint64_t address_in, bytes_in;
    int error = dt_reg(t, node, index, address, bytes);
    assert_int_equal(dt_reg_in(t, dt_parent(t, node), node, index, &address_in, &bytes_in), error);
    if (error == DT_OK)
        assert_true(address_in == *address && bytes_in == *bytes);
    return error;
}

static void test_reg(void **state)
{
    (void)state;
    struct dt t;
    void *blob = load_open("odd", &t);
    uint64_t address = 0, bytes = 0;
    assert_int_equal(reg_of(&t, "/soc/uart@10000000", 1, &address, &bytes), DT_OK);
    assert_true(address == 0x120000000 && bytes == 0x200000000);
    assert_int_equal(reg_of(&t, "/soc/uart@10000000", 2, &address, &bytes), DT_NOT_FOUND);
    assert_int_equal(reg_of(&t, "/soc/uartx", 0, &address, &bytes), DT_BAD_VALUE);
    assert_int_equal(reg_of(&t, "/soc", 0, &address, &bytes), DT_NOT_FOUND);
    assert_int_equal(reg_of(&t, "/no-size/thing", 0, &address, &bytes), DT_OK);
    assert_true(address == 0x100000002 && bytes == 0);
    assert_int_equal(reg_of(&t, "/wide/pci", 0, &address, &bytes), DT_BAD_VALUE);
    assert_int_equal(reg_of(&t, "/no-cells/thing", 0, &address, &bytes), DT_BAD_VALUE);
    assert_int_equal(reg_of(&t, "/defaults/thing", 0, &address, &bytes), DT_OK);
    assert_true(address == 1 && bytes == 2);
    assert_int_equal(dt_reg(&t, dt_find_path(&t, "/defaults/thing"), 0, NULL, NULL), DT_OK);
    assert_int_equal(dt_reg(&t, dt_root(&t), 0, &address, &bytes), DT_NOT_FOUND);
    free(blob);
    blob = load_open("virt-4", &t);
    assert_int_equal(reg_of(&t, "/memory", 0, &address, &bytes), DT_OK);
    assert_true(address == 0x80000000 && bytes == 128 << 20);
    assert_int_equal(reg_of(&t, "/cpus/cpu@3", 0, &address, &bytes), DT_OK);
    assert_true(address == 3 && bytes == 0);
    free(blob);
}

static void test_bad_handles(void **state)
{
    (void)state;
    struct dt t;
    struct dt_prop p;
    void *blob = load_open("odd", &t);
    static const int handles[] = {-1, DT_NOT_FOUND, 1, 2, 8, 1 << 20, 0x7ffffffc, (int)0x80000000};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        assert_int_equal(dt_first_child(&t, handles[i]), DT_NOT_FOUND);
        assert_int_equal(dt_next_sibling(&t, handles[i]), DT_NOT_FOUND);
        assert_int_equal(dt_parent(&t, handles[i]), DT_NOT_FOUND);
        assert_int_equal(dt_next(&t, handles[i], NULL), DT_NOT_FOUND);
        assert_int_equal(dt_prop_first(&t, handles[i], &p), DT_NOT_FOUND);
        assert_string_equal(dt_name(&t, handles[i]), "");
    }
    free(blob);
}

/* A copy of `odd` with one 32-bit word replaced. */
static void expect_open(uint32_t at, uint32_t word, int error, uint32_t bad_at)
{
    size_t bytes;
    uint8_t *blob = data_load("odd.dtb", &bytes);
    for (int i = 0; i < 4; i++)
        blob[at + (uint32_t)i] = (uint8_t)(word >> (24 - 8 * i));
    struct dt t;
    assert_int_equal(dt_open(&t, blob, bytes), error);
    if (error != DT_OK)
        assert_int_equal(t.bad_at, bad_at);
    free(blob);
}

static void test_bad_headers(void **state)
{
    (void)state;
    struct dt t;
    uint32_t total;
    {
        size_t bytes;
        void *blob = data_load("odd.dtb", &bytes);
        total = (uint32_t)bytes;
        assert_int_equal(dt_open(&t, blob, bytes - 1), DT_TRUNCATED);
        assert_int_equal(dt_open(&t, blob, 39), DT_TRUNCATED);
        assert_int_equal(dt_open(&t, blob, 0), DT_TRUNCATED);
        assert_int_equal(dt_open(&t, blob, bytes), DT_OK);
        free(blob);
    }
    expect_open(0, 0xd00dfeee, DT_BAD_MAGIC, 0);
    expect_open(4, 0xffffffff, DT_TRUNCATED, 4);
    expect_open(4, 39, DT_BAD_HEADER, 4);
    expect_open(8, 0, DT_BAD_HEADER, 8);
    expect_open(8, t.struct_at + 1, DT_BAD_HEADER, 8);
    expect_open(8, 0xfffffffc, DT_BAD_HEADER, 8);
    expect_open(12, total, DT_BAD_HEADER, 12);
    expect_open(16, 36, DT_BAD_HEADER, 16);
    expect_open(16, t.struct_at / 8 * 8 + 800, DT_BAD_RESERVATION, t.struct_at / 8 * 8 + 800);
    expect_open(20, 16, DT_BAD_VERSION, 20);
    expect_open(24, 18, DT_BAD_VERSION, 20);
    expect_open(32, 0, DT_BAD_NAME, t.struct_at + 8);
    expect_open(32, 0xffffffff, DT_BAD_HEADER, 12);
    expect_open(36, t.struct_bytes - 4, DT_TRUNCATED, t.struct_at + t.struct_bytes - 4);
    expect_open(36, 0, DT_TRUNCATED, t.struct_at);
    expect_open(36, 0xffffffff, DT_BAD_HEADER, 8);
}

static void test_bad_structure(void **state)
{
    (void)state;
    struct dt t;
    free(load_open("odd", &t));
    uint32_t root = t.struct_at, first_prop = root + 8, last = root + t.struct_bytes;
    expect_open(root, 4, DT_BAD_TOKEN, root + 4);                      /* the name of the root as a token */
    expect_open(root, 5, DT_BAD_TOKEN, root);                          /* unknown token */
    expect_open(root, 9, DT_BAD_NESTING, root);                        /* an end before the root */
    expect_open(root, 2, DT_BAD_NESTING, root);                        /* an end of no node */
    expect_open(first_prop + 4, 0xffffffff, DT_TRUNCATED, first_prop); /* a property longer than the block */
    expect_open(first_prop + 4, 0x7ffffff8, DT_TRUNCATED, first_prop);
    expect_open(first_prop + 8, 0xffffffff, DT_BAD_NAME, first_prop); /* a name outside the strings */
    expect_open(last - 8, 4, DT_BAD_NESTING, last - 4);               /* the root is not ended */
    expect_open(last - 4, 1, DT_BAD_NAME, last - 4);                  /* a name without an end */
    expect_open(last - 12, 4, DT_BAD_NESTING, last - 4);              /* one end too few */
    expect_open(last - 4, 4, DT_TRUNCATED, last);                     /* no end */
}

/* BEGIN_NODE "n" `depth` times, then as many END_NODE. */
static void test_depth_limit(void **state)
{
    (void)state;
    for (uint32_t depth = DT_DEPTH_MAX; depth <= DT_DEPTH_MAX + 1; depth++) {
        uint8_t blob[4096] = {0};
        assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
        assert_int_equal(fdt_finish_reservemap(blob), 0);
        for (uint32_t i = 0; i < depth; i++)
            assert_int_equal(fdt_begin_node(blob, i ? "n" : ""), 0);
        for (uint32_t i = 0; i < depth; i++)
            assert_int_equal(fdt_end_node(blob), 0);
        assert_int_equal(fdt_finish(blob), 0);
        struct dt t;
        assert_int_equal(dt_open(&t, blob, sizeof(blob)), depth > DT_DEPTH_MAX ? DT_BAD_NESTING : DT_OK);
    }
}

/* What dtc does not write: a property after a child, the old name of phandle, two unit addresses. */
static void test_unusual_order_and_names(void **state)
{
    (void)state;
    uint8_t blob[512] = {0};
    struct dt t;
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    assert_int_equal(fdt_finish_reservemap(blob), 0);
    assert_int_equal(fdt_begin_node(blob, ""), 0);
    assert_int_equal(fdt_begin_node(blob, "twice@1@2"), 0);
    assert_int_equal(fdt_property_u32(blob, "linux,phandle", 5), 0);
    assert_int_equal(fdt_end_node(blob), 0);
    uint8_t unfinished[sizeof(blob)];
    memcpy(unfinished, blob, sizeof(blob));
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(dt_open(&t, blob, sizeof(blob)), DT_OK);
    assert_string_equal(dt_name(&t, dt_find_phandle(&t, 5)), "twice@1@2");
    assert_int_equal(dt_find_path(&t, "/twice"), dt_find_phandle(&t, 5));
    assert_int_equal(dt_find_path(&t, "/twice@1"), DT_NOT_FOUND);
    assert_int_equal(dt_find_phandle(&t, 6), DT_NOT_FOUND);

    assert_int_equal(fdt_property_u32(unfinished, "late", 1), 0);
    assert_int_equal(fdt_end_node(unfinished), 0);
    assert_int_equal(fdt_finish(unfinished), 0);
    assert_int_equal(dt_open(&t, unfinished, sizeof(unfinished)), DT_BAD_TOKEN);
}

static void test_nops_are_skipped(void **state)
{
    (void)state;
    struct dt t;
    void *blob = load_open("odd", &t);
    assert_int_equal(fdt_nop_property(blob, 0, "empty"), 0);
    assert_int_equal(fdt_nop_node(blob, fdt_path_offset(blob, "/soc/uart@10000000")), 0);
    assert_int_equal(dt_open(&t, blob, fdt_totalsize(blob)), DT_OK);
    struct dt_prop p;
    assert_int_equal(dt_prop(&t, dt_root(&t), "empty", &p), DT_NOT_FOUND);
    assert_int_equal(dt_prop(&t, dt_root(&t), "bytes", &p), DT_OK);
    assert_string_equal(dt_name(&t, dt_first_child(&t, dt_find_path(&t, "/soc"))), "uart@20000000");
    free(blob);
}

static void test_error_strings(void **state)
{
    (void)state;
    for (int error = DT_OK; error >= DT_BAD_RESERVATION; error--) {
        assert_true(strlen(dt_strerror(error)) > 4);
        assert_string_not_equal(dt_strerror(error), "unknown error");
        assert_string_not_equal(dt_strerror(error), dt_strerror(error - 1));
    }
    assert_string_equal(dt_strerror(DT_BAD_RESERVATION), "memory reservation block is not terminated");
    assert_string_equal(dt_strerror(1), "unknown error");
    assert_string_equal(dt_strerror(DT_BAD_RESERVATION - 1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_equals_libfdt),
        cmocka_unit_test(test_compatible_equals_libfdt),
        cmocka_unit_test(test_reservations_equal_libfdt),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_reg),
        cmocka_unit_test(test_bad_handles),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_bad_structure),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_unusual_order_and_names),
        cmocka_unit_test(test_nops_are_skipped),
        cmocka_unit_test(test_error_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
