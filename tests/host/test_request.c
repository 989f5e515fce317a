// uses: mmserver/mmargs.c mmserver/spawn_args.c
/* What the memory server makes of the words of a request before it looks at the address space: errno values, rounding,
 * limits. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <corten/request.h>
#include <linux_errno.h>
#include <mmargs.h>
#include <spawn_args.h>
#include <string.h>

#define END (1ull << 38)
#define PAGE 4096ull
#define PRIVATE 0x22ull /* MAP_PRIVATE | MAP_ANONYMOUS */
#define FIXED 0x10ull
#define NO_REPLACE 0x100000ull

static struct map_args map_out;

static int64_t map(uint64_t address, uint64_t length, uint64_t prot, uint64_t flags)
{
    const uint64_t mr[4] = {address, length, prot, flags};

    map_out = (struct map_args){0};
    return args_map(mr, END, &map_out);
}

static void test_map_accepts(void **state)
{
    (void)state;
    assert_int_equal(map(0, 1, 3, PRIVATE), 0);
    assert_int_equal(map_out.address, 0);
    assert_int_equal(map_out.bytes, PAGE);
    assert_int_equal(map_out.rights, TN_READ | TN_WRITE);
    assert_int_equal(map_out.flags, 0);
    assert_int_equal(map(0, 3 * PAGE, 2, PRIVATE), 0); /* writing implies reading */
    assert_int_equal(map_out.rights, TN_READ | TN_WRITE);
    assert_int_equal(map(0, PAGE, 0, PRIVATE), 0);
    assert_int_equal(map_out.rights, 0);
    assert_int_equal(map(0, PAGE, 4, 0x21), 0); /* MAP_SHARED */
    assert_int_equal(map_out.rights, TN_EXEC);
}

static void test_map_flags(void **state)
{
    (void)state;
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x8000), 0); /* MAP_POPULATE */
    assert_int_equal(map_out.flags, CT_POPULATE);
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x18000), 0); /* with MAP_NONBLOCK */
    assert_int_equal(map_out.flags, 0);
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x2000), 0); /* MAP_LOCKED */
    assert_int_equal(map_out.flags, CT_POPULATE);
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x4000 | 0x20000 | 0x800 | 0x1000), 0);
    assert_int_equal(map_out.flags, 0);
    assert_int_equal(map(0x10000, PAGE, 3, PRIVATE | FIXED), 0);
    assert_int_equal(map_out.flags, CT_FIXED);
    assert_int_equal(map(0x10000, PAGE, 3, PRIVATE | FIXED | NO_REPLACE), 0);
    assert_int_equal(map_out.flags, CT_NO_REPLACE);
}

static void test_map_refuses(void **state)
{
    (void)state;
    assert_int_equal(map(0, PAGE, 3, 0x02), -LINUX_EBADF); /* no MAP_ANONYMOUS */
    assert_int_equal(map(0, 0, 3, 0x02), -LINUX_EBADF);    /* Linux looks at the file first */
    assert_int_equal(map(0, 0, 3, PRIVATE), -LINUX_EINVAL);
    assert_int_equal(map(0, PAGE, 3, 0x20), -LINUX_EINVAL); /* neither private nor shared */
    assert_int_equal(map(0, PAGE, 3, 0x23), -LINUX_EINVAL); /* MAP_SHARED_VALIDATE has no meaning here */
    assert_int_equal(map(0, PAGE, 8, PRIVATE), -LINUX_EINVAL);
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x40000), -LINUX_EINVAL);        /* MAP_HUGETLB */
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x100), -LINUX_EOPNOTSUPP);      /* MAP_GROWSDOWN */
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 0x80000000), -LINUX_EOPNOTSUPP); /* unknown */
    assert_int_equal(map(0, PAGE, 3, PRIVATE | 1ull << 40), -LINUX_EOPNOTSUPP);
    assert_int_equal(map(0, END + 1, 3, PRIVATE), -LINUX_ENOMEM);
    assert_int_equal(map(0, ~0ull, 3, PRIVATE), -LINUX_ENOMEM);
}

static void test_map_fixed(void **state)
{
    (void)state;
    assert_int_equal(map(0x10001, PAGE, 3, PRIVATE | FIXED), -LINUX_EINVAL);
    assert_int_equal(map(0, PAGE, 3, PRIVATE | FIXED), -LINUX_EPERM);
    assert_int_equal(map(0xf000, PAGE, 3, PRIVATE | FIXED), -LINUX_EPERM);
    assert_int_equal(map(END - PAGE, PAGE, 3, PRIVATE | FIXED), 0);
    assert_int_equal(map(END - PAGE, PAGE + 1, 3, PRIVATE | FIXED), -LINUX_ENOMEM);
    assert_int_equal(map(END, PAGE, 3, PRIVATE | NO_REPLACE), -LINUX_ENOMEM);
    assert_int_equal(map(-PAGE, PAGE, 3, PRIVATE | FIXED), -LINUX_ENOMEM);
}

static void test_map_hint(void **state)
{
    (void)state;
    assert_int_equal(map(0x20fff, PAGE, 3, PRIVATE), 0);
    assert_int_equal(map_out.address, 0x20000);
    assert_int_equal(map(0x1000, PAGE, 3, PRIVATE), 0); /* too low: anywhere */
    assert_int_equal(map_out.address, 0);
    assert_int_equal(map(-1, PAGE, 3, PRIVATE), 0); /* not the user's: anywhere */
    assert_int_equal(map_out.address, 0);
    assert_int_equal(map(END - PAGE, 2 * PAGE, 3, PRIVATE), 0);
    assert_int_equal(map_out.address, 0);
}

static int64_t unmap(uint64_t address, uint64_t length)
{
    const uint64_t mr[2] = {address, length};
    struct range_args out = {0};
    int64_t error = args_unmap(mr, END, &out);

    assert_true(error != 0 || (out.bytes > 0 && out.bytes % PAGE == 0 && out.address + out.bytes <= END));
    return error;
}

static void test_unmap(void **state)
{
    (void)state;
    assert_int_equal(unmap(0, 1), 0);
    assert_int_equal(unmap(0, END), 0);
    assert_int_equal(unmap(END - PAGE, PAGE), 0);
    assert_int_equal(unmap(0x1000, 0), -LINUX_EINVAL);
    assert_int_equal(unmap(0x1001, PAGE), -LINUX_EINVAL);
    assert_int_equal(unmap(END, PAGE), -LINUX_EINVAL);
    assert_int_equal(unmap(END - PAGE, PAGE + 1), -LINUX_EINVAL);
    assert_int_equal(unmap(0x1000, ~0ull), -LINUX_EINVAL);
    assert_int_equal(unmap(-PAGE, PAGE), -LINUX_EINVAL);
}

static int64_t protect(uint64_t address, uint64_t length, uint64_t prot)
{
    const uint64_t mr[3] = {address, length, prot};
    struct range_args out = {0};
    int64_t error = args_protect(mr, END, &out);

    assert_true(error != 0 || length == 0 || (out.bytes % PAGE == 0 && out.address + out.bytes <= END));
    return error;
}

static void test_protect(void **state)
{
    (void)state;
    assert_int_equal(protect(0x1000, PAGE, 1), 0);
    assert_int_equal(protect(0x1000, 0, 1), 0);
    assert_int_equal(protect(0x1001, 0, 1), -LINUX_EINVAL);
    assert_int_equal(protect(0x1001, PAGE, 1), -LINUX_EINVAL);
    assert_int_equal(protect(0x1000, PAGE, 8), -LINUX_EINVAL);
    assert_int_equal(protect(0x1000, PAGE, 0x01000001), -LINUX_EINVAL); /* PROT_GROWSDOWN */
    assert_int_equal(protect(END, PAGE, 1), -LINUX_ENOMEM);
    assert_int_equal(protect(END - PAGE, 2 * PAGE, 1), -LINUX_ENOMEM);
    assert_int_equal(protect(0x1000, ~0ull, 1), -LINUX_ENOMEM);
    assert_int_equal(protect(-PAGE, 2 * PAGE, 1), -LINUX_ENOMEM);
}

static void test_errno(void **state)
{
    (void)state;
    assert_int_equal(args_errno(CT_OK), 0);
    assert_int_equal(args_errno(CT_NO_MEMORY), -LINUX_ENOMEM);
    assert_int_equal(args_errno(CT_QUOTA), -LINUX_ENOMEM);
    assert_int_equal(args_errno(CT_NOT_MAPPED), -LINUX_ENOMEM);
    assert_int_equal(args_errno(CT_NO_ROOM), -LINUX_ENOMEM);
    assert_int_equal(args_errno(CT_DENIED), -LINUX_EACCES);
    assert_int_equal(args_errno(CT_EXISTS), -LINUX_EEXIST);
    assert_int_equal(args_errno(CT_RANGE), -LINUX_EINVAL);
}

/* ---- MM_SPAWN ---- */

static struct mm_spawn request;
static struct spawn_args spawn_out;

static void spawn_text(const char *text, uint32_t bytes, uint32_t argc)
{
    memset(&request, 0, sizeof request);
    memcpy(request.text, text, bytes);
    request.text_bytes = bytes;
    request.argc = argc;
}

static int64_t check(unsigned harts)
{
    return spawn_check(&request, TN_MSG_WORDS_MAX, harts, 1024, &spawn_out);
}

static void test_spawn_text(void **state)
{
    (void)state;
    spawn_text("prog\0in\0a0\0\0a2\0", 15, 3);
    assert_int_equal(check(4), 0);
    assert_string_equal(spawn_out.program, "prog");
    assert_string_equal(spawn_out.input, "in");
    assert_string_equal(spawn_out.argv, "a0");
    assert_int_equal(spawn_out.argv_bytes, 7);
    request.argc = 4; /* one more than there are */
    assert_int_equal(check(4), -LINUX_EINVAL);
    request.argc = 2; /* one less */
    assert_int_equal(check(4), -LINUX_EINVAL);
    request.argc = 0;
    assert_int_equal(check(4), -LINUX_EINVAL);
    spawn_text("prog\0in\0a0", 10, 1); /* not terminated */
    assert_int_equal(check(4), -LINUX_EINVAL);
    spawn_text("\0in\0a0\0", 7, 1); /* no program */
    assert_int_equal(check(4), -LINUX_EINVAL);
    spawn_text("", 0, 1);
    assert_int_equal(check(4), -LINUX_EINVAL);
}

static void test_spawn_length(void **state)
{
    (void)state;
    spawn_text("prog\0\0a0\0", 9, 1);
    assert_int_equal(spawn_check(&request, 7, 4, 1024, &spawn_out), 0);             /* 40 + 9 bytes */
    assert_int_equal(spawn_check(&request, 6, 4, 1024, &spawn_out), -LINUX_EINVAL); /* text longer than the message */
    assert_int_equal(spawn_check(&request, 4, 4, 1024, &spawn_out), -LINUX_EINVAL);
    request.text_bytes = sizeof request.text + 1;
    assert_int_equal(check(4), -LINUX_EINVAL);
    request.text_bytes = ~0u;
    assert_int_equal(check(4), -LINUX_EINVAL);
    spawn_text("prog\0\0a0\0", 9, ~0u);
    assert_int_equal(check(4), -LINUX_EINVAL);
}

static void test_spawn_harts(void **state)
{
    (void)state;
    spawn_text("prog\0\0a0\0", 9, 1);
    assert_int_equal(check(1), 0);
    assert_int_equal(spawn_out.hart_mask[0], 1);
    assert_int_equal(check(64), 0);
    assert_true(spawn_out.hart_mask[0] == ~0ull && spawn_out.hart_mask[1] == 0);
    assert_int_equal(check(128), 0);
    assert_true(spawn_out.hart_mask[0] == ~0ull && spawn_out.hart_mask[1] == ~0ull);
    request.hart_mask[0] = 1ull << 4;
    assert_int_equal(check(4), -LINUX_EINVAL);
    assert_int_equal(check(5), 0);
    assert_int_equal(spawn_out.hart_mask[0], 1ull << 4);
    request.hart_mask[1] = 1;
    assert_int_equal(check(64), -LINUX_EINVAL);
    assert_int_equal(check(65), 0);
}

static void test_spawn_threads(void **state)
{
    (void)state;
    spawn_text("prog\0\0a0\0", 9, 1);
    assert_int_equal(check(4), 0);
    assert_int_equal(spawn_out.max_threads, 64);
    request.max_threads = 1024;
    assert_int_equal(check(4), 0);
    request.max_threads = 1025;
    assert_int_equal(check(4), -LINUX_EINVAL);
    request.max_threads = ~0ull;
    assert_int_equal(check(4), -LINUX_EINVAL);
}

/* What args_map_ordinary() lets through without args_map(), args_map() takes as it stands, with the same flags. */
static void test_map_ordinary(void **state)
{
    const uint64_t address[] = {0, PAGE, 0xf000, 0x10000, 0x12345, 1ull << 32};
    unsigned ordinary = 0;

    (void)state;
    for (uint64_t flags = 0; flags < 1ull << 22; flags++) {
        for (unsigned i = 0; i < sizeof address / sizeof *address; i++) {
            unsigned core = args_map_ordinary(address[i], flags);
            if (core == 0 || address[i] % PAGE != 0) {
                continue; /* misaligned: the core says CT_RANGE, and args_map() is asked */
            }
            ordinary++;
            assert_int_equal(map(address[i], PAGE, 3, flags), 0);
            assert_int_equal(map_out.address, address[i]);
            assert_int_equal(map_out.flags | CT_RIDE, core);
        }
    }
    assert_int_equal(ordinary, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_ordinary),  cmocka_unit_test(test_map_accepts),  cmocka_unit_test(test_map_flags),
        cmocka_unit_test(test_map_refuses),   cmocka_unit_test(test_map_fixed),    cmocka_unit_test(test_map_hint),
        cmocka_unit_test(test_unmap),         cmocka_unit_test(test_protect),      cmocka_unit_test(test_errno),
        cmocka_unit_test(test_spawn_text),    cmocka_unit_test(test_spawn_length), cmocka_unit_test(test_spawn_harts),
        cmocka_unit_test(test_spawn_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
