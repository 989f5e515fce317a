/* System calls, as inline functions: one ecall each, message words in registers.
 *
 * The contract is kernel/include/tenon/syscall.h; nothing is added here but types. Results come back in a struct by
 * value: inlined, its members stay in the registers the kernel left them in. Words past the fourth are put into, and
 * found in, the thread's IPC buffer by the caller (tn_call_words, tn_msg_word help).
 *
 * Needs no start-up code, no thread-local storage and no C library: init, the memory server and clients use it alike.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <tenon/ecall.h>
#include <tenon/error.h>
#include <tenon/message.h>
#include <tenon/ptbatch.h>
#include <tenon/syscall.h>

#define TN_MUST_USE __attribute__((warn_unused_result))

/* TN_OK, or the error that the kernel put into the info word of `m`. */
TN_INLINE enum tn_error tn_msg_error(tn_info_t info)
{
    return tn_info_is_error(info) ? (enum tn_error)tn_info_label(info) : TN_OK;
}

/* Index of the hart one is on. It may be another one when the caller looks at it, unless the thread cannot be moved. */
TN_INLINE unsigned tn_hart(void)
{
    return (unsigned)tn_syscall(TN_SYS_HART, 0, 0, 0, 0, 0, 0, 0).badge;
}

/* Send and wait for the reply, or invoke a kernel object. Errors: the info word of the result (tn_msg_error). */
TN_INLINE struct tn_msg tn_call(tn_cptr_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    return tn_syscall(TN_SYS_CALL, cap, info, m0, m1, m2, m3, 0);
}

/* Reply through `reply` and go on with the next message on `ep`; its caller is then held by `reply`. */
TN_INLINE struct tn_msg tn_reply_recv(tn_cptr_t ep, tn_cptr_t reply, tn_info_t info, uint64_t m0, uint64_t m1,
                                      uint64_t m2, uint64_t m3)
{
    return tn_syscall(TN_SYS_REPLY_RECV, ep, info, m0, m1, m2, m3, reply);
}

/* tn_reply_recv, after the batch in the IPC buffer was written; a refused batch replies to nobody (info: the error). */
TN_INLINE struct tn_msg tn_pt_reply_recv(tn_cptr_t ep, tn_cptr_t reply, tn_info_t info, uint64_t m0, uint64_t m1,
                                         uint64_t m2, uint64_t m3)
{
    return tn_syscall(TN_SYS_PT_REPLY_RECV, ep, info, m0, m1, m2, m3, reply);
}

/* Write the batch in the IPC buffer. Errors: tenon/ptbatch.h; tn_pt_batch.failed_run says where. */
TN_INLINE TN_MUST_USE enum tn_error tn_pt_write(void)
{
    return tn_msg_error(tn_syscall(TN_SYS_PT_WRITE, 0, 0, 0, 0, 0, 0, 0).info);
}

TN_INLINE TN_MUST_USE enum tn_error tn_reply(tn_cptr_t reply, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                                             uint64_t m3)
{
    return tn_msg_error(tn_syscall(TN_SYS_REPLY, 0, info, m0, m1, m2, m3, reply).info);
}

/* Send and wait for a receiver; no reply. */
TN_INLINE TN_MUST_USE enum tn_error tn_send(tn_cptr_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                                            uint64_t m3)
{
    return tn_msg_error(tn_syscall(TN_SYS_SEND, cap, info, m0, m1, m2, m3, 0).info);
}

/* Send if a receiver waits; otherwise the message is dropped and TN_OK returned, as in seL4. */
TN_INLINE TN_MUST_USE enum tn_error tn_nb_send(tn_cptr_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                                               uint64_t m3)
{
    return tn_msg_error(tn_syscall(TN_SYS_NB_SEND, cap, info, m0, m1, m2, m3, 0).info);
}

/* Receive on `ep`; `reply` (0: none) is to hold a caller. */
TN_INLINE struct tn_msg tn_recv(tn_cptr_t ep, tn_cptr_t reply)
{
    return tn_syscall(TN_SYS_RECV, ep, 0, 0, 0, 0, 0, reply);
}

/* Receive if a sender waits; otherwise the info word says TN_WOULD_BLOCK. */
TN_INLINE struct tn_msg tn_nb_recv(tn_cptr_t ep, tn_cptr_t reply)
{
    return tn_syscall(TN_SYS_NB_RECV, ep, 0, 0, 0, 0, 0, reply);
}

TN_INLINE TN_MUST_USE enum tn_error tn_signal(tn_cptr_t ntfn)
{
    return tn_msg_error(tn_syscall(TN_SYS_SIGNAL, ntfn, 0, 0, 0, 0, 0, 0).info);
}

/* Wait until `ntfn` has bits, take them. Never 0 on success; 0: the capability is wrong or the object went away. */
TN_INLINE uint64_t tn_wait(tn_cptr_t ntfn)
{
    struct tn_msg m = tn_syscall(TN_SYS_WAIT, ntfn, 0, 0, 0, 0, 0, 0);
    return tn_info_is_error(m.info) ? 0 : m.badge;
}

/* Take the bits of `ntfn`; 0: none were set, or the capability is wrong. */
TN_INLINE uint64_t tn_poll(tn_cptr_t ntfn)
{
    struct tn_msg m = tn_syscall(TN_SYS_POLL, ntfn, 0, 0, 0, 0, 0, 0);
    return tn_info_is_error(m.info) ? 0 : m.badge;
}

TN_INLINE void tn_yield(void)
{
    (void)tn_syscall(TN_SYS_YIELD, 0, 0, 0, 0, 0, 0, 0);
}

#define TN_DEBUG_PUT_BYTES_MAX 40u

/* Print at most TN_DEBUG_PUT_BYTES_MAX bytes on the kernel's console, in one piece. Returns how many. */
size_t tn_debug_put(const char *text, size_t bytes);

/* Print all of `bytes`, in pieces of TN_DEBUG_PUT_BYTES_MAX. */
void tn_debug_write(const char *text, size_t bytes);

/* The batch part of an IPC buffer, and how many bytes of it fit into `buffer_pages` pages. */
TN_INLINE struct tn_pt_batch *tn_batch(struct tn_ipc_buffer *buffer)
{
    return (struct tn_pt_batch *)((char *)buffer + TN_IPC_BATCH_OFFSET);
}
TN_INLINE size_t tn_batch_bytes(unsigned buffer_pages)
{
    return (size_t)buffer_pages * 4096u - TN_IPC_BATCH_OFFSET;
}

/* A call of `words` (0..TN_MSG_WORDS_MAX) message words of which those past the fourth go through `buffer`, which must
 * be the calling thread's own. Words of the reply: tn_msg_word. */
struct tn_msg tn_call_words(struct tn_ipc_buffer *buffer, tn_cptr_t cap, uint64_t label, const uint64_t *word,
                            unsigned words);

/* Word `index` of the message `m` that has just arrived in registers and `buffer`; 0 past what a message can have. */
TN_INLINE uint64_t tn_msg_word(const struct tn_msg *m, const struct tn_ipc_buffer *buffer, unsigned index)
{
    if (index < TN_MSG_REG_WORDS) {
        return m->mr[index];
    }
    return index < TN_MSG_WORDS_MAX ? buffer->msg[index] : 0;
}
