"""make profile: where the instructions of one operation go, by phase and by function; see docs/benchmarks.md.

The benchmarks run as `make bench` runs them, under a plug-in of QEMU's that sees each instruction. Prints the totals, and
writes them to build/bench/profile-NAME.json, one object a line. Ends with status 1 if the totals are not the figures that
the benchmark itself printed, or if too much belongs to no phase.
"""

import argparse
import collections
import json
import os
import sys

import attribute
import bench
import phases

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PLUGIN = os.path.join("plugins", "profile.so")  # in the build directory, or else in that of this tree
WIDTH = 46  # of a function's column
SHOWN = 1   # instructions: functions with less, on the path shown and in the mean, are counted in one line


class Figure:
    """One benchmark of one system: its samples as paths, and what it printed."""

    def __init__(self, mm, numbers, samples, attribution):
        self.mm, self.name, self.attribution = mm, numbers[0], attribution
        self.per, self.count, self.median, self.mean, self.least, self.most = map(int, numbers[1:])
        self.paths = collections.Counter(samples[-self.count:])

    def instrs(self, path):
        return self.attribution.recording.paths[path][0]

    def check(self):
        """That the plug-in has seen just what the benchmark counted."""
        totals = sorted(instrs for path, times in self.paths.items() for instrs in [self.instrs(path)] * times)
        if len(totals) != self.count:
            raise bench.Failed(f"{self.name}: {len(totals)} samples seen, {self.count} printed")
        seen = totals[(self.count - 1) // 2], sum(totals) // self.count, totals[0], totals[-1]
        printed = self.median, self.mean, self.least, self.most
        if seen != printed:
            raise bench.Failed(f"{self.name}: median, mean, min, max are {seen} as seen and {printed} as printed")

    def median_path(self):
        """(path, samples that took it): of those as long as the median, the most frequent."""
        paths = [(times, path) for path, times in self.paths.items() if self.instrs(path) == self.median]
        if not paths:
            raise bench.Failed(f"{self.name}: no sample of {self.median} instructions, which was printed, has been seen")
        times, path = max(paths, key=lambda pair: (pair[0], -int(pair[1])))
        return path, times

    def key(self, insn):
        """What a row of the JSON stands for."""
        place = self.attribution.place(insn)
        inlined, file = place.frames[0][:2]
        phase = phases.phase_of(place.component, [frame[:2] for frame in place.frames])
        return place.component, place.function, inlined, file, phase

    def rows(self):
        """Objects for the JSON: the median path and the mean of all, for each function inlined in each function."""
        instrs, mean, keys = collections.Counter(), collections.Counter(), {}
        median_path, _ = self.median_path()
        for path, samples in self.paths.items():
            for insn, times in self.attribution.recording.paths[path][1]:
                if insn not in keys:
                    keys[insn] = self.key(insn)
                mean[keys[insn]] += times * samples
                instrs[keys[insn]] += times if path == median_path else 0
        fields = "component", "function", "inlined", "file", "phase"
        return [{"bench": self.name, "mm": self.mm, "harts": 1, **dict(zip(fields, key)),
                 "instrs": exact(instrs[key], self.per), "mean": round(mean[key] / self.count / self.per, 3)}
                for key in sorted(mean, key=lambda key: (-instrs[key], -mean[key], key))]

    def lines(self):
        """(instrs, source line) of the median path, most first."""
        result = collections.Counter()
        for insn, times in self.attribution.recording.paths[self.median_path()[0]][1]:
            place = self.attribution.place(insn)
            result[" < ".join(f"{file}:{line}" for _, file, line in place.frames), place.function] += times
        return [(exact(times, self.per), *where) for where, times in result.most_common()]


def exact(value, per):
    return value // per if value % per == 0 else value / per


def find_plugin(options):
    for build in (options.build, os.path.join(ROOT, "build")):
        path = os.path.join(build, PLUGIN)
        if os.path.exists(path):
            return path
    raise bench.Failed(f"{os.path.join(options.build, PLUGIN)}: not built")


def record(mm, options):
    """Runs one system under the plug-in: its figures."""
    name = "kbench" if mm == bench.KERNEL else "bench"
    programs = {}
    for program in [name] if mm == bench.KERNEL else [name, "mmserver", "init"]:
        path = os.path.join(options.build, "elf", program)
        programs[program] = attribute.Program(program, path, attribute.COMPONENTS.get(program, program))
    marks = [programs[name].symbol(function) for function in ("measure_add", "measure_print")]
    if None in marks:
        raise bench.Failed(f"{name}: has no function measure_add() or measure_print()")
    out = os.path.join(options.build, "bench", f"profile-{mm}.txt")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    console = bench.boot(mm, options, "profile",
                         ["-plugin", f"{find_plugin(options)},out={out},add={marks[0]:#x},print={marks[1]:#x}"])
    kernel = attribute.Program("kernel", os.path.join(options.build, "kernel.elf"), "kernel")
    recording = attribute.Recording(out)
    os.remove(out)
    attribution = attribute.Attribution(recording, kernel, list(programs.values()),
                                        os.path.dirname(os.path.abspath(options.build)))
    printed = [match.groups() for match in map(bench.FIGURE.match, console) if match]
    samples = attribution.samples(programs[name])
    if len(printed) != len(samples):
        raise bench.Failed(f"{mm}: {len(samples)} figures seen, {len(printed)} printed")
    return [Figure(mm, numbers, paths, attribution) for numbers, paths in zip(printed, samples)]


def totals(rows, key):
    """(key's value, instrs, mean) summed up, most first."""
    result = {}
    for row in rows:
        instrs, mean = result.get(row[key], (0, 0))
        result[row[key]] = instrs + row["instrs"], mean + row["mean"]
    return sorted(((value, *sums) for value, sums in result.items()), key=lambda item: (-item[1], -item[2]))


def number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def print_profile(figure, rows, options):
    _, times = figure.median_path()
    median, mean = exact(figure.median, figure.per), sum(row["mean"] for row in rows)
    print(f"\n{figure.name}, {figure.mm}: {number(median)} instructions, the median of {figure.count} samples, "
          f"{times} of which took the path shown; mean {mean:,.1f}")
    print(f"\n{'phase':<{WIDTH}} {'instrs':>8} {'':>6} {'mean':>9}")
    for phase, instrs, phase_mean in totals(rows, "phase"):
        print(f"{phase:<{WIDTH}} {number(instrs):>8} {instrs / median if median else 0:>6.1%} {phase_mean:>9,.1f}")
    for component, instrs, component_mean in totals(rows, "component"):
        print(f"\n{component:<{WIDTH}} {number(instrs):>8} {'':>6} {component_mean:>9,.1f}")
        mine = [row for row in rows if row["component"] == component]
        functions = totals(mine, "function")
        for function, instrs, function_mean in functions:
            if max(instrs, function_mean) >= SHOWN:
                print_function(function, instrs, function_mean, [row for row in mine if row["function"] == function])
        print_rest("  functions with less", [sums for _, *sums in functions])
    if options.lines:
        print()
        for instrs, where, function in figure.lines():
            print(f"{number(instrs):>8}  {function:<24} {where}")


def print_function(function, instrs, mean, rows):
    """A function, and what is inlined in it."""
    alone = len(rows) == 1
    phase = rows[0]["phase"] if alone else ""
    print(f"  {function:<{WIDTH - 2}} {number(instrs):>8} {'':>6} {mean:>9,.1f}  {phase}".rstrip())
    for row in [] if alone else rows:
        if max(row["instrs"], row["mean"]) >= SHOWN:
            print(f"      {row['inlined']:<{WIDTH - 6}} {number(row['instrs']):>8} {'':>6} {row['mean']:>9,.1f}  {row['phase']}")
    print_rest("      inlined functions with less", [] if alone else [(row["instrs"], row["mean"]) for row in rows])


def print_rest(title, sums):
    """What is left out."""
    rest = [pair for pair in sums if max(pair) < SHOWN]
    if rest:
        title = f"{title}: {len(rest)}"
        print(f"{title:<{WIDTH}} {number(sum(instrs for instrs, _ in rest)):>8} {'':>6} {sum(mean for _, mean in rest):>9,.1f}")


def check_other(figure, rows):
    other = sum(row["mean"] for row in rows if row["phase"] == phases.OTHER)
    mean = sum(row["mean"] for row in rows)
    if other > mean * phases.OTHER_MAX:
        functions = ", ".join(sorted({f"{row['inlined']} ({row['file']})" for row in rows if row["phase"] == phases.OTHER}))
        raise bench.Failed(f"{figure.name}, {figure.mm}: {other:,.1f} of {mean:,.1f} instructions have no phase in phases.py: "
                           + functions)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--bench", default="", help="names, separated by blanks")
    parser.add_argument("--mm", default="", help="user-adv or user-rw; both unless said")
    parser.add_argument("--lines", action="store_true", help="print instructions by source line too")
    parser.add_argument("--quiet", action="store_true", help="only write the JSON")
    return parser.parse_args()


def wanted_systems(names, options):
    """The systems that these benchmarks belong to, as recorded; all, if one is not recorded."""
    with open(bench.EXPECTED, encoding="utf-8") as source:
        recorded = [key.split("/") for key in json.load(source)]
    known = {name for name, _ in recorded}
    systems = [mm for mm in (bench.KERNEL, *bench.ARMS) if any(name not in known or [name, mm] in recorded for name in names)]
    return [mm for mm in systems if not options.mm or mm in (bench.KERNEL, options.mm)]


def wanted_figures(options):
    """{name: figures} of the benchmarks that were asked for, in this order."""
    names = options.bench.split()
    figures = [figure for mm in wanted_systems(names, options) for figure in record(mm, options)]
    measured = list(dict.fromkeys(figure.name for figure in figures))
    result = {name: [figure for figure in figures if figure.name == name] for name in names}
    for name, mine in result.items():
        if not mine:
            raise bench.Failed(f"BENCH={name}: these are measured: {' '.join(measured)}")
    return result


def report(name, figures, options):
    """Checks, prints and writes the profile of one benchmark."""
    for figure in figures:
        figure.check()
    profiles = [(figure, figure.rows()) for figure in figures]
    with open(os.path.join(options.build, "bench", f"profile-{name}.json"), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for _, rows in profiles for row in rows)
    for figure, rows in profiles:
        if not options.quiet:
            print_profile(figure, rows, options)
        check_other(figure, rows)


def main():
    options = parse()
    if not options.bench.strip():
        print("profile: which? BENCH=pf, or another name that make bench shows", file=sys.stderr)
        return 2
    try:
        for name, figures in wanted_figures(options).items():
            report(name, figures, options)
    except (bench.Failed, attribute.Unknown, bench.machine.Refused) as error:
        print(f"profile: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
