/* The server's share of Untyped memory: what no pool has taken yet, in chunks of 2 MiB; and what is made of it for
 * kernel objects, in powers of two.
 *
 * Pieces of the share that are smaller than a chunk, or left over from it, serve for kernel objects: those need no
 * linear map. Any worker may call any function; each takes the share's lock, which comes last (lock.h).
 */
#pragma once
#include <stdint.h>
#include <tenon/object.h>
#include <tenon/server_start.h>

#define CHUNK_BITS 21
#define CHUNK_BYTES (1ull << CHUNK_BITS)
#define CHUNK_PAGES (CHUNK_BYTES / TN_PAGE_BYTES)

void share_init(const struct server_start *start);

/* One chunk as a Frame or an Untyped. Its capability's slot, 0 if there is none left; *paddr: its address, a multiple
 * of 2 MiB. */
uint32_t share_chunk(enum tn_object type, uint64_t *paddr);

/* An Untyped of 2^bits bytes (12..21) that nothing is made of; its slot, 0 if there is no memory. To be given back
 * revoked, with the same bits. */
uint32_t share_objects_take(unsigned bits);
void share_objects_give(uint32_t slot, unsigned bits);

/* Pages that could still be taken. */
uint64_t share_free_pages(void);
