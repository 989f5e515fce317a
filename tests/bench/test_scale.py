"""Tests of the timing plug-in, by programs whose behaviour is known (apps/scale/control.c), and of `make scale` itself.
Called by tests/run.py."""

import checks
import scale
import timing

DTS = "apps/scale/controls.dts"
FREE = "transfer=0,upgrade=0,invalidate=0"  # lines that move cost nothing


class Controls:
    """The controls on several numbers of harts; each system is run once, when it is first asked for."""

    def __init__(self, build):
        self.build, self.names, self.done = build, timing.Names(build, scale.PROGRAMS), {}

    def regions(self, harts, options=""):
        if (harts, options) not in self.done:
            self.done[harts, options] = self.again(harts, options)
        return self.done[harts, options]

    def again(self, harts, options=""):
        name = f"controls-{harts}" + ("-free" if options else "")
        return {region["bench"]: region for region in timing.run(name, DTS, self.build, harts, "mmu=sv39", options, 300)}

    def each(self, bench, harts, options=""):
        """Cycles of one operation on each hart, mean over harts."""
        region = self.regions(harts, options)[bench]
        return region["busy"] / region["operations"] / harts

    def handed(self, bench, harts):
        """Cycles from one operation of any hart to the next: what a lock costs where all want it."""
        region = self.regions(harts)[bench]
        return (region["end"] - region["begin"]) / region["operations"] / harts

    def line_names(self, bench, harts):
        return [self.names.describe(line) for line in self.regions(harts)[bench]["lines"]]


def private_counters_cost_the_same_on_many_harts(c):
    one, many = c.each("private_counter", 1), c.each("private_counter", 16)
    return [] if one == many else [f"{one} cycles on one hart, {many} on 16"]


def a_shared_counter_gets_slower_with_each_doubling(c):
    cycles = [c.each("shared_counter", harts) for harts in (1, 2, 4, 8, 16)]
    return [] if all(b > 1.5 * a for a, b in zip(cycles, cycles[1:])) else [f"cycles on 1, 2, 4, 8, 16 harts: {cycles}"]


def a_shared_counter_is_as_fast_where_lines_move_for_nothing(c):
    one, many = c.each("shared_counter", 1, FREE), c.each("shared_counter", 16, FREE)
    return [] if one == many else [f"{one} cycles on one hart, {many} on 16"]


def test_and_set_loses_against_a_queue(c):
    tas, mcs = ([c.handed(lock, harts) for harts in (4, 16)] for lock in ("lock_tas", "lock_mcs"))
    return ([] if tas[1] > 1.5 * tas[0] else [f"test-and-set: {tas[0]:.0f} cycles on 4 harts, {tas[1]:.0f} on 16"]) + \
           ([] if mcs[1] < 1.1 * mcs[0] else [f"MCS: {mcs[0]:.0f} cycles on 4 harts, {mcs[1]:.0f} on 16"]) + \
           ([] if tas[1] > 2 * mcs[1] else [f"16 harts: test-and-set {tas[1]:.0f} cycles, MCS {mcs[1]:.0f}"])


def shared_lines_are_named_and_no_others(c):
    names = {bench: c.line_names(bench, 4) for bench in ("private_counter", "shared_counter", "lock_tas")}
    wrong = []
    if names["private_counter"]:
        wrong.append(f"private counters share: {names['private_counter']}")
    if names["shared_counter"] != ["scale: shared_counter [add_shared]"]:
        wrong.append(f"the shared counter's line: {names['shared_counter']}")
    for variable in ("tas_lock", "guarded", "guarded+0x40"):
        if f"scale: {variable} [with_tas]" not in names["lock_tas"]:
            wrong.append(f"{variable} is missing from {names['lock_tas']}")
    return wrong


def two_runs_are_the_same(c):
    """All that the plug-in measured, each line and each writer included; not how long it took."""
    def measured(regions):
        return [{key: value for key, value in region.items() if key != "seconds"} for region in regions.values()]

    return [] if measured(c.regions(8)) == measured(c.again(8)) else ["two runs on 8 harts differ"]


def one_hart_pays_its_instructions(c):
    row = {row["bench"]: row for row in map(lambda region: scale.make_figure(region, "", "", c.names),
                                            c.regions(1).values())}["private_counter"]
    return [] if row["cycles"] == row["instrs"] and row["moved"] == 0 else [f"on one hart: {row}"]


def memory_benchmarks_run_and_are_compared(c):
    """One small system; a figure that got worse, and a shared line of pf, are noticed."""
    regions = timing.run("scale-test", "apps/scale/scale.dts", c.build, 2, "mmu=sv39 mm=user-adv", limit_s=300)
    rows = [scale.make_figure(region, "user-adv", "lazy", c.names) for region in regions]
    expected = {scale.key_of(row): row["cycles"] for row in rows}
    wrong = [f"{name} was not measured" for name in ("pf", "mmap", "munmap_virt", "munmap")
             if name not in [row["bench"] for row in rows]]
    wrong += scale.compare(rows, expected)[0]
    worse = [{**row, "cycles": row["cycles"] * 1.06, "shared_lines": row["bench"] == "pf"} for row in rows]
    noticed = scale.compare(worse, expected)[0]
    return wrong + ([] if len(noticed) == len(rows) + 1 else [f"noticed too little: {noticed}"])


TESTS = [one_hart_pays_its_instructions, private_counters_cost_the_same_on_many_harts,
         a_shared_counter_gets_slower_with_each_doubling, a_shared_counter_is_as_fast_where_lines_move_for_nothing,
         test_and_set_loses_against_a_queue, shared_lines_are_named_and_no_others, two_runs_are_the_same,
         memory_benchmarks_run_and_are_compared]


def run(build, wanted):
    """(name, failures, seconds) of each test whose name contains `wanted`."""
    return checks.run(TESTS, lambda: Controls(build), wanted, (timing.Failed, timing.machine.Refused))
