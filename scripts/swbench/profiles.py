# SPDX-License-Identifier: GPL-2.0-only
"""Where the CPU time of an I/O goes, by the ticks of /proc/profile.

A tick counts for the function that it interrupts, if that is in the kernel. Where
interrupts are off, it comes late, and counts for what switches them on again.
"""

import bisect
import collections
import csv
import io
import struct

from . import measure, report
from .stats import median

# What makes up a mapping, by names of functions; the first pattern that fits.
GROUPS = (
    ("copies", ("memcpy", "__memcpy", "memcpy_orig", "swiotlb_bounce", "swiotlb_copy")),
    ("swiotlb", ("swiotlb_", "__swiotlb_", "is_swiotlb_")),
    ("DMA API", ("dma_", "__dma_", "blk_rq_dma_", "blk_dma_", "iommu_", "sg_")),
    ("locks, interrupts on again", ("_raw_spin_", "__raw_spin_", "queued_spin_",
                                    "native_queued_spin_")),
)
REST = "all other kernel code"
# Where a CPU waits: nothing of an I/O's cost
IDLE = ("pv_native_safe_halt", "native_safe_halt", "default_idle", "arch_cpu_idle")
OUTSIDE = "user space, and what has no ticks"


class Symbols:
    """Functions by address, from lines of an address and a name."""

    def __init__(self, text):
        self._found = sorted((int(address, 16), name) for address, name in
                             map(str.split, text.splitlines()))
        self._at = [address for address, _ in self._found]
        self.start = next(address for address, name in self._found
                          if name == "_stext")

    def name(self, address):
        return self._found[bisect.bisect_right(self._at, address) - 1][1]


def ticks(raw, symbols):
    """{function: ticks} of a /proc/profile: the bytes a counter, then counters.
    A CPU that is idle is left out.
    """
    counters = struct.unpack(f"<{len(raw) // 4}I", raw[:len(raw) // 4 * 4])
    found = collections.Counter()
    for number, count in enumerate(counters[1:]):
        if count:
            found[symbols.name(symbols.start + number * counters[0])] += count
    for name in IDLE:
        found.pop(name, None)
    return found


def group(function):
    for name, prefixes in GROUPS:
        if name == "copies" and function in prefixes or \
           name != "copies" and function.startswith(prefixes):
            return name
    return REST


class Profiled(measure.Measurement):
    """@costs: {(row, configuration): [{function: CPU microseconds an I/O}]}."""

    PROFILE = "1"

    def __init__(self, *args):
        super().__init__(*args)
        self.costs = collections.defaultdict(list)

    def _take(self, row, name, config, said):
        super()._take(row, name, config, said)
        found = ticks(said.frames[f"{name}.profile"], Symbols(said.text("symbols")))
        before, after = map(int, said.values(f"{name}.sample")["ticks"].split()[::2])
        iops = self.samples.iops(row, config.name)[-1]
        busy = self.samples.cpu(row, config.name)[-1][0]
        self.costs[row, config.name].append(
            per_io(found, after - before, 1e6 * busy / iops))


# A tick of the profile is one of the scheduler's, HZ of them a second; the times
# in /proc/stat are in hundredths.
HZ = 250
USER_HZ = 100


def per_io(found, busy_ticks, total):
    """Shares of @total microseconds: what is left is not in the kernel."""
    each = total / (busy_ticks * HZ / USER_HZ)
    costs = {name: count * each for name, count in found.items()}
    costs[OUTSIDE] = total - sum(costs.values())
    return costs


def median_costs(samples):
    names = set().union(*samples)
    return {name: median([sample.get(name, 0) for sample in samples]) for name in names}


def grouped(costs):
    sums = collections.Counter()
    for name, cost in costs.items():
        sums[name if name == OUTSIDE else group(name)] += cost
    return sums


def _names(table):
    """Of all configurations, the dearest first."""
    names = set().union(*table)
    return sorted(names, key=lambda name: -max(costs.get(name, 0) for costs in table))


def _grid(title, table, configs, names):
    lines = [[name] + [f"{costs.get(name, 0):.2f}" for costs in table] for name in names]
    lines.append(["all"] + [f"{sum(costs.values()):.2f}" for costs in table])
    return report.grid([title] + [config.label for config in configs], lines)


def _row_tables(measured, row):
    configs = measured.plan.configs
    if not all(measured.costs[row, config.name] for config in configs):
        return []
    table = [median_costs(measured.costs[row, config.name]) for config in configs]
    groups = [grouped(costs) for costs in table]
    order = [name for name, _ in GROUPS] + [REST, OUTSIDE]
    top = [name for name in _names(table) if name != OUTSIDE][:12]
    shown = [{name: costs.get(name, 0) for name in top} for costs in table]
    title = f"{report.row_name((row.device, row.bs, row.depth, row.jobs, row.rw))}"
    return [f"## {title}\n",
            _grid("CPU us an I/O", groups, configs, order),
            "",
            _grid("the dearest functions", shown, configs, top), ""]


def markdown(measured, env):
    parts = ["<!-- SPDX-License-Identifier: GPL-2.0-only -->",
             "# Where the CPU time of an I/O goes\n"]
    for row in measured.plan.rows:
        parts += _row_tables(measured, row)
    parts.append(f"`make profile-guest`, medians of {measured.plan.turns} turns in "
                 f"each of {measured.plan.repeats} boots, "
                 f"{env.data['accelerator'] or measured.accel}; ticks of a timer with "
                 f"interrupts off count where they go on again. "
                 + report.disturbance(env.data))
    return "\n".join(parts) + "\n"


def to_csv(measured):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "config", "function", "group", "us_per_io"))
    for (row, config), samples in measured.costs.items():
        for name, cost in sorted(median_costs(samples).items(), key=lambda item: -item[1]):
            writer.writerow((row.name, config, name,
                             OUTSIDE if name == OUTSIDE else group(name), f"{cost:.4f}"))
    return out.getvalue()
