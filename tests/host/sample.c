/* A program with one of each kind of segment, for the tests of the ELF reader: code, constants, thread-local data with and
 * without initial values, data, and memory that starts as zero. It is compiled for the target and never run. */
#include <stdint.h>

void _start(void);
uint64_t sample_function(uint64_t n);

static _Thread_local volatile uint32_t tls_value = 0x12345678;
static _Thread_local volatile uint64_t tls_zero[8];
static volatile uint32_t data[3] = {1, 2, 3};
static volatile uint8_t bss[10000];
extern const char sample_text[];
const char sample_text[] = "constant";

__attribute__((noinline)) uint64_t sample_function(uint64_t n)
{
    return n + data[n % 3] + bss[n] + (uint64_t)sample_text[n % 8];
}

void _start(void)
{
    tls_zero[0] = tls_value;
    for (;;)
        data[0] = (uint32_t)sample_function(tls_zero[0]);
}
