/* Who has which cache line: the coherence part of the timing model (timing.c; docs/benchmarks.md, "Simulated cycles").
 *
 * Every hart has a cache without limit, so a hart misses only lines that it never touched or that another hart wrote
 * since. A directory says for each physical line which harts have it and whether one has it alone, changed:
 *
 *     load   has it: nothing.  Not: `memory` if nobody has it, else `transfer`.
 *     store  has it alone, changed: nothing.  Has it with others: `upgrade`.  Not: as a load.
 *            Each copy that has to go beyond the first costs `invalidate` more.
 *
 * A line serves one miss after the other: a load occupies it for `occupy`, a store until it is done.
 *
 * Within a measured region (timing.c) the directory also notes which harts wrote each line, and for lines that two harts
 * wrote the instructions that did. Used from one thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINES_HARTS_MAX 128
#define LINE_BYTES 64

struct line_costs { /* cycles */
    uint64_t memory, transfer, upgrade, invalidate, occupy;
};

/* Where an instruction is, for reports. */
struct code_site {
    uint64_t pc;
    const struct code_block *block; /* the translated block it stands in */
};
struct code_block {
    uint64_t pc;
    uint32_t bytes; /* of `code` */
    uint8_t code[];
};

struct line_access {
    unsigned hart;
    bool store;
    uint32_t region; /* number of the region the hart is in; 0: none */
    uint64_t clock;  /* the hart's, before the access */
    uint64_t paddr, vaddr;
    const struct code_site *site;
};

/* The directory for physical addresses base .. base + bytes - 1, all lines in memory. 0: no memory. */
int lines_init(uint64_t base, uint64_t bytes, const struct line_costs *costs);

/* The hart's clock after the access. Addresses without a line cost nothing. Adds to *moved the number of misses that
 * another hart's copy caused (0 or 1). */
uint64_t lines_access(const struct line_access *a, uint64_t *moved);

/* One JSON line for each line that two harts or more wrote in the region; forgets them. Returns how many. */
unsigned lines_report(FILE *out, uint32_t region);
