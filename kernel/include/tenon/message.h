/* Messages: the info word, and the IPC buffer for what does not fit into registers.
 *
 * Info word:   63       62........12   11...9   8...7       6....0
 *              error    label          0        caps        words
 *
 * `error` is set by the kernel alone: then the label is an enum tn_error and the message did not come from a peer.
 * Senders cannot set it. `words` counts message words (at most TN_MSG_WORDS_MAX), `caps` capabilities (at most 3).
 */
#pragma once
#include <stdint.h>

#define TN_MSG_REG_WORDS 4
#define TN_MSG_WORDS_MAX 64
#define TN_MSG_CAPS_MAX 3
#define TN_INFO_ERROR (1ull << 63)

typedef uint64_t tn_info_t;
typedef uint64_t tn_cptr_t;

static inline tn_info_t tn_info(uint64_t label, unsigned caps, unsigned words)
{
    return (label << 12 & ~TN_INFO_ERROR) | (uint64_t)caps << 7 | words;
}
static inline unsigned tn_info_words(tn_info_t i)
{
    return i & 0x7f;
}
static inline unsigned tn_info_caps(tn_info_t i)
{
    return i >> 7 & 3;
}
static inline uint64_t tn_info_label(tn_info_t i)
{
    return (i & ~TN_INFO_ERROR) >> 12;
}
static inline int tn_info_is_error(tn_info_t i)
{
    return (int64_t)i < 0;
}

/* A capability pointer names a slot of the thread's root CNode (bits 0..31) and, where bits 32..63 are not zero,
 * slot (that - 1) of the CNode whose capability stands in that slot. */
static inline tn_cptr_t tn_cptr_in(uint32_t root_slot, uint32_t inner_slot)
{
    return (tn_cptr_t)(inner_slot + 1) << 32 | root_slot;
}

/* The IPC buffer is user memory named by a Frame capability, at least one page. The message part fills the first
 * TN_IPC_BATCH_OFFSET bytes; a page-table batch (tenon/ptbatch.h) may use everything from there to the end.
 * A thread without a buffer can send and receive messages of up to 4 words and no capabilities. */
struct tn_ipc_buffer {
    uint64_t msg[TN_MSG_WORDS_MAX];  /* words 0..3 are not used: they travel in registers */
    tn_cptr_t caps[TN_MSG_CAPS_MAX]; /* out: capabilities to send. In: the slots they went to. */
    uint64_t recv_slot;              /* first root-CNode slot for capabilities received; 0: take none */
};
#define TN_IPC_BATCH_OFFSET 1024
_Static_assert(sizeof(struct tn_ipc_buffer) <= TN_IPC_BATCH_OFFSET, "message part overlaps the batch");
