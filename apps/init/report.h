/* What the memory system did, and whether it got everything back. */
#pragma once
#include "overlay.h"

/* A table of the server's counters, a line a hart and one for the sum. */
void report_counters(const struct server_plan *plan, unsigned harts);

/* All clients have ended: whether the server has as much free memory as before the first. Prints what is missing.
 * Returns 1 if something leaked. */
unsigned report_leaks(const struct server_plan *plan);
