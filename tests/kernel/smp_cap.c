/* Capability spaces changed by all harts at once, on memory of their own and on shared CNodes. */
#include "kt.h"

#define HARTS_MAX 8
#define WORK 48 /* rounds times harts: in each round every hart waits for all others several times */

static unsigned storm_harts(void)
{
    return kt_harts < HARTS_MAX ? kt_harts : HARTS_MAX;
}

static void run_all(void (*fn)(struct kt_thread *), uint64_t arg0, uint64_t arg1, unsigned untyped_bits)
{
    struct kt_thread *t[HARTS_MAX];
    unsigned n = storm_harts();

    for (unsigned i = 0; i < n; i++) {
        t[i] = kt_thread_new(i, fn);
        t[i]->arg[0] = arg0;
        t[i]->arg[1] = arg1;
        t[i]->arg[2] = untyped_bits ? kt_object(TN_UNTYPED, untyped_bits) : 0;
        t[i]->arg[3] = i;
    }
    for (unsigned i = 0; i < n; i++)
        kt_thread_start(t[i]);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

/* arg[0]: CNode with 64 slots a hart, arg[2]: own Untyped, arg[3]: which hart. */
static void builder(struct kt_thread *t)
{
    tn_cptr_t cnode = t->arg[0], untyped = t->arg[2];
    uint32_t first = (uint32_t)t->arg[3] * 64;
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < WORK / storm_harts(); i++) {
        static const struct {
            unsigned type, size_bits;
        } kinds[] = {{TN_ENDPOINT, 0}, {TN_TCB, 0},          {TN_FRAME, 12}, {TN_PAGETABLE, 0},
                     {TN_CNODE, 3},    {TN_NOTIFICATION, 0}, {TN_VSPACE, 0}, {TN_REPLY, 0}};
        unsigned k = kt_random(&state) % 8, count = 1 + kt_random(&state) % 8;
        if (!EXPECT_OK(kt_retype(untyped, kinds[k].type, kinds[k].size_bits, cnode, first, count)))
            return;
        for (unsigned c = 0; c < 20; c++)
            EXPECT_OK(
                INV(cnode, TN_CNODE_COPY, first + 20 + c, tn_cptr_in((uint32_t)cnode, first + c % count), TN_READ));
        EXPECT_OK(INV(cnode, TN_CNODE_MOVE, first + 50, tn_cptr_in((uint32_t)cnode, first + 20)));
        if (i % 2) {
            if (!EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped)))
                return;
        } else {
            for (unsigned s = 0; s < 64; s++)
                EXPECT_OK(INV(cnode, TN_CNODE_DELETE, first + s));
        }
    }
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 16, cnode, first, 1));
}

/* Each hart its own Untyped and its own part of one CNode. */
static void test_disjoint(void)
{
    run_all(builder, kt_object(TN_CNODE, 9), 0, 16);
}

/* arg[0]: CNode of 32 slots that all use, arg[1]: an Endpoint, arg[2]: own Untyped. Results vary; the kernel must not. */
static void scrambler(struct kt_thread *t)
{
    tn_cptr_t cnode = t->arg[0];
    uint64_t state = kt_test_seed + t->index * 13;

    for (unsigned i = 0; i < 400; i++) {
        uint32_t slot = kt_random(&state) % 32, other = kt_random(&state) % 32;
        tn_cptr_t from = tn_cptr_in((uint32_t)cnode, other);
        int error = TN_OK;
        switch (kt_random(&state) % 8) {
        case 0:
            error = INV(cnode, TN_CNODE_COPY, slot, t->arg[1], TN_RIGHTS_ALL);
            break;
        case 1:
            error = INV(cnode, TN_CNODE_COPY, slot, from, TN_RIGHTS_ALL);
            break;
        case 2:
            error = INV(cnode, TN_CNODE_MOVE, slot, from);
            break;
        case 3:
            error = INV(cnode, TN_CNODE_DELETE, slot);
            break;
        case 4:
            error = INV(cnode, TN_CNODE_REVOKE, slot);
            break;
        case 5:
            error = kt_retype(t->arg[2], TN_NOTIFICATION, 0, cnode, slot, 1);
            break;
        case 6:
            error = INV(cnode, TN_CNODE_MINT, slot, from, TN_RIGHTS_ALL, i + 1);
            break;
        case 7:
            error = kt_signal(from);
            break;
        }
        kt_check(error >= 0 && error < TN_ERROR_COUNT && error != TN_PEER_GONE, __FILE__, __LINE__, "error",
                 (uint64_t)error, 0);
        kt_add(&t->count, 1);
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[2]));
}

static void test_shared_cnode(void)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, 5), ep = kt_object(TN_ENDPOINT, 0);

    run_all(scrambler, cnode, ep, 14);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
    struct kt_msg m = {0};
    for (unsigned i = 0; i < 32; i++) {
        int error = kt_nb_recv(tn_cptr_in((uint32_t)cnode, i), &m, 0);
        EXPECT(error != TN_WOULD_BLOCK); /* no copy of the endpoint is left */
    }
    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
}

/* arg[0]: one Untyped, revoked and retyped by all. */
static void revoker(struct kt_thread *t)
{
    for (unsigned i = 0; i < 3 * WORK / storm_harts(); i++) {
        int error = kt_retype(t->arg[0], TN_FRAME, 12, KT_ROOT, (uint32_t)(t->arg[1] + t->arg[3]), 1);
        if (error != TN_OK && error != TN_NOT_ENOUGH_MEMORY && error != TN_DELETE_FIRST)
            EXPECT_OK(error);
        if (i % 4 == t->arg[3] % 4)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[0]));
    }
}

static void test_shared_untyped(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 14);
    uint32_t slots = kt_slots(HARTS_MAX);

    run_all(revoker, untyped, slots, 0);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    for (unsigned i = 0; i < HARTS_MAX; i++)
        EXPECT(kt_slot_is_empty(slots + i));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 14, KT_ROOT, slots, 1));
}

/* Look-ups through a CNode that goes away: a result or an error, never something else's object. */
static void looker(struct kt_thread *t)
{
    uint64_t ok = 0;

    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        int error = kt_signal(tn_cptr_in((uint32_t)t->arg[0], 3));
        if (error == TN_OK)
            ok++;
        else if (!EXPECT_ERROR(error, TN_FAILED_LOOKUP))
            return;
        kt_add(&t->count, 1);
    }
    t->result[0] = ok;
}

static void test_lookup_race(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12), ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
    uint32_t cnode = kt_slot();
    struct kt_thread *t[HARTS_MAX];
    unsigned n = storm_harts();
    uint64_t ok = 0;

    for (unsigned i = 0; i < n; i++)
        t[i] = kt_spawn(i, looker, cnode, 0);
    for (unsigned round = 0; round < 2 * WORK / n; round++) {
        REQUIRE_OK(kt_retype(untyped, TN_CNODE, 2, KT_ROOT, cnode, 1));
        REQUIRE_OK(INV(cnode, TN_CNODE_COPY, 3, ntfn, TN_WRITE));
        kt_sleep_ticks(kt_ticks_ms(1) / 8);
        REQUIRE_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
    for (unsigned i = 0; i < n; i++)
        __atomic_store_n(&t[i]->stop, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < n; i++) {
        kt_join(t[i]);
        ok += t[i]->result[0];
    }
    EXPECT(ok > 0);
}

/* Page-table writes through a table and a frame that are revoked under the writers' hands. */
static void pt_racer(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        int error = kt_pt(t->arg[0], TN_PT_MAP, (unsigned)t->arg[3] * 8, 8, t->arg[1], 0, TN_READ | TN_WRITE);
        if (error != TN_OK && !EXPECT_ERROR(error, TN_FAILED_LOOKUP))
            return;
        kt_add(&t->count, 1);
    }
}

static void test_pt_revoke_race(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), untyped = kt_object(TN_UNTYPED, 15);
    const volatile uint64_t *view = kt_view(table);
    uint32_t frame = kt_slot(), object = kt_slot();
    struct kt_thread *t[HARTS_MAX];
    unsigned n = storm_harts();

    for (unsigned i = 0; i < n; i++) {
        t[i] = kt_thread_new(i, pt_racer);
        t[i]->arg[0] = table;
        t[i]->arg[1] = frame;
        t[i]->arg[3] = i;
        kt_thread_start(t[i]);
    }
    for (unsigned round = 0; round < WORK / n; round++) {
        kt_case(round);
        REQUIRE_OK(kt_retype(untyped, TN_FRAME, 15, KT_ROOT, frame, 1));
        kt_sleep_ticks(kt_ticks_ms(1) / 4);
        REQUIRE_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        REQUIRE_OK(kt_retype(untyped, TN_NOTIFICATION, 0, KT_ROOT, object, 1)); /* the memory is a kernel object now */
        for (unsigned i = 0; i < 512; i++)
            if (!EXPECT_EQ(view[i], 0)) /* and nobody has it mapped */
                break;
        REQUIRE_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
    for (unsigned i = 0; i < n; i++)
        __atomic_store_n(&t[i]->stop, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

/* Threads made, started, moved, suspended and deleted by every hart, on every hart. */
static void thread_maker(struct kt_thread *t)
{
    struct kt_thread *victim = (struct kt_thread *)t->arg[0] + t->arg[3];
    uint32_t slot = (uint32_t)(t->arg[1] + t->arg[3]);
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < WORK / storm_harts(); i++) {
        REQUIRE_OK(kt_retype(t->arg[2], TN_TCB, 0, KT_ROOT, slot, 1));
        REQUIRE_OK(INV(slot, TN_TCB_SET_SPACE, KT_ROOT, TN_INIT_VSPACE, 0));
        REQUIRE_OK(INV(slot, TN_TCB_SET_AFFINITY, kt_random(&state) % kt_harts));
        REQUIRE_OK(INV(slot, TN_TCB_SET_PRIORITY, KT_PRIO_LOW));
        REQUIRE_OK(INV(slot, TN_TCB_WRITE_REGS, (uint64_t)kt_spin, (uint64_t)victim->stack_top, (uint64_t)victim->tls,
                       (uint64_t)victim));
        REQUIRE_OK(INV0(slot, TN_TCB_RESUME));
        if (kt_random(&state) % 2)
            kt_yield();
        if (kt_random(&state) % 2)
            REQUIRE_OK(INV(slot, TN_TCB_SET_AFFINITY, kt_random(&state) % kt_harts));
        if (kt_random(&state) % 2)
            REQUIRE_OK(INV0(slot, TN_TCB_SUSPEND));
        REQUIRE_OK(kt_random(&state) % 2 ? INV(KT_ROOT, TN_CNODE_DELETE, slot)
                                         : INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[2]));
    }
}

static void test_thread_storm(void)
{
    static struct kt_thread victims[HARTS_MAX];
    static uint8_t victim_stacks[HARTS_MAX][1024] __attribute__((aligned(16)));

    for (unsigned i = 0; i < HARTS_MAX; i++)
        victims[i].stack_top = victim_stacks[i] + sizeof(victim_stacks[i]);
    run_all(thread_maker, (uint64_t)victims, kt_slots(HARTS_MAX), 12);
}

const struct kt_test smp_cap_tests[] = {
    {"smp.disjoint_cspaces", test_disjoint, 2},
    {"smp.shared_cnode", test_shared_cnode, 2},
    {"smp.shared_untyped", test_shared_untyped, 2},
    {"smp.lookup_race", test_lookup_race, 2},
    {"smp.pt_revoke_race", test_pt_revoke_race, 2},
    {"smp.thread_storm", test_thread_storm, 2},
    {NULL, NULL, 0},
};
