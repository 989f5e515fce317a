/* Callers that get no answer: threads of a client that is ending, which wait in a Reply object until they are
 * stopped. */
#pragma once
#include "worker.h"

/* The caller behind w->reply, a thread of the client with this badge, which is ENDING, is left waiting, and the worker gets another
 * Reply object. The answer for it: none; or, where the worker's spare objects are all in use, -ESRCH. */
void hold_caller(struct worker *w, uint32_t badge, struct answer *a);
