/* ELF segments into a space. libboot has checked the file: segments ascend, share no page and lie in the user part.
 *
 * Pages with bytes of the file are copied; pages beyond them are demand-zero. Code becomes visible to instruction fetch
 * by the caller's fence.i on all harts (process.c), once everything is there. */
#include "elf_load.h"
#include "linux_errno.h"
#include "mmargs.h"
#include "supply.h"

static uint64_t page_down(uint64_t address)
{
    return address & ~(TN_PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + TN_PAGE_BYTES - 1);
}

static unsigned segment_rights(uint32_t flags)
{
    return (flags & ELF_R ? TN_READ : 0) | (flags & ELF_W ? TN_WRITE : 0) | (flags & ELF_X ? TN_EXEC : 0);
}

static enum ct_status segment_load(struct worker *w, struct client *c, const struct elf_segment *s, unsigned rights)
{
    uint64_t low = page_down(s->vaddr), high = page_up(s->vaddr + s->mem_bytes);
    uint64_t copied = s->file_bytes == 0 ? low : page_up(s->vaddr + s->file_bytes);
    enum ct_status status = CT_OK;

    if (copied > low) {
        status = supply_copy(w, c, low, copied - low, rights, s->vaddr, s->data, s->file_bytes);
    }
    if (status == CT_OK && high > copied) {
        status = supply_mark(w, c, copied, high - copied, ct_anon(rights));
    }
    return status;
}

int64_t elf_load(struct worker *w, struct client *c, const struct elf *elf)
{
    struct elf_segment s;
    uint32_t index = 0;

    while (elf_next_load(elf, &index, &s) == ELF_OK) {
        unsigned rights = segment_rights(s.flags);
        if (!(rights & TN_READ) || (rights & (TN_WRITE | TN_EXEC)) == (TN_WRITE | TN_EXEC)) {
            return -LINUX_ENOEXEC;
        }
        enum ct_status status = segment_load(w, c, &s, rights);
        if (status != CT_OK) {
            return args_errno(status);
        }
    }
    return 0;
}
