/* Tables: descriptors, entries as views show them, words of metadata.
 *
 *      table page (read through a view, written by the port)      descriptor (64 bytes, found from the address)
 *      +-----+-----+-----+-- ... --+                              lock, stale, pending, level, capability
 *      |  0  |  1  |  2  |   511   |                              fill: word of every entry without one of its own
 *      +-----+-----+-----+-- ... --+                              meta: page of 512 words, one an entry, or none
 *
 * Invariants
 *   - A valid entry is authoritative; its word counts only while it is invalid (and is then always up to date).
 *   - A table linked under a non-stale table is not stale; all below a stale table are stale. The root is never stale.
 *   - Words of levels above 0 are never CT_HELD. fill is never CT_HELD.
 *   - pending != 0: a run of writes is on its way (ride.h). Whoever owns the table calls table_land() before it reads
 *     entries, which waits for it. So no transaction can come between another's commit and its writes; nor can they land
 *     in a table that was unlinked, since unlinking reads (and clears) its entries first.
 *
 * Lock letters: (t) the table's lock, or that of a covering table above it under RW and for what is below a locked
 * table; (c) constant while adopted; (a) atomic; (r) by the one who retired it.
 */
#pragma once
#include <corten/atomic.h>
#include <corten/port.h>

struct ct_desc {
    uint64_t tail; /* (a) queue lock: last waiter, or the descriptor itself, 0 free (qlock.h) */
    uint64_t next; /* (a) queue lock: first waiter */
    uint32_t rw;   /* (a) readers-writer lock (rwlock.h) */
    uint8_t stale; /* (t) unlinked */
    uint8_t level; /* (c) */
    tn_cptr_t cap; /* (c) */
    union {
        uint64_t meta;          /* (t) linked: physical address of the page of words, 0: none */
        struct ct_space *space; /* (r) retired: the space it was in */
    };
    union {
        uint64_t fill;       /* (t) linked */
        uint64_t generation; /* (r) retired: flush that must be done before reuse */
    };
    uint64_t limbo_next; /* (t), then (r): next removed or retired table */
    uint64_t pending;    /* (t), and cleared by the rider if the kernel refuses its batch: (a) (ride.h) */
} __attribute__((aligned(CT_LINE)));
_Static_assert(sizeof(struct ct_desc) == CT_LINE, "one line a table");

/* Words: kind 3..0, rights 6..4, borrowed 7, frame 53..10 where the MMU's entries have it, stamp 63..54 (flush.h). */
#define WORD_KIND_MASK 15ull
#define WORD_RIGHTS_MASK (7ull << CT_WORD_RIGHTS_SHIFT)
#define WORD_BORROWED (1ull << 7)
#define WORD_STAMP_SHIFT 54
#define WORD_STAMP_MASK (~0ull << WORD_STAMP_SHIFT)
#define STAMP_MODULUS 1023u
#define PTE_SOFT_BORROWED 1u
#define PTE_BORROWED ((uint64_t)PTE_SOFT_BORROWED << TN_PTE_SOFT_SHIFT)

/*@ assigns \nothing;
    ensures \result == word % 16; */
static inline enum ct_kind word_kind(uint64_t word)
{
    return (enum ct_kind)(word & WORD_KIND_MASK);
}
/*@ assigns \nothing;
    ensures \result == word / 16 % 8; */
static inline unsigned word_rights(uint64_t word)
{
    return word >> CT_WORD_RIGHTS_SHIFT & 7;
}
/*@ requires rights <= 7;
    assigns \nothing;
    ensures \result == word / 128 * 128 + rights * 16 + word % 16; */
static inline uint64_t word_with_rights(uint64_t word, unsigned rights)
{
    return (word & ~WORD_RIGHTS_MASK) | (uint64_t)rights << CT_WORD_RIGHTS_SHIFT;
}
/* Alike but for the stamp. */
/*@ assigns \nothing;
    ensures \result <==> a % 0x40000000000000 == b % 0x40000000000000; */
static inline bool word_same(uint64_t a, uint64_t b)
{
    return ((a ^ b) & ~WORD_STAMP_MASK) == 0;
}
/*@ assigns \nothing;
    ensures \result == CT_HELD + (pte / 256 % 2) * 128 + pte / 1024 % 0x100000000000 * 1024; */
static inline uint64_t word_held(uint64_t pte)
{
    return CT_HELD | (pte & TN_PTE_PPN_MASK) | ((pte & PTE_BORROWED) ? WORD_BORROWED : 0);
}

/* TN_READ, TN_WRITE, TN_EXEC are the entry's R, W, X one bit lower. */
/*@ assigns \nothing;
    ensures \result == pte / 2 % 8; */
static inline unsigned pte_rights(uint64_t pte)
{
    return pte >> 1 & 7;
}
_Static_assert(TN_PTE_R >> 1 == TN_READ && TN_PTE_W >> 1 == TN_WRITE && TN_PTE_X >> 1 == TN_EXEC, "pte_rights");

#define CT_LEAF_BYTES (TN_PAGE_BYTES * TN_PT_ENTRIES) /* what a table of level 0 maps */

/* An entry of level n maps 2^(12 + 9n) bytes. */
/*@ requires level <= 5;
    assigns \nothing;
    ensures \result == 12 + 9 * level; */
static inline unsigned level_shift(unsigned level)
{
    return TN_PAGE_BITS + 9 * level;
}
/*@ requires level <= 4;
    assigns \nothing;
    ensures level == 0 ==> \result == va / 0x1000 % 512;
    ensures level == 1 ==> \result == va / 0x200000 % 512;
    ensures level == 2 ==> \result == va / 0x40000000 % 512;
    ensures level == 3 ==> \result == va / 0x8000000000 % 512;
    ensures level == 4 ==> \result == va / 0x1000000000000 % 512; */
static inline unsigned va_index(uint64_t va, unsigned level)
{
    return va >> level_shift(level) & (TN_PT_ENTRIES - 1);
}

/* Entries, by whoever owns the table. */
static inline uint64_t pte_read(paddr_t table, unsigned i)
{
    return atomic_load_relaxed(&port_view(table)[i]);
}
/* Entries, by a walker without locks, and where a riding write is awaited. Pairs with: ct_batch_write (release), the
 * port's exchange. What a link leads to was set up before it was written. */
static inline uint64_t pte_read_acquire(paddr_t table, unsigned i)
{
    return atomic_load_acquire(&port_view(table)[i]);
}
/*@ assigns \nothing;
    ensures \result.v == pte / 1024 % 0x100000000000 * 4096; */
static inline paddr_t pte_table(uint64_t pte)
{
    return (paddr_t){tn_pte_paddr(pte)};
}

static inline uint64_t *desc_words(const struct ct_desc *d)
{
    return d->meta ? port_frame((paddr_t){d->meta}) : (uint64_t *)0;
}
static inline uint64_t word_read(const struct ct_desc *d, unsigned i)
{
    const uint64_t *words = desc_words(d);
    return words ? words[i] : d->fill;
}
