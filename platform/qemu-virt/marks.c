/* A plug-in for QEMU that counts instructions until given places are reached for the first time. tests/bench/boot.py starts it.
 *
 *     -plugin marks.so,out=FILE,mark=ADDRESS:BYTES,mark=...
 *
 * Marks are reached in their order: the second is looked for when the first was reached. ADDRESS is a virtual one (physical
 * where translation is off), BYTES, in hexadecimal, is what must stand there, since programs have the same addresses. When
 * the last one is reached FILE is written:
 *
 *     mark INDEX INSTRS                instructions before it, since the machine's start
 *     pc INDEX ADDRESS TIMES           how often, between mark INDEX and the next one
 *
 * Counted is an instruction when it begins: one that traps and is run again counts twice. One hart, so no locks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin_start.h"

#define MARKS_MAX 8u
#define BYTES_MAX 16u
#define PAGE_BYTES 4096u

struct mark {
    uint64_t vaddr, instrs;
    size_t count; /* of bytes */
    uint8_t bytes[BYTES_MAX];
};

/* An instruction that was translated; the same address can have several. */
struct insn {
    struct insn *next;
    uint64_t vaddr;
    uint64_t times[MARKS_MAX]; /* by the number of marks reached, less one */
    uint8_t is_mark[MARKS_MAX];
};

static struct mark mark[MARKS_MAX];
static unsigned marks, reached;
static uint64_t instrs;
static struct insn *all;
static FILE *out;

static void write_file(void)
{
    for (unsigned i = 0; i < marks; i++)
        fprintf(out, "mark %u %llu\n", i, (unsigned long long)mark[i].instrs);
    for (const struct insn *n = all; n; n = n->next)
        for (unsigned i = 0; i < marks; i++)
            if (n->times[i])
                fprintf(out, "pc %u %llx %llu\n", i, (unsigned long long)n->vaddr, (unsigned long long)n->times[i]);
    fclose(out);
}

static void on_insn(unsigned vcpu, void *udata)
{
    struct insn *n = udata;

    (void)vcpu;
    if (reached == marks)
        return;
    if (n->is_mark[reached]) {
        mark[reached++].instrs = instrs;
        if (reached == marks) {
            write_file();
            return;
        }
    }
    instrs++;
    if (reached != 0)
        n->times[reached - 1]++;
}

static bool stands_at(const struct mark *m, const struct qemu_plugin_insn *insn)
{
    const uint8_t *host = qemu_plugin_insn_haddr(insn);

    return m->vaddr == qemu_plugin_insn_vaddr(insn) && host != NULL && memcmp(host, m->bytes, m->count) == 0;
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct insn *n = calloc(1, sizeof *n);
        if (n == NULL)
            abort();
        n->vaddr = qemu_plugin_insn_vaddr(insn);
        for (unsigned k = 0; k < marks; k++)
            n->is_mark[k] = stands_at(&mark[k], insn);
        n->next = all;
        all = n;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn, QEMU_PLUGIN_CB_NO_REGS, n);
    }
}

/* ADDRESS:BYTES; the bytes must lie on one page. */
static bool read_mark(const char *text, void *to)
{
    char *end;

    (void)to; /* mark[] */
    if (marks == MARKS_MAX)
        return false;
    struct mark *m = &mark[marks++];
    m->vaddr = strtoull(text, &end, 16);
    if (*end++ != ':')
        return false;
    for (unsigned byte; m->count < BYTES_MAX && sscanf(end, "%2x", &byte) == 1; end += 2)
        m->bytes[m->count++] = (uint8_t)byte;
    return *end == 0 && m->count != 0 && m->vaddr % PAGE_BYTES + m->count <= PAGE_BYTES;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const struct plugin_option options[] = {{"out=", plugin_file, &out}, {"mark=", read_mark, NULL}};

    if (!plugin_start("marks", info, 1, argc, argv, options, sizeof options / sizeof options[0]))
        return -1;
    if (out == NULL || marks == 0)
        return plugin_refuse("marks", "needs out=FILE and mark=ADDRESS:BYTES");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    return 0;
}
