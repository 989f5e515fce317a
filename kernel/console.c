/* The kernel's console. A call's text is gathered into pieces and written under RANK_CONSOLE, so that lines of
 * several harts do not mix; the hart that panics takes no lock, since it may hold it. */
#include "console.h"
#include "panic.h"
#include "sbi.h"
#include "spinlock.h"
#include <string.h>

static struct spinlock console_lock;

static bool console_begin(void)
{
    if (panic_is_mine())
        return false;
    spin_lock(&console_lock, RANK_CONSOLE);
    return true;
}

static void console_end(bool locked)
{
    if (locked)
        spin_unlock(&console_lock, RANK_CONSOLE);
}

void console_write(const char *bytes, size_t count)
{
    bool locked = console_begin();
    sbi_console_write(bytes, count);
    console_end(locked);
}

struct piece {
    size_t used;
    char bytes[120];
};

static void piece_flush(struct piece *p)
{
    sbi_console_write(p->bytes, p->used);
    p->used = 0;
}

static void piece_add(struct piece *p, char c)
{
    if (p->used == sizeof(p->bytes))
        piece_flush(p);
    p->bytes[p->used++] = c;
}

/* What stands between % and the conversion. */
struct spec {
    bool zero, is_long;
    int width, precision; /* precision -1: none */
};

static void put_number(struct piece *p, uint64_t value, bool negative, unsigned base, struct spec s)
{
    char digits[24];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative)
        digits[count++] = '-';
    for (int i = count; i < s.width; i++)
        piece_add(p, s.zero ? '0' : ' ');
    while (count > 0)
        piece_add(p, digits[--count]);
}

static void put_string(struct piece *p, const char *text, struct spec s)
{
    int count = 0;
    while ((s.precision < 0 || count < s.precision) && text[count] != '\0')
        count++;
    for (int i = 0; i < count; i++)
        piece_add(p, text[i]);
    for (int i = count; i < s.width; i++)
        piece_add(p, ' ');
}

static const char *parse_spec(const char *f, struct spec *s, int star)
{
    *s = (struct spec){.precision = -1};
    for (; *f == '0'; f++)
        s->zero = true;
    for (; *f >= '0' && *f <= '9'; f++)
        s->width = s->width * 10 + (*f - '0');
    if (f[0] == '.' && f[1] == '*') {
        s->precision = star;
        f += 2;
    }
    for (; *f == 'l'; f++)
        s->is_long = true;
    return f;
}

static bool has_star(const char *f)
{
    return f[strspn(f, "0123456789")] == '.';
}

void kvprintf(const char *format, va_list args)
{
    struct piece p = {0};
    bool locked = console_begin();
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            piece_add(&p, *f);
            continue;
        }
        struct spec s;
        f = parse_spec(f + 1, &s, has_star(f + 1) ? va_arg(args, int) : -1);
        if (*f == 's') {
            put_string(&p, va_arg(args, const char *), s);
        } else if (*f == 'c') {
            piece_add(&p, (char)va_arg(args, int));
        } else if (*f == 'd') {
            int64_t value = s.is_long ? va_arg(args, int64_t) : va_arg(args, int);
            put_number(&p, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0, 10, s);
        } else if (*f == 'u' || *f == 'x') {
            uint64_t value = s.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned);
            put_number(&p, value, false, *f == 'u' ? 10 : 16, s);
        } else if (*f == 'p') {
            put_number(&p, va_arg(args, uint64_t), false, 16, (struct spec){.zero = true, .width = 16});
        } else {
            break;
        }
    }
    piece_flush(&p);
    console_end(locked);
}

void kprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kvprintf(format, args);
    va_end(args);
}
