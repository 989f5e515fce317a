/* The side of the checks that only the frame itself uses. */
#pragma once
#include "kt.h"

extern struct kt_thread kt_main_thread;

void kt_check_begin(void);
void kt_protected(void (*fn)(void)); /* runs fn; kt_abort() and kt_skip() of the main thread return to here */
const char *kt_outcome(void);        /* NULL: passed; otherwise what failed */
const char *kt_skipped(void);        /* NULL, or why */
void kt_watchdog_arm(const char *test, uint64_t ms);
void kt_watchdog_disarm(void);
