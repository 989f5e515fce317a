/* Capabilities passed in messages: one to three, with and without GRANT, into free, occupied and no slots. */
#include "kt.h"

/* Sends arg[1] capabilities, slots arg[2].., through arg[0]; a Call if arg[3]. */
static void cap_sender(struct kt_thread *t)
{
    struct kt_msg m = {.info = tn_info(5, (unsigned)t->arg[1], 1), .mr = {4711}};

    for (unsigned i = 0; i < t->arg[1]; i++)
        t->buffer->caps[i] = t->arg[2] + i;
    t->result[0] = (uint64_t)(t->arg[3] ? kt_call(t->arg[0], &m) : kt_send(t->arg[0], &m));
    t->result[1] = m.info;
}

static struct kt_thread *sender_spawn(unsigned hart, tn_cptr_t ep, unsigned count, uint32_t first, bool call)
{
    struct kt_thread *t = kt_thread_new(hart, cap_sender);

    t->arg[0] = ep;
    t->arg[1] = count;
    t->arg[2] = first;
    t->arg[3] = call;
    kt_thread_start(t);
    return t;
}

/* Three notifications with badges 1, 2, 4 in consecutive slots. */
static uint32_t make_caps(tn_cptr_t ntfn)
{
    uint32_t first = kt_slots(3);

    for (unsigned i = 0; i < 3; i++)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_MINT, first + i, ntfn, TN_RIGHTS_ALL, 1ull << i));
    return first;
}

static void receive_caps(unsigned hart, unsigned count, bool call)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0), reply = kt_object(TN_REPLY, 0);
    uint32_t caps = make_caps(ntfn), recv = kt_slots(3);
    struct kt_msg m = {0};
    uint64_t bits;

    struct kt_thread *t = sender_spawn(hart, ep, count, caps, call);
    kt_buffer()->recv_slot = recv;
    EXPECT_OK(kt_recv(ep, &m, call ? reply : 0));
    EXPECT_EQ(m.info, tn_info(5, count, 1));
    EXPECT_EQ(m.mr[0], 4711);
    for (unsigned i = 0; i < 3; i++) {
        if (i < count) {
            EXPECT_EQ(kt_buffer()->caps[i], recv + i);
            EXPECT_OK(kt_signal(recv + i));
            EXPECT_OK(kt_poll(ntfn, &bits));
            EXPECT_EQ(bits, 1ull << i);
        } else {
            EXPECT(kt_slot_is_empty(recv + i));
        }
    }
    if (call)
        EXPECT_OK(kt_reply1(reply, 0, 0));
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    /* What was received is derived from what was sent. */
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, caps));
    EXPECT(kt_slot_is_empty(recv));
    EXPECT(!kt_slot_is_empty(caps));
}

static void test_counts(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++)
        for (unsigned count = 0; count <= 3; count++)
            for (unsigned call = 0; call < 2; call++) {
                kt_case(hart << 8 | count << 4 | call);
                receive_caps(hart, count, call);
            }
}

static void test_rights_travel(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
    uint32_t weak = (uint32_t)kt_mint(ntfn, TN_READ, 1), recv = kt_slot();
    struct kt_msg m = {0};
    uint64_t bits;

    struct kt_thread *t = sender_spawn(kt_main_hart, ep, 1, weak, false);
    kt_buffer()->recv_slot = recv;
    EXPECT_OK(kt_recv(ep, &m, 0));
    kt_join(t);
    EXPECT_ERROR(kt_signal(recv), TN_INVALID_CAPABILITY);
    EXPECT_OK(kt_poll(recv, &bits));
}

/* Without GRANT on the endpoint capability the message arrives, the capabilities do not. */
static void test_no_grant(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
    tn_cptr_t sender_cap = kt_copy(ep, TN_READ | TN_WRITE);
    uint32_t caps = make_caps(ntfn), recv = kt_slots(3);
    struct kt_msg m = {0};

    struct kt_thread *t = sender_spawn(kt_main_hart, sender_cap, 2, caps, false);
    kt_settle(kt_main_hart);
    if (kt_is_done(t)) {
        EXPECT_REFUSED((int)t->result[0]);
    } else {
        kt_buffer()->recv_slot = recv;
        EXPECT_OK(kt_recv(ep, &m, 0));
        EXPECT_EQ(m.info, tn_info(5, 0, 1));
        kt_join(t);
    }
    EXPECT(kt_slot_is_empty(recv) && kt_slot_is_empty(recv + 1));
}

/* A receiver that takes none, or whose slots are occupied: the rest of the message arrives. */
static void test_no_slot(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
    uint32_t caps = make_caps(ntfn), recv = kt_slots(3);
    struct kt_msg m = {0};

    struct kt_thread *t = sender_spawn(kt_main_hart, ep, 2, caps, false);
    kt_buffer()->recv_slot = 0;
    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(5, 0, 1));
    EXPECT_EQ(m.mr[0], 4711);
    kt_join(t);

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_COPY, recv + 1, ep, TN_READ)); /* the second of three is in the way */
    t = sender_spawn(kt_main_hart, ep, 3, caps, false);
    kt_buffer()->recv_slot = recv;
    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(5, 1, 1));
    kt_join(t);
    EXPECT(!kt_slot_is_empty(recv));
    EXPECT_ERROR(kt_signal(recv + 1), TN_INVALID_CAPABILITY); /* still the endpoint */

    t = sender_spawn(kt_main_hart, ep, 1, caps, false);
    kt_buffer()->recv_slot = recv; /* occupied by now */
    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(5, 0, 1));
    kt_join(t);

    t = sender_spawn(kt_main_hart, ep, 1, caps, false);
    kt_buffer()->recv_slot = 1ull << 40; /* no such slot */
    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(5, 0, 1));
    kt_join(t);
    kt_buffer()->recv_slot = 0;
}

/* A capability that is not there: the sender is told, or the message arrives without it; no slot is filled by it. */
static void test_bad_capability(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
    uint32_t caps = make_caps(ntfn), recv = kt_slots(3);
    struct kt_msg m = {0};

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, caps + 1));
    struct kt_thread *t = sender_spawn(kt_main_hart, ep, 3, caps, false);
    kt_settle(kt_main_hart);
    kt_buffer()->recv_slot = recv;
    int error = kt_nb_recv(ep, &m, 0);
    if (error == TN_OK)
        EXPECT_EQ(m.info, tn_info(5, 1, 1)); /* up to the one that is missing */
    else
        EXPECT_ERROR((int)t->result[0], TN_FAILED_LOOKUP);
    EXPECT_EQ(kt_slot_is_empty(recv), error != TN_OK);
    EXPECT(kt_slot_is_empty(recv + 1) && kt_slot_is_empty(recv + 2));
    kt_join(t);
}

/* The reply can carry capabilities too. */
static void grant_back(struct kt_thread *t)
{
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(t->arg[0], &m, t->arg[1]));
    t->buffer->caps[0] = t->arg[2];
    m = (struct kt_msg){.info = tn_info(6, 1, 1), .mr = {8}};
    EXPECT_OK(kt_reply(&m, t->arg[1]));
}

static void test_in_reply(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
        uint32_t caps = make_caps(ntfn), recv = kt_slot();
        uint64_t bits;
        struct kt_thread *t = kt_thread_new(hart, grant_back);
        t->arg[0] = ep;
        t->arg[1] = kt_object(TN_REPLY, 0);
        t->arg[2] = caps + 2;
        kt_thread_start(t);
        kt_buffer()->recv_slot = recv;
        struct kt_msg m = kt_msg1(1, 1);
        EXPECT_OK(kt_call(ep, &m));
        EXPECT_EQ(m.info, tn_info(6, 1, 1));
        EXPECT_EQ(m.mr[0], 8);
        EXPECT_OK(kt_signal(recv));
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, 4);
        kt_join(t);
        kt_buffer()->recv_slot = 0;
    }
}

/* A long message with capabilities at once. */
static void long_cap_sender(struct kt_thread *t)
{
    struct kt_msg m = {.info = tn_info(5, 3, 64), .mr = {0, 1, 2, 3}};

    for (unsigned i = 4; i < 64; i++)
        t->buffer->msg[i] = i;
    for (unsigned i = 0; i < 3; i++)
        t->buffer->caps[i] = t->arg[1] + i;
    t->result[0] = (uint64_t)kt_send(t->arg[0], &m);
}

static void test_with_long_message(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), ntfn = kt_object(TN_NOTIFICATION, 0);
    uint32_t caps = make_caps(ntfn), recv = kt_slots(3);
    struct kt_thread *t = kt_spawn((kt_main_hart + 1) % kt_harts, long_cap_sender, ep, caps);
    struct kt_msg m = {0};

    kt_buffer()->recv_slot = recv;
    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(5, 3, 64));
    for (unsigned i = 4; i < 64; i++)
        EXPECT_EQ(kt_buffer()->msg[i], i);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_OK(kt_signal(recv + i));
    kt_join(t);
    kt_buffer()->recv_slot = 0;
}

const struct kt_test transfer_tests[] = {
    {"transfer.counts", test_counts, 0},
    {"transfer.rights_travel", test_rights_travel, 0},
    {"transfer.no_grant", test_no_grant, 0},
    {"transfer.no_slot", test_no_slot, 0},
    {"transfer.bad_capability", test_bad_capability, 0},
    {"transfer.in_reply", test_in_reply, 0},
    {"transfer.with_long_message", test_with_long_message, 0},
    {NULL, NULL, 0},
};
