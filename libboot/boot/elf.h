/* Reader of static RISC-V programs: ELF64, little-endian, ET_EXEC (System V gABI chapters 4 and 5, RISC-V psABI).
 *
 * elf_open() checks the header and every program header; what it accepted can be loaded without further checks:
 *   - each PT_LOAD: its file part inside the image, file_bytes <= mem_bytes, vaddr congruent to its file offset modulo
 *     the page size and the alignment, addresses from ELF_PAGE_BYTES to user_end without wrapping, not W without R;
 *   - PT_LOADs ascend, and no two have bytes on the same page, so that each page has one set of rights;
 *   - at most one PT_TLS, its file part inside the file part of one PT_LOAD, alignment a power of two up to a page;
 *   - segments without memory (mem_bytes 0), which linkers make of empty sections, are passed over;
 *   - the entry point, 2-byte aligned, inside an executable PT_LOAD;
 *   - no PT_INTERP, no PT_DYNAMIC.
 * No function allocates, keeps state or needs aligned data. Pointers handed out point into the image.
 *
 * Include as <boot/elf.h> with -Ilibboot.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ELF_PAGE_BYTES 4096u
#define ELF_SEGMENTS_MAX 16 /* program headers, all types */

enum elf_error {
    ELF_OK = 0,
    ELF_NOT_FOUND = -1,
    ELF_TRUNCATED = -2,   /* too short for its header, program headers or segments */
    ELF_BAD_MAGIC = -3,   /* not an ELF file */
    ELF_BAD_CLASS = -4,   /* not 64 bits, little-endian, version 1 */
    ELF_BAD_TYPE = -5,    /* not a static executable (ET_EXEC) */
    ELF_BAD_MACHINE = -6, /* not for RISC-V */
    ELF_BAD_PHDR = -7,    /* program header size, count, alignment or flags */
    ELF_BAD_ADDRESS = -8, /* a segment outside the user half, wrapping, or in page 0 */
    ELF_OVERLAP = -9,     /* segments overlap, share a page or do not ascend */
    ELF_BAD_TLS = -10,    /* PT_TLS outside every PT_LOAD, or two of them */
    ELF_BAD_ENTRY = -11,  /* the entry point is in no executable segment */
    ELF_NO_LOAD = -12,    /* nothing to load */
};

#define ELF_X 1u /* p_flags */
#define ELF_W 2u
#define ELF_R 4u

struct elf {
    const uint8_t *image;
    size_t bytes;
    uint64_t entry;
    uint64_t low, high; /* lowest address of a PT_LOAD, and end of the highest; not rounded to pages */
    uint32_t phdr_count;
    uint64_t phdr_at;
    uint64_t symbols_at, strings_at; /* symbol table, if there is a well-formed one */
    uint64_t symbol_count, strings_bytes;
    uint32_t bad_phdr; /* after an error of elf_open(): index of the bad program header */
};

struct elf_segment {
    uint32_t flags; /* ELF_R | ELF_W | ELF_X */
    uint64_t vaddr;
    const uint8_t *data; /* file_bytes of it; the rest up to mem_bytes is zero */
    uint64_t file_bytes;
    uint64_t mem_bytes;
    uint64_t align;
};

/* Checks the program of `bytes` bytes that is to run below `user_end` (first address that is not the user's). */
int elf_open(struct elf *e, const void *image, size_t bytes, uint64_t user_end);

/* One line of English for an enum elf_error; never NULL. */
const char *elf_strerror(int error);

/* The next PT_LOAD from program header `*index` on (start with 0), in ascending address order; moves `*index` on.
 * ELF_OK or NOT_FOUND. */
int elf_next_load(const struct elf *e, uint32_t *index, struct elf_segment *s);

/* The PT_TLS segment. ELF_OK or NOT_FOUND. */
int elf_tls(const struct elf *e, struct elf_segment *s);

/* The function that `address` lies in, and how far; NULL if no symbol says. Linear in the symbols. */
const char *elf_symbol(const struct elf *e, uint64_t address, uint64_t *offset);
