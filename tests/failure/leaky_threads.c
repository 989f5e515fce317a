/* mmserver/threads.c with a fault put in: the frames behind IPC buffers do not come back when a client has ended. Shows
 * that the sweeps of clients' ends find a page that is lost; linked into leaky_server in that file's place. */
#include "frames.h"
#include "threads.h"

#define ct_frame_put(worker, frame) ((void)(worker), (void)(frame))
#include "../../mmserver/threads.c"
