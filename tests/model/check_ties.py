"""Is the code that the models stand for still the code that was looked at?

    check_ties.py             says what has changed; status 1 if anything has
    check_ties.py --record    the functions as they are now have been compared with the models: remembers them

docs/verification.md has a table for each model: step of the model, file and function, the statement that does it. Checked is:
  - every [step] that a model names has a row in its table, and every row names a step
  - the function exists, and the statement stands in it, apart from layout
  - the whole function, without comments and layout, is the one whose hash is in ties.json: order matters to a protocol
"""

import hashlib
import json
import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(FOLDER, "..", ".."))
DOCUMENT = os.path.join(ROOT, "docs", "verification.md")
HASHES = os.path.join(FOLDER, "ties.json")

HEADING = re.compile(r"^#+ .*`(\w+\.pml)`")
ROW = re.compile(r"^\| `(\w+)` \| `([\w/.]+)` `(\w+)` \| `(.+)` \|$")
STEP = re.compile(r"\[([a-z_]+)\]")
INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class Tie:
    def __init__(self, line, model, step, path, function, statement):
        self.line, self.model, self.step = line, model, step
        self.path, self.function = path, function
        self.statement = statement.replace("\\|", "|")

    def key(self):
        return f"{self.path}:{self.function}"


def read_table():
    """(ties, problems)"""
    ties, problems, model = [], [], None
    with open(DOCUMENT, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            heading, row = HEADING.match(line), ROW.match(line)
            if heading:
                model = heading[1]
            elif line.startswith("#"):
                model = None
            elif row and model:
                ties.append(Tie(number, model, *row.groups()))
            elif model and line.startswith("| `"):
                problems.append(f"docs/verification.md:{number}: not of the form | `step` | `file` `function` | `statement` |")
    return ties, problems


def plain(text):
    """Without comments, layout as one blank, so that clang-format may move it."""
    return re.sub(r"\s+", " ", COMMENT.sub(" ", text)).strip()


def squeeze(text):
    return re.sub(r"\s", "", text)


def function_text(path, name):
    """The definition of a function, from its first line to the brace in column 0; None: there is none."""
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
    except OSError:
        return None
    match = re.search(rf"^[a-z][^\n;{{}}=]*\b{name}\([^;{{}}]*\)\n\{{.*?^\}}", text, re.MULTILINE | re.DOTALL)
    return match[0] if match else None


def steps_of(model):
    """The steps in its comments and in those of the files it includes."""
    with open(os.path.join(FOLDER, model), encoding="utf-8") as f:
        text = f.read()
    steps = {step for comment in COMMENT.findall(text) for step in STEP.findall(comment)}
    return steps.union(*(steps_of(part) for part in INCLUDE.findall(text)))


def check_steps(ties):
    for model in sorted(name for name in os.listdir(FOLDER) if name.endswith(".pml")):
        steps, rows = steps_of(model), {tie.step for tie in ties if tie.model == model}
        yield from (f"{model}: step [{step}] has no row in docs/verification.md" for step in sorted(steps - rows))
        yield from (f"{model}: docs/verification.md ties step {step}, which the model does not name"
                    for step in sorted(rows - steps))


def check_code(ties, hashes):
    seen = set()
    for tie in ties:
        where = f"docs/verification.md:{tie.line}: {tie.model}, step {tie.step}"
        text = function_text(tie.path, tie.function)
        if text is None:
            yield f"{where}: {tie.path} has no function {tie.function}"
            continue
        if squeeze(tie.statement) not in squeeze(plain(text)):
            yield f"{where}: {tie.function} in {tie.path} has no more: {tie.statement}"
        if tie.key() not in seen and hashes.get(tie.key()) != hash_of(text):
            yield (f"{where}: {tie.function} in {tie.path} has changed. Does the model still say what it does? "
                   "If so: make model-ties RECORD=1")
        seen.add(tie.key())


def hash_of(text):
    return hashlib.sha256(squeeze(plain(text)).encode()).hexdigest()[:16]


def read_hashes():
    if not os.path.exists(HASHES):
        return {}
    with open(HASHES, encoding="utf-8") as f:
        return json.load(f)


def problems():
    ties, lines = read_table()
    return lines + list(check_steps(ties)) + list(check_code(ties, read_hashes()))


def record():
    """Remembers the functions. What only the table can say is still a problem afterwards."""
    texts = {tie.key(): function_text(tie.path, tie.function) for tie in read_table()[0]}
    with open(HASHES, "w", encoding="utf-8") as f:
        json.dump({key: hash_of(text) for key, text in sorted(texts.items()) if text}, f, indent=1)
        f.write("\n")


def main():
    if "--record" in sys.argv[1:]:
        record()
    lines = problems()
    print("\n".join(lines) if lines else f"{len(read_table()[0])} ties: the code is as it was when the models were looked at")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
