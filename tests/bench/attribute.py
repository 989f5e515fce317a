"""From what the plug-in wrote (platform/qemu-virt/profile.c) to samples, and from addresses to functions.

User programs have the same addresses, so a page of instructions belongs to the program that has this content at this
place. Code that a program has copied elsewhere (the server of the kernel's benchmarks) is found by its content as well.
"""

import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "platform", "qemu-virt"))
import symbols  # noqa: E402

ADDR2LINE = "riscv64-unknown-elf-addr2line"
PAGE_BYTES = 4096
FIRMWARE = range(0x80000000, 0x80200000)
# The kernel's benchmarks are one program, and the code that it copies into another address space its partner.
COMPONENTS = {"mmserver": "server", "bench": "client", "kbench": "program"}  # others by their own names
PARTNER = "partner"


class Unknown(Exception):
    """Something that cannot be attributed; the text says what."""


class Place:
    """Where an instruction lies. `frames`: (function, file, line), the innermost inlined function first."""

    def __init__(self, component, function, frames):
        self.component, self.function, self.frames = component, function, frames


class Program:
    def __init__(self, name, path, component):
        self.name, self.path, self.component = name, path, component
        self.segments = read_segments(path)
        self.table = symbols.read_symbols(path, "tTwWrR")
        self.places = {}

    def page(self, vaddr):
        """Its content when loaded; None: the program has nothing there."""
        for start, content in self.segments:
            if start <= vaddr < start + len(content):
                return content[vaddr - start:vaddr - start + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")
        return None

    def find(self, content):
        """Where the program has these bytes; None: nowhere."""
        for start, segment in self.segments:
            offset = segment.find(content)
            if offset >= 0:
                return start + offset
        return None

    def symbol(self, name):
        addresses, names = self.table
        return addresses[names.index(name)] if name in names else None

    def function_at(self, vaddr):
        found = symbols.find(self.table, vaddr)
        return found.rpartition("+")[0] if found else f"{vaddr:#x}"

    def look_up(self, addresses, root):
        """Fills `places` for these addresses."""
        done = subprocess.run([ADDR2LINE, "-a", "-f", "-i", "-e", self.path], check=True, text=True,
                              input="".join(f"{address:#x}\n" for address in addresses), stdout=subprocess.PIPE)
        records = []
        for line in done.stdout.splitlines():
            if line.startswith("0x"):
                records.append((int(line, 16), []))
            else:
                records[-1][1].append(line)
        for address, lines in records:
            function = self.function_at(address)
            frames = [(name if name != "??" else function, *source_of(where, root))
                      for name, where in zip(lines[::2], lines[1::2])]
            self.places[address] = (function, frames)


def source_of(where, root):
    """(file from the root of the tree, line) of addr2line's file:line."""
    file, _, line = where.partition(" (")[0].rpartition(":")
    file = os.path.normpath(file)
    return os.path.relpath(file, root) if file.startswith(root + os.sep) else file, int(line) if line.isdigit() else 0


def read_segments(path):
    """(address, content) of what an ELF file loads."""
    with open(path, "rb") as source:
        elf = source.read()
    offset, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
    return [(vaddr, elf[start:start + filesz]) for kind, _, start, vaddr, _, filesz, _, _ in headers if kind == 1]


class Recording:
    """What the plug-in wrote. `events`: ("add", page, path), ("print", page, None); a path: (instrs, [(insn, times)])."""

    def __init__(self, path):
        self.pages, self.insns, self.paths, self.events = {}, {}, {}, []
        with open(path, encoding="ascii") as source:
            for line in source:
                kind, *words = line.split()
                getattr(self, "read_" + kind)(*words)

    def read_page(self, number, vaddr, content):
        self.pages[number] = int(vaddr, 16), bytes.fromhex(content)

    def read_insn(self, number, page, vaddr):
        self.insns[number] = page, int(vaddr, 16)

    def read_path(self, number, instrs, *steps):
        pairs = [step.split(":") for step in steps]
        self.paths[number] = int(instrs), [(insn, int(times)) for insn, times in pairs]

    def read_add(self, insn, path):
        self.events.append(("add", self.insns[insn][0], path))

    def read_print(self, insn):
        self.events.append(("print", self.insns[insn][0], None))


class Attribution:
    """Names for the instructions of a recording. `kernel` and `programs` were running; `root`: of the source files."""

    def __init__(self, recording, kernel, programs, root):
        self.recording, self.kernel, self.programs, self.root = recording, kernel, programs, root
        self.owners = {number: self.owner_of(*page) for number, page in recording.pages.items()}
        wanted = {}
        for page, vaddr in recording.insns.values():
            program, shift = self.owners[page][:2]
            if program:
                wanted.setdefault(program, set()).add(vaddr + shift)
        for program, addresses in wanted.items():
            program.look_up(sorted(addresses), root)

    def owner_of(self, vaddr, content):
        """(program or None, what to add to an address, component) of a page."""
        if vaddr >= symbols.KERNEL_HALF:
            return self.kernel, 0, "kernel"
        owners = [program for program in self.programs if program.page(vaddr) == content]
        if len(owners) == 1:
            return owners[0], 0, owners[0].component
        if owners:
            raise Unknown(f"page {vaddr:#x}: the same in {' and '.join(program.name for program in owners)}")
        code = content.rstrip(b"\0")
        for program in self.programs if code else []:
            found = program.find(code)
            if found is not None:
                return program, found - vaddr, PARTNER
        return None, 0, "firmware" if vaddr in FIRMWARE else "unknown"

    def samples(self, program):
        """For each print of `program`: the paths of the samples since the last one."""
        result, since = [], []
        for kind, page, path in self.recording.events:
            if self.owners[page][0] is not program:
                continue
            if kind == "add":
                since.append(path)
            else:
                result.append(since)
                since = []
        return result

    def place(self, insn):
        page, vaddr = self.recording.insns[insn]
        program, shift, component = self.owners[page]
        if not program:
            return Place(component, f"{vaddr:#x}", [(component, component, 0)])
        function, frames = program.places[vaddr + shift]
        return Place(component, function, frames or [(function, program.name, 0)])
