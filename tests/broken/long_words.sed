# breaks: kernel/ipc.c
# The last word of a long message stays behind.
s/for (uint32_t i = TN_MSG_REG_WORDS; i < words; i++)/for (uint32_t i = TN_MSG_REG_WORDS; i + 1 < words; i++)/
