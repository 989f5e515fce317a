/* Thread-local storage as the RISC-V psABI has it for static programs (local-exec): tp points at the block's first
 * byte, which holds a copy of the PT_TLS segment; the block is aligned as the segment asks.
 *
 * Programs with a start-up of their own (init, the memory server) use these functions too: they need TLS for errno.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tn_tls_image {
    uint64_t address;    /* of the initial values */
    uint64_t file_bytes; /* how many there are */
    uint64_t mem_bytes;  /* size of the block; the rest is zero */
    uint64_t align;      /* power of two; 0 counts as 1 */
};

/* Room a block needs at an address of any alignment, in bytes. */
size_t tn_tls_bytes(const struct tn_tls_image *image);

/* Make the block within `room` (tn_tls_bytes of them). Returns what tp must be. Uses no TLS itself. */
uint64_t tn_tls_make(const struct tn_tls_image *image, void *room);

/* Set the calling thread's tp. */
static inline void tn_tls_set(uint64_t tp)
{
    __asm__ volatile("mv tp, %0" : : "r"(tp) : "memory");
}
