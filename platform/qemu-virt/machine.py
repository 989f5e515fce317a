"""A system on QEMU's `virt` machine: its device tree, its initrd, QEMU itself, a time limit, and what every hart did
when the limit was over. Used by run.py (make run, make debug) and by tests/run.py."""

import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import symbols

QEMU = "qemu-system-riscv64"
HANG = 124  # status of a run that the time limit ended, as of timeout(1)
PASS_LINE = "tenon: passed"
watchers = []  # functions from a System to further options for QEMU (plug-ins), for every run


class Refused(Exception):
    """What was asked for cannot be run; the text says what and where, in one line."""


class System:
    """What is to run. `programs` is the directory with the stripped programs, `kernel` the kernel's ELF file."""

    def __init__(self, name, build, dts=None, harts=4, mem="512M", bootargs="", files=None, init="init", limit_s=120):
        self.name, self.build, self.dts = name, build, dts
        self.harts, self.mem, self.bootargs, self.init = int(harts), mem, bootargs, init
        self.files = dict(files or {})  # name in the initrd -> path, or bytes
        self.limit_s = limit_s
        self.accel = ["-accel", "tcg,thread=multi"]
        self.cpu = ""    # QEMU's -cpu; "": its default
        self.initrd = None  # content; b"": none; None: init, programs and files
        self.extra = []  # further options for QEMU
        self.kernel = os.path.join(build, "kernel.elf")
        self.work = os.path.join(build, "run", name)


class Result:
    def __init__(self, status, hang, lines, seconds):
        self.status, self.hang, self.lines, self.seconds = status, hang, lines, seconds

    def passed(self):
        return self.status == 0 and any(line.strip() == PASS_LINE for line in self.lines)


def tool(*command, what):
    """Runs a tool quietly; what it says on an error goes into the exception."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        raise Refused(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Refused(f"{what}: " + "; ".join(done.stdout.strip().splitlines()))
    return done.stdout


def qemu_has(option):
    return f"\n{option} " in tool(QEMU, "-help", what=QEMU)


def machine_options(system):
    options = ["-smp", str(system.harts), "-m", system.mem, *system.accel, "-bios", "default"]
    options += ["-cpu", system.cpu] if system.cpu else []
    return options + (["-seed", "1"] if qemu_has("-seed") else [])


def make_tree(system):
    """QEMU's own tree for this machine, with the system's description merged in."""
    base, overlay, merged = (os.path.join(system.work, name) for name in ("base.dtb", "overlay.dtbo", "system.dtb"))
    tool(QEMU, "-M", f"virt,dumpdtb={base}", "-display", "none", *machine_options(system), what="dump of QEMU's tree")
    if not system.dts:
        return base
    tool("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", overlay, system.dts, what=system.dts)
    tool("fdtoverlay", "-i", base, "-o", merged, overlay, what=f"{system.dts}: cannot be merged with QEMU's tree")
    return merged


def programs_named_in(dts):
    with open(dts, encoding="utf-8", errors="replace") as source:
        return re.findall(r'\bprogram\s*=\s*"([^"/]+)"', source.read())


def initrd_options(system):
    if system.initrd == b"":
        return []
    initrd = os.path.join(system.work, "initrd.cpio")
    if system.initrd is None:
        make_initrd(system, initrd)
    else:
        with open(initrd, "wb") as out:
            out.write(system.initrd)
    return ["-initrd", initrd]


def make_initrd(system, initrd):
    """init, the programs that the description names (those that exist: init reports the others), and the files."""
    stage = os.path.join(system.work, "initrd")
    shutil.rmtree(stage, ignore_errors=True)
    os.makedirs(stage)
    for name in {system.init, *(programs_named_in(system.dts) if system.dts else [])}:
        path = os.path.join(system.build, "programs", name)
        if os.path.exists(path):
            shutil.copyfile(path, os.path.join(stage, name))
    for name, content in system.files.items():
        target = os.path.join(stage, name)
        if isinstance(content, bytes):
            with open(target, "wb") as out:
                out.write(content)
        elif os.path.isfile(content):
            shutil.copyfile(content, target)
        else:
            raise Refused(f"{content}: no such file")
    names = sorted(os.listdir(stage))
    for name in names:
        os.utime(os.path.join(stage, name), (0, 0))
    with open(initrd, "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--reproducible", "--quiet", "-R", "0:0"], cwd=stage, check=True,
                       input="".join(name + "\n" for name in names).encode(), stdout=out)


def command(system, monitor=None, extra=()):
    """Makes everything that QEMU reads, and says how to call it."""
    os.makedirs(system.work, exist_ok=True)
    if not os.path.exists(system.kernel):
        raise Refused(f"{system.kernel}: not built")
    tree = make_tree(system)
    result = [QEMU, "-M", "virt", *machine_options(system), "-display", "none", "-serial", "stdio", "-no-reboot",
              "-kernel", system.kernel, *initrd_options(system), "-dtb", tree, "-append", system.bootargs]
    result += ["-monitor", f"unix:{monitor},server,nowait" if monitor else "none"]
    return result + list(extra)


def ask_monitor(path, *questions):
    """Answers of QEMU's monitor, as one text; what could not be asked is missing from it."""
    text = b""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            for question in ("", *questions):
                if question:
                    s.sendall(question.encode() + b"\n")
                answer = b""
                while not answer.endswith(b"(qemu) "):
                    piece = s.recv(65536)
                    if not piece:
                        return (text + answer).decode(errors="replace")
                    answer += piece
                text += answer
    except OSError as error:
        text += f"[monitor: {error}]\n".encode()
    return text.decode(errors="replace")


def describe_harts(system, monitor):
    """The state of every hart, in lines to print; the monitor's full answer is kept in the work directory."""
    text = ask_monitor(monitor, "stop", "info cpus", "info registers -a").replace("\r", "")
    full = os.path.join(system.work, "harts.txt")
    with open(full, "w", encoding="utf-8") as out:
        out.write(text)
    table = symbols.Table(system.kernel, os.path.join(system.build, "elf"))
    lines = []
    for part in re.split(r"\nCPU#", text)[1:]:
        value = dict(re.findall(r"(?<!\S)([a-z0-9/]+)\s+([0-9a-f]{16})\b", part))
        names = "  ".join(f"{name} {value.get(key, '?').lstrip('0') or '0'}" for name, key in
                          (("sp", "x2/sp"), ("scause", "scause"), ("sepc", "sepc"), ("stval", "stval"), ("satp", "satp")))
        lines.append(f"hart {part.split()[0]}: pc {table.describe(value.get('pc'))}  ra {table.describe(value.get('x1/ra'))}")
        lines.append(f"    {names}")
    return lines + [f"all registers: {full}"]


def run(system, echo):
    """Runs the system to its end or to its time limit. `echo` is called with each line of the console."""
    scratch = tempfile.mkdtemp(prefix="tenon-")
    monitor = os.path.join(scratch, "monitor")
    qemu = None
    try:
        start = time.monotonic()
        extra = system.extra + [option for watcher in watchers for option in watcher(system)]
        qemu = subprocess.Popen(command(system, monitor, extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        lines, hang = read_console(qemu, start + system.limit_s, echo)
        if hang:
            for line in [f"tenon: hang: not done after {system.limit_s} s", *describe_harts(system, monitor)]:
                lines.append(line)
                echo(line)
            qemu.kill()
        status = qemu.wait()
        with open(os.path.join(system.work, "console.txt"), "w", encoding="utf-8") as log:
            log.writelines(line + "\n" for line in lines)
        return Result(HANG if hang else status, hang, lines, time.monotonic() - start)
    finally:
        if qemu and qemu.poll() is None:
            qemu.kill()
            qemu.wait()
        shutil.rmtree(scratch, ignore_errors=True)


def read_console(qemu, deadline, echo):
    """Lines until QEMU ends, and whether the deadline came first."""
    lines, rest = [], b""
    with selectors.DefaultSelector() as selector:
        selector.register(qemu.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                hang = True
                break
            piece = os.read(qemu.stdout.fileno(), 65536)
            if not piece:
                hang = False
                break
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                lines.append(line.decode(errors="replace").rstrip("\r"))
                echo(lines[-1])
    if rest.strip():
        lines.append(rest.decode(errors="replace").rstrip("\r"))
        echo(lines[-1])
    return lines, hang


def say(line):
    print(line)
    sys.stdout.flush()
