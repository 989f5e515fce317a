"""What the kernel makes of a machine before it runs init: what it refuses to start, with a line that says why and a status
that is not 0, and odd machines on which it starts all the same.

Each is a System with something else in it: a device tree that an overlay has changed, another initrd, a file in it.
"""

import os
import struct

import machine

LIMIT_S = 120


class Boot:
    """`init` runs (default: one short kernel test, which must pass), and a line must have the text `expected`."""

    def __init__(self, name, expected, starts=False, bootargs="", overlay="", files=None, initrd=None, harts=2,
                 init="ktest", fast=False, debug=False):
        self.name, self.expected, self.starts, self.bootargs, self.overlay = name, expected, starts, bootargs, overlay
        self.files, self.initrd, self.harts, self.init, self.fast = files or {}, initrd, harts, init, fast
        self.debug = debug

    def system(self, build):
        files = {name: content(build) if callable(content) else content for name, content in self.files.items()}
        bootargs = self.bootargs or "init=ktest test=cnode"
        system = machine.System(f"boot-{self.name}", build, self.description(), self.harts, bootargs=bootargs, init=self.init,
                                files=files, limit_s=LIMIT_S)
        system.initrd = self.initrd
        if self.fast:  # time goes on at once where all harts sleep
            system.accel = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
        return system

    def description(self):
        if not self.overlay:
            return None
        path = os.path.join("build", "boot", self.name + ".dts")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"/dts-v1/;\n/plugin/;\n{self.overlay}\n")
        return path

    def check(self, release, debug):
        """(what is wrong, the console's lines, seconds)"""
        result = machine.run(self.system(debug if self.debug else release), lambda line: None)
        failures = []
        if result.hang:
            failures.append(f"hang: not done after {LIMIT_S} s")
        elif (result.status == 0) != self.starts:
            failures.append(f"ended with status {result.status}")
        if not any(self.expected in line for line in result.lines):
            failures.append(f"no line has '{self.expected}'")
        return failures, result.lines, result.seconds


def writable_code(build):
    """ktest whose code is writable."""
    with open(os.path.join(build, "programs", "ktest"), "rb") as source:
        elf = bytearray(source.read())
    (start,), (count,) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<H", elf, 56)
    for at in range(start, start + 56 * count, 56):
        kind, flags = struct.unpack_from("<II", elf, at)
        if kind == 1 and flags & 1:
            struct.pack_into("<I", elf, at + 4, flags | 2)
    return bytes(elf)


def reserved_pages(count, first, step):
    """An overlay that reserves single pages."""
    nodes = "".join(f"page@{at:x} {{ reg = <0 {at:#x} 0 0x1000>; }};\n" for at in range(first, first + count * step, step))
    return f"&{{/}} {{ reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges;\n{nodes}}}; }};"


OTHER_NAMES = """&{/soc/plic@c000000} { compatible = "riscv,plic0"; };
&{/soc/test@100000} { compatible = "sifive,test1"; };"""
# The tree promises an instruction that QEMU 7.2 does not have: it is tried, and not used.
PROMISED = '&{/cpus/cpu@0} { riscv,isa-extensions = "i", "m", "a", "c", "zicboz"; riscv,cboz-block-size = <64>; };'
NO_ROOM = "&{/memory@80000000} { reg = <0 0x80000000 0 0x228000>; };"
# A hart that is not there.
MISSING = '&{/cpus} { cpu@9 { device_type = "cpu"; reg = <9>; riscv,isa = "rv64imafdc"; mmu-type = "riscv,sv48"; }; };'
# One hart twice: the firmware does not start it again, and the hart behind it takes its place.
TWICE = '&{/cpus} { cpu@9 { device_type = "cpu"; reg = <1>; riscv,isa = "rv64imafdc"; mmu-type = "riscv,sv48"; }; };'
# What looks like the device that ends QEMU lies beyond what the kernel can reach: the firmware ends it, with status 0.
NO_TEST_DEVICE = '&{/} { end@1000000000000 { compatible = "sifive,test0"; reg = <0x10000 0 0 0x1000>; }; };'

TESTS = [
    Boot("no_program", "boot: initrd has no program not_there: ", bootargs="init=not_there", init="init"),
    Boot("no_elf", "boot: program text: ", bootargs="init=text", files={"text": b"This is text."}),
    Boot("writable_code", "boot: program wx: a segment is writable and executable", bootargs="init=wx test=cnode",
         files={"wx": writable_code}),
    Boot("long_name", "boot: bootarg init=: name too long", bootargs=f"init={'x' * 200}"),
    Boot("no_mode", "boot: mmu=sv32: not a mode of this machine", bootargs="mmu=sv32"),
    Boot("no_initrd", "boot: no initrd", initrd=b""),
    Boot("no_archive", "boot: initrd", initrd=b"This is text, not an archive. " * 200),
    Boot("no_memory", "boot: the device tree has no memory", overlay='&{/memory@80000000} { device_type = "none"; };'),
    Boot("no_timebase", "boot: the device tree has no timebase-frequency", overlay="&{/cpus} { timebase-frequency = <0>; };"),
    Boot("large_tree", "boot: device tree: too large", overlay='&{/} { large = /incbin/("/dev/zero", 0, 0x700000); };'),
    Boot("many_reserved", "boot: more than 32 reserved ranges in the device tree", overlay=reserved_pages(33, 0x90000000, 0x2000)),
    Boot("pieces", "boot: more pieces of memory than init can be told of", starts=True,
         overlay=reserved_pages(20, 0x90000000, 0x401000)),
    Boot("long_bootargs", "boot: bootargs longer than ", starts=True, bootargs="init=ktest test=cnode " + "x" * 2000),
    Boot("other_names", "ok ", starts=True, overlay=OTHER_NAMES),
    Boot("promised", "ok ", starts=True, overlay=PROMISED, harts=1),
    Boot("missing_hart", "boot: hart 9 did not start and is left out", starts=True, overlay=MISSING, harts=1, fast=True),
    Boot("hart_twice", "boot: hart 1: the firmware does not start it", starts=True, overlay=TWICE, harts=3),
    Boot("no_test_device", "boot: initrd has no program not_there: ", starts=True, bootargs="init=not_there",
         overlay=NO_TEST_DEVICE),
    Boot("no_room", "boot: not enough memory: no ", overlay=NO_ROOM),
    Boot("few_asids", "ok ", starts=True, bootargs="init=ktest test=flush. asid-bits=1", debug=True),
]
