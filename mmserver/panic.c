/* The server's last words; see panic.h. */
#include "panic.h"
#include <string.h>
#include <tenon/ipc.h>

_Noreturn void server_panic(const char *what, uint64_t value)
{
    char digits[] = " 0x0000000000000000\n";

    for (int i = 0; i < 16; i++) {
        digits[18 - i] = "0123456789abcdef"[value >> (4 * i) & 15];
    }
    tn_debug_write("memory server: ", 15);
    tn_debug_write(what, strlen(what));
    tn_debug_write(digits, sizeof digits - 1);
    for (;;) {
        __asm__ volatile("unimp"); /* the fault handler of the server's threads is init */
    }
}
