# SPDX-License-Identifier: GPL-2.0-only
"""The time of an I/O in a guest at native speed, by function of its kernel.

perf samples the process of User Mode Linux by the clock, so it needs no counters of the
CPU. Programs in the guest are processes of their own, which are not sampled.
"""

import collections
import contextlib
import csv
import io
import os
import signal
import subprocess
import time

from swguest import machine

from . import measure, plan as plans, profiles, report
from .stats import median

FREQUENCY = 4000
COLUMNS = (*plans.Row._fields, "config", "group", "ns_per_io", "percent")
# User Mode Linux runs at addresses below this, the host's libraries and kernel above.
HIGHEST = 1 << 32
# How long to wait until perf has begun, in seconds
BEGUN = 5


class ProfileError(Exception):
    """perf is missing, or the host forbids it."""


def perf():
    """Return the path of perf, after a short test: the host may forbid its use."""
    found = machine.tool("perf")
    done = subprocess.run([found, "record", "-q", "-e", "cpu-clock", "-o", os.devnull, "true"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProfileError("perf record does not work here: "
                           + (done.stderr.strip().splitlines() or ["no reason"])[0])
    return found


@contextlib.contextmanager
def watched(pid, data):
    """Sample the process @pid during the with block; yield a list that gets the output of perf
    script, an address a sample. @data: a file to use.
    """
    found, program = [], perf()
    with subprocess.Popen([program, "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), "-o", str(data),
                           "-p", str(pid)], stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + BEGUN
        while not data.is_file() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield found
        finally:
            process.send_signal(signal.SIGINT)
    done = subprocess.run([program, "script", "-i", str(data), "-F", "ip"], capture_output=True, text=True,
                          check=False)
    found.append(done.stdout)


def functions(text, symbols):
    """Return {function: samples} from the output of perf script, an address for each sample."""
    found = collections.Counter(int(address, 16) for address in text.split())
    host = sum(found.pop(address) for address in list(found) if address >= HIGHEST)
    return profiles.by_function(found, symbols) + collections.Counter({profiles.HOST: host})


class Profiled(measure.Measurement):
    """A comparison in which perf samples each turn. @symbols: profiles.Symbols by kernel.
    @profiles: lists of {function: nanoseconds of an I/O}, by row and configuration."""

    def __init__(self, symbols, *arguments):
        super().__init__(*arguments)
        self.profiles = collections.defaultdict(list)
        self._symbols = symbols
        perf()

    def _turn(self, row, config, number, guest, cold):
        data = self.directory / f"{config.name}.{row.name}.{number}.perf"
        if not guest.alive:
            return super()._turn(row, config, number, guest, cold)
        with watched(guest.pid, data) as text:
            super()._turn(row, config, number, guest, cold)
        data.unlink(missing_ok=True)
        found = functions(text[0], self._symbols[config.kernel])
        iops, cpu = self.samples.iops(row, config.name), self.samples.cpu(row, config.name)
        total = sum(found.values())
        if total and iops and iops[-1]:
            # Nanoseconds of busy time for each I/O, divided by the number of samples
            each = 1e9 * cpu[-1][0] / iops[-1] / total
            self.profiles[row, config.name].append(
                {name: each * count for name, count in found.items()})
        return None


def entries(measured):
    """Return the lines of the table: one for each group of functions, and their sum."""
    lines = []
    order = [name for name, _ in profiles.GROUPS] + [profiles.REST, profiles.HOST]
    for (row, config), samples in measured.profiles.items():
        groups = profiles.medians(list(map(profiles.grouped, samples)))
        whole = median([sum(sample.values()) for sample in samples])
        lines += [dict(zip(COLUMNS, (*row, config, name, f"{groups.get(name, 0):.0f}",
                                     f"{100 * groups.get(name, 0) / whole:.1f}"))) for name in order]
        lines.append(dict(zip(COLUMNS, (*row, config, "all", f"{whole:.0f}", "100.0"))))
    return lines


def to_csv(lines):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def grid(lines):
    """Return the table: a line for each row and configuration, a column for each group."""
    cells = collections.defaultdict(dict)
    for line in lines:
        row = [line[name] for name in plans.Row._fields]
        key = report.row_name([*row[:3], int(row[3]), row[4]]), line["config"]
        cells[key][line["group"]] = line["ns_per_io"]
    order = [name for name, _ in profiles.GROUPS] + [profiles.REST, profiles.HOST, "all"]
    labels = {config.name: config.label for config in plans.CONFIGS}
    return report.grid(["ns an I/O", "kernel", *order],
                       [[row, labels[config], *(found.get(name, "-") for name in order)]
                        for (row, config), found in cells.items()])


def top(measured, number=12):
    """Return the functions that take most time, by row and configuration, as a page."""
    parts = []
    for (row, config), samples in measured.profiles.items():
        found = sorted(profiles.medians(samples).items(), key=lambda item: -item[1])[:number]
        parts.append(f"## {report.row_name(row)}, {config}\n\n" + report.grid(
            ["function", "group", "ns an I/O"],
            [[f"`{name}`", profiles.group(name), f"{cost:.0f}"] for name, cost in found]))
    return "\n\n".join(parts) + "\n"
