/* Making a memory server: the other side of tenon/server_start.h. */
#pragma once
#include "overlay.h"
#include <tenon/bootinfo.h>

/* Make the servers of the system, each with its share of memory, and wait until each serves. Whatever cannot be done
 * ends the run with a line that says what and where. */
void servers_make(struct system *system, const struct tn_bootinfo *info);
