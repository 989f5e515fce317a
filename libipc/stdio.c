/* picolibc's standard streams and write(), read() for descriptors 0 to 2 (tenon/stdio.h).
 *
 * Locks: print_lock, around the pieces of one line; nothing is taken inside it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tenon/ipc.h>
#include <tenon/stdio.h>
#include <tenon/thread.h>
#include <unistd.h>

#define LINE_BYTES 240

static _Thread_local char line[LINE_BYTES];
static _Thread_local unsigned line_used;
static struct tn_mutex print_lock;

void tn_stdio_flush(void)
{
    if (line_used == 0) {
        return;
    }
    tn_mutex_lock(&print_lock);
    tn_debug_write(line, line_used);
    tn_mutex_unlock(&print_lock);
    line_used = 0;
}

static int stream_put(char c, FILE *stream)
{
    (void)stream;
    line[line_used++] = c;
    if (c == '\n' || line_used == LINE_BYTES) {
        tn_stdio_flush();
    }
    return (unsigned char)c;
}

static int stream_get(FILE *stream)
{
    (void)stream;
    return _FDEV_EOF;
}

static int stream_flush(FILE *stream)
{
    (void)stream;
    tn_stdio_flush();
    return 0;
}

static FILE in = FDEV_SETUP_STREAM(NULL, stream_get, NULL, _FDEV_SETUP_READ);
static FILE out = FDEV_SETUP_STREAM(stream_put, NULL, stream_flush, _FDEV_SETUP_WRITE);
static FILE err = FDEV_SETUP_STREAM(stream_put, NULL, stream_flush, _FDEV_SETUP_WRITE);

FILE *const stdin = &in;
FILE *const stdout = &out;
FILE *const stderr = &err;

ssize_t write(int fd, const void *data, size_t bytes)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }
    for (size_t i = 0; i < bytes; i++) {
        (void)stream_put(((const char *)data)[i], NULL);
    }
    return (ssize_t)bytes;
}

ssize_t read(int fd, void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    if (fd != STDIN_FILENO) {
        errno = EBADF;
        return -1;
    }
    return 0;
}
