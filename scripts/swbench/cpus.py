# SPDX-License-Identifier: GPL-2.0-only
"""The cost of a map and an unmap on 1 to 512 CPUs: the columns, the table and the picture."""

from . import report

NODES = (2, 4, 8)
COLUMNS = ("load", "cpus", "engine", "locks", "lines",
           *(f"lines_{nodes}_nodes" for nodes in NODES), "instructions")
# The CPU that unmaps: the one that has mapped, the next one, any
LOADS = ("same", "next", "any")
SHOWN = (1, 8, 64, 512)
SIZE = 1000, 640

STYLES = {"base": ("base", "#b5483a"), "ours": ("patched", "#1f6fb4")}
# Dashes and points by load
DASHES = {"same": (1, 7), "next": (2, 5), "any": (3, 9)}
# Title, column, least value shown: a logarithmic scale has no zero
PANELS = (("locks taken (0.01: or less)", "locks", 0.01),
          ("cache lines that another CPU wrote last", "lines", 0.01),
          ("those that another of 8 nodes wrote last", "lines_8_nodes", 0.01),
          ("instructions", "instructions", 100))


def _cells(lines):
    """Return {load, CPUs, engine: line}."""
    return {(line["load"], int(line["cpus"]), line["engine"]): line for line in lines}


def grid(lines):
    """Return the table of a few numbers of CPUs, base / patched in each cell."""
    cells = _cells(lines)
    columns = ("locks", "lines", *(f"lines_{nodes}_nodes" for nodes in NODES), "instructions")
    titles = ("locks", "lines of another CPU", *(f"of another of {nodes} nodes" for nodes in NODES),
              "instructions")

    def shown(load, ncpus, column):
        pair = [cells[load, ncpus, engine][column] for engine in STYLES]
        return " / ".join(f"{float(text):.0f}" if column == "instructions" else f"{float(text):.2f}"
                          for text in pair) if all(pair) else "-"
    return report.grid(["a map and an unmap, base / patched", *titles],
                       [[f"{load} CPU unmaps, {ncpus} CPU{'s' if ncpus > 1 else ''}",
                         *(shown(load, ncpus, column) for column in columns)]
                        for load in LOADS for ncpus in SHOWN
                        if all((load, ncpus, engine) in cells for engine in STYLES)])


def _panel(cells, title, column, least):
    data, plots = [], []
    for engine, (label, colour) in STYLES.items():
        for load in LOADS:
            points = [(ncpus, line[column]) for (of, ncpus, who), line in cells.items()
                      if of == load and who == engine and line[column]]
            if not points:
                continue
            data += [f"${engine}_{load} << EOD",
                     *(f"{ncpus} {max(float(value), least):g}" for ncpus, value in points), "EOD"]
            dash, point = DASHES[load]
            plots.append(f"${engine}_{load} with linespoints dt {dash} pt {point} ps 0.6 lw 2 "
                         f"lc rgb '{colour}' title '{label}, {load} CPU unmaps'")
    return [f"set title '{title}' offset 0,-0.5", f"set yrange [{least}:*]", *data, "plot " + ", \\\n  ".join(plots)]


def script(lines):
    """Return the script for gnuplot."""
    cells = _cells(lines)
    text = ["set multiplot layout 2,2 margins 0.07,0.98,0.09,0.84 spacing 0.09,0.19"]
    for number, panel in enumerate(PANELS):
        text += ["reset", "set border 3; set grid ytics lc rgb '#dddddd'",
                 "set xtics nomirror (1, 2, 4, 8, 16, 32, 64, 128, 256, 512); set ytics nomirror",
                 "set logscale xy; set xrange [0.9:600]; set format y '%g'",
                 "set xlabel 'CPUs' offset 0,0.5",
                 "set key at screen 0.5,0.99 center top vertical maxrows 3 samplen 3" if number == 0 else "unset key",
                 *_panel(cells, *panel)]
    return "\n".join([*text, "unset multiplot"]) + "\n"
