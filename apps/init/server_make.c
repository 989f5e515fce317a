/* Making memory servers; see server_make.h.
 *
 * A server's program, start page, IPC buffer and first stack stand in one Frame, the image, which init fills through a
 * mapping of its own:
 *
 *     segments, page by page | start page | IPC buffer | stack
 */
#include "server_make.h"
#include "finish.h"
#include "memory.h"
#include "print.h"
#include "scratch.h"
#include "watch.h"
#include <string.h>
#include <tenon/invoke_stubs.h>

#define TABLES_MAX 24
#define INDEX_BITS 9
#define HUB_LEVEL 2 /* its table is given to the server */

struct table {
    tn_cptr_t cap;
    unsigned level;
    uint64_t base; /* first address that it covers */
};
struct space { /* of a server being made */
    const char *where;
    unsigned levels;
    tn_cptr_t root, vspace;
    struct table table[TABLES_MAX];
    unsigned tables;
};
struct image {
    tn_cptr_t frame;
    uint8_t *memory; /* in init's space */
    uint64_t pages, used;
};

static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;
static tn_cptr_t ready_endpoint;

/* ---- address space ---- */

static uint64_t table_span(unsigned level)
{
    return 1ull << (TN_PAGE_BITS + INDEX_BITS * (level + 1));
}

/* The table of `level` that covers `address`, made with those above it where it is missing. */
static tn_cptr_t space_table(struct space *s, unsigned level, uint64_t address)
{
    uint64_t base = address & ~(table_span(level) - 1);

    if (level == s->levels - 1) {
        return s->root;
    }
    for (unsigned i = 0; i < s->tables; i++) {
        if (s->table[i].level == level && s->table[i].base == base) {
            return s->table[i].cap;
        }
    }
    tn_cptr_t parent = space_table(s, level + 1, address);
    if (s->tables == TABLES_MAX) {
        fail("%s: program: too large", s->where);
    }
    tn_cptr_t cap = memory_need(TN_PAGETABLE, level, TN_PAGETABLE_BITS, s->where, "page tables");
    uint64_t index = base >> (TN_PAGE_BITS + INDEX_BITS * (level + 1)) & (TN_PT_ENTRIES - 1);
    struct tn_pt_run link = {.table = parent, .object = cap, .first = (uint16_t)index, .count = 1, .op = TN_PT_LINK};
    scratch_write(&link);
    s->table[s->tables++] = (struct table){cap, level, base};
    return cap;
}

static void space_map(struct space *s, uint64_t address, const struct image *image, uint64_t page, uint64_t pages,
                      unsigned rights)
{
    for (uint64_t i = 0; i < pages; i++, address += TN_PAGE_BYTES) {
        uint64_t index = address >> TN_PAGE_BITS & (TN_PT_ENTRIES - 1);
        struct tn_pt_run map = {.table = space_table(s, 0, address),
                                .object = image->frame,
                                .first = (uint16_t)index,
                                .count = 1,
                                .op = TN_PT_MAP,
                                .rights = (uint8_t)rights,
                                .page = page + i};
        scratch_write(&map);
    }
}

static void space_make(struct space *s, const char *where, unsigned levels)
{
    *s = (struct space){.where = where, .levels = levels};
    s->root = memory_need(TN_PAGETABLE, levels - 1, TN_PAGETABLE_BITS, where, "page tables");
    s->vspace = memory_need(TN_VSPACE, 0, TN_VSPACE_BITS, where, "its address space");
    if (tn_vspace_set_root(s->vspace, s->root) != TN_OK) {
        fail("%s: the kernel refuses its address space", where);
    }
}

/* ---- image ---- */

static uint64_t pages_of(const struct elf_segment *segment)
{
    return ((segment->vaddr % TN_PAGE_BYTES) + segment->mem_bytes + TN_PAGE_BYTES - 1) / TN_PAGE_BYTES;
}

static void image_make(struct image *image, const char *where, const struct elf *elf)
{
    struct elf_segment segment;
    uint64_t pages = 1 + TN_SERVER_IPC_PAGES + TN_SERVER_STACK_PAGES;
    unsigned bits = TN_PAGE_BITS;

    for (uint32_t i = 0; elf_next_load(elf, &i, &segment) == ELF_OK;) {
        pages += pages_of(&segment);
    }
    while (1ull << bits < pages * TN_PAGE_BYTES) {
        bits++;
    }
    *image = (struct image){.pages = pages};
    image->frame = memory_need(TN_FRAME, bits, bits, where, "its program");
    image->memory = scratch_map(image->frame, 0, pages, TN_READ | TN_WRITE);
}

/* The next pages of the image; memory is zero. Returns the first one's index. */
static uint64_t image_take(struct image *image, uint64_t pages)
{
    uint64_t first = image->used;

    image->used += pages;
    return first;
}

static uint8_t *image_at(const struct image *image, uint64_t page)
{
    return image->memory + page * TN_PAGE_BYTES;
}

static void image_load(struct image *image, struct space *s, const struct elf *elf)
{
    struct elf_segment segment;

    for (uint32_t i = 0; elf_next_load(elf, &i, &segment) == ELF_OK;) {
        uint64_t offset = segment.vaddr % TN_PAGE_BYTES, pages = pages_of(&segment), page = image_take(image, pages);
        unsigned rights = (segment.flags & ELF_R ? TN_READ : 0) | (segment.flags & ELF_W ? TN_WRITE : 0) |
                          (segment.flags & ELF_X ? TN_EXEC : 0);
        if (!(rights & TN_READ) || (rights & (TN_WRITE | TN_EXEC)) == (TN_WRITE | TN_EXEC)) {
            fail("%s: program: a segment is writable and executable, or not readable", s->where);
        }
        memcpy(image_at(image, page) + offset, segment.data, segment.file_bytes);
        space_map(s, segment.vaddr - offset, image, page, pages, rights);
    }
}

/* ---- capabilities ---- */

static void must(enum tn_error error, const char *where, const char *what)
{
    if (error != TN_OK) {
        fail("%s: the kernel refuses %s: error %u", where, what, error);
    }
}

static void give(tn_cptr_t cnode, const char *where, uint32_t slot, tn_cptr_t cap, unsigned rights)
{
    must(tn_cnode_copy(cnode, slot, cap, rights), where, "a capability");
}

/* Memory for the server, into its CNode and onto its start page. */
static void give_share(const struct server_plan *plan, tn_cptr_t cnode, struct server_start *start)
{
    uint64_t left = plan->memory_bytes == 0 ? ~0ull : plan->memory_bytes;

    while (left >= TN_PAGE_BYTES && start->untyped_count < TN_SERVER_UNTYPED_MAX) {
        uint64_t paddr;
        uint32_t bits, i = start->untyped_count;
        tn_cptr_t untyped = memory_take(left, &paddr, &bits);
        if (untyped == 0) {
            break;
        }
        must(tn_cnode_move(cnode, TN_SERVER_FIRST_UNTYPED + i, untyped), plan->node, "its memory");
        start->untyped[i] = (struct server_untyped){paddr, bits};
        start->untyped_count++;
        left -= 1ull << bits;
    }
    if (start->untyped_count == 0 || (plan->memory_bytes != 0 && left >= TN_PAGE_BYTES)) {
        fail("%s: too little memory: %lu bytes left in all", plan->node, memory_free_bytes());
    }
}

static uint64_t share_bytes(const struct server_plan *plan)
{
    return plan->memory_bytes != 0 ? plan->memory_bytes : memory_free_bytes();
}

/* The CNode with everything in it but the memory. Its bits stand on the start page. */
static tn_cptr_t cnode_make(const struct server_plan *plan, const struct space *s, tn_cptr_t tcb, uint64_t badge,
                            struct server_start *start)
{
    start->cnode_bits = server_cnode_bits(share_bytes(plan), start->harts);
    tn_cptr_t cnode =
        memory_need(TN_CNODE, start->cnode_bits, start->cnode_bits + TN_SLOT_BITS, plan->node, "its capabilities");

    give(cnode, plan->node, TN_SERVER_CNODE, cnode, TN_RIGHTS_ALL);
    give(cnode, plan->node, TN_SERVER_VSPACE, s->vspace, TN_RIGHTS_ALL);
    give(cnode, plan->node, TN_SERVER_TCB, tcb, TN_RIGHTS_ALL);
    give(cnode, plan->node, TN_SERVER_INITRD, TN_INIT_INITRD_FRAME, TN_READ);
    must(tn_cnode_mint(cnode, TN_SERVER_FAULT, watch_endpoint(), TN_WRITE | TN_GRANT, badge), plan->node, "a badge");
    must(tn_cnode_mint(cnode, TN_SERVER_READY, ready_endpoint, TN_WRITE | TN_GRANT, badge), plan->node, "a badge");
    return cnode;
}

/* ---- start ---- */

static void thread_start(const struct server_plan *plan, const struct space *s, tn_cptr_t tcb, tn_cptr_t cnode,
                         const struct image *image, uint64_t buffer_page)
{
    tn_cptr_t handler = tn_cptr_in((uint32_t)cnode, TN_SERVER_FAULT);

    must(tn_tcb_set_space(tcb, cnode, s->vspace, handler), plan->node, "its spaces");
    must(tn_tcb_set_buffer(tcb, image->frame, buffer_page, TN_SERVER_IPC_PAGES), plan->node, "its IPC buffer");
    must(tn_tcb_set_priority(tcb, TN_PRIORITY_WORKER), plan->node, "its priority");
    must(tn_tcb_set_affinity(tcb, 0), plan->node, "its hart");
    must(tn_tcb_write_regs(tcb, plan->elf.entry, TN_SERVER_STACK_TOP, 0, TN_SERVER_START_PAGE), plan->node,
         "its registers");
    must(tn_vspace_fence_i(s->vspace), plan->node, "a fence");
    must(tn_tcb_resume(tcb), plan->node, "its start");
}

/* Wait for the server's message and take its Gate. */
static void wait_until_ready(struct server_plan *plan)
{
    ipc->recv_slot = memory_slots(1);
    struct tn_msg m = tn_recv(ready_endpoint, 0);
    uint64_t label = tn_info_label(m.info);

    if (label == SERVER_FAILED && m.mr[0] == SERVER_NO_MEMORY) {
        fail("%s: too little memory: its share is too small to start with (%lu bytes were not yet used)", plan->node,
             m.mr[1]);
    }
    if (tn_info_is_error(m.info) || label != SERVER_READY || tn_info_caps(m.info) != 1) {
        fail("%s: does not start: message %lu, %lu, %lu", plan->node, label, m.mr[0], m.mr[1]);
    }
    plan->gate = ipc->caps[0];
    ipc->recv_slot = 0;
}

static void server_make(struct server_plan *plan, const struct tn_bootinfo *info, uint64_t badge)
{
    struct space s;
    struct image image;

    if (plan->memory_bytes > memory_free_bytes()) {
        fail("%s: memory-bytes: too little memory: %lu wanted, %lu left", plan->node, plan->memory_bytes,
             memory_free_bytes());
    }
    space_make(&s, plan->node, info->levels);
    image_make(&image, plan->node, &plan->elf);
    image_load(&image, &s, &plan->elf);
    uint64_t start_page = image_take(&image, 1), buffer_page = image_take(&image, TN_SERVER_IPC_PAGES);
    uint64_t stack_page = image_take(&image, TN_SERVER_STACK_PAGES);
    space_map(&s, TN_SERVER_START_PAGE, &image, start_page, 1, TN_READ);
    space_map(&s, TN_SERVER_IPC_BUFFER, &image, buffer_page, TN_SERVER_IPC_PAGES, TN_READ | TN_WRITE);
    space_map(&s, TN_SERVER_STACK_TOP - TN_SERVER_STACK_PAGES * TN_PAGE_BYTES, &image, stack_page,
              TN_SERVER_STACK_PAGES, TN_READ | TN_WRITE);

    struct server_start *start = (struct server_start *)image_at(&image, start_page);
    *start = (struct server_start){
        .magic = TN_SERVER_START_MAGIC,
        .harts = info->harts,
        .levels = info->levels,
        .timebase_hz = info->timebase_hz,
        .initrd_bytes = info->initrd_bytes,
        .protocol = plan->protocol,
        .flush = plan->flush,
        .around_pages = plan->around_pages,
    };
    memcpy(start->leave_out_flush, plan->leave_out_flush, sizeof start->leave_out_flush);
    tn_cptr_t tcb = memory_need(TN_TCB, 0, TN_TCB_BITS, plan->node, "its first thread");
    tn_cptr_t cnode = cnode_make(plan, &s, tcb, badge, start);
    give(cnode, plan->node, TN_SERVER_TABLE, space_table(&s, HUB_LEVEL, 0), TN_READ | TN_WRITE);
    give_share(plan, cnode, start);
    thread_start(plan, &s, tcb, cnode, &image, buffer_page);
    wait_until_ready(plan);
}

void servers_make(struct system *system, const struct tn_bootinfo *info)
{
    struct server_plan *rest = NULL;

    ready_endpoint = memory_need(TN_ENDPOINT, 0, TN_ENDPOINT_BITS, "init", "an endpoint");
    for (uint32_t i = 0; i < system->servers; i++) {
        struct server_plan *plan = &system->server[i];
        if (plan->memory_bytes != 0) {
            server_make(plan, info, i + 1);
        } else if (rest == NULL) {
            rest = plan;
        } else {
            fail("%s: memory-bytes is missing, and %s has none either: one server gets all that is left", plan->node,
                 rest->node);
        }
    }
    if (rest != NULL) {
        server_make(rest, info, (uint64_t)(rest - system->server) + 1);
    }
}
