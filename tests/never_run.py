"""The list of lines that the tests do not run, and why: never_run.txt.

    A reason, in a line that begins in the first column:
        FILE FUNCTION            no line of the function is run
        FILE FUNCTION: TEXT      one line of it, as it stands in the source; twice for two lines that read the same
        ~FILE FUNCTION: TEXT     the same, but it may be run (a race)

The names of functions and the texts of lines are those of coverage.Sources, so that lines may move.
"""

import collections
import re

Line = collections.namedtuple("Line", "file number function text ran")  # a line with code
Entry = collections.namedtuple("Entry", "number file function text may_run")  # number: of the list's line; text "": all of them


class Malformed(Exception):
    """A line of the list that is neither reason nor entry; the text says which."""


def read(path):
    entries, reason = [], False
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.fullmatch(r"\s+(~?)(\S+) (\w+)(?:: (\S.*))?", line.rstrip())
            if match and reason:
                entries.append(Entry(number, match.group(2), match.group(3), match.group(4) or "", bool(match.group(1))))
            elif line[0].isspace() or not line.rstrip().endswith(":"):
                raise Malformed(f"{path}:{number}: neither 'a reason:' nor, below one, 'FILE FUNCTION: TEXT'")
            else:
                reason = True
    return entries


def compare(lines, entries, path):
    """What is wrong between lines with code and the list, in lines to print."""
    problems, texts, functions = [], collections.defaultdict(list), collections.defaultdict(list)
    for entry in entries:
        key = entry.file, entry.function
        (texts[(*key, entry.text)] if entry.text else functions[key]).append(entry)
    of_text, of_function = collections.defaultdict(list), collections.defaultdict(list)
    for line in lines:
        of_text[(line.file, line.function, line.text)].append(line)
        of_function[(line.file, line.function)].append(line)
    for key, listed in functions.items():
        problems += problems_of(f"{path}:{listed[0].number}: function {key[1]} in {key[0]}", listed[:1], of_function[key][:1],
                                any(line.ran for line in of_function[key]))
    for key, listed in texts.items():
        never = sum(not line.ran for line in of_text[key])
        problems += problems_of(f"{path}:{listed[0].number}: '{key[2]}' in {key[1]}, {key[0]},", listed, of_text[key],
                                len(listed) > never)
    for key, found in of_text.items():
        never = [line for line in found if not line.ran]
        if key[:2] not in functions and len(never) > len(texts[key]):
            problems.append(f"{key[0]}:{never[0].number}: never run, and {path} gives no reason: {key[1]}: {key[2]}")
    return problems


def problems_of(what, listed, found, ran):
    if len(found) < len(listed):
        return [f"{what} is not there, or has no code"]
    return [f"{what} is run after all"] if ran and not any(entry.may_run for entry in listed) else []
