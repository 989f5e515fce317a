"""Addresses to names: the kernel's functions, and those of the user programs, which are all linked at the same place."""

import bisect
import os
import subprocess

NM = "riscv64-unknown-elf-nm"
KERNEL_HALF = 1 << 63


class Table:
    def __init__(self, kernel, programs):
        self.kernel = read_symbols(kernel)
        self.programs = {}
        for name in sorted(os.listdir(programs)) if os.path.isdir(programs) else []:
            self.programs[name] = read_symbols(os.path.join(programs, name))

    def describe(self, digits):
        """Text for a hexadecimal address. Which program a user address belongs to cannot be seen: all that fit are named."""
        if not digits:
            return "?"
        address = int(digits, 16)
        if address >= KERNEL_HALF:
            names = [find(self.kernel, address)]
        else:
            found = ((name, find(table, address)) for name, table in self.programs.items())
            names = [f"{name}:{function}" for name, function in found if function]
        names = [name for name in names if name]
        return f"{address:#x}" + (f" ({' or '.join(names)})" if names else "")


def read_symbols(path, kinds="tTwW"):
    """Sorted addresses and their names, of functions unless `kinds` (letters of nm) says more; empty if there is no file."""
    try:
        output = subprocess.run([NM, "-n", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    except FileNotFoundError:
        output = ""
    rows = [line.split() for line in output.splitlines()]
    rows = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in kinds and row[2][0] not in ".$"]
    return [row[0] for row in rows], [row[1] for row in rows]


def find(table, address):
    addresses, names = table
    index = bisect.bisect_right(addresses, address) - 1
    if index < 0 or names[index].endswith("text_end"):  # the linker scripts' mark behind the last function
        return None
    return f"{names[index]}+{address - addresses[index]:#x}"
