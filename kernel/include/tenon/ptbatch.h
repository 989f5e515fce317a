/* A batch of page-table writes: what TN_SYS_PT_WRITE and TN_SYS_PT_REPLY_RECV read from the IPC buffer, from byte
 * TN_IPC_BATCH_OFFSET on.
 *
 * Everything that capabilities decide is checked for all runs before the first entry is written: a refused batch has
 * changed nothing, and `failed_run` says which run was wrong. Entries are then exchanged one by one, atomically, in
 * order. Nothing is flushed: that is the caller's to decide (TN_VSPACE_FLUSH). No lock is taken.
 *
 * Errors (a1's label; `failed_run` holds the index of the run, or is beyond the last for an error of the batch itself):
 *   TN_TRUNCATED_MESSAGE   no IPC buffer, too many runs, or `in`/`out` reach past the buffer
 *   TN_FAILED_LOOKUP, TN_INVALID_CAPABILITY   `table` or `object` is missing, of the wrong type or lacks rights
 *   TN_RANGE_ERROR         entries past 511, in the kernel's half of a root, or pages outside the Frame
 *   TN_ALIGNMENT_ERROR     a 2 MiB, 1 GiB, ... leaf to a page that is not so aligned
 *   TN_INVALID_ARGUMENT    unknown op, count 0, rights that no entry can have (write without read), wrong level
 */
#pragma once
#include <stdint.h>
#include <tenon/message.h>

enum tn_pt_op {
    TN_PT_MAP = 1,      /* entry i -> page + i * (pages of the level) of the Frame `object` */
    TN_PT_MAP_LIST = 2, /* entry i -> page given by word `in` + i of the batch (not `page`) */
    TN_PT_LINK = 3,     /* one entry -> the PageTable `object`, which is one level down */
    TN_PT_VIEW = 4,     /* one level-0 entry -> the PageTable `object` as a read-only page */
    TN_PT_CLEAR = 5,    /* entries become 0 */
    TN_PT_PROTECT = 6,  /* valid leaf entries get `rights`; invalid entries and links stay. Rights that an entry does not
                         * have must come from the Frame `object`, in which each entry must lie; `object` 0: only fewer.
                         * An entry that would gain rights without that is left as it is (visible in the old values). */
};

#define TN_PT_OLD 1u /* flags: hand the old entries back in words `out`.. of the batch */

struct tn_pt_run {
    tn_cptr_t table;  /* PageTable, WRITE */
    tn_cptr_t object; /* Frame or PageTable, see op */
    uint16_t first;   /* entry index 0..511 */
    uint16_t count;   /* 1..512 */
    uint8_t op;       /* enum tn_pt_op */
    uint8_t rights;   /* TN_READ | TN_WRITE | TN_EXEC */
    uint8_t soft;     /* 0..3: the entry's two software bits (MAP, MAP_LIST, PROTECT) */
    uint8_t flags;
    uint64_t page;    /* MAP: first page (4 KiB units) in the Frame */
    uint32_t in, out; /* word indexes into the batch, counted from its start */
};
_Static_assert(sizeof(struct tn_pt_run) == 40, "ABI");

struct tn_pt_batch {
    uint32_t runs;       /* how many follow; 0: nothing to do. The kernel sets it to 0 when it has written them. */
    uint32_t failed_run; /* out, on an error */
    struct tn_pt_run run[];
};
#define TN_PT_RUNS_MAX 64

/* Entries as the MMU and the views show them (privileged specification, "Sv39", figure of the PTE). */
#define TN_PTE_V 0x01ull
#define TN_PTE_R 0x02ull
#define TN_PTE_W 0x04ull
#define TN_PTE_X 0x08ull
#define TN_PTE_U 0x10ull
#define TN_PTE_G 0x20ull
#define TN_PTE_A 0x40ull
#define TN_PTE_D 0x80ull
#define TN_PTE_SOFT_SHIFT 8
#define TN_PTE_PPN_SHIFT 10
#define TN_PTE_PPN_MASK 0x003ffffffffffc00ull
#define TN_PTE_RWX (TN_PTE_R | TN_PTE_W | TN_PTE_X)

/*@ assigns \nothing;
    ensures \result == pte / 1024 % 0x100000000000 * 4096; */
static inline uint64_t tn_pte_paddr(uint64_t pte)
{
    return (pte & TN_PTE_PPN_MASK) << 2;
}
/*@ assigns \nothing;
    ensures \result <==> pte % 2 == 1 && pte / 2 % 8 != 0; */
static inline int tn_pte_is_leaf(uint64_t pte)
{
    return (pte & TN_PTE_V) && (pte & TN_PTE_RWX);
}
/*@ assigns \nothing;
    ensures \result <==> pte % 2 == 1 && pte / 2 % 8 == 0; */
static inline int tn_pte_is_link(uint64_t pte)
{
    return (pte & (TN_PTE_V | TN_PTE_RWX)) == TN_PTE_V;
}
