/* A printf for what init prints; see print.h. It exists because init runs without a C library's streams and its
 * thread-local errno. Called by all files of init, from its main thread and its watcher. */
#include "print.h"
#include <string.h>
#include <tenon/ipc.h>

struct sink {
    char *text;
    size_t used, room; /* room leaves space for the terminator */
};

static void sink_put(struct sink *s, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && s->used < s->room; i++) {
        s->text[s->used++] = text[i];
    }
}

static void sink_pad(struct sink *s, size_t have, size_t width)
{
    for (; have < width; have++) {
        sink_put(s, " ", 1);
    }
}

/* Digits of `value` at the end of `digits`; returns how many. */
static size_t number_digits(char digits[20], uint64_t value, unsigned base)
{
    size_t n = 0;

    do {
        digits[20 - ++n] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    return n;
}

struct spec {
    size_t width;
    int left, is_long;
    char conversion;
};

static const char *spec_parse(struct spec *spec, const char *f)
{
    *spec = (struct spec){0};
    if (*f == '-') {
        spec->left = 1;
        f++;
    }
    while (*f >= '0' && *f <= '9') {
        spec->width = spec->width * 10 + (size_t)(*f++ - '0');
    }
    while (*f == 'l') {
        spec->is_long = 1;
        f++;
    }
    spec->conversion = *f;
    return *f != 0 ? f + 1 : f;
}

static void spec_put(struct sink *s, const struct spec *spec, const char *text, size_t bytes)
{
    if (!spec->left) {
        sink_pad(s, bytes, spec->width);
    }
    sink_put(s, text, bytes);
    if (spec->left) {
        sink_pad(s, bytes, spec->width);
    }
}

static void spec_number(struct sink *s, const struct spec *spec, uint64_t value, int negative)
{
    char digits[21];
    size_t n = number_digits(digits + 1, value, spec->conversion == 'x' ? 16 : 10);

    if (negative) {
        digits[20 - n++] = '-';
    }
    spec_put(s, spec, digits + 21 - n, n);
}

void say_va(char *text, size_t bytes, const char *f, va_list arguments)
{
    struct sink s = {text, 0, bytes - 1};

    while (*f != 0) {
        struct spec spec;
        if (*f != '%') {
            sink_put(&s, f++, 1);
            continue;
        }
        f = spec_parse(&spec, f + 1);
        if (spec.conversion == 's') {
            const char *string = va_arg(arguments, const char *);
            spec_put(&s, &spec, string, strlen(string));
        } else if (spec.conversion == 'c') {
            char c = (char)va_arg(arguments, int);
            spec_put(&s, &spec, &c, 1);
        } else if (spec.conversion == 'd') {
            int64_t v = spec.is_long ? va_arg(arguments, long) : va_arg(arguments, int);
            spec_number(&s, &spec, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
        } else if (spec.conversion == 'u' || spec.conversion == 'x') {
            uint64_t v = spec.is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned);
            spec_number(&s, &spec, v, 0);
        } else {
            sink_put(&s, "%", 1);
        }
    }
    text[s.used] = 0;
}

void say_to(char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_va(text, bytes, format, arguments);
    va_end(arguments);
}

void say(const char *format, ...)
{
    char text[SAY_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    say_va(text, sizeof text, format, arguments);
    va_end(arguments);
    tn_debug_write(text, strlen(text));
}
