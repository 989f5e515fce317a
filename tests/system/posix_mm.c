/* mmap, munmap, mprotect: semantics and every errno, as Linux has them, where Tenon has the feature.
 *
 * Where Tenon is stricter on purpose: a request that fails has changed nothing (Linux' mprotect may stop half-way), and
 * what is not supported is refused.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

typedef unsigned char byte;

static byte *map_pages(size_t pages)
{
    void *p = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);
    EXPECT(p != MAP_FAILED);
    return p;
}

static void *map_at(void *address, size_t bytes, int prot, int flags)
{
    errno = 0;
    return mmap(address, bytes, prot, ANON | flags, -1, 0);
}

/* The mapping fails with `error`. */
#define EXPECT_MAP_ERROR(address, bytes, prot, flags, error)                                                           \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        EXPECT(mmap((void *)(address), (bytes), (prot), (flags), -1, 0) == MAP_FAILED);                                \
        EXPECT_EQUAL(errno, (error));                                                                                  \
    } while (0)
#define EXPECT_ERROR(call, error)                                                                                      \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        EXPECT_EQUAL((call), -1);                                                                                      \
        EXPECT_EQUAL(errno, (error));                                                                                  \
    } while (0)

static int all_bytes(const byte *p, size_t bytes, byte value)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != value) {
            return 0;
        }
    }
    return 1;
}

/* First address that is not the user's: of the sizes an address space can have, the smallest behind whose end nothing can
 * be mapped. */
static uint64_t user_end(void)
{
    static const unsigned bits[] = {38, 47, 56};
    static uint64_t found;

    for (unsigned i = 0; i < 3 && found == 0; i++) {
        uint64_t end = 1ull << bits[i];
        void *p = map_at((void *)(end + PAGE), PAGE, RW, MAP_FIXED_NOREPLACE);
        if (p == MAP_FAILED && errno == ENOMEM) {
            found = end;
        } else if (p != MAP_FAILED) {
            munmap(p, PAGE);
        }
    }
    EXPECT(found != 0);
    return found;
}

static void test_zero_filled(void)
{
    byte *p = map_pages(5);
    EXPECT(all_bytes(p, 5 * PAGE, 0));
    memset(p, 0x5a, 5 * PAGE);
    EXPECT(all_bytes(p, 5 * PAGE, 0x5a));
    EXPECT_EQUAL(munmap(p, 5 * PAGE), 0);
    EXPECT(map_at(p, 5 * PAGE, RW, MAP_FIXED) == p);
    EXPECT(all_bytes(p, 5 * PAGE, 0)); /* the old content is nobody's any more */
    EXPECT_EQUAL(munmap(p, 5 * PAGE), 0);
}

static void test_length(void)
{
    EXPECT_MAP_ERROR(NULL, 0, RW, ANON, EINVAL);
    byte *p = map_at(NULL, 1, RW, 0); /* rounded up to a page */
    EXPECT(p != MAP_FAILED);
    p[PAGE - 1] = 1;
    EXPECT_ERROR(munmap(p, 0), EINVAL);
    EXPECT_EQUAL(munmap(p, 1), 0);
    p = map_at(NULL, 2 * PAGE + 1, RW, 0);
    p[3 * PAGE - 1] = 1;
    EXPECT_EQUAL(munmap(p, 2 * PAGE + 1), 0);
    EXPECT_MAP_ERROR(NULL, SIZE_MAX, RW, ANON, ENOMEM); /* rounds up to 0 */
    EXPECT_MAP_ERROR(NULL, SIZE_MAX - PAGE + 1, RW, ANON, ENOMEM);
    EXPECT_MAP_ERROR(NULL, 1ull << 60, RW, ANON, ENOMEM);
    EXPECT_MAP_ERROR(NULL, user_end(), RW, ANON, ENOMEM);
}

static void test_type_and_flags(void)
{
    EXPECT_MAP_ERROR(NULL, PAGE, RW, MAP_ANONYMOUS, EINVAL);                       /* neither private nor shared */
    EXPECT_MAP_ERROR(NULL, PAGE, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, EINVAL); /* both bits */
    EXPECT_MAP_ERROR(NULL, PAGE, RW, MAP_PRIVATE, EBADF);                          /* no file */
    errno = 0;
    EXPECT(mmap(NULL, PAGE, RW, ANON, -1, 1) == MAP_FAILED && errno == EINVAL); /* offset */
    static const int refused[] = {MAP_HUGETLB, 1 << 30, 0x04, 0x08};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        errno = 0;
        EXPECT(mmap(NULL, PAGE, RW, ANON | refused[i], -1, 0) == MAP_FAILED);
        EXPECT(errno == EINVAL || errno == EOPNOTSUPP);
    }
    errno = 0;
    EXPECT(mmap(NULL, PAGE, 0x100 | RW, ANON, -1, 0) == MAP_FAILED);
    EXPECT_EQUAL(errno, EINVAL);
}

static void test_hint(void)
{
    byte *p = map_pages(8);
    EXPECT_EQUAL(munmap(p, 8 * PAGE), 0);
    byte *q = map_at(p + PAGE, 2 * PAGE, RW, 0);
    EXPECT(q == p + PAGE); /* free: taken */
    q[0] = 7;
    byte *r = map_at(q, PAGE, RW, 0);
    EXPECT(r != MAP_FAILED && (r + PAGE <= q || r >= q + 2 * PAGE)); /* occupied: elsewhere */
    EXPECT_EQUAL(q[0], 7);
    byte *s = map_at(p + 5 * PAGE + 123, PAGE, RW, 0);
    EXPECT(s != MAP_FAILED && (uint64_t)s % PAGE == 0); /* a hint need not be aligned */
    byte *t = map_at((void *)(user_end() + PAGE), PAGE, RW, 0);
    EXPECT(t != MAP_FAILED && (uint64_t)t < user_end()); /* nor possible */
    t[0] = 1;
    EXPECT_EQUAL(munmap(q, 2 * PAGE), 0);
    EXPECT_EQUAL(munmap(r, PAGE), 0);
    EXPECT_EQUAL(munmap(s, PAGE), 0);
    EXPECT_EQUAL(munmap(t, PAGE), 0);
}

static void test_fixed(void)
{
    byte *p = map_pages(5);
    memset(p, 1, 5 * PAGE);
    EXPECT(map_at(p + PAGE, 3 * PAGE, RW, MAP_FIXED) == p + PAGE);
    EXPECT(all_bytes(p, PAGE, 1));
    EXPECT(all_bytes(p + PAGE, 3 * PAGE, 0));
    EXPECT(all_bytes(p + 4 * PAGE, PAGE, 1));
    EXPECT_MAP_ERROR(p + 1, PAGE, RW, ANON | MAP_FIXED, EINVAL);
    uint64_t end = user_end();
    EXPECT_MAP_ERROR(end, PAGE, RW, ANON | MAP_FIXED, ENOMEM);
    EXPECT_MAP_ERROR(end - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, ENOMEM);
    EXPECT_MAP_ERROR(-PAGE, PAGE, RW, ANON | MAP_FIXED, ENOMEM);
    EXPECT_MAP_ERROR(-PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, ENOMEM);
    EXPECT(all_bytes(p, PAGE, 1));
    EXPECT_EQUAL(munmap(p, 5 * PAGE), 0);
}

static void test_fixed_noreplace(void)
{
    byte *p = map_pages(4);
    p[PAGE] = 9;
    EXPECT_MAP_ERROR(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, EEXIST);
    EXPECT_MAP_ERROR(p + 3 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, EEXIST);
    EXPECT_MAP_ERROR(p + 8, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, EINVAL);
    EXPECT_EQUAL(p[PAGE], 9);
    EXPECT_EQUAL(munmap(p + 2 * PAGE, 2 * PAGE), 0);
    EXPECT(map_at(p + 2 * PAGE, PAGE, RW, MAP_FIXED_NOREPLACE) == p + 2 * PAGE);
    /* a mapping without rights is a mapping */
    EXPECT_EQUAL(mprotect(p + 2 * PAGE, PAGE, PROT_NONE), 0);
    EXPECT_MAP_ERROR(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, EEXIST);
    EXPECT_EQUAL(munmap(p, 4 * PAGE), 0);
}

static void test_unmap(void)
{
    byte *p = map_pages(8);
    memset(p, 3, 8 * PAGE);
    EXPECT_EQUAL(munmap(p + 2 * PAGE, 3 * PAGE), 0);
    EXPECT(all_bytes(p, 2 * PAGE, 3));
    EXPECT(all_bytes(p + 5 * PAGE, 3 * PAGE, 3));
    EXPECT_EQUAL(munmap(p + 2 * PAGE, 3 * PAGE), 0); /* a hole is no error */
    EXPECT_EQUAL(munmap(p + PAGE, 6 * PAGE), 0);     /* nor one inside */
    EXPECT(all_bytes(p, PAGE, 3));
    EXPECT(all_bytes(p + 7 * PAGE, PAGE, 3));
    EXPECT_ERROR(munmap(p + 1, PAGE), EINVAL);
    EXPECT_ERROR(munmap((void *)user_end(), PAGE), EINVAL);
    EXPECT_ERROR(munmap(p, SIZE_MAX), EINVAL);
    EXPECT_ERROR(munmap((void *)-PAGE, PAGE), EINVAL);
    EXPECT_ERROR(munmap((void *)(user_end() - PAGE), 2 * PAGE), EINVAL);
    EXPECT_EQUAL(p[0], 3);
    EXPECT_EQUAL(munmap(p, 8 * PAGE), 0);
}

static void test_protect(void)
{
    byte *p = map_pages(4);
    memset(p, 5, 4 * PAGE);
    EXPECT_EQUAL(mprotect(p + PAGE, 2 * PAGE, PROT_READ), 0);
    EXPECT(all_bytes(p, 4 * PAGE, 5));
    EXPECT_EQUAL(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
    EXPECT_EQUAL(mprotect(p, 4 * PAGE, RW), 0);
    EXPECT(all_bytes(p, 4 * PAGE, 5)); /* content outlives PROT_NONE */
    memset(p, 6, 4 * PAGE);
    EXPECT_EQUAL(mprotect(p, 0, PROT_READ), 0); /* nothing: no error */
    p[0] = 7;
    EXPECT_EQUAL(mprotect(p + PAGE, 1, PROT_READ), 0); /* rounded up */
    EXPECT_EQUAL(mprotect(p + PAGE, 1, RW), 0);
    EXPECT_ERROR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
    EXPECT_ERROR(mprotect(p, PAGE, 0x100), EINVAL);
    EXPECT_ERROR(mprotect(p, SIZE_MAX, PROT_READ), ENOMEM);
    EXPECT_ERROR(mprotect((void *)user_end(), PAGE, PROT_READ), ENOMEM);
    EXPECT_ERROR(mprotect((void *)-PAGE, PAGE, PROT_READ), ENOMEM);
    EXPECT_ERROR(mprotect((void *)-PAGE, 2 * PAGE, PROT_READ), ENOMEM);
    p[0] = p[3 * PAGE] = 8;
    EXPECT_EQUAL(munmap(p, 4 * PAGE), 0);
}

/* A protect over a hole fails and changes nothing: everything can still be written. */
static void test_protect_hole(void)
{
    byte *p = map_pages(5);
    memset(p, 1, 5 * PAGE);
    EXPECT_EQUAL(munmap(p + 2 * PAGE, PAGE), 0);
    EXPECT_ERROR(mprotect(p, 5 * PAGE, PROT_READ), ENOMEM);
    EXPECT_ERROR(mprotect(p + 2 * PAGE, PAGE, PROT_READ), ENOMEM);
    p[0] = p[PAGE] = p[3 * PAGE] = p[4 * PAGE] = 2;
    EXPECT_EQUAL(munmap(p, 5 * PAGE), 0);
}

/* Pages never touched have rights too. */
static void test_protect_untouched(void)
{
    byte *p = map_at(NULL, 16 * PAGE, PROT_NONE, 0);
    EXPECT(p != MAP_FAILED);
    EXPECT_EQUAL(mprotect(p + 4 * PAGE, 4 * PAGE, RW), 0);
    memset(p + 4 * PAGE, 1, 4 * PAGE);
    EXPECT_EQUAL(mprotect(p, 16 * PAGE, PROT_READ), 0);
    EXPECT(all_bytes(p, 4 * PAGE, 0));
    EXPECT(all_bytes(p + 4 * PAGE, 4 * PAGE, 1));
    EXPECT(all_bytes(p + 8 * PAGE, 8 * PAGE, 0));
    EXPECT_EQUAL(munmap(p, 16 * PAGE), 0);
    p = map_at(NULL, PAGE, PROT_WRITE, 0); /* RISC-V has no write without read; Linux maps both */
    EXPECT(p != MAP_FAILED);
    p[0] = 1;
    EXPECT_EQUAL(munmap(p, PAGE), 0);
}

static void test_exec(void)
{
    static const uint32_t code[] = {0x02a00513, 0x00008067}; /* li a0, 42; ret */
    byte *p = map_pages(1);
    memcpy(p, code, sizeof code);
    EXPECT_EQUAL(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
    __asm__ volatile("fence.i" ::: "memory");
    EXPECT_EQUAL(((int (*)(void))p)(), 42);
    EXPECT_EQUAL(munmap(p, PAGE), 0);
}

static void test_populate(void)
{
    uint64_t before[MM_COUNTERS], after[MM_COUNTERS];
    EXPECT(mm_stat(before, MM_COUNTERS) > 0);
    byte *p = map_at(NULL, 32 * PAGE, RW, MAP_POPULATE);
    EXPECT(p != MAP_FAILED);
    EXPECT(mm_stat(after, MM_COUNTERS) > 0);
    EXPECT(after[MM_FRAMES_NOW] >= before[MM_FRAMES_NOW] + 32);
    uint64_t faults = after[MM_FAULTS];
    EXPECT(all_bytes(p, 32 * PAGE, 0));
    memset(p, 1, 32 * PAGE);
    EXPECT(mm_stat(after, MM_COUNTERS) > 0);
    EXPECT(after[MM_FAULTS] < faults + 16); /* some of the program's own at most, not one a page */
    EXPECT_EQUAL(munmap(p, 32 * PAGE), 0);
}

/* A range far larger than memory, touched here and there. */
static void test_sparse(void)
{
    const uint64_t bytes = 16ull << 30;
    byte *p = map_at(NULL, bytes, RW, 0);
    EXPECT(p != MAP_FAILED);
    for (uint64_t at = 0; at < bytes; at += (1ull << 30) + PAGE) {
        EXPECT_EQUAL(p[at], 0);
        p[at] = (byte)(at >> 30);
    }
    EXPECT_EQUAL(munmap(p + (3ull << 30), 6ull << 30), 0);
    EXPECT_EQUAL(p[2 * ((1ull << 30) + PAGE)], 2);
    EXPECT_EQUAL(p[10 * ((1ull << 30) + PAGE)], 10);
    EXPECT_EQUAL(mprotect(p + (10ull << 30), 1ull << 30, PROT_READ), 0);
    EXPECT_EQUAL(p[10 * ((1ull << 30) + PAGE)], 10);
    EXPECT_ERROR(mprotect(p, bytes, PROT_READ), ENOMEM);
    EXPECT_EQUAL(munmap(p, bytes), 0);
}

static void test_far_apart(void)
{
    uint64_t end = user_end();
    byte *high = map_at((void *)(end - 4 * PAGE), 2 * PAGE, RW, MAP_FIXED_NOREPLACE);
    EXPECT(high == (byte *)(end - 4 * PAGE));
    if (high != MAP_FAILED) {
        memset(high, 1, 2 * PAGE);
        EXPECT(all_bytes(high, 2 * PAGE, 1));
        EXPECT_EQUAL(munmap(high, 2 * PAGE), 0);
    }
}

static void test_heap(void)
{
    char *block[64];
    for (unsigned i = 0; i < 64; i++) {
        block[i] = malloc(1000 * i + 1);
        EXPECT(block[i] != NULL);
        memset(block[i], (int)i, 1000 * i + 1);
    }
    for (unsigned i = 0; i < 64; i++) {
        EXPECT(all_bytes((byte *)block[i], 1000 * i + 1, (byte)i));
        free(block[i]);
    }
    errno = 0;
    void *much = malloc(SIZE_MAX / 4);
    EXPECT(much == NULL && errno == ENOMEM);
    free(much);
}

/* Pages that are not the client's own memory: its input file, which it may only read, and its IPC buffer. */
static void test_protect_borrowed(void)
{
    const struct tn_start *start = tn_start_info();
    byte *input = (byte *)(start->input & -PAGE), *buffer = (byte *)start->ipc_buffer; /* it begins inside a page */
    EXPECT(start->input_bytes > 0);
    byte first = input[0];
    EXPECT_EQUAL(mprotect(input, PAGE, PROT_NONE), 0);
    EXPECT_ERROR(mprotect(input, PAGE, RW), EACCES);
    EXPECT_EQUAL(mprotect(input, PAGE, PROT_READ), 0);
    EXPECT_EQUAL(input[0], first);
    EXPECT_ERROR(mprotect(input, PAGE, RW), EACCES);
    EXPECT_EQUAL(mprotect(buffer, PAGE, PROT_READ), 0);
    EXPECT_EQUAL(mprotect(buffer, PAGE, RW), 0);
    buffer[PAGE - 1] = 1;
    EXPECT_EQUAL(buffer[PAGE - 1], 1);
}

int main(void)
{
    check_begin("posix_mm");
    check_case("zero-filled", test_zero_filled);
    check_case("length", test_length);
    check_case("type and flags", test_type_and_flags);
    check_case("hint", test_hint);
    check_case("fixed", test_fixed);
    check_case("fixed, no replace", test_fixed_noreplace);
    check_case("unmap", test_unmap);
    check_case("protect", test_protect);
    check_case("protect over a hole", test_protect_hole);
    check_case("protect untouched", test_protect_untouched);
    check_case("execute", test_exec);
    check_case("populate", test_populate);
    check_case("sparse", test_sparse);
    check_case("top of the space", test_far_apart);
    check_case("heap", test_heap);
    check_case("protect what is borrowed", test_protect_borrowed);
    return check_end();
}
