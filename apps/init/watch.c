/* The watcher; see watch.h. Shares with init's main thread what that has finished writing before it starts this one. */
#include "watch.h"
#include "finish.h"
#include "memory.h"
#include "print.h"
#include <tenon/fault.h>
#include <tenon/invoke_stubs.h>

#define STACK_BYTES 16384

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static tn_cptr_t endpoint, reply;
static const struct system *watched;

void watch_entry(void); /* start.S */
_Noreturn void watch_main(void);

static const char *exception_name(uint64_t scause)
{
    static const char *const names[] = {
        [0] = "misaligned instruction", [1] = "access fault on instruction fetch",
        [2] = "illegal instruction",    [3] = "breakpoint",
        [4] = "misaligned read",        [5] = "access fault on read",
        [6] = "misaligned write",       [7] = "access fault on write",
    };

    return scause < sizeof names / sizeof names[0] ? names[scause] : "exception";
}

static void describe_what(char *text, size_t bytes, uint64_t label, uint64_t address, uint64_t scause)
{
    if (label == TN_FAULT_UNKNOWN_SYSCALL) {
        say_to(text, bytes, "unknown system call %lu", address);
    } else if (label == TN_FAULT_VM && scause >= 12) {
        const char *how = scause == 12 ? "execution of" : scause == 13 ? "read of" : "write to";
        say_to(text, bytes, "page fault: %s 0x%lx", how, address);
    } else {
        say_to(text, bytes, "%s 0x%lx", exception_name(scause), address);
    }
}

void watch_describe(char *text, size_t bytes, const struct elf *elf, uint64_t label, uint64_t pc, uint64_t address,
                    uint64_t scause)
{
    char what[96];
    uint64_t offset;
    const char *symbol = elf_symbol(elf, pc, &offset);

    describe_what(what, sizeof what, label, address, scause);
    if (symbol != NULL) {
        say_to(text, bytes, "%s at pc 0x%lx (%s + 0x%lx)", what, pc, symbol, offset);
    } else {
        say_to(text, bytes, "%s at pc 0x%lx", what, pc);
    }
}

_Noreturn void watch_main(void)
{
    struct tn_msg m = tn_recv(endpoint, reply);
    char what[256];

    if (tn_info_is_error(m.info) || m.badge - 1 >= watched->servers) {
        fail("init: the watcher got message %lx of badge %lu", m.info, m.badge);
    }
    const struct server_plan *server = &watched->server[m.badge - 1];
    watch_describe(what, sizeof what, &server->elf, tn_info_label(m.info), m.mr[0], m.mr[1], m.mr[3]);
    fail("%s: memory server died: %s", server->node, what);
}

tn_cptr_t watch_endpoint(void)
{
    return endpoint;
}

void watch_start(const struct system *system)
{
    watched = system;
    endpoint = memory_need(TN_ENDPOINT, 0, TN_ENDPOINT_BITS, "init", "an endpoint");
    reply = memory_need(TN_REPLY, 0, TN_REPLY_BITS, "init", "a reply object");
    tn_cptr_t tcb = memory_need(TN_TCB, 0, TN_TCB_BITS, "init", "the watcher");
    if (tn_tcb_set_space(tcb, TN_INIT_CNODE, TN_INIT_VSPACE, 0) != TN_OK ||
        tn_tcb_set_priority(tcb, TN_PRIORITY_INIT) != TN_OK ||
        tn_tcb_write_regs(tcb, (uint64_t)watch_entry, (uint64_t)(stack + sizeof stack), 0, 0) != TN_OK ||
        tn_tcb_resume(tcb) != TN_OK) {
        fail("init: the kernel refuses the watcher's thread");
    }
}
