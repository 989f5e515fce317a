/* libipc's stubs: each used once, so that what programs link says to the kernel what the tests' own calls say. */
#include <tenon/invoke_stubs.h>
#include "echo.h"

static void test_invocations(void)
{
    uint32_t slot = kt_slots(12);
    uint64_t paddr = 0, values[32];
    unsigned size = 0;

    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_FRAME, 13, KT_ROOT, slot, 2));
    EXPECT_OK(tn_frame_address(slot, &paddr, &size));
    EXPECT_EQ(size, 13);
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_PAGETABLE, kt_boot->levels - 1, KT_ROOT, slot + 2, 1));
    EXPECT_OK(tn_pagetable_address(slot + 2, &paddr, &size));
    EXPECT_EQ(size, kt_boot->levels - 1);
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_VSPACE, 0, KT_ROOT, slot + 3, 1));
    EXPECT_OK(tn_vspace_set_root(slot + 3, slot + 2));
    EXPECT_OK(tn_vspace_flush(slot + 3, 0, 0, 1, NULL));
    EXPECT_OK(tn_vspace_fence_i(slot + 3));
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_TCB, 0, KT_ROOT, slot + 4, 1));
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_ENDPOINT, 0, KT_ROOT, slot + 5, 1));
    EXPECT_OK(tn_tcb_set_space(slot + 4, KT_ROOT, slot + 3, slot + 5));
    EXPECT_OK(tn_tcb_set_buffer(slot + 4, slot, 1, 1));
    EXPECT_OK(tn_tcb_set_priority(slot + 4, 3));
    EXPECT_OK(tn_tcb_set_affinity(slot + 4, kt_harts - 1));
    EXPECT_OK(tn_tcb_write_regs(slot + 4, 0x100, 0x200, 0x300, 0x400));
    EXPECT_OK(tn_tcb_write_reg(slot + 4, 31, 0x500));
    EXPECT_OK(tn_tcb_set_badge(slot + 4, 12));
    EXPECT_OK(tn_tcb_read_regs(slot + 4, 0, 32, kt_buffer(), values));
    EXPECT(values[0] == 0x100 && values[2] == 0x200 && values[4] == 0x300 && values[10] == 0x400 &&
           values[31] == 0x500);
    EXPECT_OK(tn_tcb_resume(slot + 4));
    EXPECT_OK(tn_tcb_suspend(slot + 4));
    EXPECT_OK(tn_cnode_copy(KT_ROOT, slot + 6, slot + 5, TN_WRITE));
    EXPECT_OK(tn_cnode_mint(KT_ROOT, slot + 7, slot + 5, TN_READ, 5));
    EXPECT_OK(tn_cnode_move(KT_ROOT, slot + 8, slot + 7));
    EXPECT_OK(tn_cnode_delete(KT_ROOT, slot + 6));
    EXPECT_OK(tn_cnode_revoke(KT_ROOT, slot + 5));
    EXPECT(kt_slot_is_empty(slot + 8));
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_GATE, kt_gate_bits(), KT_ROOT, slot + 9, 1));
    EXPECT_OK(tn_gate_set(slot + 9, 0, slot + 5));
    EXPECT_OK(tn_untyped_retype(KT_UNTYPED, TN_NOTIFICATION, 0, KT_ROOT, slot + 10, 1));
    EXPECT_OK(tn_ntfn_deadline(slot + 10, ~0ull));
    EXPECT_ERROR((int)tn_cnode_delete(KT_ROOT, ~0ull), TN_RANGE_ERROR);
}

static void stub_client(struct kt_thread *t)
{
    uint64_t words[30];

    for (unsigned i = 0; i < 30; i++)
        words[i] = i * 3;
    struct tn_msg m = tn_call_words(t->buffer, t->arg[0], 77, words, 30);
    EXPECT_ERROR((int)tn_msg_error(m.info), TN_OK);
    EXPECT_EQ(tn_info_label(m.info), 78);
    for (unsigned i = 0; i < 30; i++)
        EXPECT_EQ(tn_msg_word(&m, t->buffer, i), i * 3 + 1);
    EXPECT_ERROR((int)tn_send(0, tn_info(0, 0, 0), 0, 0, 0, 0), TN_FAILED_LOOKUP);
    EXPECT_ERROR((int)tn_nb_send(0, tn_info(0, 0, 0), 0, 0, 0, 0), TN_FAILED_LOOKUP);
    EXPECT_ERROR((int)tn_reply(t->arg[1], tn_info(0, 0, 0), 0, 0, 0, 0), TN_FAILED_LOOKUP);
    m = tn_nb_recv(t->arg[0], 0);
    EXPECT_ERROR((int)tn_msg_error(m.info), TN_WOULD_BLOCK);
    EXPECT_EQ(tn_hart(), kt_main_hart);
}

static void test_messages(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 6);
    struct kt_thread *server = echo_spawn(kt_main_hart, ep),
                     *client = kt_spawn(kt_main_hart, stub_client, ep, kt_slot());

    kt_join(client);
    echo_stop(server);
    EXPECT_OK((int)tn_signal(ntfn));
    EXPECT_EQ(tn_wait(ntfn), 6);
    EXPECT_EQ(tn_poll(ntfn), 0);
    tn_yield();
    kt_batch_clear();
    EXPECT(tn_batch(kt_buffer()) == kt_batch());
    EXPECT_OK((int)tn_pt_write());
}

const struct kt_test stubs_tests[] = {
    {"stubs.invocations", test_invocations, 0},
    {"stubs.messages", test_messages, 0},
    {NULL, NULL, 0},
};
