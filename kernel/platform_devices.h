/* The part of platform_init() that looks for devices: interrupt controller, test device, and what init gets. */
#pragma once
#include <boot/fdt.h>

void platform_read_test_device(const struct dt *t);
void platform_read_devices(const struct dt *t); /* after memory and harts are known */
