"""make scale: memory operations on 1 to 64 harts at once, in simulated cycles; docs/benchmarks.md says what these are.

Prints cycles per operation and speed-up (the work of N harts over that of one, in the same time), and names every cache line
that two harts wrote while it was measured. Figures go to build/bench/scale.json, one object a line. Ends with status 1
if a system failed or a figure is more than 5% above the recorded one.
"""

import argparse
import concurrent.futures
import os
import sys

import recorded
import timing

EXPECTED = os.path.join(os.path.dirname(__file__), "expected-scale.json")  # cycles as recorded
HARTS = (1, 2, 4, 8, 16, 32, 64)
ARMS = ("user-adv", "user-rw")
MUST = {16: 13, 64: 55}  # speed-up; of 64, an aim
PROGRAMS = ("mmserver", "scale", "init")


def group_lines(region, names):
    """Shared lines that have the same name and the same writers, as one entry; what moved most comes first."""
    groups = {}
    for line in region["lines"]:
        group = groups.setdefault(names.describe(line), {"lines": 0, "harts": 0, "moved": 0})
        group["lines"] += 1
        group["harts"] = max(group["harts"], line["harts"])
        group["moved"] += line["moved"]
    operations = region["operations"] * region["harts"]
    return [{"name": name, **group, "moved": round(group["moved"] / operations, 4)}
            for name, group in sorted(groups.items(), key=lambda item: (-item[1]["moved"], item[0]))]


def make_figure(region, arm, flush, names):
    """Numbers are per operation, but for `interrupts` (all harts together, while it was measured)."""
    operations = region["operations"]
    every = operations * region["harts"]
    return {"bench": region["bench"], "mm": arm, "flush": flush, "harts": region["harts"],
            "cycles": round((region["end"] - region["begin"]) / operations, 2), "instrs": round(region["instrs"] / every, 2),
            "moved": round(region["moved"] / every, 4), "interrupts": region["interrupts"],
            "shared_lines": region["shared"], "lines": group_lines(region, names)}


def measure(arm, harts, flush, options, names):
    regions = timing.run(f"scale-{arm}-{flush}-{harts}", "apps/scale/scale.dts", options.build, harts,
                         f"mmu=sv39 mm={arm} flush={flush}")
    return [make_figure(region, arm, flush, names) for region in regions]


def measure_all(options):
    names = timing.Names(options.build, PROGRAMS)
    jobs = [(arm, harts) for arm in options.arms for harts in options.harts]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rows = sum(pool.map(lambda job: measure(*job, options.flush, options, names), jobs), [])
    one = {(row["bench"], row["mm"]): row["cycles"] for row in rows if row["harts"] == 1}
    for row in rows:
        alone = one.get((row["bench"], row["mm"]))
        row["speedup"] = round(row["harts"] * alone / row["cycles"], 2) if alone else None
    return rows


def verdict(row):
    must = MUST.get(row["harts"])
    return "" if must is None or row["speedup"] is None else "reached" if row["speedup"] >= must else f"below {must}"


def print_table(rows):
    form = "{:<12} {:<9} {:>5} {:>10} {:>10} {:>8} {:>8} {:>10} {:>7}  {}"
    print(form.format("bench", "mm", "harts", "cycles", "instrs", "speed-up", "moved", "interrupts", "shared", ""))
    for row in sorted(rows, key=lambda row: (row["mm"], row["bench"], row["harts"])):
        print(form.format(row["bench"], row["mm"], row["harts"], f"{row['cycles']:,.0f}", f"{row['instrs']:,.0f}",
                          row["speedup"] or "", row["moved"], row["interrupts"], row["shared_lines"], verdict(row)).rstrip())


def print_lines(rows, limit):
    """Shared lines of the largest system of each kind."""
    most = max(row["harts"] for row in rows)
    for row in rows:
        if row["harts"] != most or not row["lines"]:
            continue
        print(f"\n{row['bench']} ({row['mm']}, {most} harts): lines that two harts wrote; times each moved, per operation")
        for group in row["lines"][:limit]:
            print(f"    {group['moved']:>8}  {group['lines']:>4} x {group['name']}, by {group['harts']} harts")
        if len(row["lines"]) > limit:
            print(f"    and {len(row['lines']) - limit} more sorts, in scale.json")


def key_of(row):
    return f"{row['bench']}/{row['mm']}/{row['flush']}/{row['harts']}"


def compare(rows, expected):
    """Against the recorded figures: what is wrong, and what is better or new."""
    wrong, better = [], []
    for row in rows:
        key = key_of(row)
        worse, news = recorded.compare(key, row["cycles"], expected, " cycles")
        wrong += worse
        better += news
        if row["bench"] == "pf" and row["mm"] == "user-adv" and row["shared_lines"]:
            wrong.append(f"{key}: {row['shared_lines']} lines are written by two harts; none must be")
    return wrong, better


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--filter", default="", help="show only benchmarks whose name contains this")
    parser.add_argument("--harts", type=int, nargs="+", default=HARTS)
    parser.add_argument("--mm", default="", choices=["", *ARMS])
    parser.add_argument("--flush", default="", choices=["", "lazy", "now"])
    parser.add_argument("--lines", type=int, default=8, help="how many sorts of shared lines to print of each")
    parser.add_argument("--jobs", type=int, default=2, help="systems run at once")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    options.arms = [options.mm] if options.mm else ARMS
    options.flush = options.flush or "lazy"
    return options


def main():
    options = parse()
    try:
        rows = measure_all(options)
    except (timing.Failed, timing.machine.Refused) as error:
        print(f"scale: {error}", file=sys.stderr)
        return 1
    recorded.write_rows(options.build, "scale", rows)
    rows = [row for row in rows if options.filter in row["bench"]]
    print_table(rows)
    print_lines(rows, options.lines)
    expected = recorded.read(EXPECTED)
    if options.record:  # figures of other numbers of harts stay
        expected = dict(sorted({**expected, **{key_of(row): row["cycles"] for row in rows}}.items()))
        recorded.write(EXPECTED, expected)
    return recorded.tell("scale", *compare(rows, expected))


if __name__ == "__main__":
    sys.exit(main())
