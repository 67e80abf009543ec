# SPDX-License-Identifier: GPL-2.0-only
"""table.md for readers, and cpu.csv for data that has no column in table.csv."""

import csv
import io
import math
import statistics

from . import plan as plans
from .stats import median

CPU_COLUMNS = ("device", "bs", "depth", "jobs", "rw", "config", "cpus_busy",
               "fio_usr", "fio_sys", "cpu_us_per_io")


def _k(value):
    return "-" if value is None else f"{value / 1000:.1f}"


def percent(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def _rows(entries):
    """Group the entries by row, as (row, {config: entry})."""
    grouped = {}
    for entry in entries:
        key = tuple(entry[name] for name in ("device", "bs", "depth", "jobs", "rw"))
        grouped.setdefault(key, {})[entry["config"]] = entry
    return grouped


def row_name(row):
    device, bs, depth, jobs, rw = row
    return f"{device} {bs} {rw}, {jobs} job{'s' if jobs > 1 else ''}, depth {depth}"


def grid(header, lines):
    """Return a Markdown table whose columns are also aligned in a terminal."""
    cells = [header, *lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]

    def draw(line):
        first = line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "| " + " | ".join([first, *rest]) + " |"
    rule = "|" + "|".join(["-" * (widths[0] + 2)]
                          + ["-" * (width + 1) + ":" for width in widths[1:]]) + "|"
    return "\n".join([draw(header), rule, *map(draw, lines)])


def _configs(entries):
    present = {entry["config"] for entry in entries}
    return [config for config in plans.CONFIGS if config.name in present]


def throughput(entries):
    configs = _configs(entries)
    header = ["k IOPS (spread)"] + [config.label for config in configs]
    lines = []
    for row, cells in _rows(entries).items():
        line = [row_name(row)]
        for config in configs:
            entry = cells[config.name]
            spread = "" if entry["cv"] is None else f" ({percent(entry['cv'])})"
            line.append(_k(entry["iops"]) + spread)
        lines.append(line)
    return grid(header, lines)


def ratios(entries):
    against_base = [c for c in _configs(entries) if c.name not in ("base", "none")]
    against_none = [c for c in _configs(entries) if c.name != "none"]
    header = (["ratios"] + [f"{c.label} / base" for c in against_base]
              + [f"{c.label} / none" for c in against_none])
    lines = []
    for row, cells in _rows(entries).items():
        lines.append([row_name(row)]
                     + [percent(cells[c.name]["vs_base"]) for c in against_base]
                     + [percent(cells[c.name]["vs_none"]) for c in against_none])
    return grid(header, lines)


def _verdict(low, high):
    if low > 0:
        return "faster"
    return "slower" if high < 0 else "the same"


def pairs(samples, rows):
    """Return [(row, mean, low, high, verdict)]: ratios of the patched kernel to the base, by
    pairs of turns; without rows that have less than two turns of each.
    """
    found = [(row, samples.difference(row, "ours", "base")) for row in rows]
    return [(row, *(1 + share for share in it), _verdict(*it[1:])) for row, it in found if it]


def pairs_csv(samples, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*plans.Row._fields, "mean", "low", "high", "verdict"])
    writer.writerows([*row, *(f"{share:.3f}" for share in it), verdict]
                     for row, *it, verdict in pairs(samples, rows))
    return text.getvalue()


def ratios_csv(samples, rows, configs):
    """Return a csv of ratios by pairs of turns: of each configuration to the base, and of the
    pairs in PRECISE. The last column has the number of pairs.
    """
    names = [config.name for config in configs]
    wanted = [(name, name, "base") for name in names if name != "base"] + \
        [(f"{one}/{other}", one, other) for one, other in plans.PRECISE if other != "base"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*plans.Row._fields, "config", "mean", "low", "high", "turns"])
    for row in rows:
        for name, one, other in wanted:
            found = samples.difference(row, one, other)
            if found:
                writer.writerow([*row, name, *(f"{1 + share:.3f}" for share in found),
                                 len(samples.paired(row, one, other)[0])])
    return text.getvalue()


def pairs_grid(found):
    """Return the table of @found: (name of a row, mean, low, high, verdict)."""
    lines = [[name, percent(mean), f"{100 * low:.0f} to {100 * high:.0f} %", verdict]
             for name, mean, low, high, verdict in found]
    return grid(["patched / base, by pairs of turns", "mean", "95 % interval",
                 "so it is"], lines) if lines else ""


def _pair(samples, row, one, other):
    """Return the cells of the mean ratio, its interval and the verdict; None with less
    than two turns of each.
    """
    found = samples.difference(row, one, other)
    if not found:
        return None
    mean, low, high = found
    return [percent(1 + mean), f"{100 * (1 + low):.0f} to {100 * (1 + high):.0f} %",
            _verdict(low, high)]


def paired(samples, rows, one="ours", other="base"):
    """Return the table of one configuration against another, by pairs of turns;
    empty with less than two turns of each.
    """
    lines = [[row_name(row), *cells] for row in rows
             if (cells := _pair(samples, row, one, other))]
    shown = {"ours": "patched"}
    return grid([f"{shown.get(one, one)} / {shown.get(other, other)}, by pairs of turns", "mean", "95 % interval",
                 "so it is"], lines) if lines else ""


def mean_ratio(samples, rows, one, other):
    """Return the geometric mean of the ratios of all rows, None if there are none."""
    found = [samples.difference(row, one, other) for row in rows]
    logs = [math.log1p(ratio[0]) for ratio in found if ratio]
    return math.exp(statistics.fmean(logs)) if logs else None


def _means(samples, rows):
    """Return the table of mean ratios over all rows, by device."""
    lines = []
    for device in dict.fromkeys(row.device for row in rows):
        of_device = [row for row in rows if row.device == device]
        lines.append([device] + [percent(mean_ratio(samples, of_device, *pair))
                                 for pair in plans.PRECISE])
    return grid(["mean of all rows"] + [f"{one} / {other}" for one, other in plans.PRECISE],
                lines)


def all_pairs(samples, plan):
    """Return the tables of pairs that are shown for a plan."""
    if not plan.guest.native:
        return paired(samples, plan.rows)
    tables = [paired(samples, plan.rows, *pair) for pair in plans.PRECISE]
    return "\n\n".join(filter(None, [*tables, _means(samples, plan.rows)]))


def _cpu(samples, row, config):
    """Return medians of busy CPUs, of fio's user and system share, and of CPU per I/O."""
    parts = samples.cpu(row, config)
    if not parts:
        return None
    busy, usr, system = (median([part[i] for part in parts]) for i in range(3))
    per_io = median([1e6 * part[0] / iops for part, iops
                     in zip(parts, samples.iops(row, config)) if iops])
    return busy, usr, system, per_io


def _cpu_table(samples, rows, configs):
    header = ["guest CPUs busy (us a I/O)"] + [c.label for c in configs]
    lines = []
    for row in rows:
        line = [row_name(row)]
        for config in configs:
            cpu = _cpu(samples, row, config.name)
            line.append(f"{cpu[0]:.1f} ({cpu[3]:.0f})" if cpu else "-")
        lines.append(line)
    return grid(header, lines)


def cpu_csv(samples, rows, configs):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CPU_COLUMNS)
    for row in rows:
        for config in configs:
            cpu = _cpu(samples, row, config.name)
            writer.writerow([*row, config.name]
                            + ([f"{cpu[0]:.2f}", f"{cpu[1]:.1f}",
                                f"{cpu[2]:.1f}", f"{cpu[3]:.1f}"]
                               if cpu else [""] * 4))
    return text.getvalue()


def disturbance(environment):
    """Return a sentence on other work on the host; empty if there was little."""
    host = environment["host"]
    if host["cpus_used_by_others"] < 0.1 * host["cpus"]:
        return ""
    return (f"Other work took {host['cpus_used_by_others']:.1f} of the host's "
            f"{host['cpus']} CPUs meanwhile: expect noise.")


def summary(entries, samples, plan, environment):
    """Return the text that is also printed to the terminal at the end."""
    return "\n\n".join((throughput(entries), ratios(entries),
                        all_pairs(samples, plan),
                        f"Accelerator: {environment['accelerator']}. "
                        f"Medians of {environment['plan']['turns']} turns in each of "
                        f"{environment['plan']['repeats']} boots; the spread is the "
                        "coefficient of variation. "
                        "Only ratios within one run mean anything. "
                        + handovers(environment["handovers"])
                        + disturbance(environment)))


def _identical(environment):
    images = environment["images"]
    if images["base"]["sha256"] != images["ours"]["sha256"]:
        return ""
    return ("**Both images are the same kernel: the columns differ by noise "
            "alone.**\n\n")


def _columns(configs, environment):
    lines = []
    for config in configs:
        booted = environment["configurations"][config.name].get("booted", {})
        lines.append([config.label, config.kernel,
                      f"{booted.get('release', '?')} {booted.get('version', '')}".strip(),
                      f"`{config.append}`"])
    return grid(["column", "image", "kernel", "parameter"], lines)


def handover_csv(measured):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("row", "turn", "handover_ns"))
    writer.writerows((row, turn, f"{ns:.1f}") for row, turn, ns in measured)
    return text.getvalue()


def handovers(measured):
    """Return a sentence on the time of a cache line between the CPUs; empty if unknown."""
    if not measured:
        return ""
    times = sorted(ns for _, _, ns in measured)
    return ("A cache line took {:.0f} to {:.0f} ns from one CPU to the other, {:.0f} in the "
            "median of all turns. ".format(times[0], times[-1], median(times)))


def _native_remarks(plan):
    """Return remarks on the disks and CPUs of a native guest, one per line."""
    if not plan.guest.native:
        return ""
    return """\
- virtio-blk is served by a qemu-storage-daemon, which copies the data to and from memory
  of its own; dmablk is in the kernel: with "none" the device does not look at the data,
  with "touch-remote" another CPU reads or writes a word of each cache line
- guests of rows with one job have one CPU, bound to one of the host's, and virtio-blk's
  daemon is bound to another; the rest has two CPUs that the host's scheduler places
"""


def markdown(entries, samples, plan, environment):
    host, guest = environment["host"], environment["guest"]
    verified = ", ".join(c.name for c in plan.configs if c.name in plans.VERIFIED)
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
# swiotlb in a guest: base, patched, no bouncing

{_identical(environment)}{throughput(entries)}

{ratios(entries)}

{all_pairs(samples, plan)}

{_cpu_table(samples, plan.rows, plan.configs)}

{_columns(plan.configs, environment)}

- {environment['started']}, `{environment['command']}`
- {environment['qemu']}, accelerator {environment['accelerator']}, CPU
  {guest['cpu']}, {guest['vcpus']} vCPUs, {guest['memory_mib']} MiB, disks on
  {guest['backing']}
- host: {host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, load
  {host['load_at_start'][0]:.1f} at the start and {host['load_at_end'][0]:.1f} at the end;
  other work took {host['cpus_used_by_others']:.1f} CPUs. {handovers(environment['handovers'])}
- {environment['fio']}, {plans.ENGINE}, direct, sequential with merging off,
  {plan.guest.batch or 1} at a time, {plan.runtime} s a turn after {plan.ramp} s,
  {plan.turns_text()} turns of each row in each of {plan.repeats} boots, while the other guests stand still; median, and the
  coefficient of variation as spread
- before anything was timed, crc32c verified every byte on
  {', '.join(plan.guest.verify_disks)}, 512 B to 1 MiB from uneven buffers ({verified})
- emulated or not, a guest on a shared host gives ratios, not speeds
{_native_remarks(plan)}"""
