"""Instructions of the boot: from the kernel's first to the first of `init`, of the memory server and of the first client.

Counted by a plug-in of QEMU's (platform/qemu-virt/marks.c), so no program has code for it. Used by bench.py; run by itself it
prints which functions the instructions belong to:

    boot.py [--build build] [--mm user-adv]
"""

import argparse
import collections
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "platform", "qemu-virt"))
import machine  # noqa: E402
import symbols  # noqa: E402

DTS = "apps/bench/bench.dts"
PROGRAMS = ("init", "mmserver", "bench")  # in the order in which they start
PLUGIN = os.path.join("build", "plugins", "marks.so")  # of this machine, whatever is measured
PHASES = (("boot_init", "kernel's first instruction to init's"),
          ("boot_server", "from there to the memory server's"),
          ("boot_client", "from there to the first client's"))
MARK_BYTES = 16
FIRMWARE = range(0x80000000, 0x80200000)
KERNEL_OFFSET = 0xffffffc000000000  # virtual less physical address
SHOWN = 12  # functions of each phase


def entry_mark(path):
    """ADDRESS:BYTES of a program's first instructions, as the plug-in wants them; the kernel's address is the physical one."""
    with open(path, "rb") as source:
        image = source.read()
    entry, headers = struct.unpack_from("<QQ", image, 24)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, offset, vaddr, paddr, file_bytes = struct.unpack_from("<IIQQQQ", image, headers + i * size)
        for base in (vaddr, paddr):
            if kind == 1 and base <= entry < base + file_bytes:
                place = entry - base
                start = paddr + place if vaddr >= KERNEL_OFFSET else vaddr + place
                return f"{start:x}:{image[offset + place:offset + place + MARK_BYTES].hex()}"
    raise machine.Refused(f"{path}: its first instruction is in no segment")


def run(build, mm):
    """Boots once: instructions of each phase, and of each phase how often each address."""
    system = machine.System(f"boot-{mm}", build, DTS, harts=1, bootargs=f"mmu=sv39 mm={mm}", limit_s=120)
    system.accel = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    os.makedirs(system.work, exist_ok=True)
    report = os.path.join(system.work, "marks.txt")
    paths = [system.kernel, *(os.path.join(build, "programs", name) for name in PROGRAMS)]
    options = [PLUGIN, f"out={report}", *(f"mark={entry_mark(path)}" for path in paths)]
    system.extra = ["-plugin", ",".join(options)]
    if os.path.exists(report):
        os.unlink(report)
    result = machine.run(system, lambda line: None)
    if not result.passed():
        raise machine.Refused("boot: the system failed: " + "; ".join(result.lines[-3:]))
    return read_report(report)


def read_report(path):
    marks, times = {}, collections.defaultdict(collections.Counter)
    with open(path, encoding="ascii") as source:
        for kind, index, *numbers in map(str.split, source):
            if kind == "mark":
                marks[int(index)] = int(numbers[0])
            else:
                times[int(index)][int(numbers[0], 16)] += int(numbers[1])
    if len(marks) != len(PHASES) + 1:
        raise machine.Refused(f"{path}: a program did not start: {len(marks)} of {len(PHASES) + 1} first instructions seen")
    phases = [marks[i + 1] - marks[i] for i in range(len(PHASES))]
    for i, instrs in enumerate(phases):
        if sum(times[i].values()) != instrs:
            raise machine.Refused(f"{path}: phase {i}: {sum(times[i].values())} at all addresses, {instrs} in all")
    return phases, times


def rows(build, mm):
    """What bench.py makes figures of: (name, instructions), the same in two boots. The first has no part of the manager's."""
    first, second = run(build, mm)[0], run(build, mm)[0]
    if first != second:
        raise machine.Refused(f"boot: not the same in two runs: {first} and {second}")
    return [(name, instrs) for (name, _), instrs in zip(PHASES, first)]


def function_of(address, kernel, program):
    if address in FIRMWARE:
        return "firmware"
    if address < 1 << 32 and address >= FIRMWARE.stop:
        address += KERNEL_OFFSET  # before translation is on
    name = symbols.find(kernel, address) if address >= symbols.KERNEL_HALF else symbols.find(program, address)
    where = "kernel" if address >= symbols.KERNEL_HALF else "user"
    return f"{where} {(name or '?').split('+')[0]}"


def print_profile(build, mm):
    phases, times = run(build, mm)
    kernel = symbols.read_symbols(os.path.join(build, "kernel.elf"))
    tables = [symbols.read_symbols(os.path.join(build, "elf", name)) for name in PROGRAMS]
    for i, (name, what) in enumerate(PHASES):
        print(f"{name}: {phases[i]:,} instructions, {what}")
        functions = collections.Counter()
        for address, n in times[i].items():
            functions[function_of(address, kernel, tables[max(i - 1, 0)])] += n
        for function, n in functions.most_common(SHOWN):
            print(f"    {n:>9,} {n / phases[i]:>6.1%}  {function}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--mm", default="")
    options = parser.parse_args()
    try:
        print_profile(options.build, options.mm or "user-adv")
    except (machine.Refused, OSError) as error:
        print(f"boot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
