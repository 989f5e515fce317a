/* Stacks grow as they are used, keep their content, and can be as large as was said.
 *
 * The main thread goes down to 64 KiB above the lowest address that the manager named; a thread of its own uses most of
 * a large stack. Each level leaves a word that is looked at on the way back.
 */
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define MARGIN_BYTES (64ul << 10)
#define THREAD_STACK_BYTES (4ul << 20)

static __attribute__((noinline)) uint64_t descend(uint64_t limit, uint64_t depth)
{
    volatile uint64_t frame[64];
    uint64_t deepest = depth;

    frame[0] = depth * 3;
    frame[63] = depth * 5;
    if ((uint64_t)frame > limit) {
        deepest = descend(limit, depth + 1);
    }
    EXPECT(frame[0] == depth * 3 && frame[63] == depth * 5);
    return deepest;
}

static void test_main_stack(void)
{
    const struct tn_start *start = tn_start_info();
    uint64_t bytes = start->stack_top - start->stack_low;

    EXPECT(bytes >= 1ul << 20);
    uint64_t levels = descend(start->stack_low + MARGIN_BYTES, 0);
    EXPECT(levels * 64 * 8 > (bytes - 2 * MARGIN_BYTES) / 2);
    printf("# grow_stack: %" PRIu64 " KiB, %" PRIu64 " levels\n", bytes >> 10, levels);
}

static void *thread_run(void *argument)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);

    (void)argument;
    return (void *)descend(here - THREAD_STACK_BYTES + MARGIN_BYTES, 0);
}

static void test_thread_stack(void)
{
    struct tn_thread *thread;
    void *levels = NULL;

    EXPECT_EQUAL(tn_thread_create(&thread, thread_run, NULL, TN_HART_ANY, THREAD_STACK_BYTES), 0);
    EXPECT_EQUAL(tn_thread_join(thread, &levels), 0);
    EXPECT((uint64_t)levels > THREAD_STACK_BYTES / 2 / (64 * 8) / 2);
}

int main(void)
{
    check_begin("grow_stack");
    check_case("main stack", test_main_stack);
    check_case("thread stack", test_thread_stack);
    return check_end();
}
