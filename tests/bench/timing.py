"""One system under the timing plug-in (platform/qemu-virt/timing.c): runs it, and gives names to what the plug-in reports."""

import bisect
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "platform", "qemu-virt"))
import machine  # noqa: E402

NM = "riscv64-unknown-elf-nm"
OBJCOPY = "riscv64-unknown-elf-objcopy"
KERNEL_HALF = 1 << 63
FIRMWARE = range(0x80000000, 0x80200000)
REGION = re.compile(r"region (\S+) operations (\d+) remote-flushes (\d+)")


class Failed(Exception):
    pass


class Program:
    """An ELF file: its symbols, and its bytes, to tell whose instructions one sees."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        rows = [line.split() for line in subprocess.run([NM, "-nS", path], check=True, stdout=subprocess.PIPE,
                                                        text=True).stdout.splitlines()]
        self.functions = [(int(row[0], 16), 0, row[-1]) for row in rows if row[-2] in "tTwW" and row[-1][0] not in ".$"]
        self.data = [(int(row[0], 16), int(row[1], 16), row[-1]) for row in rows if len(row) == 4 and row[2] in "dDbBrR"]
        self.code = self.read_text()

    def read_text(self):
        """(address, bytes) of the segment with the code."""
        headers = subprocess.run(["riscv64-unknown-elf-readelf", "-lW", self.path], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout
        with open(self.path, "rb") as source:
            content = source.read()
        parts = []
        for match in re.finditer(r"LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x\w+ [R ][W ]E", headers):
            offset, address, size = (int(digits, 16) for digits in match.groups())
            parts.append((address, content[offset:offset + size]))
        return parts

    def has_code(self, address, code):
        return any(start <= address < start + len(text) and text[address - start:address - start + len(code)] == code
                   for start, text in self.code)

    def function(self, address):
        index = bisect.bisect_right(self.functions, (address, 1 << 64)) - 1
        return self.functions[index][2] if index >= 0 else f"{address:#x}"

    def variable(self, address):
        """'symbol + offset', or None if no variable is there."""
        index = bisect.bisect_right(self.data, (address, 1 << 64)) - 1
        if index < 0 or address >= self.data[index][0] + self.data[index][1]:
            return None
        start, _, name = self.data[index]
        return f"{name}+{address - start:#x}" if address != start else name


class Names:
    """Names for lines, by where the writers' instructions stand and by which address they reached the line."""

    # Where a memory server keeps what (mmserver/include/tenon/server_start.h).
    SERVER = [(0x1000000000, 0x2000000000, "heap, metadata or frame"), (0x3000000000, 0x3800000000, "worker's stack"),
              (0x3800000000, 0x3a00000000, "first worker's stack or IPC buffer"),
              (0x3c00000000, 0x3c40000000, "table descriptor"), (0x3c40000000, 0x4000000000, "free list of tables")]

    def __init__(self, build, programs):
        self.kernel = Program("kernel", os.path.join(build, "kernel.elf"))
        self.programs = [Program(name, os.path.join(build, "elf", name)) for name in programs]

    def owners(self, write):
        """Programs that the instruction can belong to; empty: the firmware."""
        if write["pc"] >= KERNEL_HALF:
            return [self.kernel]
        code = bytes.fromhex(write["code"])
        return [program for program in self.programs if program.has_code(write["block"], code)]

    def memory(self, program, vaddr):
        variable = program.variable(vaddr)
        if variable:
            return variable
        if program.name == "mmserver":
            for low, high, what in self.SERVER:
                if low <= vaddr < high:
                    return what
        return "object, table or per-hart data" if program is self.kernel else "stack, heap or mapping"

    def describe(self, line):
        """'owner: what (writers)' for a line that harts share."""
        what, writers = {}, {}
        for write in sorted(line["writes"], key=lambda write: -write["times"]):
            owners = self.owners(write)
            for program in owners:
                address = write["vaddr"] & -64
                name = self.memory(program, write["vaddr"])
                named = program.variable(address)
                what.setdefault(f"{program.name}: {named or name}", None)
                writers.setdefault(program.function(write["pc"]), None)
            if not owners:
                what.setdefault("firmware" if write["pc"] in FIRMWARE else "unknown", None)
                writers.setdefault(f"{write['pc']:#x}", None)
        shown = list(writers)[:4] + (["..."] if len(writers) > 4 else [])
        return f"{' = '.join(what)} [{', '.join(shown)}]"


def run(name, dts, build, harts, bootargs, options="", limit_s=900):
    """Boots a system under the plug-in: the regions that it measured, in order, each with its lines."""
    system = machine.System(name, build, dts, harts=harts, mem="1G" if harts <= 64 else "2G", bootargs=bootargs, limit_s=limit_s)
    system.accel = ["-accel", "tcg,thread=single", "-icount", "shift=3,sleep=off"]
    os.makedirs(system.work, exist_ok=True)
    out = os.path.join(system.work, "timing.json")
    plugin = os.path.join("build", "plugins", "timing.so")  # a program of this machine, whatever was built for the other
    system.extra = ["-plugin", f"{plugin},out={out}{',' if options else ''}{options}"]
    result = machine.run(system, lambda line: None)
    if not result.passed():
        raise Failed(f"{name}: the system failed:\n" + "\n".join("    | " + line for line in result.lines[-20:]))
    named = [match.groups() for match in map(REGION.match, result.lines) if match]
    with open(out, encoding="utf-8") as source:
        rows = [json.loads(line) for line in source]
    regions = [row for row in rows if "end" in row]
    if len(regions) != len(named) or any(region["harts"] != harts for region in regions):
        raise Failed(f"{name}: {len(named)} regions printed, measured on harts: {[r['harts'] for r in regions]}")
    for region, (bench, operations, flushes) in zip(regions, named):
        region.update(bench=bench, operations=int(operations), remote_flushes=int(flushes), seconds=result.seconds,
                      lines=[row for row in rows if "line" in row and row["region"] == region["region"]])
    return regions
