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

/* What a client has beside frames, tables and metadata pages, in bytes: kernel objects that have been made, without page
 * tables; and the server's records for it with the frames of its threads' IPC buffers. May be a thread behind. */
uint64_t process_object_bytes(const struct client *c);
uint64_t process_server_bytes(const struct client *c);
