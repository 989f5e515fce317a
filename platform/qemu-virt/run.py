"""make run and make debug: one system, from its description and the settings of the Makefile."""

import argparse
import os
import subprocess
import sys

import machine

# The limit of `make run`; the demo takes a tenth of it.
LIMIT_S = 300
INPUT_NAME = "input.txt"


def find_description(app):
    places = [f"apps/{app}/{app}.dts", f"platform/qemu-virt/{app}.dts", f"tests/system/{app}.dts"]
    for place in places:
        if os.path.exists(place):
            return place
    raise machine.Refused(f"APP={app}: there is none of {', '.join(places)}")


def bootargs(options):
    allowed = {"mmu": ("sv39", "sv48", "sv57"), "mm": ("user-adv", "user-rw"), "flush": ("now", "lazy")}
    words = []
    for name, values in allowed.items():
        value = getattr(options, name)
        if value and value not in values:
            raise machine.Refused(f"{name.upper()}={value}: must be one of {', '.join(values)}")
        if value:
            words.append(f"{name}={value}")
    if options.around:
        words.append(f"around={options.around}")  # init checks it
    return " ".join(words)


def write_gdbinit(system, app, port):
    """Programs are all linked at one address: only the server's and this client's symbols are loaded beside the kernel's."""
    elf = os.path.join(system.build, "elf")
    with open(".gdbinit", "w", encoding="utf-8") as out:
        out.write("set confirm off\nset pagination off\nset architecture riscv:rv64\n")
        out.write(f"file {system.kernel}\n")
        for name in ("mmserver", app):
            if os.path.exists(os.path.join(elf, name)):
                out.write(f"add-symbol-file {elf}/{name}\n")
        out.write(f"target remote 127.0.0.1:{port}\n")


def debug(system, options):
    write_gdbinit(system, options.app, options.gdb_port)
    print(f"QEMU waits for gdb on port {options.gdb_port}. In another terminal, in this directory:")
    print("    gdb-multiarch -x .gdbinit")
    print("Then for example: hbreak kernel_main, continue. To see user code: break main (or any function of", options.app + ")")
    sys.stdout.flush()
    return subprocess.call(machine.command(system, extra=["-S", "-gdb", f"tcp:127.0.0.1:{options.gdb_port}"]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["run", "debug"])
    parser.add_argument("--gdb-port", type=int, default=0)
    for name, default in (("build", "build"), ("app", "wordcount"), ("input", ""), ("harts", "4"), ("mem", "512M"),
                          ("mmu", ""), ("mm", ""), ("flush", ""), ("around", "")):
        parser.add_argument("--" + name, default=default)
    return parser.parse_args()


def main():
    options = parse()
    try:
        if not options.harts.isdigit() or not 1 <= int(options.harts) <= 256:
            raise machine.Refused(f"HARTS={options.harts}: must be a number from 1 to 256")
        system = machine.System(options.app, options.build, find_description(options.app), options.harts, options.mem,
                                bootargs(options), {INPUT_NAME: options.input}, limit_s=LIMIT_S)
        if options.what == "debug":
            return debug(system, options)
        result = machine.run(system, machine.say)
    except machine.Refused as error:
        print(f"tenon: {error}", file=sys.stderr)
        return 2
    if result.status == 0 and not result.passed():
        print(f"tenon: QEMU ended without the line '{machine.PASS_LINE}'", file=sys.stderr)
        return 1
    return result.status


sys.exit(main())
