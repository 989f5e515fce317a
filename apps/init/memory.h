/* The memory and the capability slots that init holds: everything at the start, what it has not given away later.
 *
 * One thread uses it. Slots are handed out in order and never come back; nor does memory: init makes what the
 * system needs once.
 */
#pragma once
#include <stdint.h>
#include <tenon/bootinfo.h>
#include <tenon/error.h>
#include <tenon/message.h>
#include <tenon/object.h>

void memory_init(const struct tn_bootinfo *info);

/* `count` consecutive empty slots of init's CNode. Ends the run where there are none. */
tn_cptr_t memory_slots(uint32_t count);

/* Bytes of RAM not yet used or given away, and below `TN_SERVER_PADDR_END`. */
uint64_t memory_free_bytes(void);

/* Make one object (as TN_UNTYPED_RETYPE) of 2^`object_bits` bytes out of the block that fits tightest. Its capability
 * goes to a new slot, which is returned; 0 where no block has room. `paddr` (may be NULL) <- its address. */
tn_cptr_t memory_make(enum tn_object type, uint32_t size_bits, uint32_t object_bits, uint64_t *paddr);

/* As memory_make, but where memory is short the run ends with a line that names `what` and `where`. */
tn_cptr_t memory_need(enum tn_object type, uint32_t size_bits, uint32_t object_bits, const char *where,
                      const char *what);

/* Take the largest free piece of at most `bytes_max` bytes (at least a page) as an Untyped of its own that nothing has
 * been made of. Returns its slot, 0 where there is nothing left. */
tn_cptr_t memory_take(uint64_t bytes_max, uint64_t *paddr, uint32_t *size_bits);

/* A Frame that holds the device page at `paddr`, and the page's index in it; 0 if no device memory has it. */
tn_cptr_t memory_device(uint64_t paddr, uint64_t *page);
