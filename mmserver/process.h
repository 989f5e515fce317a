/* Making a client: kernel objects, address space, program, first thread. */
#pragma once
#include "client.h"
#include "spawn_args.h"

/* Make a client as *args says and let it run. Its id, or
 *   -ENOENT   no such program or input file in the initrd     -ENOEXEC  the program is no static RISC-V executable
 *   -ENOMEM   the server's memory or the client's quota       -E2BIG    arguments do not fit on the start page
 *   -EAGAIN   CLIENTS_MAX clients are there already
 * After an error nothing of it is left. */
int64_t process_spawn(struct worker *w, const struct spawn_args *args);
