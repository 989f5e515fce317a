"""Reader of TAP and KTAP: what cmocka prints on the host and what ktest prints on QEMU's console."""

import re

RESULT = re.compile(r"^\s*(ok|not ok)\s+(\d+)\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^\s*1\.\.(\d+)\s*(#.*)?$")


class Report:
    """`results` holds (name, verdict) with verdict "ok", "not ok" or "skip"; `missing` is how many planned tests have none.
    `problems` says, one line each, what is wrong with the report as a whole. All of these but ok and skip are failures."""

    def __init__(self):
        self.results, self.problems, self.plan, self.missing = [], [], None, 0

    def count(self, verdict):
        return sum(1 for _, v in self.results if v == verdict)


def read(lines, groups=False):
    """`groups`: several plans may follow each other, each with its results (cmocka: one for each group of tests). Without
    it a second plan means that the tests began again, as a machine does that has been reset."""
    report = Report()
    expected = 0
    for line in lines:
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan:
            if report.plan is not None and not groups:
                report.problems.append("two plans: the tests began again")
            finish_group(report, expected)
            expected, report.plan = 0, int(plan.group(1))
        elif result:
            expected += 1
            add_result(report, expected, *result.groups())
        elif line.lstrip().startswith("Bail out!"):
            report.problems.append(line.strip())
    if report.plan is None:
        report.problems.append("no plan (1..N): the tests did not begin")
    finish_group(report, expected)
    return report


def finish_group(report, results):
    if report.plan is None:
        return
    report.missing += max(report.plan - results, 0)
    if results > report.plan:
        report.problems.append(f"{results - report.plan} more results than planned")


def add_result(report, expected, word, number, text):
    name, _, comment = text.partition("#")
    verdict = "skip" if word == "ok" and comment.strip().upper().startswith("SKIP") else word
    if int(number) != expected:
        report.problems.append(f"result {number} where {expected} was expected")
    report.results.append((text.strip() if word == "not ok" else name.strip(), verdict))
