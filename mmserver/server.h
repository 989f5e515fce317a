/* What all files of the server share: how the system is shaped, and where the workers are. Written during the start, by
 * one thread; read-only afterwards. */
#pragma once
#include <corten/corten.h>
#include <tenon/ipc.h>
#include <tenon/server_start.h>

struct worker;

struct server {
    const struct server_start *start;
    unsigned harts;
    tn_cptr_t gate;         /* over the workers' endpoints; unbadged */
    struct worker **worker; /* one a hart */
    const uint8_t *initrd;  /* in the server's space */
    uint64_t initrd_paddr;
};
extern struct server server;

_Noreturn void server_main(const struct server_start *start);
