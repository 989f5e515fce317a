"""Clients killed at every point of their requests: tests/failure/kills.c under the plug-in between (platform/qemu-virt/between.c);
docs/verification.md, "Failure", says what that shows.

A run boots its system twice. First each kind of request is made a few times and its points are counted. Then each is made as often
as it has points, and some times more. Of the instructions that each of the counted requests has run, more than one in ten (and
two) that no round has stopped at are a failure, and so is whatever kills.c finds. Some are left, since a server whose clients were
killed has other stocks than one whose clients were not. Those on ways that not every request takes (a refill, a clock's
interrupt) have their turn when one comes along; how many are left of both is reported. Both are exact: a run repeats.
"""

import collections
import concurrent.futures
import os
import re
import time

import machine
import timing

KINDS = ["map", "map_fixed", "populate", "unmap", "unmap_one", "unmap_middle", "protect_less", "protect_more", "fault_write",
         "fault_read", "fault_fetch", "fault_fatal", "create_thread", "join_thread", "end_thread", "end_last_thread", "end_client",
         "statistics", "nonsense", "wait"]  # as in tests/system/one_request.c
FIRST, SECOND = KINDS[:11], KINDS[11:]
SHORT = ["map", "unmap", "fault_write"]
KILL, FAULT, EXIT, SAME_HART = range(4)  # as in tests/failure/kills.c
LIMIT_S, JOBS = 1200, 2
HEALTHY_MS = 50  # of simulated time, a little for each kill
WARM, COUNTED = 24, 4  # rounds of each kind when points are counted: those that have none, then those that have
SPARE = 300  # rounds: now and then a clock's interrupt comes in the middle: more points
HEALTHY = "ok 1 healthy: work"
DIED = re.compile(r"^tenon: failed: .*(memory server died|: leak )")

# `thin`: about one instruction of so many; 1: every one. `code`: "all", or "user" (not the kernel's).
Run = collections.namedtuple("Run", "name way kinds thin code bootargs server beside build", defaults=["release"])
RUNS = [
    Run("other_hart_a", KILL, FIRST, 1, "all", "mm=user-adv flush=lazy", "mmserver", False),
    Run("other_hart_b", KILL, SECOND, 1, "all", "mm=user-adv flush=lazy", "mmserver", False),
    Run("other_hart_rw", KILL, KINDS, 5, "all", "mm=user-rw flush=now", "mmserver", False),
    Run("same_hart", SAME_HART, KINDS, 5, "user", "mm=user-adv flush=lazy", "mmserver", False),
    Run("own_fault", FAULT, KINDS, 10, "user", "mm=user-rw flush=lazy", "mmserver", False),
    Run("own_exit", EXIT, KINDS, 10, "user", "mm=user-adv flush=now", "mmserver", False),
    Run("fault_around", KILL, ["fault_write", "fault_read"], 1, "user", "mm=user-adv around=16", "mmserver", False),
    Run("beside", KILL, KINDS, 10, "user", "mm=user-adv flush=lazy", "mmserver", True),
    Run("invariants", KILL, [*SHORT, "create_thread", "end_client"], 20, "all", "mm=user-rw flush=lazy", "mmserver", False, "debug"),
    Run("without_mark", KILL, SHORT, 1, "user", "mm=user-adv", "hasty_server", False),
    Run("without_wait", KILL, SHORT, 1, "user", "mm=user-adv", "impatient_server", False),
]


class Failed(Exception):
    """The text says what; `lines`: of the console."""

    def __init__(self, text, lines=()):
        super().__init__(text)
        self.lines = list(lines)


def client(number, program, arguments):
    text = ", ".join(f'"{argument}"' for argument in arguments)
    return (f'client@{number} {{ compatible = "tenon,client"; program = "{program}"; args = {text}; max-threads = <8>; }};')


def description(run, rounds):
    """Path of the system's description."""
    clients = client(0, "one_request", [run.way, *(rounds.get(kind, 0) for kind in KINDS)])
    if run.beside:
        clients += client(1, "healthy", [HEALTHY_MS])
    path = os.path.join("build", "sweep", f"kills-{run.name}.dts")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'/dts-v1/;\n/plugin/;\n&{{/}} {{ tenon {{ memserver@0 {{ compatible = "tenon,memserver"; program = "{run.server}";'
                  f"{clients} }}; }}; }};\n")
    return path


def boot(run, build, rounds, options):
    """(console, what the plug-in wrote: for each kind a list of (number, address, code, what, points))."""
    system = machine.System(f"kills-{run.name}", build, description(run, rounds), harts=2, mem="64M", init="kills", limit_s=LIMIT_S,
                            bootargs=f"init=kills {run.bootargs}")
    system.accel = ["-accel", "tcg,thread=single,tb-size=128", "-icount", "shift=0,sleep=off"]
    os.makedirs(system.work, exist_ok=True)
    out = os.path.join(system.work, "between.txt")
    plugin = os.path.join("build", "plugins", "between.so")
    fixed = [f"out={out}", f"warm={WARM}", f"thin={run.thin}", f"skip={int(run.code == 'user')}"]
    system.extra = ["-plugin", ",".join([plugin, *fixed, *options])]
    result = machine.run(system, lambda line: None)
    found = {kind: [] for kind in KINDS}
    with open(out, encoding="utf-8") as source:
        for line in source:
            kind, number, address, code, what, *points = line.split()
            found[KINDS[int(kind)]].append((int(number), int(address, 16), code, what, int(points[0]) if points else 0))
    return result, found


def count(run, build, options):
    """Points of each kind: in how many of the counted rounds each (address, code) was run."""
    result, found = boot(run, build, {kind: WARM + COUNTED for kind in run.kinds}, ["measure=1", *options])
    if not result.passed() or any(sum(row[3] == "over" for row in found[kind]) != WARM + COUNTED for kind in run.kinds):
        raise Failed("points could not be counted", result.lines)
    return {kind: collections.Counter(row[1:3] for row in found[kind] if row[3] == "counted") for kind in run.kinds}


def left(counted, found):
    """(how many instructions of every request, and of some requests, no round has stopped at; kinds with too many of the former)"""
    always, sometimes, too_many = 0, 0, []
    for kind, places in counted.items():
        stopped = {row[1:3] for row in found[kind] if row[3] == "point"}
        rest = [place for place, rounds in places.items() if rounds == COUNTED and place not in stopped]
        always += len(rest)
        sometimes += len(places.keys() - stopped) - len(rest)
        if len(rest) > 2 + len(places) // 10:
            too_many.append(f"{kind}: {len(rest)} instructions were left, one at {min(rest)[0]:#x}")
    return always, sometimes, too_many


def owners(found, build):
    """Text: how many of the points lie where."""
    programs = [timing.Program(name, os.path.join(build, "elf", name)) for name in ("mmserver", "one_request")]
    sums = collections.Counter()
    for _, address, code, what, _ in sum(found.values(), []):
        if what == "point":
            owner = "kernel" if address >= timing.KERNEL_HALF else "firmware" if address in timing.FIRMWARE else next(
                (p.name for p in programs if p.has_code(address, bytes.fromhex(code))), "other")
            sums[owner] += 1
    return ", ".join(f"{name} {number}" for name, number in sums.most_common())


def check(run, builds, every):
    """(title, failures, console)"""
    build = builds[run.build]
    options = [f"every={every}"] if every else []
    counted = count(run._replace(server="mmserver"), build, options)
    rounds = {kind: len(places) * 9 // 8 + SPARE // min(run.thin, 3) for kind, places in counted.items()}
    result, found = boot(run, build, rounds, options)
    if run.server != "mmserver":
        failures = [] if any(DIED.search(line) for line in result.lines) else ["the fault was not found"]
        return f"{run.name}: {run.server}, at kill {sum(map(len, found.values()))}", failures, result.lines
    failures = [] if result.passed() and not (run.beside and HEALTHY not in result.lines) else [f"ended with status {result.status} at kill {sum(map(len, found.values()))}"]
    always, sometimes, too_many = left(counted, found)
    if result.passed():
        failures += too_many
    return f"{run.name}: {sum(rounds.values())} ends; points: {owners(found, build)}; left {always}, on rarer ways {sometimes}", failures, result.lines


def check_all(wanted, builds, every, report):
    """Two at a time; `report` gets (title, failures, console, seconds) of each, in order."""
    def one(run):
        start = time.monotonic()
        try:
            title, failures, lines = check(run, builds, every)
        except (Failed, machine.Refused) as error:
            title, failures, lines = run.name, [str(error)], getattr(error, "lines", [])
        return title, failures, lines, time.monotonic() - start

    runs = [run for run in RUNS if wanted in f"kills.{run.name}"]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for run, (title, failures, lines, seconds) in zip(runs, pool.map(one, runs)):
            report(run, title, failures, lines, seconds)
