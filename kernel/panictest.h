/* Debug builds: the boot argument panic-test=NAME makes the kernel fail on purpose (`assert`, `trap`), or breaks one of its
 * invariants and goes on, so that tests can see that a check stops it and what the panic says (tests/run.py, "panics"). */
#pragma once
#include "hart.h"

void panictest_init(void); /* boot: reads the boot argument */
/* At a kernel entry: does it, once, if told so, when the hart is deep enough in its work. */
void panictest_check(struct hart *h);
