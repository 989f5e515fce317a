// uses: libboot/cpio.c tests/host/data.c
/* The cpio reader against what `cpio -o` wrote from build/host/data/files, and against damaged archives. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <boot/cpio.h>
#include <cmocka.h>
#include "data.h"

enum { FILES = 10, HEADER_BYTES = 110 };

static void compare_with_disk(const struct cpio_file *file)
{
    char path[256];
    snprintf(path, sizeof(path), "files/%s", file->name);
    size_t bytes;
    uint8_t *content = data_load(path, &bytes);
    assert_int_equal(file->bytes, bytes);
    assert_memory_equal(file->data, content, bytes);
    free(content);
    struct stat status;
    snprintf(path, sizeof(path), DATA "files/%s", file->name);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(file->mode, status.st_mode);
}

static void test_archives_equal_files(void **state)
{
    (void)state;
    static const char *const names[] = {"dot.cpio", "plain.cpio", "crc.cpio"};
    for (size_t i = 0; i < 3; i++) {
        size_t bytes, at = 0;
        uint8_t *archive = data_load(names[i], &bytes);
        struct cpio c;
        assert_int_equal(cpio_open(&c, archive, bytes), CPIO_OK);
        assert_true(c.bytes <= bytes);
        int regular = 0, directories = 0;
        struct cpio_file file, found;
        while (cpio_next(&c, &at, &file) == CPIO_OK) {
            if (S_ISDIR(file.mode)) {
                directories++;
                assert_int_equal(cpio_find(&c, file.name, &found), CPIO_NOT_FOUND);
                continue;
            }
            regular++;
            compare_with_disk(&file);
            assert_int_equal(cpio_find(&c, file.name, &found), CPIO_OK);
            assert_ptr_equal(found.data, file.data);
        }
        assert_int_equal(regular, FILES);
        assert_int_equal(directories, i == 0 ? 2 : 0);
        assert_int_equal(cpio_find(&c, "file-of-", &found), CPIO_NOT_FOUND);
        assert_int_equal(cpio_find(&c, "file-of-10", &found), CPIO_NOT_FOUND);
        assert_int_equal(cpio_find(&c, "", &found), CPIO_NOT_FOUND);
        assert_int_equal(cpio_find(&c, "TRAILER!!!", &found), CPIO_NOT_FOUND);
        free(archive);
    }
}

/* Every shorter archive must be refused: its trailer is missing or cut. */
static void test_truncated(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *archive = data_load("small.cpio", &bytes);
    struct cpio c;
    assert_int_equal(cpio_open(&c, archive, bytes), CPIO_OK);
    size_t least = c.bytes;
    assert_true(least < bytes);
    for (size_t cut = 0; cut < least; cut++) {
        uint8_t *copy = malloc(cut + (cut == 0));
        memcpy(copy, archive, cut);
        assert_int_equal(cpio_open(&c, copy, cut), CPIO_TRUNCATED);
        free(copy);
    }
    assert_int_equal(cpio_open(&c, archive, least), CPIO_OK);
    free(archive);
}

/* small.cpio with the bytes at `at` of its second entry replaced. */
static void expect_open(size_t at, const char *text, size_t text_bytes, int error)
{
    size_t bytes;
    uint8_t *archive = data_load("small.cpio", &bytes);
    size_t second = (HEADER_BYTES + sizeof("empty") + 3) / 4 * 4;
    memcpy(archive + second + at, text, text_bytes);
    struct cpio c;
    assert_int_equal(cpio_open(&c, archive, bytes), error);
    if (error != CPIO_OK)
        assert_int_equal(c.bad_at, second);
    free(archive);
}

static void test_damaged(void **state)
{
    (void)state;
    expect_open(0, "070701", 6, CPIO_OK);
    expect_open(0, "070707", 6, CPIO_BAD_MAGIC);
    expect_open(0, "\0\0\0\0\0\0", 6, CPIO_BAD_MAGIC);
    expect_open(6, "0000000g", 8, CPIO_BAD_NUMBER);
    expect_open(6, "-0000001", 8, CPIO_BAD_NUMBER);
    expect_open(6, "0xabcdef", 8, CPIO_BAD_NUMBER);
    expect_open(6, "ABCDEFab", 8, CPIO_OK);
    expect_open(54, "ffffffff", 8, CPIO_TRUNCATED); /* file size */
    expect_open(94, "ffffffff", 8, CPIO_TRUNCATED); /* name size */
    expect_open(94, "00000000", 8, CPIO_BAD_NAME);
    expect_open(94, "00000001", 8, CPIO_BAD_NAME);
    expect_open(94, "0000000100000000\0", 17, CPIO_BAD_NAME); /* an empty name */
    expect_open(94, "00000009", 8, CPIO_BAD_NAME);            /* "file-of-1" without its end */
    expect_open(112, "\0", 1, CPIO_BAD_NAME);                 /* an end inside the name */
    expect_open(110, "./le-of-1", 9, CPIO_OK);
}

static void test_leading_dot_is_left_out(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *archive = data_load("dot.cpio", &bytes);
    struct cpio c;
    struct cpio_file file;
    assert_int_equal(cpio_open(&c, archive, bytes), CPIO_OK);
    assert_int_equal(cpio_find(&c, "sub/sample", &file), CPIO_OK);
    assert_string_equal(file.name, "sub/sample");
    free(archive);
}

static void test_bad_position(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *archive = data_load("small.cpio", &bytes);
    struct cpio c;
    struct cpio_file file;
    assert_int_equal(cpio_open(&c, archive, bytes), CPIO_OK);
    static const size_t positions[] = {1, 4, 111, 511, 512, 513, (size_t)-1, (size_t)-110};
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        size_t at = positions[i];
        assert_int_equal(cpio_next(&c, &at, &file), CPIO_NOT_FOUND);
    }
    free(archive);
}

static void test_error_strings(void **state)
{
    (void)state;
    for (int error = CPIO_OK; error >= CPIO_TRUNCATED; error--)
        assert_string_not_equal(cpio_strerror(error), "unknown error");
    assert_string_equal(cpio_strerror(CPIO_TRUNCATED), "truncated");
    assert_string_equal(cpio_strerror(CPIO_TRUNCATED - 1), "unknown error");
    assert_string_equal(cpio_strerror(1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archives_equal_files),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_leading_dot_is_left_out),
        cmocka_unit_test(test_bad_position),
        cmocka_unit_test(test_error_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
