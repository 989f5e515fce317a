/* Where wordcount's memory comes from: whole ranges of pages, mapped and unmapped; and arenas that cut them up.
 *
 * Nothing here is shared between threads: each arena has one user at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define WC_PAGE_BYTES 4096u

/* The source of pages: the memory protocol on Tenon, mmap on the host. Bytes are multiples of WC_PAGE_BYTES. */
struct wc_pages {
    void *(*map)(size_t bytes); /* zeroed memory at a page boundary, or NULL */
    void (*unmap)(void *address, size_t bytes);
};

static inline size_t wc_page_align(size_t bytes)
{
    return (bytes + WC_PAGE_BYTES - 1) & ~(size_t)(WC_PAGE_BYTES - 1);
}

struct wc_block; /* one mapping of an arena; a list through the blocks' first words */

/* Bump allocation, given back all at once. Zero it, with `pages` set. */
struct wc_arena {
    const struct wc_pages *pages;
    struct wc_block *blocks; /* newest first */
    char *next, *end;        /* room left in the newest */
};

/* `bytes` at an address that is a multiple of 8, not zeroed, or NULL: no memory. */
void *wc_arena_alloc(struct wc_arena *arena, size_t bytes);

/* Unmap all; the arena can be used again. */
void wc_arena_free(struct wc_arena *arena);
