/* Loading a program into the space of a client. */
#pragma once
#include "client.h"
#include <boot/elf.h>

/* Copies every segment, with its own rights, and leaves zeros and demand-zero memory behind the file's part. 0, or
 *   -ENOEXEC  a segment is writable and executable, or not readable
 *   -ENOMEM   memory or quota */
int64_t elf_load(struct worker *w, struct client *c, const struct elf *elf);
