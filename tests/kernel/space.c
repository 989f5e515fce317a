/* Address spaces built from scratch, and probes: threads in them that do one memory access at a time on command.
 *
 * A probe calls its endpoint with the result of its last command; the reply brings the next one. Its faults come to the
 * same endpoint, so the main thread, which serves it, never waits for something that cannot come. Main thread only.
 */
#include "kt.h"

_Static_assert(TN_SYS_CALL == 1 && TN_SYS_YIELD == 10 && KT_PROBE_LABEL == 0x700, "asm.S has these numbers");

unsigned kt_index(uint64_t va, unsigned level)
{
    return va >> (12 + 9 * level) & 511;
}

tn_cptr_t kt_space_with_root(void)
{
    tn_cptr_t vspace = kt_object(TN_VSPACE, 0);
    tn_cptr_t root = kt_object(TN_PAGETABLE, kt_boot->levels - 1);

    REQUIRE_OK(INV(vspace, TN_VSPACE_SET_ROOT, root));
    return vspace;
}

static tn_cptr_t extend(tn_cptr_t table, uint64_t va, unsigned from, unsigned to, tn_cptr_t *out)
{
    for (unsigned level = from; level > to; level--) {
        tn_cptr_t lower = kt_object(TN_PAGETABLE, level - 1);
        REQUIRE_OK(kt_pt(table, TN_PT_LINK, kt_index(va, level), 1, lower, 0, 0));
        table = lower;
        if (out)
            out[level - 1] = lower;
    }
    return table;
}

tn_cptr_t kt_space_extend(struct kt_space *s, uint64_t va, unsigned level)
{
    unsigned top = kt_boot->levels - 1;

    return extend(s->table[top], va, top, level, NULL);
}

void kt_space_new(struct kt_space *s)
{
    unsigned top = kt_boot->levels - 1;

    s->base = 0;
    s->vspace = kt_object(TN_VSPACE, 0);
    s->table[top] = kt_object(TN_PAGETABLE, top);
    REQUIRE_OK(INV(s->vspace, TN_VSPACE_SET_ROOT, s->table[top]));
    extend(s->table[top], 0, top, 0, s->table);
    REQUIRE_OK(kt_pt(s->table[0], TN_PT_MAP, KT_CODE_VA >> 12, 1, kt_slot_code, 0, TN_READ | TN_EXEC));
}

void kt_probe_new_handled(struct kt_probe *p, const struct kt_space *s, unsigned hart, tn_cptr_t handler)
{
    p->tcb = kt_object(TN_TCB, 0);
    p->ep = kt_object(TN_ENDPOINT, 0);
    p->reply = kt_object(TN_REPLY, 0);
    p->pc = KT_CODE_VA + kt_probe_offset;
    REQUIRE_OK(INV(p->tcb, TN_TCB_SET_SPACE, KT_ROOT, s->vspace, handler ? handler : p->ep));
    REQUIRE_OK(INV(p->tcb, TN_TCB_SET_AFFINITY, hart));
    REQUIRE_OK(INV(p->tcb, TN_TCB_SET_PRIORITY, KT_PRIO_LOW));
    REQUIRE_OK(INV(p->tcb, TN_TCB_WRITE_REGS, p->pc, 0, 0, 0));
    REQUIRE_OK(INV(p->tcb, TN_TCB_WRITE_REG, 8, p->ep));
    REQUIRE_OK(INV0(p->tcb, TN_TCB_RESUME));
    REQUIRE_OK(kt_recv(p->ep, &p->msg, p->reply));
    REQUIRE_EQ(tn_info_label(p->msg.info), KT_PROBE_LABEL);
}

void kt_probe_new(struct kt_probe *p, const struct kt_space *s, unsigned hart)
{
    kt_probe_new_handled(p, s, hart, 0);
}

void kt_probe_start(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t value)
{
    struct kt_msg m = {.info = tn_info(0, 0, 3), .mr = {op, addr, value}};

    REQUIRE_OK(kt_reply(&m, p->reply));
}

unsigned kt_probe_finish(struct kt_probe *p)
{
    REQUIRE_OK(kt_recv(p->ep, &p->msg, p->reply));
    unsigned label = (unsigned)tn_info_label(p->msg.info);
    return label == KT_PROBE_LABEL ? 0 : label;
}

void kt_probe_reset(struct kt_probe *p)
{
    struct kt_msg answer;

    REQUIRE_OK(kt_reply1(p->reply, 1, 0));
    REQUIRE_OK(INV(p->tcb, TN_TCB_WRITE_REG, 0, p->pc));
    REQUIRE_OK(INV0(p->tcb, TN_TCB_RESUME));
    REQUIRE_OK(kt_recv(p->ep, &answer, p->reply));
    REQUIRE_EQ(tn_info_label(answer.info), KT_PROBE_LABEL);
}

unsigned kt_probe_run(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t value, uint64_t *result)
{
    kt_probe_start(p, op, addr, value);
    unsigned fault = kt_probe_finish(p);
    if (fault != 0)
        kt_probe_reset(p);
    else if (result)
        *result = p->msg.mr[0];
    return fault;
}

bool kt_probe_loads(struct kt_probe *p, uint64_t addr, uint64_t expected)
{
    uint64_t value = 0;

    return kt_probe_run(p, KT_LOAD, addr, 0, &value) == 0 && value == expected;
}

bool kt_probe_stores(struct kt_probe *p, uint64_t addr, uint64_t value)
{
    return kt_probe_run(p, KT_STORE, addr, value, NULL) == 0;
}

bool kt_probe_faults(struct kt_probe *p, unsigned op, uint64_t addr, uint64_t scause)
{
    return kt_probe_run(p, op, addr, 0x5a, NULL) == TN_FAULT_VM && p->msg.mr[3] == scause && p->msg.mr[1] == addr;
}
