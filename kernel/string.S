/* memset and memcpy by words; the C library's go byte by byte. Contracts: ISO C, 7.24. Linked before the library, so
 * they are taken in its place. */
        .text

/* void *memset(void *to, int byte, size_t count) */
        .balign 16
        .globl memset
memset:
        mv      t0, a0
        li      t1, 16
        bltu    a2, t1, 5f
1:      andi    t1, t0, 7               /* up to a multiple of 8 */
        beqz    t1, 2f
        sb      a1, 0(t0)
        addi    t0, t0, 1
        addi    a2, a2, -1
        j       1b
2:      andi    a1, a1, 0xff            /* the byte in all eight places */
        slli    t1, a1, 8
        or      a1, a1, t1
        slli    t1, a1, 16
        or      a1, a1, t1
        slli    t1, a1, 32
        or      a1, a1, t1
        andi    t1, a2, -64
        add     t1, t0, t1
        beq     t0, t1, 4f
3:      sd      a1, 0(t0)
        sd      a1, 8(t0)
        sd      a1, 16(t0)
        sd      a1, 24(t0)
        sd      a1, 32(t0)
        sd      a1, 40(t0)
        sd      a1, 48(t0)
        sd      a1, 56(t0)
        addi    t0, t0, 64
        bltu    t0, t1, 3b
4:      andi    a2, a2, 63
5:      add     a2, t0, a2              /* the rest */
        beq     t0, a2, 7f
6:      sb      a1, 0(t0)
        addi    t0, t0, 1
        bltu    t0, a2, 6b
7:      ret

/* void *memcpy(void *restrict to, const void *restrict from, size_t count) */
        .balign 16
        .globl memcpy
memcpy:
        mv      t0, a0
        or      t1, a0, a1              /* words only where both are aligned */
        andi    t1, t1, 7
        bnez    t1, 5f
        li      t1, 16
        bltu    a2, t1, 5f
        andi    t1, a2, -32
        add     t1, t0, t1
        beq     t0, t1, 4f
3:      ld      t2, 0(a1)
        ld      t3, 8(a1)
        ld      t4, 16(a1)
        ld      t5, 24(a1)
        sd      t2, 0(t0)
        sd      t3, 8(t0)
        sd      t4, 16(t0)
        sd      t5, 24(t0)
        addi    a1, a1, 32
        addi    t0, t0, 32
        bltu    t0, t1, 3b
4:      andi    a2, a2, 31
5:      add     a2, t0, a2              /* the rest */
        beq     t0, a2, 7f
6:      lb      t2, 0(a1)
        sb      t2, 0(t0)
        addi    a1, a1, 1
        addi    t0, t0, 1
        bltu    t0, a2, 6b
7:      ret
