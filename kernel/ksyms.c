/* The symbol table of the kernel's first link: empty. In a file of its own, because a compiler that sees these
 * values would use them in place of the second link's. */
#include "ksyms.h"

__attribute__((weak)) const struct ksym kernel_symbols[1] = {{0, ""}};
__attribute__((weak)) const uint64_t kernel_symbol_count = 0;
