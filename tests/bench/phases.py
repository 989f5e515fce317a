"""What the instructions of an operation are for: the one table that maps code to phases.

A rule is (components, source files, functions, phase); the first that fits counts. An instruction is looked up by the
inlined function that it belongs to, from the innermost outwards, until a rule fits: an atomic operation inlined in a lock
is locking, a lock inlined in a transaction too. Where a rule says OUTER the caller decides. What no rule knows is `other`,
and a profile that has more of it than OTHER_MAX fails, so that new files get their place here.

Patterns are those of a shell: * ? [abc]; several are separated by blanks.
"""

import fnmatch

TRAP, SWITCH, IPC, CAPS = "trap entry and exit", "thread switch", "IPC", "capability look-up"
SPURIOUS, WRITES, FLUSH = "spurious-fault check", "page-table writes", "flushing"
DECODE, TRANSACTION, LOCKING, ZEROING = "server's requests", "transaction logic", "locking", "zeroing"
LIBRARY, PROGRAM, OTHER = "client library", "measured program", "other"
PHASES = (TRAP, SWITCH, IPC, CAPS, SPURIOUS, WRITES, FLUSH, DECODE, TRANSACTION, LOCKING, ZEROING, LIBRARY, PROGRAM,
          OTHER)  # the order in pictures
OUTER = None
OTHER_MAX = 0.03  # of all instructions of an operation

RULES = [
    ("kernel", "kernel/fence.h", "tlb_*", FLUSH),
    ("kernel", "kernel/pt.[ch]", "*allow*", SPURIOUS),
    # Small helpers belong to what they are used for.
    ("*", "*/atomic.h */csr.h */types.h */hart.h */fence.h */config.h */layout.h", "*", OUTER),
    ("*", "kernel/pt.h kernel/mmu.h kernel/memory.h kernel/tcb.h kernel/vspace.h kernel/include/tenon/*", "*", OUTER),
    ("*", "mmserver/corten/port.h mmserver/corten/table.h", "*", OUTER),
    ("*", "mmserver/corten/stock.h", "counter_* share_*", OUTER),

    ("kernel", "kernel/trap.[chS] kernel/hart.c", "*", TRAP),
    ("kernel", "kernel/syscall.[ch]", "*dispatch*", TRAP),
    ("kernel", "kernel/sched.[ch] kernel/timer.[ch] kernel/fp.*", "*", SWITCH),
    ("kernel", "kernel/vspace.c", "vspace_switch*", SWITCH),
    ("kernel", "kernel/*fast*", "save_* run_*", TRAP),
    ("kernel", "kernel/*fast*", "runs_* switch_*", SWITCH),
    ("kernel", "kernel/*fast*", "*slot* object_* endpoint_to", CAPS),
    ("kernel", "kernel/*fast*", "*pt_write*", WRITES),
    ("kernel", "kernel/spinlock.[ch] kernel/lockdep.[ch]", "*", LOCKING),
    ("kernel", "*", "slot_read* cspace_* cap_*", CAPS),
    ("kernel", "kernel/cap.[ch] kernel/cnode.[ch] kernel/cdt.[ch] kernel/gate.[ch]", "*", CAPS),
    ("kernel", "kernel/ptwrite*.[ch] kernel/pt.c kernel/memory.c", "*", WRITES),
    ("kernel", "kernel/syscall.[ch]", "sys_pt_write*", WRITES),
    ("kernel", "kernel/shootdown.[ch] kernel/ipi.[ch] kernel/mmu.c kernel/vspace.c", "*", FLUSH),
    ("kernel", "kernel/string.S", "memset", ZEROING),
    ("kernel", "kernel/*ipc* kernel/*fast* kernel/endpoint.[ch] kernel/reply.[ch] kernel/notification.[ch]", "*", IPC),
    ("kernel", "kernel/syscall.[ch]", "*", IPC),
    ("kernel", "kernel/tcb.c kernel/string.S", "*", IPC),  # registers and message words
    ("firmware", "*", "*", TRAP),

    ("server", "mmserver/corten/*lock*.[ch] mmserver/corten/epoch.[ch] mmserver/lock.h", "*", LOCKING),
    ("server", "mmserver/corten/leaf.h", "leaf_try_* leaf_enter walk_*", LOCKING),
    ("server", "*", "memset *zero*", ZEROING),
    ("server", "mmserver/corten/batch.[ch] mmserver/corten/ride.[ch]", "*", WRITES),
    ("server", "mmserver/port*.[ch]", "*pt_write*", WRITES),
    ("server", "mmserver/corten/flush.[ch]", "*", FLUSH),
    ("server", "mmserver/port*.[ch]", "*flush*", FLUSH),
    ("server", "mmserver/corten/*", "*", TRANSACTION),
    ("server", "mmserver/frames.[ch] mmserver/tables.[ch] mmserver/supply.[ch] mmserver/port*.[ch]", "*", TRANSACTION),
    ("server", "mmserver/*", "*", DECODE),
    ("server", "libipc/*", "*", IPC),

    ("client program", "libipc/*", "*", LIBRARY),
    ("client program partner", "apps/* tests/*", "*", PROGRAM),
    ("partner", "*", "*", PROGRAM),
    ("client program", "*", "*", LIBRARY),  # the C library's
]


def fits(text, patterns):
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns.split())


def phase_of(component, frames):
    """`frames`: (function, file) of an instruction, the innermost inlined function first."""
    for function, file in frames:
        for components, files, functions, phase in RULES:
            if fits(component, components) and fits(file, files) and fits(function, functions):
                if phase is OUTER:
                    break
                return phase
    return OTHER
