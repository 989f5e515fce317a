/* mmserver/port.c in the server that is refused memory (short.h). */
#include "short.h"
#include "frames.h"
#include "tables.h"

#define frames_get(ipc, worker, out, want, zeroed)                                                                     \
    (short_refuses() ? 0 : frames_get(ipc, worker, out, (want) < 1 ? want : 1, zeroed))
#define tables_get(ipc, level, out, want) (short_refuses() ? 0 : tables_get(ipc, level, out, (want) < 1 ? want : 1))
#include "../../mmserver/port.c"
