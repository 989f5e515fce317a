/* Floating-point state, lazily: a thread runs with the unit off until it first uses it. When the unit's owner stops being
 * current its registers are saved if they are dirty, and stay in the unit too: if it is the next to use floating point on
 * this hart nothing is loaded. So the state of a thread that does not run is always in memory, and on a hart where nobody
 * uses floating point a switch pays one load and one branch. */
#pragma once
#include "hart.h"
#include "tcb.h"

void fp_save(struct tcb *t);          /* fp.S */
void fp_restore(const struct tcb *t); /* fp.S */

/* An illegal-instruction trap of the current thread: if the unit was off and exists, turns it on. false: a real exception. */
bool fp_enable(struct hart *h, struct tcb *t);
/* `next` (NULL: nobody) becomes current on a hart whose unit has an owner. */
void fp_switch(struct hart *h, struct tcb *next);
/* The unit no longer holds the state of `t`: it goes to another hart, or away. */
void fp_forget(struct hart *h, struct tcb *t);
