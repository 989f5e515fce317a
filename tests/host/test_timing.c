// uses: platform/qemu-virt/timing_lines.c platform/qemu-virt/timing_turns.c
/* The two halves of the timing model without QEMU: what an access to a line costs, which lines are reported as shared, and
 * whose turn it is. The costs here are all different, so that none can stand for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../platform/qemu-virt/timing_lines.h"
#include "../../platform/qemu-virt/timing_turns.h"

#define RAM 0x80000000ull
#define FAR 1000000ull /* clock by which no line is busy any more */

static const struct line_costs costs = {.memory = 7, .transfer = 100, .upgrade = 60, .invalidate = 4, .occupy = 20};
static const struct code_block code = {.pc = 0x1000, .bytes = 0};
static const struct code_site site_a = {0x1004, &code}, site_b = {0x1008, &code};
static uint64_t moved;

/* What an access of `hart` at cycle `clock` costs it. */
static uint64_t cost_of(unsigned hart, bool store, uint64_t paddr, uint64_t clock, uint32_t region)
{
    struct line_access a = {.hart = hart,
                            .store = store,
                            .region = region,
                            .clock = clock,
                            .paddr = paddr,
                            .vaddr = paddr + 1,
                            .site = hart == 0 ? &site_a : &site_b};

    return lines_access(&a, &moved) - clock;
}
static uint64_t load(unsigned hart, uint64_t line, uint64_t clock)
{
    return cost_of(hart, false, RAM + line * LINE_BYTES, clock, 0);
}
static uint64_t store(unsigned hart, uint64_t line, uint64_t clock)
{
    return cost_of(hart, true, RAM + line * LINE_BYTES, clock, 0);
}

static void what_nobody_else_has_is_free(void **state)
{
    (void)state;
    assert_int_equal(load(0, 0, FAR), costs.memory);
    assert_int_equal(load(0, 0, FAR), 0);
    assert_int_equal(store(0, 0, FAR), 0); /* alone: it may be changed at once */
    assert_int_equal(store(0, 0, FAR), 0);
    assert_int_equal(store(1, 1, FAR), costs.memory);
    assert_int_equal(load(1, 1, FAR), 0);
    assert_int_equal(moved, 0);
    assert_int_equal(cost_of(0, true, RAM - 64, FAR, 0), 0); /* no line there */
}

static void a_line_moves_to_who_reads_or_writes_it(void **state)
{
    (void)state;
    (void)store(0, 2, FAR);
    assert_int_equal(load(1, 2, 2 * FAR), costs.transfer);
    assert_int_equal(load(1, 2, 2 * FAR), 0);
    assert_int_equal(store(0, 2, 3 * FAR), costs.upgrade); /* both have it */
    assert_int_equal(store(1, 2, 4 * FAR), costs.transfer);
    assert_int_equal(load(0, 2, 5 * FAR), costs.transfer);
    assert_int_equal(moved, 4);
    for (unsigned hart = 2; hart < 6; hart++)
        assert_int_equal(load(hart, 2, (4 + hart) * FAR), costs.transfer);
    assert_int_equal(store(5, 2, 20 * FAR), costs.upgrade + 4 * costs.invalidate); /* five other copies */
    assert_int_equal(store(LINES_HARTS_MAX - 1, 2, 21 * FAR), costs.transfer);
}

static void a_line_serves_one_after_the_other(void **state)
{
    (void)state;
    (void)store(0, 3, FAR);
    assert_int_equal(store(1, 3, 2 * FAR), costs.transfer);
    assert_int_equal(store(2, 3, 2 * FAR), 2 * costs.transfer); /* waits for the first */
    assert_int_equal(load(3, 3, 3 * FAR), costs.transfer);
    assert_int_equal(load(4, 3, 3 * FAR), costs.occupy + costs.transfer);
    assert_int_equal(load(4, 3, 3 * FAR), 0);
}

/* The report of a region, as text. */
static char *report(uint32_t region, unsigned *count)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    *count = lines_report(out, region);
    (void)fclose(out);
    return text;
}

static void lines_that_two_harts_write_in_a_region_are_reported(void **state)
{
    unsigned count;
    (void)state;
    (void)cost_of(0, true, RAM + 0x1000, FAR, 0); /* before the region: does not count */
    (void)cost_of(1, true, RAM + 0x1000, FAR, 1);
    (void)cost_of(1, true, RAM + 0x1000, FAR, 1);  /* again the same hart */
    (void)cost_of(0, false, RAM + 0x1000, FAR, 1); /* reads only */
    (void)cost_of(0, true, RAM + 0x2000, FAR, 1);
    (void)cost_of(1, true, RAM + 0x2008, FAR, 1); /* another word of the same line */
    (void)cost_of(1, true, RAM + 0x2008, FAR, 1);
    char *text = report(1, &count);
    assert_int_equal(count, 1);
    assert_non_null(strstr(text, "\"line\": 2147491840, \"region\": 1, \"harts\": 2, \"moved\": 1"));
    assert_non_null(strstr(text, "{\"pc\": 4100, \"vaddr\": 2147491841, \"times\": 1, \"harts\": 1"));
    assert_non_null(strstr(text, "{\"pc\": 4104, \"vaddr\": 2147491849, \"times\": 2, \"harts\": 1"));
    free(text);
    (void)cost_of(0, true, RAM + 0x2000, FAR, 2); /* the next region begins with nothing */
    (void)cost_of(0, true, RAM + 0x1000, FAR, 2);
    text = report(2, &count);
    assert_int_equal(count, 0);
    free(text);
    (void)cost_of(0, true, RAM + 0x3000, FAR, 3);
    (void)cost_of(1, true, RAM + 0x3000, FAR, 3);
    (void)cost_of(1, true, RAM + 0x2000, FAR, 3); /* shared in the first region, but not here */
    text = report(3, &count);
    assert_int_equal(count, 1);
    assert_null(strstr(text, "\"vaddr\": 2147491841"));
    free(text);
}

static int directory(void **state)
{
    (void)state;
    moved = 0;
    return lines_init(RAM, 1 << 20, &costs) ? 0 : -1;
}

/* ---- Turns ---- */

static int three_harts(void **state)
{
    (void)state;
    turns_init(3, 100);
    for (unsigned hart = 0; hart < 3; hart++)
        (void)turns_may_run(hart);
    return 0;
}

/* The hart that may run, of those in the mask, which QEMU would try in order from `from` on. */
static unsigned next_runs(unsigned from, unsigned mask)
{
    for (unsigned step = 0; step < 6; step++) {
        unsigned hart = (from + step) % 3;
        if ((mask >> hart & 1) && turns_may_run(hart))
            return hart;
    }
    return ~0u;
}

static void clocks_stay_together(void **state)
{
    uint64_t ran[3] = {0};
    unsigned hart = 0;
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        hart = next_runs(hart, 7);
        assert_true(hart < 3);
        ran[hart]++;
        hart_clock[hart].cycles += 10 * (hart + 1); /* some are slower */
        for (unsigned k = 0; k < 3; k++)
            assert_true(hart_clock[hart].cycles <= hart_clock[k].cycles + 100 + 30);
    }
    assert_in_range(ran[0], 3 * ran[2] - 30, 3 * ran[2] + 30);
}

static void a_hart_that_sleeps_holds_nobody_up(void **state)
{
    (void)state;
    turns_sleep(1);
    for (unsigned i = 0, hart = 0; i < 1000; i++) {
        hart = next_runs(hart, 5);
        assert_true(hart == 0 || hart == 2);
        hart_clock[hart].cycles += 10;
    }
    uint64_t now = hart_clock[0].cycles;
    assert_true(now > 4000);
    turns_interrupt(0, 1, 500);
    (void)turns_may_run(1);
    assert_int_equal(hart_clock[1].cycles, now + 500); /* the time passed for it too */
    turns_sleep(1);
    (void)turns_may_run(1); /* woken by something else: it is as late as the slowest, never earlier than it was */
    assert_int_equal(hart_clock[1].cycles, now + 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_nobody_else_has_is_free, directory),
        cmocka_unit_test_setup(a_line_moves_to_who_reads_or_writes_it, directory),
        cmocka_unit_test_setup(a_line_serves_one_after_the_other, directory),
        cmocka_unit_test_setup(lines_that_two_harts_write_in_a_region_are_reported, directory),
        cmocka_unit_test_setup(clocks_stay_together, three_harts),
        cmocka_unit_test_setup(a_hart_that_sleeps_holds_nobody_up, three_harts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
