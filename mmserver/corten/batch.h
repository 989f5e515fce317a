/* The batch of page-table writes of a transaction, built where the kernel reads it. Runs grow while entries follow
 * each other; a full batch is written and a new one begun, with the locks still held. Between an entry's being put
 * into the batch and ct_batch_write() the view shows the old one: a cursor writes the batch before it walks to where
 * it has been.
 */
#pragma once
#include <corten/cursor.h>
#include <corten/table.h>
#include <stddef.h>

/* Fields first .. flags of a run as one word, so that a run is five stores. */
struct shape {
    uint64_t v;
};
typedef uint64_t __attribute__((may_alias)) shape_word;
_Static_assert(offsetof(struct tn_pt_run, first) == 16 && offsetof(struct tn_pt_run, page) == 24, "shape is one word");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shape");

/*@ requires first < 0x10000 && count < 0x10000 && op < 256 && rights < 256 && soft < 256 && flags < 256;
    assigns \nothing;
    ensures \result.v == first + count * 0x10000 + op * 0x100000000 + rights * 0x10000000000 + soft * 0x1000000000000 +
                         flags * 0x100000000000000; */
ct_inline struct shape run_shape(unsigned first, unsigned count, unsigned op, unsigned rights, unsigned soft,
                                 unsigned flags)
{
    return (struct shape){first | (uint64_t)count << 16 |
                          (uint64_t)(op | rights << 8 | soft << 16 | flags << 24) << 32};
}

ct_inline void run_set(struct tn_pt_run *run, tn_cptr_t table, tn_cptr_t object, struct shape shape, uint64_t page)
{
    run->table = table;
    run->object = object;
    *(shape_word *)&run->first = shape.v;
    run->page = page;
    run->in = run->out = 0;
}

/* Write what there is, and free the frames of entries that were cleared with their old values asked for. */
void ct_batch_write(struct ct_cursor *c);

static inline void batch_settle(struct ct_cursor *c)
{
    if (c->worker->batch->runs)
        ct_batch_write(c);
}

/* Clear entries. free: leaves among them that are not borrowed are freed (into limbo) and uncounted. */
void ct_batch_clear(struct ct_cursor *c, paddr_t table, unsigned first, unsigned count, bool free);
void ct_batch_link(struct ct_cursor *c, paddr_t table, unsigned index, paddr_t child);
void ct_batch_map(struct ct_cursor *c, paddr_t table, unsigned index, tn_cptr_t cap, uint64_t page, unsigned rights,
                  unsigned soft);
void ct_batch_protect(struct ct_cursor *c, paddr_t table, unsigned first, unsigned count, tn_cptr_t cap,
                      unsigned rights, unsigned soft);
