/* The system that the device tree describes under /tenon: memory servers and their clients.
 *
 *     / { tenon {
 *         server0: memserver@0 {
 *             compatible = "tenon,memserver";
 *             program = "mmserver";                       file in the initrd
 *             protocol = "adv";                           or "rw"; absent: adv; mm=user-adv|user-rw goes before
 *             flush = "lazy";                             or "now"; absent: lazy; flush=lazy|now goes before
 *             fault-around-pages = <16>;                  mapped by one fault, power of two; absent: 1; around=N before
 *             memory-bytes = /bits/ 64 <0x10000000>;      absent, for one server: all that is left
 *             client@0 {
 *                 compatible = "tenon,client";
 *                 program = "wordcount";
 *                 args = "-n", "20";                      argv[1].. ; argv[0] is the program
 *                 input = "input.txt";                    file in the initrd, mapped read-only; absent: none
 *                 harts = <0 1 2 3>;                      absent: all
 *                 quota-bytes = /bits/ 64 <0x800000>;     memory and tables; absent: no limit
 *                 max-threads = <64>;                     absent: 64
 *                 kill-after-ms = <100>;                  init ends it then; absent: never
 *                 expect = "exit 0";                      or "exit N", "fault", "killed": what counts as success
 *             };
 *         };
 *     }; };
 *
 * mm=, flush= and around= are boot arguments (/chosen/bootargs). Clients are started, counted and reported in the order of their
 * unit addresses (the number behind the @, hexadecimal). Nodes with status = "disabled" are left out. Anything else is
 * refused.
 */
#pragma once
#include <boot/cpio.h>
#include <boot/elf.h>
#include <boot/fdt.h>
#include <tenon/message.h>
#include <tenon/mm_protocol.h>
#include <tenon/server_start.h>

#define SERVERS_MAX 8
#define CLIENTS_MAX 64

struct client_plan {
    const char *node, *program; /* node first: sort_plans() */
    struct mm_spawn spawn;
    unsigned spawn_words;   /* of the message */
    uint32_t kill_after_ms; /* 0: never */
    enum mm_end expect;
    uint64_t expect_status; /* of MM_END_EXIT */
    int64_t id;             /* once it runs; -errno: its server has refused it */
};

struct server_plan {
    const char *node, *program; /* node first: sort_plans() */
    struct elf elf;
    enum server_protocol protocol;
    enum server_flush flush;
    uint32_t around_pages;                      /* that a fault may map at once; 1: only the page asked for */
    char leave_out_flush[TN_SERVER_FLUSH_NAME]; /* boot argument leave-out-flush=, for tests of debug builds */
    uint64_t memory_bytes;                      /* 0: all that is left */
    uint32_t first_client, clients;             /* in system.client */
    tn_cptr_t gate;                             /* administrator's, once it serves */
    uint64_t free_pages;                        /* before its first client */
};

struct system {
    uint32_t servers, clients;
    struct server_plan server[SERVERS_MAX];
    struct client_plan client[CLIENTS_MAX];
};

/* Reads all of it, and checks that every file is there and every program can be started. Ends the run with a line that
 * says what is wrong, and in which node, if it cannot be done as described. */
void overlay_read(struct system *system, const struct dt *tree, const struct cpio *initrd, unsigned harts);
