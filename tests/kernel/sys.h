/* The system calls as the ABI headers define them, written here once more so that the tests trust nobody's stubs.
 *
 * kt_ecall() is the one ecall; everything else wraps it. An `int` result is an enum tn_error.
 */
#pragma once
#include <stdint.h>
#include <tenon/error.h>
#include <tenon/invoke.h>
#include <tenon/message.h>
#include <tenon/object.h>
#include <tenon/syscall.h>

/* a0..a5, in and out. */
struct kt_msg {
    uint64_t badge; /* in: capability pointer */
    tn_info_t info;
    uint64_t mr[TN_MSG_REG_WORDS];
};

static inline void kt_ecall(uint64_t number, struct kt_msg *m, tn_cptr_t reply)
{
    register uint64_t a0 __asm__("a0") = m->badge;
    register uint64_t a1 __asm__("a1") = m->info;
    register uint64_t a2 __asm__("a2") = m->mr[0];
    register uint64_t a3 __asm__("a3") = m->mr[1];
    register uint64_t a4 __asm__("a4") = m->mr[2];
    register uint64_t a5 __asm__("a5") = m->mr[3];
    register uint64_t a6 __asm__("a6") = reply;
    register uint64_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(a7)
                     :
                     : "memory", "t0", "t1", "t2", "t3", "t4", "t5", "t6");
    m->badge = a0;
    m->info = a1;
    m->mr[0] = a2;
    m->mr[1] = a3;
    m->mr[2] = a4;
    m->mr[3] = a5;
}

static inline int kt_error(const struct kt_msg *m)
{
    return tn_info_is_error(m->info) ? (int)tn_info_label(m->info) : TN_OK;
}

/* An invocation with `words` arguments; what came back is in the result. */
static inline struct kt_msg kt_invoke(tn_cptr_t cap, uint64_t label, const uint64_t *words, unsigned count)
{
    struct kt_msg m = {.badge = cap, .info = tn_info(label, 0, count)};
    for (unsigned i = 0; i < count && i < TN_MSG_REG_WORDS; i++)
        m.mr[i] = words[i];
    kt_ecall(TN_SYS_CALL, &m, 0);
    return m;
}

#define KT_COUNT(...) (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define INVM(cap, label, ...) kt_invoke(cap, label, (uint64_t[]){__VA_ARGS__}, KT_COUNT(__VA_ARGS__))
#define INVM0(cap, label) kt_invoke(cap, label, (uint64_t[]){0}, 0)
#define INV(cap, label, ...) kt_invoke_error(cap, label, (uint64_t[]){__VA_ARGS__}, KT_COUNT(__VA_ARGS__))
#define INV0(cap, label) kt_invoke_error(cap, label, (uint64_t[]){0}, 0)

static inline int kt_invoke_error(tn_cptr_t cap, uint64_t label, const uint64_t *words, unsigned count)
{
    struct kt_msg m = kt_invoke(cap, label, words, count);
    return kt_error(&m);
}

static inline int kt_retype(tn_cptr_t untyped, unsigned type, uint64_t size_bits, tn_cptr_t cnode, uint32_t slot,
                            uint32_t count)
{
    return INV(untyped, TN_UNTYPED_RETYPE, type, size_bits, cnode, slot | (uint64_t)count << 32);
}

/* Messages. `m` holds info and words on entry; capability and reply object are arguments. */
static inline int kt_send(tn_cptr_t cap, struct kt_msg *m)
{
    m->badge = cap;
    kt_ecall(TN_SYS_SEND, m, 0);
    return kt_error(m);
}
static inline int kt_nb_send(tn_cptr_t cap, struct kt_msg *m)
{
    m->badge = cap;
    kt_ecall(TN_SYS_NB_SEND, m, 0);
    return kt_error(m);
}
static inline int kt_call(tn_cptr_t cap, struct kt_msg *m)
{
    m->badge = cap;
    kt_ecall(TN_SYS_CALL, m, 0);
    return kt_error(m);
}
static inline int kt_recv(tn_cptr_t cap, struct kt_msg *m, tn_cptr_t reply)
{
    m->badge = cap;
    kt_ecall(TN_SYS_RECV, m, reply);
    return kt_error(m);
}
static inline int kt_nb_recv(tn_cptr_t cap, struct kt_msg *m, tn_cptr_t reply)
{
    m->badge = cap;
    kt_ecall(TN_SYS_NB_RECV, m, reply);
    return kt_error(m);
}
static inline int kt_reply_recv(tn_cptr_t cap, struct kt_msg *m, tn_cptr_t reply)
{
    m->badge = cap;
    kt_ecall(TN_SYS_REPLY_RECV, m, reply);
    return kt_error(m);
}
static inline int kt_reply(struct kt_msg *m, tn_cptr_t reply)
{
    m->badge = 0;
    kt_ecall(TN_SYS_REPLY, m, reply);
    return kt_error(m);
}

/* A message of one word. */
static inline struct kt_msg kt_msg1(uint64_t label, uint64_t word)
{
    return (struct kt_msg){.info = tn_info(label, 0, 1), .mr = {word}};
}
static inline int kt_call1(tn_cptr_t cap, uint64_t label, uint64_t word, uint64_t *result)
{
    struct kt_msg m = kt_msg1(label, word);
    int error = kt_call(cap, &m);
    if (result)
        *result = m.mr[0];
    return error;
}
static inline int kt_reply1(tn_cptr_t reply, uint64_t label, uint64_t word)
{
    struct kt_msg m = kt_msg1(label, word);
    return kt_reply(&m, reply);
}

/* Notifications. WAIT and POLL store the bits. */
static inline int kt_signal(tn_cptr_t cap)
{
    struct kt_msg m = {.badge = cap};
    kt_ecall(TN_SYS_SIGNAL, &m, 0);
    return kt_error(&m);
}
static inline int kt_wait(tn_cptr_t cap, uint64_t *bits)
{
    struct kt_msg m = {.badge = cap};
    kt_ecall(TN_SYS_WAIT, &m, 0);
    if (bits)
        *bits = m.badge;
    return kt_error(&m);
}
static inline int kt_poll(tn_cptr_t cap, uint64_t *bits)
{
    struct kt_msg m = {.badge = cap};
    kt_ecall(TN_SYS_POLL, &m, 0);
    *bits = m.badge;
    return kt_error(&m);
}

static inline void kt_yield(void)
{
    struct kt_msg m = {0};
    kt_ecall(TN_SYS_YIELD, &m, 0);
}
static inline unsigned kt_hart(void)
{
    struct kt_msg m = {0};
    kt_ecall(TN_SYS_HART, &m, 0);
    return (unsigned)m.badge;
}
static inline uint64_t kt_time(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t));
    return t;
}
