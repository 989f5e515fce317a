"""Which lines of the kernel and of the memory server the tests run, and that all others are listed with a reason.

While tests run, QEMU has a plug-in, which leaves in DIRECTORY/raw what it has seen; host tests leave gcov's files. Then

    problems = coverage.report(DIRECTORY)         the report, and what is wrong with it, in lines

A line has code if an instruction belongs to it, inlined ones included, in any build that was run; it was run if one of its
instructions was, in QEMU or on the host. Every line that never is must stand in never_run.txt (see never_run.py).
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))
import attribute  # noqa: E402
import never_run  # noqa: E402

PLUGIN = "build/plugins/coverage.so"
HOST = "build/host/plain"
LISTED = "tests/never_run.txt"
COVERED = ("kernel/", "libboot/", "mmserver/")
IMAGES = {"kernel": "kernel.elf", "server": "elf/mmserver"}  # of a build directory


class Problem(Exception):
    """Why there can be no report; the text says it in one line."""


# ---- While tests run ----


def clear(directory):
    """Forgets what earlier runs have left."""
    shutil.rmtree(directory, ignore_errors=True)
    for path in glob.glob(os.path.join(HOST, "**", "*.gcda"), recursive=True):
        os.remove(path)


def qemu_options(system, directory):
    """What makes QEMU leave DIRECTORY/raw/BUILD/NAME-NUMBER.txt, of this run alone."""
    raw = os.path.join(directory, "raw", system.build)
    os.makedirs(raw, exist_ok=True)
    number = len(glob.glob(os.path.join(raw, f"{glob.escape(system.name)}-*.txt")))
    images = ",".join(f"{name}={os.path.join(system.build, path)}" for name, path in IMAGES.items())
    return ["-plugin", f"{PLUGIN},out={os.path.join(raw, system.name)}-{number}.txt,{images}"]


# ---- From addresses to lines ----


class Lines:
    """Lines with code, (file, number) -> how many runs have run them; of QEMU's runs at least so many."""

    def __init__(self):
        self.runs = {}

    def add(self, file, number, runs):
        if file.startswith(COVERED):
            self.runs[(file, number)] = max(runs, self.runs.get((file, number), 0))

    def functions(self, sources):
        """(file, name) -> did any of its lines run?"""
        functions = {}
        for (file, number), runs in self.runs.items():
            key = file, sources.function(file, number)
            functions[key] = functions.get(key, False) or runs > 0
        return functions


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
    """Name of an image -> {(start, bytes) of a block: runs that entered it}, and the number of runs."""
    blocks = {name: {} for name in IMAGES}
    files = glob.glob(os.path.join(build_directory, "*.txt"))
    for path in files:
        with open(path, encoding="ascii") as source:
            for line in source:
                name, start, size = line.split()
                block = int(start, 16), int(size)
                blocks[name][block] = blocks[name].get(block, 0) + 1
    return blocks, len(files)


def add_image(result, program, blocks):
    runs = bytearray(len(program.segments[0][1]))
    base = program.segments[0][0]
    for (start, size), count in sorted(blocks.items(), key=lambda block: block[1]):
        runs[start - base:start - base + size] = bytes([min(count, 255)]) * size
    addresses = list(instructions(program))
    program.look_up(addresses, ROOT)
    for address in addresses:
        for _, file, number in program.places[address][1]:
            if number:
                result.add(file, number, runs[address - base])


def of_qemu(directory):
    result, runs = Lines(), 0
    for build_directory in sorted(glob.glob(os.path.join(directory, "raw", "*"))):
        blocks, files = read_raw(build_directory)
        build = os.path.basename(build_directory)
        runs += files
        for name, path in IMAGES.items():
            program = attribute.Program(name, os.path.join(build, path), name)
            if name == "server":
                check_only_owner(program, build)
            add_image(result, program, blocks[name])
    if not runs:
        raise Problem(f"{directory}/raw: no run has left anything")
    return result, runs


def of_host(directory):
    """What gcov says of the objects below a directory."""
    result = Lines()
    data = sorted(glob.glob(os.path.join(directory, "**", "*.gcda"), recursive=True))
    if not data:
        raise Problem(f"{directory}: no host test has left anything")
    done = subprocess.run(["gcov", "--json-format", "--stdout", *data], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Problem(f"gcov: {done.stderr.strip().splitlines()[-1:]}")
    for text in done.stdout.splitlines():
        for file in json.loads(text)["files"]:
            for line in file["lines"]:
                if "function_name" in line:
                    result.add(file["file"], line["line_number"], int(line["count"] > 0))
    return result


# ---- Lines as they stand in the source ----


class Sources:
    """Text and function of a line; a function begins in the first column."""

    ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)|^_Noreturn ")
    FUNCTION = re.compile(r"([A-Za-z_]\w*):|[a-z].*?\b(\w+)\(.*[^;]$|\s+tn_entry (\w+),")  # tenon/entry.h

    def __init__(self):
        self.files = {}

    def read(self, file):
        if file not in self.files:
            lines, function = [], ""
            with open(os.path.join(ROOT, file), encoding="utf-8") as source:
                for line in source.read().splitlines():
                    match = self.FUNCTION.match(self.ATTRIBUTE.sub("", line))
                    function = match[match.lastindex] if match else function
                    lines.append((function, line.strip()))
            self.files[file] = lines
        return self.files[file]

    def function(self, file, number):
        return self.read(file)[number - 1][0]

    def text(self, file, number):
        return self.read(file)[number - 1][1]


def merge(qemu, host, sources):
    """never_run.Line of every line with code; braces alone have none of their own."""
    lines = []
    for file, number in sorted({**qemu.runs, **host.runs}):
        text = sources.text(file, number)
        if re.search(r"\w", text):
            ran = qemu.runs.get((file, number), 0) + host.runs.get((file, number), 0) > 0
            lines.append(never_run.Line(file, number, sources.function(file, number), text, ran))
    return lines


# ---- The report ----


def count(lines, file):
    runs = [runs for (of, _), runs in lines.runs.items() if of == file]
    return len(runs), sum(1 for count in runs if count)


def cells(lines, run):
    return f"{lines:6} {run:6} {100 * run / lines:6.1f}" if lines else f"{'-':>6} {'-':>6} {'-':>6}"


def table(qemu, host, merged):
    rows = [f"{'':34}   in QEMU: lines, run, %   on the host: lines, run, %   never run"]
    groups = {}
    for file in sorted({line.file for line in merged}):
        of_file = [line.ran for line in merged if line.file == file]
        values = *count(qemu, file), *count(host, file), of_file.count(False)
        rows.append(f"{file:34} {cells(*values[:2])}   {cells(*values[2:4])}   {values[4]:6}")
        group = "mmserver/corten" if file.startswith("mmserver/corten/") else file.partition("/")[0]
        groups[group] = tuple(a + b for a, b in zip(groups.get(group, (0,) * 5), values))
    rows.append("")
    return rows + [f"{group:34} {cells(*values[:2])}   {cells(*values[2:4])}   {values[4]:6}" for group, values in groups.items()]


def write_lines(path, lines):
    """Lines with their text, grouped by function."""
    with open(path, "w", encoding="utf-8") as out:
        last = None
        for line in lines:
            if (line.file, line.function) != last:
                out.write(f"{line.file} {line.function}\n")
                last = line.file, line.function
            out.write(f"{line.number:5} {line.text}\n")


def report(directory):
    """Prints the report and leaves it in the directory; what is wrong, in lines."""
    try:
        (qemu, runs), host = of_qemu(directory), of_host(HOST)
        listed = never_run.read(LISTED)
    except (Problem, never_run.Malformed) as problem:
        return [str(problem)]
    lines = merge(qemu, host, Sources())
    problems = never_run.compare(lines, listed, LISTED)
    never = [line for line in lines if not line.ran]
    functions = {(line.file, line.function) for line in lines} - {(line.file, line.function) for line in lines if line.ran}
    write_lines(os.path.join(directory, "lines.txt"), never)
    write_lines(os.path.join(directory, "rare.txt"), [line for line in lines if qemu.runs.get((line.file, line.number)) == 1
                                                      and not host.runs.get((line.file, line.number))])
    text = table(qemu, host, lines)
    text += ["", f"{runs} runs in QEMU. Never run: {len(never)} of {len(lines)} lines ({directory}/lines.txt), in them "
                 f"{len(functions)} whole functions; reasons in {LISTED}. Run once only: {directory}/rare.txt"]
    with open(os.path.join(directory, "report.txt"), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in text + problems)
    print("\n".join(text))
    return problems
