/* Making a client; see process.h. Called by admin.c.
 *
 * All kernel objects of a client are made of one Untyped, so that one revocation takes them back:
 *
 *     control CNode   in the server's CSpace: VSpace, the client's CNode, notifications, TCBs
 *     client CNode    what the client can name: its Gate, its notifications (libipc/include/tenon/client.h)
 *     VSpace, notifications; behind them TCBs, made when they are needed
 *
 * The record is LOADING meanwhile, so that nobody else uses it; whatever fails is undone by ending_unload(). */
#include "process.h"
#include "elf_load.h"
#include "ending.h"
#include "layout.h"
#include "linux_errno.h"
#include "mmargs.h"
#include "panic.h"
#include "share.h"
#include "supply.h"
#include "threads.h"
#include <boot/cpio.h>
#include <corten/table.h>
#include <string.h>
#include <tenon/client.h>
#include <tenon/invoke_stubs.h>

#define PROGRAM_RIGHTS (TN_READ | TN_WRITE)

struct program {
    struct elf elf;
    struct cpio_file input; /* bytes 0 and data NULL: none */
};

static unsigned radix_for(uint32_t slots)
{
    unsigned radix = 4;

    while (1u << radix < slots) {
        radix++;
    }
    return radix;
}

static unsigned control_radix(const struct client *c)
{
    return radix_for(CONTROL_FIRST_NTFN + 2 * c->max_threads);
}

static unsigned client_radix(const struct client *c)
{
    return radix_for(TN_CLIENT_NTFN_FIRST + c->max_threads);
}

static uint64_t place(uint64_t at, unsigned object_bits, uint64_t count)
{
    uint64_t bytes = 1ull << object_bits;
    return ((at + bytes - 1) & ~(bytes - 1)) + count * bytes;
}

/* log2 of the bytes that all objects of the client take, in the order in which they are made. */
static unsigned objects_bits(const struct client *c)
{
    uint64_t end = place(0, control_radix(c) + TN_SLOT_BITS, 1);
    unsigned bits = TN_PAGE_BITS;

    end = place(end, client_radix(c) + TN_SLOT_BITS, 1);
    end = place(end, TN_VSPACE_BITS, 1);
    end = place(end, TN_NOTIFICATION_BITS, c->max_threads);
    end = place(end, TN_TCB_BITS, c->max_threads);
    while (1ull << bits < end) {
        bits++;
    }
    return bits;
}

uint64_t process_object_bytes(const struct client *c)
{
    uint64_t bytes = (1ull << (control_radix(c) + TN_SLOT_BITS)) + (1ull << (client_radix(c) + TN_SLOT_BITS)) +
                     (1ull << TN_VSPACE_BITS) + ((uint64_t)c->max_threads << TN_NOTIFICATION_BITS);

    for (uint32_t tid = 0; tid < c->max_threads; tid++) {
        bytes += __atomic_load_n(&thread_at(c, tid)->made, __ATOMIC_RELAXED) ? 1ull << TN_TCB_BITS : 0;
    }
    return bytes;
}

uint64_t process_server_bytes(const struct client *c)
{
    const uint64_t records = c->max_threads * sizeof(struct thread);
    uint64_t bytes = sizeof *c + ct_space_bytes() + ((records + TN_PAGE_BYTES - 1) & ~(TN_PAGE_BYTES - 1));

    for (uint32_t tid = 0; tid < c->max_threads; tid++) {
        bytes += __atomic_load_n(&thread_at(c, tid)->ipc_frame, __ATOMIC_RELAXED) ? TN_PAGE_BYTES : 0;
    }
    return bytes;
}

static void object_make(const struct client *c, enum tn_object type, unsigned size_bits, uint32_t slot, uint32_t count)
{
    server_must(tn_untyped_retype(c->objects_slot, type, size_bits, c->control_slot, slot, count), "client's objects");
}

static int64_t objects_make(struct client *c)
{
    c->objects_bits = objects_bits(c);
    c->objects_slot = c->objects_bits <= CHUNK_BITS ? share_objects_take(c->objects_bits) : 0;
    if (c->objects_slot == 0) {
        return -LINUX_ENOMEM;
    }
    server_must(tn_untyped_retype(c->objects_slot, TN_CNODE, control_radix(c), TN_SERVER_CNODE, c->control_slot, 1),
                "client's control CNode");
    object_make(c, TN_CNODE, client_radix(c), CONTROL_CNODE, 1);
    object_make(c, TN_VSPACE, 0, CONTROL_VSPACE, 1);
    object_make(c, TN_NOTIFICATION, 0, CONTROL_FIRST_NTFN, c->max_threads);
    server_must(tn_cnode_mint(client_cap(c, CONTROL_CNODE), TN_CLIENT_MM, server.gate, TN_WRITE, client_badge(c)),
                "client's Gate");
    return 0;
}

static int64_t space_make(struct worker *w, struct client *c, uint64_t quota_bytes)
{
    uint64_t pages = quota_bytes == 0 ? 0 : quota_bytes < TN_PAGE_BYTES ? 1 : quota_bytes / TN_PAGE_BYTES;

    ct_worker_begin(&w->ct);
    enum ct_status status = ct_space_create(&w->ct, c->space, client_cap(c, CONTROL_VSPACE), pages);
    ct_worker_end(&w->ct);
    if (status != CT_OK) {
        return args_errno(status);
    }
    c->has_space = 1;
    server_must(tn_vspace_set_root(client_cap(c, CONTROL_VSPACE), port_desc(c->space->root)->cap), "client's root");
    return 0;
}

/* The start page: structure, argument pointers, strings. Returns bytes used, 0 if a page is too short. */
static uint64_t start_page_fill(uint8_t page[TN_PAGE_BYTES], const struct client *c, const struct spawn_args *args,
                                const struct program *program)
{
    uint64_t user_end = ct_user_end(), address = client_start_page(user_end), initrd = (uint64_t)server.initrd;
    uint64_t pointers = sizeof(struct tn_start), strings = pointers + (args->request->argc + 1ull) * 8, text = strings;
    struct elf_segment tls = {0};

    if (strings + args->argv_bytes > TN_PAGE_BYTES) {
        return 0;
    }
    (void)elf_tls(&program->elf, &tls); /* not there: all zero */
    struct tn_start start = {
        .magic = TN_START_MAGIC,
        .ipc_buffer = client_ipc_buffer(user_end),
        .stack_low = client_stack_top(user_end) - CLIENT_STACK_BYTES,
        .stack_top = client_stack_top(user_end),
        .tls_image = tls.vaddr,
        .tls_file_bytes = tls.file_bytes,
        .tls_mem_bytes = tls.mem_bytes,
        .tls_align = tls.align,
        .timebase_hz = server.start->timebase_hz,
        .hart_mask = {args->hart_mask[0], args->hart_mask[1]},
        .harts = (uint32_t)(__builtin_popcountll(args->hart_mask[0]) + __builtin_popcountll(args->hart_mask[1])),
        .max_threads = c->max_threads,
        .argc = args->request->argc,
        .main_tid = 0,
        .argv = address + pointers,
    };
    if (program->input.data != NULL) {
        start.input = client_input(user_end) + ((uint64_t)program->input.data - initrd) % TN_PAGE_BYTES;
        start.input_bytes = program->input.bytes;
    }
    memcpy(page, &start, sizeof start);
    for (uint32_t i = 0; i < args->request->argc; i++) {
        uint64_t string = address + text;
        memcpy(page + pointers + 8ull * i, &string, 8);
        text += strlen(args->argv + (text - strings)) + 1;
    }
    memset(page + pointers + 8ull * args->request->argc, 0, 8);
    memcpy(page + strings, args->argv, args->argv_bytes);
    return strings + args->argv_bytes;
}

static int64_t start_page_make(struct worker *w, struct client *c, const struct spawn_args *args,
                               const struct program *program)
{
    uint8_t page[TN_PAGE_BYTES];
    uint64_t address = client_start_page(ct_user_end());
    uint64_t bytes = start_page_fill(page, c, args, program);

    if (bytes == 0) {
        return -LINUX_E2BIG;
    }
    return args_errno(supply_copy(w, c, address, TN_PAGE_BYTES, PROGRAM_RIGHTS, address, page, bytes));
}

/* Guard, stack, and the page that becomes the main thread's IPC buffer. */
static enum ct_status stack_make(struct worker *w, struct client *c)
{
    uint64_t top = client_stack_top(ct_user_end()), low = top - CLIENT_STACK_BYTES;
    enum ct_status status = supply_mark(w, c, low - CLIENT_GUARD_BYTES, CLIENT_GUARD_BYTES, ct_guard());

    if (status == CT_OK) {
        status = supply_mark(w, c, low, CLIENT_STACK_BYTES, ct_anon(PROGRAM_RIGHTS));
    }
    if (status == CT_OK) {
        status = supply_mark(w, c, client_ipc_buffer(ct_user_end()), TN_PAGE_BYTES, ct_anon(PROGRAM_RIGHTS));
    }
    return status;
}

static enum ct_status input_make(struct worker *w, struct client *c, const struct cpio_file *input)
{
    uint64_t first = (uint64_t)(input->data - server.initrd);

    if (input->data == NULL || input->bytes == 0) {
        return CT_OK;
    }
    uint64_t page = first / TN_PAGE_BYTES, last = (first + input->bytes - 1) / TN_PAGE_BYTES;
    return supply_initrd(w, c, client_input(ct_user_end()), page, last - page + 1);
}

/* The files a client is made of. */
static int64_t program_find(const struct spawn_args *args, struct program *program)
{
    struct cpio initrd;
    struct cpio_file file;

    *program = (struct program){0};
    if (server.initrd == NULL || cpio_open(&initrd, server.initrd, server.start->initrd_bytes) != CPIO_OK ||
        cpio_find(&initrd, args->program, &file) != CPIO_OK) {
        return -LINUX_ENOENT;
    }
    if (args->input[0] != 0 && cpio_find(&initrd, args->input, &program->input) != CPIO_OK) {
        return -LINUX_ENOENT;
    }
    if (elf_open(&program->elf, file.data, file.bytes, CLIENT_ARENA_LOW) != ELF_OK) {
        return -LINUX_ENOEXEC;
    }
    return 0;
}

static int64_t process_load(struct worker *w, struct client *c, const struct spawn_args *args,
                            const struct program *program)
{
    if (!threads_make(w, c)) {
        return -LINUX_ENOMEM;
    }
    int64_t error = objects_make(c);
    if (error == 0) {
        error = space_make(w, c, args->request->quota_bytes);
    }
    if (error == 0) {
        error = elf_load(w, c, &program->elf);
    }
    if (error == 0) {
        error = args_errno(stack_make(w, c));
    }
    if (error == 0) {
        error = args_errno(input_make(w, c, &program->input));
    }
    if (error == 0) {
        error = start_page_make(w, c, args, program);
    }
    if (error == 0) {
        server_must(tn_vspace_fence_i(client_cap(c, CONTROL_VSPACE)), "fence.i");
    }
    return error;
}

/* LIVE before the thread runs, since it may ask at once. If the thread cannot be made the client goes back to LOADING,
 * unless it was killed just now: then it has been alive, and ends as others do. */
static int64_t process_start(struct worker *w, struct client *c, const struct program *program)
{
    struct thread_args main_thread = {
        .pc = program->elf.entry,
        .sp = client_stack_top(ct_user_end()),
        .a0 = client_start_page(ct_user_end()),
        .hart = HART_ANY,
        .ipc_buffer = client_ipc_buffer(ct_user_end()),
    };

    __atomic_store_n(&c->state, CLIENT_LIVE, __ATOMIC_RELEASE); /* pairs with: client_enter */
    ct_worker_begin(&w->ct);
    int64_t tid = thread_create(w, c, &main_thread);
    ct_worker_end(&w->ct);
    uint32_t live = CLIENT_LIVE;
    if (tid < 0 &&
        __atomic_compare_exchange_n(&c->state, &live, CLIENT_LOADING, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return tid;
    }
    return 0;
}

int64_t process_spawn(struct worker *w, const struct spawn_args *args)
{
    struct program program;
    int64_t error = program_find(args, &program);

    if (error != 0) {
        return error;
    }
    struct client *c = client_claim();
    if (c == NULL) {
        return -LINUX_EAGAIN;
    }
    c->max_threads = args->max_threads;
    c->hart_mask[0] = args->hart_mask[0];
    c->hart_mask[1] = args->hart_mask[1];
    c->next_hart = (c->id + server.harts - 2) % server.harts; /* programs of one thread spread over the harts */
    error = process_load(w, c, args, &program);
    if (error == 0) {
        error = process_start(w, c, &program);
    }
    if (error != 0) {
        ending_unload(w, c);
        return error;
    }
    return c->id;
}
