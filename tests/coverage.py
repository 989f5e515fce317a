"""Which lines of the kernel and of the memory server the tests run. `make coverage` calls it twice:

    run.py --coverage DIRECTORY kernel system     runs tests; in DIRECTORY/raw each leaves what the plug-in has seen
    coverage.py DIRECTORY                         merges that with what gcov says of the host tests, and reports

A line has code if an instruction belongs to it, inlined ones included, in any build that was run; it was run if one of its
instructions was. A function is never run if none of its lines is, neither in QEMU nor on the host. The report fails if a
function is never run and not listed in never_run.txt, or listed there and run after all, or listed and not there.
"""

import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))
import attribute  # noqa: E402

PLUGIN = "build/plugins/coverage.so"
LISTED = "tests/never_run.txt"
COVERED = ("kernel/", "libboot/", "mmserver/")
IMAGES = {"kernel": "kernel.elf", "server": "elf/mmserver"}  # of a build directory


class Problem(Exception):
    """Why there can be no report; the text says it in one line."""


# ---- While tests run ----


def qemu_options(system, directory):
    """What makes QEMU leave DIRECTORY/raw/BUILD/RUN.txt."""
    raw = os.path.join(directory, "raw", system.build)
    os.makedirs(raw, exist_ok=True)
    images = ",".join(f"{name}={os.path.join(system.build, path)}" for name, path in IMAGES.items())
    return ["-plugin", f"{PLUGIN},out={os.path.join(raw, system.name)}.txt,{images}"]


# ---- From addresses to lines ----


class Lines:
    """Lines with code and functions, and which of them ran. A line: (file, number); a function: (file, name)."""

    def __init__(self):
        self.lines, self.functions = {}, {}  # -> ran
        self.of_line = {}  # -> its functions

    def add(self, file, number, function, ran):
        if not file.startswith(COVERED):
            return
        line, function = (file, number), (file, function)
        self.of_line.setdefault(line, set()).add(function)
        for table, key in ((self.lines, line), (self.functions, function)):
            table[key] = table.get(key, False) or ran


def instructions(program):
    """Addresses of all instructions of the executable segment, which is the first."""
    start, content = program.segments[0]
    at = 0
    while at + 2 <= len(content):
        low = content[at] & 3
        if content[at:at + 2] != b"\0\0":  # padding
            yield start + at
        at += 4 if low == 3 else 2


def check_only_owner(program, directory):
    """The plug-in takes a page for the server's by its content: no other program may have the same page there."""
    start, content = program.segments[0]
    for path in glob.glob(os.path.join(directory, "elf", "*")):
        if os.path.basename(path) == "mmserver":
            continue
        other = attribute.Program(path, path, "")
        for page in range(start, start + len(content), attribute.PAGE_BYTES):
            if other.page(page) is not None and other.page(page) == program.page(page):
                raise Problem(f"page {page:#x} is the same in mmserver and {path}")


def read_raw(build_directory):
    """Name of an image -> ranges that ran, as addresses of instructions cannot be told yet."""
    ranges = {name: set() for name in IMAGES}
    files = glob.glob(os.path.join(build_directory, "*.txt"))
    for path in files:
        with open(path, encoding="ascii") as source:
            for line in source:
                name, start, size = line.split()
                ranges[name].add((int(start, 16), int(size)))
    return ranges, len(files)


def add_image(result, program, ranges):
    ran = bytearray(len(program.segments[0][1]))
    base = program.segments[0][0]
    for start, size in ranges:
        ran[start - base:start - base + size] = b"\1" * size
    addresses = list(instructions(program))
    program.look_up(addresses, ROOT)
    for address in addresses:
        function, frames = program.places[address]
        for name, file, number in frames:
            if number:
                result.add(file, number, name if name != "??" else function, bool(ran[address - base]))


def of_qemu(directory):
    result, runs = Lines(), 0
    for build_directory in sorted(glob.glob(os.path.join(directory, "raw", "*"))):
        ranges, files = read_raw(build_directory)
        build = os.path.basename(build_directory)
        runs += files
        for name, path in IMAGES.items():
            program = attribute.Program(name, os.path.join(build, path), name)
            if name == "server":
                check_only_owner(program, build)
            add_image(result, program, ranges[name])
    if not runs:
        raise Problem(f"{directory}/raw: no run has left anything")
    return result, runs


def of_host(directory):
    """What gcov says of the objects below build/host/coverage."""
    result = Lines()
    data = sorted(glob.glob(os.path.join(directory, "**", "*.gcda"), recursive=True))
    if not data:
        raise Problem(f"{directory}: no host test has left anything")
    done = subprocess.run(["gcov", "--json-format", "--stdout", *data], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=True)
    for text in done.stdout.splitlines():
        for file in json.loads(text)["files"]:
            for line in file["lines"]:
                if "function_name" in line:
                    result.add(file["file"], line["line_number"], line["function_name"], line["count"] > 0)
    return result


# ---- The list of what is never run for a reason ----


def read_listed(path):
    """(file, function) -> (line of the list, may run) from lines `FILE FUNCTION: why` and `~FILE FUNCTION: why`."""
    listed = {}
    with open(path, encoding="utf-8") as source:
        for number, text in enumerate(source, 1):
            text = text.strip()
            if not text or text.startswith("#"):
                continue
            match = re.fullmatch(r"(~?)(\S+) (\S+): \S.*", text)
            if not match:
                raise Problem(f"{path}:{number}: not 'FILE FUNCTION: reason'")
            listed[(match.group(2), match.group(3))] = (number, bool(match.group(1)))
    return listed


def compare(never, functions, listed):
    """What is wrong between the functions that are never run and the list, in lines to print."""
    problems = [f"{file}: {name} is never run, and {LISTED} gives no reason" for file, name in sorted(never - set(listed))]
    for key, (number, may_run) in sorted(listed.items()):
        if key not in functions:
            problems.append(f"{LISTED}:{number}: there is no function {key[1]} with code in {key[0]}")
        elif key not in never and not may_run:
            problems.append(f"{LISTED}:{number}: {key[1]} in {key[0]} is run after all")
    return problems


# ---- The report ----


def count(table, file):
    values = [ran for (of, _), ran in table.items() if of == file]
    return len(values), sum(values)


def cells(lines, run):
    return f"{lines:6} {run:6} {100 * run / lines:6.1f}" if lines else f"{'-':>6} {'-':>6} {'-':>6}"


def table(qemu, host):
    files = sorted({file for file, _ in list(qemu.lines) + list(host.lines)})
    rows = [f"{'':34}   in QEMU: lines, run, %   on the host: lines, run, %"]
    groups = {}
    for file in files:
        pair = count(qemu.lines, file), count(host.lines, file)
        rows.append(f"{file:34} {cells(*pair[0])}   {cells(*pair[1])}")
        group = "mmserver/corten" if file.startswith("mmserver/corten/") else file.partition("/")[0]
        old = groups.get(group, ((0, 0), (0, 0)))
        groups[group] = tuple((a + c, b + d) for (a, b), (c, d) in zip(old, pair))
    rows.append("")
    return rows + [f"{group:34} {cells(*pair[0])}   {cells(*pair[1])}" for group, pair in groups.items()]


def is_defined(file, name):
    """An instruction can have the name of an inlined function and the line of its caller: is the function in this file?"""
    with open(os.path.join(ROOT, file), encoding="utf-8") as source:
        return re.search(rf"^{name}:|^[a-z].*\b{name}\(.*[^;]$", source.read(), re.MULTILINE)


def never_run(qemu, host):
    """Functions that are never run, and lines, of all there are."""
    functions = {key for key in {**qemu.functions, **host.functions}
                 if not qemu.functions.get(key) and not host.functions.get(key) and is_defined(*key)}
    lines = {key for key, ran in qemu.lines.items() if not ran and not host.lines.get(key)}
    return functions, lines


def write_lines(path, qemu, lines):
    """The lines that are never run, with their text, grouped by function."""
    with open(path, "w", encoding="utf-8") as out:
        sources, last = {}, None
        for file, number in sorted(lines):
            if file not in sources:
                with open(os.path.join(ROOT, file), encoding="utf-8") as source:
                    sources[file] = source.read().splitlines()
            where = file, ", ".join(sorted(name for _, name in qemu.of_line[(file, number)]))
            if where != last:
                out.write(f"{file}: {where[1]}\n")
                last = where
            out.write(f"{number:5} {sources[file][number - 1].rstrip()}\n")


def main():
    directory = sys.argv[1]
    os.chdir(ROOT)
    try:
        (qemu, runs), host = of_qemu(directory), of_host("build/host/coverage")
        listed = read_listed(LISTED)
    except Problem as problem:
        print(f"coverage: {problem}")
        return 1
    functions, lines = never_run(qemu, host)
    report = table(qemu, host)
    problems = compare(functions, {**qemu.functions, **host.functions}, listed)
    report += ["", f"{runs} runs in QEMU. Never run: {len(lines)} of {len(qemu.lines)} lines ({directory}/lines.txt), "
                   f"{len(functions)} of {len(qemu.functions)} functions ({directory}/functions.txt, reasons in {LISTED})"]
    write_lines(os.path.join(directory, "lines.txt"), qemu, lines)
    with open(os.path.join(directory, "functions.txt"), "w", encoding="utf-8") as out:
        out.writelines(f"{file} {name}\n" for file, name in sorted(functions))
    report += problems + [f"coverage: {'FAILED' if problems else 'as expected'}"]
    with open(os.path.join(directory, "report.txt"), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in report)
    print("\n".join(report))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
