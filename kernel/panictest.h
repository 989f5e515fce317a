/* Debug builds: the boot argument panic-test=assert or panic-test=trap makes the kernel fail on purpose, so that tests can see what a
 * panic says (tests/run.py, "panics"). */
#pragma once
#include "hart.h"

void panictest_init(void); /* boot: reads the boot argument */
/* At a kernel entry: fails, if told so, once the hart is deep enough in its work. */
void panictest_check(struct hart *h);
