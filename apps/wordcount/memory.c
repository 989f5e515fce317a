/* Arenas over mapped ranges (memory.h). Who calls: map and reduce workers, each on arenas of its own. */
#include "memory.h"

#define BLOCK_BYTES (64u << 10)

struct wc_block {
    struct wc_block *older;
    size_t bytes; /* of the mapping, this header included */
};
_Static_assert(sizeof(struct wc_block) % 8 == 0, "what follows is aligned");

void *wc_arena_alloc(struct wc_arena *arena, size_t bytes)
{
    size_t size = bytes == 0 ? 8 : (bytes + 7) & ~(size_t)7;

    if (size < bytes || size > SIZE_MAX / 2) {
        return NULL;
    }
    if ((size_t)(arena->end - arena->next) < size) {
        size_t map_bytes = wc_page_align(size + sizeof(struct wc_block));
        map_bytes = map_bytes > BLOCK_BYTES ? map_bytes : BLOCK_BYTES;
        struct wc_block *block = arena->pages->map(map_bytes);
        if (block == NULL) {
            return NULL;
        }
        block->older = arena->blocks;
        block->bytes = map_bytes;
        arena->blocks = block;
        arena->next = (char *)(block + 1);
        arena->end = (char *)block + map_bytes;
    }
    void *result = arena->next;
    arena->next += size;
    return result;
}

void wc_arena_free(struct wc_arena *arena)
{
    while (arena->blocks != NULL) {
        struct wc_block *block = arena->blocks;
        arena->blocks = block->older;
        arena->pages->unmap(block, block->bytes);
    }
    arena->next = arena->end = NULL;
}
