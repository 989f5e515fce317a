/* Bounded check of the core's operations (one_table.c): a port of plain memory. It writes entries as the kernel would, and
 * what the kernel would refuse is wrong. All writes to entries come through here and are logged, so that a state can be put back.
 */
#include "one_table.h"
#include <string.h>

struct port_layout port_layout;

static uint64_t memory[FRAMES + TABLES][512] __attribute__((aligned(4096)));
static unsigned char descs[(FRAMES + TABLES) * 64] __attribute__((aligned(64)));
static tn_cptr_t chunk_caps[FRAMES / 512];
static uint64_t batch[(CT_BATCH_BYTES_MIN + 4096) / 8] __attribute__((aligned(64)));

struct state now __attribute__((aligned(64)));
static struct state saved;
static unsigned char saved_descs[TABLES * 64];

static struct undo {
    uint64_t *entry, old;
} undo[1 << 14];
static uint32_t undo_count;

uint64_t *entry_of(uint64_t table, unsigned i)
{
    return &memory[(table - PHYS) / 4096][i];
}
void write_entry(uint64_t table, unsigned i, uint64_t value)
{
    CHECK(undo_count < sizeof undo / sizeof *undo, undo_count, 0);
    undo[undo_count++] = (struct undo){entry_of(table, i), *entry_of(table, i)};
    *entry_of(table, i) = value;
}
bool is_table(uint64_t paddr)
{
    return paddr >= TABLES_AT && paddr < TABLES_AT + TABLES * 4096ull && paddr % 4096 == 0;
}

void port_panic(const char *what, uint64_t value)
{
    wrong(what, value, 0);
}
void port_relax(void)
{
    wrong("waits", 0, 0);
}
void port_zero(paddr_t frame)
{
    (void)frame;
}
unsigned port_flush(unsigned worker, uint64_t handle, vaddr_t va, uint64_t pages)
{
    (void)worker, (void)handle, (void)va, (void)pages;
    return 0;
}
unsigned port_frames_get(unsigned worker, paddr_t *out, unsigned want, bool *zeroed)
{
    (void)worker;
    unsigned n = 0;
    while (n < want && now.frame_count)
        out[n++].v = now.frames[--now.frame_count];
    *zeroed = false;
    return n;
}
void port_frames_put(unsigned worker, const paddr_t *in, unsigned n)
{
    (void)worker;
    while (n)
        now.frames[now.frame_count++] = in[--n].v;
}
unsigned port_tables_get(unsigned worker, unsigned level, paddr_t *out, unsigned want)
{
    (void)worker;
    unsigned n = 0;
    for (want = want < 4 ? want : 4; n < want; n++) {
        if (now.table_count[level]) {
            out[n].v = now.tables[level][--now.table_count[level]];
        } else {
            CHECK(now.table_fresh < TABLES, now.table_fresh, 0);
            out[n].v = TABLES_AT + 4096ull * now.table_fresh++;
            ct_table_adopt(out[n], level, out[n].v);
        }
    }
    return n;
}
void port_tables_put(unsigned worker, unsigned level, const paddr_t *in, unsigned n)
{
    (void)worker;
    while (n)
        now.tables[level][now.table_count[level]++] = in[--n].v;
}
tn_cptr_t port_borrowed_cap(paddr_t frame, unsigned rights, uint64_t *page)
{
    *page = (frame.v - PHYS) / 4096;
    return (rights & TN_WRITE) ? 0 : BORROWED_CAP;
}

uint64_t leaf_bits(uint64_t frame, unsigned rights, unsigned soft)
{
    return frame / 4 + 256ull * soft + 2ull * rights + ((rights & TN_WRITE) ? TN_PTE_D : 0) + TN_PTE_A + TN_PTE_U +
           TN_PTE_V;
}
static uint64_t frame_of(const struct tn_pt_run *run, uint64_t page)
{
    bool borrowed = run->object == BORROWED_CAP;
    CHECK(borrowed ? page < BORROWED && !(run->rights & TN_WRITE) : run->object >= PHYS && page < 512, run->object,
          page);
    return (borrowed ? PHYS : run->object) + page * 4096;
}

/* As the kernel would: a value that is not allowed ends the test. */
static uint64_t value_of(const struct tn_pt_run *run, unsigned k, unsigned level, uint64_t old)
{
    switch (run->op) {
    case TN_PT_MAP:
    case TN_PT_MAP_LIST:
        CHECK(level == 0 && !(old & TN_PTE_V) && (run->rights & TN_READ), level, old);
        return leaf_bits(frame_of(run, run->op == TN_PT_MAP ? run->page + k : batch[run->in + k]), run->rights,
                         run->soft);
    case TN_PT_LINK:
        CHECK(is_table(run->object) && port_desc((paddr_t){run->object})->level + 1u == level && !(old & TN_PTE_V),
              run->object, old);
        return run->object / 4 + TN_PTE_V;
    case TN_PT_PROTECT:
        if (!tn_pte_is_leaf(old))
            return old;
        if (run->rights & ~pte_rights(old)) {
            uint64_t base = run->object == BORROWED_CAP ? PHYS : run->object;
            CHECK(run->object && tn_pte_paddr(old) - base < 512 * 4096, run->object, old);
        }
        return leaf_bits(tn_pte_paddr(old), run->rights, run->soft);
    default:
        CHECK(run->op == TN_PT_CLEAR, run->op, 0);
        return 0;
    }
}
void port_pt_write(unsigned worker, struct tn_pt_batch *b)
{
    (void)worker;
    CHECK(b->runs >= 1 && b->runs <= TN_PT_RUNS_MAX, b->runs, 0);
    for (uint32_t r = 0; r < b->runs; r++) {
        const struct tn_pt_run *run = &b->run[r];
        CHECK(is_table(run->table) && run->count >= 1 && run->first + run->count <= 512u, run->table, run->count);
        for (unsigned k = 0; k < run->count; k++) {
            unsigned i = run->first + k;
            uint64_t old = *entry_of(run->table, i);
            write_entry(run->table, i, value_of(run, k, port_desc((paddr_t){run->table})->level, old));
            if (run->flags & TN_PT_OLD)
                batch[run->out + k] = old;
        }
    }
    b->runs = 0;
}

/* ---- states ---- */

void save(void)
{
    saved = now;
    memcpy(saved_descs, descs + FRAMES * 64, sizeof saved_descs);
    undo_count = 0;
}

void restore(void)
{
    while (undo_count) {
        undo_count--;
        *undo[undo_count].entry = undo[undo_count].old;
    }
    now = saved;
    memcpy(descs + FRAMES * 64, saved_descs, sizeof saved_descs);
}

void start(unsigned levels, unsigned mode)
{
    memset(memory[FRAMES], 0, TABLES * sizeof *memory);
    memset(descs, 0, sizeof descs);
    memset(&now, 0, sizeof now);
    undo_count = 0;
    for (unsigned i = 0; i < FRAMES / 512; i++)
        chunk_caps[i] = PHYS + ((uint64_t)i << PORT_CHUNK_BITS);
    port_layout = (struct port_layout){(uintptr_t)memory - PHYS, (uintptr_t)memory - PHYS, (uintptr_t)descs - PHYS / 64,
                                       chunk_caps, PHYS >> PORT_CHUNK_BITS};
    for (unsigned i = FRAMES; i-- > BORROWED;)
        now.frames[now.frame_count++] = PHYS + i * 4096ull;
    struct ct_config config = {levels,
                               1,
                               (mode & 1) ? CT_PROTOCOL_ADV : CT_PROTOCOL_RW,
                               (mode & 2) ? CT_FLUSH_LAZY : CT_FLUSH_NOW,
                               {1ull << 32},
                               {1ull << 36}};
    CHECK(ct_init(&config) == CT_OK, levels, 0);
    CHECK(ct_space_bytes() <= sizeof now.bytes, ct_space_bytes(), 0);
    ct_worker_init(&now.worker, 0, (struct tn_pt_batch *)batch, sizeof batch);
    ct_worker_begin(&now.worker);
    CHECK(ct_space_create(&now.worker, &now.space, 1, QUOTA) == CT_OK, 0, 0);
    ct_worker_end(&now.worker);
}
