# SPDX-License-Identifier: GPL-2.0-only
"""The tables of our pages and of the cover letter, from the lines of a csv."""

import math
import re
import statistics

from . import cpus, guests, mapbench, mapprofile, mechanisms, nativeprofile, nodes, plan as plans, report, waiting

# Rows of make bench that run the same code in both columns
BOUNDS = re.compile(r"bare memcpy |hand .* without mapping$|.* nothing else$")
# Below this ratio, a gain is small
GAIN = 1.1
# Rows of the map benchmark, and the equivalent rows of make bench
SAME_ROWS = {"4k to device, 1 thread, depth 1": "map+unmap 4 KiB to device",
             "4k from device, 1 thread, depth 1": "map+unmap 4 KiB from device",
             "64k to device, 1 thread, depth 1": "map+unmap 64 KiB to device",
             "64k from device, 1 thread, depth 1": "map+unmap 64 KiB from device",
             "256k to device, 1 thread, depth 1": "map+unmap 256 KiB to device",
             "256k from device, 1 thread, depth 1": "map+unmap 256 KiB from device"}


def _number(text):
    return float(text) if text else None


def entries(lines):
    """Convert the lines of run.csv to the entries of stats.table()."""
    numbers = ("iops", "cv", "vs_base", "vs_none")
    return [{**line, **{name: _number(line[name]) for name in numbers},
             "depth": int(line["depth"]), "jobs": int(line["jobs"])} for line in lines]


def weak(lines):
    """Return the rows of bench.csv in which the patched kernel is slower or hardly faster, the worst first."""
    found = [line for line in lines
             if line["ratio"] and float(line["ratio"]) < GAIN and not BOUNDS.match(line["row"])]
    return sorted(found, key=lambda line: float(line["ratio"]))


def _bench(found):
    return report.grid(["", "base", "patched", "unit", "better"],
                       [[line["row"], line["base"], line["ours"], line["unit"], f"{line['ratio']}x"] for line in found])


def _limits(found):
    return report.grid(["", "base", "patched", "unit", "better", "limit", "holds"],
                       [[line["row"], line["base"], line["ours"], line["unit"],
                         f"{line['ratio']}x" if line["ratio"] else "", line["limit"].replace("ours", "patched"),
                         line["holds"]]
                        for line in found if line["limit"]])


def _row(name):
    """Return the name of a row in count.csv as text."""
    device, size, _, jobs, rw = name.split(".")
    return f"{device} {size} {rw}, {jobs} job{'s' if jobs != '1' else ''}"


def _change(line, prefix):
    """Return a difference with its interval, in percent of all instructions of an I/O."""
    if not line[f"{prefix}difference"]:
        return "-"
    mean, low, high = (100 * float(line[f"{prefix}{name}"]) for name in ("difference", "low", "high"))
    return f"{mean:+.1f} % ({low:+.1f} to {high:+.1f})"


def _count(found, title, cost, prefix):
    """Return a table of instructions. @cost: the column of the number; @prefix: that of the columns of differences."""
    rows = {}
    for line in found:
        rows.setdefault(line["row"], {})[line["config"]] = line
    order = ("base", "ours", "dynamic", "none")
    return report.grid([title, "base", "patched", "dynamic", "none", "patched to base", "dynamic to patched"],
                       [[_row(name), *(cells[config][cost] for config in order),
                         _change(cells["ours"], prefix), _change(cells["dynamic"], prefix)]
                        for name, cells in rows.items() if set(order) <= cells.keys()])


def _pairs(found):
    return report.pairs_grid([(report.row_name([line[name] for name in plans.Row._fields[:3]]
                                               + [int(line["jobs"]), line["rw"]]),
                               *(float(line[name]) for name in ("mean", "low", "high")), line["verdict"])
                              for line in found])


def _by_row(found, header, names):
    """Return a table of ratios with their intervals: a line for each row, a column for each name."""
    rows = {}
    for line in found:
        row = tuple(line[name] for name in plans.Row._fields)
        rows.setdefault(row, {})[line["config"]] = \
            f"{float(line['mean']):.2f} ({float(line['low']):.2f} to {float(line['high']):.2f})"
    return report.grid(header, [[report.row_name([*row[:3], int(row[3]), row[4]]),
                                 *(cells.get(name, "-") for name in names)]
                                for row, cells in rows.items()])


def _next(found):
    return _by_row(found, ["to the base", "last", "last, nt", "ring", "lowest", "next fit"],
                   ("ours", "lifo-nt", "ring", "lowest", "fit"))


def _native_ratios(found):
    return _by_row(found, ["by pairs of turns", "patched / base", "dynamic / patched", "patched / none"],
                   ("ours", "dynamic/ours", "ours/none"))


def _native_means(found):
    """Return the table of geometric means of the ratios of make native over the rows of a device."""
    logs = {}
    for line in found:
        logs.setdefault(line["device"], {}).setdefault(line["config"], []).append(math.log(float(line["mean"])))
    return report.grid(["mean of all rows", "patched / base", "dynamic / patched", "patched / none"],
                       [[device, *(f"{math.exp(statistics.fmean(values[name])):.2f}"
                                   for name in ("ours", "dynamic/ours", "ours/none"))]
                        for device, values in logs.items()])


def _native_map(found, bench):
    """Return the table of make native-map, beside the equivalent rows of make bench (@bench). It
    has means, since the clock of User Mode Linux has a resolution of 256 ns.
    """
    beside = {line["row"]: line for line in bench}
    rows = []
    for line in found:
        title, _, figure = line["row"].rpartition(": ")
        if figure == mapbench.MEAN and line["ratio"]:
            same = beside.get(SAME_ROWS.get(title), {})
            base, ours, none = (int(line[config]) for config in ("base", "ours", "none"))
            rows.append([title, *map(str, (base, ours, none, base - none, ours - none)),
                         same.get("base", ""), same.get("ours", "")])
    return report.grid(["ns for a map and its unmap", "base", "patched", "no bouncing", "base, less that",
                        "patched, less that", "make bench: base", "patched"], rows)


def _without(found):
    return report.grid(["mechanism", "row", "unit", "base", "with it", "without"],
                       [[line["mechanism"], line["row"], line["unit"], line["base"], line["with"], line["without"]]
                        for line in found])


def _xarray(found):
    return report.grid(["pools", "GiB of memory", "index, ns", "xarray, ns"],
                       [[line["pools"], line["gib"], line["index"], line["xarray"]] for line in found])


def hog(found):
    """Return the table of make bench-hog."""
    def share(line):
        return f"{line['share']} % ({line['low']} to {line['high']})" if line["low"] else \
            f"{line['share']} %" if line["share"] else ""
    return report.grid(["", "device", "M maps/s alone", "beside the hog", "that is", "p99 alone, ns", "p99 beside, ns",
                        "maps that fail"],
                       [[line["setup"], line["device"], line["alone"], line["beside"], share(line), line["p99_alone"],
                         line["p99_beside"], f"{line['failed']} %"] for line in found])


def _runs(found):
    return report.grid(["run", "command", "started", "commit", "host", "other load", "QEMU", "fio"],
                       [list(line.values()) for line in found])


def makers(tables, runs, repo):
    """Return {name of a table: function that makes it} from {name of a csv: its lines}."""
    def lines(name):
        return tables.get(name) or []
    return {"iops": lambda: report.throughput(entries(lines("run"))),
            "ratios": lambda: report.ratios(entries(lines("run"))),
            "pairs": lambda: _pairs(lines("pairs")),
            "native": lambda: report.throughput(entries(lines("native"))),
            "nativeratios": lambda: _native_ratios(lines("nativeratios")),
            "nativemeans": lambda: _native_means(lines("nativeratios")),
            "nativemap": lambda: _native_map(lines("nativemap"), lines("bench")),
            "mapprofile": lambda: mapprofile.grid(lines("mapprofile")),
            "nativeprofile": lambda: nativeprofile.grid(lines("nativeprofile")),
            "weak": lambda: _bench(weak(lines("bench"))),
            "limits": lambda: _limits(lines("bench")),
            "count": lambda: _count(lines("count"), "instructions of mapping, an I/O", "mapping", "mapping_"),
            "countnet": lambda: _count(lines("count_net"), "instructions a request", "insns_per_io", ""),
            "countnetmap": lambda: _count(lines("count_net"), "of them for mapping", "mapping", "mapping_"),
            "net": lambda: report.throughput(entries(lines("net"))),
            "next": lambda: _next(lines("next")),
            "cpus": lambda: cpus.grid(lines("cpus")),
            "xarray": lambda: _xarray(lines("xarray")),
            "hog": lambda: hog(lines("hog")),
            "guests": lambda: guests.grid(lines("guests")),
            "numa": lambda: nodes.grid(lines("numa")),
            "wait": lambda: waiting.grid(lines("wait")),
            "without": lambda: _without(lines("without")),
            "mechanisms": lambda: mechanisms.grid(lines("mechanisms"), lines("without"), lines("bench"), repo),
            "runs": lambda: _runs(runs)}
