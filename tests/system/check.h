/* What the client programs of the system tests share: named cases, expectations, output in the form of KTAP.
 *
 * Each program is one file, so this is all static. Lines are short: the kernel prints 40 bytes in one piece, and
 * several clients may print at once. Any thread may use EXPECT; cases run one after the other, on the main thread.
 */
#pragma once
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon/atomic.h>

#define PAGE 4096ul

static const char *check_program = "?";
static unsigned check_cases, check_cases_failed;
static uint32_t check_failed; /* expectations of the running case that failed; any thread adds */

/* True if it holds; otherwise the case fails and where is printed. */
#define EXPECT(condition) check_expect((condition), __LINE__, #condition)
/* The same for integers, with both values printed. */
#define EXPECT_EQUAL(actual, wanted) check_equal((int64_t)(actual), (int64_t)(wanted), __LINE__, #actual)

static inline int check_expect(int ok, int line, const char *text)
{
    if (!ok && tn_fetch_add_relaxed(&check_failed, 1) < 10) {
        printf("# %s:%d: %s\n", check_program, line, text);
    }
    return ok;
}

static inline int check_equal(int64_t actual, int64_t wanted, int line, const char *text)
{
    if (actual != wanted && tn_fetch_add_relaxed(&check_failed, 1) < 10) {
        printf("# %s:%d: %s\n", check_program, line, text);
        printf("# %s:%d: is %" PRId64 ", not %" PRId64 "\n", check_program, line, actual, wanted);
    }
    return actual == wanted;
}

static inline void check_begin(const char *program)
{
    check_program = program;
    printf("KTAP version 1\n");
}

static inline void check_case(const char *name, void (*function)(void))
{
    check_failed = 0;
    function();
    check_cases++;
    check_cases_failed += check_failed != 0;
    printf("%sok %u %s: %s\n", check_failed != 0 ? "not " : "", check_cases, check_program, name);
}

/* The plan, at the end. Returns what main returns. */
static inline int check_end(void)
{
    printf("1..%u\n", check_cases);
    return check_cases_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Random numbers: xorshift64*; *state is not 0. */
static inline uint64_t check_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull >> 11;
}

/* Argument `index` as a number, or `otherwise`. */
static inline uint64_t check_argument(int argc, char **argv, int index, uint64_t otherwise)
{
    return index < argc ? strtoull(argv[index], NULL, 0) : otherwise;
}
