/* The first program: its objects from boot memory, its image from the initrd, its capabilities, and all memory that is
 * left.
 *
 * What it finds where is said in tenon/bootinfo.h. Its frames and tables are typed like any others, but only those with
 * a slot there have a capability. Runs once on the boot hart, while the others sleep; takes the CSpace lock for form's
 * sake. The program starts on hart 0.
 */
#include "boot.h"
#include "bootmem.h"
#include "cdt.h"
#include "console.h"
#include "hart.h"
#include "invariants.h"
#include "memory.h"
#include "platform.h"
#include "pt.h"
#include "sched.h"
#include "tcb.h"
#include "untyped.h"
#include "vspace.h"
#include <boot/cpio.h>
#include <boot/elf.h>
#include <string.h>
#include <tenon/bootinfo.h>

#define INIT_CNODE_RADIX 12
#define INIT_STACK_BYTES (64ull << 10)
#define INIT_IPC_PAGES 4
#define INIT_DTB_BYTES_MAX (TN_INIT_STACK_TOP - INIT_STACK_BYTES - TN_INIT_DTB)
#define INIT_NAME_MAX 64

static struct slot *cnode;
static pte_t *root;
static struct tn_bootinfo *info;

/* Ends the machine: what, which, why. */
static void __attribute__((noreturn)) refuse(const char *what, const char *name, const char *why)
{
    kprintf("boot: %s%s%s: %s\n", what, name[0] ? " " : "", name, why);
    platform_stop(true);
}

static uint64_t pages_up(uint64_t bytes)
{
    return (bytes + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1);
}

static uint32_t bits_up(uint64_t bytes)
{
    uint32_t bits = TN_PAGE_BITS;
    while (1ull << bits < bytes)
        bits++;
    return bits;
}

/* ---- memory of a type ---- */

static void *object_new(uint64_t bytes)
{
    void *object = bootmem_alloc(bytes, bytes);
    memory_set_type(virt_to_phys(object), pages_up(bytes), PAGE_OBJECT);
    return object;
}

static void *frame_new(uint64_t bytes, uint64_t alignment)
{
    void *frame = bootmem_alloc(bytes, alignment);
    memory_set_type(virt_to_phys(frame), pages_up(bytes), PAGE_FRAME);
    return frame;
}

static pte_t *table_new(uint32_t level)
{
    pte_t *table = bootmem_alloc(TN_PAGE_BYTES, TN_PAGE_BYTES);
    memory_set_type(virt_to_phys(table), TN_PAGE_BYTES, (enum page_type)(PAGE_TABLE + level));
    if (level == mmu_levels - 1)
        mmu_root_init(table);
    return table;
}

static void give(uint32_t slot, struct cap c)
{
    cdt_insert_original(&cnode[slot], c, NULL);
}

static void map(uint64_t va, const void *memory, uint64_t bytes, uint64_t rights)
{
    paddr_t page = virt_to_phys(memory);
    for (uint64_t done = 0; done < bytes; done += TN_PAGE_BYTES) {
        pte_t *table = root, leaf = pt_leaf((paddr_t){page.v + done}, rights, 0);
        vaddr_t at = {va + done};
        for (uint32_t level = mmu_levels - 1; level > 0; level--) {
            pte_t *entry = &table[pt_index(at, level)];
            if (!(*entry & TN_PTE_V)) {
                *entry = pt_link(virt_to_phys(table_new(level - 1)));
                invariants_entry(entry, 0, *entry);
            }
            table = phys_to_virt((paddr_t){tn_pte_paddr(*entry)});
        }
        table[pt_index(at, 0)] = leaf;
        invariants_entry(&table[pt_index(at, 0)], 0, leaf);
    }
}

/* ---- the initrd and the program in it ---- */

/* The range is naturally aligned RAM and nothing else is in it. */
static bool stands_alone(uint64_t base, uint64_t bytes)
{
    uint32_t others = 0;
    for (uint32_t i = 0; i < platform.reserved_count; i++) {
        struct range r = platform.reserved[i];
        bool itself = r.base.v == base && r.bytes == bytes;
        others += !itself && r.base.v < base + bytes && base < r.base.v + r.bytes;
    }
    return base % bytes == 0 && platform_is_ram((paddr_t){base}, bytes) && others == 0;
}

/* The initrd as one Frame: where it stands if that can be one (platform.c has reserved it up to a power of two),
 * else a copy. */
static const uint8_t *initrd_frame(void)
{
    uint64_t bytes = 1ull << bits_up(platform.initrd.bytes);
    const uint8_t *initrd = phys_to_virt(platform.initrd.base);
    if (platform.initrd.bytes == 0)
        refuse("no initrd", "", "there is no program to start");
    if (!platform_is_ram(platform.initrd.base, platform.initrd.bytes))
        refuse("initrd", "", "not in memory");
    if (stands_alone(platform.initrd.base.v, bytes)) {
        memory_set_type(platform.initrd.base, bytes, PAGE_FRAME);
        return initrd;
    }
    return memcpy(frame_new(bytes, bytes), initrd, platform.initrd.bytes);
}

static const char *program_name(void)
{
    static char name[INIT_NAME_MAX];
    size_t length;
    const char *wanted = platform_bootarg("init", &length);
    if (wanted == NULL)
        return "init";
    if (length >= sizeof(name))
        refuse("bootarg", "init=", "name too long");
    return memcpy(name, wanted, length);
}

static void find_program(const uint8_t *initrd, const char *name, struct cpio_file *file)
{
    struct cpio archive;
    int error = cpio_open(&archive, initrd, platform.initrd.bytes);
    if (error != CPIO_OK)
        refuse("initrd", "", cpio_strerror(error));
    error = cpio_find(&archive, name, file);
    if (error != CPIO_OK)
        refuse("initrd has no program", name, cpio_strerror(error));
}

/* Returns the entry point. */
static uint64_t load_program(const char *name, const struct cpio_file *file)
{
    struct elf elf;
    struct elf_segment s;
    int error = elf_open(&elf, file->data, file->bytes, TN_INIT_IPC_BUFFER);
    if (error != ELF_OK)
        refuse("program", name, elf_strerror(error));
    for (uint32_t i = 0; elf_next_load(&elf, &i, &s) == ELF_OK;) {
        uint64_t rights =
            (s.flags & ELF_R ? TN_READ : 0) | (s.flags & ELF_W ? TN_WRITE : 0) | (s.flags & ELF_X ? TN_EXEC : 0);
        if (!pt_rights_valid(rights) || (s.flags & (ELF_W | ELF_X)) == (ELF_W | ELF_X))
            refuse("program", name, "a segment is writable and executable, or has no rights");
        uint64_t start = s.vaddr % TN_PAGE_BYTES;
        uint8_t *memory = frame_new(pages_up(start + s.mem_bytes), TN_PAGE_BYTES);
        memcpy(memory + start, s.data, s.file_bytes);
        map(s.vaddr - start, memory, start + s.mem_bytes, rights);
    }
    return elf.entry;
}

/* ---- what else it finds in its space ---- */

static struct cap frame_cap(const void *frame, uint64_t bytes, uint64_t rights)
{
    return cap_make(TN_FRAME, frame, rights, bits_up(bytes));
}

static void map_surroundings(const uint8_t *initrd)
{
    void *buffer = frame_new(INIT_IPC_PAGES * TN_PAGE_BYTES, INIT_IPC_PAGES * TN_PAGE_BYTES);
    map(TN_INIT_IPC_BUFFER, buffer, INIT_IPC_PAGES * TN_PAGE_BYTES, TN_READ | TN_WRITE);
    give(TN_INIT_IPC_FRAME, frame_cap(buffer, INIT_IPC_PAGES * TN_PAGE_BYTES, TN_READ | TN_WRITE));

    map(TN_INIT_STACK_TOP - INIT_STACK_BYTES, frame_new(INIT_STACK_BYTES, TN_PAGE_BYTES), INIT_STACK_BYTES,
        TN_READ | TN_WRITE);

    if (platform.dtb_bytes > INIT_DTB_BYTES_MAX)
        refuse("device tree", "", "too large");
    void *dtb = frame_new(1ull << bits_up(platform.dtb_bytes), 1ull << bits_up(platform.dtb_bytes));
    memcpy(dtb, platform.dtb, platform.dtb_bytes);
    map(TN_INIT_DTB, dtb, platform.dtb_bytes, TN_READ);
    give(TN_INIT_DTB_FRAME, frame_cap(dtb, platform.dtb_bytes, TN_READ));

    map(TN_INIT_INITRD, initrd, platform.initrd.bytes, TN_READ);
    give(TN_INIT_INITRD_FRAME, frame_cap(initrd, platform.initrd.bytes, TN_READ | TN_EXEC));

    info = frame_new(TN_PAGE_BYTES, TN_PAGE_BYTES);
    map(TN_INIT_BOOTINFO, info, TN_PAGE_BYTES, TN_READ);
}

/* ---- the memory that is left, and the devices ---- */

static void give_untyped(paddr_t base, uint32_t size_bits, bool device)
{
    if (info->untyped_count == TN_BOOTINFO_UNTYPED_MAX) {
        kprintf("boot: more pieces of memory than init can be told of: %lu KiB at %lx are left out\n",
                (uint64_t)1 << (size_bits - 10), base.v);
        return;
    }
    uint32_t i = info->untyped_count++;
    info->untyped[i] = (struct tn_boot_untyped){.paddr = base.v, .size_bits = size_bits, .is_device = device};
    give(TN_INIT_FIRST_UNTYPED + i, untyped_make(base, size_bits, device));
}

static void take_ram(paddr_t base, uint32_t size_bits, void *context)
{
    (void)context;
    memory_set_type(base, 1ull << size_bits, PAGE_UNTYPED);
    give_untyped(base, size_bits, false);
}

/* A range of whole pages in as few naturally aligned powers of two as possible. */
static void give_device(struct range r)
{
    for (uint64_t at = r.base.v, end = r.base.v + r.bytes; at < end;) {
        uint32_t bits = TN_PAGE_BITS;
        while (bits < TN_UNTYPED_BITS_MAX && at % (2ull << bits) == 0 && end - at >= 2ull << bits)
            bits++;
        give_untyped((paddr_t){at}, bits, true);
        at += 1ull << bits;
    }
}

static void fill_bootinfo(void)
{
    info->magic = TN_BOOTINFO_MAGIC;
    info->harts = hart_count;
    info->levels = mmu_levels;
    info->timebase_hz = platform.timebase_hz;
    info->initrd_bytes = platform.initrd.bytes;
    info->dtb_bytes = platform.dtb_bytes;
    info->debug_build = TENON_DEBUG;
    uint64_t low = ~0ull, high = 0;
    for (uint32_t i = 0; i < platform.memory_count; i++) {
        struct range r = platform.memory[i];
        low = r.base.v < low ? r.base.v : low;
        high = r.base.v + r.bytes > high ? r.base.v + r.bytes : high;
    }
    info->ram_base = low;
    info->ram_bytes = high - low;
    for (uint32_t i = 0; i < platform.device_count; i++)
        give_device(platform.devices[i]);
    bootmem_give_away(take_ram, NULL); /* no allocation after this */
    info->free_slot_first = TN_INIT_FIRST_UNTYPED + info->untyped_count;
    info->free_slot_end = 1ull << INIT_CNODE_RADIX;
}

/* ---- the thread ---- */

static struct tcb *make_thread(struct vspace *space, struct tcb *t)
{
    tcb_init(t, hart_at(0));
    vspace_init(space);
    give(TN_INIT_CNODE, cap_make(TN_CNODE, cnode, TN_RIGHTS_ALL, INIT_CNODE_RADIX));
    give(TN_INIT_VSPACE, cap_make(TN_VSPACE, space, TN_RIGHTS_ALL, 0));
    give(TN_INIT_TCB, cap_make(TN_TCB, t, TN_RIGHTS_ALL, 0));
    give(TN_INIT_IRQ_CONTROL, cap_make(TN_IRQ_CONTROL, NULL, TN_RIGHTS_ALL, 0));
    give(TN_INIT_ROOT_TABLE, cap_make(TN_PAGETABLE, root, TN_READ | TN_WRITE, mmu_levels - 1));
    if (vspace_set_root(t, space, &cnode[TN_INIT_ROOT_TABLE]) != TN_OK)
        refuse("init", "", "the kernel's own root table is refused");
    tcb_slot_set(t, TCB_CSPACE, &cnode[TN_INIT_CNODE]);
    tcb_slot_set(t, TCB_VSPACE, &cnode[TN_INIT_VSPACE]);
    tcb_slot_set(t, TCB_BUFFER, &cnode[TN_INIT_IPC_FRAME]);
    tcb_buffer_set(t, 0, INIT_IPC_PAGES);
    return t;
}

void bootinit_start(void)
{
    struct cpio_file program;
    const char *name = program_name();
    const uint8_t *initrd = initrd_frame();
    find_program(initrd, name, &program);
    cnode = object_new(sizeof(struct slot) << INIT_CNODE_RADIX);
    uint8_t *objects = object_new(TN_PAGE_BYTES); /* TCB, then VSpace */
    root = table_new(mmu_levels - 1);
    uint64_t entry = load_program(name, &program);

    if (!cspace_lock(NULL))
        refuse("init", "", "the boot hart runs a thread already");
    map_surroundings(initrd);
    struct tcb *t = make_thread((struct vspace *)(objects + (1 << TN_TCB_BITS)), (struct tcb *)objects);
    fill_bootinfo();
    cspace_unlock();

    t->priority = TN_PRIORITIES - 1;
    t->x[REG_PC] = entry;
    t->x[REG_SP] = TN_INIT_STACK_TOP;
    t->x[REG_A0] = TN_INIT_BOOTINFO;
    t->state = THREAD_WAKING;
    sched_wake(hart_self(), t);
}
