/* Counters as answers, and those of the server as a whole. */
#pragma once
#include "worker.h"

/* Answer with MR0 = MM_COUNTERS and, from word 1 on, counter[first] to the last. */
void answer_counters(struct worker *w, const uint64_t counter[MM_COUNTERS], uint64_t first, struct answer *a);

/* The space is about to be released by `w`: keep what each worker did for it. */
void stat_keep(struct worker *w, struct ct_space *space);

#define STAT_ALL_HARTS (~0ull)

/* What the worker of `hart` has counted (counters "now" are its part of the sum, and may be negative); STAT_ALL_HARTS:
 * the sum, and MM_FRAMES_FREE. The administrator's own requests are not counted. false: no such hart. Exact while the
 * workers are idle. */
bool stat_server(uint64_t hart, uint64_t counter[MM_COUNTERS]);
