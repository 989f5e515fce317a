/* Thread-local storage blocks (tenon/tls.h). No state, no locks. */
#include <string.h>
#include <tenon/tls.h>

static uint64_t align_of(const struct tn_tls_image *image)
{
    return image->align > 16 ? image->align : 16; /* 16: what follows the block is aligned too */
}

size_t tn_tls_bytes(const struct tn_tls_image *image)
{
    return image->mem_bytes + 2 * align_of(image);
}

uint64_t tn_tls_make(const struct tn_tls_image *image, void *room)
{
    uint64_t align = align_of(image);
    uint64_t tp = ((uint64_t)room + align - 1) & -align;

    memcpy((void *)tp, (const void *)image->address, image->file_bytes);
    memset((void *)(tp + image->file_bytes), 0, image->mem_bytes - image->file_bytes);
    return tp;
}
