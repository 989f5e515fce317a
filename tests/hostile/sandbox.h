/* Of hostile_messages (messages.c): the memory in which a thread makes requests that are well formed, and the classes of arguments
 * of all requests. One program, so all static.
 */
#pragma once
#include "oracle.h"
#include "../system/check.h"

#define SANDBOX_PAGES 16u
#define HOLE_FIRST 6u /* pages 6 and 7 are not mapped */
#define HOLE_PAGES 2u
#define GUARD 0xa5

static uint64_t user_end; /* where the part of the address space ends that programs have */

struct sandbox {
    uint64_t low; /* SANDBOX_PAGES, and before and behind them a page that is GUARD from end to end */
    uint64_t index, made, turn;
};

static inline void sandbox_restore(struct sandbox *s)
{
    EXPECT_EQUAL(mm_map(s->low, SANDBOX_PAGES * PAGE, MM_RW, MM_ANON | MM_FIXED), s->low);
    EXPECT_EQUAL(mm_unmap(s->low + HOLE_FIRST * PAGE, HOLE_PAGES * PAGE), 0);
}

static inline void sandbox_check(const struct sandbox *s)
{
    const unsigned char *before = (const unsigned char *)s->low - PAGE;
    const unsigned char *behind = (const unsigned char *)s->low + SANDBOX_PAGES * PAGE;

    for (unsigned i = 0; i < PAGE; i++) {
        if (!EXPECT(before[i] == GUARD && behind[i] == GUARD)) {
            return;
        }
    }
}

static inline void sandbox_make(struct sandbox *s, uint64_t index)
{
    int64_t low = mm_map(0, (SANDBOX_PAGES + 2) * PAGE, MM_RW, MM_ANON);

    EXPECT(low > 0);
    *s = (struct sandbox){.low = (uint64_t)low + PAGE, .index = index};
    memset((void *)low, GUARD, PAGE);
    memset((void *)(s->low + SANDBOX_PAGES * PAGE), GUARD, PAGE);
    sandbox_restore(s);
}

static inline bool in_sandbox(const struct sandbox *s, uint64_t address, uint64_t bytes)
{
    return address >= s->low && bytes <= SANDBOX_PAGES * PAGE && address - s->low <= SANDBOX_PAGES * PAGE - bytes;
}

/* Where nothing ever is: below every program. */
static inline bool in_nothing(uint64_t address, uint64_t bytes)
{
    return bytes <= LOWEST_PROGRAM && address <= LOWEST_PROGRAM - bytes;
}

static inline bool has_hole(const struct sandbox *s, uint64_t address, uint64_t bytes)
{
    uint64_t hole = s->low + HOLE_FIRST * PAGE;

    return address < hole + HOLE_PAGES * PAGE && address + pages_up(bytes) > hole;
}

/* ---- classes of arguments ---- */

#define ADDRESSES 23u
static inline uint64_t address_of(const struct sandbox *s, unsigned i)
{
    const uint64_t value[ADDRESSES] = {0,
                                       1,
                                       PAGE - 1,
                                       PAGE,
                                       0xffff,
                                       0x10000,
                                       s->low,
                                       s->low + 1,
                                       s->low + PAGE - 1,
                                       s->low + HOLE_FIRST * PAGE,
                                       s->low + (SANDBOX_PAGES - 1) * PAGE,
                                       user_end - PAGE,
                                       user_end - 1,
                                       user_end,
                                       user_end + PAGE,
                                       2 * user_end,
                                       1ull << 62,
                                       1ull << 63,
                                       0xffffffc000000000,
                                       0xffffffff80000000,
                                       -PAGE,
                                       -PAGE + 1,
                                       ~0ull};

    return value[i];
}

#define LENGTHS 19u
static inline uint64_t length_of(const struct sandbox *s, unsigned i)
{
    const uint64_t value[LENGTHS] = {0,
                                     1,
                                     PAGE - 1,
                                     PAGE,
                                     PAGE + 1,
                                     3 * PAGE,
                                     1ull << 21,
                                     1ull << 30,
                                     user_end - s->low,
                                     user_end - s->low + 1,
                                     user_end - PAGE,
                                     user_end,
                                     user_end + 1,
                                     -s->low,
                                     -s->low + PAGE,
                                     1ull << 63,
                                     -PAGE,
                                     -PAGE + 1,
                                     ~0ull};

    return value[i];
}

static const uint64_t prots[] = {0, 1, 2, 3, 4, 7, 8, 1ull << 31, 1ull << 32, 1ull << 63, ~0ull};
#define PROTS (sizeof prots / sizeof prots[0])
static const uint64_t flags[] = {MM_ANON,
                                 MM_ANON | MM_FIXED,
                                 MM_ANON | MM_NOREPLACE,
                                 MM_ANON | MM_FIXED | MM_NOREPLACE,
                                 MM_ANON | MM_POPULATE,
                                 0,
                                 2,
                                 0x20,
                                 MM_ANON | 3,
                                 MM_ANON | 0x40000,
                                 MM_ANON | 0x100,
                                 MM_ANON | 1ull << 31,
                                 MM_ANON | 1ull << 32,
                                 ~0ull};
#define FLAGS (sizeof flags / sizeof flags[0])
