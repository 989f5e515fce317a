// uses: libboot/elf.c tests/host/data.c
/* The ELF reader on a program that this build made (tests/host/sample.c), compared field by field with the host's own <elf.h>,
 * and on copies of it with one field damaged. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <boot/elf.h>
#include <cmocka.h>
#include "data.h"

#define USER_END (1ull << 38)

static Elf64_Phdr *phdrs(uint8_t *image)
{
    return (Elf64_Phdr *)(image + ((Elf64_Ehdr *)image)->e_phoff);
}

/* Program header number `n` of `type` that takes memory. */
static Elf64_Phdr *phdr_of(uint8_t *image, uint32_t type, unsigned n)
{
    for (unsigned i = 0; i < ((Elf64_Ehdr *)image)->e_phnum; i++)
        if (phdrs(image)[i].p_type == type && phdrs(image)[i].p_memsz > 0 && n-- == 0)
            return phdrs(image) + i;
    fail_msg("the sample has no such segment");
    return NULL;
}

static void expect_segment(const uint8_t *image, const Elf64_Phdr *h, const struct elf_segment *s)
{
    assert_true(s->vaddr == h->p_vaddr && s->file_bytes == h->p_filesz && s->mem_bytes == h->p_memsz);
    assert_true(s->flags == h->p_flags && s->align == h->p_align);
    assert_ptr_equal(s->data, image + h->p_offset);
}

static void test_sample(void **state)
{
    (void)state;
    static const char *const names[] = {"sample.elf", "stripped.elf"};
    for (size_t n = 0; n < 2; n++) {
        size_t bytes;
        uint8_t *image = data_load(names[n], &bytes);
        struct elf e;
        struct elf_segment s;
        assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
        assert_true(e.entry == ((Elf64_Ehdr *)image)->e_entry);
        assert_int_equal(e.low, 0x400000);
        unsigned loads = 0;
        for (uint32_t i = 0; elf_next_load(&e, &i, &s) == ELF_OK; loads++)
            expect_segment(image, phdr_of(image, PT_LOAD, loads), &s);
        assert_int_equal(loads, 3);
        assert_true(e.high == s.vaddr + s.mem_bytes);
        assert_int_equal(elf_tls(&e, &s), ELF_OK);
        expect_segment(image, phdr_of(image, PT_TLS, 0), &s);
        assert_int_equal(s.file_bytes, 4);
        assert_int_equal(s.mem_bytes, 72);
        assert_memory_equal(s.data, "\x78\x56\x34\x12", 4);
        free(image);
    }
}

static void test_symbols(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *image = data_load("sample.elf", &bytes);
    struct elf e;
    uint64_t offset = 99;
    assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
    assert_string_equal(elf_symbol(&e, e.entry, &offset), "_start");
    assert_int_equal(offset, 0);
    assert_string_equal(elf_symbol(&e, e.entry + 2, &offset), "_start");
    assert_int_equal(offset, 2);
    assert_string_equal(elf_symbol(&e, e.low, &offset), "sample_function");
    assert_null(elf_symbol(&e, 0x1000, &offset));
    free(image);
    image = data_load("stripped.elf", &bytes);
    assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
    assert_null(elf_symbol(&e, e.entry, &offset));
    free(image);
}

static void test_truncated(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *image = data_load("stripped.elf", &bytes);
    Elf64_Phdr *last = phdr_of(image, PT_LOAD, 2);
    size_t least = last->p_offset + last->p_filesz;
    struct elf e;
    for (size_t cut = 0; cut < least; cut++) {
        uint8_t *copy = malloc(cut + (cut == 0));
        memcpy(copy, image, cut);
        assert_int_equal(elf_open(&e, copy, cut, USER_END), ELF_TRUNCATED);
        free(copy);
    }
    assert_int_equal(elf_open(&e, image, least, USER_END), ELF_OK);
    free(image);
}

/* Sets a field of a fresh copy of the sample to `value` and expects elf_open() to end with `error`. */
#define EXPECT(error, where, field, value)                                                                             \
    do {                                                                                                               \
        size_t bytes_;                                                                                                 \
        uint8_t *image = data_load("sample.elf", &bytes_);                                                             \
        Elf64_Ehdr *header = (Elf64_Ehdr *)image;                                                                      \
        (void)header;                                                                                                  \
        (where)->field = (value);                                                                                      \
        struct elf e_;                                                                                                 \
        assert_int_equal(elf_open(&e_, image, bytes_, USER_END), error);                                               \
        free(image);                                                                                                   \
    } while (0)
#define LOAD(n) phdr_of(image, PT_LOAD, n)
#define TLS phdr_of(image, PT_TLS, 0)

static void test_bad_header(void **state)
{
    (void)state;
    struct elf text;
    assert_int_equal(elf_open(&text, "text", 4, USER_END), ELF_BAD_MAGIC);
    EXPECT(ELF_OK, header, e_flags, 0);
    EXPECT(ELF_BAD_MAGIC, header, e_ident[0], 'E');
    EXPECT(ELF_BAD_CLASS, header, e_ident[EI_CLASS], ELFCLASS32);
    EXPECT(ELF_BAD_CLASS, header, e_ident[EI_DATA], ELFDATA2MSB);
    EXPECT(ELF_BAD_CLASS, header, e_ident[EI_VERSION], 0);
    EXPECT(ELF_BAD_TYPE, header, e_type, ET_DYN);
    EXPECT(ELF_BAD_MACHINE, header, e_machine, EM_X86_64);
    EXPECT(ELF_TRUNCATED, header, e_phoff, ~0ull);
    EXPECT(ELF_TRUNCATED, header, e_phoff, ~0ull - 300);
    EXPECT(ELF_TRUNCATED, header, e_phoff, 1ull << 32);
    EXPECT(ELF_BAD_PHDR, header, e_phentsize, 32);
    EXPECT(ELF_BAD_PHDR, header, e_phnum, 17);
    EXPECT(ELF_BAD_PHDR, header, e_phnum, 0xffff);
    EXPECT(ELF_NO_LOAD, header, e_phnum, 0);
    EXPECT(ELF_BAD_ENTRY, header, e_entry, 0);
    EXPECT(ELF_BAD_ENTRY, header, e_entry, LOAD(0)->p_vaddr + 1);
    EXPECT(ELF_BAD_ENTRY, header, e_entry, LOAD(0)->p_vaddr + LOAD(0)->p_memsz + 1);
    EXPECT(ELF_BAD_ENTRY, header, e_entry, LOAD(2)->p_vaddr);
    EXPECT(ELF_BAD_ENTRY, LOAD(0), p_flags, PF_R);
}

static void test_bad_loads(void **state)
{
    (void)state;
    EXPECT(ELF_TRUNCATED, LOAD(0), p_offset, 1ull << 32);
    EXPECT(ELF_TRUNCATED, LOAD(0), p_offset, ~0ull & ~0xfffull);
    EXPECT(ELF_TRUNCATED, LOAD(0), p_filesz, ~0ull);
    EXPECT(ELF_BAD_PHDR, LOAD(0), p_memsz, LOAD(0)->p_filesz - 1);
    EXPECT(ELF_BAD_PHDR, LOAD(2), p_flags, PF_W);
    EXPECT(ELF_BAD_PHDR, LOAD(2), p_flags, 8);
    EXPECT(ELF_BAD_PHDR, LOAD(2), p_align, 3);
    EXPECT(ELF_BAD_PHDR, LOAD(2), p_align, 1 << 20);
    EXPECT(ELF_BAD_PHDR, LOAD(2), p_vaddr, LOAD(2)->p_vaddr + 4);
    EXPECT(ELF_BAD_ADDRESS, LOAD(0), p_vaddr, 0);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_vaddr, USER_END);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_vaddr, USER_END - 0x1000);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_vaddr, 0xffffffffffffe000);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_vaddr, 0xffffffc080200000);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_memsz, ~0ull);
    EXPECT(ELF_BAD_ADDRESS, LOAD(2), p_memsz, 0 - LOAD(2)->p_vaddr);
    EXPECT(ELF_OVERLAP, LOAD(1), p_vaddr, LOAD(0)->p_vaddr);
    EXPECT(ELF_OVERLAP, LOAD(0), p_memsz, 0x1001);
    EXPECT(ELF_OK, LOAD(0), p_memsz, 0x1000);
    EXPECT(ELF_OVERLAP, LOAD(0), p_vaddr, 0x10000000);
    EXPECT(ELF_BAD_TYPE, LOAD(1), p_type, PT_INTERP);
    EXPECT(ELF_BAD_TYPE, LOAD(1), p_type, PT_DYNAMIC);
}

static void test_bad_tls(void **state)
{
    (void)state;
    EXPECT(ELF_BAD_TLS, TLS, p_filesz, TLS->p_memsz + 1);
    EXPECT(ELF_BAD_TLS, TLS, p_memsz, USER_END + 1);
    EXPECT(ELF_BAD_TLS, TLS, p_align, 3);
    EXPECT(ELF_BAD_TLS, TLS, p_align, 8192);
    EXPECT(ELF_BAD_TLS, TLS, p_vaddr, 0x1000);
    EXPECT(ELF_BAD_TLS, TLS, p_vaddr, ~0ull);
    EXPECT(ELF_BAD_TLS, TLS, p_offset, TLS->p_offset - 4);
    EXPECT(ELF_OK, TLS, p_filesz, 0);
    EXPECT(ELF_BAD_TLS, TLS, p_offset, (TLS->p_filesz = 0, ~0ull));            /* found by fuzz_elf */
    EXPECT(ELF_BAD_TLS, phdrs(image), p_type, (*phdrs(image) = *TLS, PT_TLS)); /* a second one */
}

static void test_no_tls(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *image = data_load("sample.elf", &bytes);
    struct elf e;
    struct elf_segment s;
    TLS->p_type = PT_NULL;
    assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
    assert_int_equal(elf_tls(&e, &s), ELF_NOT_FOUND);
    free(image);
}

/* The symbol table serves messages only: damage to it is no error. */
static void test_bad_symbols_are_no_error(void **state)
{
    (void)state;
    EXPECT(ELF_OK, header, e_shoff, ~0ull);
    EXPECT(ELF_OK, header, e_shnum, 0xffff);
    EXPECT(ELF_OK, header, e_shentsize, 1);
    size_t bytes;
    uint8_t *image = data_load("sample.elf", &bytes);
    Elf64_Ehdr *header = (Elf64_Ehdr *)image;
    Elf64_Shdr *sections = (Elf64_Shdr *)(image + header->e_shoff);
    struct elf e;
    uint64_t offset;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB)
            sections[i].sh_link = 0xffff;
    assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
    assert_null(elf_symbol(&e, e.entry, &offset));
    free(image);
    image = data_load("sample.elf", &bytes); /* the same of the strings */
    header = (Elf64_Ehdr *)image;
    sections = (Elf64_Shdr *)(image + header->e_shoff);
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_STRTAB)
            sections[i].sh_size = bytes;
    assert_int_equal(elf_open(&e, image, bytes, USER_END), ELF_OK);
    assert_null(elf_symbol(&e, e.entry, &offset));
    free(image);
}

static void test_error_strings(void **state)
{
    (void)state;
    for (int error = ELF_OK; error >= ELF_NO_LOAD; error--)
        assert_string_not_equal(elf_strerror(error), "unknown error");
    assert_string_equal(elf_strerror(ELF_NO_LOAD), "nothing to load");
    assert_string_equal(elf_strerror(ELF_NO_LOAD - 1), "unknown error");
    assert_string_equal(elf_strerror(1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_bad_header),
        cmocka_unit_test(test_bad_loads),     cmocka_unit_test(test_bad_tls),
        cmocka_unit_test(test_no_tls),        cmocka_unit_test(test_bad_symbols_are_no_error),
        cmocka_unit_test(test_error_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
