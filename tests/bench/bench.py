"""make bench: instructions per operation on one hart, beside the reference figures; docs/benchmarks.md says how they are taken.

Every system runs twice: a figure that differs between the two runs is an error. Figures go to build/bench/*.json, one object
a line. Ends with status 1 if a system failed, a control is wrong, or a figure is more than 5% above the recorded one.
"""

import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(__file__)
sys.path.insert(0, os.path.join(HERE, "..", "..", "platform", "qemu-virt"))
import machine  # noqa: E402
import more  # noqa: E402
import recorded  # noqa: E402

REFERENCE = os.path.join(HERE, "reference.json")  # order of the table, what must be reached, what others take
EXPECTED = os.path.join(HERE, "expected.json")    # figures as recorded
LIMIT_S = 120
ARMS = ("user-adv", "user-rw")
KERNEL = "kernel"  # `mm` of a figure that no memory manager has part in
FIGURE = re.compile(r"figure (\S+) per (\d+) samples (\d+) median (\d+) mean (\d+) min (\d+) max (\d+)")


class Failed(Exception):
    pass


def boot(arm, options, use="bench", extra=()):
    """One run of one system, with further options of QEMU: its console. `use` gives it a directory of its own."""
    program, bootargs = ("kbench", "init=kbench") if arm == KERNEL else ("init", f"mm={arm}")
    dts = None if arm == KERNEL else "apps/bench/bench.dts"
    system = machine.System(f"{use}-{arm}", options.build, dts, harts=1, bootargs=f"mmu=sv39 {bootargs}", init=program,
                            limit_s=LIMIT_S)
    system.accel = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    system.extra = list(extra)
    result = machine.run(system, lambda line: None)
    if not result.passed():
        raise Failed(f"{arm}: the system failed:\n" + "\n".join("    | " + line for line in result.lines[-20:]))
    return result.lines


def figures(arm, options, start=boot):
    """What one system measured: a list of objects, the same in two runs. `start` runs it."""
    runs = [[FIGURE.match(line) for line in start(arm, options)] for _ in range(2)]
    first, second = ([match.groups() for match in run if match] for run in runs)
    if first != second:
        differ = [f"{a[0]}: {' '.join(a[1:])} and {' '.join(b[1:])}" for a, b in zip(first, second) if a != b]
        raise Failed(f"{arm}: not the same in two runs: " + "; ".join(differ or ["other benchmarks"]))
    return [make_figure(arm, name, *map(int, numbers)) for name, *numbers in first]


def make_figure(arm, name, per, samples, median, mean, least, most):
    each = {"instrs": median, "mean": mean, "min": least, "max": most}
    return {"bench": name, "mm": arm, "harts": 1, "samples": samples,
            **{key: value // per if value % per == 0 else round(value / per, 2) for key, value in each.items()}}


def value(row):
    return row["instrs"] if "instrs" in row else row["bytes"]


def verdict(instrs, target):
    if "must" not in target:
        return ""
    return "aim" if instrs <= target["aim"] else "must" if instrs <= target["must"] else "missed"


def print_table(rows, reference):
    head = ("bench", "mm", "instrs", "mean", "must", "aim", "", "reference")
    form = "{:<20} {:<9} {:>9} {:>9} {:>6} {:>6}  {:<8} {}"
    print(form.format(*head))
    place = {name: number for number, name in enumerate(reference)}
    for row in sorted(rows, key=lambda row: place.get(row["bench"], len(place))):
        target = reference.get(row["bench"], {})
        if "exact" in target:
            continue
        other = f"{target['of']} {target['reference']:,}" if "of" in target else ""
        print(form.format(row["bench"], row["mm"], f"{row['instrs']:,}", f"{row['mean']:,}", target.get("must", ""),
                          target.get("aim", ""), verdict(row["instrs"], target), other).rstrip())
    controls = [f"{row['bench'][len('control_'):]} {row['instrs']}" for row in rows
                if "exact" in reference.get(row["bench"], {})]
    if controls:
        print("controls:", ", ".join(controls))


def key_of(row):
    return f"{row['bench']}/{row['mm']}"


def compare(rows, reference, expected):
    """Against the recorded figures: what is wrong, and what is better or new."""
    wrong, better = [], []
    for row in rows:
        instrs = value(row)
        if instrs != reference.get(row["bench"], {}).get("exact", instrs):
            wrong.append(f"{key_of(row)}: a control: {instrs}")
            continue
        worse, news = recorded.compare(key_of(row), instrs, expected)
        wrong += worse
        better += news
    return wrong, better


def missing(rows, expected, options):
    """Recorded figures that were not measured."""
    have = {key_of(row) for row in rows}
    return [f"{key}: recorded, but not measured" for key in expected
            if key not in have and options.filter in key.split("/")[0]]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--filter", default="", help="show only benchmarks whose name contains this")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    if options.record and options.filter:
        print("bench: RECORD=1 records all figures: leave out BENCH", file=sys.stderr)
        return 2
    with open(REFERENCE, encoding="utf-8") as source:
        reference = json.load(source)
    rows = []
    try:
        for arm in (KERNEL, *ARMS):
            measured = figures(arm, options)
            recorded.write_rows(options.build, arm, measured)
            rows += [row for row in measured if options.filter in row["bench"]]
        beyond = [row for row in more.rows(options, ARMS, figures) if options.filter in row["bench"]]
    except (Failed, machine.Refused) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_table(rows, reference)
    more.print_tables(beyond)
    rows += beyond
    if options.record:
        recorded.write(EXPECTED, {key_of(row): value(row) for row in rows})
    expected = recorded.read(EXPECTED)
    wrong, better = compare(rows, reference, expected)
    return recorded.tell("bench", wrong + missing(rows, expected, options), better)


if __name__ == "__main__":
    sys.exit(main())
