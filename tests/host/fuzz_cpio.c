// uses: libboot/cpio.c
/* libFuzzer: arbitrary bytes as a cpio archive. */
#include <stdlib.h>
#include <string.h>
#include <boot/cpio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct cpio c;
    struct cpio_file file, found;
    int error = cpio_open(&c, data, bytes);
    if (error != CPIO_OK) {
        if (c.bad_at > bytes + 3)
            abort();
        sink += strlen(cpio_strerror(error));
        return 0;
    }
    if (c.bytes > bytes)
        abort();
    size_t at = 0, steps = 0;
    while (cpio_next(&c, &at, &file) == CPIO_OK) {
        if (++steps > bytes / 110)
            abort();
        sink += strlen(file.name) + file.mode;
        for (uint32_t i = 0; i < file.bytes; i++)
            sink += file.data[i];
        if (steps < 8 && cpio_find(&c, file.name, &found) == CPIO_OK)
            sink += found.bytes;
    }
    at = bytes > 8 ? data[7] : 0; /* not a position that the reader gave out */
    if (cpio_next(&c, &at, &file) == CPIO_OK)
        sink += strlen(file.name);
    return 0;
}
