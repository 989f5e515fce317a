/* The echo server of the IPC tests. */
#include "echo.h"

static void answer(struct kt_msg *m, struct tn_ipc_buffer *buffer)
{
    unsigned words = tn_info_words(m->info);
    uint64_t label = tn_info_label(m->info);

    for (unsigned i = 0; i < words; i++) {
        if (i < TN_MSG_REG_WORDS)
            m->mr[i]++;
        else
            buffer->msg[i]++;
    }
    if (label == ECHO_BADGE)
        m->mr[0] = m->badge;
    m->info = tn_info(label + 1, 0, words);
}

void echo_main(struct kt_thread *t)
{
    struct kt_msg m = {0};

    int error = kt_recv(t->arg[0], &m, t->arg[1]);
    for (;;) {
        if (!EXPECT_OK(error))
            return;
        uint64_t label = tn_info_label(m.info);
        t->count++;
        answer(&m, t->buffer);
        if (label == ECHO_STOP) {
            EXPECT_OK(kt_reply(&m, t->arg[1]));
            return;
        }
        error = kt_reply_recv(t->arg[0], &m, t->arg[1]);
    }
}

struct kt_thread *echo_spawn(unsigned hart, tn_cptr_t ep)
{
    return kt_spawn(hart, echo_main, ep, kt_object(TN_REPLY, 0));
}

void echo_stop(struct kt_thread *server)
{
    EXPECT_OK(kt_call1(server->arg[0], ECHO_STOP, 0, NULL));
    kt_join(server);
}
