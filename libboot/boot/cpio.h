/* Reader of cpio archives in the "newc" format, as `cpio -o -H newc` writes them (magic 070701; 070702 too, whose
 * checksum is not verified).
 *
 * cpio_open() checks the whole archive up to its trailer once; the other functions check every offset again. No
 * function allocates, keeps state or needs aligned data. Pointers handed out point into the archive: file data is
 * aligned to 4 bytes relative to its start, no more.
 *
 * Include as <boot/cpio.h> with -Ilibboot.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum cpio_error {
    CPIO_OK = 0,
    CPIO_NOT_FOUND = -1,  /* no such file, or no further one */
    CPIO_BAD_MAGIC = -2,  /* no header of the newc format where one must be */
    CPIO_BAD_NUMBER = -3, /* a header field is not eight hexadecimal digits */
    CPIO_BAD_NAME = -4,   /* a name is empty or not terminated where its length says */
    CPIO_TRUNCATED = -5,  /* the archive ends inside an entry, or without a trailer */
};

struct cpio {
    const uint8_t *archive;
    size_t bytes;  /* up to the end of the trailer */
    size_t bad_at; /* after an error of cpio_open(): offset of the bad entry */
};

struct cpio_file {
    const char *name; /* terminated; a leading "./" is left out */
    uint32_t mode;    /* as in struct stat */
    uint32_t bytes;
    const uint8_t *data;
};

/* Checks the archive of at most `max_bytes` bytes; what follows its trailer is ignored. */
int cpio_open(struct cpio *c, const void *archive, size_t max_bytes);

/* One line of English for an enum cpio_error; never NULL. */
const char *cpio_strerror(int error);

/* The entry at `*at` (start with 0), directories and the like included; moves `*at` on. CPIO_OK or NOT_FOUND. */
int cpio_next(const struct cpio *c, size_t *at, struct cpio_file *file);

/* The first regular file called `name`. CPIO_OK or NOT_FOUND. */
int cpio_find(const struct cpio *c, const char *name, struct cpio_file *file);
