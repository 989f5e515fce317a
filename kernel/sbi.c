/* Calls into the firmware. SBI specification: chapter 3 (binary encoding), 4 (base), 5 (legacy), and each
 * extension's own. Any hart, at any time after sbi_init(); no locks. */
#include "sbi.h"

enum {
    EXT_LEGACY_PUTCHAR = 0x01,
    EXT_LEGACY_SHUTDOWN = 0x08,
    EXT_BASE = 0x10,
    EXT_TIME = 0x54494d45,
    EXT_IPI = 0x735049,
    EXT_HSM = 0x48534d,
    EXT_SRST = 0x53525354,
    EXT_DBCN = 0x4442434e,
};
enum { BASE_PROBE = 3 };
enum { SRST_SHUTDOWN = 0, SRST_NO_REASON = 0, SRST_SYSTEM_FAILURE = 1 };

static bool has_debug_console;

struct sbi_result {
    long error;
    uint64_t value;
};

static struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(long)a0, a1};
}

void sbi_init(void)
{
    struct sbi_result r = sbi_call(EXT_BASE, BASE_PROBE, EXT_DBCN, 0, 0);
    has_debug_console = r.error == 0 && r.value != 0;
}

void sbi_console_write(const char *bytes, size_t count)
{
    while (has_debug_console && count > 0) {
        struct sbi_result r = sbi_call(EXT_DBCN, 0, count, virt_to_phys(bytes).v, 0);
        if (r.error != 0 || r.value == 0)
            break; /* the old way never refuses */
        bytes += r.value;
        count -= r.value;
    }
    for (size_t i = 0; i < count; i++)
        sbi_call(EXT_LEGACY_PUTCHAR, 0, (uint8_t)bytes[i], 0, 0);
}

void sbi_set_timer(uint64_t time)
{
    sbi_call(EXT_TIME, 0, time, 0, 0);
}

void sbi_send_ipis(uint64_t mask, uint64_t base)
{
    sbi_call(EXT_IPI, 0, mask, base, 0);
}

long sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque)
{
    return sbi_call(EXT_HSM, 0, hartid, entry.v, opaque).error;
}

void sbi_shutdown(bool failure)
{
    sbi_call(EXT_SRST, 0, SRST_SHUTDOWN, failure ? SRST_SYSTEM_FAILURE : SRST_NO_REASON, 0);
    sbi_call(EXT_LEGACY_SHUTDOWN, 0, 0, 0, 0);
}
