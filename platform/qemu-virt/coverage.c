/* A plug-in for QEMU that says which instructions of the kernel and of the memory server ran. tests/coverage.py starts it
 * and gives the instructions lines.
 *
 *     -plugin coverage.so,out=FILE,kernel=ELF,server=ELF
 *
 * FILE has one line for each block of instructions that ran at least once: `kernel ADDRESS BYTES` or `server ADDRESS BYTES`,
 * with the addresses that the program was linked at. It is written when QEMU ends, and not at all if QEMU is killed.
 *
 * The kernel is known by its address, which is its physical one until the boot code has turned translation on. User
 * programs share addresses: an instruction is the server's if its whole page holds what the server's ELF file has there.
 *
 * A block counts when it is entered: QEMU adds 1 to its word, without a call. It ends at the first branch, trap by design
 * (ecall, illegal instruction) or end of a page, so only a load or store that faults in its middle makes the rest of a
 * block seem to have run. Neither the kernel nor the server faults while all is well.
 *
 * Locks: blocks are translated on every vCPU's thread, so `lock` guards all lists. Counters are added to without: what is lost
 * by a race is a count, never the difference from 0.
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin_start.h"

#define PAGE_BYTES 4096u
#define SEGMENTS_MAX 4

/* A run of instructions that QEMU has translated as one. Never freed: QEMU's code holds the counter's address. */
struct block {
    struct block *next; /* of those that begin at the same place */
    uint64_t times;
    uint32_t bytes;
};

struct segment { /* executable, as the file has it */
    uint64_t vaddr, paddr, bytes;
    uint8_t *content;
    struct block **blocks; /* by offset / 2 */
};

struct image {
    const char *name;
    bool by_content;
    unsigned count;
    struct segment segment[SEGMENTS_MAX];
};

static struct image kernel = {.name = "kernel"}, server = {.name = "server", .by_content = true};
static char *out_name;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *must_have(void *p)
{
    if (!p) {
        fprintf(stderr, "coverage: out of memory\n");
        exit(1);
    }
    return p;
}

/* ---- What is translated ---- */

/* Does guest memory at `host` hold what the segment has at `offset`, over the whole page? */
static bool page_is_same(const struct segment *s, uint64_t vaddr, const uint8_t *host)
{
    uint64_t page = vaddr & ~(uint64_t)(PAGE_BYTES - 1), low = page > s->vaddr ? page : s->vaddr;
    uint64_t end = s->vaddr + s->bytes, high = page + PAGE_BYTES < end ? page + PAGE_BYTES : end;

    return host && memcmp(host - (vaddr - low), s->content + (low - s->vaddr), high - low) == 0;
}

/* Where in the image an instruction lies: its segment and *offset; NULL: it is not the image's. */
static struct segment *segment_of(struct image *m, const struct qemu_plugin_insn *insn, uint64_t *offset)
{
    uint64_t vaddr = qemu_plugin_insn_vaddr(insn);

    for (struct segment *s = m->segment; s < m->segment + m->count; s++) {
        *offset = vaddr - s->vaddr;
        if (*offset < s->bytes && (!m->by_content || page_is_same(s, vaddr, qemu_plugin_insn_haddr(insn))))
            return s;
        *offset = vaddr - s->paddr;
        if (!m->by_content && *offset < s->bytes)
            return s;
    }
    return NULL;
}

static struct block *block_at(struct segment *s, uint64_t offset, uint32_t bytes)
{
    struct block **list = &s->blocks[offset / 2];

    for (struct block *b = *list; b; b = b->next)
        if (b->bytes == bytes)
            return b;
    struct block *b = must_have(calloc(1, sizeof(*b)));
    *b = (struct block){.next = *list, .bytes = bytes};
    return *list = b;
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0), *last = qemu_plugin_tb_get_insn(tb, count - 1);
    uint64_t offset, last_offset;
    struct image *m = &kernel;

    (void)id;
    struct segment *s = segment_of(m, first, &offset);
    if (!s)
        s = segment_of(m = &server, first, &offset);
    if (!s || segment_of(m, last, &last_offset) != s) /* beyond a page's end something else may be mapped */
        return;
    pthread_mutex_lock(&lock);
    struct block *b = block_at(s, offset, (uint32_t)(last_offset - offset + qemu_plugin_insn_size(last)));
    pthread_mutex_unlock(&lock);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->times, 1);
}

/* ---- What is written ---- */

static void write_image(FILE *out, const struct image *m)
{
    for (const struct segment *s = m->segment; s < m->segment + m->count; s++)
        for (uint64_t i = 0; i < s->bytes / 2; i++)
            for (const struct block *b = s->blocks[i]; b; b = b->next)
                if (__atomic_load_n(&b->times, __ATOMIC_RELAXED) != 0)
                    fprintf(out, "%s %#llx %u\n", m->name, (unsigned long long)(s->vaddr + 2 * i), b->bytes);
}

static void on_end(qemu_plugin_id_t id, void *data)
{
    FILE *out = fopen(out_name, "w");

    (void)id, (void)data;
    if (out) {
        pthread_mutex_lock(&lock);
        write_image(out, &kernel);
        write_image(out, &server);
        pthread_mutex_unlock(&lock);
    }
    if (!out || ferror(out) | fclose(out))
        fprintf(stderr, "coverage: %s was not written: %s\n", out_name, strerror(errno));
}

/* ---- Start ---- */

static bool read_segment(FILE *in, const Elf64_Phdr *h, struct segment *s)
{
    *s = (struct segment){.vaddr = h->p_vaddr, .paddr = h->p_paddr, .bytes = h->p_filesz};
    s->content = must_have(malloc(s->bytes + 1));
    s->blocks = must_have(calloc(s->bytes / 2 + 1, sizeof(struct block *)));
    return fseek(in, (long)h->p_offset, SEEK_SET) == 0 && fread(s->content, 1, s->bytes, in) == s->bytes;
}

/* The executable segments of an ELF file, which our own build has made. */
static bool read_image(const char *file, void *to)
{
    struct image *m = to;
    FILE *in = fopen(file, "r");
    Elf64_Ehdr e;
    Elf64_Phdr h;
    bool good = in && fread(&e, sizeof(e), 1, in) == 1 && memcmp(e.e_ident, ELFMAG, SELFMAG) == 0;

    for (unsigned i = 0; good && i < e.e_phnum; i++) {
        good = fseek(in, (long)(e.e_phoff + i * sizeof(h)), SEEK_SET) == 0 && fread(&h, sizeof(h), 1, in) == 1;
        if (good && h.p_type == PT_LOAD && (h.p_flags & PF_X))
            good = m->count < SEGMENTS_MAX && read_segment(in, &h, &m->segment[m->count++]);
    }
    if (in)
        fclose(in);
    return good && m->count > 0;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const struct plugin_option options[] = {
        {"out=", plugin_text, &out_name}, {"kernel=", read_image, &kernel}, {"server=", read_image, &server}};

    if (!plugin_start("coverage", info, INT_MAX, argc, argv, options, sizeof options / sizeof options[0]))
        return -1;
    if (!out_name || kernel.count == 0)
        return plugin_refuse("coverage", "needs out=FILE and kernel=ELF");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
