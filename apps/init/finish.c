/* Ending QEMU; see finish.h. The addresses are the device tree's; the two values are those of the device ("SiFive test
 * finisher": 0x5555 ends with status 0, 0x3333 with the status in its upper half). */
#include "finish.h"
#include "memory.h"
#include "print.h"
#include "scratch.h"
#include <tenon/ipc.h>

#define TEST_PASS 0x5555u
#define TEST_FAIL 0x3333u
#define STATUS_FAILED 1u

static volatile uint32_t *test_device;

void finish_init(const struct dt *tree)
{
    int node = dt_find_compatible(tree, DT_NONE, "sifive,test0");
    uint64_t paddr, page;

    if (node < 0 || dt_reg(tree, node, 0, &paddr, NULL) != DT_OK) {
        fail("device tree: no sifive,test0 to end the run with");
    }
    tn_cptr_t frame = memory_device(paddr, &page);
    if (frame == 0) {
        fail("device tree: %s: no device memory at 0x%lx", dt_name(tree, node), paddr);
    }
    uint8_t *address = scratch_map(frame, page, 1, TN_READ | TN_WRITE);
    test_device = (volatile uint32_t *)(address + paddr % TN_PAGE_BYTES);
}

static _Noreturn void finish(uint32_t value)
{
    if (test_device != NULL) {
        *test_device = value;
    }
    for (;;) {
        tn_yield();
    }
}

_Noreturn void finish_passed(void)
{
    say("tenon: passed\n");
    finish(TEST_PASS);
}

_Noreturn void fail(const char *format, ...)
{
    char why[SAY_BYTES_MAX - 32];
    va_list arguments;

    va_start(arguments, format);
    say_va(why, sizeof why, format, arguments);
    va_end(arguments);
    say("tenon: failed: %s\n", why);
    finish(TEST_FAIL | STATUS_FAILED << 16);
}
