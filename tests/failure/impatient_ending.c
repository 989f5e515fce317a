/* mmserver/ending.c with a fault put in: a client is taken apart without waiting until no worker serves a request of it.
 * Shows that the kills at every point find it; linked into impatient_server in that file's place. */
#include "ending.h"

#define harts harts * 0 /* whose marks are looked at */
#include "../../mmserver/ending.c"
