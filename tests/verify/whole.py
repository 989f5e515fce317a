"""Proofs of whole functions in bit vectors: every input, every capability, whatever others write meanwhile.

A C file (ptwrite_whole.c) includes the kernel's sources without loops and assembly (loops.py) and says what is given and what
must hold; check_NAME() in it is a proof. It is compiled once for each operation and level, with OP and LEVEL as constants, and
decided by z3 (llvm.py). Each place where something may be wrong is an obligation.
"""
import llvm
import loops

HERE = "tests/verify"
SOURCES = ("kernel/ptwrite.c", "kernel/ptwrite.h", "kernel/ptfast.h")
# Pointers are checked by the file itself; an end that is never reached is looked at in llvm.py.
FLAGS = ["--target=riscv64-unknown-elf", "-ffreestanding", "-fno-unroll-loops",
         "-fno-sanitize=pointer-overflow,alignment,null,object-size,unreachable", "-I.", "-Ikernel", "-Ikernel/include",
         "-DTENON_DEBUG=0"]


def prepare(tree, folder):
    """Writes the sources of `tree` without loops and assembly to FOLDER/straight. None, or what is wrong."""
    (folder / "straight").mkdir(parents=True, exist_ok=True)
    try:
        for number, path in enumerate(SOURCES):
            text = loops.straight((tree / path).read_text(), number + 1)
            (folder / "straight" / path.split("/")[-1]).write_text(text)
    except llvm.Unsupported as why:
        return str(why)
    return None


def place(number):
    """The line that a verdict's number stands for."""
    if number < 0:
        return "undefined behaviour"
    path = SOURCES[number // loops.NUMBERS - 1] if number >= loops.NUMBERS else HERE + "/ptwrite_whole.c"
    return "%s:%d" % (path, number % loops.NUMBERS)


def prove(tree, folder, proof, operation, level, timeout_s, until_false=False):
    """(obligations, failures as text). `folder`: where prepare() has written. until_false: the first failure is enough."""
    found = llvm.compile_source('#include "%s/ptwrite_whole.c"\n' % HERE, FLAGS + [
        "-I" + str(folder), "-DOP=" + operation, "-DLEVEL=%d" % level], tree)
    if isinstance(found, str):
        return 0, [found]
    verdicts = llvm.decide(found["check_" + proof], timeout_s, until_false)
    failures = []
    for verdict in verdicts:
        if verdict.startswith("false "):
            failures.append("%s of %s, level %d: false: %s" % (proof, operation, level, place(int(verdict[6:]))))
        elif verdict != "proved":
            failures.append("%s of %s, level %d: %s" % (proof, operation, level, verdict))
    return len(verdicts), sorted(set(failures))
