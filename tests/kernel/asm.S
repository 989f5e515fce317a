/* What the kernel tests need in assembly: the entry, threads' entry, register and floating-point patterns, and the
 * position-independent code of probes, which is copied into a page of its own.
 *
 * TN_SYS_CALL = 1, TN_SYS_YIELD = 10: checked against tenon/syscall.h in space.c.
 */
#include <tenon/entry.h>

    .equ SYS_CALL, 1
    .equ SYS_YIELD, 10
    .equ PROBE_INFO, (0x700 << 12) | 1

    .section .text.start, "ax"
/* a0 = boot information. The kernel has set sp; kt_main sets tp. */
    tn_entry _start, kt_main

    .text
/* A thread starts here: sp, tp and a0 = struct kt_thread * are set, nothing else. */
    tn_entry kt_thread_entry, kt_thread_main

/* ---- Registers ---- */

    .macro save_callee
    addi    sp, sp, -256
    sd      ra, 0(sp)
    sd      gp, 8(sp)
    sd      tp, 16(sp)
    sd      s0, 24(sp)
    sd      s1, 32(sp)
    sd      s2, 40(sp)
    sd      s3, 48(sp)
    sd      s4, 56(sp)
    sd      s5, 64(sp)
    sd      s6, 72(sp)
    sd      s7, 80(sp)
    sd      s8, 88(sp)
    sd      s9, 96(sp)
    sd      s10, 104(sp)
    sd      s11, 112(sp)
    fsd     fs0, 120(sp)
    fsd     fs1, 128(sp)
    fsd     fs2, 136(sp)
    fsd     fs3, 144(sp)
    fsd     fs4, 152(sp)
    fsd     fs5, 160(sp)
    fsd     fs6, 168(sp)
    fsd     fs7, 176(sp)
    fsd     fs8, 184(sp)
    fsd     fs9, 192(sp)
    fsd     fs10, 200(sp)
    fsd     fs11, 208(sp)
    .endm
    .macro restore_callee
    ld      ra, 0(sp)
    ld      gp, 8(sp)
    ld      tp, 16(sp)
    ld      s0, 24(sp)
    ld      s1, 32(sp)
    ld      s2, 40(sp)
    ld      s3, 48(sp)
    ld      s4, 56(sp)
    ld      s5, 64(sp)
    ld      s6, 72(sp)
    ld      s7, 80(sp)
    ld      s8, 88(sp)
    ld      s9, 96(sp)
    ld      s10, 104(sp)
    ld      s11, 112(sp)
    fld     fs0, 120(sp)
    fld     fs1, 128(sp)
    fld     fs2, 136(sp)
    fld     fs3, 144(sp)
    fld     fs4, 152(sp)
    fld     fs5, 160(sp)
    fld     fs6, 168(sp)
    fld     fs7, 176(sp)
    fld     fs8, 184(sp)
    fld     fs9, 192(sp)
    fld     fs10, 200(sp)
    fld     fs11, 208(sp)
    addi    sp, sp, 256
    .endm

/* The pointer to the array stays in f30 and the stack pointer in f29, so that all of x1..x31 can hold patterns. */
    .macro load_all
    fmv.d.x f30, a0
    fmv.d.x f29, sp
    ld      x1, 8(a0)
    ld      x2, 16(a0)
    ld      x3, 24(a0)
    ld      x4, 32(a0)
    ld      x5, 40(a0)
    ld      x6, 48(a0)
    ld      x7, 56(a0)
    ld      x8, 64(a0)
    ld      x9, 72(a0)
    ld      x11, 88(a0)
    ld      x12, 96(a0)
    ld      x13, 104(a0)
    ld      x14, 112(a0)
    ld      x15, 120(a0)
    ld      x16, 128(a0)
    ld      x17, 136(a0)
    ld      x18, 144(a0)
    ld      x19, 152(a0)
    ld      x20, 160(a0)
    ld      x21, 168(a0)
    ld      x22, 176(a0)
    ld      x23, 184(a0)
    ld      x24, 192(a0)
    ld      x25, 200(a0)
    ld      x26, 208(a0)
    ld      x27, 216(a0)
    ld      x28, 224(a0)
    ld      x29, 232(a0)
    ld      x30, 240(a0)
    ld      x31, 248(a0)
    ld      x10, 80(a0)
    .endm
    .macro store_all
    fmv.d.x f31, x5
    fmv.x.d x5, f30
    sd      x1, 8(x5)
    sd      x2, 16(x5)
    sd      x3, 24(x5)
    sd      x4, 32(x5)
    sd      x6, 48(x5)
    sd      x7, 56(x5)
    sd      x8, 64(x5)
    sd      x9, 72(x5)
    sd      x10, 80(x5)
    sd      x11, 88(x5)
    sd      x12, 96(x5)
    sd      x13, 104(x5)
    sd      x14, 112(x5)
    sd      x15, 120(x5)
    sd      x16, 128(x5)
    sd      x17, 136(x5)
    sd      x18, 144(x5)
    sd      x19, 152(x5)
    sd      x20, 160(x5)
    sd      x21, 168(x5)
    sd      x22, 176(x5)
    sd      x23, 184(x5)
    sd      x24, 192(x5)
    sd      x25, 200(x5)
    sd      x26, 208(x5)
    sd      x27, 216(x5)
    sd      x28, 224(x5)
    sd      x29, 232(x5)
    sd      x30, 240(x5)
    sd      x31, 248(x5)
    fmv.x.d x6, f31
    sd      x6, 40(x5)
    fmv.x.d sp, f29
    .endm

    .globl kt_regs_ecall
kt_regs_ecall:
    save_callee
    load_all
    ecall
    store_all
    restore_callee
    ret

    .globl kt_regs_spin
kt_regs_spin:
    save_callee
    load_all
1:  addi    x31, x31, -1
    bnez    x31, 1b
    store_all
    restore_callee
    ret

/* ---- Floating point ---- */

    .macro each_f op, base
    \op     f0, 0(\base)
    \op     f1, 8(\base)
    \op     f2, 16(\base)
    \op     f3, 24(\base)
    \op     f4, 32(\base)
    \op     f5, 40(\base)
    \op     f6, 48(\base)
    \op     f7, 56(\base)
    \op     f8, 64(\base)
    \op     f9, 72(\base)
    \op     f10, 80(\base)
    \op     f11, 88(\base)
    \op     f12, 96(\base)
    \op     f13, 104(\base)
    \op     f14, 112(\base)
    \op     f15, 120(\base)
    \op     f16, 128(\base)
    \op     f17, 136(\base)
    \op     f18, 144(\base)
    \op     f19, 152(\base)
    \op     f20, 160(\base)
    \op     f21, 168(\base)
    \op     f22, 176(\base)
    \op     f23, 184(\base)
    \op     f24, 192(\base)
    \op     f25, 200(\base)
    \op     f26, 208(\base)
    \op     f27, 216(\base)
    \op     f28, 224(\base)
    \op     f29, 232(\base)
    \op     f30, 240(\base)
    \op     f31, 248(\base)
    .endm

/* a0 = in, a1 = out, a2 = loops, a3 = yields */
    .globl kt_fp_spin
kt_fp_spin:
    save_callee
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3
    each_f  fld, s0
    ld      t0, 256(s0)
    fscsr   t0
1:  beqz    s3, 2f
    li      a7, SYS_YIELD
    li      a0, 0
    li      a1, 0
    ecall
2:  addi    s2, s2, -1
    bnez    s2, 1b
    each_f  fsd, s1
    frcsr   t0
    sd      t0, 256(s1)
    fscsr   zero
    restore_callee
    ret

/* ---- Probes ----
 * s0 = endpoint, s2 = result of the last command. Each answer is a call; its reply is the next command: a2 = op, a3 =
 * address or number, a4 = value. No memory is touched but what the command says; no stack.
 */
    .balign 64
    .globl kt_code_start, kt_code_bytes, kt_probe_offset
    .option push
    .option norvc
    .option norelax
kt_code_start:
kt_probe_entry:
    li      s2, 0
answer:
    li      a7, SYS_CALL
    mv      a0, s0
    li      a1, PROBE_INFO
    mv      a2, s2
    ecall
    bltz    a1, gone
    li      s2, 0
    beqz    a2, op_load
    addi    a2, a2, -1
    beqz    a2, op_store
    addi    a2, a2, -1
    beqz    a2, op_exec
    addi    a2, a2, -1
    beqz    a2, op_until
    addi    a2, a2, -1
    beqz    a2, op_ecall
    addi    a2, a2, -1
    beqz    a2, op_break
    addi    a2, a2, -1
    beqz    a2, op_illegal
    addi    a2, a2, -1
    beqz    a2, op_amo
    addi    a2, a2, -1
    beqz    a2, op_count
    addi    a2, a2, -1
    beqz    a2, op_byte
    j       op_store_for_ever
op_load:
    ld      s2, 0(a3)
    j       answer
op_store:
    sd      a4, 0(a3)
    j       answer
op_exec:
    li      a0, 0
    jalr    a3
    mv      s2, a0
    j       answer
op_until:
    ld      s2, 0(a3)
    bne     s2, a4, op_until
    j       answer
op_ecall:
    mv      a7, a3
    mv      a0, a4
    addi    a1, a4, 1
    ecall
    mv      s2, a0
    j       answer
op_break:
    ebreak
    j       answer
op_illegal:
    .word   0xffffffff
    j       answer
op_amo:
    amoadd.d s2, a4, (a3)
    j       answer
op_count:
    ld      t0, 0(a3)
    addi    t0, t0, 1
    sd      t0, 0(a3)
    j       op_count
op_byte:
    lbu     s2, 0(a3)
    j       answer
op_store_for_ever:
    sd      a4, 0(a3)
    j       op_store_for_ever
gone:
    ebreak
    j       gone
kt_code_end:
    .option pop

    .section .rodata
    .balign 8
kt_code_bytes:
    .dword  kt_code_end - kt_code_start
kt_probe_offset:
    .dword  kt_probe_entry - kt_code_start

    .text
/* What the threads of a world run (worlds.c, tests/spec): a0..a7 from the block at tp, a system call, a0..a5 behind them, the
 * end. */
    .option push
    .option norvc
    .globl world_program, world_program_call, world_program_store, world_program_stop, world_step_back
    .balign 4
world_program:
    ld a0, 0(tp)
    ld a1, 8(tp)
    ld a2, 16(tp)
    ld a3, 24(tp)
    ld a4, 32(tp)
    ld a5, 40(tp)
    ld a6, 48(tp)
    ld a7, 56(tp)
world_program_call:
    ecall
world_program_store:
    sd a0, 64(tp)
    sd a1, 72(tp)
    sd a2, 80(tp)
    sd a3, 88(tp)
    sd a4, 96(tp)
    sd a5, 104(tp)
world_program_stop:
    ebreak

/* The driver steps back: its fault handler, of lower priority than all of its world, answers when nobody else is ready. */
world_step_back:
    ebreak
    ret
    .option pop
