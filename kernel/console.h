/* The kernel's console: SBI debug console where the firmware has it, else the legacy putchar. For boot lines, panics and
 * TN_SYS_DEBUG_PUT. Takes RANK_CONSOLE per call, except while panicking. */
#pragma once
#include "types.h"
#include <stdarg.h>

void console_write(const char *bytes, size_t count);
/* printf with %s %.*s %c %d %u %x %lx %ld %lu %p and width with leading zeros (%016lx). One call is one unbroken output. */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kvprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
