/* Building page-table batches in the caller's own IPC buffer. Any thread. */
#include "kt.h"

struct tn_pt_batch *kt_batch(void)
{
    return (struct tn_pt_batch *)((uint8_t *)kt_buffer() + TN_IPC_BATCH_OFFSET);
}

uint64_t *kt_batch_words(void)
{
    return (uint64_t *)kt_batch();
}

struct tn_pt_batch *kt_batch_clear(void)
{
    struct tn_pt_batch *b = kt_batch();

    b->runs = 0;
    b->failed_run = 0xdead;
    return b;
}

struct tn_pt_run *kt_batch_add(tn_cptr_t table, unsigned op, unsigned first, unsigned count, tn_cptr_t object,
                               uint64_t page, unsigned rights)
{
    struct tn_pt_batch *b = kt_batch();
    struct tn_pt_run *r = &b->run[b->runs++];

    *r = (struct tn_pt_run){.table = table,
                            .object = object,
                            .first = (uint16_t)first,
                            .count = (uint16_t)count,
                            .op = (uint8_t)op,
                            .rights = (uint8_t)rights,
                            .page = page};
    return r;
}

int kt_batch_write(void)
{
    struct kt_msg m = {0};

    kt_ecall(TN_SYS_PT_WRITE, &m, 0);
    return kt_error(&m);
}

int kt_pt(tn_cptr_t table, unsigned op, unsigned first, unsigned count, tn_cptr_t object, uint64_t page,
          unsigned rights)
{
    kt_batch_clear();
    kt_batch_add(table, op, first, count, object, page, rights);
    return kt_batch_write();
}
