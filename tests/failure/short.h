/* A memory server that is refused memory, one request after the other: in the life of its n-th client the request number
 * n / 2 is (even n), or that one and all that follow (odd n). Requests are those for frames, tables and kernel objects,
 * each for one thing at most, from the client's start on; a worker's stocks are empty then. For one hart. */
#pragma once
#include <stdbool.h>

/* One request; true: it is refused. */
bool short_refuses(void);
