# SPDX-License-Identifier: GPL-2.0-only
"""table.csv, table.md and bench.svg."""

import rows as plan
from swbench import plot, report, stats

COLUMNS = ("row", "base", "ours", "unit", "ratio", "limit", "holds")

NOT_MODELLED = """\
Both engines are compiled from their own sources, with the kernel's code
generation flags, against one shim:

- a spinlock is 4 bytes, out of line, a `lock cmpxchg` to take and a store to
  release; the first waiter spins on the pending bit as in a queued spinlock, a
  third one without a queue
- interrupts off and on are `pushf` and `popf`: `cli` and `sti` are not for user
  space
- preemption and RCU read sections are `++` and `--` of thread-local words, with
  the test at the end; per-CPU data costs one thread-local load; `smp_mb()` is
  `lock addl`, `smp_rmb()` and `smp_wmb()` are for the compiler
- a static key is a branch, predicted as not taken, on a variable that is only
  read; a static call is a direct call, which the compiler may inline
- the copy is `rep movsb`, out of line; "no copy" is another program, without it
- memory is in large pages, and the fields of `struct device` have the offsets
  that they have on x86-64; jiffies go on, 250 ticks a second
- times are CPU times of the thread, or of runs in which nobody took its core;
  with more threads than cores, the rate is that of the CPU time they got, and a
  waiter for a lock yields

Not there: return thunks and retpolines, stack protector, interrupts, NUMA, the
queue of a spinlock with three and more waiters, preemption of a lock's waiters
by the hypervisor. Work is done between repetitions, not beside the load. A pool
has 64 MiB and an area a CPU, 2 CPUs where the row does not say otherwise, and
does not grow but in the rows by number of pools. DYNAMIC, DEBUG_FS and
RESTRICTED are built in. Absolute times are those of a shared machine: only the
ratios of one run mean anything."""


def entries(series, rows):
    """Return table.csv as a list of dictionaries, None for values not measured."""
    out = []
    for row in rows:
        base, ours = (series.value(row, engine) for engine in ("base", "ours"))
        pair = (base, ours) if row.better == plan.LOWER else (ours, base)
        ratio = stats.ratio(*pair)
        out.append({"row": row.name, "base": base, "ours": ours,
                    "unit": row.unit, "ratio": ratio,
                    "limit": row.limit, "section": row.section,
                    "holds": plan.holds(row.limit, ours, ratio)})
    return out


def number(value):
    if value is None:
        return ""
    if value and abs(value) < 0.0995:
        return f"{value:.2g}"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}"


def _cell(entry, column):
    value = entry[column]
    if column == "limit":
        return plan.text(value)
    if column == "holds":
        return "" if value is None else "yes" if value else "no"
    return value if isinstance(value, str) else number(value)


def to_csv(found):
    return stats.to_csv(found, COLUMNS, _cell)


def _grid(found):
    return report.grid(list(COLUMNS), [[_cell(entry, column) for column in COLUMNS]
                                       for entry in found])


def _limited(found):
    return [entry for entry in found if entry["limit"]]


def verdict(found):
    limited = _limited(found)
    kept = sum(bool(entry["holds"]) for entry in limited)
    empty = sum(entry["holds"] is None for entry in limited)
    return (f"{kept} of {len(limited)} limits hold"
            + (f", {empty} could not be measured" if empty else "") + ".")


def markdown(found, environment):
    host = environment["host"]
    parts = [
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        "# swiotlb natively: base and patched (ours)",
        verdict(found) + " The ratio says how many times better ours is; a "
        "limit is on it, or on the value of ours.",
        _grid(_limited(found))]
    for section in dict.fromkeys(entry["section"] for entry in found):
        rest = [entry for entry in found
                if entry["section"] == section and not entry["limit"]]
        if rest:
            parts += [f"## Without a limit: {section}", _grid(rest)]
    parts += [
        "## What was measured", NOT_MODELLED,
        f"- {environment['started']}, `{environment['command']}`\n"
        f"- {host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, "
        f"{environment['compiler']}, base {environment['base']}\n"
        f"- medians of {environment['runs']['runs']} runs, engines in turn, of 9 "
        "repetitions each (threads: 7); the first failure is the mean of 16 "
        "seeds\n"
        f"- other work took {environment['runs']['cpus_used_by_others']:.2f} CPUs; "
        f"{environment['runs']['runs_disturbed']} of the runs were disturbed; groups "
        "that had less than three others, so that these count: "
        + (", ".join(environment["runs"]["groups_with_disturbed_runs"]) or "none")]
    if not environment["valgrind"]:
        parts.append("valgrind was missing: instructions were not counted.")
    return "\n\n".join(parts) + "\n"


def _bars(found):
    """Return lines of position, ratio, required ratio or NaN, and 1 if it holds; and labels."""
    drawn = [entry for entry in _limited(found) if entry["ratio"]]
    lines, labels = [], []
    for place, entry in enumerate(reversed(drawn)):
        limit = entry["limit"]
        asked = f"{limit.number:g}" if limit.of == "ratio" else "NaN"
        lines.append(f"{place} {entry['ratio']:.4g} {asked} "
                     f"{1 if entry['holds'] else 0}")
        # gnuplot treats a label as a number format
        labels.append(f"'{entry['row'].replace('%', '%%')}' {place}")
    return lines, labels


def svg(found, path):
    lines, labels = _bars(found)
    if not lines:
        return
    box = "($2):1:($2 < 1 ? $2 : 1):($2 < 1 ? 1 : $2):($1 - 0.38):($1 + 0.38)"
    body = "\n".join([
        "$rows << EOD", *lines, "EOD",
        'set title "swiotlb natively: how many times better than base\\n'
        'blue: the limit holds; a cross: the ratio asked for"',
        "set lmargin 62",
        "set logscale x; set grid xtics lc rgb '#dddddd'; set border 1",
        f"set yrange [-0.7:{len(lines) - 0.3}]; set xtics nomirror",
        "set ytics (" + ", ".join(labels) + ") nomirror scale 0",
        "set style fill solid 1.0 noborder; unset key",
        "set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#404040'",
        f"plot $rows using {box}:($4 == 1 ? 0x1f6fb4 : 0xc0504d) "
        "with boxxyerror lc rgb variable, \\",
        " $rows using 3:1 with points pt 2 ps 0.8 lc rgb '#000000'"]) + "\n"
    height = 130 + 20 * len(lines)
    plot.render(body, f"svg size 1000,{height} font 'sans,12' background 'white'",
                path)
