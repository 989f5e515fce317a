/* A plug-in for QEMU that says which instructions retired between two readings of `instret`, and how often. tests/bench/
 * profile.py starts it and gives the instructions names.
 *
 *     -plugin profile.so,out=FILE,add=ADDRESS,print=ADDRESS
 *
 * The measured program is as `make bench` runs it: its readings of the counter (measure_now() in apps/bench/measure.h) are
 * the borders. What retires strictly between two of them is a path. When the program calls measure_add(), at ADDRESS, the
 * last path was a sample; when it calls measure_print(), its samples are complete. So FILE has the lines
 *
 *     page ID VADDR CONTENT            a page of instructions, 4096 bytes in hexadecimal
 *     insn ID PAGE VADDR
 *     path ID INSTRS INSN:TIMES ...    INSTRS is the sum of all TIMES; paths that are alike have one line
 *     add INSN PATH                    a sample; INSN is where `add` lies
 *     print INSN
 *
 * each ID before its first use. User programs have the same addresses: the content of a page shows which one it belongs to, so
 * `add` and `print` are reported for every program that has an instruction there.
 *
 * An instruction counts as QEMU's counter does: a load or store that traps does not, an ecall does. The interface tells
 * before an instruction that it comes, and after an access that it was made: a load or store without access that is not
 * followed by the next instruction has trapped.
 *
 * One hart, so no locks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin_start.h"

#define PAGE_BYTES 4096u
#define BUCKETS 1024u

/* A page of guest memory that instructions were translated from, with the content that it had then. */
struct page {
    struct page *next; /* of the bucket */
    uint64_t vaddr;
    const uint8_t *host;
    unsigned id; /* 0: not written to the file yet */
    struct insn *insn[PAGE_BYTES / 2];
    uint8_t content[PAGE_BYTES];
};

struct insn {
    struct page *page;
    uint64_t vaddr;
    uint64_t times; /* on the path that is being recorded */
    unsigned id;    /* 0: not written to the file yet */
    uint8_t bytes;
    bool accesses, reads_counter;
};

struct step {
    struct insn *insn;
    uint64_t times;
};

struct path {
    struct path *next; /* of the bucket */
    uint64_t hash, instrs;
    unsigned id;
    size_t count;
    struct step step[];
};

static FILE *out;
static uint64_t add_vaddr, print_vaddr;
static struct page *pages[BUCKETS];
static struct path *paths[BUCKETS];
static unsigned last_page, last_insn, last_path;

static struct insn *pending; /* begun; whether it retired shows at the next one */
static bool pending_accessed;
static struct insn **passed; /* instructions of the path that is being recorded, in the order of their first time */
static size_t passed_count, passed_max;
static struct step *finished; /* the path between the last two readings */
static size_t finished_count, finished_max;

static void *must_have(void *p)
{
    if (!p) {
        fprintf(stderr, "profile: out of memory\n");
        exit(1);
    }
    return p;
}

/* ---- What was translated ---- */

/* Loads, stores and atomics, from the opcode (unprivileged specification, "Instruction Set Listings" and "RVC"). */
static bool accesses_memory(uint32_t op)
{
    unsigned funct3 = op >> 13 & 7;

    switch (op & 3) {
    case 0:
        return funct3 != 0 && funct3 != 4;
    case 1:
        return false;
    case 2:
        return funct3 != 0 && funct3 != 4;
    default:
        return (op & 0x7f) == 0x03 || (op & 0x7f) == 0x07 || (op & 0x7f) == 0x23 || (op & 0x7f) == 0x27 ||
               (op & 0x7f) == 0x2f;
    }
}

/* csrrs rd, instret, x0 */
static bool reads_counter(uint32_t op)
{
    return (op & 0xfffff07f) == 0xc0202073;
}

static struct page *page_of(uint64_t vaddr, const uint8_t *host)
{
    struct page **bucket = &pages[(vaddr / PAGE_BYTES ^ (uintptr_t)host / PAGE_BYTES) % BUCKETS];

    for (struct page *p = *bucket; p; p = p->next)
        if (p->vaddr == vaddr && p->host == host && (!host || memcmp(p->content, host, PAGE_BYTES) == 0))
            return p;
    struct page *p = must_have(calloc(1, sizeof(*p)));
    *p = (struct page){.next = *bucket, .vaddr = vaddr, .host = host};
    if (host)
        memcpy(p->content, host, PAGE_BYTES);
    return *bucket = p;
}

static struct insn *insn_of(const struct qemu_plugin_insn *q)
{
    uint64_t vaddr = qemu_plugin_insn_vaddr(q), offset = vaddr % PAGE_BYTES;
    const uint8_t *host = qemu_plugin_insn_haddr(q);
    struct page *p = page_of(vaddr - offset, host ? host - offset : NULL);

    if (!p->insn[offset / 2]) {
        struct insn *insn = must_have(calloc(1, sizeof(*insn)));
        uint32_t op = 0;
        insn->bytes = (uint8_t)qemu_plugin_insn_size(q);
        memcpy(&op, qemu_plugin_insn_data(q), insn->bytes == 2 ? 2 : 4);
        insn->page = p;
        insn->vaddr = vaddr;
        insn->accesses = accesses_memory(op);
        insn->reads_counter = reads_counter(op);
        p->insn[offset / 2] = insn;
    }
    return p->insn[offset / 2];
}

/* ---- What is written ---- */

static void write_insn(struct insn *insn)
{
    struct page *p = insn->page;

    if (!p->id) {
        p->id = ++last_page;
        fprintf(out, "page %u %#llx ", p->id, (unsigned long long)p->vaddr);
        for (unsigned i = 0; i < PAGE_BYTES; i++)
            fprintf(out, "%02x", p->content[i]);
        fputc('\n', out);
    }
    if (!insn->id) {
        insn->id = ++last_insn;
        fprintf(out, "insn %u %u %#llx\n", insn->id, p->id, (unsigned long long)insn->vaddr);
    }
}

static uint64_t hash_finished(void)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, by words */

    for (size_t i = 0; i < finished_count; i++) {
        hash = (hash ^ (uintptr_t)finished[i].insn) * 0x100000001b3;
        hash = (hash ^ finished[i].times) * 0x100000001b3;
    }
    return hash;
}

static bool is_finished_path(const struct path *p, uint64_t hash)
{
    if (p->hash != hash || p->count != finished_count)
        return false;
    for (size_t i = 0; i < p->count; i++)
        if (p->step[i].insn != finished[i].insn || p->step[i].times != finished[i].times)
            return false;
    return true;
}

/* The number of the path between the last two readings, written if it is new. */
static unsigned write_path(void)
{
    uint64_t hash = hash_finished(), instrs = 0;
    struct path **bucket = &paths[hash % BUCKETS];

    for (struct path *p = *bucket; p; p = p->next)
        if (is_finished_path(p, hash))
            return p->id;
    for (size_t i = 0; i < finished_count; i++) {
        write_insn(finished[i].insn);
        instrs += finished[i].times;
    }
    struct path *p = must_have(calloc(1, sizeof(*p) + finished_count * sizeof(p->step[0])));
    *p = (struct path){.next = *bucket, .hash = hash, .instrs = instrs, .id = ++last_path, .count = finished_count};
    if (finished_count)
        memcpy(p->step, finished, finished_count * sizeof(p->step[0]));
    *bucket = p;
    fprintf(out, "path %u %llu", p->id, (unsigned long long)instrs);
    for (size_t i = 0; i < p->count; i++)
        fprintf(out, " %u:%llu", p->step[i].insn->id, (unsigned long long)p->step[i].times);
    fputc('\n', out);
    return p->id;
}

static void on_end(qemu_plugin_id_t id, void *data)
{
    (void)id, (void)data;
    if (ferror(out) | fclose(out))
        fprintf(stderr, "profile: the file was not written: %s\n", strerror(errno));
}

/* ---- What is executed ---- */

static void retire(struct insn *insn)
{
    if (insn->times++)
        return;
    if (passed_count == passed_max) {
        passed_max = passed_max ? 2 * passed_max : 4096;
        passed = must_have(realloc(passed, passed_max * sizeof(*passed)));
    }
    passed[passed_count++] = insn;
}

/* A reading of the counter: what was passed since the last one is a path, and the next begins. */
static void finish_path(void)
{
    if (finished_max < passed_count) {
        finished_max = passed_max;
        finished = must_have(realloc(finished, finished_max * sizeof(*finished)));
    }
    for (size_t i = 0; i < passed_count; i++) {
        finished[i] = (struct step){passed[i], passed[i]->times};
        passed[i]->times = 0;
    }
    finished_count = passed_count;
    passed_count = 0;
}

static void on_access(unsigned hart, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
    (void)hart, (void)info, (void)vaddr;
    if (pending == data)
        pending_accessed = true;
}

static void on_insn(unsigned hart, void *data)
{
    struct insn *insn = data;

    (void)hart;
    if (pending) {
        bool trapped = pending->accesses && !pending_accessed && insn->vaddr != pending->vaddr + pending->bytes;
        if (!trapped)
            retire(pending);
    }
    pending = insn;
    pending_accessed = false;
    if (insn->reads_counter) {
        finish_path();
        pending = NULL;
    } else if (insn->vaddr == add_vaddr) {
        unsigned path = write_path();
        write_insn(insn);
        fprintf(out, "add %u %u\n", insn->id, path);
    } else if (insn->vaddr == print_vaddr) {
        write_insn(insn);
        fprintf(out, "print %u\n", insn->id);
    }
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    size_t count = qemu_plugin_tb_n_insns(block);

    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *q = qemu_plugin_tb_get_insn(block, i);
        struct insn *insn = insn_of(q);
        qemu_plugin_register_vcpu_insn_exec_cb(q, on_insn, QEMU_PLUGIN_CB_NO_REGS, insn);
        if (insn->accesses)
            qemu_plugin_register_vcpu_mem_cb(q, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, insn);
    }
}

/* ---- Start ---- */

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const struct plugin_option options[] = {
        {"out=", plugin_file, &out}, {"add=", plugin_number, &add_vaddr}, {"print=", plugin_number, &print_vaddr}};

    if (!plugin_start("profile", info, 1, argc, argv, options, sizeof options / sizeof options[0]))
        return -1;
    if (!out || !add_vaddr || !print_vaddr)
        return plugin_refuse("profile", "needs out=FILE, add=ADDRESS and print=ADDRESS");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
