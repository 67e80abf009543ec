# SPDX-License-Identifier: GPL-2.0-only
"""The instructions of an I/O, by function of the guest's kernel."""

import bisect
import collections
import csv
import functools
import io

from . import report
from .stats import median

# Groups of functions that make up a mapping; the first matching pattern counts. A name
# that ends with * is a prefix.
GROUPS = (
    ("copies", ("memcpy", "__memcpy", "memcpy_orig", "swiotlb_bounce", "swiotlb_copy")),
    ("swiotlb", ("swiotlb_*", "__swiotlb_*", "is_swiotlb_*", "__SCT__swiotlb_*",
                 "inc_used_and_hiwater_*", "dec_used_*")),
    ("DMA API", ("dma_*", "__dma_*", "blk_rq_dma_*", "blk_dma_*", "iommu_*", "sg_*")),
    ("locks", ("_raw_spin_*", "__raw_spin_*", "queued_spin_*", "native_queued_spin_*")),
)
REST = "all other kernel code"
# Address and name that stand for all code outside of the kernel
OUTSIDE = 0, "user space"
# The same for code of the host, in a guest that is a process
HOST = "the host"


class Symbols:
    """Look up functions by address, from a System.map."""

    def __init__(self, text):
        lines = map(str.split, text.splitlines())
        self._found = sorted((int(address, 16), name)
                             for address, kind, name in lines if kind in "tTwW")
        self._at = [address for address, _ in self._found]

    def name(self, address):
        if address == OUTSIDE[0]:
            return OUTSIDE[1]
        at = bisect.bisect_right(self._at, address)
        return self._found[at - 1][1] if at else REST


def by_function(counts, symbols):
    """Convert {address: instructions} to {function: instructions}."""
    found = collections.Counter()
    for address, count in counts.items():
        found[symbols.name(address)] += count
    return found


def _fits(function, pattern):
    """Match a name, with or without a suffix of the compiler, as in memcpy.part.0."""
    function = function.split(".")[0]
    return function.startswith(pattern[:-1]) if pattern[-1] == "*" else \
        function == pattern


@functools.cache
def group(function):
    if function in (OUTSIDE[1], HOST):
        return function
    return next((name for name, patterns in GROUPS
                 if any(_fits(function, pattern) for pattern in patterns)), REST)


def medians(samples):
    """Return the medians of samples of {name: cost}; a missing name costs nothing."""
    names = set().union(*samples)
    return {name: median([sample.get(name, 0) for sample in samples]) for name in names}


def grouped(costs):
    sums = collections.Counter()
    for name, cost in costs.items():
        sums[group(name)] += cost
    return sums


def mapping(costs):
    """Return the cost of mapping, from {function: cost}. It is nearly zero without bouncing."""
    sums = grouped(costs)
    return sum(sums[name] for name, _ in GROUPS)


def _grid(title, table, configs, names):
    lines = [[name] + [f"{costs.get(name, 0):.0f}" for costs in table] for name in names]
    return report.grid([title] + [config.label for config in configs], lines)


def _row_tables(row, costs, configs):
    """Return the tables of a row. @costs: samples of {function: instructions of an I/O}, by row
    and configuration. Medians are those of the groups, which need not add up.
    """
    if not all(costs.get((row, config.name)) for config in configs):
        return []
    samples = [costs[row, config.name] for config in configs]
    groups = [medians(list(map(grouped, taken))) for taken in samples]
    functions = [medians(taken) for taken in samples]
    dear = sorted(set().union(*functions) - {OUTSIDE[1]},
                  key=lambda name: -max(found.get(name, 0) for found in functions))
    order = [name for name, _ in GROUPS] + [REST, OUTSIDE[1]]
    return [f"## {report.row_name((row.device, row.bs, row.depth, row.jobs, row.rw))}\n",
            _grid("instructions an I/O", groups, configs, order), "",
            _grid("the dearest functions", functions, configs, dear[:16]), ""]


def markdown(plan, costs):
    return "\n".join(line for row in plan.rows
                     for line in _row_tables(row, costs, plan.configs))


def to_csv(costs):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "config", "function", "group", "insns_per_io"))
    for (row, config), samples in costs.items():
        for name, cost in sorted(medians(samples).items(), key=lambda item: -item[1]):
            if abs(cost) >= 0.5:
                writer.writerow((row.name, config, name, group(name), f"{cost:.1f}"))
    return out.getvalue()
