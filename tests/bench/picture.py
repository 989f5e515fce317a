"""make profile-picture: profiles (build/bench/profile-*.json) as stacked bars, for each benchmark and lock protocol.

    picture.py --out FILE.svg PROFILE.json...

The bars stand in the order of the files. The same profiles give the same bytes.
"""

import argparse
import json
import sys

import phases

# One for each phase, in the table's order: blue what the kernel does, then what the server does, grey the client.
COLOURS = ("#08306b", "#1c5aa6", "#3d8dc4", "#85bcdc", "#c3daee", "#6a51a3", "#b3a5d3",
           "#7f2704", "#d9660f", "#fdae6b", "#41a35a", "#555555", "#999999", "#dddddd")
TITLE = "Instructions of one operation on one hart, by phase (median sample)"
WIDTH, LEFT, RIGHT, TOP = 960, 130, 60, 34
BAR, GAP, GROUP_GAP = 26, 6, 14
LEGEND_COLUMNS, LEGEND_ROW = 4, 20
DIGIT = 6.5  # about the width of a digit in the bars


def read(paths):
    """[((bench, mm), {phase: instructions})] in the order of files and lines."""
    bars = {}
    for path in paths:
        with open(path, encoding="utf-8") as source:
            for row in map(json.loads, source):
                bar = bars.setdefault((row["bench"], row["mm"]), dict.fromkeys(phases.PHASES, 0))
                bar[row["phase"]] += row["instrs"]
    return list(bars.items())


def text(x, y, content, anchor="start", colour="#222222", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">'
            f'{content}</text>')


def is_dark(colour):
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return 0.3 * red + 0.6 * green + 0.1 * blue < 128


def draw_bar(y, bar, scale):
    lines, x = [], LEFT
    for phase, colour in zip(phases.PHASES, COLOURS):
        width, label = bar[phase] * scale, f"{bar[phase]:,.0f}"
        if not width:
            continue
        lines.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}" stroke="#ffffff" '
                     f'stroke-width="0.5"><title>{phase}: {label}</title></rect>')
        if width > DIGIT * len(label) + 4:
            ink = "#ffffff" if is_dark(colour) else "#222222"
            lines.append(text(x + width / 2, y + BAR / 2 + 4, label, "middle", ink))
        x += width
    return lines + [text(x + 6, y + BAR / 2 + 4, f"{sum(bar.values()):,.0f}", weight="bold")]


def draw_legend(y, bars):
    lines = []
    used = [pair for pair in zip(phases.PHASES, COLOURS) if any(bar[pair[0]] for _, bar in bars)]
    rows = -(-len(used) // LEGEND_COLUMNS)
    for number, (phase, colour) in enumerate(used):
        x, row_y = 20 + number // rows * (WIDTH - 40) / LEGEND_COLUMNS, y + number % rows * LEGEND_ROW
        lines += [f'<rect x="{x:.1f}" y="{row_y}" width="13" height="13" fill="{colour}"/>',
                  text(x + 19, row_y + 11, phase)]
    return lines, y + rows * LEGEND_ROW


def draw(bars):
    scale = (WIDTH - LEFT - RIGHT) / max(sum(bar.values()) for _, bar in bars)
    lines, y, before = [text(20, 20, TITLE, weight="bold")], TOP, None
    for (name, mm), bar in bars:
        y += GROUP_GAP if before not in (None, name) else 0
        lines.append(text(LEFT - 8, y + BAR / 2 + 4, f"{name}, {mm.replace('user-', '')}", "end"))
        lines += draw_bar(y, bar, scale)
        y, before = y + BAR + GAP, name
    legend, height = draw_legend(y + 14, bars)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height + 6}" '
            f'viewBox="0 0 {WIDTH} {height + 6}" font-family="sans-serif" font-size="12">')
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *lines, *legend, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("profiles", nargs="+")
    options = parser.parse_args()
    picture = draw(read(options.profiles))
    with open(options.out, "w", encoding="utf-8") as out:
        out.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
