/* A memory server that serves nobody and attacks: it stands in mmserver's place, with the capabilities that init gives to any
 * server, and between answers to init's questions it tries, round after round, whatever a server should not be able to do. Another
 * server's clients run beside it. Each refusal is checked; what is accepted must have changed only what is its own.
 *
 * It is started with struct server_start in a0, not as a client: no C library here.
 */
#include <stddef.h>
#include <string.h>
#include <tenon/invoke_stubs.h>
#include <tenon/ipc.h>
#include <tenon/server_start.h>

#define SLOT (TN_SERVER_FIRST_FREE + 0)
enum {
    MEMORY = SLOT,
    NODE_EP,
    NODE_REPLY,
    NODE_GATE,
    GIVEN,
    FRAME,
    WEAK,
    LEAF,
    LEAF2,
    MIDDLE,
    ROOT,
    WINDOW,
    SMALL,
    PAGE1,
    UPPER,
    LAST
};
#define WINDOW_VA 0x1000000000ull
#define ENTRY 100

static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_SERVER_IPC_BUFFER;
static unsigned attacks, wrong, first_wrong, questions;

void hostile_main(const struct server_start *start);

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option norelax\n"
        "la gp, __global_pointer$\n"
        ".option pop\n"
        "tail hostile_main\n"
        ".previous\n");

static void say(const char *text)
{
    tn_debug_write(text, strlen(text));
}

#define MUST(condition) must((condition), __LINE__)
static void must(int ok, unsigned line)
{
    attacks++;
    if (!ok && wrong++ == 0) {
        first_wrong = line;
    }
}

static enum tn_error write_runs(const struct tn_pt_run *run, unsigned n)
{
    struct tn_pt_batch *b = tn_batch(ipc);

    b->runs = n;
    for (unsigned i = 0; i < n; i++) {
        b->run[i] = run[i];
    }
    return tn_pt_write();
}

static enum tn_error write_one(uint8_t op, tn_cptr_t table, unsigned first, unsigned count, tn_cptr_t object,
                               uint64_t page, unsigned rights)
{
    struct tn_pt_run run = {table, object, (uint16_t)first, (uint16_t)count, op, (uint8_t)rights, 0, 0, page, 0, 0};

    return write_runs(&run, 1);
}

static enum tn_error make(tn_cptr_t untyped, enum tn_object type, unsigned size, uint32_t slot)
{
    return tn_untyped_retype(untyped, type, size, TN_SERVER_CNODE, slot, 1);
}

/* Entry of the leaf table as the view in the window shows it. */
static uint64_t seen(unsigned page, unsigned index)
{
    return ((volatile uint64_t *)(WINDOW_VA + page * TN_PAGE_BYTES))[index];
}

/* A window of its own: a table under the one that init gave, with a view of LEAF as page 0. */
static int prepare(unsigned levels)
{
    return make(MEMORY, TN_PAGETABLE, 1, MIDDLE) == TN_OK && make(MEMORY, TN_PAGETABLE, 0, WINDOW) == TN_OK &&
           make(MEMORY, TN_PAGETABLE, 0, LEAF) == TN_OK && make(MEMORY, TN_PAGETABLE, 0, LEAF2) == TN_OK &&
           make(MEMORY, TN_PAGETABLE, levels - 1, ROOT) == TN_OK && make(MEMORY, TN_FRAME, 14, FRAME) == TN_OK &&
           tn_cnode_copy(TN_SERVER_CNODE, WEAK, FRAME, TN_READ) == TN_OK &&
           make(MEMORY, TN_UNTYPED, 14, SMALL) == TN_OK &&
           write_one(TN_PT_LINK, TN_SERVER_TABLE, WINDOW_VA >> 30, 1, MIDDLE, 0, 0) == TN_OK &&
           write_one(TN_PT_LINK, MIDDLE, 0, 1, WINDOW, 0, 0) == TN_OK &&
           write_one(TN_PT_VIEW, WINDOW, 0, 1, LEAF, 0, TN_READ) == TN_OK;
}

/* Kernel memory, frames of others, more rights than held, tables as pages to write. */
static void attack_memory(void)
{
    static const uint64_t pages[] = {4, 0x80200, 0xfffffffffffff, 1ull << 52, ~0ull};
    unsigned rw = TN_READ | TN_WRITE;

    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, FRAME, pages[i], TN_READ) == TN_RANGE_ERROR);
    }
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 5, FRAME, 0, TN_READ) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, WEAK, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, LEAF2, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, MEMORY, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, TN_SERVER_INITRD, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, LAST, 0, rw) == TN_FAILED_LOOKUP);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, FRAME, 0, TN_WRITE) == TN_INVALID_ARGUMENT);
    MUST(seen(0, ENTRY) == 0);
    /* A view stays a view: PROTECT with any Frame gives it no right to write. */
    MUST(write_one(TN_PT_VIEW, LEAF, ENTRY, 1, LEAF2, 0, rw) == TN_OK);
    MUST(!(seen(0, ENTRY) & (TN_PTE_W | TN_PTE_X)));
    MUST(write_one(TN_PT_PROTECT, LEAF, ENTRY, 1, FRAME, 0, rw) == TN_OK);
    MUST(!(seen(0, ENTRY) & TN_PTE_W));
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, TN_SERVER_INITRD, 0, TN_READ) == TN_OK);
    MUST(write_one(TN_PT_PROTECT, LEAF, ENTRY, 1, FRAME, 0, rw) == TN_OK);
    MUST(!(seen(0, ENTRY) & TN_PTE_W));
    MUST(write_one(TN_PT_CLEAR, LEAF, ENTRY, 1, 0, 0, 0) == TN_OK);
}

/* Wrong levels, loops, the kernel's half, ends of tables. */
static void attack_shape(void)
{
    MUST(write_one(TN_PT_LINK, LEAF, 0, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, MIDDLE, 1, 1, MIDDLE, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, LEAF, 0, 1, MIDDLE, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, ROOT, 0, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, MIDDLE, 1, 1, FRAME, 0, 0) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_VIEW, MIDDLE, 1, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_MAP, MIDDLE, 1, 1, FRAME, 0, TN_READ) == TN_RANGE_ERROR);
    for (unsigned i = 256; i < 512; i += 51) {
        MUST(write_one(TN_PT_CLEAR, ROOT, i, 1, 0, 0, 0) == TN_RANGE_ERROR);
    }
    MUST(write_one(TN_PT_CLEAR, ROOT, 255, 2, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 511, 2, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 65535, 1, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 0, 0, 0, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(99, LEAF, 0, 1, 0, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(tn_vspace_set_root(TN_SERVER_VSPACE, ROOT) == TN_ILLEGAL_OPERATION);
}

/* Whichever run of a batch is wrong: nothing has changed. */
static void attack_halfway(void)
{
    for (unsigned bad = 0; bad < 8; bad++) {
        struct tn_pt_run run[8];
        for (unsigned i = 0; i < 8; i++) {
            run[i] = (struct tn_pt_run){LEAF, FRAME, (uint16_t)(ENTRY + i), 1, TN_PT_MAP, TN_READ, 0, 0, i % 4, 0, 0};
        }
        run[bad].object = WEAK;
        run[bad].rights = TN_READ | TN_WRITE;
        MUST(write_runs(run, 8) == TN_INVALID_CAPABILITY && tn_batch(ipc)->failed_run == bad);
        for (unsigned i = 0; i < 8; i++) {
            MUST(seen(0, ENTRY + i) == 0);
        }
    }
}

/* A table is viewed, linked and filled, then its memory is taken back and becomes a frame, whose writer would like to see the view: it is
 * gone, and so is the link. The same the other way round, with the ground taken away from under a mapping. */
static void attack_freed(void)
{
    MUST(make(SMALL, TN_PAGETABLE, 0, UPPER) == TN_OK);
    MUST(write_one(TN_PT_VIEW, LEAF, ENTRY, 1, UPPER, 0, TN_READ) == TN_OK);
    MUST(write_one(TN_PT_LINK, MIDDLE, 7, 1, UPPER, 0, 0) == TN_OK);
    MUST(write_one(TN_PT_MAP, UPPER, 0, 4, FRAME, 0, TN_READ | TN_WRITE) == TN_OK);
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, SMALL) == TN_OK);
    MUST(write_one(TN_PT_CLEAR, UPPER, 0, 1, 0, 0, 0) == TN_FAILED_LOOKUP);
    MUST(make(SMALL, TN_FRAME, 12, PAGE1) == TN_OK);
    MUST(seen(0, ENTRY) == 0);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, PAGE1, 0, TN_READ | TN_WRITE) == TN_OK);
    MUST(seen(0, ENTRY) != 0);
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, PAGE1) == TN_OK);
    MUST(seen(0, ENTRY) == 0);
    MUST(tn_cnode_delete(TN_SERVER_CNODE, PAGE1) == TN_OK);
}

/* Capability pointers that name nothing it holds. */
static void attack_capabilities(void)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t cptr = i < 32 ? LAST + 1 + i : 1ull << i;
        MUST(write_one(TN_PT_CLEAR, cptr, 0, 1, 0, 0, 0) != TN_OK);
        MUST(tn_cnode_copy(TN_SERVER_CNODE, LAST, cptr, TN_RIGHTS_ALL) == TN_FAILED_LOOKUP);
    }
    MUST(tn_cnode_mint(TN_SERVER_CNODE, LAST, TN_SERVER_READY, TN_RIGHTS_ALL, 77) != TN_OK ||
         tn_cnode_delete(TN_SERVER_CNODE, LAST) == TN_OK);
    MUST(tn_tcb_set_priority(TN_SERVER_TCB, 63) == TN_INVALID_ARGUMENT);
}

static void answer(const struct tn_msg *m)
{
    for (unsigned i = TN_MSG_REG_WORDS; i <= MM_COUNTERS; i++) {
        ipc->msg[i] = 0;
    }
    if (++questions == 2) { /* the others' clients have ended */
        if (wrong != 0 || attacks < 200) {
            char line[] = "not ok 1 hostile_server: line 0000\n";
            for (unsigned i = 0, n = first_wrong; i < 4; i++, n /= 10) {
                line[sizeof line - 3 - i] = (char)('0' + n % 10);
            }
            say(line);
        } else {
            say("ok 1 hostile_server: all refused\n");
        }
    }
    (void)m;
    (void)!tn_reply(NODE_REPLY, tn_info(0, 0, MM_COUNTERS + 1), MM_COUNTERS, 0, 0, 0);
}

static unsigned gate_bits(unsigned harts)
{
    unsigned bits = 1;

    while (1u << bits < harts) {
        bits++;
    }
    return bits;
}

static tn_cptr_t largest(const struct server_start *start)
{
    unsigned best = 0;

    for (unsigned i = 1; i < start->untyped_count; i++) {
        best = start->untyped[i].size_bits > start->untyped[best].size_bits ? i : best;
    }
    return TN_SERVER_FIRST_UNTYPED + best;
}

void hostile_main(const struct server_start *start)
{
    int ok = make(largest(start), TN_UNTYPED, 20, MEMORY) == TN_OK && make(MEMORY, TN_ENDPOINT, 0, NODE_EP) == TN_OK &&
             make(MEMORY, TN_REPLY, 0, NODE_REPLY) == TN_OK &&
             make(MEMORY, TN_GATE, gate_bits(start->harts), NODE_GATE) == TN_OK && prepare(start->levels) &&
             tn_cnode_copy(TN_SERVER_CNODE, GIVEN, NODE_GATE, TN_WRITE | TN_GRANT) == TN_OK;
    for (unsigned i = 0; i < start->harts && ok; i++) {
        ok = tn_gate_set(NODE_GATE, i, NODE_EP) == TN_OK;
    }
    ipc->caps[0] = GIVEN;
    if (!ok || tn_tcb_set_priority(TN_SERVER_TCB, TN_PRIORITY_CLIENT) != TN_OK ||
        tn_send(TN_SERVER_READY, tn_info(SERVER_READY, 1, 0), 0, 0, 0, 0) != TN_OK) {
        say("not ok 1 hostile_server: start\n");
    }
    for (;;) {
        struct tn_msg m = tn_nb_recv(NODE_EP, NODE_REPLY);
        if (!tn_info_is_error(m.info)) {
            answer(&m);
            continue;
        }
        attack_memory();
        attack_shape();
        attack_halfway();
        attack_freed();
        attack_capabilities();
    }
}
