"""Tests that a memory server's figures stay the same whatever another server and its clients do. Called by tests/run.py.

One hart, instructions counted (-icount). The measured server, `adv` or `rw`, has a client that takes the figures of `make bench`
and lets the others run after each sample; beside it runs a server of the other protocol. Of each figure the median and the least
must be the same, to the instruction, as beside a server that has nothing to do. The mean and the greatest are not: a sample that
the other side's time slice or timer has interrupted counts what ran meanwhile.

That the comparison can fail is shown by hostile clients of the measured server itself, which take frames out of the same pool."""

import os
import re
import time

import bench
import machine

LIMIT_S = 300
TEMPLATE = """/dts-v1/;
/plugin/;
&{{/}} {{ tenon {{
    memserver@0 {{
        compatible = "tenon,memserver"; program = "mmserver"; protocol = "{protocol}"; memory-bytes = /bits/ 64 <0x10000000>;
        client@0 {{ compatible = "tenon,client"; program = "bench"; args = "ops", "yield"; }};
        {beside}
    }};
    memserver@1 {{
        compatible = "tenon,memserver"; program = "{program}"; protocol = "{other}"; memory-bytes = /bits/ 64 <0x4000000>;
        {clients}
    }};
}}; }};
"""
# The same in every initrd, so that memory is laid out alike.
PROGRAMS = ("mmserver", "bench", "healthy", "hostile_server", "hostile_paced", "hostile_messages", "hostile_threads")


def client(number, program, args, expect):
    words = ", ".join(f'"{word}"' for word in args.split())
    return (f'client@{number} {{ compatible = "tenon,client"; program = "{program}"; args = {words}; expect = "{expect}"; '
            "quota-bytes = /bits/ 64 <0x1000000>; };")


HOSTILE = client(1, "hostile_messages", "2 1", "exit 0") + client(2, "hostile_threads", "300 4 2", "fault")
HEALTHY = client(1, "healthy", "300", "exit 0")
# (name, program of the other server, its clients, a line that its console must have)
OTHERS = [
    ("peaceful_clients", "mmserver", HEALTHY, r"^ok 1 healthy: work$"),
    ("hostile_clients", "mmserver", HOSTILE, r"^ok 6 hostile_messages: threads$"),
    ("hostile_server", "hostile_server", "", r"^ok 1 hostile_server: all refused$"),
    ("hostile_server_above", "hostile_paced", "", r"^ok 1 hostile_server: all refused$"),
]
PROTOCOLS = ("adv", "rw")


def figures(build, protocol, name, program="mmserver", clients="", beside="", line=r"^tenon: passed$"):
    """{figure: (median, least)}, and what was wrong with the run."""
    work = os.path.join(build, "servers")
    os.makedirs(work, exist_ok=True)
    path = os.path.join(work, f"{name}-{protocol}.dts")
    with open(path, "w", encoding="utf-8") as out:
        out.write(TEMPLATE.format(protocol=protocol, other=PROTOCOLS[protocol == PROTOCOLS[0]], program=program, clients=clients,
                                  beside=beside))
    files = {program: os.path.join(build, "programs", program) for program in PROGRAMS}
    system = machine.System(f"servers-{name}-{protocol}", build, path, harts=1, bootargs="mmu=sv39", files=files, limit_s=LIMIT_S)
    system.accel = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    result = machine.run(system, lambda line: None)
    failures = [] if result.passed() else [f"{name}: ended with status {result.status}: " + " / ".join(result.lines[-3:])]
    if not any(re.search(line, text) for text in result.lines):
        failures.append(f"{name}: no line matches {line}")
    failures += [f"{name}: {text}" for text in result.lines if text.startswith("not ok")]
    found = [match.groups() for match in map(bench.FIGURE.match, result.lines) if match]
    return {figure: (int(median), int(least)) for figure, _, _, median, _, least, _ in found}, failures


def differences(alone, beside):
    return [f"{name}: median, least are {beside.get(name)}, alone {wanted}" for name, wanted in alone.items()
            if beside.get(name) != wanted]


def run(build, wanted):
    """(name, failures, seconds) of each test, as it is done."""
    for protocol in PROTOCOLS:
        tests = [other for other in OTHERS if wanted in f"{protocol}_beside_{other[0]}"]
        controlled = wanted in f"{protocol}_notices_a_shared_server"
        if not tests and not controlled:
            continue
        alone, trouble = figures(build, protocol, "alone")
        if len(alone) < 10:
            trouble.append(f"only {len(alone)} figures")
        for name, program, clients, line in tests:
            start = time.monotonic()
            beside, failures = figures(build, protocol, name, program, clients, line=line)
            yield f"{protocol}_beside_{name}", trouble + failures + differences(alone, beside), time.monotonic() - start
        if controlled:
            start = time.monotonic()
            shared, failures = figures(build, protocol, "shared", beside=HOSTILE)
            failures += [] if differences(alone, shared) else ["the figures of a server with hostile clients of its own are the same"]
            yield f"{protocol}_notices_a_shared_server", trouble + failures, time.monotonic() - start
