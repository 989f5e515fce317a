/* How a hostile memory server spends its time: steady.c or paced.c is linked. Called by server.c. */
#pragma once
#include <tenon/server_start.h>

/* Priority, threads, timer. false: refused. */
int rhythm_begin(const struct server_start *start);

/* The next attack, and, for the paced one, the pause after it. */
void rhythm_step(unsigned step);
