/* A client that touches what it may not, in the way its argument names. The manager ends it and says address, cause and
 * program counter; reaching the end is the failure. What must work before the crash is checked on the way.
 */
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static const char constant[] = "read-only";
static volatile char variable_code[4] = {0x82, (char)0x80, 0, 0}; /* ret */

static volatile char *page(int prot)
{
    char *p = mmap(NULL, 3 * PAGE, RW, ANON, -1, 0);
    if (p == MAP_FAILED) {
        exit(99);
    }
    memset(p, 1, 3 * PAGE);
    if (mprotect(p + PAGE, PAGE, prot) != 0) {
        exit(98);
    }
    return p + PAGE;
}

static void crash_null(void)
{
    __asm__ volatile("lb zero, 0(zero)"); /* in C the compiler may do what it likes with it */
}

static void crash_rodata(void)
{
    *(volatile char *)constant = 1;
}

static void crash_text(void)
{
    *(volatile char *)(uintptr_t)crash_rodata = 1;
}

static void crash_readonly(void)
{
    volatile char *p = page(PROT_READ);
    if (*p == 1) {
        *p = 2;
    }
}

static void crash_none(void)
{
    (void)*page(PROT_NONE);
}

static void crash_unmapped(void)
{
    volatile char *p = page(RW);
    if (munmap((void *)p, PAGE) == 0) {
        (void)*p;
    }
}

static void crash_exec(void)
{
    ((void (*)(void))(uintptr_t)variable_code)();
}

static void crash_jump(void)
{
    ((void (*)(void))(uintptr_t)0x123456000)();
}

static void crash_kernel(void)
{
    (void)*(volatile char *)0xffffffc000000000;
}

static void crash_noncanonical(void)
{
    (void)*(volatile char *)0x4000000000000000;
}

static void crash_illegal(void)
{
    __asm__ volatile("unimp");
}

static void crash_break(void)
{
    __asm__ volatile("ebreak");
}

static void crash_syscall(void)
{
    (void)tn_syscall(4711, 0, 0, 0, 0, 0, 0, 0);
}

/* A register that user mode has no business with. */
static void crash_csr(void)
{
    __asm__ volatile("csrw satp, zero");
}

static __attribute__((noinline)) uint64_t recurse(uint64_t depth)
{
    volatile char frame[512];
    frame[depth % sizeof frame] = (char)depth;
    uint64_t below = depth == UINT64_MAX ? 0 : recurse(depth + 1);
    return below + (uint64_t)frame[depth % sizeof frame];
}

/* The main thread's stack ends above whatever is below it. */
static void crash_stack(void)
{
    (void)recurse(0);
}

static void *overflow(void *argument)
{
    (void)recurse((uint64_t)argument);
    return NULL;
}

/* A thread's stack ends in its guard page. */
static void crash_thread_stack(void)
{
    struct tn_thread *thread;
    if (tn_thread_create(&thread, overflow, NULL, TN_HART_ANY, 0) == 0) {
        (void)tn_thread_join(thread, NULL);
    }
}

static void *null_thread(void *argument)
{
    (void)argument;
    crash_null();
    return NULL;
}

/* One thread's fault ends the client while the others compute, wait and call. */
static void *busy_thread(void *argument)
{
    uint64_t counter[MM_COUNTERS];
    static uint32_t never;

    while (tn_load_relaxed(&never) == 0) {
        if (argument == NULL) {
            (void)tn_futex_wait(&never, 0, TN_FOREVER);
        }
        (void)mm_stat(counter, MM_COUNTERS);
        void *p = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
        if (p != MAP_FAILED) {
            (void)munmap(p, 8 * PAGE);
        }
    }
    return NULL;
}

static void crash_in_crowd(void)
{
    struct tn_thread *thread;
    for (uint64_t i = 0; i < 6; i++) {
        if (tn_thread_create(&thread, busy_thread, (void *)(i % 3), TN_HART_ANY, 0) != 0) {
            exit(97);
        }
    }
    tn_sleep_until(tn_time() + tn_start_info()->timebase_hz / 50);
    if (tn_thread_create(&thread, null_thread, NULL, TN_HART_ANY, 0) == 0) {
        (void)tn_thread_join(thread, NULL);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*crash)(void);
    } ways[] = {
        {"null", crash_null},       {"rodata", crash_rodata},
        {"text", crash_text},       {"readonly", crash_readonly},
        {"none", crash_none},       {"unmapped", crash_unmapped},
        {"exec", crash_exec},       {"jump", crash_jump},
        {"kernel", crash_kernel},   {"noncanonical", crash_noncanonical},
        {"illegal", crash_illegal}, {"break", crash_break},
        {"syscall", crash_syscall}, {"csr", crash_csr},
        {"stack", crash_stack},     {"thread-stack", crash_thread_stack},
        {"crowd", crash_in_crowd},
    };
    const char *wanted = argc > 1 ? argv[1] : "";

    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(ways[i].name, wanted) == 0) {
            ways[i].crash();
            printf("not ok - crash: %s did not fault\n", wanted);
            return EXIT_FAILURE;
        }
    }
    printf("not ok - crash: no way called '%s'\n", wanted);
    return EXIT_FAILURE;
}
