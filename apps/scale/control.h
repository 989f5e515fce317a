/* Controls of the timing model; see control.c. */
#pragma once
#include <stdbool.h>

/* All controls on one hart; all harts must call it. false: a counter lost an increment. */
bool control_run(unsigned index);
