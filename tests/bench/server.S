/* The server of the IPC benchmarks: position-independent code, copied into a page of an address space of its own.
 *
 * s0 = endpoint, s1 = Reply object, s2 = info word of its replies. Message words go back as they came. No memory is
 * touched. The two numbers are checked against tenon/syscall.h in kbench.c.
 */
    .equ SYS_REPLY_RECV, 2
    .equ SYS_RECV, 5

    .section .rodata
    .balign 8
    .globl kb_server_start, kb_server_bytes
    .option push
    .option norelax
kb_server_start:
    mv      a0, s0
    mv      a6, s1
    li      a7, SYS_RECV
    ecall
1:  mv      a0, s0
    mv      a1, s2
    li      a7, SYS_REPLY_RECV
    ecall
    j       1b
kb_server_end:
    .option pop
    .balign 8
kb_server_bytes:
    .dword  kb_server_end - kb_server_start
