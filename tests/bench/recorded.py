"""Recorded figures: what `make bench` and `make scale` compare with, and how they say what has changed."""

import json
import os
import sys

TOLERANCE = 0.05


def write_rows(build, name, rows):
    """BUILD/bench/NAME.json, one object a line."""
    directory = os.path.join(build, "bench")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name + ".json"), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def read(path):
    """Name of a figure -> figure."""
    with open(path, encoding="utf-8") as source:
        return json.load(source)


def write(path, figures):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(figures, out, indent=4)
        out.write("\n")
    print(f"recorded in {os.path.relpath(path)}")


def compare(key, figure, expected, unit=""):
    """(what is wrong, what is better or new), in lines."""
    if key not in expected:
        return [], [f"{key}: {figure}, not recorded yet"]
    if figure > expected[key] * (1 + TOLERANCE):
        return [f"{key}: {figure}{unit}, recorded {expected[key]}: worse by {figure / expected[key] - 1:.1%}"], []
    return [], [f"{key}: {figure}, recorded {expected[key]}"] if figure < expected[key] else []


def tell(program, wrong, better):
    """Prints both; the status that the program ends with."""
    for line in wrong:
        print(f"{program}: {line}", file=sys.stderr)
    if better:
        print(f"\nbetter than recorded, or new (record with: make {program} RECORD=1):", *better, sep="\n    ")
    return 1 if wrong else 0
