// uses: libboot/elf.c
/* libFuzzer: arbitrary bytes as a program. What is accepted must hold what boot/elf.h promises. */
#include <stdlib.h>
#include <string.h>
#include <boot/elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define USER_END (1ull << 38)

static volatile uint64_t sink;

static void use_data(const struct elf *e, const struct elf_segment *s)
{
    if (s->file_bytes > s->mem_bytes || s->file_bytes > e->bytes)
        abort();
    for (uint64_t i = 0; i < s->file_bytes; i++)
        sink += s->data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct elf e;
    int error = elf_open(&e, data, bytes, USER_END);
    if (error != ELF_OK) {
        sink += strlen(elf_strerror(error));
        return 0;
    }
    struct elf_segment s;
    uint64_t page = 0;
    unsigned loads = 0;
    for (uint32_t i = 0; elf_next_load(&e, &i, &s) == ELF_OK; loads++) {
        if (s.mem_bytes == 0 || s.vaddr / ELF_PAGE_BYTES <= page || s.vaddr + s.mem_bytes > USER_END ||
            s.vaddr + s.mem_bytes < s.vaddr)
            abort();
        page = (s.vaddr + s.mem_bytes - 1) / ELF_PAGE_BYTES;
        use_data(&e, &s);
    }
    if (loads == 0 || loads > ELF_SEGMENTS_MAX || e.entry < e.low || e.entry >= e.high)
        abort();
    if (elf_tls(&e, &s) == ELF_OK)
        use_data(&e, &s);
    uint64_t offset;
    const char *name = elf_symbol(&e, e.entry, &offset);
    sink += name ? strlen(name) + offset : 0;
    return 0;
}
