/* What the device tree says about this machine, read once at boot by platform_init() and constant afterwards. */
#pragma once
#include "types.h"

#define MEMORY_BANKS_MAX 8
#define RESERVED_MAX 32
#define DEVICES_MAX 64
#define PLATFORM_IRQS_MAX 1023 /* PLIC specification: source 0 does not exist */

struct range {
    paddr_t base;
    uint64_t bytes;
};

struct platform {
    const void *dtb; /* in the direct map */
    uint64_t dtb_bytes;
    struct range initrd; /* bytes 0: none */
    struct range memory[MEMORY_BANKS_MAX];
    uint32_t memory_count;
    struct range reserved[RESERVED_MAX]; /* firmware, /reserved-memory, memory reservation block */
    uint32_t reserved_count;
    struct range
        devices[DEVICES_MAX]; /* register ranges handed to init as device Untypeds: whole pages, sorted, merged,
                                          * without the PLIC, CLINT/ACLINT (kernel or firmware use them) and RAM */
    uint32_t device_count;
    uint64_t hartids[TN_HARTS_MAX]; /* harts that are not disabled, ascending, at most TN_HARTS_MAX */
    uint32_t hart_count;
    uint64_t timebase_hz;
    bool has_fp;                                        /* F and D, on every hart */
    bool has_sstc, has_svinval, has_svpbmt, has_zicboz; /* true where every hart has it */
    uint32_t cboz_block_bytes;
    struct range plic;                   /* bytes 0: none */
    uint32_t plic_irqs;                  /* riscv,ndev */
    uint32_t plic_context[TN_HARTS_MAX]; /* S-mode context of hartids[i]; ~0: none */
    paddr_t test_device;                 /* SiFive test finisher; v = 0: none */
    char bootargs[256];
};
extern struct platform platform;

/* Fills `platform` from the flattened tree. false: a line on the console has said what is missing; the machine cannot run. */
bool platform_init(const void *dtb);
/* Value of `name=` in bootargs, as a pointer to its first character with *length set; NULL: not given. */
const char *platform_bootarg(const char *name, size_t *length);
/* Whether the whole range lies in one bank of memory, whoever uses it. */
bool platform_is_ram(paddr_t base, uint64_t bytes);
/* Ends the machine, with a status where there is a SiFive test device. */
void platform_stop(bool failure) __attribute__((noreturn));
