/* A hostile client that goes wrong once, in the way it is told; faults_init.c starts it, and knows what must come of it.
 *
 * usage: hostile_faults WAY ADDRESS
 *
 * WAY: enum fault_way (faults.h). ADDRESS: where. What ends otherwise than by a fault ends with status 0.
 */
#include "faults.h"
#include <sys/mman.h>
#include <tenon/ipc.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "../system/check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static uint64_t address, length;

static void touch(enum fault_way way)
{
    switch (way) {
    case FAULT_LOAD:
        __asm__ volatile("ld zero, 0(%0)" : : "r"(address) : "memory");
        break;
    case FAULT_LOAD_FP:
        __asm__ volatile("fld ft0, 0(%0)" : : "r"(address) : "memory");
        break;
    case FAULT_STORE:
        __asm__ volatile("sd zero, 0(%0)" : : "r"(address) : "memory");
        break;
    case FAULT_ATOMIC:
        __asm__ volatile("amoadd.d zero, zero, (%0)" : : "r"(address) : "memory");
        break;
    case FAULT_JUMP:
        __asm__ volatile("jr %0" : : "r"(address) : "memory");
        break;
    default: /* FAULT_PUSH */
        __asm__ volatile("mv sp, %0\n"
                         "ecall\n" /* yields: the kernel does not look at sp */
                         "sd zero, 0(sp)"
                         :
                         : "r"(address), "r"((uint64_t)TN_SYS_YIELD)
                         : "memory");
    }
}

/* The registers are all there is: a call without stack, out of which nobody can return. */
static void call_with_stack_at(uint64_t sp)
{
    register uint64_t a7 __asm__("a7") = TN_SYS_CALL;
    register uint64_t a0 __asm__("a0") = TN_CLIENT_MM;
    register uint64_t a1 __asm__("a1") = tn_info(MM_STAT, 0, 1);
    register uint64_t a2 __asm__("a2") = 0;

    __asm__ volatile("mv s2, sp\n"
                     "mv sp, %4\n"
                     "ecall\n"
                     "mv sp, s2"
                     : "+r"(a0), "+r"(a1), "+r"(a2)
                     : "r"(a7), "r"(sp)
                     : "memory", "s2", "a3", "a4", "a5", "t0", "t1", "t2", "t3", "t4", "t5", "t6");
    if (a1 >> 63 || a2 != MM_COUNTERS) {
        mm_exit(1);
    }
}

/* Messages longer than the registers, out of a buffer that the client took away from itself. */
static void use_buffer(void)
{
    uint64_t counter[MM_COUNTERS];

    if (tn_msg_word(&(struct tn_msg){0}, tn_self()->ipc_buffer, 4) == ~0ull) {
        mm_exit(1);
    }
    (void)mm_stat(counter, MM_COUNTERS);
}

static void without_buffer(enum fault_way way)
{
    uint64_t buffer = (uint64_t)tn_self()->ipc_buffer;

    if (way == FAULT_BUFFER_UNMAPPED) {
        (void)mm_unmap(buffer, PAGE);
    } else if (way == FAULT_BUFFER_PROTECTED) {
        (void)mm_protect(buffer, PAGE, PROT_NONE);
    } else {
        (void)mm_map(buffer, PAGE, RW, ANON | MAP_FIXED);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct tn_msg m = tn_call(TN_CLIENT_MM, tn_info(MM_STAT, 0, 64), 0, 0, 0, 0);
        if (tn_info_is_error(m.info) || m.mr[0] != MM_COUNTERS) {
            mm_exit(1);
        }
    }
    use_buffer();
}

int main(int argc, char **argv)
{
    enum fault_way way = (enum fault_way)check_argument(argc, argv, 1, 0);

    address = check_argument(argc, argv, 2, 0);
    length = check_argument(argc, argv, 3, PAGE);
    switch (way) {
    case FAULT_SP:
        call_with_stack_at(address);
        break;
    case FAULT_BUFFER_UNMAPPED:
    case FAULT_BUFFER_PROTECTED:
    case FAULT_BUFFER_REPLACED:
        without_buffer(way);
        break;
    case FAULT_UNMAP:
        (void)mm_unmap(address, length);
        break;
    case FAULT_PROTECT:
        (void)mm_protect(address, length, PROT_NONE);
        break;
    case FAULT_REPLACE:
        (void)mm_map(address, length, RW, ANON | MAP_FIXED);
        break;
    default:
        touch(way);
    }
    *(volatile char *)__builtin_frame_address(0) = 0; /* what goes on needs no stack, but here is one */
    mm_exit(0);
}
