/* Checks, messages and random numbers of the kernel tests. Any thread may use them.
 *
 * The first failure of a test is kept, by one compare-and-swap; main.c reports it. Later ones, which often follow from
 * the first, are dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tenon/ipc.h>
#include "check.h"

static uint32_t failed; /* atomic: 0 none, 1 being written, 2 written */
static char failure[256];
static uint64_t case_value;
static bool case_set;
static const char *skip_reason;
static jmp_buf main_escape;

void kt_printf(const char *format, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (n > (int)sizeof(text) - 1)
        n = (int)sizeof(text) - 1;
    tn_debug_write(text, (size_t)n);
}

const char *kt_error_name(int error)
{
    static const char *const name[TN_ERROR_COUNT] = {
        "OK",           "INVALID_ARGUMENT", "INVALID_CAPABILITY", "ILLEGAL_OPERATION",
        "RANGE_ERROR",  "ALIGNMENT_ERROR",  "FAILED_LOOKUP",      "TRUNCATED_MESSAGE",
        "DELETE_FIRST", "REVOKE_FIRST",     "NOT_ENOUGH_MEMORY",  "PEER_GONE",
        "WOULD_BLOCK"};

    return error >= 0 && error < TN_ERROR_COUNT ? name[error] : "an undefined error";
}

/* Claims the right to report. */
static bool claim(void)
{
    uint32_t none = 0;

    return __atomic_compare_exchange_n(&failed, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? slash + 1 : file;
}

static void write_failure(const char *file, int line, const char *what, const char *expected, const char *got)
{
    char at[40] = "";

    if (case_set)
        snprintf(at, sizeof(at), " (case %#lx)", (unsigned long)case_value);
    snprintf(failure, sizeof(failure), "%s:%d: %.90s%s: expected %s, got %s", base_name(file), line, what, at, expected,
             got);
    __atomic_store_n(&failed, 2, __ATOMIC_RELEASE); /* pairs with: kt_outcome */
}

bool kt_check(bool ok, const char *file, int line, const char *what, uint64_t got, uint64_t expected)
{
    char want_text[24], got_text[24];

    if (ok || !claim())
        return ok;
    snprintf(want_text, sizeof(want_text), "%#lx", (unsigned long)expected);
    snprintf(got_text, sizeof(got_text), "%#lx", (unsigned long)got);
    write_failure(file, line, what, want_text, got_text);
    return false;
}

bool kt_check_error(int got, int expected, const char *file, int line, const char *what)
{
    if (got == expected || !claim())
        return got == expected;
    write_failure(file, line, what, kt_error_name(expected), kt_error_name(got));
    return false;
}

bool kt_failed(void)
{
    return __atomic_load_n(&failed, __ATOMIC_ACQUIRE) != 0;
}

void kt_case(uint64_t value)
{
    case_value = value;
    case_set = true;
}

void kt_abort(void)
{
    if (kt_self() != &kt_main_thread)
        kt_thread_exit();
    longjmp(main_escape, 1);
}

void kt_skip(const char *reason)
{
    skip_reason = reason;
    longjmp(main_escape, 1);
}

const char *kt_outcome(void)
{
    return kt_failed() ? failure : NULL;
}

const char *kt_skipped(void)
{
    return skip_reason;
}

void kt_check_begin(void)
{
    __atomic_store_n(&failed, 0, __ATOMIC_RELEASE);
    case_set = false;
    skip_reason = NULL;
}

void kt_protected(void (*fn)(void))
{
    if (setjmp(main_escape) == 0)
        fn();
}

uint64_t kt_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}
