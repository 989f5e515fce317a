/* What profile.c uses of QEMU's interface for TCG plug-ins, version 1 (docs/devel/tcg-plugins of QEMU; spoken by 7.2). No
 * package has the header, so names and types are declared here as far as they are needed. QEMU exports the functions.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_VERSION 1
#define PLUGIN_EXPORT __attribute__((visibility("default")))

/* Which of the guest's registers a callback uses: none can be read in this version. */
enum plugin_registers { PLUGIN_NO_REGISTERS };
enum plugin_access { PLUGIN_READS = 1, PLUGIN_WRITES = 2, PLUGIN_READS_AND_WRITES = 3 };

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
    const char *target_name;
    struct {
        int least, current; /* versions of the interface */
    } version;
    bool system_emulation;
    int harts, harts_max;
};

typedef void translated_fn(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void executed_fn(unsigned hart, void *data);
typedef void accessed_fn(unsigned hart, uint32_t info, uint64_t vaddr, void *data);
typedef void exit_fn(qemu_plugin_id_t id, void *data);

/* Called by QEMU; another status than 0 refuses. */
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);
extern int qemu_plugin_version;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated_fn *fn);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_fn *fn, void *data);

/* The instructions of a translated block. The callback before an instruction comes also if it then traps; that of an
 * access comes once it has been made. */
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, executed_fn *fn,
                                            enum plugin_registers registers, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, accessed_fn *fn, enum plugin_registers registers,
                                      enum plugin_access access, void *data);

/* `haddr` is where the instruction lies in QEMU's own memory; NULL: not in RAM. */
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
