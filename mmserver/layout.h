/* Where things stand in a client's address space. The program is linked low (platform/qemu-virt/user.ld); what mmap
 * places lies in the arena; the rest is counted down from the end of the user part.
 *
 *     0   program   4 GiB  arena ...  end - 8 GiB   input   ...  guard | stack (8 MiB)   IPC buffer   start page   end
 */
#pragma once
#include <corten/config.h>
#include <tenon/object.h>

#define CLIENT_ARENA_LOW 0x100000000ull /* programs end below */
#define CLIENT_STACK_BYTES (8ull << 20)
#define CLIENT_GUARD_BYTES (64ull << 10)

static inline uint64_t client_arena_high(uint64_t user_end)
{
    return user_end - (8ull << 30);
}
static inline uint64_t client_input(uint64_t user_end)
{
    return user_end - (7ull << 30);
}
#define CLIENT_INPUT_BYTES_MAX (4ull << 30)

static inline uint64_t client_stack_top(uint64_t user_end)
{
    return user_end - (2ull << 20);
}
static inline uint64_t client_ipc_buffer(uint64_t user_end)
{
    return user_end - (1ull << 20);
}
static inline uint64_t client_start_page(uint64_t user_end)
{
    return user_end - (512ull << 10);
}
