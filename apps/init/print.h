/* init's output: a small printf on the kernel's console. No buffer is kept between calls, so threads may print at
 * once. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define SAY_BYTES_MAX 512 /* longer output is cut */

/* Conversions: %s %c %d %u %x %lu %lx %%, with a minimum width (blanks; `-` puts them behind). */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same into `text` of `bytes` bytes, always terminated. */
void say_to(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
void say_va(char *text, size_t bytes, const char *format, va_list arguments);
