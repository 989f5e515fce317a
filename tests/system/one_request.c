/* Makes one request of one kind, between two marks for the plug-in `between`, and then waits to be ended. What the
 * request needs is made before the first mark.
 *
 * usage: one_request KIND WAY
 *
 * KIND: an index of the table below. WAY: 0 somebody else ends it; 1 a thread of its own on the other hart does at the
 * plug-in's instant, by a fault, 2 by an exit with status 9. Kinds that end the client themselves do so by a fault, or
 * with status 7, or with 0 as the end of the last thread does.
 */
#include <sys/mman.h>
#include <tenon/ipc.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"
#include "mark.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGES 12ul
#define LARGE (1ul << 30)
#define EXIT_STATUS 7
#define OTHERS_STATUS 9
#define AREA 0x2000000000ul /* nothing else is near: tables of its own */
#define UNKNOWN_LABEL 77

static char *area; /* what the request is about */
static struct tn_thread *thread;
static uint32_t word, never;

static void must(int ok)
{
    if (!ok) {
        mm_exit(EXIT_FAILURE);
    }
}

/* Nothing is mapped there. */
static void touch_address(uint64_t address)
{
    __asm__ volatile("sb x0, (%0)" : : "r"(address) : "memory");
}

/* ---- what is there before ---- */

static void prepare_nothing(void)
{
}

static void prepare_map(void)
{
    area = mmap((void *)AREA, PAGES * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    must(area != MAP_FAILED);
}

static void prepare_pages(void)
{
    prepare_map();
    for (unsigned i = 0; i < PAGES; i++) {
        area[i * PAGE] = 1;
    }
}

static void prepare_read_only(void)
{
    prepare_pages();
    must(mprotect(area, PAGES * PAGE, PROT_READ) == 0);
}

static void prepare_code(void)
{
    area = mmap((void *)AREA, PAGES * PAGE, PROT_READ | PROT_EXEC, ANON | MAP_FIXED, -1, 0);
    must(area != MAP_FAILED);
}

static void prepare_large(void)
{
    area = mmap((void *)AREA, LARGE, RW, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0);
    must(area != MAP_FAILED);
    area[LARGE / 2] = 1;
}

static void *wait_for_word(void *argument)
{
    while (tn_load_acquire(&word) == 0) {
        (void)tn_futex_wait(&word, 0, TN_FOREVER);
    }
    return argument;
}

static void prepare_thread(void)
{
    must(tn_thread_create(&thread, wait_for_word, NULL, (int)tn_hart(), TN_STACK_BYTES_MIN) == 0);
    tn_yield();
}

/* ---- requests ---- */

static void map_anywhere(void)
{
    (void)mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
}

static void map_fixed(void)
{
    (void)mmap(area + PAGE, (PAGES - 2) * PAGE, RW, ANON | MAP_FIXED, -1, 0);
}

static void populate(void)
{
    (void)mmap((void *)(AREA + LARGE), PAGES * PAGE, RW, ANON | MAP_FIXED | MAP_POPULATE, -1, 0);
}

static void unmap(void)
{
    (void)munmap(area + PAGE, (PAGES - 2) * PAGE);
}

static void unmap_one(void)
{
    (void)munmap(area, PAGE);
}

static void unmap_middle(void)
{
    (void)munmap(area + LARGE / 2 - PAGE, 3 * PAGE);
}

static void protect_less(void)
{
    (void)mprotect(area + PAGE, (PAGES - 2) * PAGE, PROT_READ);
}

static void protect_more(void)
{
    (void)mprotect(area + PAGE, (PAGES - 2) * PAGE, RW);
}

static void fault_write(void)
{
    *(volatile char *)(area + PAGE) = 1;
}

static void fault_read(void)
{
    (void)*(volatile char *)(area + PAGE);
}

/* The page is there then; what it holds is no instruction. */
static void fault_fetch(void)
{
    ((void (*)(void))(uintptr_t)area)();
}

static void fault_fatal(void)
{
    touch_address(1);
}

static void *nothing(void *argument)
{
    return argument;
}

static void create_thread(void)
{
    (void)tn_thread_create(&thread, nothing, NULL, (int)tn_hart(), TN_STACK_BYTES_MIN);
}

/* Wakes it, waits until it has ended, and gives its memory back. */
static void join_thread(void)
{
    tn_store_release(&word, 1);
    (void)tn_futex_wake(&word, 1);
    (void)tn_thread_join(thread, NULL);
}

/* Ends another thread, from outside: with its memory, and its word. */
static void end_thread(void)
{
    (void)tn_call(TN_CLIENT_MM, tn_info(MM_THREAD_EXIT, 0, 4), thread->tid, thread->map_low, thread->map_bytes,
                  (uint64_t)&word);
}

static void end_last_thread(void)
{
    mm_thread_exit(tn_self()->tid, 0, 0, 0);
}

static void end_client(void)
{
    mm_exit(EXIT_STATUS);
}

static void statistics(void)
{
    uint64_t counter[MM_COUNTERS];

    (void)mm_stat(counter, MM_COUNTERS);
}

static void nonsense(void)
{
    (void)tn_call(TN_CLIENT_MM, tn_info(UNKNOWN_LABEL, 0, 4), 0, 0, 0, 0);
    (void)tn_call(TN_CLIENT_MM, tn_info(MM_MAP, 0, 1), 0, 0, 0, 0);
    (void)tn_call(TN_CLIENT_MM, tn_info(MM_KILL, 0, 1), 1, 0, 0, 0);
    (void)!tn_nb_send(TN_CLIENT_MM, tn_info(MM_STAT, 0, 1), 0, 0, 0, 0); /* whose answer nobody wants */
}

/* With a deadline, so that the kernel's timer is part of it. */
static void wait(void)
{
    (void)tn_futex_wait(&never, 0, tn_time() + 1);
}

static const struct {
    void (*prepare)(void), (*request)(void);
} kinds[] = {
    {prepare_nothing, map_anywhere},  {prepare_pages, map_fixed},
    {prepare_nothing, populate},      {prepare_pages, unmap},
    {prepare_pages, unmap_one},       {prepare_large, unmap_middle},
    {prepare_pages, protect_less},    {prepare_read_only, protect_more},
    {prepare_map, fault_write},       {prepare_map, fault_read},
    {prepare_code, fault_fetch},      {prepare_nothing, fault_fatal},
    {prepare_nothing, create_thread}, {prepare_thread, join_thread},
    {prepare_thread, end_thread},     {prepare_nothing, end_last_thread},
    {prepare_nothing, end_client},    {prepare_nothing, statistics},
    {prepare_nothing, nonsense},      {prepare_nothing, wait},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* The mark of a kind is an immediate of its instruction. */
#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        MARK_BEGIN(n);                                                                                                 \
        break
static void mark_begin(uint64_t kind)
{
    switch (kind) {
        CASE(0);
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
        CASE(13);
        CASE(14);
        CASE(15);
        CASE(16);
        CASE(17);
        CASE(18);
        CASE(19);
    default:
        must(0);
    }
}
_Static_assert(KINDS == 20, "a mark for each");

static void *end_from_inside(void *way)
{
    MARK_READY();
    if ((uintptr_t)way == 2) {
        mm_exit(OTHERS_STATUS);
    }
    touch_address(2);
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t kind = check_argument(argc, argv, 1, 0), way = check_argument(argc, argv, 2, 0);
    struct tn_thread *other;

    must(kind < KINDS);
    kinds[kind].prepare();
    if (way != 0) {
        must(tn_thread_create(&other, end_from_inside, (void *)way, tn_hart() == 0, TN_STACK_BYTES_MIN) == 0);
    }
    mark_begin(kind);
    kinds[kind].request();
    MARK_OVER();
    for (;;) {
        (void)tn_futex_wait(&never, 0, TN_FOREVER);
    }
}
