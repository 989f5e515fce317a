/* Ways to go wrong: the arguments of hostile_faults (faults.c), as faults_init.c gives them. */
#pragma once

enum fault_way {
    FAULT_LOAD, /* of what stands at the address */
    FAULT_LOAD_FP,
    FAULT_STORE,
    FAULT_ATOMIC,
    FAULT_JUMP,
    FAULT_PUSH, /* a store through a stack pointer that has this value, after a system call with it */
    FAULT_TOUCHES,

    FAULT_SP = FAULT_TOUCHES, /* a request with a stack pointer of this value: is answered */
    FAULT_BUFFER_UNMAPPED, /* long messages with the IPC buffer's page taken away: answered, then its use is a fault */
    FAULT_BUFFER_PROTECTED,
    FAULT_BUFFER_REPLACED, /* by another page: answered */
    FAULT_UNMAP,           /* ADDRESS LENGTH of what the program needs to go on */
    FAULT_PROTECT,
    FAULT_REPLACE,
    FAULT_WAYS
};
