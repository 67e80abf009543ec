# SPDX-License-Identifier: GPL-2.0-only
"""The picture of the README: a panel for each run that exists."""

import re

COLUMNS = 2
WIDTH, HEIGHT = 500, 300
STYLES = {"base": ("base", "#b5483a"), "ours": ("patched", "#1f6fb4"), "none": ("none", "#c9b458")}


def _by_number(lines, pattern):
    """Return [(number in the name of the row, base, ours)]."""
    found = [(re.fullmatch(pattern, line["row"]), line) for line in lines]
    return [(match[1].replace(" ", ""), line["base"], line["ours"]) for match, line in found if match]


def _pair(title, x, points, more=()):
    """Return a panel of two lines with points, on a logarithmic scale of ns."""
    return [f"set title '{title}'", f"set xlabel '{x}' offset 0,0.5; set ylabel 'ns' offset 1,0", "set logscale y",
            "set format y '%.0s%c'", *more, "$data << EOD", *map(" ".join, points), "EOD",
            "plot " + ", ".join(f"$data using 1:{column} with linespoints pt 7 ps 0.6 lw 2 lc rgb '{colour}' "
                                f"title '{label}'" for column, (label, colour) in
                                ((2, STYLES["base"]), (3, STYLES["ours"])))]


def _occupancy(tables):
    points = _by_number(tables.get("bench") or (), r"random churn from one CPU at (\d+) %")
    return points and _pair("map and unmap 4 KiB, by occupancy of the pool", "% in use", points,
                            ["set yrange [10:20000]; set xrange [0:100]"])


def _pools(tables):
    points = _by_number(tables.get("bench") or (),
                        r"map\+unmap 4 KiB without copy with ([\d ]+) pools and room in the oldest")
    return points and _pair("map and unmap 4 KiB, by number of pools", "pools", points,
                            ["set yrange [10:30000]; set logscale x; set xrange [0.8:1300]",
                             "set xtics (1, 4, 16, 64, 256, 1024)"])


def _steps(lines):
    """Return the lines at which the pools change, and the first and last line."""
    kept = [line for n, line in enumerate(lines)
            if n in (0, len(lines) - 1) or line["pools_mib"] != lines[n - 1]["pools_mib"]]
    return [f"{line['seconds']} {line['pools_mib']}" for line in kept]


def _memory(tables):
    found = {}
    for line in tables.get("memory") or ():
        found.setdefault("base" if line["config"] == "small" else "ours", []).append(line)
    if not found:
        return None
    body = ["set title 'memory of pools, before and after a load'",
            "set xlabel 'seconds after the load' offset 0,0.5; set ylabel 'MiB' offset 1,0", "set yrange [0:*]",
            "set key center right"]
    for name, lines in found.items():
        body += [f"${name} << EOD", *_steps(lines), "EOD"]
    return body + ["plot " + ", ".join(f"${name} using 1:2 with steps lw 2 lc rgb '{STYLES[name][1]}' "
                                       f"title '{STYLES[name][0]}'" for name in found)]


def _native(tables):
    """Return the panel of a guest at native speed: k IOPS of rows of virtio-blk."""
    rows = {}
    for line in tables.get("native") or ():
        if line["config"] in STYLES and line["device"] == "virtio-blk" and line["jobs"] in ("1", "4"):
            row = f"{line['bs']} {line['rw']} x{line['jobs']}"
            rows.setdefault(row, {})[line["config"]] = float(line["iops"]) / 1000
    if not rows:
        return None
    data = [f'"{row}" ' + " ".join(f"{cells[name]:.1f}" if name in cells else "NaN" for name in STYLES)
            for row, cells in rows.items()]
    most = max(max(cells.values()) for cells in rows.values())
    return ["set title 'a guest at native speed (none: not bounced)'", "set ylabel 'k IOPS' offset 1,0",
            f"set yrange [0:{1.3 * most:.0f}]; set key horizontal left",
            "set style data histograms; set style histogram clustered gap 1", "set style fill solid 1.0; set boxwidth 0.9",
            "set xtics rotate by 20 right", "$data << EOD", *data, "EOD",
            "plot " + ", ".join(f"$data using {n + 2}{':xtic(1)' if n == 0 else ''} lc rgb '{colour}' title '{label}'"
                                for n, (label, colour) in enumerate(STYLES.values()))]


PANELS = (_occupancy, _pools, _memory, _native)


def script(tables):
    """Return (script for gnuplot, (width, height)) from {name of a csv: its lines}."""
    panels = [body for body in (panel(tables) for panel in PANELS) if body]
    rows = -(-len(panels) // COLUMNS)
    lines = [f"set multiplot layout {max(rows, 1)},{COLUMNS}"]
    for body in panels:
        lines += ["reset", "set border 3; set grid ytics lc rgb '#dddddd'; set key top left samplen 1.5",
                  "set xtics nomirror; set ytics nomirror", *body]
    return "\n".join([*lines, "unset multiplot"]) + "\n", (COLUMNS * WIDTH, rows * HEIGHT)
