/* What the proofs of the kernel's page-table writes stand on, for Frama-C alone: it is included before the source.
 *
 * Atomics. User programs change the batch at any time, so a load from it gives any value.
 *
 * Capabilities. What the kernel's other parts keep true (docs/architecture.md, "Kernel invariants") is assumed of a
 * capability that is looked up: known(w0, w1).
 */
#pragma once
#include "tests/verify/spec.h"

/* By level, so that a prover multiplies by constants. */
/* clang-format off */
#define FRAMES_FIRST(level)                                                                                            \
    \forall integer page, n, rights;                                                                                   \
    n >= 1 && frames_ok(page, n, level, rights) ==> frames_ok(page, 1, level, rights)
#define FRAMES_NEXT(level)                                                                                             \
    \forall integer page, n, rights;                                                                                   \
    n > 1 && frames_ok(page, n, level, rights) ==> frames_ok(page + SPEC_PAGES(level), n - 1, level, rights)
/* clang-format on */

/*@ logic integer pages_of(integer level) = SPEC_PAGES(level); */
#undef SPEC_PAGES
#define SPEC_PAGES(level) pages_of(level)

#include "cap.h"
#include "mmu.h"
#include "pt.h"

/*@ axiomatic Memory {
      // Physical pages: rights that some Frame capability of a writer gives.
      predicate may_read(integer page) reads \nothing;
      predicate may_write(integer page) reads \nothing;
      predicate may_exec(integer page) reads \nothing;
      // First page and end of the Frame that the page lies in: Frames do not overlap.
      logic integer frame_first(integer page) reads \nothing;
      logic integer frame_end(integer page) reads \nothing;
      predicate is_table(integer page) reads \nothing;
      logic integer table_level(integer page) reads \nothing;
      // A capability in a slot; pages of a Frame by its w1.
      predicate known(integer w0, integer w1) reads \nothing;
      logic integer frame_pages(integer w1) reads \nothing;
    }

    // `pages` pages from page on are the Frame's, or some of them, and may be had with these rights (bits 0, 1, 2).
    predicate granted(integer page, integer pages, integer rights) =
      (\forall integer p; page <= p < page + pages ==> !is_table(p) &&
        frame_first(p) == frame_first(page) && frame_end(p) == frame_end(page) &&
        (SPEC_BIT(rights, 0) == 1 ==> may_read(p)) && (SPEC_BIT(rights, 1) == 1 ==> may_write(p)) &&
        (SPEC_BIT(rights, 2) == 1 ==> may_exec(p)));
    predicate inside_frame(integer page, integer pages) =
      frame_first(page) <= page && page + pages <= frame_end(page) <= 0x4000000;

    predicate level_ok(integer level) = level == 0 || level == 1 || level == 2 || level == 3 || level == 4;
    // Write needs read, and one right at least.
    predicate rights_ok(integer rights) =
      rights == 1 || rights == 3 || rights == 4 || rights == 5 || rights == 7;
    lemma part_of_frame: \forall integer base, limit, page, pages, rights;
      granted(base, limit, rights) && base <= page && page + pages <= base + limit ==>
        granted(page, pages, rights);

    // Bits of a leaf other than the page: V, U, A; not G; D as W; nothing reserved.
    predicate leaf_bits(integer v) =
      SPEC_V(v) == 1 && SPEC_UGA(v) == 5 && rights_ok(SPEC_RIGHTS(v)) && SPEC_D(v) == SPEC_BIT(SPEC_RIGHTS(v), 1) &&
      (SPEC_TOP(v) == 0 || SPEC_TOP(v) == 0x100);

    // The invariants: a leaf, or n of them in a row, lies in one Frame, with rights that it gives, aligned to its size; ...
    predicate frames_ok(integer page, integer n, integer level, integer rights) =
      SPEC_ALIGNED(page, level) && granted(page, n * SPEC_PAGES(level), rights) &&
      inside_frame(page, n * SPEC_PAGES(level));
    predicate leaves_ok(integer v, integer n, integer level) =
      leaf_bits(v) && frames_ok(SPEC_PAGE(v), n, level, SPEC_RIGHTS(v));
    lemma frames_first_0: FRAMES_FIRST(0);
    lemma frames_next_0: FRAMES_NEXT(0);
    lemma frames_first_1: FRAMES_FIRST(1);
    lemma frames_next_1: FRAMES_NEXT(1);
    lemma frames_first_2: FRAMES_FIRST(2);
    lemma frames_next_2: FRAMES_NEXT(2);
    lemma frames_first_3: FRAMES_FIRST(3);
    lemma frames_next_3: FRAMES_NEXT(3);
    lemma frames_first_4: FRAMES_FIRST(4);
    lemma frames_next_4: FRAMES_NEXT(4);
    lemma frames_first: \forall integer level; level_ok(level) ==> FRAMES_FIRST(level);
    // ... or shows a table, to be read only; ...
    predicate view_ok(integer v, integer level) =
      level == 0 && leaf_bits(v) && SPEC_RIGHTS(v) == TN_READ && SPEC_TOP(v) == 0 && is_table(SPEC_PAGE(v));
    // ... a link leads one level down.
    predicate link_ok(integer v, integer level) =
      level > 0 && v % 1024 == TN_PTE_V && SPEC_TOP(v) == 0 && is_table(SPEC_PAGE(v)) &&
      table_level(SPEC_PAGE(v)) == level - 1;
*/

/*@ assigns \nothing; */
uint64_t verify_load64(const uint64_t *p);

#undef load_relaxed
#define load_relaxed(p) verify_load64(p)

/*@ assigns \nothing;
    ensures \result.w0 == 0 || known(\result.w0, \result.w1);
    ensures \result.w0 / 0x100000000000000 == TN_FRAME ==> 12 <= \result.w1 % 64 <= 38;
    ensures \result.w0 / 0x100000000000000 == TN_PAGETABLE ==> \result.w1 < mmu_levels; */
static inline struct cap cspace_lookup(cspace_root_t root, tn_cptr_t cptr);

/*@ assigns \nothing;
    ensures \result.v % 4096 == 0 && \result.v < DIRECT_MAP_BYTES;
    ensures known(c.w0, c.w1) && c.w0 / 0x100000000000000 == TN_PAGETABLE ==>
      is_table(\result.v / 4096) && table_level(\result.v / 4096) == c.w1;
    ensures known(c.w0, c.w1) && c.w0 / 0x100000000000000 == TN_FRAME ==>
      granted(\result.v / 4096, frame_pages(c.w1), c.w0) &&
      frame_first(\result.v / 4096) == \result.v / 4096 &&
      frame_end(\result.v / 4096) == \result.v / 4096 + frame_pages(c.w1) <= 0x4000000; */
static inline paddr_t cap_paddr(struct cap c);

/*@ ensures \result == frame_pages(c.w1); */
static inline uint64_t cap_frame_pages(struct cap c);
