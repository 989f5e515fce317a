/* The out-of-line part of tenon/ipc.h: console output and long calls.
 *
 * No state, no locks, no thread-local storage; every user program may call it.
 */
#include <string.h>
#include <tenon/ipc.h>

size_t tn_debug_put(const char *text, size_t bytes)
{
    uint64_t word[5] = {0};
    size_t n = bytes < TN_DEBUG_PUT_BYTES_MAX ? bytes : TN_DEBUG_PUT_BYTES_MAX;

    memcpy(word, text, n);
    (void)tn_syscall(TN_SYS_DEBUG_PUT, n, word[0], word[1], word[2], word[3], word[4], 0);
    return n;
}

void tn_debug_write(const char *text, size_t bytes)
{
    while (bytes > 0) {
        size_t n = tn_debug_put(text, bytes);
        text += n;
        bytes -= n;
    }
}

struct tn_msg tn_call_words(struct tn_ipc_buffer *buffer, tn_cptr_t cap, uint64_t label, const uint64_t *word,
                            unsigned words)
{
    uint64_t mr[TN_MSG_REG_WORDS] = {0};

    for (unsigned i = 0; i < words && i < TN_MSG_REG_WORDS; i++) {
        mr[i] = word[i];
    }
    for (unsigned i = TN_MSG_REG_WORDS; i < words && i < TN_MSG_WORDS_MAX; i++) {
        buffer->msg[i] = word[i];
    }
    return tn_call(cap, tn_info(label, 0, words), mr[0], mr[1], mr[2], mr[3]);
}
