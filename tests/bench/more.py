"""Figures beyond the table of `make bench`: batching, memory, boot; docs/benchmarks.md says how they are taken. Used by bench.py.

Each suite is a list of objects like those of the table, with a key `suite`. Instructions and bytes are exact, so they are
recorded and compared like the others. By itself it runs what is not exact and takes longer:

    more.py flushes        flushes and remote interrupts on 1, 4 and 16 harts, at once and lazily
    more.py wall           wall time of the word count on 1 and 2 harts
"""

import argparse
import os
import re
import statistics
import sys
import time

import boot
import recorded

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "platform", "qemu-virt"))
import machine  # noqa: E402

ARMS = ("user-adv", "user-rw")
EXACT = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
LIMIT_S = 240
BYTES = re.compile(r"bytes (\S+) (-?\d+)$")
FLUSHES = re.compile(r"flushes (\S+) unmaps (\d+) flushes (\d+) remote (\d+)$")
# Of each suite, how the names of its benchmarks begin: BENCH=... runs only the suites that it can mean.
SUITES = {"batch": ("pf_sweep_", "munmap_1", "munmap_16", "munmap_256", "control_sweep_touched"),
          "memory": ("mem_",), "boot": tuple(name for name, _ in boot.PHASES)}
# Pages that a fault may map, flush policy: what the suite `batch` runs with. Of the last one only munmap is a figure.
BATCHES = ((1, "lazy"), (4, "lazy"), (16, "lazy"), (1, "now"))


def run(name, options, dts, bootargs, **settings):
    """Runs a system of apps/bench to its end: its console."""
    accel = settings.pop("accel", EXACT)
    system = machine.System(name, options.build, dts, bootargs=f"mmu=sv39 {bootargs}", limit_s=LIMIT_S, **settings)
    system.accel = accel
    result = machine.run(system, lambda line: None)
    if not result.passed():
        raise machine.Refused(f"{name}: the system failed:\n" + "\n".join("    | " + line for line in result.lines[-20:]))
    return result.lines


# ---- batch ----

def batch_rows(options, arms, figures):
    rows = []
    for arm in arms:
        for around, flush in BATCHES:
            measured = figures(arm, options, lambda mm, options: run(
                f"batch-{mm}-{around}-{flush}", options, "apps/bench/batch.dts",
                f"mm={mm} around={around} flush={flush}", harts=1))
            if flush == "lazy" and f"pf_sweep_{around}" not in {row["bench"] for row in measured}:
                raise machine.Refused(f"batch: {arm}: a fault does not map {around} pages")
            for row in measured:
                if row["bench"].startswith("munmap_" if around == 1 else "pf_") or (around, flush) == BATCHES[0]:
                    rows.append({**row, "bench": row["bench"] + ("_now" if flush == "now" else ""), "suite": "batch",
                                 "around_pages": around, "flush": flush})
    return [row for row in rows if row["bench"] not in ("control_empty", "control_known_1000") and
            not (row["flush"] == "now" and not row["bench"].startswith("munmap_"))]


def print_batch(rows):
    by = {(row["bench"], row["mm"]): row for row in rows}
    arms = [arm for arm in ARMS if any(mm == arm for _, mm in by)]
    print("\nfaults of pages in a row, instructions            " + "".join(f"{arm:>12}" for arm in arms))
    for around in sorted({around for around, _ in BATCHES}):
        for suffix, what in (("", "per page"), ("_fault", "per fault")):
            cells = [by.get((f"pf_sweep_{around}{suffix}", arm)) for arm in arms]
            if all(cells):
                print(f"    fault-around of {around:>2} pages, {what:<20}" + "".join(f"{row['instrs']:>12,}" for row in cells))
    print("munmap of touched pages, instructions")
    for pages in (1, 16, 256):
        for suffix, what in (("", "flushed lazily"), ("_now", "flushed at once")):
            cells = [by.get((f"munmap_{pages}{suffix}", arm)) for arm in arms]
            if all(cells):
                print(f"    {pages:>3} pages, {what:<32}" + "".join(f"{row['instrs']:>12,}" for row in cells) +
                      "   per page" + "".join(f"{row['instrs'] / pages:>9,.1f}" for row in cells))


# ---- memory ----

def memory_rows(options, arms):
    rows = []
    for arm in arms:
        lines = run(f"memory-{arm}", options, "apps/bench/memory.dts", f"mm={arm}", harts=1, mem="2G")
        found = [match.groups() for match in map(BYTES.match, lines) if match]
        rows += [{"bench": name, "mm": arm, "harts": 1, "suite": "memory", "bytes": int(number)} for name, number in found]
    return rows


def print_memory(rows):
    print("\nmemory, bytes" + "".join(f"{arm:>14}" for arm in ARMS))
    names = list(dict.fromkeys(row["bench"] for row in rows))
    for name in names:
        print(f"    {name:<24}" + "".join(f"{row['bytes']:>14,}" for row in rows if row["bench"] == name))


# ---- boot ----

def boot_rows(options, arms):
    """The first phase ends before there is a memory manager."""
    rows = []
    for arm in arms:
        for number, (name, instrs) in enumerate(boot.rows(options.build, arm)):
            if number != 0 or arm == arms[0]:
                rows.append({"bench": name, "mm": "kernel" if number == 0 else arm, "harts": 1, "suite": "boot",
                             "instrs": instrs})
    return rows


def print_boot(rows):
    print("\nboot, instructions from one first instruction to the next (seL4, to its root task: 887,612)")
    for row in rows:
        print(f"    {row['bench']:<16}{row['mm']:<10}{row['instrs']:>12,}   {dict(boot.PHASES)[row['bench']]}")


# ---- all of it ----

def rows(options, arms, figures):
    result = []
    make = {"batch": lambda: batch_rows(options, arms, figures), "memory": lambda: memory_rows(options, arms),
            "boot": lambda: boot_rows(options, arms)}
    for suite, names in SUITES.items():
        if any(options.filter in name or name in options.filter for name in names):
            measured = make[suite]()
            recorded.write_rows(options.build, suite, measured)
            result += measured
    return result


def print_tables(measured):
    for suite, show in (("batch", print_batch), ("memory", print_memory), ("boot", print_boot)):
        part = [row for row in measured if row["suite"] == suite]
        if part:
            show(part)


# ---- flushes: not exact, since harts run at the same time ----

def flush_rows(options):
    result = []
    for harts in (1, 4, 16):
        for flush, unmaps in (("now", 32), ("lazy", 1024)):
            for arm in ARMS:
                lines = run(f"flushes-{harts}-{flush}-{arm}", options, "apps/bench/flushes.dts", f"mm={arm} flush={flush}",
                            harts=harts, accel=["-accel", "tcg,thread=multi"], files={"unmaps.txt": f"{unmaps}\n".encode()})
                found = [match.groups() for match in map(FLUSHES.match, lines) if match]
                if [who for who, *_ in found] != ["one", "all"]:
                    raise machine.Refused(f"flushes: {arm}: figures are missing")
                for who, *numbers in found:
                    done, flushes, remote = map(int, numbers)
                    if flush == "now" and flushes < done:
                        raise machine.Refused(f"flushes: {arm}: {flushes} flushes for {done} unmaps, each flushed at once")
                    if (remote == 0) != (harts == 1):
                        raise machine.Refused(f"flushes: {arm}: {harts} harts, {remote} remote interrupts")
                    result.append({"bench": f"flush_{who}", "mm": arm, "harts": harts, "flush": flush, "unmaps": done,
                                   "flushes": flushes, "remote": remote})
    return result


def print_flushes(measured):
    print(f"{'harts':>5}  {'unmapping':<10}{'mm':<10}{'flush':<6}{'unmaps':>8}{'flushes':>9}{'remote interrupts':>19}"
          f"{'  of 1,000 unmaps: flushes, interrupts'}")
    for row in sorted(measured, key=lambda row: (row["bench"] != "flush_one", row["harts"], row["mm"])):
        print(f"{row['harts']:>5}  {row['bench'][len('flush_'):]:<10}{row['mm']:<10}{row['flush']:<6}{row['unmaps']:>8,}"
              f"{row['flushes']:>9,}{row['remote']:>19,}{row['flushes'] * 1000 / row['unmaps']:>18,.1f}"
              f"{row['remote'] * 1000 / row['unmaps']:>12,.1f}")


# ---- wall time: of the emulator on this machine, not of hardware ----

def wall_once(options, arm, harts):
    """Milliseconds from the kernel's first line to the end of the client."""
    at = {}

    def note(line):
        at.setdefault("start" if line.startswith("Tenon: ") else "end" if "'wordcount': exit 0" in line else "other",
                      time.monotonic())

    system = machine.System(f"wall-{harts}-{arm}", options.build, "apps/wordcount/wordcount.dts", harts=harts,
                            bootargs=f"mm={arm}", files={"input.txt": "build/input.txt"}, limit_s=LIMIT_S)
    result = machine.run(system, note)
    if not result.passed() or not {"start", "end"} <= at.keys():
        raise machine.Refused(f"wall: the system failed: {'; '.join(result.lines[-3:])}")
    return (at["end"] - at["start"]) * 1000


def wall_rows(options):
    combinations = [(arm, harts) for arm in ARMS for harts in (1, 2)]
    times = {combination: [] for combination in combinations}
    for _ in range(options.runs):  # by turns, so that a busy minute of this machine hits all alike
        for arm, harts in combinations:
            times[arm, harts].append(wall_once(options, arm, harts))
    result = []
    for (arm, harts), values in times.items():
        quarter = statistics.quantiles(values, n=4, method="inclusive")
        row = {"ms": statistics.median(values), "q1": quarter[0], "q3": quarter[2], "min": min(values), "max": max(values)}
        result.append({"bench": "wordcount_wall", "mm": arm, "harts": harts, "runs": len(values), "host_cpus": os.cpu_count(),
                       **{key: round(number, 1) for key, number in row.items()}})
    return result


def print_wall(measured):
    print(f"word count, wall time in ms under multi-threaded TCG: what this emulator takes on this machine "
          f"({os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}), not what hardware would")
    print(f"{'mm':<10}{'harts':>6}{'runs':>6}{'median':>10}{'quartiles':>20}{'min .. max':>22}")
    for row in measured:
        print(f"{row['mm']:<10}{row['harts']:>6}{row['runs']:>6}{row['ms']:>10,.0f}{row['q1']:>10,.0f} .. {row['q3']:<7,.0f}"
              f"{row['min']:>10,.0f} .. {row['max']:,.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["flushes", "wall"])
    parser.add_argument("--build", default="build")
    parser.add_argument("--runs", type=int, default=10, help="of wall: of each")
    options = parser.parse_args()
    try:
        measured = flush_rows(options) if options.what == "flushes" else wall_rows(options)
    except machine.Refused as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    recorded.write_rows(options.build, options.what, measured)
    (print_flushes if options.what == "flushes" else print_wall)(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
