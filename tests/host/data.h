/* Files that the build makes for the host tests (data.sh). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DATA "build/host/data/"

/* The file DATA `name`, in memory of exactly its size, so that the address sanitizer sees each read past its end. The caller
 * frees it. A file that cannot be read fails the test. */
uint8_t *data_load(const char *name, size_t *bytes);
