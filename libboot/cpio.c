/* Reader of cpio archives in the newc format; the contract is in boot/cpio.h.
 *
 * An archive is a sequence of entries, each aligned to four bytes from its start and ended by one called TRAILER!!!:
 *
 *     "070701" 13 numbers of 8 hexadecimal digits   name \0 pad   data pad
 *
 * Every entry is at least 112 bytes long, so a walk ends at the latest with the archive. There are no locks.
 */
#include <boot/cpio.h>
#include <string.h>

enum { HEADER_BYTES = 110, FIELD_MODE = 1, FIELD_FILE_BYTES = 6, FIELD_NAME_BYTES = 11, FIELDS = 13 };
enum { MODE_TYPE = 0170000, MODE_REGULAR = 0100000 };

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Header field `index`, or -1. */
static int64_t field_read(const uint8_t *header, unsigned index)
{
    int64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        int digit = hex_digit(header[6 + 8 * index + i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static uint64_t align4(uint64_t n)
{
    return (n + 3) & ~3ull;
}

static int magic_is_right(const uint8_t *header)
{
    return memcmp(header, "07070", 5) == 0 && (header[5] == '1' || header[5] == '2');
}

/* The entry at `at`; `*next` becomes the offset after it. NOT_FOUND: it is the trailer. */
static int entry_read(const struct cpio *c, uint64_t at, struct cpio_file *file, uint64_t *next)
{
    if (at > c->bytes || c->bytes - at < HEADER_BYTES)
        return CPIO_TRUNCATED;
    const uint8_t *header = c->archive + at;
    if (!magic_is_right(header))
        return CPIO_BAD_MAGIC;
    for (unsigned i = 0; i < FIELDS; i++)
        if (field_read(header, i) < 0)
            return CPIO_BAD_NUMBER;
    uint64_t name_bytes = (uint64_t)field_read(header, FIELD_NAME_BYTES);
    uint64_t file_bytes = (uint64_t)field_read(header, FIELD_FILE_BYTES);
    uint64_t data_at = align4(at + HEADER_BYTES + name_bytes);
    if (data_at > c->bytes || c->bytes - data_at < file_bytes)
        return CPIO_TRUNCATED;
    const char *name = (const char *)header + HEADER_BYTES;
    if (name_bytes < 2 || memchr(name, 0, name_bytes) != name + name_bytes - 1)
        return CPIO_BAD_NAME;
    *next = align4(data_at + file_bytes);
    if (strcmp(name, "TRAILER!!!") == 0)
        return CPIO_NOT_FOUND;
    if (name_bytes > 3 && name[0] == '.' && name[1] == '/')
        name += 2;
    *file = (struct cpio_file){.name = name,
                               .mode = (uint32_t)field_read(header, FIELD_MODE),
                               .bytes = (uint32_t)file_bytes,
                               .data = c->archive + data_at};
    return CPIO_OK;
}

int cpio_open(struct cpio *c, const void *archive, size_t max_bytes)
{
    *c = (struct cpio){.archive = archive, .bytes = max_bytes};
    struct cpio_file file;
    uint64_t at = 0, next = 0;
    int error = entry_read(c, at, &file, &next);
    while (error == CPIO_OK) {
        at = next;
        error = entry_read(c, at, &file, &next);
    }
    c->bad_at = at;
    if (error != CPIO_NOT_FOUND)
        return error;
    c->bytes = next < max_bytes ? next : max_bytes;
    return CPIO_OK;
}

const char *cpio_strerror(int error)
{
    /* One string, not a table of pointers: this may run before the kernel's addresses are mapped. */
    const char *text =
        "no error\0not found\0no newc header\0a header field is not a hexadecimal number\0bad file name\0"
        "truncated\0";
    if (error > CPIO_OK || error < CPIO_TRUNCATED)
        return "unknown error";
    for (; error < 0; error++)
        text += strlen(text) + 1;
    return text;
}

int cpio_next(const struct cpio *c, size_t *at, struct cpio_file *file)
{
    uint64_t next;
    if (entry_read(c, *at, file, &next) != CPIO_OK)
        return CPIO_NOT_FOUND;
    *at = next;
    return CPIO_OK;
}

int cpio_find(const struct cpio *c, const char *name, struct cpio_file *file)
{
    struct cpio_file f;
    size_t at = 0;
    while (cpio_next(c, &at, &f) == CPIO_OK) {
        if ((f.mode & MODE_TYPE) == MODE_REGULAR && strcmp(f.name, name) == 0) {
            *file = f;
            return CPIO_OK;
        }
    }
    return CPIO_NOT_FOUND;
}
