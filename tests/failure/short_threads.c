/* mmserver/threads.c in the server that is refused memory (short.h). */
#include "short.h"
#include "frames.h"

#define frames_get(ipc, worker, out, want, zeroed) (short_refuses() ? 0 : frames_get(ipc, worker, out, want, zeroed))
#include "../../mmserver/threads.c"
