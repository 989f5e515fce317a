/* Reader of static RISC-V programs; the contract is in boot/elf.h.
 *
 * Everything is read byte-wise, so the image need not be aligned: files in a cpio archive start at multiples of four.
 * Sums are arranged so that they cannot wrap: `range_is_inside` compares differences. There are no locks.
 */
#include <boot/elf.h>
#include <string.h>

enum { HEADER_BYTES = 64, PHDR_BYTES = 56, SHDR_BYTES = 64, SYMBOL_BYTES = 24 };
enum { CLASS_64 = 2, DATA_LITTLE = 1, VERSION = 1, TYPE_EXEC = 2, MACHINE_RISCV = 243 };
enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_TLS = 7 };
enum { SHT_SYMTAB = 2, SHT_STRTAB = 3, STT_NOTYPE = 0, STT_FUNC = 2 };

struct phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, file_bytes, mem_bytes, align;
};

struct shdr {
    uint32_t type, link;
    uint64_t offset, bytes, entry_bytes;
};

static uint64_t little(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

static int range_is_inside(uint64_t at, uint64_t bytes, uint64_t low, uint64_t high)
{
    return at >= low && at <= high && bytes <= high - at;
}

static struct phdr phdr_read(const struct elf *e, uint32_t index)
{
    const uint8_t *p = e->image + e->phdr_at + (size_t)index * PHDR_BYTES;
    return (struct phdr){.type = (uint32_t)little(p, 4),
                         .flags = (uint32_t)little(p + 4, 4),
                         .offset = little(p + 8, 8),
                         .vaddr = little(p + 16, 8),
                         .file_bytes = little(p + 32, 8),
                         .mem_bytes = little(p + 40, 8),
                         .align = little(p + 48, 8)};
}

/* Whether program header `index` is a segment of `type` that takes memory. */
static int phdr_get(const struct elf *e, uint32_t index, uint32_t type, struct phdr *h)
{
    *h = phdr_read(e, index);
    return h->type == type && h->mem_bytes > 0;
}

static int header_check(struct elf *e)
{
    const uint8_t *h = e->image;
    if (e->bytes >= 4 && memcmp(h, "\177ELF", 4) != 0)
        return ELF_BAD_MAGIC;
    if (e->bytes < HEADER_BYTES)
        return ELF_TRUNCATED;
    if (h[4] != CLASS_64 || h[5] != DATA_LITTLE || h[6] != VERSION)
        return ELF_BAD_CLASS;
    if (little(h + 16, 2) != TYPE_EXEC)
        return ELF_BAD_TYPE;
    if (little(h + 18, 2) != MACHINE_RISCV)
        return ELF_BAD_MACHINE;
    e->entry = little(h + 24, 8);
    e->phdr_at = little(h + 32, 8);
    e->phdr_count = (uint32_t)little(h + 56, 2);
    if (little(h + 54, 2) != PHDR_BYTES || e->phdr_count > ELF_SEGMENTS_MAX)
        return ELF_BAD_PHDR;
    if (!range_is_inside(e->phdr_at, e->phdr_count * PHDR_BYTES, 0, e->bytes))
        return ELF_TRUNCATED;
    return ELF_OK;
}

static int is_power_of_two_or_zero(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

/* One segment by itself. */
static int load_check(const struct elf *e, const struct phdr *h, uint64_t user_end)
{
    if (!range_is_inside(h->offset, h->file_bytes, 0, e->bytes))
        return ELF_TRUNCATED;
    if (h->file_bytes > h->mem_bytes || (h->flags & ~(ELF_R | ELF_W | ELF_X)) != 0 ||
        (h->flags & (ELF_R | ELF_W)) == ELF_W || !is_power_of_two_or_zero(h->align))
        return ELF_BAD_PHDR;
    uint64_t congruent = h->align > ELF_PAGE_BYTES ? h->align : ELF_PAGE_BYTES;
    if (((h->vaddr ^ h->offset) & (congruent - 1)) != 0)
        return ELF_BAD_PHDR;
    if (!range_is_inside(h->vaddr, h->mem_bytes, ELF_PAGE_BYTES, user_end))
        return ELF_BAD_ADDRESS;
    return ELF_OK;
}

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(ELF_PAGE_BYTES - 1);
}

static int loads_check(struct elf *e, uint64_t user_end)
{
    struct phdr h;
    for (uint32_t i = 0; i < e->phdr_count; i++) {
        e->bad_phdr = i;
        h = phdr_read(e, i);
        if (h.type == PT_INTERP || h.type == PT_DYNAMIC)
            return ELF_BAD_TYPE;
        if (!phdr_get(e, i, PT_LOAD, &h))
            continue;
        int error = load_check(e, &h, user_end);
        if (error != ELF_OK)
            return error;
        if (e->high > 0 && page_down(h.vaddr) <= page_down(e->high - 1))
            return ELF_OVERLAP;
        if (e->high == 0)
            e->low = h.vaddr;
        e->high = h.vaddr + h.mem_bytes;
    }
    return e->high > 0 ? ELF_OK : ELF_NO_LOAD;
}

/* Whether the initial image of the TLS segment is loaded with the program. */
static int tls_is_loaded(const struct elf *e, const struct phdr *tls)
{
    struct phdr h;
    for (uint32_t i = 0; i < e->phdr_count; i++)
        if (phdr_get(e, i, PT_LOAD, &h) &&
            range_is_inside(tls->vaddr, tls->file_bytes, h.vaddr, h.vaddr + h.file_bytes) &&
            tls->offset - h.offset == tls->vaddr - h.vaddr)
            return 1;
    return tls->file_bytes == 0;
}

static int tls_check(struct elf *e, uint64_t user_end)
{
    struct phdr h;
    unsigned count = 0;
    for (uint32_t i = 0; i < e->phdr_count; i++) {
        if (!phdr_get(e, i, PT_TLS, &h))
            continue;
        e->bad_phdr = i;
        if (++count > 1 || h.file_bytes > h.mem_bytes || h.mem_bytes > user_end || h.align > ELF_PAGE_BYTES ||
            !is_power_of_two_or_zero(h.align) || !range_is_inside(h.offset, h.file_bytes, 0, e->bytes) ||
            !tls_is_loaded(e, &h))
            return ELF_BAD_TLS;
    }
    return ELF_OK;
}

static int entry_check(const struct elf *e)
{
    struct phdr h;
    for (uint32_t i = 0; i < e->phdr_count; i++)
        if (phdr_get(e, i, PT_LOAD, &h) && (h.flags & ELF_X) && e->entry % 2 == 0 && e->entry >= h.vaddr &&
            e->entry - h.vaddr < h.mem_bytes)
            return ELF_OK;
    return ELF_BAD_ENTRY;
}

static struct shdr shdr_read(const struct elf *e, uint64_t table_at, uint64_t index)
{
    const uint8_t *s = e->image + table_at + index * SHDR_BYTES;
    return (struct shdr){.type = (uint32_t)little(s + 4, 4),
                         .link = (uint32_t)little(s + 40, 4),
                         .offset = little(s + 24, 8),
                         .bytes = little(s + 32, 8),
                         .entry_bytes = little(s + 56, 8)};
}

/* Symbols are only for messages: where they are missing or malformed, the program runs without. */
static void symbols_find(struct elf *e)
{
    uint64_t table_at = little(e->image + 40, 8);
    uint64_t count = little(e->image + 60, 2);
    if (little(e->image + 58, 2) != SHDR_BYTES || !range_is_inside(table_at, count * SHDR_BYTES, 0, e->bytes))
        return;
    for (uint64_t i = 0; i < count; i++) {
        struct shdr symbols = shdr_read(e, table_at, i);
        if (symbols.type != SHT_SYMTAB || symbols.entry_bytes != SYMBOL_BYTES || symbols.link >= count)
            continue;
        struct shdr strings = shdr_read(e, table_at, symbols.link);
        if (strings.type != SHT_STRTAB || !range_is_inside(symbols.offset, symbols.bytes, 0, e->bytes) ||
            !range_is_inside(strings.offset, strings.bytes, 0, e->bytes))
            continue;
        e->symbols_at = symbols.offset;
        e->symbol_count = symbols.bytes / SYMBOL_BYTES;
        e->strings_at = strings.offset;
        e->strings_bytes = strings.bytes;
        return;
    }
}

int elf_open(struct elf *e, const void *image, size_t bytes, uint64_t user_end)
{
    *e = (struct elf){.image = image, .bytes = bytes};
    int error = header_check(e);
    if (error == ELF_OK)
        error = loads_check(e, user_end);
    if (error == ELF_OK)
        error = tls_check(e, user_end);
    if (error == ELF_OK)
        error = entry_check(e);
    if (error == ELF_OK)
        symbols_find(e);
    return error;
}

const char *elf_strerror(int error)
{
    /* One string, not a table of pointers: this may run before the kernel's addresses are mapped. */
    const char *text = "no error\0not found\0truncated\0not an ELF file\0not a 64-bit little-endian ELF file\0"
                       "not a static executable\0not for RISC-V\0bad program header\0"
                       "segment outside the user's addresses\0segments overlap, share a page or do not ascend\0"
                       "bad TLS segment\0entry point in no executable segment\0nothing to load\0";
    if (error > ELF_OK || error < ELF_NO_LOAD)
        return "unknown error";
    for (; error < 0; error++)
        text += strlen(text) + 1;
    return text;
}

static void segment_fill(const struct elf *e, const struct phdr *h, struct elf_segment *s)
{
    *s = (struct elf_segment){.flags = h->flags & (ELF_R | ELF_W | ELF_X),
                              .vaddr = h->vaddr,
                              .data = e->image + h->offset,
                              .file_bytes = h->file_bytes,
                              .mem_bytes = h->mem_bytes,
                              .align = h->align};
}

int elf_next_load(const struct elf *e, uint32_t *index, struct elf_segment *s)
{
    struct phdr h;
    while (*index < e->phdr_count) {
        if (phdr_get(e, (*index)++, PT_LOAD, &h)) {
            segment_fill(e, &h, s);
            return ELF_OK;
        }
    }
    return ELF_NOT_FOUND;
}

int elf_tls(const struct elf *e, struct elf_segment *s)
{
    struct phdr h;
    for (uint32_t i = 0; i < e->phdr_count; i++) {
        if (phdr_get(e, i, PT_TLS, &h)) {
            segment_fill(e, &h, s);
            return ELF_OK;
        }
    }
    return ELF_NOT_FOUND;
}

/* The name of the symbol at `p`, or NULL if it is not one that a person would look for. */
static const char *symbol_name(const struct elf *e, const uint8_t *p)
{
    uint64_t offset = little(p, 4);
    unsigned type = p[4] & 15;
    if (offset >= e->strings_bytes || little(p + 6, 2) == 0 || (type != STT_FUNC && type != STT_NOTYPE))
        return NULL;
    const char *name = (const char *)e->image + e->strings_at + offset;
    if (!memchr(name, 0, e->strings_bytes - offset))
        return NULL;
    return *name == 0 || *name == '$' || *name == '.' ? NULL : name;
}

const char *elf_symbol(const struct elf *e, uint64_t address, uint64_t *offset)
{
    const char *best = NULL;
    uint64_t best_value = 0;
    for (uint64_t i = 0; i < e->symbol_count; i++) {
        const uint8_t *p = e->image + e->symbols_at + i * SYMBOL_BYTES;
        uint64_t value = little(p + 8, 8), bytes = little(p + 16, 8);
        if (value > address || (bytes > 0 && address - value >= bytes) || (best && value < best_value))
            continue;
        const char *name = symbol_name(e, p);
        if (name) {
            best = name;
            best_value = value;
        }
    }
    if (best)
        *offset = address - best_value;
    return best;
}
