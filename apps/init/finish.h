/* The end of the run, through the SiFive test device: QEMU ends with the status. */
#pragma once
#include <boot/fdt.h>

/* Find and map the device that the tree describes. Without one the run can end only by stopping here, and says so. */
void finish_init(const struct dt *tree);

/* Print the line "tenon: passed" and end with status 0. */
_Noreturn void finish_passed(void);

/* Print one line "tenon: failed: <why>" and end with status 1. For everything that is wrong: what, and where. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
